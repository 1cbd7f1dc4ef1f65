//! Entries in a line.

use super::entry::{Direction, Entry, What};
use crate::core::Outcome;

impl Entry {
    /// What it was, in a line, such as `GET /api/v1/ping -> 200`.
    pub fn summary(&self) -> String {
        match &self.what {
            What::Http(exchange) => {
                let end = match exchange.status() {
                    Some(status) => status.to_string(),
                    None => match exchange.outcome {
                        Outcome::Reset => "reset".to_owned(),
                        Outcome::Broken => "the connection ended".to_owned(),
                        Outcome::Waiting | Outcome::Answered => "no answer yet".to_owned(),
                    },
                };
                format!("{} {} -> {end}", exchange.method, exchange.target)
            }
            What::Websocket(message) => {
                let way = if message.direction == Direction::In { ">" } else { "<" };
                format!("{way} {}|{}|{}", message.id, message.operation, message.key)
            }
            What::Refused { why } => format!("refused: {why}"),
            What::Note { text } => text.clone(),
        }
    }
}

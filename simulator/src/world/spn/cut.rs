//! Connections whose tunnels end.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::world::{Change, World};

/// What a connection's extra data says of its tunnel.
#[derive(Deserialize)]
struct Said {
    tunnel: Option<Context>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Context {
    #[serde(default)]
    path: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Step {
    id: String,
}

impl World {
    /// Ends the connections whose tunnel is no more: its home hub is another, a hub or a lane is gone, or the session at
    /// its end.
    pub(in crate::world) fn cut_tunnels(&mut self) {
        let tunnelled = self.connections.values().filter(|one| one.shared.tunneled && one.active);
        let mut ways: BTreeMap<String, bool> = BTreeMap::new();
        let mut cut = Vec::new();
        for one in tunnelled {
            let row = one.row();
            let Ok(Said { tunnel: Some(Context { path }) }) = serde_json::from_str(&row.extra_data_text())
            else {
                continue;
            };
            let way: Vec<&str> = path.iter().map(|step| step.id.as_str()).collect();
            if !*ways.entry(way.join(" ")).or_insert_with(|| self.is_way(&way)) {
                cut.push(row.id);
            }
        }
        if !cut.is_empty() {
            // Closing refuses nothing.
            let _ = self.apply(Change::Close(cut));
        }
    }
}

//! A key space of the suite's own: `core:conformance/<seed>-<name>/…`. Whatever a check leaves there is
//! deleted, and looked for afterwards.

use std::{future::Future, pin::Pin};

use super::talk::{Reply, Talk};
use crate::suite::{Context, Outcome, Stop};

/// A future of a check's body.
pub(super) type Body<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// An open websocket with a key space of its own.
pub(super) struct Space {
    /// The websocket.
    pub(super) talk: Talk,
    /// What every key begins with.
    pub(super) prefix: String,
    /// What the check may use.
    pub(super) context: Context,
}

impl Space {
    /// Opens a key space and empties it: a run that broke off may have left something.
    pub(super) async fn open(context: &Context, name: &str) -> Result<Self, Stop> {
        let prefix = format!("core:conformance/{}-{name}/", context.seed());
        let mut space = Self { talk: Talk::open(context).await?, prefix, context: context.clone() };
        space.empty().await?;
        Ok(space)
    }

    /// A key in it.
    pub(super) fn key(&self, name: impl std::fmt::Display) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Writes a record.
    pub(super) async fn create(&mut self, name: impl std::fmt::Display, text: &str) -> Outcome {
        let key = self.key(name);
        self.talk.says("create", &format!("{key}|J{text}"), "success").await
    }

    /// Every record in it.
    pub(super) async fn all(&mut self) -> Result<Vec<Reply>, Stop> {
        let prefix = self.prefix.clone();
        self.talk.query(&prefix).await
    }

    /// Deletes every record in it, and expects that there is none afterwards.
    pub(super) async fn empty(&mut self) -> Outcome {
        for record in self.all().await? {
            self.talk.says("delete", record.key(), "success").await?;
        }
        let left = self.all().await?;
        let names: Vec<_> = left.iter().map(Reply::key).collect();
        self.talk.expect(left.is_empty(), "no record is left after deleting them all", names.join(", "))
    }
}

/// Runs a body in a key space of its own and cleans up, whether the body holds or not.
pub(super) fn within<F>(context: Context, name: impl Into<String>, body: F) -> Body<'static>
where
    F: for<'a> FnOnce(&'a mut Space) -> Body<'a> + Send + 'static,
{
    Box::pin(inside(context, name.into(), Box::new(body)))
}

type Inside = Box<dyn for<'a> FnOnce(&'a mut Space) -> Body<'a> + Send>;

async fn inside(context: Context, name: String, body: Inside) -> Outcome {
    let mut space = Space::open(&context, &name).await?;
    let outcome = body(&mut space).await;
    if outcome.is_ok() {
        return space.empty().await;
    }
    // A simulator of our own goes with the check.
    if context.is_embedded() {
        return outcome;
    }
    // The connection may be what broke.
    let _ = Space::open(&context, &name).await;
    outcome
}

//! What waits to be sent, on disk; README.md has the format of both kinds.

mod backlog;
mod journal;

pub(crate) use backlog::{Backlog, Batch, Due};
pub(crate) use journal::{Journal, Ticket};

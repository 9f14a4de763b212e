//! Alertmanagers get alerts by their API v2; each has a queue of its own and gets all of them.

mod config;
mod courier;
mod discovery;
mod pending;
mod wire;

pub use config::{AlertmanagerConfig, QUEUE_ALERTS};
pub(crate) use courier::{Sending, deliver};
pub(crate) use discovery::Discovery;
pub(crate) use pending::{Pending, Waiting};

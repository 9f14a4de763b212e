//! What takes the batches of a listener, and what it says.

use bytes::Bytes;
use std::pin::Pin;
use std::sync::Arc;

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is durable, but for what limits refuse.
    Done,
    /// Nothing of it is taken now: hand it on again.
    Later,
}

/// What a sink gives.
pub type Taking = Pin<Box<dyn Future<Output = Taken> + Send>>;

/// Takes batches ([`crate::batch`]), one after the other.
pub type Sink = Arc<dyn Fn(Bytes) -> Taking + Send + Sync>;

//! How long a query may go on: cancelled by its client, or out of time.

use crate::request::{Cancel, QueryError};
use std::time::Instant;

/// Checked between pieces: none takes longer than some ten milliseconds.
#[derive(Clone)]
pub(crate) struct Context {
    cancel: Cancel,
    deadline: Option<Instant>,
    /// `now` of the whole query, nanoseconds since 1970.
    pub(crate) now: i64,
}

impl Context {
    pub(crate) fn new(cancel: &Cancel, timeout: std::time::Duration, now: i64) -> Context {
        Context { cancel: cancel.clone(), deadline: Instant::now().checked_add(timeout), now }
    }

    pub(crate) fn check(&self) -> Result<(), QueryError> {
        if self.cancel.is_cancelled() {
            return Err(QueryError::Cancelled);
        }
        if self.deadline.is_some_and(|d| Instant::now() >= d) {
            return Err(QueryError::Timeout);
        }
        Ok(())
    }
}

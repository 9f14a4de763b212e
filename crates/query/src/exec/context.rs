//! How long a query may go on: cancelled by its client, or out of time.

use crate::error::QueryError;
use crate::limits::{Cancel, QueryLimits};
use crate::request::Caching;
use std::time::Instant;

/// Loki's words to clients that take an answer with too few series.
pub(crate) fn series_warning(max: usize) -> String {
    format!(
        "maximum number of series ({max}) reached for a single query; returning partial results"
    )
}

/// Checked between pieces: none takes longer than some ten milliseconds.
#[derive(Clone)]
pub(crate) struct Context {
    cancel: Cancel,
    deadline: Option<Instant>,
    partial: bool,
    pub(crate) caching: Caching,
    /// `now` of the whole query, nanoseconds since 1970.
    pub(crate) now: i64,
}

impl Context {
    pub(crate) fn new(cancel: &Cancel, limits: &QueryLimits, now: i64) -> Context {
        let deadline = Instant::now().checked_add(limits.query_timeout);
        Context {
            cancel: cancel.clone(),
            deadline,
            partial: limits.partial,
            caching: Caching::default(),
            now,
        }
    }

    /// The same for a request that says whether earlier results may be used.
    pub(crate) fn with(self, caching: Caching) -> Context {
        Context { caching, ..self }
    }

    /// The warning for an answer that ends here, when what was found so far may be answered.
    pub(crate) fn settle(&self, error: QueryError) -> Result<String, QueryError> {
        match error {
            QueryError::Timeout if self.partial => {
                Ok("the query ran out of time; returning partial results".to_owned())
            }
            QueryError::Memory(max) if self.partial => Ok(format!(
                "the query reached its {max} bytes of memory; returning partial results"
            )),
            QueryError::Series(max) if self.partial => Ok(series_warning(max)),
            other => Err(other),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_limits_are_settled_and_only_for_those_who_take_a_part() {
        let context = |partial| {
            Context::new(
                &Cancel::default(),
                &QueryLimits {
                    partial,
                    ..QueryLimits::default()
                },
                0,
            )
        };
        for error in [
            QueryError::Timeout,
            QueryError::Memory(1),
            QueryError::Series(1),
        ] {
            assert!(
                context(true)
                    .settle(error.clone())
                    .is_ok_and(|w| w.ends_with("returning partial results")),
                "{error}"
            );
            assert!(context(false).settle(error).is_err());
        }
        for error in [
            QueryError::Cancelled,
            QueryError::Busy,
            QueryError::Bad(String::new()),
        ] {
            assert!(context(true).settle(error).is_err());
        }
    }
}

//! The interrupt ends a query that its client cancelled or that timed out.

use crate::error::{QueryError, series_warning};
use crate::limits::{Cancel, QueryLimits};
use std::time::Instant;

/// Checked between pieces, none of which takes longer than some ten milliseconds.
#[derive(Clone)]
pub(crate) struct Interrupt {
    cancel: Cancel,
    deadline: Option<Instant>,
    partial: bool,
}

impl Interrupt {
    pub(crate) fn new(cancel: &Cancel, limits: &QueryLimits) -> Interrupt {
        Interrupt {
            cancel: cancel.clone(),
            deadline: Instant::now().checked_add(limits.query_timeout),
            partial: limits.partial,
        }
    }

    /// The warning for an answer that ends here, where a partial answer is allowed.
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

    /// Fails once the query has to end.
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
    fn only_limits_are_settled_and_only_where_a_partial_answer_is_allowed() {
        let interrupt = |partial| {
            let limits = QueryLimits {
                partial,
                ..QueryLimits::default()
            };
            Interrupt::new(&Cancel::default(), &limits)
        };
        for error in [
            QueryError::Timeout,
            QueryError::Memory(1),
            QueryError::Series(1),
        ] {
            assert!(
                interrupt(true)
                    .settle(error.clone())
                    .is_ok_and(|w| w.ends_with("returning partial results")),
                "{error}"
            );
            assert!(interrupt(false).settle(error).is_err());
        }
        for error in [
            QueryError::Cancelled,
            QueryError::Busy,
            QueryError::Bad(String::new()),
        ] {
            assert!(interrupt(true).settle(error).is_err());
        }
    }
}

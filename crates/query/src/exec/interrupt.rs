//! The interrupt ends a query that its client cancelled, that timed out, or that holds too much.

use crate::error::{QueryError, series_warning};
use crate::limits::{Cancel, QueryLimits};
use skald_model::{Budget, Charge, QueryMemory, Stop};
use std::sync::Arc;
use std::time::Instant;

/// Checked between pieces, none of which takes longer than some ten milliseconds, and by whatever a
/// query is charged with.
#[derive(Clone)]
pub(crate) struct Interrupt {
    memory: Arc<QueryMemory>,
    partial: bool,
}

impl Interrupt {
    /// Of a query that begins now, with its account of what it holds.
    pub(crate) fn new(budget: &Arc<Budget>, cancel: &Cancel, limits: &QueryLimits) -> Interrupt {
        let cancel = cancel.clone();
        let deadline = Instant::now().checked_add(limits.query_timeout);
        let ends = move || match deadline {
            _ if cancel.is_cancelled() => Err(Stop::Cancelled),
            Some(deadline) if Instant::now() >= deadline => Err(Stop::Timeout),
            _ => Ok(()),
        };
        Interrupt {
            memory: QueryMemory::new(budget, limits.query_memory, ends),
            partial: limits.partial,
        }
    }

    /// A charge on the query's account.
    pub(crate) fn charge(&self) -> Charge {
        Charge::new(&self.memory)
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
        Ok(self.memory.check()?)
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
            let budget = Arc::new(Budget::new(1 << 20));
            Interrupt::new(&budget, &Cancel::default(), &limits)
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

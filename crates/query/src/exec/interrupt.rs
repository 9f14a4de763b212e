//! The interrupt ends a query that its client cancelled, that timed out, or that holds too much.

use crate::error::{QueryError, series_warning};
use crate::limits::{Cancel, QueryLimits};
use skald_model::{Budget, Charge, QueryMemory, Stop};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Checked between pieces, none of which takes longer than some ten milliseconds, and by whatever a
/// query is charged with.
#[derive(Clone)]
pub(crate) struct Interrupt {
    memory: Arc<QueryMemory>,
    deadline: Option<Instant>,
    partial: bool,
    /// Whether time ran out and what was found is being answered: that needs memory, and the time it
    /// takes is no longer looked at.
    answers: Arc<AtomicBool>,
}

impl Interrupt {
    /// Of a query that begins now, with its account of what it holds.
    pub(crate) fn new(budget: &Arc<Budget>, cancel: &Cancel, limits: &QueryLimits) -> Interrupt {
        let cancel = cancel.clone();
        let deadline = Instant::now().checked_add(limits.query_timeout);
        let answers = Arc::new(AtomicBool::new(false));
        let is_answering = Arc::clone(&answers);
        let ends = move || match deadline {
            _ if cancel.is_cancelled() => Err(Stop::Cancelled),
            Some(deadline)
                if Instant::now() >= deadline && !is_answering.load(Ordering::Relaxed) =>
            {
                Err(Stop::Timeout)
            }
            _ => Ok(()),
        };
        Interrupt {
            memory: QueryMemory::new(budget, limits.memory_user, limits.query_memory, ends),
            deadline,
            partial: limits.partial,
            answers,
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
                self.answers.store(true, Ordering::Relaxed);
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
        self.memory.check()?;
        match self.deadline.is_some_and(|at| Instant::now() >= at) {
            true => Err(QueryError::Timeout),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_time_a_partial_answer_finds_memory_and_reads_no_more() {
        let limits = QueryLimits {
            partial: true,
            query_timeout: std::time::Duration::ZERO,
            ..QueryLimits::default()
        };
        let budget = Arc::new(Budget::new(1 << 20));
        let interrupt = Interrupt::new(&budget, &Cancel::default(), &limits);
        assert!(matches!(interrupt.charge().add(1), Err(Stop::Timeout)));
        assert!(interrupt.settle(QueryError::Timeout).is_ok());
        assert!(interrupt.charge().add(1).is_ok());
        assert!(matches!(interrupt.check(), Err(QueryError::Timeout)));
    }

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

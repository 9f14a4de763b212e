//! Observers count what happens, for metrics.

use crate::spec::GroupId;

/// Hears of evaluations. Calls come from the threads that evaluate.
pub trait Observer: Send + Sync {
    /// A rule was evaluated in `took` nanoseconds.
    fn rule_evaluated(&self, group: &GroupId, took: i64, failed: Option<&str>) {
        let _ = (group, took, failed);
    }
    /// A group was evaluated at a slot, which began `delay` nanoseconds late and took `took`.
    fn group_evaluated(&self, group: &GroupId, delay: i64, took: i64) {
        let _ = (group, delay, took);
    }
    /// Slots of a group were left out.
    fn slots_missed(&self, group: &GroupId, missed: u64) {
        let _ = (group, missed);
    }
    /// An outbox or the disk did not take something.
    fn refused(&self, group: &GroupId, what: &'static str, why: &str) {
        let _ = (group, what, why);
    }
}

/// Counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {}

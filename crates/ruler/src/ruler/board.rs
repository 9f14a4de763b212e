//! The board says which groups are due, and how many of each tenant are being evaluated.

use super::cell::GroupCell;
use crate::spec::GroupId;
use skald_model::TenantId;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// How many groups may be evaluated at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) all: usize,
    pub(super) of_tenant: usize,
}

/// Threads look at the clock one after the other; only more than this is a clock that was set back,
/// nanoseconds.
const CLOCK_STEP: i64 = 1_000_000_000;

/// All groups, those that wait ordered by when they are due.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) groups: BTreeMap<GroupId, Arc<GroupCell>>,
    /// Groups that are not being evaluated.
    waiting: BTreeSet<(i64, GroupId)>,
    due: HashMap<GroupId, i64>,
    running: HashMap<TenantId, usize>,
    running_all: usize,
    /// The latest time it was asked for.
    latest: i64,
    /// Whether a thread waits for the next group to be due; the others wait to be woken.
    pub(super) has_timekeeper: bool,
}

/// What a thread is to do.
#[derive(Debug)]
pub(super) enum Task {
    /// Evaluate a group.
    Evaluate(Arc<GroupCell>),
    /// Wait until a time, or until something changes.
    WaitUntil(i64),
    /// Wait until something changes.
    Wait,
}

impl Board {
    /// Adds a group, or moves it to another time.
    pub(super) fn wait(&mut self, cell: &Arc<GroupCell>, due: i64) {
        let id = cell.id.clone();
        self.unwait(&id);
        self.due.insert(id.clone(), due);
        self.waiting.insert((due, id.clone()));
        self.groups.insert(id, cell.clone());
    }

    fn unwait(&mut self, id: &GroupId) {
        if let Some(due) = self.due.remove(id) {
            self.waiting.remove(&(due, id.clone()));
        }
    }

    /// Takes a group away; it is not evaluated again.
    pub(super) fn remove(&mut self, id: &GroupId) -> Option<Arc<GroupCell>> {
        self.unwait(id);
        self.groups.remove(id)
    }

    /// Whether a group waits, and is not being evaluated.
    pub(super) fn waits(&self, id: &GroupId) -> bool {
        self.due.contains_key(id)
    }

    /// Notes what the clock says.
    pub(super) fn look(&mut self, now: i64) {
        if self.latest - now > CLOCK_STEP {
            self.clock_went_back(now);
            self.latest = now;
        }
        self.latest = self.latest.max(now);
    }

    /// The group that has been due longest, of a tenant that has a place.
    pub(super) fn take(&mut self, now: i64, share: Share) -> Task {
        self.look(now);
        if self.running_all >= share.all {
            return Task::Wait;
        }
        let mut next = None;
        let mut found = None;
        for (due, id) in &self.waiting {
            if *due > now {
                next = Some(*due);
                break;
            }
            if self.running.get(&id.tenant).copied().unwrap_or(0) < share.of_tenant {
                found = Some(id.clone());
                break;
            }
        }
        let Some(cell) = found.as_ref().and_then(|id| self.groups.get(id).cloned()) else {
            return next.map_or(Task::Wait, Task::WaitUntil);
        };
        self.unwait(&cell.id);
        *self.running.entry(cell.id.tenant.clone()).or_default() += 1;
        self.running_all += 1;
        Task::Evaluate(cell)
    }

    /// Ends an evaluation; the group waits for its next slot unless it was removed.
    pub(super) fn done(&mut self, cell: &Arc<GroupCell>, next: i64) {
        self.running_all -= 1;
        if let Some(count) = self.running.get_mut(&cell.id.tenant) {
            *count -= 1;
            if *count == 0 {
                self.running.remove(&cell.id.tenant);
            }
        }
        let current = self.groups.get(&cell.id);
        if current.is_some_and(|current| Arc::ptr_eq(current, cell)) {
            self.wait(&cell.clone(), next);
        }
    }

    /// When the next group is due, if any waits.
    pub(super) fn next_due(&self) -> Option<i64> {
        self.waiting.first().map(|(due, _)| *due)
    }

    /// Groups that wait for a time that is further away than their interval begin anew from `now`.
    fn clock_went_back(&mut self, now: i64) {
        for (_, id) in std::mem::take(&mut self.waiting) {
            let Some(cell) = self.groups.get(&id) else {
                continue;
            };
            let mut run = cell.run.lock();
            let due = run.due(now).map_or_else(|| run.next(), |due| due.slot);
            self.due.insert(id.clone(), due);
            self.waiting.insert((due, id));
        }
    }
}

//! The ruler: groups of tenants come and go, are evaluated and shown.

use super::board::{Board, Share, Task};
use super::cell::GroupCell;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::group_run::GroupRun;
use crate::observer::Observer;
use crate::outbox::{Notifications, Samples};
use crate::rules::RuleGroup;
use crate::settings::Settings;
use crate::snapshot::{Durable, GroupSnapshot};
use crate::spec::{GroupId, GroupSpec};
use crate::states::{Restored, StateStore};
use crate::templates::Templates;
use crate::view::GroupView;
use parking_lot::{Condvar, Mutex};
use skald_model::TenantId;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a ruler works with.
pub struct Parts {
    /// Answers the queries of rules.
    pub engine: Arc<dyn Engine>,
    /// Fills in labels and annotations.
    pub templates: Arc<dyn Templates>,
    /// Takes alerts.
    pub notifications: Arc<dyn Notifications>,
    /// Takes samples.
    pub samples: Arc<dyn Samples>,
    /// Counts.
    pub observer: Arc<dyn Observer>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Keeps alerts through restarts; without one they are lost with the process.
    pub states: Option<StateStore>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parts")
    }
}

impl Parts {
    pub(super) fn save(
        &self,
        id: &GroupId,
        state: Option<GroupSnapshot>,
        durable: Durable,
        now: i64,
    ) {
        let states = self.states.as_ref();
        let saved = states.map(|states| states.save(id, state, durable, now));
        if let Some(Err(error)) = saved {
            self.observer.refused(id, "state", &error.to_string());
        }
    }
}

/// A group as a store of rules has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Namespace, or the name of its file.
    pub namespace: Arc<str>,
    /// The group.
    pub group: Arc<RuleGroup>,
}

/// Runs the groups of all tenants.
#[derive(Debug)]
pub struct Ruler {
    pub(super) parts: Parts,
    settings: Settings,
    board: Mutex<Board>,
    changed: Condvar,
    /// What an earlier process has left, until its groups are loaded.
    restored: Mutex<Restored>,
}

/// Longest that a thread waits before it looks at the clock again: somebody may have set it.
const CLOCK_LOOK: Duration = Duration::from_secs(5);

impl Ruler {
    /// A ruler without groups. `restored` is what [`StateStore::open`] gave.
    pub fn new(settings: Settings, parts: Parts, restored: Restored) -> Ruler {
        Ruler {
            parts,
            settings,
            board: Mutex::default(),
            changed: Condvar::new(),
            restored: Mutex::new(restored),
        }
    }

    /// What was set.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Replaces the groups of a tenant. Groups that are the same run on; a changed one keeps the
    /// alerts of rules whose name and labels are the same; series of what is gone end.
    pub fn load(&self, tenant: &TenantId, groups: Vec<Loaded>) {
        let now = self.parts.clock.now();
        let mut wanted: BTreeMap<GroupId, Arc<RuleGroup>> = BTreeMap::new();
        for Loaded { namespace, group } in groups {
            let id = GroupId {
                tenant: tenant.clone(),
                namespace,
                name: Arc::from(group.name.as_str()),
            };
            wanted.insert(id, group);
        }
        let mut board = self.board.lock();
        board.look(now);
        let gone: Vec<GroupId> = board
            .groups
            .keys()
            .filter(|id| id.tenant == *tenant && !wanted.contains_key(*id))
            .cloned()
            .collect();
        let removed: Vec<Arc<GroupCell>> = gone.iter().filter_map(|id| board.remove(id)).collect();
        for (id, group) in wanted {
            self.place(&mut board, id, group, now);
        }
        drop(board);
        for cell in removed {
            self.end(&cell, now);
        }
        self.changed.notify_all();
    }

    fn place(&self, board: &mut Board, id: GroupId, group: Arc<RuleGroup>, now: i64) {
        let interval = self.settings.evaluation_interval;
        if let Some(cell) = board.groups.get(&id).cloned() {
            let mut run = cell.run.lock();
            if Arc::ptr_eq(&run.spec.group, &group) || run.spec.group == group {
                return;
            }
            run.reload(Arc::new(GroupSpec::new(id.clone(), group, interval)), now);
            let next = run.next();
            drop(run);
            if board.waits(&id) {
                board.wait(&cell, next);
            }
            return;
        }
        let spec = Arc::new(GroupSpec::new(id.clone(), group, interval));
        let run = match self.restored.lock().remove(&id) {
            Some(snapshot) => GroupRun::resume(spec, snapshot, now),
            None => GroupRun::new(spec, now),
        };
        let next = run.next();
        board.wait(&Arc::new(GroupCell::new(run)), next);
    }

    /// Ends the series of a group that was removed, and forgets its alerts.
    fn end(&self, cell: &GroupCell, now: i64) {
        cell.remove();
        let ends = cell.run.lock().end(now);
        let tenant = &cell.id.tenant;
        if !ends.is_empty()
            && let Err(refused) = self.parts.samples.append(tenant, ends)
        {
            let observer = &self.parts.observer;
            observer.refused(&cell.id, "samples", &refused.0);
        }
        self.parts.save(&cell.id, None, Durable::Now, now);
    }

    /// The groups of a tenant, sorted by namespace and name.
    pub fn view(&self, tenant: &TenantId) -> Vec<GroupView> {
        let cells: Vec<Arc<GroupCell>> = {
            let board = self.board.lock();
            let of_tenant = board.groups.iter().filter(|(id, _)| id.tenant == *tenant);
            of_tenant.map(|(_, cell)| cell.clone()).collect()
        };
        cells.iter().map(|cell| cell.run.lock().view()).collect()
    }

    /// Tenants that have groups, with how many.
    pub fn tenants(&self) -> BTreeMap<TenantId, usize> {
        let mut tenants = BTreeMap::new();
        for id in self.board.lock().groups.keys() {
            *tenants.entry(id.tenant.clone()).or_default() += 1;
        }
        tenants
    }

    /// Evaluates every group that is due, on this thread; gives when the next one is.
    pub fn run_due(&self) -> Option<i64> {
        loop {
            let now = self.parts.clock.now();
            let task = self.board.lock().take(now, self.share());
            let Task::Evaluate(cell) = task else {
                return self.board.lock().next_due();
            };
            self.evaluate(&cell, now);
        }
    }

    /// What a thread does until `stopped` says so.
    pub(super) fn work(&self, stopped: impl Fn() -> bool) {
        while !stopped() {
            let now = self.parts.clock.now();
            let mut board = self.board.lock();
            let wait = match board.take(now, self.share()) {
                Task::Evaluate(cell) => {
                    drop(board);
                    self.evaluate(&cell, now);
                    continue;
                }
                Task::WaitUntil(due) => Duration::from_nanos((due - now).max(0) as u64),
                Task::Wait => CLOCK_LOOK,
            };
            if stopped() {
                return;
            }
            if board.has_timekeeper {
                self.changed.wait(&mut board);
            } else {
                board.has_timekeeper = true;
                self.changed.wait_for(&mut board, wait.min(CLOCK_LOOK));
                board.has_timekeeper = false;
            }
        }
    }

    /// Wakes all threads.
    pub(super) fn wake(&self) {
        let _board = self.board.lock();
        self.changed.notify_all();
    }

    fn evaluate(&self, cell: &Arc<GroupCell>, now: i64) {
        // Another thread takes what is due too, or keeps the time.
        self.changed.notify_one();
        let next = cell.evaluate(&self.parts, &self.settings, now);
        self.board.lock().done(cell, next);
        self.changed.notify_one();
    }

    fn share(&self) -> Share {
        Share {
            all: self.settings.groups_at_once.max(1),
            of_tenant: self.settings.groups_of_tenant_at_once.max(1),
        }
    }
}

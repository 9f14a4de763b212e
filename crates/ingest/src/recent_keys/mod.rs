//! Recent keys tell an event that came before: it is left out, whatever its bytes.
//!
//! The store makes equal entries one. Copies of an event need not be equal: another sender may
//! write the same event with other bytes. What a receiver gives a key ([`Decoded::keys`]) is stored
//! once within a window of time, by tenant. A key counts once its entry is durable, so that nothing
//! is left out for the sake of an entry that is lost: a push with a key that another push is
//! writing waits for that one. After a start the keys come from the store, so that nothing is kept
//! beside it on disk.

mod generations;
mod stored;

pub(crate) use stored::keys as stored_keys;

use crate::decode::decoded::Decoded;
use crate::decode::event_key::EventKey;
use crate::rejection::RefusedRows;
use generations::Generations;
use hashbrown::{HashMap, HashSet};
use parking_lot::{Condvar, Mutex};
use skald_model::{Budget, Held, MemoryUser, TenantId};
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What entries that came before are counted under among those left out.
const REASON: &str = "duplicate";

/// Part of the memory budget that keys may take.
const BUDGET_SHARE: usize = 64;

/// Bytes of a key in a set that is as empty as one can be.
const KEY_BYTES: usize = 40;

/// How long a push waits for another one with the same keys.
const PATIENCE: Duration = Duration::from_secs(5);

/// When a push came, and for how long keys are to be known; both in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: i64,
    pub(crate) window: i64,
}

/// Keys of all tenants, no more than fit into a share of the budget.
#[derive(Debug)]
pub(crate) struct RecentKeys {
    known: Mutex<Known>,
    /// Told when a push has ended, well or not.
    ended: Condvar,
    /// Most keys of a generation, all tenants together.
    most: usize,
}

#[derive(Debug)]
struct Known {
    tenants: HashMap<TenantId, Generations, foldhash::quality::RandomState>,
    held: Held,
    /// Keys that were forgotten before their time.
    forgotten: u64,
}

impl RecentKeys {
    /// None yet.
    pub(crate) fn within(budget: &Arc<Budget>) -> RecentKeys {
        RecentKeys {
            known: Mutex::new(Known {
                tenants: HashMap::default(),
                held: Held::new(budget, MemoryUser::Caches),
                forgotten: 0,
            }),
            ended: Condvar::new(),
            most: budget.bytes() / BUDGET_SHARE / KEY_BYTES / 2,
        }
    }

    /// Most keys that are worth reading from the store.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Leaves out the entries of a push that were stored before, or stand in it twice, and claims
    /// the keys of the others. `stored` reads the keys of the store, once for each tenant.
    pub(crate) fn claim(
        self: &Arc<Self>,
        tenant: &TenantId,
        decoded: &mut Decoded<'_>,
        moment: Moment,
        stored: impl FnOnce() -> Vec<EventKey>,
    ) -> Claim {
        let mut claim = Claim {
            recent: self.clone(),
            tenant: tenant.clone(),
            now: moment.now,
            keys: Vec::new(),
            given_up: Vec::new(),
            repeats: 0,
        };
        if moment.window <= 0 {
            return claim;
        }
        self.learn(tenant, moment, stored);
        let (repeats, keys) = self.sort_out(tenant, std::mem::take(&mut decoded.keys), moment);
        claim.keys = keys;
        claim.repeats = repeats.len();
        if !repeats.is_empty() {
            let lines = repeats
                .iter()
                .map(|row| &decoded.entries[*row as usize].line);
            let bytes: u64 = lines.map(|line| line.len() as u64).sum();
            let dropped = decoded.dropped.entry(REASON.to_owned()).or_default();
            *dropped = (dropped.0 + repeats.len() as u64, dropped.1 + bytes);
            decoded.leave_out(&repeats);
        }
        claim
    }

    /// Takes in what the store has, when nothing is known of the tenant yet.
    fn learn(&self, tenant: &TenantId, moment: Moment, stored: impl FnOnce() -> Vec<EventKey>) {
        if self.known.lock().of(tenant).learned {
            return;
        }
        // Reading is slow: others go on meanwhile.
        let keys = stored();
        let mut known = self.known.lock();
        let generations = known.of(tenant);
        generations.turn_if_due(moment.now, moment.window);
        generations.learned = true;
        keys.into_iter().for_each(|key| generations.insert(key));
        known.settle();
    }

    /// The rows that are repeats, and the keys of the others, `None` where another push has the
    /// key.
    fn sort_out(
        &self,
        tenant: &TenantId,
        keys: Vec<Option<EventKey>>,
        moment: Moment,
    ) -> (Vec<u32>, Vec<Option<EventKey>>) {
        let until = Instant::now() + PATIENCE;
        let mut known = self.known.lock();
        loop {
            let others = &known.of(tenant).pending;
            let is_free = !keys.iter().flatten().any(|key| others.contains(key));
            // One that takes too long may be stored twice: better than not at all.
            if is_free || self.ended.wait_until(&mut known, until).timed_out() {
                break;
            }
        }
        let generations = known.of(tenant);
        generations.turn_if_due(moment.now, moment.window);
        let (mut repeats, mut left) = (Vec::new(), Vec::with_capacity(keys.len()));
        let mut own: HashSet<EventKey, foldhash::quality::RandomState> = HashSet::default();
        for (row, key) in keys.into_iter().enumerate() {
            match key {
                Some(key) if generations.has(&key) || !own.insert(key) => repeats.push(row as u32),
                Some(key) => left.push(generations.pending.insert(key).then_some(key)),
                None => left.push(None),
            }
        }
        (repeats, left)
    }

    /// Appends metrics in Prometheus text form.
    pub(crate) fn write(&self, out: &mut String) {
        let known = self.known.lock();
        let count: usize = known.tenants.values().map(Generations::len).sum();
        let forgotten = known.forgotten;
        drop(known);
        write!(
            out,
            "# HELP skald_ingest_recent_keys Events that are known, should they come again.\n\
             # TYPE skald_ingest_recent_keys gauge\n\
             skald_ingest_recent_keys {count}\n\
             # HELP skald_ingest_recent_keys_forgotten_total Those forgotten early, for want of memory.\n\
             # TYPE skald_ingest_recent_keys_forgotten_total counter\n\
             skald_ingest_recent_keys_forgotten_total {forgotten}\n"
        )
        .expect("writing to a string succeeds");
    }
}

impl Known {
    /// A tenant's.
    fn of(&mut self, tenant: &TenantId) -> &mut Generations {
        self.tenants.entry(tenant.clone()).or_default()
    }

    /// Charges what there is.
    fn settle(&mut self) {
        let bytes = self.tenants.values().map(Generations::bytes).sum();
        self.held.fit(bytes);
    }

    /// Forgets everybody's older generation when the one that grows has more than `most`.
    fn make_room(&mut self, most: usize, now: i64) {
        let count: usize = self.tenants.values().map(Generations::young).sum();
        if count <= most {
            return;
        }
        let turned = self.tenants.values_mut().map(|tenant| tenant.turn(now));
        self.forgotten += turned.sum::<usize>() as u64;
        self.tenants.retain(|_, tenant| !tenant.is_empty());
    }
}

/// The keys of a push that is being written; dropped without [`Claim::keep`] they are free again.
#[derive(Debug)]
pub(crate) struct Claim {
    recent: Arc<RecentKeys>,
    tenant: TenantId,
    now: i64,
    /// The key of each row that is left, those that are claimed.
    keys: Vec<Option<EventKey>>,
    /// Claimed, and refused since.
    given_up: Vec<EventKey>,
    repeats: usize,
}

impl Claim {
    /// How many entries were left out, as they are stored already.
    pub(crate) fn repeats(&self) -> usize {
        self.repeats
    }

    /// Rows were refused: their events may come again.
    pub(crate) fn give_up(&mut self, refused: &[RefusedRows]) {
        for rows in refused {
            let rows = rows.rows.start as usize..rows.rows.end as usize;
            let keys = self.keys.get_mut(rows).unwrap_or_default();
            self.given_up
                .extend(keys.iter_mut().filter_map(Option::take));
        }
    }

    /// The rows are durable: their events are known from now on.
    pub(crate) fn keep(self) {
        if self.keys.is_empty() {
            return;
        }
        let mut known = self.recent.known.lock();
        let generations = known.of(&self.tenant);
        for key in self.keys.iter().flatten() {
            generations.insert(*key);
        }
        known.make_room(self.recent.most, self.now);
        known.settle();
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let claimed = self.keys.iter().flatten().chain(&self.given_up);
        let mut claimed = claimed.peekable();
        if claimed.peek().is_none() {
            return;
        }
        let mut known = self.recent.known.lock();
        if let Some(tenant) = known.tenants.get_mut(&self.tenant) {
            for key in claimed {
                tenant.pending.remove(key);
            }
        }
        drop(known);
        self.recent.ended.notify_all();
    }
}

#[cfg(test)]
mod tests;

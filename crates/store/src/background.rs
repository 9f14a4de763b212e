//! Background: the four threads that flush heads, merge and sweep parts, index streams, and
//! synchronise the bucket.
//!
//! [`choose_flush`] and [`crate::compaction::policy::choose_compaction`] decide, the threads obey.

use crate::bucket::client::backoff;
use crate::bucket::sync::{self, Extent};
use crate::compaction::job::{compact_all, index_all};
use crate::compaction::policy::PARTS_A_DAY;
use crate::flush::job::flush_each;
use crate::head::backpressure::Flushes;
use crate::recovery::unreadable_tenants;
use crate::retention::sweep::sweep_all;
use crate::shared::Shared;
use crate::tenant::Tenant;
use crate::throttle::resting;
use crate::{Options, StoreError};
use skald_model::give_back;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often ages are checked.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often object storage is searched for leftovers: a listing costs requests.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
/// Share of `wal_bytes` at which flushing begins, as a divisor: while it runs pushes go on.
const WAL_HEADROOM: u64 = 2;

/// What a decision to flush is made from.
#[derive(Clone, Copy, Debug, Default)]
struct HeadStats {
    /// Memory of the tenant's head.
    bytes: usize,
    /// Age of its oldest entry; `None` without entries, and while a flush that failed is not tried
    /// again.
    age: Option<Duration>,
}

/// Which tenants to flush, largest first; heads are full at `flush_at` bytes.
fn choose_flush(
    heads: &[HeadStats],
    flush_at: usize,
    wal_bytes: u64,
    options: &Options,
) -> Vec<usize> {
    let mut chosen: Vec<usize> = (0..heads.len())
        .filter(|i| heads[*i].age.is_some())
        .collect();
    chosen.sort_by_key(|i| std::cmp::Reverse(heads[*i].bytes));
    if wal_bytes > options.wal_bytes / WAL_HEADROOM {
        return chosen;
    }
    // Heads that can't be flushed now must not make crumbs of the others.
    let mut over = chosen
        .iter()
        .map(|i| heads[*i].bytes)
        .sum::<usize>()
        .checked_sub(flush_at);
    chosen.retain(|i| {
        let head = heads[*i];
        let too_much = over.is_some();
        over = over.and_then(|over| over.checked_sub(head.bytes));
        too_much || head.age.is_some_and(|age| age >= options.flush_age)
    });
    chosen
}

/// The running threads.
pub(crate) struct Workers {
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts the thread that flushes, which works while the WAL is replayed too.
    pub(crate) fn start_flushing(shared: Arc<Shared>) -> Result<Workers, StoreError> {
        let mut workers = Workers {
            shared,
            stop: Arc::new(AtomicBool::new(false)),
            threads: Vec::new(),
        };
        workers.start("flush", run_flush)?;
        Ok(workers)
    }

    /// Starts the others.
    pub(crate) fn start_rest(&mut self) -> Result<(), StoreError> {
        self.start("compact", run_compact)?;
        self.start("index", run_index)?;
        self.start("upload", run_upload)
    }

    fn start(&mut self, name: &str, run: fn(&Shared, &AtomicBool)) -> Result<(), StoreError> {
        let (shared, stop) = (self.shared.clone(), self.stop.clone());
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || run(&shared, &stop));
        self.threads
            .push(thread.map_err(|e| StoreError::io("starting the store's threads", e))?);
        Ok(())
    }

    /// Ends the threads; a flush is finished, a merge abandoned.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.shared.wake_workers();
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }
}

fn run_flush(shared: &Shared, stop: &AtomicBool) {
    let (mut seen, mut said) = (0, None);
    let mut next_take_in = Instant::now();
    while !stop.load(Ordering::Acquire) {
        flush_what_is_due(shared, &mut said);
        shared.settle_manifests();
        unreadable_tenants::take_in(shared, &mut next_take_in);
        give_back::give_back();
        seen = shared.wait_for_work(seen, LOOK_EVERY);
    }
}

fn run_compact(shared: &Shared, stop: &AtomicBool) {
    let mut seen = 0;
    while !stop.load(Ordering::Acquire) {
        if let Err(error) = compact_all(shared, PARTS_A_DAY, &mut resting(stop)) {
            tracing::error!(%error, "merging parts failed, they stay as they are");
            std::thread::sleep(LOOK_EVERY);
        }
        if let Err(error) = sweep_all(shared, &mut resting(stop)) {
            tracing::error!(%error, "removing what has expired or was deleted failed, it stays hidden");
            std::thread::sleep(LOOK_EVERY);
        }
        give_back::give_back();
        seen = shared.wait_for_work(seen, LOOK_EVERY * 10);
    }
}

/// Uploads what was flushed within moments, and reads the whole bucket now and then.
fn run_upload(shared: &Shared, stop: &AtomicBool) {
    let Some(objects) = &shared.objects else {
        return;
    };
    let (mut seen, mut failures) = (0, 0);
    let (mut refreshed, mut swept) = (None::<Instant>, Instant::now());
    while !stop.load(Ordering::Acquire) {
        let extent = match refreshed {
            Some(at) if at.elapsed() < objects.options.refresh => Extent::Changed,
            _ => Extent::Everything,
        };
        match sync::sync_all(shared, extent) {
            Ok(()) => {
                failures = 0;
                if extent == Extent::Everything {
                    refreshed = Some(Instant::now());
                }
            }
            Err(error) => {
                failures += 1;
                tracing::error!(%error, failures, "object storage fails, parts stay on this disk");
            }
        }
        if failures == 0 && swept.elapsed() >= SWEEP_EVERY {
            swept = Instant::now();
            for tenant in shared.all_tenants().iter() {
                if let Err(error) = sync::sweep(shared, tenant) {
                    tracing::warn!(tenant = %tenant.id, %error, "objects left over can't be looked for");
                }
            }
        }
        let wait = if failures == 0 {
            LOOK_EVERY
        } else {
            backoff(LOOK_EVERY, failures)
        };
        let until = Instant::now() + wait;
        while !stop.load(Ordering::Acquire) && Instant::now() < until {
            seen = shared.wait_for_work(seen, until.saturating_duration_since(Instant::now()));
        }
    }
}

fn run_index(shared: &Shared, stop: &AtomicBool) {
    let mut seen = 0;
    while !stop.load(Ordering::Acquire) {
        index_all(shared, &mut resting(stop));
        give_back::give_back();
        seen = shared.wait_for_work(seen, LOOK_EVERY * 10);
    }
}

/// Flushes what is due. `said` is why flushes failed as the log has it, for saying it once.
fn flush_what_is_due(shared: &Shared, said: &mut Option<String>) {
    let tenants = shared.all_tenants();
    let unsure = shared.wal.get().map_or(0, |wal| wal.unsure());
    let stats: Vec<HeadStats> = tenants.iter().map(|t| stats(t, unsure)).collect();
    let left = shared.unflushed.wal_bytes.load(Ordering::Relaxed);
    let wal_bytes = shared.wal.get().map_or(0, |wal| wal.bytes());
    let chosen: Vec<Arc<Tenant>> = choose_flush(
        &stats,
        shared.flush_at(),
        wal_bytes.saturating_sub(left),
        &shared.options,
    )
    .into_iter()
    .map(|index| tenants[index].clone())
    .collect();
    shared.apply_back_pressure();
    shared.reserve.restore();
    shared.index_cache.make_room();
    shared.env.results.make_room();
    let failed = flush_each(shared, &chosen);
    if !chosen.is_empty() {
        shared.note_flushes(match failed.is_empty() {
            true => Flushes::GoOn,
            false => Flushes::Fail,
        });
        if let Err(error) = shared.truncate_wal() {
            tracing::error!(%error, "could not truncate the WAL");
        }
        shared.note_unflushed(&tenants);
    }
    say_failures(shared, &failed, said);
}

/// Logs why flushes fail when that changes, one tenant for all of them.
fn say_failures(shared: &Shared, failed: &[(&Tenant, StoreError)], said: &mut Option<String>) {
    let failing = shared.unflushed.tenants.load(Ordering::Relaxed);
    if let Some((tenant, error)) = failed.first() {
        let kind = error.kind();
        if said.as_ref() != Some(&kind) {
            tracing::error!(tenant = %tenant.id, tenants = failing, %error, "flush failed, its entries stay in the WAL; it is tried again, later each time");
            *said = Some(kind);
        }
    } else if failing == 0 && said.take().is_some() {
        tracing::info!("flushes succeed again");
    }
}

/// `unsure` is the last record that the WAL may have lost: what begins before it is due.
fn stats(tenant: &Tenant, unsure: u64) -> HeadStats {
    let state = tenant.state.lock();
    let is_unsure = state
        .head
        .first_sequence()
        .is_some_and(|first| first.record() <= unsure);
    let waiting = (is_unsure || !state.sealed.is_empty()).then_some(Duration::MAX);
    let age = waiting.or_else(|| {
        state
            .head
            .first_at()
            .map(|at| Instant::now().duration_since(at))
    });
    drop(state);
    HeadStats {
        bytes: tenant.head_bytes(),
        age: age.filter(|_| !tenant.flushing.is_waiting()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(heads: &[(usize, Option<u64>)], wal_bytes: u64, expected: &[usize]) {
        let stats: Vec<HeadStats> = heads
            .iter()
            .map(|(bytes, age)| HeadStats {
                bytes: *bytes,
                age: age.map(Duration::from_secs),
            })
            .collect();
        let options = Options {
            wal_bytes: 1000,
            ..Options::new("unused")
        };
        assert_eq!(choose_flush(&stats, 100, wal_bytes, &options), expected);
    }

    #[test]
    fn heads_are_flushed_by_size_age_and_wal() {
        check(&[(50, Some(1)), (40, Some(2))], 0, &[]);
        check(&[(50, Some(1)), (90, Some(2)), (1, Some(1))], 0, &[1]);
        check(&[(90, Some(1)), (95, Some(2)), (20, Some(1))], 0, &[1, 0]);
        check(&[(50, Some(1)), (1, Some(300)), (0, None)], 0, &[1]);
        // One that waits after a failure.
        check(&[(150, None), (50, Some(1))], 0, &[]);
        check(&[(50, Some(1)), (1, Some(3)), (0, None)], 501, &[0, 1]);
    }
}

//! The background thread: flushes by size, age and WAL bytes, then compacts while nothing presses.
//!
//! [`choose_flush`] decides, the thread obeys.

use crate::inner::Inner;
use crate::tenant::Tenant;
use crate::{Options, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often ages are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Share of `wal_bytes` at which flushing begins, as a divisor: while it runs pushes go on.
const WAL_HEADROOM: u64 = 2;

/// What a decision to flush is made from.
#[derive(Clone, Copy, Debug, Default)]
struct HeadStats {
    /// Memory of the tenant's head.
    bytes: usize,
    /// Age of its oldest entry; `None` without entries.
    age: Option<Duration>,
}

/// Which tenants to flush, largest first.
fn choose_flush(heads: &[HeadStats], wal_bytes: u64, options: &Options) -> Vec<usize> {
    let mut chosen: Vec<usize> = (0..heads.len()).filter(|i| heads[*i].age.is_some()).collect();
    chosen.sort_by_key(|i| std::cmp::Reverse(heads[*i].bytes));
    if wal_bytes > options.wal_bytes / WAL_HEADROOM {
        return chosen;
    }
    let mut over = heads.iter().map(|h| h.bytes).sum::<usize>().checked_sub(options.flush_bytes);
    chosen.retain(|i| {
        let head = heads[*i];
        let too_much = over.is_some();
        over = over.and_then(|over| over.checked_sub(head.bytes));
        too_much || head.age.is_some_and(|age| age >= options.flush_age)
    });
    chosen
}

/// The running thread.
pub(crate) struct Worker {
    inner: Arc<Inner>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Worker {
    pub(crate) fn start(inner: Arc<Inner>) -> Result<Worker, StoreError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (thread_inner, thread_stop) = (inner.clone(), stop.clone());
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(move || run(&thread_inner, &thread_stop));
        let thread = thread.map_err(|e| StoreError::io("starting the store's thread", e))?;
        Ok(Worker { inner, stop, thread })
    }

    /// Ends the thread after what it is doing.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        *self.inner.woken.lock() = true;
        self.inner.wake.notify_all();
        if self.thread.join().is_err() {
            tracing::error!("the store's thread panicked");
        }
    }
}

fn run(inner: &Inner, stop: &AtomicBool) {
    while !stop.load(Ordering::Acquire) {
        flush_what_is_due(inner);
        let mut woken = inner.woken.lock();
        if !*woken {
            inner.wake.wait_for(&mut woken, LOOK_EVERY);
        }
        *woken = false;
    }
}

fn flush_what_is_due(inner: &Inner) {
    let tenants = inner.all_tenants();
    let stats: Vec<HeadStats> = tenants.iter().map(|t| stats(t)).collect();
    let chosen = choose_flush(&stats, inner.wal().bytes(), &inner.options);
    for index in &chosen {
        let tenant = &tenants[*index];
        if let Err(error) = inner.flush(tenant) {
            tracing::error!(tenant = %tenant.id, %error, "flush failed, its entries stay in the WAL");
        }
    }
    if !chosen.is_empty()
        && let Err(error) = inner.cut_wal()
    {
        tracing::error!(%error, "could not cut the WAL");
    }
}

fn stats(tenant: &Tenant) -> HeadStats {
    let state = tenant.state.lock();
    let waiting = (!state.sealed.is_empty()).then_some(Duration::MAX);
    let age = waiting.or_else(|| state.head.first_at().map(|at| Instant::now().duration_since(at)));
    drop(state);
    HeadStats { bytes: tenant.head_bytes(), age }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(heads: &[(usize, Option<u64>)], wal_bytes: u64, expected: &[usize]) {
        let stats: Vec<HeadStats> =
            heads.iter().map(|(bytes, age)| HeadStats { bytes: *bytes, age: age.map(Duration::from_secs) }).collect();
        let options = Options { flush_bytes: 100, wal_bytes: 1000, ..Options::new("unused") };
        assert_eq!(choose_flush(&stats, wal_bytes, &options), expected);
    }

    #[test]
    fn heads_are_flushed_by_size_age_and_wal() {
        check(&[(50, Some(1)), (40, Some(2))], 0, &[]);
        check(&[(50, Some(1)), (90, Some(2)), (1, Some(1))], 0, &[1]);
        check(&[(90, Some(1)), (95, Some(2)), (20, Some(1))], 0, &[1, 0]);
        check(&[(50, Some(1)), (1, Some(300)), (0, None)], 0, &[1]);
        check(&[(50, Some(1)), (1, Some(3)), (0, None)], 501, &[0, 1]);
    }
}

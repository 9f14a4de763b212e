//! Query memory is the account of one query: what its threads hold, under its limit and the budget.
//!
//! [`QueryMemory`] is shared by all threads of a query, and by its answer until that is dropped.
//! What one of them holds is a [`Charge`], which counts by itself and asks the account in steps, so
//! that a row costs no atomics. What lets a query grow asks its charge first; the charge says as
//! well when the query has to end for another reason, and is asked for that where work is done that
//! holds nothing ([`Charge::work`]). Clocks and switches are the caller's: the account only asks
//! whether the query ends.

use crate::budget::{Budget, MemoryUser};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Steps in which a charge grows, in bytes.
const STEP_BYTES: usize = 64 << 10;

/// A charge gives back what it has not used for more than this many bytes.
const SPARE_BYTES: usize = 8 * STEP_BYTES;

/// Bytes looked at or written between two looks at whether the query ends: about a tenth of a
/// millisecond of plain stages, some ten milliseconds of the heaviest.
const WORK_BYTES: usize = 256 << 10;

/// Why a query ends before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// Nobody waits for it any more.
    #[error("the query was cancelled")]
    Cancelled,
    /// It took longer than it may.
    #[error("the query ran out of time")]
    Timeout,
    /// It needs more than its limit, which is given in bytes.
    #[error("the query needs more than its {0} bytes of memory")]
    Memory(usize),
    /// Others hold the memory it needs.
    #[error("there is no memory left for the query")]
    Busy,
}

type EndsFn = dyn Fn() -> Result<(), Stop> + Send + Sync;

/// The account of one query. What is charged to it is given back to the budget with its charges.
pub struct QueryMemory {
    budget: Arc<Budget>,
    user: MemoryUser,
    bytes_max: usize,
    bytes: AtomicUsize,
    peak: AtomicUsize,
    ends: Box<EndsFn>,
}

impl fmt::Debug for QueryMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryMemory")
            .field("bytes_max", &self.bytes_max)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl QueryMemory {
    /// The account of a query that may hold `bytes_max` bytes of what `user` has of the budget;
    /// `ends` says whether something else ends it.
    pub fn new(
        budget: &Arc<Budget>,
        user: MemoryUser,
        bytes_max: usize,
        ends: impl Fn() -> Result<(), Stop> + Send + Sync + 'static,
    ) -> Arc<QueryMemory> {
        Arc::new(QueryMemory {
            budget: Arc::clone(budget),
            user,
            bytes_max,
            bytes: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            ends: Box::new(ends),
        })
    }

    /// The most it may hold.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// What all its charges hold.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The most they ever held together.
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    /// Fails once the query has to end.
    pub fn check(&self) -> Result<(), Stop> {
        (self.ends)()
    }

    /// Charges the query and the budget, or neither.
    fn take(&self, bytes: usize) -> Result<(), Stop> {
        self.check()?;
        let held = self
            .bytes
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes);
        let stop = if held > self.bytes_max {
            Stop::Memory(self.bytes_max)
        } else if self.budget.try_charge(self.user, bytes) {
            self.peak.fetch_max(held, Ordering::Relaxed);
            return Ok(());
        } else {
            self.budget.count_refusal(self.user);
            Stop::Busy
        };
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        Err(stop)
    }

    fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.budget.release(self.user, bytes);
    }
}

/// What one part of a query holds, charged to its account until it is dropped. One that is made by
/// `default` has no account: it is never refused.
#[derive(Default)]
pub struct Charge {
    memory: Option<Arc<QueryMemory>>,
    /// Bytes held.
    bytes: usize,
    /// Bytes the account was charged with: `bytes` or more.
    granted: usize,
    /// Work since the last look at whether the query ends, in bytes.
    work: usize,
}

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Charge")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Charge {
    /// Nothing yet.
    pub fn new(memory: &Arc<QueryMemory>) -> Charge {
        Charge {
            memory: Some(Arc::clone(memory)),
            ..Charge::default()
        }
    }

    /// Nothing yet, on the same account.
    pub fn another(&self) -> Charge {
        Charge {
            memory: self.memory.clone(),
            ..Charge::default()
        }
    }

    /// The account, if there is one.
    pub fn memory(&self) -> Option<&Arc<QueryMemory>> {
        self.memory.as_ref()
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Grows by this much. Asked before the memory is taken.
    #[inline]
    pub fn add(&mut self, bytes: usize) -> Result<(), Stop> {
        self.cover(self.bytes.saturating_add(bytes))
    }

    /// Shrinks by this much.
    #[inline]
    pub fn sub(&mut self, bytes: usize) {
        // A charge is never refused what is less than it has.
        let _ = self.cover(self.bytes.saturating_sub(bytes));
    }

    /// Asks whether there is room for this much more for a moment.
    #[inline]
    pub fn room_for(&mut self, bytes: usize) -> Result<(), Stop> {
        let held = self.bytes;
        self.add(bytes)?;
        self.bytes = held;
        Ok(())
    }

    /// Holds this much from now on; when that is refused it stays as it was.
    #[inline]
    pub fn cover(&mut self, bytes: usize) -> Result<(), Stop> {
        if bytes > self.granted {
            self.grow(bytes)?;
        } else if self.granted - bytes > SPARE_BYTES {
            self.shrink(bytes);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Makes room for `more` items in a vector, which doubles as it does by itself. It is charged
    /// with the old memory and the new while items move.
    #[inline]
    pub fn reserve<T>(&mut self, items: &mut Vec<T>, more: usize) -> Result<(), Stop> {
        if items.capacity() - items.len() >= more {
            return Ok(());
        }
        self.reserve_slowly(items, more)
    }

    #[cold]
    fn reserve_slowly<T>(&mut self, items: &mut Vec<T>, more: usize) -> Result<(), Stop> {
        let (before, size) = (items.capacity(), size_of::<T>());
        let after = (items.len().saturating_add(more)).max(before.saturating_mul(2));
        self.room_for(after.saturating_mul(size))?;
        items.reserve_exact(after - items.len());
        self.add((after - before).saturating_mul(size))
    }

    /// Counts work that holds nothing, by the bytes it looks at or writes; fails when the query has
    /// to end.
    #[inline]
    pub fn work(&mut self, bytes: usize) -> Result<(), Stop> {
        self.work += bytes;
        if self.work < WORK_BYTES {
            return Ok(());
        }
        self.work = 0;
        self.check()
    }

    /// Fails when the query has to end.
    pub fn check(&self) -> Result<(), Stop> {
        self.memory.as_ref().map_or(Ok(()), |memory| memory.check())
    }

    /// Takes over what another charge of the account holds.
    pub fn absorb(&mut self, mut other: Charge) {
        let (bytes, granted) = (
            std::mem::take(&mut other.bytes),
            std::mem::take(&mut other.granted),
        );
        self.memory = self.memory.take().or_else(|| other.memory.take());
        self.bytes += bytes;
        self.granted += granted;
    }

    #[cold]
    fn grow(&mut self, bytes: usize) -> Result<(), Stop> {
        let Some(memory) = &self.memory else {
            self.granted = bytes;
            return Ok(());
        };
        let more = bytes - self.granted;
        let step = more.checked_next_multiple_of(STEP_BYTES).unwrap_or(more);
        let taken = match memory.take(step) {
            // The last step may be a short one.
            Err(Stop::Memory(_)) => memory.take(more).map(|()| more),
            taken => taken.map(|()| step),
        };
        self.granted += taken?;
        Ok(())
    }

    #[cold]
    fn shrink(&mut self, bytes: usize) {
        let keep = bytes.next_multiple_of(STEP_BYTES).min(self.granted);
        if let Some(memory) = &self.memory {
            memory.give_back(self.granted - keep);
        }
        self.granted = keep;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(memory) = &self.memory {
            memory.give_back(self.granted);
        }
    }
}

/// A value with what it is charged for: the charge ends with it.
#[derive(Debug, Default)]
pub struct Charged<T> {
    /// The value.
    pub value: T,
    /// What it holds.
    pub charge: Charge,
}

impl<T> std::ops::Deref for Charged<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: usize = 1 << 20;

    fn account(budget: &Arc<Budget>, bytes_max: usize) -> Arc<QueryMemory> {
        QueryMemory::new(budget, MemoryUser::Queries, bytes_max, || Ok(()))
    }

    #[test]
    fn threads_of_a_query_share_its_limit() {
        let budget = Arc::new(Budget::new(100 * MB));
        let memory = account(&budget, 3 * MB);
        let (mut one, mut other) = (Charge::new(&memory), Charge::new(&memory));
        assert_eq!(one.add(2 * MB), Ok(()));
        assert_eq!(other.add(2 * MB), Err(Stop::Memory(3 * MB)));
        assert_eq!((other.bytes(), memory.bytes()), (0, 2 * MB));
        assert_eq!(other.add(MB), Ok(()));
        assert_eq!(budget.held(MemoryUser::Queries), 3 * MB);
        drop(one);
        other.sub(MB);
        assert_eq!(budget.held(MemoryUser::Queries), 0);
        assert_eq!(memory.peak(), 3 * MB);
    }

    #[test]
    fn the_limit_holds_to_the_byte() {
        let budget = Arc::new(Budget::new(100 * MB));
        let memory = account(&budget, 1000);
        let mut charge = Charge::new(&memory);
        assert_eq!(charge.add(1000), Ok(()));
        assert_eq!(charge.add(1), Err(Stop::Memory(1000)));
        assert_eq!(charge.room_for(usize::MAX), Err(Stop::Memory(1000)));
    }

    #[test]
    fn light_queries_find_room_however_many_others_hold_a_little() {
        let budget = Arc::new(Budget::new(100 * MB));
        let mut others: Vec<Charge> = (0..90)
            .map(|_| Charge::new(&account(&budget, usize::MAX)))
            .collect();
        let refused = others.iter_mut().filter_map(|other| other.add(MB).err());
        assert!(refused.eq([Stop::Busy; 11]));
        let mut light = Charge::new(&QueryMemory::new(
            &budget,
            MemoryUser::LightQueries,
            4 * MB,
            || Ok(()),
        ));
        assert_eq!(light.add(4 * MB), Ok(()));
        assert_eq!(light.add(MB), Err(Stop::Memory(4 * MB)));
        assert_eq!(budget.held(MemoryUser::LightQueries), 4 * MB);
        drop((light, others));
        assert_eq!(budget.held_by_all(), 0);
    }

    #[test]
    fn a_query_that_ends_gets_no_more_and_hears_of_it_where_it_works() {
        let budget = Arc::new(Budget::new(100 * MB));
        let memory = QueryMemory::new(&budget, MemoryUser::Queries, MB, || Err(Stop::Timeout));
        let mut charge = Charge::new(&memory);
        assert_eq!(charge.add(1), Err(Stop::Timeout));
        assert_eq!(charge.work(1), Ok(()));
        assert_eq!(charge.work(WORK_BYTES), Err(Stop::Timeout));
    }

    #[test]
    fn what_is_taken_over_is_given_back_once() {
        let budget = Arc::new(Budget::new(100 * MB));
        let memory = account(&budget, MB);
        let mut answer = Charge::new(&memory);
        let mut worker = answer.another();
        assert_eq!(worker.add(STEP_BYTES), Ok(()));
        answer.absorb(worker);
        assert_eq!((answer.bytes(), memory.bytes()), (STEP_BYTES, STEP_BYTES));
        drop(answer);
        assert_eq!(budget.held_by_all(), 0);
    }

    #[test]
    fn without_an_account_nothing_is_refused() {
        let mut charge = Charge::default();
        assert_eq!(charge.add(usize::MAX), Ok(()));
        assert_eq!(charge.work(usize::MAX), Ok(()));
    }
}

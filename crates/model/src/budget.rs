//! The memory budget bounds everything that grows with data or queries.
//!
//! [`Budget`] counts who holds how much; [`Held`] is a share that ends with its value. What can't
//! be refused (entries that were acknowledged, directories of parts) is charged and may exceed the
//! bound; what can be refused asks first. [`Budget::pressure`] tells the code that makes room how
//! urgent it is. It counts what its users say they hold and knows nothing of the allocator.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Share of the bound, in percent, from which on heads are flushed before they are full.
const EARLY_PERCENT: usize = 60;
/// From here on pushes are slowed, and queries get nothing more: the rest is for entries.
const SLOW_PERCENT: usize = 80;
/// From here on pushes are refused.
const FULL_PERCENT: usize = 95;

/// Steps in which a [`Held`] grows, so that a growing user does not ask for every byte.
const STEP_BYTES: usize = 256 << 10;

/// Who holds memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryUser {
    /// Entries that are not in parts yet.
    Head,
    /// Flushes and merges at work.
    Writers,
    /// Directories of open parts.
    Directories,
    /// What is kept to be read again.
    Caches,
    /// What queries came to, kept to be answered again.
    Results,
    /// Queries at work.
    Queries,
}

impl MemoryUser {
    /// All of them, in the order metrics show them.
    pub const ALL: [MemoryUser; 6] = [
        MemoryUser::Head,
        MemoryUser::Writers,
        MemoryUser::Directories,
        MemoryUser::Caches,
        MemoryUser::Results,
        MemoryUser::Queries,
    ];

    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            MemoryUser::Head => "head",
            MemoryUser::Writers => "writers",
            MemoryUser::Directories => "directories",
            MemoryUser::Caches => "caches",
            MemoryUser::Results => "results",
            MemoryUser::Queries => "queries",
        }
    }
}

/// How full the budget is, from roomy to refusing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pressure {
    /// Room for all.
    None,
    /// Heads should be flushed, caches should shrink.
    Early,
    /// Pushes should be slowed, queries get no more.
    Slow,
    /// Pushes should be refused.
    Full,
}

/// What one user did so far.
#[derive(Debug, Default)]
struct Account {
    held: AtomicUsize,
    refusals: AtomicU64,
}

/// The bound and its accounts; shared behind an `Arc`.
#[derive(Debug)]
pub struct Budget {
    bytes: usize,
    accounts: [Account; MemoryUser::ALL.len()],
}

impl Budget {
    /// A budget of this many bytes.
    pub fn new(bytes: usize) -> Budget {
        Budget {
            bytes,
            accounts: Default::default(),
        }
    }

    /// The bound.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What a user holds.
    pub fn held(&self, user: MemoryUser) -> usize {
        self.accounts[user as usize].held.load(Ordering::Relaxed)
    }

    /// How often a user was refused.
    pub fn refusals(&self, user: MemoryUser) -> u64 {
        self.accounts[user as usize]
            .refusals
            .load(Ordering::Relaxed)
    }

    /// What all hold.
    pub fn held_by_all(&self) -> usize {
        MemoryUser::ALL.iter().map(|user| self.held(*user)).sum()
    }

    /// Charges what is there anyway; gives what the user held before.
    pub fn charge(&self, user: MemoryUser, bytes: usize) -> usize {
        self.accounts[user as usize]
            .held
            .fetch_add(bytes, Ordering::Relaxed)
    }

    /// Gives back what was charged.
    pub fn release(&self, user: MemoryUser, bytes: usize) {
        self.accounts[user as usize]
            .held
            .fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Notes that a user was sent away.
    pub fn count_refusal(&self, user: MemoryUser) {
        self.accounts[user as usize]
            .refusals
            .fetch_add(1, Ordering::Relaxed);
    }

    /// How full it is.
    pub fn pressure(&self) -> Pressure {
        self.pressure_at(self.held_by_all())
    }

    fn pressure_at(&self, held: usize) -> Pressure {
        match held.saturating_mul(100) / self.bytes.max(1) {
            percent if percent >= FULL_PERCENT => Pressure::Full,
            percent if percent >= SLOW_PERCENT => Pressure::Slow,
            percent if percent >= EARLY_PERCENT => Pressure::Early,
            _ => Pressure::None,
        }
    }

    /// Charges unless that would take the share that is kept for entries.
    fn try_charge(&self, user: MemoryUser, bytes: usize) -> bool {
        self.charge(user, bytes);
        if self.pressure() < Pressure::Slow {
            return true;
        }
        self.release(user, bytes);
        self.count_refusal(user);
        false
    }
}

/// A growing share of a budget, given back when it is dropped.
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    user: MemoryUser,
    bytes: usize,
}

impl Held {
    /// Nothing yet.
    pub fn new(budget: &Arc<Budget>, user: MemoryUser) -> Held {
        Held {
            budget: budget.clone(),
            user,
            bytes: 0,
        }
    }

    /// What is there anyway.
    pub fn charged(budget: &Arc<Budget>, user: MemoryUser, bytes: usize) -> Held {
        budget.charge(user, bytes);
        Held {
            budget: budget.clone(),
            user,
            bytes,
        }
    }

    /// Grows to at least `bytes`; false when the budget has no room, which is counted.
    pub fn cover(&mut self, bytes: usize) -> bool {
        if bytes <= self.bytes {
            return true;
        }
        let more = (bytes - self.bytes).next_multiple_of(STEP_BYTES);
        let granted = self.budget.try_charge(self.user, more);
        self.bytes += if granted { more } else { 0 };
        granted
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.release(self.user, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_rises_with_what_all_hold() {
        let budget = Budget::new(1000);
        for (user, more, expected) in [
            (MemoryUser::Head, 599, Pressure::None),
            (MemoryUser::Caches, 1, Pressure::Early),
            (MemoryUser::Directories, 200, Pressure::Slow),
            (MemoryUser::Writers, 150, Pressure::Full),
            (MemoryUser::Head, 5000, Pressure::Full),
        ] {
            budget.charge(user, more);
            assert_eq!(budget.pressure(), expected, "{user:?} takes {more}");
        }
        budget.release(MemoryUser::Head, 5599);
        assert_eq!(
            (budget.pressure(), budget.held_by_all()),
            (Pressure::None, 351)
        );
    }

    #[test]
    fn a_share_grows_while_there_is_room_and_ends_with_its_value() {
        let budget = Arc::new(Budget::new(10 * STEP_BYTES));
        let mut held = Held::new(&budget, MemoryUser::Queries);
        assert!(held.cover(1) && held.cover(STEP_BYTES));
        assert_eq!(budget.held(MemoryUser::Queries), STEP_BYTES);
        assert!(held.cover(7 * STEP_BYTES));
        assert!(!held.cover(8 * STEP_BYTES));
        assert_eq!(
            (held.bytes(), budget.refusals(MemoryUser::Queries)),
            (7 * STEP_BYTES, 1)
        );
        drop(held);
        assert_eq!(budget.held_by_all(), 0);
    }

    #[test]
    fn entries_get_what_queries_do_not() {
        let budget = Arc::new(Budget::new(100 * STEP_BYTES));
        let _head = Held::charged(&budget, MemoryUser::Head, 85 * STEP_BYTES);
        assert!(!Held::new(&budget, MemoryUser::Queries).cover(1));
        assert_eq!(budget.charge(MemoryUser::Head, 1), 85 * STEP_BYTES);
    }
}

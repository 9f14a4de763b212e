//! The memory budget bounds everything that grows with data or clients.
//!
//! [`Budget`] counts who holds how much; [`Held`] is a share that ends with its value. What can't
//! be refused (entries that were acknowledged, directories of parts) is charged and may exceed the
//! bound; what can be refused asks first, and asking is one atomic step: many who ask at once never
//! get more than there is. Each user has a share of the bound for itself, and a mark of the whole
//! up to which it may grow: the further something is on its way, the higher the mark, so that what
//! was begun can end. [`Budget::pressure`] tells the code that makes room how urgent it is. It
//! counts what its users say they hold; what the process has beyond that comes from
//! [`Budget::note_resident`] and is charged as [`MemoryUser::Unaccounted`].

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Queries in the lane of those that hold little; others can't take of it.
    LightQueries,
    /// Request bodies, as they arrive and until they are decoded.
    Bodies,
    /// Request bodies that are small, which have a share of their own.
    SmallBodies,
    /// Pushes that are decompressed and decoded, until they are written.
    Pushes,
    /// Answers that clients have not taken yet.
    Answers,
    /// Entries that wait for live tails.
    Tails,
    /// Heads of requests, and what a connection needs beside them.
    Connections,
    /// What the process has beyond what the others say they hold.
    Unaccounted,
    /// Syslog messages that listeners have read and not handed on.
    Syslog,
}

/// What one user may take, in percent of the bound.
struct Share {
    /// Of the bound for itself.
    own: usize,
    /// What all may hold once it has taken more.
    mark: usize,
}

impl MemoryUser {
    /// All of them, in the order metrics show them.
    pub const ALL: [MemoryUser; 15] = [
        MemoryUser::Head,
        MemoryUser::Writers,
        MemoryUser::Directories,
        MemoryUser::Caches,
        MemoryUser::Results,
        MemoryUser::Queries,
        MemoryUser::LightQueries,
        MemoryUser::Bodies,
        MemoryUser::SmallBodies,
        MemoryUser::Pushes,
        MemoryUser::Answers,
        MemoryUser::Tails,
        MemoryUser::Connections,
        MemoryUser::Unaccounted,
        MemoryUser::Syslog,
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
            MemoryUser::LightQueries => "light_queries",
            MemoryUser::Bodies => "bodies",
            MemoryUser::SmallBodies => "small_bodies",
            MemoryUser::Pushes => "pushes",
            MemoryUser::Answers => "answers",
            MemoryUser::Tails => "tails",
            MemoryUser::Connections => "connections",
            MemoryUser::Unaccounted => "unaccounted",
            MemoryUser::Syslog => "syslog",
        }
    }

    /// What it may take when it asks.
    fn share(self) -> Share {
        let (own, mark) = match self {
            MemoryUser::Head
            | MemoryUser::Writers
            | MemoryUser::Directories
            | MemoryUser::Caches
            | MemoryUser::Results
            | MemoryUser::Queries
            | MemoryUser::Unaccounted => (100, SLOW_PERCENT),
            MemoryUser::Tails | MemoryUser::Syslog => (10, SLOW_PERCENT),
            MemoryUser::Bodies => (25, 82),
            MemoryUser::Answers => (30, 86),
            MemoryUser::LightQueries => (10, 92),
            MemoryUser::Connections => (10, 94),
            MemoryUser::SmallBodies => (5, 90),
            MemoryUser::Pushes => (45, 94),
        };
        Share { own, mark }
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
    /// What all hold.
    held: AtomicUsize,
    accounts: [Account; MemoryUser::ALL.len()],
}

impl Budget {
    /// A budget of this many bytes.
    pub fn new(bytes: usize) -> Budget {
        Budget {
            bytes,
            held: AtomicUsize::new(0),
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
        self.held.load(Ordering::Relaxed)
    }

    /// The most a user may hold when it asks.
    pub fn share(&self, user: MemoryUser) -> usize {
        self.percent(user.share().own)
    }

    /// What a user could take now.
    pub fn room(&self, user: MemoryUser) -> usize {
        let share = user.share();
        let own = self.percent(share.own).saturating_sub(self.held(user));
        own.min(self.percent(share.mark).saturating_sub(self.held_by_all()))
    }

    /// Charges what is there anyway; gives what the user held before.
    pub fn charge(&self, user: MemoryUser, bytes: usize) -> usize {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        self.accounts[user as usize]
            .held
            .fetch_add(bytes, Ordering::Relaxed)
    }

    /// Gives back what was charged.
    pub fn release(&self, user: MemoryUser, bytes: usize) {
        self.accounts[user as usize]
            .held
            .fetch_sub(bytes, Ordering::Relaxed);
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Charges `bytes` if the user may take them now; false when there is no room.
    pub fn try_charge(&self, user: MemoryUser, bytes: usize) -> bool {
        let share = user.share();
        let own = &self.accounts[user as usize].held;
        if !add_below(own, bytes, self.percent(share.own)) {
            return false;
        }
        let taken = add_below(&self.held, bytes, self.percent(share.mark));
        if !taken {
            own.fetch_sub(bytes, Ordering::Relaxed);
        }
        taken
    }

    /// Notes that a user was sent away.
    pub fn count_refusal(&self, user: MemoryUser) {
        self.accounts[user as usize]
            .refusals
            .fetch_add(1, Ordering::Relaxed);
    }

    /// How full it is.
    pub fn pressure(&self) -> Pressure {
        match self.held_by_all().saturating_mul(100) / self.bytes.max(1) {
            percent if percent >= FULL_PERCENT => Pressure::Full,
            percent if percent >= SLOW_PERCENT => Pressure::Slow,
            percent if percent >= EARLY_PERCENT => Pressure::Early,
            _ => Pressure::None,
        }
    }

    /// That share of the bound, in bytes.
    pub(crate) fn percent(&self, percent: usize) -> usize {
        match self.bytes.checked_mul(percent) {
            Some(product) => product / 100,
            None => self.bytes / 100 * percent,
        }
    }
}

/// Adds to a count if it stays below `bound`, in one step.
fn add_below(count: &AtomicUsize, bytes: usize, bound: usize) -> bool {
    let sum = |held: usize| held.checked_add(bytes).filter(|sum| *sum < bound);
    count
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum)
        .is_ok()
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

    /// Exactly `bytes`, if there is room; a refusal is counted.
    pub fn taken(budget: &Arc<Budget>, user: MemoryUser, bytes: usize) -> Option<Held> {
        let mut held = Held::new(budget, user);
        let taken = held.try_cover(bytes);
        if !taken {
            budget.count_refusal(user);
        }
        taken.then_some(held)
    }

    /// Grows to at least `bytes`, in steps; false when the budget has no room, which is counted.
    pub fn cover(&mut self, bytes: usize) -> bool {
        if bytes <= self.bytes {
            return true;
        }
        let more = (bytes - self.bytes).next_multiple_of(STEP_BYTES);
        let granted = self.budget.try_charge(self.user, more);
        match granted {
            true => self.bytes += more,
            false => self.budget.count_refusal(self.user),
        }
        granted
    }

    /// Grows to exactly `bytes` if there is room. No refusal is counted: the caller may wait and
    /// ask again.
    pub fn try_cover(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let granted = more == 0 || self.budget.try_charge(self.user, more);
        self.bytes += if granted { more } else { 0 };
        granted
    }

    /// Gives back what is more than `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes);
        self.budget.release(self.user, less);
        self.bytes -= less;
    }

    /// Holds exactly `bytes`, which are there by now.
    pub fn fit(&mut self, bytes: usize) {
        self.budget
            .charge(self.user, bytes.saturating_sub(self.bytes));
        self.bytes = self.bytes.max(bytes);
        self.shrink_to(bytes);
    }

    /// Moves the share to the account of another, who has the memory from now on.
    pub fn pass_to(&mut self, user: MemoryUser) {
        self.budget.charge(user, self.bytes);
        self.budget.release(self.user, self.bytes);
        self.user = user;
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The budget it is a share of.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
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

    #[test]
    fn many_who_ask_at_once_never_get_more_than_there_is() {
        let budget = Arc::new(Budget::new(100_000));
        let ask = |user: MemoryUser| {
            let mut held = Vec::new();
            for _ in 0..10_000 {
                held.extend(Held::taken(&budget, user, 7));
                assert!(budget.held_by_all() < budget.percent(94));
            }
            held
        };
        let users = [MemoryUser::Bodies, MemoryUser::Queries, MemoryUser::Pushes];
        let held: Vec<Vec<Held>> = std::thread::scope(|scope| {
            let threads = users.map(|user| scope.spawn(move || ask(user)));
            threads.map(|t| t.join().expect("no panic")).into()
        });
        // In whatever order they came: at least up to the mark of the one with the lowest.
        assert!(budget.held_by_all() + 7 >= budget.percent(SLOW_PERCENT));
        for user in users {
            assert!(budget.held(user) < budget.share(user), "{user:?}");
        }
        drop(held);
        assert_eq!(budget.held_by_all(), 0);
    }

    #[test]
    fn what_is_further_on_its_way_gets_what_others_do_not() {
        let budget = Arc::new(Budget::new(1000));
        let _others = Held::charged(&budget, MemoryUser::Head, 840);
        let room = |user| Held::taken(&budget, user, 1).is_some();
        assert!(!room(MemoryUser::Queries) && !room(MemoryUser::Bodies));
        assert!(room(MemoryUser::Answers) && room(MemoryUser::SmallBodies));
        assert!(room(MemoryUser::Pushes));
        for (user, free) in [
            (MemoryUser::Queries, 0),
            (MemoryUser::SmallBodies, 50),
            (MemoryUser::LightQueries, 80),
        ] {
            assert_eq!(budget.room(user), free, "{user:?}");
        }
    }

    #[test]
    fn a_share_shrinks_and_passes_to_another_account() {
        let budget = Arc::new(Budget::new(1000));
        let mut held = Held::taken(&budget, MemoryUser::Queries, 300).expect("room");
        held.shrink_to(200);
        held.pass_to(MemoryUser::Answers);
        assert_eq!(budget.held(MemoryUser::Queries), 0);
        assert_eq!(budget.held(MemoryUser::Answers), 200);
        assert!(!held.try_cover(300) && held.try_cover(299));
        drop(held);
        assert_eq!(budget.held_by_all(), 0);
    }
}

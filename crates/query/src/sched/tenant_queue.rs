//! A queue of waiting queries: tenants take turns, and none holds all threads while others wait.
//!
//! A tenant's own queries keep their order. What is to be done is opaque here.

use skald_model::TenantId;
use std::collections::{HashMap, VecDeque};

/// Waiting work by tenant.
#[derive(Debug)]
pub(crate) struct TenantQueue<T> {
    tenants: HashMap<TenantId, TenantLine<T>>,
    /// Tenants with work that waits, the next one first.
    turn: VecDeque<TenantId>,
    /// Work of one tenant at once.
    running_max: usize,
}

#[derive(Debug)]
struct TenantLine<T> {
    waiting: VecDeque<T>,
    running: usize,
}

impl<T> TenantQueue<T> {
    /// For a pool of `threads`: one tenant gets all but a quarter of them, so that another always
    /// finds one.
    pub(crate) fn new(threads: usize) -> TenantQueue<T> {
        let running_max = (threads - threads / 4).max(1);
        TenantQueue {
            tenants: HashMap::new(),
            turn: VecDeque::new(),
            running_max,
        }
    }

    /// How many of a tenant wait.
    pub(crate) fn waiting(&self, tenant: &TenantId) -> usize {
        self.tenants
            .get(tenant)
            .map_or(0, |line| line.waiting.len())
    }

    /// How many of all tenants wait.
    pub(crate) fn all_waiting(&self) -> usize {
        self.tenants.values().map(|line| line.waiting.len()).sum()
    }

    /// How many of all tenants run.
    pub(crate) fn all_running(&self) -> usize {
        self.tenants.values().map(|line| line.running).sum()
    }

    /// Leaves out what nobody waits for any more.
    pub(crate) fn retain(&mut self, tenant: &TenantId, keep: impl FnMut(&T) -> bool) {
        if let Some(line) = self.tenants.get_mut(tenant) {
            line.waiting.retain(keep);
        }
    }

    /// Puts work at the end of its tenant's line.
    pub(crate) fn push(&mut self, tenant: &TenantId, work: T) {
        let line = self
            .tenants
            .entry(tenant.clone())
            .or_insert_with(|| TenantLine {
                waiting: VecDeque::new(),
                running: 0,
            });
        if line.waiting.is_empty() && !self.turn.contains(tenant) {
            self.turn.push_back(tenant.clone());
        }
        line.waiting.push_back(work);
    }

    /// The next piece of work that may run; it counts as running until [`TenantQueue::done`].
    pub(crate) fn pop(&mut self) -> Option<(TenantId, T)> {
        for _ in 0..self.turn.len() {
            let tenant = self.turn.pop_front()?;
            let Some(line) = self.tenants.get_mut(&tenant) else {
                continue;
            };
            if line.waiting.is_empty() {
                continue;
            }
            if line.running >= self.running_max {
                self.turn.push_back(tenant);
                continue;
            }
            let work = line.waiting.pop_front()?;
            line.running += 1;
            if !line.waiting.is_empty() {
                self.turn.push_back(tenant.clone());
            }
            return Some((tenant, work));
        }
        None
    }

    /// A tenant's work has ended.
    pub(crate) fn done(&mut self, tenant: &TenantId) {
        if let Some(line) = self.tenants.get_mut(tenant) {
            line.running = line.running.saturating_sub(1);
            if line.running == 0 && line.waiting.is_empty() {
                self.tenants.remove(tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).expect("valid")
    }

    /// Work is named `tenant number`; `.tenant` ends one, `?` asks for the next.
    fn check(threads: usize, steps: &str, expected: &str) {
        let mut queue = TenantQueue::new(threads);
        let mut got = Vec::new();
        for step in steps.split_whitespace() {
            match step.strip_prefix('.') {
                Some(name) => queue.done(&tenant(name)),
                None if step == "?" => {
                    got.push(queue.pop().map_or("-".to_owned(), |(_, work)| work))
                }
                None => queue.push(&tenant(&step[..1]), step.to_owned()),
            }
        }
        assert_eq!(got.join(" "), expected, "{steps}");
    }

    #[test]
    fn tenants_take_turns_and_keep_their_own_order() {
        check(8, "a1 a2 a3 b1 b2 c1 ? ? ? ? ? ? ?", "a1 b1 c1 a2 b2 a3 -");
    }

    #[test]
    fn one_tenant_leaves_threads_to_others() {
        check(4, "a1 a2 a3 a4 ? ? ? ? b1 ? .a ?", "a1 a2 a3 - b1 a4");
        check(1, "a1 a2 ? ? .a ?", "a1 - a2");
    }

    #[test]
    fn what_nobody_waits_for_is_left_out() {
        let mut queue = TenantQueue::new(4);
        for number in 0..5 {
            queue.push(&tenant("a"), number);
        }
        queue.retain(&tenant("a"), |number| number % 2 == 0);
        assert_eq!(queue.waiting(&tenant("a")), 3);
        queue.retain(&tenant("a"), |_| false);
        assert_eq!(queue.pop(), None);
        queue.push(&tenant("a"), 7);
        assert_eq!(queue.pop().map(|(_, work)| work), Some(7));
    }
}

//! Connection memory charges connections: heads of requests as they arrive, and buffers beside them.
//!
//! A connection is accepted when there is room for its buffers; until then it waits in the system's
//! queue. One whose head finds no room is closed. Bodies and answers have accounts of their own.

use skald_model::{Budget, Held, MemoryUser};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What a connection holds that says little: its task, its timers, and the buffers it reads and
/// writes through.
const PLAIN_BYTES: usize = 8 << 10;
/// The same with the state and the buffers of TLS.
const TLS_BYTES: usize = 24 << 10;

/// Bytes of a head that these buffers hold.
const HEAD_BYTES: usize = 4 << 10;

/// Steps in which a longer head is charged.
const STEP_BYTES: usize = 16 << 10;

/// What a client may send over a connection of HTTP/2 before it is read: this part of the budget, as
/// a divisor, within these bounds.
const WINDOW_SHARE: usize = 1024;
const WINDOW_BYTES_MIN: usize = 64 << 10;
const WINDOW_BYTES_MAX: usize = 256 << 10;

/// How often it is looked whether there is room for one more connection.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Whether a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Plain,
    Tls,
}

/// What all connections hold. The budget is known once the store is open; until then nothing is
/// charged.
#[derive(Clone, Default)]
pub(crate) struct ConnectionsMemory {
    budget: Arc<OnceLock<Arc<Budget>>>,
    /// Whether a connection waits for room.
    waits: Arc<AtomicBool>,
}

impl ConnectionsMemory {
    /// Charges this budget from now on.
    pub(crate) fn charge_to(&self, budget: &Arc<Budget>) {
        let _ = self.budget.set(budget.clone());
    }

    /// Whether a connection waits for room.
    pub(super) fn is_short(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }

    /// Waits for room for one more connection.
    pub(super) async fn connection(&self, transport: Transport) -> ConnectionMemory {
        let base = match transport {
            Transport::Plain => PLAIN_BYTES,
            Transport::Tls => TLS_BYTES,
        };
        loop {
            if let Some(memory) = self.try_connection(base) {
                self.waits.store(false, Ordering::Relaxed);
                return memory;
            }
            if !self.waits.swap(true, Ordering::Relaxed) {
                self.budget()
                    .inspect(|b| b.count_refusal(MemoryUser::Connections));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Within the share of connections there is room whatever others hold: a server that is short of
    /// memory can be asked how it is.
    fn try_connection(&self, base: usize) -> Option<ConnectionMemory> {
        let user = MemoryUser::Connections;
        let is_full = |budget: &&Arc<Budget>| budget.held(user) + base >= budget.share(user);
        if self.budget().filter(is_full).is_some() {
            return None;
        }
        Some(ConnectionMemory {
            held: self.budget().map(|b| Held::charged(b, user, base)),
            base,
            head: 0,
        })
    }

    /// What a client may send over a connection of HTTP/2 before it is read, in bytes.
    pub(super) fn http2_window(&self) -> u32 {
        window(self.budget().map(|budget| &**budget)) as u32
    }

    fn budget(&self) -> Option<&Arc<Budget>> {
        self.budget.get()
    }
}

fn window(budget: Option<&Budget>) -> usize {
    let share = budget.map_or(WINDOW_BYTES_MAX, |budget| budget.bytes() / WINDOW_SHARE);
    share.clamp(WINDOW_BYTES_MIN, WINDOW_BYTES_MAX)
}

/// What one connection holds. The default is charged to nobody.
#[derive(Debug, Default)]
pub(super) struct ConnectionMemory {
    held: Option<Held>,
    /// Its buffers.
    base: usize,
    /// Bytes of the head of the request that arrives or is answered.
    head: usize,
}

impl ConnectionMemory {
    /// Takes room for more of a head; false when there is none.
    pub(super) fn read_head(&mut self, bytes: usize) -> bool {
        self.head += bytes;
        let beyond = self.head.saturating_sub(HEAD_BYTES);
        self.cover(self.base + beyond.next_multiple_of(STEP_BYTES))
    }

    /// The request is answered: its head is gone.
    pub(super) fn end_head(&mut self) {
        self.head = 0;
        if let Some(held) = &mut self.held {
            held.shrink_to(self.base);
        }
    }

    /// Takes room for HTTP/2: half of the window, as few connections fill theirs. False when there is
    /// none.
    pub(super) fn begin_http2(&mut self) -> bool {
        let window = window(self.held.as_ref().map(|held| &**held.budget()));
        self.end_head();
        self.base += window / 2;
        self.cover(self.base)
    }

    fn cover(&mut self, bytes: usize) -> bool {
        let Some(held) = &mut self.held else {
            return true;
        };
        let has_room = held.try_cover(bytes);
        if !has_room {
            held.budget().count_refusal(MemoryUser::Connections);
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_and_heads_take_no_more_than_their_share() {
        let budget = Arc::new(Budget::new(64 << 20));
        let all = ConnectionsMemory::default();
        let mut early = all.connection(Transport::Plain).await;
        assert!(early.read_head(1 << 20));
        all.charge_to(&budget);
        let share = budget.share(MemoryUser::Connections);
        let mut one = all.connection(Transport::Tls).await;
        assert_eq!(budget.held(MemoryUser::Connections), TLS_BYTES);
        assert!(one.read_head(HEAD_BYTES) && one.read_head(1));
        assert_eq!(budget.held(MemoryUser::Connections), TLS_BYTES + STEP_BYTES);
        assert!(!one.read_head(share));
        one.end_head();
        assert!(one.begin_http2());
        drop(one);
        assert_eq!(budget.held_by_all(), 0);

        let idle = share / PLAIN_BYTES;
        let held: Vec<_> = (0..idle)
            .map_while(|_| all.try_connection(PLAIN_BYTES))
            .collect();
        assert!(budget.held(MemoryUser::Connections) < share);
        assert!(all.try_connection(PLAIN_BYTES).is_none());
        let (refused, ended) = tokio::join!(all.connection(Transport::Tls), async {
            assert!(all.is_short());
            drop(held);
        });
        drop((refused, ended));
        assert!(!all.is_short());
        assert!(budget.refusals(MemoryUser::Connections) >= 2);
        assert_eq!(budget.held_by_all(), 0);

        budget.charge(MemoryUser::Head, budget.bytes());
        let mut short = all
            .try_connection(PLAIN_BYTES)
            .expect("others do not count");
        assert!(!short.read_head(2 * HEAD_BYTES));
    }
}

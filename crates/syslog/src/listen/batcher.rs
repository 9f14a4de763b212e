//! A batcher gathers messages of all connections of a listener and hands them on one batch after the
//! other.
//!
//! Two batches exist at most: one that is being taken, and one that fills. While both are full,
//! nothing more is read.

use crate::batch::{Frame, set_arrival};
use crate::listen::counters::Counters;
use crate::listen::signal::raised;
use crate::listen::sink::{Sink, Taken};
use parking_lot::Mutex;
use skald_model::{Budget, Held, MemoryUser};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout_at};
use xxhash_rust::xxh3::xxh3_64;

/// A batch is handed on when it has this many bytes.
const BATCH_BYTES: usize = 1 << 20;

/// A batch is handed on when it has this many messages.
const BATCH_MESSAGES: usize = 8192;

/// A batch is handed on when its first message is this old.
const BATCH_AGE: Duration = Duration::from_millis(50);

/// Pauses before a batch that was not taken is handed on again, the first and the longest.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LONGEST: Duration = Duration::from_secs(2);

/// Messages remembered so that equal ones stay two.
const REMEMBERED_MAX: usize = 16_384;

/// How long a message is remembered, at least.
const REMEMBERED_FOR: Duration = Duration::from_secs(2);

/// Gathers messages.
pub(crate) struct Batcher {
    filling: Mutex<Filling>,
    /// Something was put into an empty batch, or a batch is full.
    filled: Notify,
    /// A batch was taken away.
    emptied: Notify,
    head: Vec<u8>,
    counters: Arc<Counters>,
    /// What two batches hold at most.
    _held: Held,
}

/// The batch that fills.
pub(crate) struct Filling {
    body: Vec<u8>,
    messages: usize,
    since: Option<Instant>,
    /// When the first message came, in nanoseconds since 1970.
    arrival: i64,
    clock: fn() -> i64,
    repeats: Repeats,
}

/// Whether there is room for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Some,
    None,
}

impl Filling {
    pub(crate) fn room(&self) -> Room {
        match self.body.len() < BATCH_BYTES && self.messages < BATCH_MESSAGES {
            true => Room::Some,
            false => Room::None,
        }
    }

    pub(crate) fn push(&mut self, mut frame: Frame<'_>) {
        let since = *self.since.get_or_insert_with(|| {
            self.arrival = (self.clock)();
            Instant::now()
        });
        frame.repeat = self.repeats.count(frame.bytes, since);
        frame.append_to(&mut self.body);
        self.messages += 1;
    }
}

/// Counts equal messages that come within a few seconds of one another.
struct Repeats {
    counts: HashMap<u64, u16>,
    since: Instant,
}

impl Repeats {
    fn new() -> Repeats {
        Repeats {
            counts: HashMap::new(),
            since: Instant::now(),
        }
    }

    /// How many equal messages came before this one.
    fn count(&mut self, message: &[u8], now: Instant) -> u16 {
        let is_old = now.duration_since(self.since) > REMEMBERED_FOR;
        if is_old && self.counts.len() >= REMEMBERED_MAX / 2 || self.counts.len() >= REMEMBERED_MAX
        {
            self.counts.clear();
            self.since = now;
        }
        let count = self.counts.entry(xxh3_64(message)).or_default();
        let before = *count;
        *count = count.saturating_add(1);
        before
    }
}

impl Batcher {
    /// Batches that begin with `head`, of messages of at most `message_bytes_max`; `clock` gives now
    /// in nanoseconds since 1970.
    pub(crate) fn new(
        head: Vec<u8>,
        message_bytes_max: usize,
        budget: &Arc<Budget>,
        counters: Arc<Counters>,
        clock: fn() -> i64,
    ) -> Batcher {
        let bytes = 2 * (BATCH_BYTES + message_bytes_max) + REMEMBERED_MAX * 16;
        Batcher {
            filling: Mutex::new(Filling {
                body: head.clone(),
                messages: 0,
                since: None,
                arrival: 0,
                clock,
                repeats: Repeats::new(),
            }),
            filled: Notify::new(),
            emptied: Notify::new(),
            head,
            counters,
            _held: Held::charged(budget, MemoryUser::Syslog, bytes),
        }
    }

    /// Puts messages into the batch that fills; `put` does so while there is room.
    pub(crate) fn fill<T>(&self, put: impl FnOnce(&mut Filling) -> T) -> T {
        let mut filling = self.filling.lock();
        let before = filling.messages;
        let result = put(&mut filling);
        let (messages, room) = (filling.messages, filling.room());
        drop(filling);
        if messages > 0 && before == 0 || room == Room::None {
            self.filled.notify_one();
        }
        result
    }

    /// Waits until the batch that fills has room.
    pub(crate) async fn room(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if self.filling.lock().room() == Room::Some {
                return;
            }
            emptied.await;
        }
    }

    /// Hands batches on until `ended` and nothing is left, or `overdue`.
    pub(crate) async fn run(
        &self,
        sink: &Sink,
        mut ended: watch::Receiver<bool>,
        mut overdue: watch::Receiver<bool>,
    ) {
        loop {
            let is_last = *ended.borrow();
            match self.take(if is_last { Room::None } else { Room::Some }) {
                Some((body, messages)) => {
                    self.hand_on(sink, body, messages, &mut overdue).await;
                    continue;
                }
                None if is_last => return,
                None => {}
            }
            let until = self.filling.lock().since.map(|since| since + BATCH_AGE);
            let filled = async {
                match until {
                    Some(until) => drop(timeout_at(until, self.filled.notified()).await),
                    None => self.filled.notified().await,
                }
            };
            tokio::select! {
                () = filled => {}
                _ = ended.changed() => {}
            }
        }
    }

    /// Takes the batch that is full, or old enough; with no room for more to come, any that has
    /// something in it.
    fn take(&self, more: Room) -> Option<(Vec<u8>, usize)> {
        let mut filling = self.filling.lock();
        let age = filling.since?.elapsed();
        let is_due = age >= BATCH_AGE || filling.room() == Room::None || more == Room::None;
        if !is_due {
            return None;
        }
        let messages = std::mem::take(&mut filling.messages);
        filling.since = None;
        let mut body = Vec::with_capacity(filling.body.len().min(BATCH_BYTES));
        body.extend_from_slice(&self.head);
        std::mem::swap(&mut body, &mut filling.body);
        set_arrival(&mut body, filling.arrival);
        drop(filling);
        self.emptied.notify_waiters();
        Some((body, messages))
    }

    async fn hand_on(
        &self,
        sink: &Sink,
        body: Vec<u8>,
        messages: usize,
        overdue: &mut watch::Receiver<bool>,
    ) {
        let body = bytes::Bytes::from(body);
        let mut pause = RETRY_FIRST;
        while sink(body.clone()).await == Taken::Later {
            self.counters.retries.add(1);
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(RETRY_LONGEST),
                () = raised(overdue) => {
                    return self.counters.lost.add(messages as u64);
                }
            }
        }
    }
}

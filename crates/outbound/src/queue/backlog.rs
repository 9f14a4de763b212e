//! A backlog of samples on disk: taken in order, sent in order, bounded in bytes.
//!
//! Memory holds a few words a record and never the samples: those are read back when it is their turn. What
//! is about to be sent is noted before it is, so that after a kill the same samples go once more as one
//! request, and none that is new shares it: a receiver that has them already may refuse them all.

use crate::environment::Environment;
use crate::error::OutboundError;
use parking_lot::Mutex;
use skald_wal::files::Files;
use skald_wal::{Options, Replayed, Sync, Wal, WalError, read_from};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use tokio::sync::Notify;

/// Smallest and largest segment.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 64 << 10..=4 << 20;

/// Bytes of samples that are read back at once.
const READ_BYTES: usize = 1 << 20;

/// Kinds of records.
const SAMPLES: u8 = 0;
const SENDING: u8 = 1;
const DONE: u8 = 2;

/// Bytes before the samples of a record: its kind, their number, when they came.
const SAMPLES_HEADER: usize = 1 + 4 + 8;

/// A record that waits.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    sequence: u64,
    bytes: u64,
    samples: u32,
    /// When it came, in milliseconds of Unix time.
    at: i64,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    bytes: u64,
    samples: u64,
    /// Samples up to this record are being sent, or were when the program ended.
    unsure: u64,
    /// The last record that does not wait any more.
    through: u64,
    /// Samples dropped because there was no room, or unreadable.
    dropped: u64,
}

/// What is to be sent together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The number of its last record.
    pub(crate) last: u64,
    /// Samples, as their records hold them.
    pub(crate) payloads: Vec<Vec<u8>>,
    /// How many.
    pub(crate) samples: u64,
}

/// Whether there is something to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing waits.
    Empty,
    /// At this time, in milliseconds of Unix time, unless more comes.
    At(i64),
    /// Now.
    Now,
}

/// The queue of one client.
pub(crate) struct Backlog {
    wal: Wal,
    files: Arc<dyn Files>,
    folder: PathBuf,
    bytes_max: u64,
    key: Arc<str>,
    state: Arc<Mutex<State>>,
    /// Rings when samples came.
    came: Arc<Notify>,
}

impl Backlog {
    /// Opens the queue in a folder; it holds that many bytes of samples.
    pub(crate) fn open(
        environment: &Environment,
        folder: &Path,
        bytes_max: u64,
    ) -> Result<Backlog, OutboundError> {
        let made = environment.make_folder(folder);
        made.map_err(|error| OutboundError::folder(folder, error))?;
        let options = Options {
            sync: Sync::Group,
            segment_bytes: (bytes_max / 16).clamp(*SEGMENT_BYTES.start(), *SEGMENT_BYTES.end()),
            ..Options::default()
        };
        let mut state = State::default();
        let replay = |record: Replayed<'_>| {
            state.replay(&record);
            Ok::<(), WalError>(())
        };
        let opened = Wal::open(environment.files.clone(), folder, options, replay);
        let (wal, report) = opened.map_err(|error| OutboundError::queue(folder, error))?;
        for damage in &report.damage {
            tracing::warn!(folder = %folder.display(), damage, "samples of a queue can't be read");
        }
        let backlog = Backlog {
            wal,
            files: environment.files.clone(),
            folder: folder.to_owned(),
            bytes_max,
            key: Arc::from("samples"),
            state: Arc::new(Mutex::new(state)),
            came: Arc::default(),
        };
        backlog.shrink();
        Ok(backlog)
    }

    /// Adds samples, and returns when they are durable. The oldest make room.
    pub(crate) fn push(&self, samples: u32, at: i64, payload: &[u8]) -> Result<(), OutboundError> {
        let record = self.wal.encode(&self.key, |out| {
            out.push(SAMPLES);
            out.extend_from_slice(&samples.to_le_bytes());
            out.extend_from_slice(&at.to_le_bytes());
            out.extend_from_slice(payload);
        });
        let bytes = (SAMPLES_HEADER + payload.len()) as u64;
        let (sender, receiver) = mpsc::channel();
        let (state, came) = (Arc::clone(&self.state), Arc::clone(&self.came));
        let appended = {
            // Held so that the number is known before the log's thread asks for it.
            let number = Arc::new(Mutex::new(0));
            let mut known = number.lock();
            let for_log = Arc::clone(&number);
            let done = Box::new(move |result: Result<(), WalError>| {
                let sequence = *for_log.lock();
                if result.is_ok() {
                    state.lock().add(Waiting {
                        sequence,
                        bytes,
                        samples,
                        at,
                    });
                    came.notify_one();
                }
                let _ = sender.send(result);
            });
            self.wal
                .append(record, done)
                .map(|sequence| *known = sequence)
        };
        let closed = || WalError::Stopped("the log is closed".to_owned());
        let result = appended.and_then(|()| receiver.recv().unwrap_or_else(|_| Err(closed())));
        result.map_err(|error| OutboundError::queue(&self.folder, error))?;
        self.shrink();
        Ok(())
    }

    /// Drops the oldest samples while there are too many, and gives their segments back.
    fn shrink(&self) {
        let dropped = {
            let mut state = self.state.lock();
            let mut dropped = 0;
            while state.bytes > self.bytes_max && state.waiting.len() > 1 {
                dropped += state.drop_oldest();
            }
            state.dropped += dropped;
            dropped
        };
        if dropped > 0 {
            tracing::warn!(folder = %self.folder.display(), dropped, "the queue of samples is full, the oldest are dropped");
        }
        self.truncate();
    }

    fn truncate(&self) {
        let covered = {
            let state = self.state.lock();
            let first = state.waiting.front().map(|waiting| waiting.sequence);
            first.map_or(state.through, |first| first - 1)
        };
        if let Err(error) = self.wal.truncate(&|_| covered) {
            tracing::warn!(folder = %self.folder.display(), %error, "a queue of samples could not be shortened");
        }
    }

    /// Whether a batch of that many samples is due, or one that has waited long enough.
    pub(crate) fn due(&self, samples_max: u64, deadline_ms: i64) -> Due {
        let state = self.state.lock();
        match state.waiting.front() {
            None => Due::Empty,
            Some(first) if state.unsure >= first.sequence || state.samples >= samples_max => {
                Due::Now
            }
            Some(first) => Due::At(first.at.saturating_add(deadline_ms)),
        }
    }

    /// Rings when samples came.
    pub(crate) fn came(&self) -> Arc<Notify> {
        Arc::clone(&self.came)
    }

    /// Reads the oldest samples, about as many as asked for and at least one record. Samples that the last run
    /// may have sent come alone.
    pub(crate) fn read(&self, samples_max: u64) -> Result<Option<Batch>, OutboundError> {
        let wanted = self.state.lock().oldest(samples_max);
        let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else {
            return Ok(None);
        };
        let (first, last) = (first.sequence, last.sequence);
        let mut batch = Batch {
            last,
            payloads: Vec::new(),
            samples: 0,
        };
        let mut at = 0;
        let mut take = |record: Replayed<'_>| {
            while wanted
                .get(at)
                .is_some_and(|waiting| waiting.sequence < record.sequence)
            {
                at += 1;
            }
            if let Some(waiting) = wanted
                .get(at)
                .filter(|waiting| waiting.sequence == record.sequence)
                && let Some(payload) = record.payload.get(SAMPLES_HEADER..)
            {
                batch.payloads.push(payload.to_vec());
                batch.samples += u64::from(waiting.samples);
            }
            match record.sequence >= last {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let read = read_from(&*self.files, &self.folder, first, &mut take);
        read.map_err(|error| OutboundError::queue(&self.folder, error))?;
        let expected: u64 = wanted
            .iter()
            .map(|waiting| u64::from(waiting.samples))
            .sum();
        if batch.samples < expected {
            let lost = expected - batch.samples;
            self.state.lock().dropped += lost;
            tracing::warn!(folder = %self.folder.display(), lost, "samples of a queue are damaged on disk");
        }
        Ok(Some(batch))
    }

    /// Notes that samples up to a record are about to be sent, and returns when that is durable.
    pub(crate) fn begin(&self, last: u64) {
        self.state.lock().unsure = last;
        let (sender, receiver) = mpsc::channel();
        let result = self.note(
            SENDING,
            last,
            Box::new(move |_| sender.send(()).unwrap_or_default()),
        );
        if result.is_ok() {
            // The other end goes when the log ends.
            let _ = receiver.recv();
        }
    }

    /// Notes that samples up to a record need not be sent any more.
    pub(crate) fn finish(&self, last: u64) {
        self.state.lock().done(last);
        // Without the note they go once more after a kill.
        if let Err(error) = self.note(DONE, last, Box::new(|_| {})) {
            tracing::debug!(%error, "it is not noted that samples were sent");
        }
        self.truncate();
    }

    fn note(&self, kind: u8, last: u64, done: skald_wal::Done) -> Result<u64, WalError> {
        let record = self.wal.encode(&self.key, |out| {
            out.push(kind);
            out.extend_from_slice(&last.to_le_bytes());
        });
        self.wal.append(record, done)
    }

    /// Samples that wait.
    pub(crate) fn samples(&self) -> u64 {
        self.state.lock().samples
    }

    /// Samples that were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.state.lock().dropped
    }

    /// Bytes on disk.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.wal.bytes()
    }

    /// Writes what was added and ends.
    pub(crate) fn close(&self) {
        self.wal.close();
    }
}

impl State {
    fn replay(&mut self, record: &Replayed<'_>) {
        let number = |at: usize| {
            let bytes = record.payload.get(at..at + 8)?;
            bytes.try_into().ok().map(u64::from_le_bytes)
        };
        match record.payload.first() {
            Some(&SAMPLES) if record.payload.len() >= SAMPLES_HEADER => {
                let samples = record.payload[1..5]
                    .try_into()
                    .map_or(0, u32::from_le_bytes);
                self.add(Waiting {
                    sequence: record.sequence,
                    bytes: record.payload.len() as u64,
                    samples,
                    at: number(5).unwrap_or(0) as i64,
                });
            }
            Some(&SENDING) => self.unsure = number(1).unwrap_or(0),
            Some(&DONE) => self.done(number(1).unwrap_or(0)),
            _ => {}
        }
    }

    fn add(&mut self, waiting: Waiting) {
        self.bytes += waiting.bytes;
        self.samples += u64::from(waiting.samples);
        self.waiting.push_back(waiting);
    }

    fn drop_oldest(&mut self) -> u64 {
        let Some(oldest) = self.waiting.pop_front() else {
            return 0;
        };
        self.through = oldest.sequence;
        self.bytes -= oldest.bytes;
        self.samples -= u64::from(oldest.samples);
        u64::from(oldest.samples)
    }

    fn done(&mut self, last: u64) {
        while self
            .waiting
            .front()
            .is_some_and(|waiting| waiting.sequence <= last)
        {
            self.drop_oldest();
        }
    }

    fn oldest(&self, samples_max: u64) -> Vec<Waiting> {
        let is_unsure = |waiting: &Waiting| waiting.sequence <= self.unsure;
        let first_is_unsure = self.waiting.front().is_some_and(is_unsure);
        let (mut samples, mut bytes, mut taken) = (0, 0, Vec::new());
        for waiting in &self.waiting {
            let fits = samples + u64::from(waiting.samples) <= samples_max
                && bytes + waiting.bytes as usize <= READ_BYTES;
            let goes = match first_is_unsure {
                true => is_unsure(waiting),
                false => taken.is_empty() || fits,
            };
            if !goes {
                break;
            }
            samples += u64::from(waiting.samples);
            bytes += waiting.bytes as usize;
            taken.push(*waiting);
        }
        taken
    }
}

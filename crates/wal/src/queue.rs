//! Shared state of a log: the queue of records that wait, the segments there are, and why records
//! are refused.

use crate::files::{Files, FolderHandle};
use crate::record::SEGMENT_HEADER_BYTES;
use crate::segment::{Open, Segment};
use crate::{Options, WalError};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Called once with what became of a record; runs on the log's thread and must not block.
pub type Done = Box<dyn FnOnce(Result<(), WalError>) + Send>;

/// A record ready to be queued.
#[derive(Debug)]
pub struct Encoded {
    pub(crate) tenant: Arc<str>,
    /// Room for the header, then tenant and payload.
    pub(crate) bytes: Vec<u8>,
    pub(crate) body_crc: u32,
}

impl Encoded {
    /// Bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

/// A record that waits to be written.
pub(crate) struct Queued {
    pub(crate) record: Encoded,
    pub(crate) sequence: u64,
    pub(crate) done: Done,
}

/// What appending and committing share.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) queue: Vec<Queued>,
    pub(crate) queued_bytes: u64,
    pub(crate) next_sequence: u64,
    pub(crate) stopped: Option<String>,
    /// When a write was last refused, and why: it is tried again.
    pub(crate) refused: Option<(Instant, WalError)>,
    pub(crate) closing: bool,
    pub(crate) spare: Vec<Vec<u8>>,
}

/// A log without its thread.
pub(crate) struct Shared {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) folder: PathBuf,
    /// The folder, open as long as the log is: new names never wait for a descriptor to be durable.
    pub(crate) names: Box<dyn FolderHandle>,
    pub(crate) options: Options,
    pub(crate) state: Mutex<State>,
    pub(crate) work: Condvar,
    /// All segments, oldest first; the last grows while `open` in the committer is `Some`.
    pub(crate) segments: Mutex<VecDeque<Segment>>,
    pub(crate) bytes: AtomicU64,
    pub(crate) syncs: AtomicU64,
    /// Acknowledged records up to this one may not be on disk; 0 when all are.
    pub(crate) unsure: AtomicU64,
    pub(crate) slow_down: AtomicU64,
}

impl Shared {
    /// Notes a group that was appended to the last segment.
    pub(crate) fn note_written(&self, group: &[Queued], bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let mut segments = self.segments.lock();
        let segment = segments.back_mut().expect("the open segment is listed");
        segment.bytes += bytes;
        for queued in group {
            segment.note(&queued.record.tenant, queued.sequence);
        }
    }

    /// Notes that acknowledged records of a segment may not be on disk.
    pub(crate) fn note_unsure(&self, open: &Open) {
        let segments = self.segments.lock();
        let segment = segments.iter().find(|segment| segment.path == open.path);
        let last = segment.and_then(|segment| segment.last.values().max().copied());
        self.unsure.fetch_max(last.unwrap_or(0), Ordering::Relaxed);
        tracing::warn!(segment = %open.path.display(), "acknowledged records could not be synced, they are to be written elsewhere");
    }

    /// Cuts the unsynced end of a segment off, or removes one of which nothing was synced. Best
    /// effort: a reader finds records there that were refused, or none.
    pub(crate) fn drop_end(&self, open: &Open) {
        let mut segments = self.segments.lock();
        let is_it = |segment: &Segment| segment.path == open.path;
        let Some(place) = segments.iter().position(is_it) else {
            // Its records were covered meanwhile.
            return;
        };
        let has_records = open.synced > SEGMENT_HEADER_BYTES as u64;
        let good_bytes = if has_records { open.synced } else { 0 };
        if has_records {
            if let Err(error) = open.file.truncate(good_bytes) {
                tracing::debug!(segment = %open.path.display(), %error, "the end of a segment stays");
            }
        } else if self.files.remove(&open.path).is_err() {
            return;
        }
        let segment = &mut segments[place];
        let dropped = segment.bytes.saturating_sub(good_bytes);
        self.bytes.fetch_sub(dropped, Ordering::Relaxed);
        segment.bytes = good_bytes;
        if !has_records {
            segments.remove(place);
        }
    }

    /// Draws the consequence of a write: what may pass is remembered and tried again, anything else
    /// is final.
    pub(crate) fn note_result(&self, result: &Result<(), WalError>) {
        let mut state = self.state.lock();
        match result {
            Ok(()) => {
                if state.refused.take().is_some() {
                    tracing::info!("the write-ahead log is written again");
                }
            }
            Err(error) if error.may_pass() => {
                if state.refused.is_none() {
                    tracing::warn!(%error, "writes are refused until the write-ahead log can be written");
                }
                state.refused = Some((Instant::now(), error.clone()));
            }
            Err(error) => {
                if state.stopped.is_none() {
                    tracing::error!(%error, "the write-ahead log stops taking writes");
                    state.stopped = Some(error.to_string());
                }
            }
        }
    }
}

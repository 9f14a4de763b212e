//! The committer is the one thread that writes: records that wait become a group, one fsync makes it
//! durable, then those who wait are called back.
//!
//! While an fsync is in flight further records gather, and the next write takes them all: under load
//! the disk's own latency sets the size of a group, and an idle log syncs at once. Decided by the
//! outcome of a write: what may pass, as a full disk, fails the records at hand and is tried again
//! later, in a new segment if an fsync failed; anything else ends writing for good, as nobody can say
//! any more what the disk holds. Records that were acknowledged before such an fsync (modes interval
//! and none) stay where they are, and [`crate::Wal::unsure`] says up to where they lie.

use crate::files;
use crate::queue::{Queued, Shared};
use crate::record::{RECORD_HEADER_BYTES, RecordHeader, SEGMENT_HEADER_BYTES};
use crate::segment::{self, Open, Segment};
use crate::{Sync, WalError};
use std::collections::HashMap;
use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Buffers kept for reuse, and the largest worth keeping, in bytes.
const SPARE_BUFFERS: usize = 16;
const SPARE_BUFFER_BYTES: usize = 4 << 20;

/// A segment that can't be followed by a new one, for want of a descriptor, grows to at most this
/// many times its bytes before records are refused.
const OVERGROWN: u64 = 4;

/// The thread that writes.
pub(crate) struct Committer {
    shared: Arc<Shared>,
    open: Option<Open>,
    /// When a segment is next begun after one could not be.
    roll_after: Option<Instant>,
}

impl Committer {
    pub(crate) fn new(shared: Arc<Shared>) -> Committer {
        Committer {
            shared,
            open: None,
            roll_after: None,
        }
    }

    /// Runs until the log is closed.
    pub(crate) fn run(mut self) {
        loop {
            let (batch, closing) = self.next_batch();
            if !batch.is_empty() {
                self.commit(batch);
            } else if self.is_unsynced() && (closing || self.shared.options.sync == Sync::Interval)
            {
                let result = self.sync();
                self.shared.note_result(&result);
            }
            if closing && self.shared.state.lock().queue.is_empty() {
                return;
            }
        }
    }

    /// Waits for records; gives none when it is time to sync or to end.
    fn next_batch(&self) -> (Vec<Queued>, bool) {
        let mut state = self.shared.state.lock();
        while state.queue.is_empty() && !state.closing {
            if self.is_unsynced() && self.shared.options.sync == Sync::Interval {
                if self
                    .shared
                    .work
                    .wait_for(&mut state, self.shared.options.interval)
                    .timed_out()
                {
                    break;
                }
            } else {
                self.shared.work.wait(&mut state);
            }
        }
        state.queued_bytes = 0;
        (std::mem::take(&mut state.queue), state.closing)
    }

    /// Writes a group as the mode says and tells those who wait.
    fn commit(&mut self, mut batch: Vec<Queued>) {
        while !batch.is_empty() {
            let take = match self.shared.options.sync {
                Sync::Always => 1,
                Sync::Group | Sync::Interval | Sync::None => batch.len(),
            };
            let rest = batch.split_off(take);
            let result = self.write_group(&mut batch);
            self.shared.note_result(&result);
            self.finish(batch, &result);
            batch = rest;
        }
    }

    fn write_group(&mut self, group: &mut [Queued]) -> Result<(), WalError> {
        if let Some(why) = &self.shared.state.lock().stopped {
            return Err(WalError::Stopped(why.clone()));
        }
        self.roll(group[0].sequence)?;
        let open = self.open.as_mut().expect("roll opened a segment");
        let mut bytes = 0;
        for queued in group.iter_mut() {
            let record = &mut queued.record;
            let tenant_bytes = record.tenant.len();
            let header = RecordHeader {
                sequence: queued.sequence,
                tenant_bytes: tenant_bytes as u16,
                payload_bytes: (record.bytes.len() - RECORD_HEADER_BYTES - tenant_bytes) as u32,
                body_crc: record.body_crc,
            };
            record.bytes[..RECORD_HEADER_BYTES].copy_from_slice(&header.encode(open.salt));
            bytes += record.bytes.len() as u64;
        }
        let slices: Vec<IoSlice<'_>> = group
            .iter()
            .map(|q| IoSlice::new(&q.record.bytes))
            .collect();
        if let Err(error) = open.file.append(&slices) {
            return Err(self.failed_write(error));
        }
        open.bytes += bytes;
        self.shared.note_written(group, bytes);
        match self.shared.options.sync {
            Sync::Group | Sync::Always => self.sync(),
            Sync::Interval | Sync::None => Ok(()),
        }
    }

    /// Makes sure that a segment with room is open. While none can be begun the one that is open
    /// takes more than its share.
    fn roll(&mut self, first_sequence: u64) -> Result<(), WalError> {
        let segment_bytes = self.shared.options.segment_bytes;
        let held = self.open.as_ref().map(|open| open.bytes);
        if held.is_some_and(|bytes| bytes < segment_bytes) {
            return Ok(());
        }
        let grows_on = held.is_some_and(|bytes| bytes < segment_bytes.saturating_mul(OVERGROWN));
        if grows_on && self.roll_after.is_some_and(|at| Instant::now() < at) {
            return Ok(());
        }
        self.sync()?;
        let shared = &self.shared;
        let (files, folder) = (&*shared.files, &shared.folder);
        match segment::create(files, folder, &*shared.names, first_sequence) {
            Ok(open) => {
                shared.bytes.fetch_add(open.bytes, Ordering::Relaxed);
                shared.segments.lock().push_back(Segment {
                    path: open.path.clone(),
                    bytes: open.bytes,
                    last: HashMap::new(),
                });
                self.open = Some(open);
                self.roll_after = None;
                Ok(())
            }
            // Nothing was written, so nothing is in doubt.
            Err(error) => match WalError::undone("creating a wal segment", error) {
                WalError::Short { .. } if grows_on => {
                    self.roll_after = Some(Instant::now() + shared.options.full_retry);
                    Ok(())
                }
                error => Err(error),
            },
        }
    }

    /// Takes a cut-short write back when it may be tried again, so that later records follow whole
    /// ones.
    fn failed_write(&mut self, error: std::io::Error) -> WalError {
        let open = self.open.as_ref().expect("a write needs a segment");
        if files::may_pass(&error) && open.file.truncate(open.bytes).is_err() {
            return self.leave_segment("writing to the wal", error);
        }
        WalError::undone("writing to the wal", error)
    }

    /// Whether written bytes wait for an fsync.
    fn is_unsynced(&self) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|open| open.synced < open.bytes)
    }

    fn sync(&mut self) -> Result<(), WalError> {
        let Some(open) = self.open.as_mut().filter(|open| open.synced < open.bytes) else {
            return Ok(());
        };
        if let Err(error) = open.file.sync() {
            return Err(self.leave_segment("syncing the wal", error));
        }
        open.synced = open.bytes;
        self.shared.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Gives the open segment up at the place where it was last synced. What follows is unknown, as
    /// a failed fsync may have dropped it, and a later one would not say so. The next record goes
    /// into another segment. What was not acknowledged is cut off; what was stays, as far as the
    /// disk has it, until the owner of the log has it elsewhere.
    fn leave_segment(&mut self, doing: &str, error: std::io::Error) -> WalError {
        if !files::may_pass(&error) {
            return WalError::io(doing, error);
        }
        let acknowledges_unsynced = match self.shared.options.sync {
            Sync::Group | Sync::Always => false,
            Sync::Interval | Sync::None => self.is_unsynced_with_records(),
        };
        if let Some(open) = self.open.take() {
            match acknowledges_unsynced {
                true => self.shared.note_unsure(&open),
                false => self.shared.drop_end(&open),
            }
        }
        WalError::undone(doing, error)
    }

    /// Whether records wait for an fsync, and not a segment's header alone.
    fn is_unsynced_with_records(&self) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|open| open.synced.max(SEGMENT_HEADER_BYTES as u64) < open.bytes)
    }

    fn finish(&self, group: Vec<Queued>, result: &Result<(), WalError>) {
        let delay = self.shared.slow_down.load(Ordering::Relaxed);
        if delay > 0 {
            std::thread::sleep(Duration::from_micros(delay));
        }
        let mut spare = std::mem::take(&mut self.shared.state.lock().spare);
        for queued in group {
            spare.push(queued.record.bytes);
            keep_spare(&mut spare, self.shared.options.spare_bytes);
            (queued.done)(result.clone());
        }
        let mut state = self.shared.state.lock();
        spare.append(&mut state.spare);
        keep_spare(&mut spare, self.shared.options.spare_bytes);
        state.spare = spare;
    }
}

/// Keeps as many buffers as are worth it and have at most `bytes` together.
fn keep_spare(spare: &mut Vec<Vec<u8>>, bytes: usize) {
    let mut kept = 0;
    spare.retain(|buffer| {
        let fits = buffer.capacity() <= SPARE_BUFFER_BYTES && kept + buffer.capacity() <= bytes;
        kept += if fits { buffer.capacity() } else { 0 };
        fits
    });
    spare.truncate(SPARE_BUFFERS);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_buffers_are_kept_and_none_that_is_large() {
        let buffers =
            |sizes: &[usize]| sizes.iter().map(|size| Vec::with_capacity(*size)).collect();
        let mut spare: Vec<Vec<u8>> = buffers(&[SPARE_BUFFER_BYTES + 1, 400, 700, 500, 100]);
        keep_spare(&mut spare, 1000);
        let sizes: Vec<usize> = spare.iter().map(Vec::capacity).collect();
        assert_eq!(sizes, [400, 500, 100]);
        let mut spare = buffers(&[1; SPARE_BUFFERS + 1]);
        keep_spare(&mut spare, 1000);
        assert_eq!(spare.len(), SPARE_BUFFERS);
    }
}

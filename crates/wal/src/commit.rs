//! The `Wal` handle truncates torn tails when opened; one thread then commits queued records in groups.
//!
//! While an fsync is in flight further records gather, and the next write takes them all: under load the
//! disk's own latency sets the size of a group, and an idle log syncs at once. Decided by the outcome of
//! a write: a full disk fails the records at hand and is tried again later, anything else that fails,
//! above all an fsync, ends writing for good, as nobody can say any more what the disk holds.

use crate::files::{Files, FolderHandle};
use crate::queue::{Done, Encoded, Queued, SPARE_BUFFER_BYTES, SPARE_BUFFERS, State};
use crate::record::{RECORD_HEADER_BYTES, RecordHeader};
use crate::replay::{ReplayReport, Replayed, TailKind, replay_segment};
use crate::segment::{self, Open, Segment};
use crate::{Options, Sync, WalError};
use parking_lot::{Condvar, Mutex};
use std::collections::{HashMap, VecDeque};
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A segment that can't be followed by a new one, for want of a descriptor, grows to at most this many
/// times its bytes before records are refused.
const OVERGROWN: u64 = 4;

struct Shared {
    files: Arc<dyn Files>,
    folder: PathBuf,
    /// The folder, open as long as the log is: new names never wait for a descriptor to be durable.
    names: Box<dyn FolderHandle>,
    options: Options,
    state: Mutex<State>,
    work: Condvar,
    /// All segments, oldest first; the last grows while `open` in the committer is `Some`.
    segments: Mutex<VecDeque<Segment>>,
    bytes: AtomicU64,
    syncs: AtomicU64,
    slow_down: AtomicU64,
}

/// A log, open for appending.
pub struct Wal {
    shared: Arc<Shared>,
    committer: Mutex<Option<JoinHandle<()>>>,
}

impl Wal {
    /// Opens the log in `folder` and hands every whole record in it to `on_record`, oldest first.
    pub fn open<E: From<WalError>>(
        files: Arc<dyn Files>,
        folder: &Path,
        options: Options,
        mut on_record: impl FnMut(Replayed<'_>) -> Result<(), E>,
    ) -> Result<(Wal, ReplayReport), E> {
        files
            .create_folder(folder)
            .map_err(|e| WalError::io(format!("creating {}", folder.display()), e))?;
        let names = files
            .open_folder(folder)
            .map_err(|e| WalError::io(format!("opening {}", folder.display()), e))?;
        let mut report = ReplayReport::default();
        let segments = replay_all(&*files, folder, &mut report, &mut on_record)?;
        // Above every segment's name too: a segment whose records were all lost keeps its name.
        let last_named = segments
            .iter()
            .map(|s| segment::first_sequence_of(&s.path))
            .max()
            .unwrap_or(0);
        let next_sequence = options
            .first_sequence
            .max(report.last_sequence.max(last_named) + 1);
        let bytes = segments.iter().map(|s| s.bytes).sum();
        let shared = Arc::new(Shared {
            files,
            folder: folder.to_owned(),
            names,
            options,
            state: Mutex::new(State {
                next_sequence,
                ..State::default()
            }),
            work: Condvar::new(),
            segments: Mutex::new(segments),
            bytes: AtomicU64::new(bytes),
            syncs: AtomicU64::new(0),
            slow_down: AtomicU64::new(0),
        });
        let committer = Committer {
            shared: shared.clone(),
            open: None,
            unsynced: false,
            roll_after: None,
        };
        let thread = std::thread::Builder::new()
            .name("wal".to_owned())
            .spawn(move || committer.run());
        let thread = thread.map_err(|e| WalError::io("starting the wal thread", e))?;
        Ok((
            Wal {
                shared,
                committer: Mutex::new(Some(thread)),
            },
            report,
        ))
    }

    /// Builds a record from what `write_payload` appends; takes no lock for long.
    pub fn encode(&self, tenant: &Arc<str>, write_payload: impl FnOnce(&mut Vec<u8>)) -> Encoded {
        let mut bytes = self.shared.state.lock().spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.resize(RECORD_HEADER_BYTES, 0);
        bytes.extend_from_slice(tenant.as_bytes());
        write_payload(&mut bytes);
        let body_crc = crc32fast::hash(&bytes[RECORD_HEADER_BYTES..]);
        Encoded {
            tenant: tenant.clone(),
            bytes,
            body_crc,
        }
    }

    /// Queues a record and gives its sequence number. `done` is called unless an error is returned.
    pub fn append(&self, record: Encoded, done: Done) -> Result<u64, WalError> {
        let mut state = self.shared.state.lock();
        if let Some(why) = &state.stopped {
            return Err(WalError::Stopped(why.clone()));
        }
        if state.closing {
            return Err(WalError::Stopped("the log is closed".to_owned()));
        }
        if let Some(since) = state.full {
            if since.elapsed() < self.shared.options.full_retry {
                return Err(WalError::DiskFull);
            }
            // This record tries the disk on behalf of all; the others keep being refused meanwhile.
            state.full = Some(Instant::now());
        }
        let sequence = state.next_sequence;
        state.next_sequence += 1;
        state.queued_bytes += record.bytes.len() as u64;
        state.queue.push(Queued {
            record,
            sequence,
            done,
        });
        self.shared.work.notify_one();
        Ok(sequence)
    }

    /// Removes the segments all of whose records are covered: of each tenant those up to the sequence
    /// number that `covered` gives. A tenant that is behind keeps only the segments that have records
    /// of its own.
    pub fn truncate(&self, covered: &dyn Fn(&str) -> u64) -> Result<(), WalError> {
        let mut removed = false;
        let mut at = 0;
        loop {
            // Once for each segment: the log's thread waits for this lock.
            let mut segments = self.shared.segments.lock();
            // The last segment may be growing.
            if at + 1 >= segments.len() {
                break;
            }
            if !segments[at].is_covered(covered) {
                at += 1;
                continue;
            }
            let segment = &segments[at];
            let result = self.shared.files.remove(&segment.path);
            result.map_err(|e| WalError::io(format!("removing {}", segment.path.display()), e))?;
            self.shared
                .bytes
                .fetch_sub(segment.bytes, Ordering::Relaxed);
            segments.remove(at);
            removed = true;
        }
        if removed {
            let folder = self.shared.folder.display();
            let synced = self.shared.names.sync();
            synced.map_err(|e| WalError::io(format!("syncing {folder}"), e))?;
        }
        Ok(())
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Bytes that wait to be written.
    pub fn queued_bytes(&self) -> u64 {
        self.shared.state.lock().queued_bytes
    }

    /// fsyncs so far.
    pub fn syncs(&self) -> u64 {
        self.shared.syncs.load(Ordering::Relaxed)
    }

    /// Why no record is taken any more.
    pub fn stopped(&self) -> Option<String> {
        self.shared.state.lock().stopped.clone()
    }

    /// Whether the disk was full when last tried.
    pub fn is_full(&self) -> bool {
        self.shared.state.lock().full.is_some()
    }

    /// Ends writing for good, for a reason found elsewhere (another file's fsync failed).
    pub fn stop(&self, why: &str) {
        let mut state = self.shared.state.lock();
        state.stopped.get_or_insert_with(|| why.to_owned());
    }

    /// Lets every group wait this long before its callbacks run: slows writers down without refusing.
    pub fn slow_down(&self, delay: Duration) {
        self.shared
            .slow_down
            .store(delay.as_micros() as u64, Ordering::Relaxed);
    }

    /// Writes and syncs what is queued and ends the thread. Later appends are refused.
    pub fn close(&self) {
        self.shared.state.lock().closing = true;
        self.shared.work.notify_one();
        let thread = self.committer.lock().take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the wal thread panicked");
        }
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        self.close();
    }
}

/// Replays all segments, truncates their tails and removes those without any record.
fn replay_all<E: From<WalError>>(
    files: &dyn Files,
    folder: &Path,
    report: &mut ReplayReport,
    on_record: &mut dyn FnMut(Replayed<'_>) -> Result<(), E>,
) -> Result<VecDeque<Segment>, E> {
    let mut segments = VecDeque::new();
    for path in segment::list(files, folder)? {
        let mut names: HashMap<String, Arc<str>> = HashMap::new();
        let mut segment = Segment {
            path,
            bytes: 0,
            last: HashMap::new(),
        };
        let path = segment.path.clone();
        let damage_before = report.damage.len();
        let end = replay_segment(files, &path, report, &mut |record: Replayed<'_>| {
            let tenant = names
                .entry(record.tenant.to_owned())
                .or_insert_with(|| Arc::from(record.tenant));
            segment.note(tenant, record.sequence);
            on_record(record)
        })?;
        segment.bytes = end.good_bytes;
        let failed = |e| WalError::io(format!("truncating {}", path.display()), e);
        let damaged = report.damage.len() > damage_before;
        // Records that can't be read any more, and nothing else: nothing is truncated, the file is put aside.
        let is_all_damaged = damaged || end.tail == Some(TailKind::Damaged);
        let is_aside = segment.last.is_empty() && is_all_damaged;
        if end.good_bytes < end.file_bytes && !damaged && end.good_bytes > 0 && !is_aside {
            files.truncate(&path, end.good_bytes).map_err(failed)?;
        }
        if is_aside {
            // Out of the log's way, which would remove it as one whose records are all covered; a person may still
            // find something in it.
            let mut kept = path.clone().into_os_string();
            kept.push(segment::DAMAGED);
            files.rename(&path, Path::new(&kept)).map_err(failed)?;
            report.last_sequence = report.last_sequence.max(segment::first_sequence_of(&path));
        } else if segment.last.is_empty() {
            files.remove(&path).map_err(failed)?;
        } else {
            segments.push_back(segment);
        }
    }
    Ok(segments)
}

/// The thread that writes.
struct Committer {
    shared: Arc<Shared>,
    open: Option<Open>,
    /// Whether written bytes wait for an fsync.
    unsynced: bool,
    /// When a segment is next begun after one could not be.
    roll_after: Option<Instant>,
}

impl Committer {
    fn run(mut self) {
        loop {
            let (batch, closing) = self.next_batch();
            if !batch.is_empty() {
                self.commit(batch);
            } else if self.unsynced && (closing || self.shared.options.sync == Sync::Interval) {
                let result = self.sync();
                self.shared.note_failure(&result);
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
            if self.unsynced && self.shared.options.sync == Sync::Interval {
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
            self.shared.note_failure(&result);
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
        self.unsynced = true;
        self.shared.note_written(group, bytes);
        match self.shared.options.sync {
            Sync::Group | Sync::Always => self.sync(),
            Sync::Interval | Sync::None => Ok(()),
        }
    }

    /// Makes sure that a segment with room is open. While none can be begun the one that is open takes
    /// more than its share.
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
        if self.unsynced {
            self.sync()?;
        }
        let shared = &self.shared;
        match segment::create(
            &*shared.files,
            &shared.folder,
            &*shared.names,
            first_sequence,
        ) {
            Ok((path, open)) => {
                shared.bytes.fetch_add(open.bytes, Ordering::Relaxed);
                shared.segments.lock().push_back(Segment {
                    path,
                    bytes: open.bytes,
                    last: HashMap::new(),
                });
                self.open = Some(open);
                self.roll_after = None;
                Ok(())
            }
            Err(error) => match WalError::undone("creating a wal segment", error) {
                WalError::Short { .. } if grows_on => {
                    self.roll_after = Some(Instant::now() + shared.options.full_retry);
                    Ok(())
                }
                error => Err(error),
            },
        }
    }

    /// Takes a cut-short write back when it may be tried again, so that later records follow whole ones.
    fn failed_write(&mut self, error: std::io::Error) -> WalError {
        let open = self.open.as_ref().expect("a write needs a segment");
        let error = WalError::undone("writing to the wal", error);
        if let WalError::DiskFull | WalError::Short { .. } = error
            && open.file.truncate(open.bytes).is_err()
        {
            // The reader finds its way past the rest; new records go to a new segment.
            self.open = None;
        }
        error
    }

    fn sync(&mut self) -> Result<(), WalError> {
        let Some(open) = &self.open else {
            return Ok(());
        };
        open.file
            .sync()
            .map_err(|e| WalError::io("syncing the wal", e))?;
        self.unsynced = false;
        self.shared.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn finish(&self, group: Vec<Queued>, result: &Result<(), WalError>) {
        let delay = self.shared.slow_down.load(Ordering::Relaxed);
        if delay > 0 {
            std::thread::sleep(Duration::from_micros(delay));
        }
        let mut buffers = Vec::with_capacity(group.len());
        for queued in group {
            buffers.push(queued.record.bytes);
            (queued.done)(result.clone());
        }
        let mut state = self.shared.state.lock();
        buffers.retain(|b| b.capacity() <= SPARE_BUFFER_BYTES);
        buffers.truncate(SPARE_BUFFERS - state.spare.len().min(SPARE_BUFFERS));
        state.spare.append(&mut buffers);
    }
}

impl Shared {
    fn note_written(&self, group: &[Queued], bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let mut segments = self.segments.lock();
        let segment = segments.back_mut().expect("the open segment is listed");
        segment.bytes += bytes;
        for queued in group {
            segment.note(&queued.record.tenant, queued.sequence);
        }
    }

    /// Draws the consequence of a write: a full disk is remembered, anything else is final.
    fn note_failure(&self, result: &Result<(), WalError>) {
        let mut state = self.state.lock();
        match result {
            Ok(()) => state.full = None,
            Err(WalError::DiskFull) => state.full = Some(Instant::now()),
            Err(WalError::Short { .. }) => {}
            Err(error) => {
                if state.stopped.is_none() {
                    tracing::error!(%error, "the write-ahead log stops taking writes");
                    state.stopped = Some(error.to_string());
                }
            }
        }
    }
}

//! The `Wal` handle queues records, says how the log is, and removes segments that are covered.

use crate::committer::Committer;
use crate::files::Files;
use crate::queue::{Done, Encoded, Queued, Shared, State};
use crate::record::RECORD_HEADER_BYTES;
use crate::recovery::{Recovered, replay_all};
use crate::replay::{ReplayReport, Replayed};
use crate::{Options, WalError};
use parking_lot::{Condvar, Mutex};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

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
        let Recovered {
            segments,
            last_named,
        } = replay_all(&*files, folder, &mut report, &mut on_record)?;
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
            unsure: AtomicU64::new(0),
            slow_down: AtomicU64::new(0),
        });
        let committer = Committer::new(shared.clone());
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
        if let Some((since, why)) = &mut state.refused {
            if since.elapsed() < self.shared.options.full_retry {
                return Err(why.clone());
            }
            // This record tries the disk on behalf of all; the others keep being refused meanwhile.
            *since = Instant::now();
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

    /// The last acknowledged record that may not be on disk, because an fsync failed after it was
    /// acknowledged; 0 when there is none. What is not covered up to it is safe once it lies
    /// elsewhere. Only in the modes interval and none.
    pub fn unsure(&self) -> u64 {
        self.shared.unsure.load(Ordering::Relaxed)
    }

    /// Why no record is taken any more.
    pub fn stopped(&self) -> Option<String> {
        self.shared.state.lock().stopped.clone()
    }

    /// Whether the disk was full when last tried.
    pub fn is_full(&self) -> bool {
        matches!(self.refused(), Some(WalError::DiskFull))
    }

    /// Why records are refused for now, when they are.
    pub fn refused(&self) -> Option<WalError> {
        let state = self.shared.state.lock();
        state.refused.as_ref().map(|(_, why)| why.clone())
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

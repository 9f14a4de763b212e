//! A journal of changes to a state that lies in memory: replayed when it is opened, and restated by its owner
//! when it has grown, so that it stays as small as the state.

use crate::environment::Environment;
use crate::error::OutboundError;
use skald_wal::{Options, Replayed, Sync, Wal, WalError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

/// Bytes of a segment: what is given back at once when the state has been restated.
const SEGMENT_BYTES: u64 = 1 << 20;

/// Bytes beyond which the state is restated, at least.
const RESTATE_BYTES: u64 = 4 << 20;

/// An open journal.
pub(crate) struct Journal {
    wal: Wal,
    folder: PathBuf,
    key: Arc<str>,
    /// Size at which the state is to be restated.
    restate_at: AtomicU64,
    failures: Arc<AtomicU64>,
    /// Whether a failure was logged since the last change that was taken.
    has_warned: Arc<AtomicBool>,
}

impl Journal {
    /// Opens the journal in a folder and hands on each change in it, oldest first.
    pub(crate) fn open(
        environment: &Environment,
        folder: &Path,
        mut on_change: impl FnMut(&[u8]),
    ) -> Result<Journal, OutboundError> {
        let made = environment.make_folder(folder);
        made.map_err(|error| OutboundError::folder(folder, error))?;
        let options = Options {
            sync: Sync::Group,
            segment_bytes: SEGMENT_BYTES,
            ..Options::default()
        };
        let hand_on = |record: Replayed<'_>| {
            on_change(record.payload);
            Ok::<(), WalError>(())
        };
        let opened = Wal::open(environment.files.clone(), folder, options, hand_on);
        let (wal, report) = opened.map_err(|error| OutboundError::queue(folder, error))?;
        for damage in &report.damage {
            tracing::warn!(folder = %folder.display(), damage, "changes of a journal can't be read");
        }
        Ok(Journal {
            restate_at: AtomicU64::new(RESTATE_BYTES),
            wal,
            folder: folder.to_owned(),
            key: Arc::from("journal"),
            failures: Arc::default(),
            has_warned: Arc::default(),
        })
    }

    /// Adds a change without waiting. The owner holds the lock of its state, so that changes lie in the order
    /// in which they were made. A disk that takes none costs no notification: it is counted.
    pub(crate) fn add(&self, change: &[u8]) -> Ticket {
        let record = self
            .wal
            .encode(&self.key, |out| out.extend_from_slice(change));
        let (sender, receiver) = mpsc::channel();
        let (failures, has_warned) = (Arc::clone(&self.failures), Arc::clone(&self.has_warned));
        let folder = self.folder.clone();
        let note = move |result: Result<(), WalError>| match result {
            Ok(()) => {
                has_warned.store(false, Ordering::Relaxed);
                // Nobody may wait any more.
                let _ = sender.send(());
            }
            Err(error) => {
                failures.fetch_add(1, Ordering::Relaxed);
                if !has_warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(folder = %folder.display(), %error, "what waits to be sent is not on disk, a restart would forget it");
                }
            }
        };
        let refused = note.clone();
        let sequence = match self.wal.append(record, Box::new(note)) {
            Ok(sequence) => sequence,
            Err(error) => {
                refused(Err(error));
                0
            }
        };
        Ticket { sequence, receiver }
    }

    /// Whether the owner should restate its state.
    pub(crate) fn is_large(&self) -> bool {
        self.wal.bytes() > self.restate_at.load(Ordering::Relaxed)
    }

    /// Adds the whole state as changes. The owner holds the lock of its state.
    pub(crate) fn restate(&self, changes: impl Iterator<Item = Vec<u8>>) -> Vec<Ticket> {
        let (mut tickets, mut bytes) = (Vec::new(), 0);
        for change in changes {
            bytes += change.len() as u64;
            tickets.push(self.add(&change));
        }
        self.restate_at
            .store((4 * bytes).max(RESTATE_BYTES), Ordering::Relaxed);
        tickets
    }

    /// Removes what lies before a restated state, once all of that is durable. `before` is the last change that
    /// was added before it; without the lock of the state.
    pub(crate) fn forget(&self, before: u64, restated: Vec<Ticket>) {
        let first = restated
            .first()
            .map_or(before + 1, |ticket| ticket.sequence);
        if !restated.into_iter().all(Ticket::wait) {
            return;
        }
        if let Err(error) = self.wal.truncate(&|_| first.saturating_sub(1)) {
            tracing::warn!(%error, "a journal could not be shortened");
        }
    }

    /// Changes that are not on disk.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Writes what was added and ends.
    pub(crate) fn close(&self) {
        self.wal.close();
    }
}

/// A change on its way to the disk.
#[must_use]
pub(crate) struct Ticket {
    sequence: u64,
    receiver: mpsc::Receiver<()>,
}

impl Ticket {
    /// Waits until the change is durable, or refused; whether it is durable.
    pub(crate) fn wait(self) -> bool {
        // The other end goes without a word when the log refuses or ends.
        self.receiver.recv().is_ok()
    }

    /// Its place in the journal; 0 when it was refused at once.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Does not wait: nothing hangs on the change.
    pub(crate) fn forget(self) {}
}

//! Patient files: a file system that opens again what failed for want of a descriptor or memory.
//!
//! Before each attempt files of parts are closed; when there are none left to close it waits, a
//! little longer each time, and then gives up: the caller tries again later.

use super::OpenFiles;
use crate::files::{FileHandle, Files, FolderHandle, Listed, is_transient};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Waits of one step; each is twice the one before.
const WAITS: u32 = 5;

/// Another file system, asked again while it is short of descriptors.
#[derive(Debug)]
pub(crate) struct PatientFiles {
    files: Arc<dyn Files>,
    open: Arc<OpenFiles>,
    first_wait: Duration,
    /// Set when the directory is given up: it may be another store's by now.
    closed: AtomicBool,
}

impl PatientFiles {
    /// Over `files`, with `patience` for each step.
    pub(crate) fn new(
        files: Arc<dyn Files>,
        open: Arc<OpenFiles>,
        patience: Duration,
    ) -> PatientFiles {
        PatientFiles {
            files,
            open,
            first_wait: patience / (2u32.pow(WAITS) - 1),
            closed: AtomicBool::new(false),
        }
    }

    /// Refuses every change from now on; what is there can still be read.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Fails once closed.
    fn check_ours(&self) -> io::Result<()> {
        match self.closed.load(Ordering::Acquire) {
            true => Err(io::Error::other("the store is closed")),
            false => Ok(()),
        }
    }

    fn patiently<T>(&self, attempt: impl Fn(&dyn Files) -> io::Result<T>) -> io::Result<T> {
        let mut waits = 0;
        loop {
            match attempt(&*self.files) {
                Err(error) if is_transient(&error) => {
                    if self.open.shed() > 0 {
                        continue;
                    }
                    if waits == WAITS {
                        return Err(error);
                    }
                    std::thread::sleep(self.first_wait * 2u32.pow(waits));
                    waits += 1;
                }
                result => return result,
            }
        }
    }
}

impl Files for PatientFiles {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn FileHandle>> {
        self.check_ours()?;
        self.patiently(|files| files.create(path))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn FileHandle>> {
        self.patiently(|files| files.open(path))
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        self.check_ours()?;
        self.patiently(|files| files.truncate(path, len))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check_ours()?;
        self.files.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.check_ours()?;
        self.files.remove(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.check_ours()?;
        self.patiently(|files| files.remove_folder(path))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Listed>> {
        self.patiently(|files| files.list(folder))
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.check_ours()?;
        self.patiently(|files| files.create_folder(folder))
    }

    fn open_folder(&self, folder: &Path) -> io::Result<Box<dyn FolderHandle>> {
        self.patiently(|files| files.open_folder(folder))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send + Sync>>> {
        self.patiently(|files| files.lock(path))
    }
}

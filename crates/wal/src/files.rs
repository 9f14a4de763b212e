//! `Files` is the file system as a trait, so that crash tests can replace the real disk.
//!
//! [`Files`] is everything the log and the store do to a file system; [`RealFiles`] does it, and
//! crash simulations put their own in its place. Contract: bytes survive a crash only after
//! [`FileHandle::sync`], names (created, renamed, removed) only after [`FolderHandle::sync`] of the
//! folder that holds them. Opening takes a descriptor and may fail for want of one
//! ([`is_transient`]); what is open stays usable.

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::{fmt, io};

/// A file system.
pub trait Files: Send + Sync + fmt::Debug {
    /// A new empty file for appending and reading; an old one of that name is emptied.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn FileHandle>>;
    /// An existing file for reading.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn FileHandle>>;
    /// Truncates an existing file to `len` bytes and syncs it.
    fn truncate(&self, path: &Path, len: u64) -> io::Result<()>;
    /// Replaces `to` by `from` atomically.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder and all in it: derived data only.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
    /// Names in a folder, sorted; empty when there is no such folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<Listed>>;
    /// Makes a folder and those above it.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    /// A folder whose names are to be made durable: opened before they change, so that no lack of
    /// descriptors leaves them in doubt.
    fn open_folder(&self, folder: &Path) -> io::Result<Box<dyn FolderHandle>>;
    /// Makes the names in a folder durable, where trying again is sound.
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.open_folder(folder)?.sync()
    }
    /// Takes an exclusive lock that ends with the value; `None` when another process has it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send + Sync>>>;
}

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The last part of the path.
    pub name: String,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// An open folder.
pub trait FolderHandle: Send + Sync + fmt::Debug {
    /// Makes the names in it durable.
    fn sync(&self) -> io::Result<()>;
}

/// An open file.
pub trait FileHandle: Send + Sync + fmt::Debug {
    /// Writes slices one after the other at the end; after an error any part of them may be there.
    fn append(&self, slices: &[IoSlice<'_>]) -> io::Result<()>;
    /// Fills `buffer` from offset `at`; fails when the file is shorter.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()>;
    /// The `len` bytes from offset `at` on; fails when the file is shorter.
    fn read_new(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.read_at(at, &mut bytes)?;
        Ok(bytes)
    }
    /// Bytes in the file.
    fn size(&self) -> io::Result<u64>;
    /// Cuts the file to `len` bytes, not synced.
    fn truncate(&self, len: u64) -> io::Result<()>;
    /// Makes the bytes durable.
    fn sync(&self) -> io::Result<()>;
}

/// The operating system's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFiles;

impl Files for RealFiles {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn FileHandle>> {
        // Append and truncate together are refused by std, so the truncation is a step of its own.
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        file.set_len(0)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn FileHandle>> {
        Ok(Arc::new(RealFile(File::open(path)?)))
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(len)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir_all(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Listed>> {
        let entries = match std::fs::read_dir(folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let is_folder = entry.file_type()?.is_dir();
            // Every name of ours is ASCII; what is not was put there by somebody else.
            if let Ok(name) = entry.file_name().into_string() {
                names.push(Listed { name, is_folder });
            }
        }
        names.sort();
        Ok(names)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)
    }

    fn open_folder(&self, folder: &Path) -> io::Result<Box<dyn FolderHandle>> {
        Ok(Box::new(RealFolder(File::open(folder)?)))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send + Sync>>> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = match file {
            // Reading is still possible, and an older LOCK can be held.
            Err(e) if e.kind() == io::ErrorKind::ReadOnlyFilesystem => File::open(path)?,
            file => file?,
        };
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }
}

#[derive(Debug)]
struct RealFolder(File);

impl FolderHandle for RealFolder {
    fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

#[derive(Debug)]
struct RealFile(File);

impl FileHandle for RealFile {
    fn append(&self, slices: &[IoSlice<'_>]) -> io::Result<()> {
        let mut copy = slices.to_vec();
        let mut rest = copy.as_mut_slice();
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            match (&self.0).write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => IoSlice::advance_slices(&mut rest, n),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, at)
    }

    // As above, but into memory that nobody had to clear.
    fn read_new(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let offset = at.saturating_add(bytes.len() as u64);
            match rustix::io::pread(&self.0, spare_capacity(&mut bytes), offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(len);
        Ok(bytes)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// Whether an error says that the disk, or the user's share of it, is full.
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Whether an error says that the system is short of something for a moment: descriptors, memory,
/// threads. Nothing was done, and trying again is sound.
pub fn is_transient(error: &io::Error) -> bool {
    let short = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOMEM,
        Errno::AGAIN,
        Errno::INTR,
    ];
    Errno::from_io_error(error).is_some_and(|errno| short.contains(&errno))
}

/// Whether an error may pass by itself: one that is transient, a full disk, a file system that is
/// mounted read-only. What was synced before stands.
pub fn may_pass(error: &io::Error) -> bool {
    is_transient(error) || is_full(error) || error.kind() == io::ErrorKind::ReadOnlyFilesystem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_from_where_they_are_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = RealFiles
            .create(&folder.path().join("file"))
            .expect("the folder takes it");
        file.append(&[IoSlice::new(b"some "), IoSlice::new(b"bytes")])
            .expect("the disk takes it");
        assert_eq!(file.read_new(0, 10).expect("they are there"), b"some bytes");
        assert_eq!(file.read_new(5, 3).expect("they are there"), b"byt");
        assert_eq!(file.read_new(7, 0).expect("none are asked for"), b"");
        for (at, len) in [(5, 6), (11, 1), (u64::MAX, 1)] {
            assert!(file.read_new(at, len).is_err(), "{len} bytes from {at} on");
        }
    }
}

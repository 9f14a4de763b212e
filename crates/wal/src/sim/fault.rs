//! Faults of a simulated disk, as errors of the system.

use rustix::io::Errno;
use std::io;

/// What a disk says when it refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// It is broken.
    #[default]
    Broken,
    /// It is full.
    Full,
    /// It is mounted read-only.
    ReadOnly,
    /// The process has no descriptors left.
    NoDescriptors,
    /// The system has no memory left.
    NoMemory,
    /// The system says: try again.
    TryAgain,
}

impl Fault {
    /// The system's error.
    pub fn error(self) -> io::Error {
        match self {
            Fault::Broken => io::Error::other("the disk failed"),
            Fault::Full => Errno::NOSPC.into(),
            Fault::ReadOnly => Errno::ROFS.into(),
            Fault::NoDescriptors => Errno::MFILE.into(),
            Fault::NoMemory => Errno::NOMEM.into(),
            Fault::TryAgain => Errno::AGAIN.into(),
        }
    }
}

//! The state of a simulated disk: names and bytes, as the process sees them and as a power loss
//! leaves them.

use super::dice::Dice;
use super::fault::Fault;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes that a disk writes or loses as one.
const SECTOR_BYTES: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Folder,
    File(usize),
}

#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Put(PathBuf, Node),
    Rename(PathBuf, PathBuf, Node),
    Remove(PathBuf),
}

impl NameChange {
    pub(super) fn folders(&self) -> [Option<&Path>; 2] {
        match self {
            NameChange::Put(path, _) | NameChange::Remove(path) => [path.parent(), None],
            NameChange::Rename(from, to, _) => [
                to.parent(),
                from.parent().filter(|f| Some(*f) != to.parent()),
            ],
        }
    }

    pub(super) fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            NameChange::Put(path, node) => {
                names.insert(path.clone(), *node);
            }
            NameChange::Rename(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
            NameChange::Remove(path) => {
                names.remove(path);
            }
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    /// As the process sees it.
    pub(super) current: Vec<u8>,
    /// What a power loss is sure to leave.
    pub(super) durable: Vec<u8>,
    /// Bytes that a failed sync dropped: no later sync of this file makes them durable.
    pub(super) dropped: Range<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Disk {
    pub(super) names: BTreeMap<PathBuf, Node>,
    pub(super) durable_names: BTreeMap<PathBuf, Node>,
    pub(super) changes: Vec<NameChange>,
    pub(super) inodes: Vec<Inode>,
    pub(super) capacity: Option<usize>,
    /// How many of the next syncs fail, and how.
    pub(super) fail_syncs: (u64, Fault),
    /// Changing operations that fail, by their numbers, and how.
    pub(super) faulty: Option<(Range<u64>, Fault)>,
    /// Nothing at or below this path can be read.
    pub(super) unreadable: Option<PathBuf>,
    /// Refuses every change, or new files alone.
    pub(super) refuse_changes: Option<Fault>,
    pub(super) refuse_new_files: Option<Fault>,
    /// Appends that find no memory half way.
    pub(super) short_appends: u64,
    /// Changing operations so far.
    pub(super) operations: u64,
    pub(super) crash_at: Option<u64>,
    pub(super) locked: bool,
    /// Files and folders that are open.
    pub(super) open: usize,
    /// Most that may be open at once; `None` for any number.
    pub(super) open_max: Option<usize>,
    /// Most that were open at once.
    pub(super) open_peak: usize,
}

/// What the system says when a process has no descriptor left.
const EMFILE: i32 = 24;
/// What it says of a sector that can't be read.
const EIO: i32 = 5;
/// What it says when it has no memory left itself.
pub(super) const ENOMEM: i32 = 12;

impl Inode {
    pub(super) fn after_crash(&self, dice: &mut Dice) -> Inode {
        let (low, high) = (
            self.durable.len().min(self.current.len()),
            self.durable.len().max(self.current.len()),
        );
        let len = match dice.below(4) {
            0 => self.durable.len(),
            1 => self.current.len(),
            _ => low + dice.below((high - low) as u64 + 1) as usize,
        };
        let mut bytes = if self.current.len() >= self.durable.len() {
            self.current.clone()
        } else {
            self.durable.clone()
        };
        bytes.truncate(len);
        let written_through = dice.one_in(2);
        for sector in bytes
            .chunks_mut(SECTOR_BYTES)
            .enumerate()
            .filter(|(i, _)| (i + 1) * SECTOR_BYTES > low)
        {
            if !written_through && dice.one_in(3) {
                let first = low.saturating_sub(sector.0 * SECTOR_BYTES);
                sector.1[first..].fill(0);
            }
        }
        Inode::durable(bytes)
    }

    /// A file whose bytes are all durable.
    pub(super) fn durable(bytes: Vec<u8>) -> Inode {
        Inode {
            durable: bytes.clone(),
            current: bytes,
            dropped: 0..0,
        }
    }

    /// A sync failed: what it had to write is dropped from memory, as good as written.
    pub(super) fn sync_failed(&mut self) {
        self.dropped = self.durable.len().min(self.current.len())..self.current.len();
    }

    /// A sync went well: all but what was dropped before is durable.
    pub(super) fn synced(&mut self) {
        self.durable = self.kept();
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.current.truncate(len);
        self.dropped.end = self.dropped.end.min(self.current.len());
    }

    /// Its bytes once memory needs the room of what was dropped.
    pub(super) fn kept(&self) -> Vec<u8> {
        let mut bytes = self.current.clone();
        if !self.dropped.is_empty() {
            bytes[self.dropped.clone()].fill(0);
        }
        bytes
    }
}

impl Disk {
    pub(super) fn is_crashed(&self) -> bool {
        self.crash_at.is_some_and(|at| self.operations >= at)
    }

    pub(super) fn operation(&mut self) -> io::Result<()> {
        if self.is_crashed() {
            return Err(io::Error::other("the process is dead"));
        }
        self.operations += 1;
        if let Some((numbers, fault)) = &self.faulty
            && numbers.contains(&self.operations)
        {
            return Err(fault.error());
        }
        self.refuse_changes
            .map_or(Ok(()), |fault| Err(fault.error()))
    }

    /// Fails where nothing can be read.
    pub(super) fn reading(&self, path: &Path) -> io::Result<()> {
        match &self.unreadable {
            Some(unreadable) if path.starts_with(unreadable) => {
                Err(io::Error::from_raw_os_error(EIO))
            }
            _ => Ok(()),
        }
    }

    /// An operation that makes a new file.
    pub(super) fn creation(&mut self) -> io::Result<()> {
        self.operation()?;
        self.refuse_new_files
            .map_or(Ok(()), |fault| Err(fault.error()))
    }

    /// Takes a descriptor.
    pub(super) fn take_descriptor(&mut self) -> io::Result<()> {
        if self.open_max.is_some_and(|most| self.open >= most) {
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        self.open += 1;
        self.open_peak = self.open_peak.max(self.open);
        Ok(())
    }

    /// Takes a descriptor for the length of one call.
    pub(super) fn borrow_descriptor(&mut self) -> io::Result<()> {
        self.take_descriptor()?;
        self.open -= 1;
        Ok(())
    }

    pub(super) fn used(&self) -> usize {
        let files = self.names.values().filter_map(|n| {
            if let Node::File(inode) = n {
                Some(*inode)
            } else {
                None
            }
        });
        files.map(|inode| self.inodes[inode].current.len()).sum()
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<usize> {
        match self.names.get(path) {
            Some(Node::File(inode)) => Ok(*inode),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }

    pub(super) fn failing_sync(&mut self) -> io::Result<()> {
        self.operation()?;
        let (left, fault) = &mut self.fail_syncs;
        if *left > 0 {
            *left -= 1;
            return Err(fault.error());
        }
        Ok(())
    }
}

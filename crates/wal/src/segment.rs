//! Segments name the log's files, list them, and note which records each holds.

use crate::WalError;
use crate::files::{FileHandle, Files, FolderHandle};
use crate::record::{SEGMENT_HEADER_BYTES, SegmentHeader};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Ends the name of every segment.
const SUFFIX: &str = ".wal";
/// Added to the name of a segment of which nothing can be read.
pub(crate) const DAMAGED: &str = ".damaged";

/// A segment on disk.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    /// Bytes of header and whole records.
    pub(crate) bytes: u64,
    /// Highest sequence number of each tenant in it.
    pub(crate) last: HashMap<Arc<str>, u64>,
}

impl Segment {
    /// Notes that it holds this record of the tenant.
    pub(crate) fn note(&mut self, tenant: &Arc<str>, sequence: u64) {
        match self.last.get_mut(tenant) {
            Some(last) => *last = sequence.max(*last),
            None => {
                self.last.insert(tenant.clone(), sequence);
            }
        }
    }

    /// Whether every record in it is covered.
    pub(crate) fn is_covered(&self, covered: &dyn Fn(&str) -> u64) -> bool {
        self.last
            .iter()
            .all(|(tenant, last)| *last <= covered(tenant))
    }
}

/// The segment that grows.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn FileHandle>,
    pub(crate) salt: u32,
    /// Bytes of header and whole records: where the next one goes.
    pub(crate) bytes: u64,
    /// Bytes of them that an fsync covers.
    pub(crate) synced: u64,
}

/// Begins a segment in `folder`, open as `names`. Its header is durable with the first sync of the
/// file, its name at once.
pub(crate) fn create(
    files: &dyn Files,
    folder: &Path,
    names: &dyn FolderHandle,
    first_sequence: u64,
) -> Result<Open, std::io::Error> {
    let path = folder.join(format!("{first_sequence:016x}{SUFFIX}"));
    let file = files.create(&path)?;
    let header = SegmentHeader {
        version: crate::FORMAT_VERSION,
        first_sequence,
        salt: random_salt(),
    };
    let bytes = header.encode();
    let made = file
        .append(&[IoSlice::new(&bytes)])
        .and_then(|()| names.sync());
    if let Err(error) = made {
        // A leftover without records is harmless: replay finds nothing in it.
        let _ = files.remove(&path);
        return Err(error);
    }
    Ok(Open {
        path,
        file,
        salt: header.salt,
        bytes: bytes.len() as u64,
        synced: 0,
    })
}

/// A segment that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    /// The number of its first record by its header, or by its name where there is no header.
    pub(crate) first_sequence: u64,
    pub(crate) path: PathBuf,
}

impl Found {
    /// The number it is named by; 0 for a name that is not ours.
    pub(crate) fn named(&self) -> u64 {
        first_sequence_of(&self.path)
    }

    /// What is wrong with its name, seen from its header.
    pub(crate) fn misnamed(&self, header: &SegmentHeader) -> Option<String> {
        let (name, first) = (name_of(&self.path), header.first_sequence);
        (first != self.named()).then(|| {
            format!("wal segment {name} lies under another's name: its records begin with {first}")
        })
    }
}

/// Segments of a folder in the order of their records. One that lies under another's name is read
/// where it belongs: what is read before its time makes later records look like old ones.
pub(crate) fn list(files: &dyn Files, folder: &Path) -> Result<Vec<Found>, WalError> {
    let names = files
        .list(folder)
        .map_err(|e| WalError::io(format!("listing {}", folder.display()), e))?;
    let segments = names
        .into_iter()
        .filter(|n| !n.is_folder && n.name.ends_with(SUFFIX))
        .map(|n| folder.join(n.name));
    let mut found: Vec<Found> = segments
        .map(|path| Found {
            first_sequence: header_of(files, &path)
                .map_or_else(|| first_sequence_of(&path), |header| header.first_sequence),
            path,
        })
        .collect();
    found.sort();
    Ok(found)
}

/// The header of a segment, if it can be read.
fn header_of(files: &dyn Files, path: &Path) -> Option<SegmentHeader> {
    let file = files.open(path).ok()?;
    let bytes = file.read_new(0, SEGMENT_HEADER_BYTES).ok()?;
    SegmentHeader::decode(&bytes)
}

/// The name of a segment's file.
pub(crate) fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Records are never numbered this high, so that a file of such a name is none of ours.
const SEQUENCE_END: u64 = 1 << 43;

/// The number a segment is named by; 0 for a name that is not ours.
pub(crate) fn first_sequence_of(path: &Path) -> u64 {
    let name = path
        .file_stem()
        .and_then(|n| n.to_str())
        .unwrap_or_default();
    let number = u64::from_str_radix(name, 16).ok();
    number.filter(|n| *n < SEQUENCE_END).unwrap_or(0)
}

/// Differs from segment to segment, so that bytes copied from one are no record in another.
fn random_salt() -> u32 {
    std::hash::RandomState::new().build_hasher().finish() as u32
}

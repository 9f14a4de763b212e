//! Replay reads segments record by record and finds where each one's torn tail begins.
//!
//! A record whose header is whole and whose body is not is skipped by its length. Behind a damaged
//! header the reader looks for the next whole header of the same segment. What follows the last
//! whole record of a segment is its tail: the write that a crash cut short or tore, or records that
//! were damaged later.

use crate::files::{FileHandle, Files};
use crate::record::{
    RECORD_HEADER_BYTES, RECORD_MAGIC, RecordHeader, SEGMENT_HEADER_BYTES, SegmentHeader,
};
use crate::segment::Found;
use crate::{FORMAT_VERSION, WalError, segment};
use std::ops::ControlFlow;
use std::path::Path;

/// Bytes fetched at once; a longer record makes a larger fetch.
const READ_BYTES: usize = 1 << 20;

/// A record read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed<'a> {
    /// Its place in the order of all records.
    pub sequence: u64,
    /// Whose it is.
    pub tenant: &'a str,
    /// What was appended.
    pub payload: &'a [u8],
    /// Bytes it takes in its segment.
    pub bytes: u64,
}

/// What a replay met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Whole records.
    pub records: u64,
    /// Highest sequence number seen; 0 without records.
    pub last_sequence: u64,
    /// Damaged places that were skipped, in words; tails are not among them.
    pub damage: Vec<String>,
    /// What is left out at the ends of segments.
    pub tails: Vec<Tail>,
}

/// Bytes after the last whole record of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Name of the segment's file.
    pub segment: String,
    /// Where they begin.
    pub at: u64,
    /// How many they are.
    pub bytes: u64,
    /// What they are.
    pub kind: TailKind,
}

/// What the bytes after the last whole record are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailKind {
    /// The beginning of a record, or zeros: a write that did not finish, and was not acknowledged.
    Unfinished,
    /// More than that, with a wrong checksum: acknowledged records that were damaged, or a write
    /// that the disk tore out of order. Nothing tells one from the other.
    Damaged,
}

/// Where a segment's whole records end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentEnd {
    /// Bytes up to there; 0 when not even the header is whole.
    pub(crate) good_bytes: u64,
    /// Bytes of the file.
    pub(crate) file_bytes: u64,
    /// What lies between the two, if anything.
    pub(crate) tail: Option<TailKind>,
}

/// Reads every whole record of the log in `folder`, oldest first, and changes nothing: also beside
/// a program that writes the log and cuts it.
pub fn read(
    files: &dyn Files,
    folder: &Path,
    on_record: &mut dyn FnMut(Replayed<'_>),
) -> Result<ReplayReport, WalError> {
    let mut report = ReplayReport::default();
    for found in segment::list(files, folder)? {
        let mut hand_on = |record: Replayed<'_>| {
            on_record(record);
            Ok(())
        };
        match replay_segment(files, &found, &mut report, &mut hand_on) {
            Err(WalError::Io { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {}
            end => drop(end?),
        }
    }
    Ok(report)
}

/// Reads whole records from a sequence number on, oldest first, until `on_record` has enough; changes
/// nothing, and may run beside a program that writes the log and cuts it. Segments that end before
/// the number are not opened beyond their headers.
pub fn read_from(
    files: &dyn Files,
    folder: &Path,
    first: u64,
    on_record: &mut dyn FnMut(Replayed<'_>) -> ControlFlow<()>,
) -> Result<(), WalError> {
    let segments = segment::list(files, folder)?;
    let mut report = ReplayReport::default();
    for (at, found) in segments.iter().enumerate() {
        let next = segments.get(at + 1);
        if next.is_some_and(|next| next.first_sequence <= first) {
            continue;
        }
        let mut hand_on = |record: Replayed<'_>| match record.sequence < first {
            true => Ok(()),
            false => match on_record(record) {
                ControlFlow::Continue(()) => Ok(()),
                ControlFlow::Break(()) => Err(End::Enough),
            },
        };
        match replay_segment(files, found, &mut report, &mut hand_on) {
            Ok(_) => {}
            Err(End::Enough) => return Ok(()),
            // Cut meanwhile: all of it is covered.
            Err(End::Failed(WalError::Io { error, .. }))
                if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(End::Failed(error)) => return Err(error),
        }
    }
    Ok(())
}

/// Why reading ends before the end of a segment.
enum End {
    Enough,
    Failed(WalError),
}

impl From<WalError> for End {
    fn from(error: WalError) -> End {
        End::Failed(error)
    }
}

/// Bytes of the segments in `folder`.
pub fn bytes_in(files: &dyn Files, folder: &Path) -> Result<u64, WalError> {
    let mut bytes = 0;
    for Found { path, .. } in segment::list(files, folder)? {
        let failed = |e| WalError::io(format!("opening {}", path.display()), e);
        bytes += files
            .open(&path)
            .and_then(|file| file.size())
            .map_err(failed)?;
    }
    Ok(bytes)
}

/// Reads one segment and hands its records on.
pub(crate) fn replay_segment<E: From<WalError>>(
    files: &dyn Files,
    found: &Found,
    report: &mut ReplayReport,
    on_record: &mut dyn FnMut(Replayed<'_>) -> Result<(), E>,
) -> Result<SegmentEnd, E> {
    let path = &found.path;
    let name = segment::name_of(path);
    let failed = |error| E::from(WalError::io(format!("reading wal segment {name}"), error));
    let file = files.open(path).map_err(failed)?;
    let file_bytes = file.size().map_err(failed)?;
    let mut window = Window {
        file: &*file,
        file_bytes,
        start: 0,
        bytes: Vec::new(),
    };
    let Some(header) = read_header(&mut window, &name, report).map_err(E::from)? else {
        let is_short = file_bytes > 0 && file_bytes <= SEGMENT_HEADER_BYTES as u64;
        let tail = is_short.then_some(TailKind::Unfinished);
        return Ok(note_end(report, name, 0, file_bytes, tail));
    };
    report.damage.extend(found.misnamed(&header));
    let mut at = SEGMENT_HEADER_BYTES as u64;
    let mut good_bytes = at;
    // Damage counts once a whole record is found after it; otherwise it is part of the tail.
    let mut damage = Vec::new();
    while let Some((found_at, record)) =
        next_header(&mut window, at, header.salt, report.last_sequence).map_err(failed)?
    {
        if found_at > at {
            damage.push(format!(
                "wal segment {name}: {} unreadable bytes at {at}",
                found_at - at
            ));
        }
        let body_at = found_at + RECORD_HEADER_BYTES as u64;
        let Some(body) = window.get(body_at, record.body_bytes()).map_err(failed)? else {
            // The length runs past the end: the write was cut short, and nothing can follow it.
            at = file_bytes;
            break;
        };
        at = body_at + body.len() as u64;
        match split_body(body, &record) {
            Some((tenant, payload)) => {
                report.records += 1;
                report.last_sequence = record.sequence;
                good_bytes = at;
                report.damage.append(&mut damage);
                on_record(Replayed {
                    sequence: record.sequence,
                    tenant,
                    payload,
                    bytes: at - found_at,
                })?;
            }
            None => damage.push(format!(
                "wal segment {name}: record {} at {found_at} is damaged",
                record.sequence
            )),
        }
    }
    let is_unfinished = damage.is_empty() && window.is_unfinished(at).map_err(failed)?;
    let kind = match is_unfinished {
        true => TailKind::Unfinished,
        false => TailKind::Damaged,
    };
    let tail = (good_bytes < file_bytes).then_some(kind);
    Ok(note_end(report, name, good_bytes, file_bytes, tail))
}

/// Notes the tail of a segment in the report.
fn note_end(
    report: &mut ReplayReport,
    segment: String,
    good_bytes: u64,
    file_bytes: u64,
    tail: Option<TailKind>,
) -> SegmentEnd {
    report.tails.extend(tail.map(|kind| Tail {
        segment,
        at: good_bytes,
        bytes: file_bytes - good_bytes,
        kind,
    }));
    SegmentEnd {
        good_bytes,
        file_bytes,
        tail,
    }
}

/// Reads the header of a segment; `None` when it can't be read, which is damage if more than a
/// header is there.
fn read_header(
    window: &mut Window<'_>,
    name: &str,
    report: &mut ReplayReport,
) -> Result<Option<SegmentHeader>, WalError> {
    let header = window
        .get(0, SEGMENT_HEADER_BYTES)
        .map_err(|error| WalError::io(format!("reading wal segment {name}"), error))?
        .and_then(SegmentHeader::decode);
    match header {
        Some(header) if header.version > FORMAT_VERSION => Err(WalError::Newer {
            segment: name.to_owned(),
            found: header.version,
        }),
        None if window.file_bytes > SEGMENT_HEADER_BYTES as u64 => {
            report
                .damage
                .push(format!("wal segment {name} has no readable header"));
            Ok(None)
        }
        header => Ok(header),
    }
}

/// The body's tenant and payload when its checksum is right.
fn split_body<'a>(body: &'a [u8], header: &RecordHeader) -> Option<(&'a str, &'a [u8])> {
    if crc32fast::hash(body) != header.body_crc {
        return None;
    }
    let (tenant, payload) = body.split_at_checked(usize::from(header.tenant_bytes))?;
    Some((std::str::from_utf8(tenant).ok()?, payload))
}

/// The first whole record header at or after `at`, with its place.
fn next_header(
    window: &mut Window<'_>,
    at: u64,
    salt: u32,
    last_sequence: u64,
) -> std::io::Result<Option<(u64, RecordHeader)>> {
    let mut at = at;
    while let Some(bytes) = window.get(at, RECORD_HEADER_BYTES)? {
        match RecordHeader::decode(bytes, salt) {
            Some(header) if header.sequence > last_sequence => return Ok(Some((at, header))),
            _ => at = window.find_magic(at + 1)?,
        }
    }
    Ok(None)
}

/// A part of the file in memory, moved forward as the reader goes.
struct Window<'a> {
    file: &'a dyn FileHandle,
    file_bytes: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// The `len` bytes at `at`; `None` when the file ends before.
    fn get(&mut self, at: u64, len: usize) -> std::io::Result<Option<&[u8]>> {
        if at.saturating_add(len as u64) > self.file_bytes {
            return Ok(None);
        }
        let inside = at >= self.start && at + len as u64 <= self.start + self.bytes.len() as u64;
        if !inside {
            let fetch = (len.max(READ_BYTES) as u64).min(self.file_bytes - at) as usize;
            self.bytes.resize(fetch, 0);
            self.start = at;
            self.file.read_at(at, &mut self.bytes)?;
        }
        let from = (at - self.start) as usize;
        Ok(Some(&self.bytes[from..from + len]))
    }

    /// Whether from `at` on, where no header is whole, there is only the beginning of one, or
    /// zeros.
    fn is_unfinished(&mut self, at: u64) -> std::io::Result<bool> {
        if self.file_bytes - at < RECORD_HEADER_BYTES as u64 {
            return Ok(true);
        }
        let mut from = at;
        while from < self.file_bytes {
            let len = (READ_BYTES as u64).min(self.file_bytes - from) as usize;
            match self.get(from, len)? {
                Some(bytes) if bytes.iter().all(|&byte| byte == 0) => from += len as u64,
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Where the next record magic stands at or after `from`; the file's end when there is none.
    fn find_magic(&mut self, from: u64) -> std::io::Result<u64> {
        let mut from = from;
        while from + RECORD_HEADER_BYTES as u64 <= self.file_bytes {
            let len = (READ_BYTES as u64).min(self.file_bytes - from) as usize;
            let Some(bytes) = self.get(from, len)? else {
                break;
            };
            if let Some(found) = bytes
                .windows(RECORD_MAGIC.len())
                .position(|w| w == RECORD_MAGIC)
            {
                return Ok(from + found as u64);
            }
            // The magic may lie across two windows.
            from += (len - (RECORD_MAGIC.len() - 1)) as u64;
        }
        Ok(self.file_bytes)
    }
}

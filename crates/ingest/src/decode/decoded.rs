//! A decoded push, before validation: what every wire format is turned into.
//!
//! Everything borrows from the decompressed body where the format allows it. Nothing here is
//! checked yet: bytes need not be UTF-8, names need not be valid, times need not be sensible.

use crate::decode::event_key::EventKey;
use crate::decode::json_tree::{self, Node};
use crate::decode::line_start;
use crate::limits::IngestLimits;
use crate::limits::{ENTRIES_MAX, PAIRS_MAX};
use crate::rejection::{BodyError, Dropped, Rejections};
use crate::room::Room;
use skald_model::{WriteEntry, WriteStream};
use std::any::Any;
use std::borrow::Cow;
use std::ops::Range;

/// Bytes out of a body: borrowed, or unescaped into memory of their own.
pub(crate) type Text<'a> = Cow<'a, [u8]>;

/// The time of an entry that came without one: Go's zero time, the year 1.
pub(crate) const TIME_MISSING: i64 = i64::MIN;

/// All streams and entries of a push.
#[derive(Debug, Default)]
pub(crate) struct Decoded<'a> {
    /// The streams in order; their rows follow one another.
    pub(crate) streams: Vec<DecodedStream<'a>>,
    /// Entries of all streams.
    pub(crate) entries: Vec<DecodedEntry<'a>>,
    /// Metadata pairs of all entries, in the order they came; none has an empty value.
    pub(crate) pairs: Vec<(Text<'a>, Text<'a>)>,
    /// What could not be decoded although its neighbours could.
    pub(crate) rejections: Rejections,
    /// Whether there may be lines of a known form.
    pub(crate) has_known_forms: bool,
    /// What was left out on purpose.
    pub(crate) dropped: Dropped,
    /// Where each entry stood in the request; empty when they stand in that order.
    pub(crate) positions: Vec<u32>,
    /// By what each entry is known when it comes again; empty when none is.
    pub(crate) keys: Vec<Option<EventKey>>,
    /// Entries whose line lost a part of it to fit.
    pub(crate) truncated: u64,
    /// What its receiver needs for the answer.
    pub(crate) note: Option<Box<dyn Any>>,
    /// The memory it takes, and what is made of it until it is written.
    room: Room,
}

/// One stream of a push.
#[derive(Debug)]
pub(crate) struct DecodedStream<'a> {
    pub(crate) labels: RawLabels<'a>,
    /// Rows of [`Decoded::entries`].
    pub(crate) rows: Range<usize>,
}

/// Labels as the wire gave them.
#[derive(Debug)]
pub(crate) enum RawLabels<'a> {
    /// `{a="b", c="d"}`
    Text(Text<'a>),
    /// A JSON object with its braces.
    Json(&'a [u8]),
    /// Pairs with valid names, both lists sorted by them; a record's label stands in place of its
    /// resource's.
    Pairs {
        resource: &'a [(String, String)],
        record: Vec<(String, String)>,
    },
}

/// One entry of a push.
#[derive(Debug)]
pub(crate) struct DecodedEntry<'a> {
    /// Nanoseconds since 1970, at the nearest end of the range when outside of it.
    pub(crate) time: i64,
    pub(crate) line: Text<'a>,
    /// Its pairs in [`Decoded::pairs`].
    pub(crate) pairs: Range<u32>,
}

/// Memory of an entry on its way: its own, in a list that grows, and what validation makes of it.
const ENTRY_BYTES: usize =
    size_of::<DecodedEntry<'_>>() * 3 / 2 + size_of::<WriteEntry<'_>>() + PAIR_BYTES / 2;

/// The same of a metadata pair; an entry may get one more, for its level.
const PAIR_BYTES: usize = 2 * size_of::<(Text<'_>, Text<'_>)>();

/// The same of a stream.
const STREAM_BYTES: usize = 2 * size_of::<DecodedStream<'_>>() + size_of::<WriteStream>();

/// Bytes that are not borrowed.
fn owned(text: &Text<'_>) -> usize {
    match text {
        Cow::Borrowed(_) => 0,
        Cow::Owned(bytes) => bytes.capacity(),
    }
}

impl<'a> Decoded<'a> {
    /// Nothing yet, within this room.
    pub(crate) fn within(room: Room) -> Decoded<'a> {
        Decoded {
            room,
            ..Decoded::default()
        }
    }

    /// Appends a stream whose entries are those pushed since `first_row`.
    pub(crate) fn push_stream(
        &mut self,
        labels: RawLabels<'a>,
        first_row: usize,
    ) -> Result<(), BodyError> {
        let rows = first_row..self.entries.len();
        self.push_stream_of(labels, rows)
    }

    /// Appends a stream of these rows, which follow those of the last one.
    pub(crate) fn push_stream_of(
        &mut self,
        labels: RawLabels<'a>,
        rows: Range<usize>,
    ) -> Result<(), BodyError> {
        let bytes = |(name, value): &(String, String)| {
            size_of::<(String, String)>() + name.len() + value.len()
        };
        // What there is, and the labels that validation makes of it.
        let (text, made) = match &labels {
            RawLabels::Text(text) => (owned(text), text.len()),
            RawLabels::Json(text) => (0, text.len()),
            RawLabels::Pairs { resource, record } => {
                let own: usize = record.iter().map(bytes).sum();
                (own, own + resource.iter().map(bytes).sum::<usize>())
            }
        };
        self.room.take(STREAM_BYTES + text + made)?;
        self.streams.push(DecodedStream { labels, rows });
        Ok(())
    }

    /// Takes room for what a receiver keeps besides.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), BodyError> {
        self.room.take(bytes)
    }

    /// A JSON text as a tree, which is to be gone before the next one is read: its room is used
    /// again.
    pub(crate) fn parse_json<'t>(&mut self, text: &'t [u8]) -> Result<Node<'t>, BodyError> {
        let before = self.room.taken();
        let tree = json_tree::parse(text, &mut self.room);
        self.room.give_back(self.room.taken() - before);
        tree
    }

    /// An error when there are no streams, as Loki has it.
    pub(crate) fn with_streams(self) -> Result<Decoded<'a>, BodyError> {
        match self.streams.is_empty() {
            true => Err(BodyError::NoStreams),
            false => Ok(self),
        }
    }

    /// Appends an entry whose pairs are those pushed since `first_pair`.
    pub(crate) fn push_entry(
        &mut self,
        time: i64,
        line: Text<'a>,
        first_pair: usize,
    ) -> Result<(), BodyError> {
        if self.entries.len() >= ENTRIES_MAX {
            return Err(BodyError::TooLarge(format!(
                "more than {ENTRIES_MAX} entries"
            )));
        }
        self.room.take(ENTRY_BYTES + owned(&line))?;
        self.has_known_forms |= line_start::form_of(&line).is_some();
        let pairs = first_pair as u32..self.pairs.len() as u32;
        self.entries.push(DecodedEntry { time, line, pairs });
        Ok(())
    }

    /// Appends a metadata pair of the entry to come. One with an empty value is as good as absent,
    /// and left out.
    pub(crate) fn push_pair(&mut self, name: Text<'a>, value: Text<'a>) -> Result<(), BodyError> {
        if value.is_empty() {
            return Ok(());
        }
        if self.pairs.len() >= PAIRS_MAX {
            return Err(BodyError::TooLarge(format!(
                "more than {PAIRS_MAX} structured metadata labels"
            )));
        }
        self.room.take(PAIR_BYTES + owned(&name) + owned(&value))?;
        self.pairs.push((name, value));
        Ok(())
    }

    /// Adds columns to an entry, unless it has one of them, or limits leave no place for them.
    pub(crate) fn add_columns(
        &mut self,
        row: usize,
        columns: Vec<(&'static str, Text<'a>)>,
        limits: &IngestLimits,
    ) -> Result<(), BodyError> {
        let own = self.pairs_of(&self.entries[row]).to_vec();
        let is_own = |name: &str| own.iter().any(|(other, _)| &**other == name.as_bytes());
        let (count_max, bytes_max) = (
            limits.max_structured_metadata_entries_count,
            limits.max_structured_metadata_size,
        );
        let columns = columns.into_iter();
        let added = columns.map(|(name, value)| (Cow::Borrowed(name.as_bytes()), value));
        let all: Vec<(Text<'a>, Text<'a>)> = own.iter().cloned().chain(added).collect();
        let bytes: usize = all
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        let fits =
            (count_max == 0 || all.len() <= count_max) && (bytes_max == 0 || bytes <= bytes_max);
        let mut names = all[own.len()..].iter();
        if !fits || names.any(|(name, _)| is_own(&String::from_utf8_lossy(name))) {
            return Ok(());
        }
        let first = self.pairs.len();
        for (name, value) in all {
            self.push_pair(name, value)?;
        }
        self.entries[row].pairs = first as u32..self.pairs.len() as u32;
        Ok(())
    }

    /// Leaves out the entries of these rows, which are in order; streams may be left without any.
    pub(crate) fn leave_out(&mut self, rows: &[u32]) {
        let before = |row: usize| rows.partition_point(|out| (*out as usize) < row);
        if self.positions.is_empty() {
            self.positions = (0..self.entries.len() as u32).collect();
        }
        retain(&mut self.entries, rows);
        retain(&mut self.positions, rows);
        retain(&mut self.keys, rows);
        for stream in &mut self.streams {
            let Range { start, end } = stream.rows;
            stream.rows = start - before(start)..end - before(end);
        }
    }

    /// The pairs of an entry.
    pub(crate) fn pairs_of(&self, entry: &DecodedEntry<'a>) -> &[(Text<'a>, Text<'a>)] {
        &self.pairs[entry.pairs.start as usize..entry.pairs.end as usize]
    }
}

/// Removes the items at these places, which are in order.
fn retain<T>(list: &mut Vec<T>, out: &[u32]) {
    let (mut at, mut out) = (0, out.iter().peekable());
    list.retain(|_| {
        let is_out = out.next_if(|out| **out == at).is_some();
        at += 1;
        !is_out
    });
}

//! The label set of the current line merges stream labels, metadata and parsed labels.
//!
//! One [`LabelSet`] a thread is reused from line to line. Values are spans into the batch, the
//! stream's label bytes or a small arena, never owned strings; a label is found by the number of
//! its name. A new line or run only raises a counter: what an older counter wrote is no longer
//! seen.
//!
//! Invariants: stream labels are set once a run; metadata is looked up when asked for; everything
//! else was written on this line. A metadata name that the stream has as a label is seen as
//! `name_extracted`, on entries that have no metadata of that name themselves. Metadata named
//! `__error__` is an error the entry came with.

mod required_texts;
mod room;
mod visible;

use required_texts::RequiredTexts;
pub(super) use visible::Item;

use super::names::{NO_NAME, NameId, NameTable};
use super::ranks::Ranks;
use super::span::{ARENA, FIRST_COLUMN, Input, LINES, STREAM, Span, Text, column_span};
use crate::pipeline::early_drops::Watch;
use crate::pipeline::required_labels::Hints;
use skald_model::{Charge, Labels, MetadataColumn, Stop, steps};
use std::cell::RefCell;

/// The label that carries the first failure of a pipeline.
pub const ERROR: &str = "__error__";
/// The label that carries the failure's text.
pub const ERROR_DETAILS: &str = "__error_details__";

/// Where a label came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// Index label.
    Stream,
    /// Structured metadata.
    Metadata,
    /// Parser or label_format.
    Parsed,
}

/// What is known of one name on this line and in this run.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Line that wrote `value`.
    line: u64,
    /// Line on which a parser or label_format set the name.
    extracted: u64,
    /// Run whose stream has the name.
    stream_run: u64,
    /// Run in which a metadata column has the name.
    column_run: u64,
    /// Run in which a metadata column is seen under the name because the stream has the column's
    /// own name.
    renamed_run: u64,
    stream_value: Span,
    column: u32,
    renamed: u32,
    /// `None`: deleted on this line.
    value: Option<(Span, Category)>,
}

/// Where metadata seen under a name is found in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// Nowhere.
    None,
    /// In one column.
    One(u32),
    /// In one column or another, from entry to entry.
    Either,
}

/// The error of the line at hand.
#[derive(Clone, Copy, Debug, Default)]
enum Failure {
    #[default]
    None,
    /// A stage failed.
    Stage(&'static str),
    /// The entry came with it, as metadata.
    Metadata,
}

/// Labels of the line at hand; reused from line to line.
#[derive(Debug, Default)]
pub(super) struct LabelSet {
    /// Numbers of names.
    pub(super) names: NameTable,
    slots: Vec<Slot>,
    run: u64,
    line: u64,
    row: u32,
    stream: Vec<NameId>,
    columns: Vec<(u32, NameId)>,
    touched: Vec<NameId>,
    arena: Vec<u8>,
    failure: Failure,
    /// What the entry came with, where `failure` says so.
    error_text: String,
    details: Option<Span>,
    /// Metadata columns of the run that hold errors and their details.
    error_column: Option<u32>,
    details_column: Option<u32>,
    wants_all: bool,
    required: Vec<bool>,
    required_count: u32,
    /// Required names in order of their texts, and those that they are twins of.
    required_texts: RequiredTexts,
    found: u32,
    /// In order of their labels.
    watches: Vec<Watch>,
    /// Stage that is at work.
    pub(super) stage: usize,
    refuted: bool,
    /// What the buffers of the scratch hold.
    charge: Charge,
    /// Bytes of the tables of names and keys, by which they were charged.
    tables: usize,
    /// Bytes that all buffers had when they were charged last.
    settled: usize,
    /// Why the run ends; the line at hand is dropped.
    stop: Option<Stop>,
    pub(super) ranks: RefCell<Ranks>,
    items: RefCell<Vec<Item>>,
}

/// Bytes that a name takes beside its text: slot, rank, places in tables.
const NAME_BYTES: usize = size_of::<Slot>() + 64;

impl LabelSet {
    /// A set whose buffers are charged.
    pub(super) fn charged(charge: Charge) -> LabelSet {
        LabelSet {
            charge,
            ..LabelSet::default()
        }
    }

    /// Gets ready for lines of the pipeline `owner`; true when numbers of names were given anew.
    pub(super) fn bind(&mut self, owner: u64, hints: &Hints, watches: &[Watch]) -> bool {
        let renewed = self.names.bind(owner, &hints.names);
        if renewed {
            self.slots.clear();
            self.tables = 0;
            self.grow();
            self.ranks.get_mut().clear();
            self.wants_all = hints.wants_all();
            self.watches.clear();
            self.watches.extend_from_slice(watches);
            self.watches.sort_by_key(Watch::label);
            self.required.clear();
            self.required.extend_from_slice(hints.required());
            self.required_count = hints.required().iter().filter(|r| **r).count() as u32;
            self.required_texts = RequiredTexts::of(&self.names, &self.required);
        }
        renewed
    }

    /// Starts a run of `stream` in a batch with these metadata columns.
    pub(super) fn begin_run(&mut self, stream: &Labels, metadata: &[MetadataColumn]) {
        self.run += 1;
        self.stream.clear();
        self.columns.clear();
        (self.error_column, self.details_column) = (None, None);
        let bytes = stream.as_bytes().as_ptr() as usize;
        for (name, value) in stream {
            let id = self.names.intern(name);
            self.grow();
            let start = (value.as_ptr() as usize - bytes) as u32;
            let slot = &mut self.slots[id as usize];
            slot.stream_run = self.run;
            slot.stream_value = Span {
                source: STREAM,
                start,
                len: value.len() as u32,
            };
            self.stream.push(id);
        }
        for (at, column) in metadata.iter().enumerate() {
            self.begin_column(at as u32, &column.name);
        }
    }

    /// Notes under which name a metadata column is seen in the run.
    fn begin_column(&mut self, at: u32, name: &str) {
        match name {
            ERROR => self.error_column = Some(at),
            ERROR_DETAILS => self.details_column = Some(at),
            name => {
                let own = self.intern(name);
                let mut seen = own;
                if self.stream_has(own) {
                    seen = self.names.suffixed(own);
                    self.grow();
                }
                let slot = &mut self.slots[seen as usize];
                if seen == own {
                    (slot.column_run, slot.column) = (self.run, at);
                } else {
                    (slot.renamed_run, slot.renamed) = (self.run, at);
                }
                self.columns.push((at, seen));
            }
        }
    }

    /// Starts row `row` of the run.
    pub(super) fn begin_line(&mut self, row: u32) {
        self.line += 1;
        self.row = row;
        self.touched.clear();
        self.arena.clear();
        self.failure = Failure::None;
        self.details = None;
        self.found = 0;
        self.refuted = false;
    }

    /// Takes over the error that the entry's metadata has; after [`LabelSet::begin_line`].
    pub(super) fn begin_failure(&mut self, input: Input<'_>) {
        let at = |column: Option<u32>| column_span(input.metadata, column?, self.row);
        if let Some(span) = at(self.error_column)
            && !span.is_empty()
        {
            let text = self.text(input, span).to_owned();
            self.error_text = text;
            self.failure = Failure::Metadata;
        }
        self.details = at(self.details_column);
    }

    /// Whether entries of the run may come with an error.
    pub(super) fn may_come_failed(&self) -> bool {
        self.error_column.is_some() || self.details_column.is_some()
    }

    fn grow(&mut self) {
        if self.slots.len() < self.names.len() {
            let new = self.slots.len()..self.names.len();
            let texts = new.map(|id| NAME_BYTES + self.names.text(id as NameId).len());
            self.hold(texts.sum());
            self.slots.resize(self.names.len(), Slot::default());
        }
    }

    /// The number of `name`, new or known.
    pub(super) fn intern(&mut self, name: &str) -> NameId {
        let id = self.names.intern(name);
        self.grow();
        id
    }

    /// Whether the run's stream has `name`.
    pub(super) fn stream_has(&self, name: NameId) -> bool {
        self.slots[name as usize].stream_run == self.run
    }

    /// The stream's value of a name; `stream` are the bytes of its labels.
    pub(super) fn stream_value<'a>(&self, name: NameId, stream: &'a [u8]) -> Option<&'a [u8]> {
        let slot = &self.slots[name as usize];
        let range = slot.stream_value.start as usize
            ..(slot.stream_value.start + slot.stream_value.len) as usize;
        (slot.stream_run == self.run).then(|| &stream[range])
    }

    /// The metadata columns seen as `name` in this run.
    pub(super) fn columns_of(&self, name: NameId) -> Columns {
        let slot = &self.slots[name as usize];
        match (slot.column_run == self.run, slot.renamed_run == self.run) {
            (false, false) => Columns::None,
            (true, false) => Columns::One(slot.column),
            (false, true) => Columns::One(slot.renamed),
            (true, true) => Columns::Either,
        }
    }

    /// The metadata that the line has under a name: its own, or else that of a label of the stream.
    fn metadata_value(&self, input: Input<'_>, slot: &Slot) -> Option<Span> {
        let of = |run, column| {
            (run == self.run)
                .then(|| column_span(input.metadata, column, self.row))
                .flatten()
        };
        of(slot.column_run, slot.column).or_else(|| of(slot.renamed_run, slot.renamed))
    }

    /// The visible value of a name.
    pub(super) fn find(&self, input: Input<'_>, name: NameId) -> Option<(Span, Category)> {
        let slot = &self.slots[name as usize];
        if slot.line == self.line {
            return slot.value;
        }
        if let Some(span) = self.metadata_value(input, slot) {
            return Some((span, Category::Metadata));
        }
        (slot.stream_run == self.run).then_some((slot.stream_value, Category::Stream))
    }

    /// The visible value of a name as bytes; `__error__` and its details are not among them.
    pub(super) fn bytes_of<'a>(&'a self, input: Input<'a>, name: NameId) -> Option<&'a [u8]> {
        self.find(input, name)
            .map(|(span, _)| self.bytes(input, span))
    }

    /// The bytes of a span.
    pub(super) fn bytes<'a>(&'a self, input: Input<'a>, span: Span) -> &'a [u8] {
        let range = span.start as usize..(span.start + span.len) as usize;
        match span.source {
            LINES => &input.lines[range],
            ARENA => &self.arena[range],
            STREAM => &input.stream[range],
            column => &input.metadata[(column - FIRST_COLUMN) as usize].values[range],
        }
    }

    /// The text of a span. All values were checked to be UTF-8 when they were set.
    pub(super) fn text<'a>(&'a self, input: Input<'a>, span: Span) -> &'a str {
        std::str::from_utf8(self.bytes(input, span)).unwrap_or("\u{fffd}")
    }

    /// Whether parsers have nothing to look for on this line, or no longer.
    pub(super) fn found_all(&self) -> bool {
        self.refuted || (!self.wants_all && self.found >= self.required_count)
    }

    /// Whether a label that a parser found makes a later filter drop the line.
    pub(super) fn refuted(&self) -> bool {
        self.refuted
    }

    /// Whether parsers have nothing to look for on any line.
    pub(super) fn wants_none(&self) -> bool {
        !self.wants_all && self.required_count == 0
    }

    /// The number of `name` if lines or stages have it.
    pub(super) fn known(&self, name: &str) -> Option<NameId> {
        self.names
            .find(name)
            .filter(|id| (*id as usize) < self.slots.len())
    }

    /// The number of `name`, if it or its `_extracted` twin is needed; else [`NO_NAME`].
    pub(super) fn intern_if_wanted(&mut self, name: &str) -> NameId {
        if !self.wants_all && !self.required_texts.wants(name) {
            return NO_NAME;
        }
        self.intern(name)
    }

    /// Whether a name that starts with `prefix` may be needed.
    pub(super) fn wants_prefix(&self, prefix: &str) -> bool {
        self.wants_all || self.required_texts.wants_prefix(prefix)
    }

    /// Whether a name is to be extracted at all.
    pub(super) fn wants(&self, name: NameId) -> bool {
        self.wants_all || self.required.get(name as usize).is_some_and(|r| *r)
    }

    /// The name under which a parser may set `name` on this line; `None` when nobody needs it or an
    /// earlier key set it.
    pub(super) fn admit(&mut self, input: Input<'_>, name: NameId) -> Option<NameId> {
        let name = self.unshadowed(input, name);
        (!self.is_extracted(name) && self.wants(name)).then_some(name)
    }

    /// Whether a parser or label_format has set the name on this line.
    pub(super) fn is_extracted(&self, name: NameId) -> bool {
        self.slots[name as usize].extracted == self.line
    }

    /// `name`, or `name_extracted` when the stream or the entry's metadata has `name`.
    pub(super) fn unshadowed(&mut self, input: Input<'_>, name: NameId) -> NameId {
        let slot = &self.slots[name as usize];
        let in_metadata = slot.line != self.line && self.metadata_value(input, slot).is_some();
        if slot.stream_run != self.run && !in_metadata {
            return name;
        }
        let suffixed = self.names.suffixed(name);
        self.grow();
        suffixed
    }

    /// Sets a label that a parser or label_format found.
    pub(super) fn set_parsed(&mut self, name: NameId, value: Span) {
        self.write(name, Some((value, Category::Parsed)));
        let slot = &mut self.slots[name as usize];
        if slot.extracted != self.line {
            slot.extracted = self.line;
            if self.required.get(name as usize).is_some_and(|r| *r) {
                self.found += 1;
            }
        }
    }

    /// Sets a label that a parser was admitted to set, and asks the filters that wait for it.
    pub(super) fn set_found(&mut self, input: Input<'_>, name: NameId, value: Span) {
        self.set_parsed(name, value);
        if !self.watches.is_empty() && !self.may_come_failed() {
            let bytes = self.bytes(input, value);
            let from = self.watches.partition_point(|watch| watch.label() < name);
            let watches = self.watches[from..].iter();
            let refuted = watches
                .take_while(|watch| watch.label() == name)
                .inspect(|_| steps::count(1 + bytes.len()))
                .any(|watch| watch.refutes(self.stage, name, bytes));
            self.refuted |= refuted;
        }
    }

    /// The same with part of the parsed text.
    pub(super) fn set_part(
        &mut self,
        input: Input<'_>,
        name: NameId,
        text: Text<'_>,
        start: usize,
        end: usize,
    ) {
        let value = self.part(text, start, end);
        self.set_found(input, name, value);
    }

    /// A span for part of the parsed text; copied where the text will not stay or is not UTF-8.
    pub(super) fn part(&mut self, text: Text<'_>, start: usize, end: usize) -> Span {
        match text.base {
            Some(base) => Span {
                source: LINES,
                start: base + start as u32,
                len: (end - start) as u32,
            },
            None => self.store(&text.bytes[start..end]),
        }
    }

    /// Removes a label from the line.
    pub(super) fn delete(&mut self, name: NameId) {
        self.write(name, None);
    }

    fn write(&mut self, name: NameId, value: Option<(Span, Category)>) {
        let slot = &mut self.slots[name as usize];
        if slot.line != self.line {
            slot.line = self.line;
            self.touched.push(name);
        }
        slot.value = value;
    }

    /// The failure so far; empty when there is none.
    pub(super) fn error(&self) -> &str {
        match self.failure {
            Failure::None => "",
            Failure::Stage(error) => error,
            Failure::Metadata => &self.error_text,
        }
    }

    /// Notes a failure.
    pub(super) fn set_error(&mut self, error: &'static str, details: &str) {
        self.failure = Failure::Stage(error);
        self.details = (!details.is_empty()).then(|| self.store(details.as_bytes()));
    }

    /// Forgets the failure, but not its text.
    pub(super) fn clear_error(&mut self) {
        self.failure = Failure::None;
    }

    /// Forgets the failure's text.
    pub(super) fn clear_details(&mut self) {
        self.details = None;
    }

    /// The failure's text.
    pub(super) fn details<'a>(&'a self, input: Input<'a>) -> &'a str {
        self.details.map_or("", |span| self.text(input, span))
    }
}

//! The current line carries its text, its labels and the buffers that stages write into.

use crate::pipeline::entry_labels::EntryLabels;
use crate::pipeline::labels::LabelSet;
use crate::pipeline::line_format::LineContext;
use crate::pipeline::span::{Input, Text};
use skald_model::steps;
use std::ops::Range;

/// Where the line's text is.
#[derive(Clone, Debug)]
enum Place {
    /// In the batch's lines.
    Batch(Range<usize>),
    /// In `rewritten`.
    Rewritten,
}

/// The line at hand.
pub(super) struct Line<'a> {
    /// Buffers that stay.
    pub(super) input: Input<'a>,
    /// Its labels.
    pub(super) labels: &'a mut LabelSet,
    /// Nanoseconds since 1970.
    pub(super) timestamp: i64,
    /// `now` for templates.
    pub(super) now: i64,
    /// Whether all lines of the run are known to be ASCII, so that none has to be looked at for it.
    pub(super) ascii: bool,
    place: Place,
    rewritten: &'a mut Vec<u8>,
    /// Where the next text is written before it takes the line's place.
    pub(super) output: &'a mut Vec<u8>,
}

impl<'a> Line<'a> {
    /// A line of the batch; `begin_line` was called on `labels`.
    pub(super) fn new(
        input: Input<'a>,
        labels: &'a mut LabelSet,
        buffers: (&'a mut Vec<u8>, &'a mut Vec<u8>),
        range: Range<usize>,
        timestamp: i64,
        now: i64,
    ) -> Line<'a> {
        Line {
            input,
            labels,
            timestamp,
            now,
            ascii: false,
            place: Place::Batch(range),
            rewritten: buffers.0,
            output: buffers.1,
        }
    }

    /// The text.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.place {
            Place::Batch(range) => &self.input.lines[range.clone()],
            Place::Rewritten => self.rewritten,
        }
    }

    /// The labels as readers see them.
    pub(super) fn entry_labels(&self) -> EntryLabels<'_> {
        EntryLabels {
            set: self.labels,
            input: self.input,
        }
    }

    /// The line as templates see it.
    pub(super) fn context(&self) -> LineContext<'_> {
        LineContext {
            labels: self.entry_labels(),
            line: self.bytes(),
            timestamp: self.timestamp,
            now: self.now,
        }
    }

    /// Calls `f` with the labels and the text apart, so that it can set labels from the text.
    pub(super) fn parse<R>(
        &mut self,
        f: impl FnOnce(&mut LabelSet, Input<'a>, Text<'_>) -> R,
    ) -> R {
        steps::count(self.bytes().len());
        match &self.place {
            Place::Batch(range) => {
                let bytes = &self.input.lines[range.clone()];
                let plain = self.ascii
                    || bytes.is_ascii()
                    || std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\u{fffd}'));
                let base = plain.then_some(range.start as u32);
                f(self.labels, self.input, Text { bytes, base })
            }
            Place::Rewritten => {
                let text = std::mem::take(self.rewritten);
                let result = f(
                    self.labels,
                    self.input,
                    Text {
                        bytes: &text,
                        base: None,
                    },
                );
                *self.rewritten = text;
                result
            }
        }
    }

    /// Makes `output` the text.
    pub(super) fn take_output(&mut self) {
        steps::count(self.output.len());
        std::mem::swap(self.rewritten, self.output);
        self.place = Place::Rewritten;
    }
}

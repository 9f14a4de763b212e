//! Shreds the lines of a block: skeletons that many lines share, and the values between their
//! literals as columns.
//!
//! A JSON line's skeleton is its text without strings, numbers, booleans and arrays; that of a
//! logfmt line its text without values. A column is named as the label that a parser would make of
//! its key. A line stays whole when a parser can't read it to its end, when it is not UTF-8, or
//! when its keys need a closer look (escapes, one logfmt key twice): the text of a column is what a
//! parser would find.

use crate::builder::{ObjectKey, ShreddedBuilder, SlotKind, Token};
use crate::json::{self, DEPTH_MAX, JsonError, Kind, Step, walk_object};
use crate::logfmt::Scanner;
use crate::shredded::{Form, SLOTS_MAX, Shredded};
use skald_model::Batch;
use std::ops::Range;

/// Fewest rows of a block that is shredded: the columns of fewer cost more than they save.
const ROWS_MIN: usize = 24;
/// Rows looked at before a block is shredded.
const SAMPLE_ROWS: usize = 64;
/// Most skeletons among them: text with a few `key=value` in it has one a line.
const SAMPLE_SKELETONS_MAX: usize = 24;
/// Skeletons that are tried before a line is read anew.
const RECENT: usize = 8;

/// Shreds one block after the other with the same buffers.
#[derive(Debug, Default)]
pub struct Shredder {
    tokens: Vec<Token>,
    objects: Vec<ObjectKey>,
    spans: Vec<Range<usize>>,
}

impl Shredder {
    /// Shreds a block; `None` when that saves nothing: too few rows, or more than a quarter of the
    /// bytes stay whole.
    pub fn shred(&mut self, batch: &Batch) -> Option<Shredded> {
        let rows = batch.len();
        if rows < ROWS_MIN {
            return None;
        }
        let ascii = batch.lines.is_ascii();
        let line = |row: usize| batch.line(row as u32);
        if !self.sample(
            SAMPLE_ROWS.min(rows),
            |number| line(number * rows / SAMPLE_ROWS.min(rows)),
            ascii,
        ) {
            return None;
        }
        let mut builder = ShreddedBuilder::default();
        builder.shredded.skeleton_codes.reserve(rows);
        let mut whole = 0;
        for row in 0..rows {
            let line = line(row);
            let skeleton = self.row(&mut builder, row, line, ascii);
            if skeleton == 0 {
                whole += line.len();
            }
            builder.shredded.skeleton_codes.push(skeleton);
        }
        let mut shredded = builder.shredded;
        shredded
            .columns
            .iter_mut()
            .for_each(|column| column.values.codes.resize(rows, 0));
        is_worth(whole, batch.lines.len()).then_some(shredded)
    }

    /// Whether shredding some rows of a block is worth it.
    fn sample<'l>(&mut self, rows: usize, line: impl Fn(usize) -> &'l [u8], ascii: bool) -> bool {
        let mut builder = ShreddedBuilder::default();
        let (mut whole, mut all) = (0, 0);
        for row in 0..rows {
            all += line(row).len();
            if self.row(&mut builder, row, line(row), ascii) == 0 {
                whole += line(row).len();
            }
        }
        is_worth(whole, all)
            && builder.shredded.skeletons.len() <= SAMPLE_SKELETONS_MAX.min(rows / 2)
    }

    /// Shreds a line; gives 1 + the number of its skeleton, or 0 and leaves it whole.
    fn row(&mut self, builder: &mut ShreddedBuilder, row: usize, line: &[u8], ascii: bool) -> u32 {
        if !ascii
            && !line.is_ascii()
            && std::str::from_utf8(line).map_or(true, |text| text.contains('\u{fffd}'))
        {
            return 0;
        }
        for at in 0..builder.recent.len() {
            let number = builder.recent[at];
            if builder.fits(number, line, &mut self.spans) {
                builder.recent[..=at].rotate_right(1);
                builder.push(number, row, line, &self.spans);
                return number + 1;
            }
        }
        let Some(form) = self.read(line) else {
            return 0;
        };
        let Some(number) = builder.skeleton(form, line, &self.tokens, &self.objects) else {
            return 0;
        };
        self.spans.clear();
        self.spans
            .extend(self.tokens.iter().map(|token| token.value.clone()));
        builder.recent.retain(|recent| *recent != number);
        builder.recent.truncate(RECENT - 1);
        builder.recent.insert(0, number);
        builder.push(number, row, line, &self.spans);
        for (token, slot) in self
            .tokens
            .iter()
            .zip(&builder.shredded.skeletons[number as usize].slots)
        {
            builder.shredded.columns[slot.column as usize].escaped |= token.escaped;
        }
        number + 1
    }

    /// Finds the values of a line; `None` when it is to stay whole.
    fn read(&mut self, line: &[u8]) -> Option<Form> {
        self.tokens.clear();
        self.objects.clear();
        let form = match json::skip_space(line, 0).map(|at| line[at])? {
            b'{' => self.read_object(line, 0, 0, 0).ok().map(|_| Form::Json),
            _ => self.read_pairs(line).map(|()| Form::Logfmt),
        };
        form.filter(|_| !self.tokens.is_empty() && self.tokens.len() <= SLOTS_MAX)
    }

    /// Finds the values of a JSON object in the order in which the json parser walks it.
    fn read_object(
        &mut self,
        data: &[u8],
        at: usize,
        object: usize,
        depth: usize,
    ) -> Result<Step, JsonError> {
        walk_object(data, at, |(start, end, escaped), value| {
            if escaped || self.tokens.len() > SLOTS_MAX {
                return Err(JsonError::Escape);
            }
            let key = start..end;
            let kind = match value.kind {
                Kind::Object if depth < DEPTH_MAX => {
                    self.objects.push(ObjectKey {
                        key,
                        parent: object,
                    });
                    let inner = self.objects.len();
                    return self.read_object(&data[..value.end], value.start, inner, depth + 1);
                }
                // Deeper ones are passed over by the parser.
                Kind::Object => return Err(JsonError::Object),
                Kind::Null => return Ok(Step::Next),
                Kind::String => SlotKind::Text,
                Kind::Number | Kind::Bool => SlotKind::Bare,
                Kind::Array => SlotKind::Array,
            };
            self.tokens.push(Token {
                kind,
                escaped: value.escaped,
                value: value.start..value.end,
                key,
                object,
            });
            Ok(Step::Next)
        })
    }

    /// Finds the values of `key=value` pairs as the logfmt parser does; `None` when there are fewer
    /// than two.
    fn read_pairs(&mut self, line: &[u8]) -> Option<()> {
        for pair in Scanner::new(line) {
            let pair = pair.ok()?;
            if line.get(pair.key.end) != Some(&b'=') {
                continue;
            }
            let quoted = pair.value.start == pair.key.end + 2;
            let kind = if quoted {
                SlotKind::Text
            } else {
                SlotKind::Word
            };
            self.tokens.push(Token {
                kind,
                escaped: pair.escaped,
                value: pair.value,
                key: pair.key,
                object: 0,
            });
            if self.tokens.len() > SLOTS_MAX {
                return None;
            }
        }
        (self.tokens.len() >= 2).then_some(())
    }
}

/// At most a quarter of the bytes may stay whole.
fn is_worth(whole: usize, all: usize) -> bool {
    whole <= all / 4
}

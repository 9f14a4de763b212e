//! The lines of a block, cut: skeletons, which many lines share, and the values between their pieces as columns.
//!
//! A JSON line's skeleton is its text without strings, numbers, booleans and arrays; that of a logfmt line its
//! text without values. A value's column is named as the label that a parser would make of it. Lines that no
//! parser reads to their end without a failure stay whole, and so do lines that are not UTF-8 or whose keys need
//! a closer look (escapes, one logfmt key twice): the text of a column is what a parser would find.

use crate::json::{DEPTH_MAX, JsonError, Kind, Step, value_at, walk_object};
use crate::logfmt::{ENDS_WORD, Scanner};
use crate::{json, label_name};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};
use skald_model::{Batch, MetadataColumn};
use std::hash::{BuildHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

/// Fewest rows of a block that is cut: the columns of fewer cost more than they save.
const ROWS_MIN: usize = 24;
/// Rows looked at before a block is cut.
const SAMPLE_ROWS: usize = 64;
/// Most skeletons among them: text with a few `key=value` in it has one a line.
const SAMPLE_SKELETONS_MAX: usize = 24;
/// Most skeletons of a block; lines of further ones stay whole.
pub const SKELETONS_MAX: usize = 255;
/// Most values of a line that is cut.
pub const SLOTS_MAX: usize = 160;
/// Most columns of a block.
pub const COLUMNS_MAX: usize = 192;
/// Skeletons that are tried before a line is read anew.
const RECENT: usize = 8;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Form {
    /// A JSON object.
    Json = 1,
    /// `key=value` pairs.
    Logfmt = 2,
}

/// What kind of value stands between two pieces of a skeleton.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum SlotKind {
    /// Text in quotes, which belong to the skeleton.
    Text,
    /// A JSON number or boolean.
    Bare,
    /// A JSON array with its brackets.
    Array,
    /// A logfmt value without quotes.
    Word,
}

/// A piece of a skeleton and the column whose value follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Text before the value.
    pub literal: Vec<u8>,
    /// Number of the column.
    pub column: u32,
}

/// What lines have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skeleton {
    /// How the line is written.
    pub form: Form,
    /// Pieces, each with the value behind it.
    pub slots: Vec<Slot>,
    /// Text behind the last value.
    pub tail: Vec<u8>,
}

/// A column of values.
#[derive(Clone, Debug)]
pub struct ValueColumn {
    /// The values; its name is the label they become, empty when they become none.
    pub values: MetadataColumn,
    /// Whether some value is written with escapes, so that the label's text differs.
    pub escaped: bool,
}

/// The lines of a block, cut.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    /// Skeletons, in order of first use.
    pub skeletons: Vec<Skeleton>,
    /// For each row 0 when its line stays whole, else 1 + the number of its skeleton.
    pub rows: Vec<u32>,
    /// Columns, in order of first use.
    pub columns: Vec<ValueColumn>,
}

impl Cut {
    /// The form of all rows; `None` when they differ or some stay whole.
    pub fn form(&self) -> Option<Form> {
        let first = self.skeletons.first()?.form;
        let alike =
            self.skeletons.iter().all(|skeleton| skeleton.form == first) && !self.rows.contains(&0);
        alike.then_some(first)
    }
}

/// Cuts blocks; its buffers serve one after the other.
#[derive(Debug, Default)]
pub struct Cutter {
    tokens: Vec<Token>,
    objects: Vec<ObjectKey>,
    spans: Vec<Range<usize>>,
}

/// A value that was found in a line.
#[derive(Clone, Debug)]
struct Token {
    kind: SlotKind,
    escaped: bool,
    value: Range<usize>,
    key: Range<usize>,
    /// The object the key is in, plus one; 0 for the line itself.
    object: usize,
}

/// The key of a nested object.
#[derive(Clone, Debug)]
struct ObjectKey {
    key: Range<usize>,
    parent: usize,
}

impl Cutter {
    /// Cuts a block; `None` where most of its bytes would stay whole.
    pub fn cut(&mut self, batch: &Batch) -> Option<Cut> {
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
        let mut building = Building::default();
        building.cut.rows.reserve(rows);
        let mut whole = 0;
        for row in 0..rows {
            let line = line(row);
            let skeleton = self.row(&mut building, row, line, ascii);
            if skeleton == 0 {
                whole += line.len();
            }
            building.cut.rows.push(skeleton);
        }
        let mut cut = building.cut;
        cut.columns
            .iter_mut()
            .for_each(|column| column.values.codes.resize(rows, 0));
        is_worth(whole, batch.lines.len()).then_some(cut)
    }

    /// Whether some rows of a block, cut, are worth it.
    fn sample<'l>(&mut self, rows: usize, line: impl Fn(usize) -> &'l [u8], ascii: bool) -> bool {
        let mut building = Building::default();
        let (mut whole, mut all) = (0, 0);
        for row in 0..rows {
            all += line(row).len();
            if self.row(&mut building, row, line(row), ascii) == 0 {
                whole += line(row).len();
            }
        }
        is_worth(whole, all) && building.cut.skeletons.len() <= SAMPLE_SKELETONS_MAX.min(rows / 2)
    }

    /// Cuts a line; gives 1 + the number of its skeleton, or 0 and leaves it whole.
    fn row(&mut self, building: &mut Building, row: usize, line: &[u8], ascii: bool) -> u32 {
        if !ascii
            && !line.is_ascii()
            && std::str::from_utf8(line).map_or(true, |text| text.contains('\u{fffd}'))
        {
            return 0;
        }
        for at in 0..building.recent.len() {
            let number = building.recent[at];
            if building.fits(number, line, &mut self.spans) {
                building.recent[..=at].rotate_right(1);
                building.push(number, row, line, &self.spans);
                return number + 1;
            }
        }
        let Some(form) = self.read(line) else {
            return 0;
        };
        let Some(number) = building.skeleton(form, line, &self.tokens, &self.objects) else {
            return 0;
        };
        self.spans.clear();
        self.spans
            .extend(self.tokens.iter().map(|token| token.value.clone()));
        building.recent.retain(|recent| *recent != number);
        building.recent.truncate(RECENT - 1);
        building.recent.insert(0, number);
        building.push(number, row, line, &self.spans);
        for (token, slot) in self
            .tokens
            .iter()
            .zip(&building.cut.skeletons[number as usize].slots)
        {
            building.cut.columns[slot.column as usize].escaped |= token.escaped;
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

    /// As the json parser walks it.
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

    /// As the logfmt parser reads it: at least two pairs, and no key twice.
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

/// A block while it is cut.
#[derive(Default)]
struct Building {
    cut: Cut,
    /// Kinds of the values of each skeleton.
    kinds: Vec<Vec<SlotKind>>,
    /// Skeletons that were met last, the latest first.
    recent: Vec<u32>,
    known: HashTable<u32>,
    columns: HashMap<String, u32, FixedState>,
    hasher: FixedState,
}

impl Building {
    /// Whether a line has this skeleton; leaves its values in `spans`. What it says no to may have it all the same.
    fn fits(&self, number: u32, line: &[u8], spans: &mut Vec<Range<usize>>) -> bool {
        spans.clear();
        let skeleton = &self.cut.skeletons[number as usize];
        let mut at = 0;
        for (slot, kind) in skeleton.slots.iter().zip(&self.kinds[number as usize]) {
            if !line[at..].starts_with(&slot.literal) {
                return false;
            }
            at += slot.literal.len();
            let end = match kind {
                SlotKind::Text => match json::string_end(line, at) {
                    // What escapes mean is looked at when the line is read.
                    Some((end, false)) => end,
                    _ => return false,
                },
                SlotKind::Word => {
                    if line.get(at) == Some(&b'"') {
                        return false;
                    }
                    let rest = &line[at..];
                    at + rest
                        .iter()
                        .position(|b| ENDS_WORD[usize::from(*b)])
                        .unwrap_or(rest.len())
                }
                SlotKind::Bare | SlotKind::Array => match value_at(line, at) {
                    Ok(value) if value.start == at && slot_kind(value.kind) == Some(*kind) => {
                        value.end
                    }
                    _ => return false,
                },
            };
            spans.push(at..end);
            at = end;
        }
        line[at..] == skeleton.tail
    }

    /// The number of a line's skeleton, new or known; `None` when there are too many.
    fn skeleton(
        &mut self,
        form: Form,
        line: &[u8],
        tokens: &[Token],
        objects: &[ObjectKey],
    ) -> Option<u32> {
        let literal = |number: usize| {
            let start = number
                .checked_sub(1)
                .map_or(0, |before| tokens[before].value.end);
            &line[start
                ..tokens
                    .get(number)
                    .map_or(line.len(), |token| token.value.start)]
        };
        let mut hasher = self.hasher.build_hasher();
        form.hash(&mut hasher);
        for number in 0..=tokens.len() {
            literal(number).hash(&mut hasher);
        }
        let hash = hasher.finish();
        let is = |number: &u32| {
            let skeleton = &self.cut.skeletons[*number as usize];
            skeleton.form == form
                && skeleton.slots.len() == tokens.len()
                && skeleton
                    .slots
                    .iter()
                    .enumerate()
                    .all(|(at, slot)| slot.literal == literal(at))
                && self.kinds[*number as usize]
                    .iter()
                    .eq(tokens.iter().map(|token| &token.kind))
                && skeleton.tail == literal(tokens.len())
        };
        if let Some(number) = self.known.find(hash, is) {
            return Some(*number);
        }
        if self.cut.skeletons.len() == SKELETONS_MAX {
            return None;
        }
        let names = names(form, line, tokens, objects)?;
        let fresh = names
            .iter()
            .filter(|name| !self.columns.contains_key(*name))
            .count();
        if self.cut.columns.len() + fresh > COLUMNS_MAX {
            return None;
        }
        let mut slots = Vec::with_capacity(tokens.len());
        for (at, name) in names.into_iter().enumerate() {
            slots.push(Slot {
                literal: literal(at).to_vec(),
                column: self.column(name),
            });
        }
        let number = self.cut.skeletons.len() as u32;
        self.kinds
            .push(tokens.iter().map(|token| token.kind).collect());
        self.cut.skeletons.push(Skeleton {
            form,
            slots,
            tail: literal(tokens.len()).to_vec(),
        });
        // Few enough that their hashes are never asked for again: there is room for all.
        self.known.reserve(SKELETONS_MAX, |_| 0);
        self.known.insert_unique(hash, number, |_| 0);
        Some(number)
    }

    /// The number of the column of a name.
    fn column(&mut self, name: String) -> u32 {
        let next = self.cut.columns.len() as u32;
        let number = *self.columns.entry_ref(&name).or_insert(next);
        if number == next {
            let label = if name.starts_with(ANONYMOUS) {
                ""
            } else {
                name.as_str()
            };
            let values = MetadataColumn {
                name: Arc::from(label),
                codes: Vec::new(),
                value_ends: Vec::new(),
                values: Vec::new(),
            };
            self.cut.columns.push(ValueColumn {
                values,
                escaped: false,
            });
        }
        number
    }

    /// Puts the values of a line into their columns.
    fn push(&mut self, number: u32, row: usize, line: &[u8], spans: &[Range<usize>]) {
        for (slot, span) in self.cut.skeletons[number as usize].slots.iter().zip(spans) {
            let column = &mut self.cut.columns[slot.column as usize].values;
            column.codes.resize(row, 0);
            column.values.extend_from_slice(&line[span.clone()]);
            column.value_ends.push(column.values.len() as u32);
            column.codes.push(column.value_ends.len() as u32);
        }
    }
}

fn slot_kind(kind: Kind) -> Option<SlotKind> {
    match kind {
        Kind::Number | Kind::Bool => Some(SlotKind::Bare),
        Kind::Array => Some(SlotKind::Array),
        Kind::String | Kind::Null | Kind::Object => None,
    }
}

/// Begins what tells columns apart that become no label.
const ANONYMOUS: char = '\0';

/// What tells the columns of a line's values apart: label names; `None` where one name has two values of which
/// a parser might take either.
fn names(form: Form, line: &[u8], tokens: &[Token], objects: &[ObjectKey]) -> Option<Vec<String>> {
    let text = |range: &Range<usize>| String::from_utf8_lossy(&line[range.clone()]);
    let mut prefixes = vec![String::new()];
    for object in objects {
        prefixes.push(label_name(&prefixes[object.parent], &text(&object.key)));
    }
    let mut names: Vec<String> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let name = label_name(&prefixes[token.object], &text(&token.key));
        let taken = names.contains(&name);
        if taken && form == Form::Logfmt {
            return None;
        }
        let is_label = !taken && !name.is_empty() && token.kind != SlotKind::Array;
        names.push(if is_label {
            name
        } else {
            format!("{ANONYMOUS}{}{ANONYMOUS}{name}", names.len())
        });
    }
    Some(names)
}

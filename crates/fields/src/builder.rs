//! The builder of shredded lines collects skeletons and columns line by line.
//!
//! Main type: [`ShreddedBuilder`]. It finds the skeleton of a line among those it has, or adds it,
//! and puts the line's values into their columns.

use crate::json::{Kind, value_at};
use crate::logfmt::ENDS_WORD;
use crate::shredded::{COLUMNS_MAX, Form, SKELETONS_MAX, Shredded, Skeleton, Slot, ValueColumn};
use crate::{json, label_name};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};
use skald_model::MetadataColumn;
use std::hash::{BuildHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

/// What kind of value stands between two literals of a skeleton.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SlotKind {
    /// Text in quotes, which belong to the skeleton.
    Text,
    /// A JSON number or boolean.
    Bare,
    /// A JSON array with its brackets.
    Array,
    /// A logfmt value without quotes.
    Word,
}

/// A value that was found in a line.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: SlotKind,
    pub(crate) escaped: bool,
    pub(crate) value: Range<usize>,
    pub(crate) key: Range<usize>,
    /// The object the key is in, plus one; 0 for the line itself.
    pub(crate) object: usize,
}

/// The key of a nested object.
#[derive(Clone, Debug)]
pub(crate) struct ObjectKey {
    pub(crate) key: Range<usize>,
    pub(crate) parent: usize,
}

/// The lines of a block that were shredded so far.
#[derive(Default)]
pub(crate) struct ShreddedBuilder {
    pub(crate) shredded: Shredded,
    /// Kinds of the values of each skeleton.
    kinds: Vec<Vec<SlotKind>>,
    /// Skeletons that were met last, the latest first.
    pub(crate) recent: Vec<u32>,
    known: HashTable<u32>,
    columns: HashMap<String, u32, FixedState>,
    hasher: FixedState,
}

impl ShreddedBuilder {
    /// Whether a line surely has this skeleton; leaves its values in `spans`. After a `false` the
    /// line has to be read.
    pub(crate) fn fits(&self, number: u32, line: &[u8], spans: &mut Vec<Range<usize>>) -> bool {
        spans.clear();
        let skeleton = &self.shredded.skeletons[number as usize];
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
        line[at..] == skeleton.suffix
    }

    /// The number of a line's skeleton, new or known; `None` when there are too many.
    pub(crate) fn skeleton(
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
            let skeleton = &self.shredded.skeletons[*number as usize];
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
                && skeleton.suffix == literal(tokens.len())
        };
        if let Some(number) = self.known.find(hash, is) {
            return Some(*number);
        }
        if self.shredded.skeletons.len() == SKELETONS_MAX {
            return None;
        }
        let names = names(form, line, tokens, objects)?;
        let fresh = names
            .iter()
            .filter(|name| !self.columns.contains_key(*name))
            .count();
        if self.shredded.columns.len() + fresh > COLUMNS_MAX {
            return None;
        }
        let mut slots = Vec::with_capacity(tokens.len());
        for (at, name) in names.into_iter().enumerate() {
            slots.push(Slot {
                literal: literal(at).to_vec(),
                column: self.column(name),
            });
        }
        let number = self.shredded.skeletons.len() as u32;
        self.kinds
            .push(tokens.iter().map(|token| token.kind).collect());
        self.shredded.skeletons.push(Skeleton {
            form,
            slots,
            suffix: literal(tokens.len()).to_vec(),
        });
        // Few enough that their hashes are never asked for again: there is room for all.
        self.known.reserve(SKELETONS_MAX, |_| 0);
        self.known.insert_unique(hash, number, |_| 0);
        Some(number)
    }

    /// The number of the column of a name.
    fn column(&mut self, name: String) -> u32 {
        let next = self.shredded.columns.len() as u32;
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
            self.shredded.columns.push(ValueColumn {
                values,
                escaped: false,
            });
        }
        number
    }

    /// Puts the values of a line into their columns.
    pub(crate) fn push(&mut self, number: u32, row: usize, line: &[u8], spans: &[Range<usize>]) {
        for (slot, span) in self.shredded.skeletons[number as usize]
            .slots
            .iter()
            .zip(spans)
        {
            let column = &mut self.shredded.columns[slot.column as usize].values;
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

/// Begins the name, within a block, of a column that becomes no label.
const ANONYMOUS: char = '\0';

/// Names of the columns of a line's values: label names, or anonymous ones that begin with
/// [`ANONYMOUS`]. `None` where one name has two values of which a parser might take either.
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

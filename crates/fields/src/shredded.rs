//! Shredded lines: the skeletons that lines of a block share, and their values as columns.

use skald_model::MetadataColumn;

/// Most skeletons of a block; lines of further ones stay whole.
pub const SKELETONS_MAX: usize = 255;
/// Most values of a shredded line.
pub const SLOTS_MAX: usize = 160;
/// Most columns of a block.
pub const COLUMNS_MAX: usize = 192;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Form {
    /// A JSON object.
    Json = 1,
    /// `key=value` pairs.
    Logfmt = 2,
}

/// A literal of a skeleton and the column whose value follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Text before the value.
    pub literal: Vec<u8>,
    /// Number of the column.
    pub column: u32,
}

/// What lines have in common: their text around the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skeleton {
    /// How the line is written.
    pub form: Form,
    /// Literals, each with the value that follows it.
    pub slots: Vec<Slot>,
    /// Text after the last value.
    pub suffix: Vec<u8>,
}

/// A column of values.
#[derive(Clone, Debug)]
pub struct ValueColumn {
    /// The values; its name is the label they become, empty when they become none.
    pub values: MetadataColumn,
    /// Whether some value is written with escapes, so that the label's text differs.
    pub escaped: bool,
}

/// The shredded lines of a block.
#[derive(Clone, Debug, Default)]
pub struct Shredded {
    /// Skeletons, in order of first use.
    pub skeletons: Vec<Skeleton>,
    /// For each row 0 when its line stays whole, else 1 + the number of its skeleton.
    pub skeleton_codes: Vec<u32>,
    /// Columns, in order of first use.
    pub columns: Vec<ValueColumn>,
}

impl Shredded {
    /// The form of all rows; `None` when they differ or some stay whole.
    pub fn form(&self) -> Option<Form> {
        let first = self.skeletons.first()?.form;
        let alike = self.skeletons.iter().all(|skeleton| skeleton.form == first)
            && !self.skeleton_codes.contains(&0);
        alike.then_some(first)
    }
}

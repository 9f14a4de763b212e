//! A read specification says what a reader wants of a block: columns, rows, and texts that lines
//! must contain.

use skald_model::{Columns, Literal};
use std::fmt;

/// What to read of a block. More may come: only what is asked for is promised.
#[derive(Clone, Copy)]
pub struct ReadSpec<'a> {
    /// The columns.
    pub columns: &'a Columns,
    /// Whether fields come as metadata, those whose names [`Columns::metadata`] asks for. Only
    /// where [`crate::BlockMeta::field_coverage`] says that they tell what a parser would find.
    pub fields: bool,
    /// The rows whose lines are wanted, in order; lines of others may come out empty. `None`: all.
    pub rows: Option<&'a [u32]>,
    /// Texts that lines must contain to be wanted, at least one of each list; other lines may come
    /// out empty.
    pub must_contain: &'a [Vec<Literal>],
    /// Picks rows by the times of all, once these are read: other values of all columns may come
    /// out empty.
    pub pick: Option<Pick<'a>>,
}

/// From the times of all rows of a block those rows, in order, whose values are wanted. They must
/// be among [`ReadSpec::rows`].
pub type Pick<'a> = &'a dyn Fn(&[i64]) -> Vec<u32>;

impl<'a> ReadSpec<'a> {
    /// Columns of all rows, as they are.
    pub fn all(columns: &'a Columns) -> ReadSpec<'a> {
        ReadSpec {
            columns,
            fields: false,
            rows: None,
            must_contain: &[],
            pick: None,
        }
    }

    /// Whether a field of this name comes as metadata.
    pub(crate) fn wants_field(&self, name: &str) -> bool {
        self.fields && !name.is_empty() && self.columns.wants_metadata(name)
    }
}

impl fmt::Debug for ReadSpec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadSpec")
            .field("columns", self.columns)
            .field("fields", &self.fields)
            .field("rows", &self.rows)
            .field("must_contain", &self.must_contain)
            .field("pick", &self.pick.is_some())
            .finish()
    }
}

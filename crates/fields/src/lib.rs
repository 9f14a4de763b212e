//! Shreds JSON and logfmt lines into skeletons and columns of values, and assembles them again byte
//! for byte.
//!
//! [`json`] and [`logfmt`] read lines as LogQL's parsers do; [`label_name()`] is the label a key
//! becomes. [`Shredder`] shreds the lines of a block into skeletons, which repeat, and columns of
//! values. [`Assembler`] gives the lines back, and [`prefilter()`] tells beforehand which of them
//! may contain a text. Shredding and parsing share their readers, so that a column holds what a
//! parser would find. Nothing here knows queries or how columns are written.
//!
//! ```
//! use skald_fields::{Assembler, Shredder};
//! use skald_model::BatchBuilder;
//!
//! let mut block = BatchBuilder::default();
//! for user in 0..32 {
//!     let line = format!(r#"{{"level":"info","user":{user}}}"#);
//!     block.push(0, user, line.as_bytes(), std::iter::empty());
//! }
//! let block = block.finish();
//!
//! let shredded = Shredder::default().shred(&block).expect("all lines are alike");
//! assert_eq!(shredded.skeletons.len(), 1);
//! let columns: Vec<_> = shredded.columns.into_iter().map(|column| column.values).collect();
//! assert_eq!((&*columns[1].name, columns[1].get(7)), ("user", Some("7")));
//!
//! let assembler = Assembler {
//!     skeletons: &shredded.skeletons,
//!     skeleton_codes: &shredded.skeleton_codes,
//!     columns: &columns,
//!     whole: b"",
//! };
//! let mut lines = Vec::new();
//! assembler.assemble(&block.line_ends, &mut lines)?;
//! assert_eq!(lines, block.lines);
//! # Ok::<(), skald_fields::AssembleError>(())
//! ```

mod assemble;
mod builder;
pub mod json;
mod label_name;
pub mod logfmt;
mod prefilter;
mod shred;
mod shredded;

pub use assemble::{AssembleError, Assembler};
pub use label_name::label_name;
pub use prefilter::{LazyColumns, prefilter};
pub use shred::Shredder;
pub use shredded::{
    COLUMNS_MAX, Form, SKELETONS_MAX, SLOTS_MAX, Shredded, Skeleton, Slot, ValueColumn,
};

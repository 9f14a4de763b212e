//! What JSON and logfmt lines are made of: keys, values, and what is left when the values are taken out.
//!
//! [`json`] and [`logfmt`] read lines as LogQL's parsers do; [`label_name`] is what a key is called as a label.
//! [`Cutter`] cuts the lines of a block into skeletons, which repeat, and columns of values, and [`join`] puts
//! them together again byte for byte; [`sift`] tells beforehand which lines may contain a text. Cutting and parsing share their readers, so that a column holds what a
//! parser would find. Nothing here knows queries or how columns are written.

mod assemble;
pub mod json;
mod label_name;
pub mod logfmt;
mod prefilter;
mod shred;

pub use assemble::{JoinError, Parts, join, join_some};
pub use label_name::label_name;
pub use prefilter::{LazyColumns, sift};
pub use shred::{
    COLUMNS_MAX, Cut, Cutter, Form, SKELETONS_MAX, SLOTS_MAX, Skeleton, Slot, ValueColumn,
};

//! Sources: who sends logs, what became of them, and what would let refused ones in.
//!
//! [`table::Sources`] hears of every push and forgets the source that was silent for the longest
//! when there are too many; [`file`] keeps it over a restart (README.md is the format).

pub(crate) mod advice;
pub(crate) mod file;
pub(crate) mod table;

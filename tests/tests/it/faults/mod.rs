//! Faults that other log servers and their clients had, asked in each state that data passes
//! through.
//!
//! What is stored, asked and right stands in `tests/faults`, a file or more for each kind of fault.

mod alone;
mod blocks;
mod doors;
mod errors;
mod files;
mod tails;

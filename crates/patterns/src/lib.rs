//! Templates of log lines: what stays and what varies, found by the Drain algorithm, with counts over time.
//!
//! [`StreamMiner`] takes the lines of one stream and gives [`Pattern`]s; [`encode`] and [`decode`] are their
//! form in a part (README.md). Pure: no files, no clocks, no threads. Memory is bounded whatever the lines
//! are: so many templates a stream and level, so many samples a template, so many nodes a tree.

mod drain;
mod miner;
mod section;
mod template;
mod tokens;

pub use miner::StreamMiner;
pub use section::{StreamPatterns, decode, encode};
pub use template::{Format, Pattern, SLOT_SECONDS, Template};

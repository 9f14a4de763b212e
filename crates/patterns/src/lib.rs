//! Mines templates of log lines, what stays and what varies, by the Drain algorithm, with counts
//! over time.
//!
//! [`StreamMiner`] takes the lines of one stream and gives [`Pattern`]s; [`encode`] and [`decode`]
//! are their form in a part (README.md). Pure: no files, no clocks, no threads. Memory is bounded
//! whatever the lines are: the templates of a stream and level, the samples of a template and the
//! nodes of a tree have limits.
//!
//! ```
//! use skald_patterns::StreamMiner;
//!
//! let mut miner = StreamMiner::default();
//! for user in 0..20 {
//!     miner.add(user, "info", format!("user {user} logged in").as_bytes(), 1);
//! }
//! let patterns = miner.finish();
//! assert_eq!(patterns[0].template.render(), "user <_> logged in");
//! assert_eq!(patterns[0].count(), 20);
//! ```

mod drain;
mod miner;
mod section;
mod template;
mod tokens;

pub use miner::StreamMiner;
pub use section::{StreamPatterns, decode, encode};
pub use template::{Format, Pattern, SLOT_SECONDS, Template};

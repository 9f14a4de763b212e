//! Selection: the types of a query's request to a store and of the pieces it gets.

use crate::Piece;
use skald_model::{ContentQuery, Matcher, SelectedStream, TimeRange};

/// What a query wants to read.
#[derive(Clone, Debug)]
pub struct Select<'a> {
    /// Streams.
    pub matchers: &'a [Matcher],
    /// Times.
    pub range: TimeRange,
    /// What lines must contain, for pruning.
    pub content: &'a ContentQuery,
}

/// Streams and pieces that may hold what was asked for.
#[derive(Clone, Debug, Default)]
pub struct Selected {
    /// The matching streams that have pieces; runs point here.
    pub streams: Vec<SelectedStream>,
    /// What to read, in no order.
    pub pieces: Vec<Piece>,
    /// Trouble the user should know of (damaged part and so on).
    pub warnings: Vec<String>,
    /// Blocks that were left out by their content index.
    pub blocks_pruned: u64,
}

//! A content query says what a block's lines must contain for the block to be worth reading.
//!
//! A `ContentQuery` is a necessary condition only. Pruning by it never changes an answer: the
//! reader of the block still applies the real filter.

/// Bytes that must occur somewhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Literal {
    /// The bytes; lower-cased ASCII when `ignore_case`.
    pub bytes: Vec<u8>,
    /// Whether ASCII case is ignored.
    pub ignore_case: bool,
}

/// Text in the line, or a value in the entry's structured metadata: one of them must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Either {
    /// The line contains at least one of these.
    pub literals: Vec<Literal>,
    /// Structured metadata of this name …
    pub name: String,
    /// … has one of these exact values.
    pub values: Vec<String>,
}

/// All of `lines`, all of `metadata` and all of `either` must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentQuery {
    /// Each inner list is a disjunction: the line contains at least one of its literals.
    pub lines: Vec<Vec<Literal>>,
    /// Structured metadata `name` has one of these exact values.
    pub metadata: Vec<(String, Vec<String>)>,
    /// Values that stand in the line or in metadata.
    pub either: Vec<Either>,
}

impl ContentQuery {
    /// Whether it says nothing, so that every block has to be read.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.metadata.is_empty() && self.either.is_empty()
    }
}

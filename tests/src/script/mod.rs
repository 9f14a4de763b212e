//! Scripts that say in plain text what is stored, what is asked, and what must come back.
//!
//! A [`Script`] is read from a `.logql` file by [`parse`] and run by [`run`] on the same data in
//! each state that data can be in, or by [`http`] on a server. The format is described in
//! `tests/scripts/README.md`.

mod compare;
mod cursor;
pub mod http;
pub mod parse;
pub mod run;

/// Pairs of names and values, sorted by name.
pub type Pairs = Vec<(String, String)>;

/// A file of data and questions.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// What is stored before the first question.
    pub entries: Vec<Entry>,
    /// The questions, in order.
    pub evals: Vec<Eval>,
}

/// A stored entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Labels of its stream.
    pub labels: Pairs,
    /// Its line.
    pub line: Vec<u8>,
    /// Its structured metadata.
    pub metadata: Pairs,
    /// Nanoseconds after the script's zero.
    pub offset: i64,
}

/// A question and its answer.
#[derive(Clone, Debug)]
pub struct Eval {
    /// Line of the file, from 1.
    pub at_line: usize,
    /// LogQL.
    pub query: String,
    /// How it is asked.
    pub ask: Ask,
    /// What must come back.
    pub expected: Expected,
}

/// How a question is asked. Times are nanoseconds after the script's zero.
#[derive(Clone, Debug)]
pub enum Ask {
    /// `eval instant at T`, in the order given when `ordered`.
    Instant {
        /// Evaluation time.
        at: i64,
        /// Whether the order of series matters.
        ordered: bool,
    },
    /// `eval range from T to T step D`
    Range {
        /// First point.
        from: i64,
        /// Last point.
        to: i64,
        /// Distance of points.
        step: i64,
    },
    /// `eval lines`, `eval labels` or `eval log`
    Log(LogAsk),
}

/// How entries are asked for.
#[derive(Clone, Debug)]
pub struct LogAsk {
    /// What of each entry is compared.
    pub show: Show,
    /// First instant.
    pub from: i64,
    /// First instant after.
    pub to: i64,
    /// Entries at most.
    pub limit: usize,
    /// Newest first.
    pub backward: bool,
    /// Least distance of entries; 0 for all.
    pub interval: i64,
}

/// What of each entry is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Lines, in order of time.
    Lines,
    /// Labels, in order of time.
    Labels,
    /// Labels, line and time.
    Everything,
}

/// An answer.
#[derive(Clone, Debug)]
pub enum Expected {
    /// The question fails, with this in the message.
    Failure(String),
    /// Lines of the answer as the script shows them.
    Rows(Vec<Row>),
}

/// One line of an answer.
#[derive(Clone, Debug)]
pub enum Row {
    /// A series with a value for each step, `None` where there is none.
    Series(Pairs, Vec<Option<f64>>),
    /// A number without labels.
    Scalar(f64),
    /// What is compared of an entry.
    Entry {
        /// Labels, when compared.
        labels: Option<Pairs>,
        /// Line, when compared.
        line: Option<Vec<u8>>,
        /// Time, when compared.
        offset: Option<i64>,
    },
}

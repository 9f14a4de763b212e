//! The engine as a trait: what rules ask of the stored lines.
//!
//! Calls block until the answer is there. An implementation applies the tenant's limits, writes
//! the query log, and never gives a part of an answer: what can't be answered whole is an error.

use skald_model::{Labels, TenantId, TimeRange};

/// A question of one rule.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Whose data.
    pub tenant: &'a TenantId,
    /// A metric query in LogQL.
    pub query: &'a str,
    /// The instant it is asked for.
    pub at: i64,
    /// Who asks, for the query log.
    pub asker: Asker<'a>,
}

/// Who asks a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker<'a> {
    /// Namespace, or file name, of the group.
    pub namespace: &'a str,
    /// The group.
    pub group: &'a str,
    /// The rule.
    pub rule: &'a str,
}

/// One series of an answer, at the instant that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its labels.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
}

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The vector; a scalar is one sample without labels.
    pub samples: Vec<Sample>,
    /// What it cost.
    pub cost: Cost,
}

/// What an answer cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes of lines that were looked at.
    pub bytes: u64,
    /// Lines that were looked at.
    pub lines: u64,
    /// Streams that the selectors matched.
    pub streams: u64,
}

/// Lines that a template shows.
#[derive(Clone, Copy, Debug)]
pub struct LinesQuestion<'a> {
    /// Whose data.
    pub tenant: &'a TenantId,
    /// A log query in LogQL.
    pub query: &'a str,
    /// From when to when.
    pub range: TimeRange,
    /// Most lines; the newest are given.
    pub limit: usize,
    /// Who asks, for the query log.
    pub asker: Asker<'a>,
}

/// A line of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub time: i64,
    /// Labels of its stream.
    pub labels: Labels,
    /// The line.
    pub text: String,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The query failed, in the words its user would read: a limit, a timeout, a fault.
    #[error("{0}")]
    Failed(String),
    /// Stored lines can't be read yet: the process has just begun. The slot waits.
    #[error("{0}")]
    NotReady(String),
    /// The process is ending; this is no failure of the rule.
    #[error("the server is stopping")]
    Stopping,
}

/// Answers the questions of rules.
pub trait Engine: Send + Sync {
    /// The value of a metric query at an instant.
    fn instant(&self, question: &Question<'_>) -> Result<Answer, EngineError>;
    /// The newest lines of a log query, newest first.
    fn lines(&self, question: &LinesQuestion<'_>) -> Result<Vec<Line>, EngineError>;
}

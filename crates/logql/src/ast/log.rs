//! Log queries as trees: selectors and the stages of a pipeline.

use super::Span;
use skald_model::MatchOp;

/// `{…} stages`.
#[derive(Clone, Debug, PartialEq)]
pub struct LogExpr {
    /// The stream selector.
    pub selector: Selector,
    /// The pipeline, in the order written.
    pub stages: Vec<StageExpr>,
    /// All of it.
    pub span: Span,
}

/// `{a="b", …}`; may be empty (Skald reads `{}` as every stream).
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    /// Comparisons, all of which must hold.
    pub matchers: Vec<MatcherExpr>,
    /// With its braces.
    pub span: Span,
}

/// `name op "value"`, the value unquoted and not compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct MatcherExpr {
    /// Label name.
    pub name: String,
    /// Comparison.
    pub op: MatchOp,
    /// Right-hand side.
    pub value: String,
    /// All of it.
    pub span: Span,
}

/// One stage of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub enum StageExpr {
    /// `|= "x" or "y"` and its five siblings.
    LineFilter(LineFilterExpr),
    /// `| json`, with expressions when not empty.
    Json(Vec<Extraction>),
    /// `| logfmt`, with expressions when not empty.
    Logfmt {
        /// `--strict`
        strict: bool,
        /// `--keep-empty`
        keep_empty: bool,
        /// `a="b", c`
        expressions: Vec<Extraction>,
    },
    /// `| regexp "…"`
    Regexp(String),
    /// `| pattern "…"`
    Pattern(String),
    /// `| unpack`
    Unpack,
    /// `| line_format "…"`
    LineFormat(String),
    /// `| label_format a=b, c="…"`
    LabelFormat(Vec<LabelFormat>),
    /// `| decolorize`
    Decolorize,
    /// `| drop a, b="x"`
    Drop(Vec<NamedMatcher>),
    /// `| keep a, b="x"`
    Keep(Vec<NamedMatcher>),
    /// `| a="x" and b > 5`
    LabelFilter(LabelFilterExpr),
    /// `| distinct a, b` (beyond Loki): the first entry of each combination of values.
    Distinct(Vec<String>),
    /// `| limit n` (beyond Loki): at most that many entries pass.
    Limit(u64),
    /// `| sort by (a desc, b)` (beyond Loki): order of the returned entries.
    Sort(Vec<SortKey>),
    /// `| a in ({…} | keep a)` (beyond Loki): the label has a value the inner query finds.
    In {
        /// Label compared.
        label: String,
        /// `not in`
        negated: bool,
        /// The inner query.
        query: Box<LogExpr>,
    },
}

/// One key of `| sort by`.
#[derive(Clone, Debug, PartialEq)]
pub struct SortKey {
    /// Label whose value orders entries (numbers as numbers).
    pub label: String,
    /// Largest first.
    pub descending: bool,
}

/// The six line filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineFilterOp {
    /// `|=`
    Contains,
    /// `!=`
    NotContains,
    /// `|~`
    Regex,
    /// `!~`
    NotRegex,
    /// `|>`
    Pattern,
    /// `!>`
    NotPattern,
}

impl LineFilterOp {
    /// The operator as written.
    pub fn as_str(self) -> &'static str {
        match self {
            LineFilterOp::Contains => "|=",
            LineFilterOp::NotContains => "!=",
            LineFilterOp::Regex => "|~",
            LineFilterOp::NotRegex => "!~",
            LineFilterOp::Pattern => "|>",
            LineFilterOp::NotPattern => "!>",
        }
    }
}

/// `op arg or arg …`: for negated operators no argument may match.
#[derive(Clone, Debug, PartialEq)]
pub struct LineFilterExpr {
    /// Comparison; the whole chain shares it.
    pub op: LineFilterOp,
    /// One argument or more.
    pub args: Vec<LineFilterArg>,
    /// All of it.
    pub span: Span,
}

/// What a line filter looks for.
#[derive(Clone, Debug, PartialEq)]
pub enum LineFilterArg {
    /// A literal, regex or pattern, by the operator.
    Text(String),
    /// `ip("…")`
    Ip(String),
}

/// `label="expression"` of json and logfmt; a bare `label` has the expression `label`.
#[derive(Clone, Debug, PartialEq)]
pub struct Extraction {
    /// Label that gets the value.
    pub label: String,
    /// Path or key.
    pub expression: String,
}

/// One assignment of `label_format`.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelFormat {
    /// Label that is set.
    pub target: String,
    /// Where the value comes from.
    pub source: LabelFormatSource,
}

/// Right-hand side of a [`LabelFormat`].
#[derive(Clone, Debug, PartialEq)]
pub enum LabelFormatSource {
    /// Another label, renamed.
    Label(String),
    /// A template.
    Template(String),
}

/// An item of drop and keep.
#[derive(Clone, Debug, PartialEq)]
pub enum NamedMatcher {
    /// Always.
    Name(String),
    /// When the label's value matches.
    Matcher(MatcherExpr),
}

/// A condition on labels.
#[derive(Clone, Debug, PartialEq)]
pub enum LabelFilterExpr {
    /// Both (`and`, `,` or nothing between).
    And(Box<LabelFilterExpr>, Box<LabelFilterExpr>),
    /// Either.
    Or(Box<LabelFilterExpr>, Box<LabelFilterExpr>),
    /// Text comparison.
    Match(MatcherExpr),
    /// `name = ip("…")`
    Ip {
        /// Label name.
        name: String,
        /// `!=`
        negated: bool,
        /// Address, network or range.
        pattern: String,
    },
    /// `name op number`
    Number {
        /// Label name.
        name: String,
        /// Comparison.
        op: CompareOp,
        /// Right-hand side.
        value: f64,
    },
    /// `name op duration`
    Duration {
        /// Label name.
        name: String,
        /// Comparison.
        op: CompareOp,
        /// Right-hand side in nanoseconds.
        nanos: i64,
    },
    /// `name op bytes`
    Bytes {
        /// Label name.
        name: String,
        /// Comparison.
        op: CompareOp,
        /// Right-hand side in bytes.
        bytes: u64,
    },
}

/// Numeric comparisons; `=` and `==` are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// `==` or `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
}

impl CompareOp {
    /// The canonical spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            CompareOp::Equal => "==",
            CompareOp::NotEqual => "!=",
            CompareOp::Greater => ">",
            CompareOp::GreaterEqual => ">=",
            CompareOp::Less => "<",
            CompareOp::LessEqual => "<=",
        }
    }
}

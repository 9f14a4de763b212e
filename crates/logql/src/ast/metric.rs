//! Metric queries as trees: range and vector aggregations, binary operations.

use super::{LabelFilterExpr, LogExpr, Span};

/// A metric query.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricExpr {
    /// `rate({…}[5m])`
    Range(Box<RangeExpr>),
    /// `sum by (a) (…)`
    Vector(Box<VectorExpr>),
    /// `a + b`
    Binary(Box<BinaryExpr>),
    /// A number; constant expressions are folded into one while parsing.
    Literal(f64),
    /// `label_replace(v, "dst", "replacement", "src", "regex")`
    LabelReplace(Box<LabelReplaceExpr>),
    /// `vector(n)`
    VectorOf(f64),
}

/// Range aggregations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each is the function of its name
pub enum RangeOp {
    CountOverTime,
    Rate,
    BytesOverTime,
    BytesRate,
    AbsentOverTime,
    SumOverTime,
    AvgOverTime,
    MinOverTime,
    MaxOverTime,
    StddevOverTime,
    StdvarOverTime,
    QuantileOverTime,
    FirstOverTime,
    LastOverTime,
    RateCounter,
    /// `count_distinct(label, {…}[5m])` (beyond Loki): how many values the label has. The label
    /// stands in [`LogRange::unwrap`], without conversion and filters.
    CountDistinct,
}

impl RangeOp {
    /// All of them.
    pub const ALL: [RangeOp; 16] = [
        RangeOp::CountOverTime,
        RangeOp::Rate,
        RangeOp::BytesOverTime,
        RangeOp::BytesRate,
        RangeOp::AbsentOverTime,
        RangeOp::SumOverTime,
        RangeOp::AvgOverTime,
        RangeOp::MinOverTime,
        RangeOp::MaxOverTime,
        RangeOp::StddevOverTime,
        RangeOp::StdvarOverTime,
        RangeOp::QuantileOverTime,
        RangeOp::FirstOverTime,
        RangeOp::LastOverTime,
        RangeOp::RateCounter,
        RangeOp::CountDistinct,
    ];

    /// The function's name.
    pub fn as_str(self) -> &'static str {
        match self {
            RangeOp::CountOverTime => "count_over_time",
            RangeOp::Rate => "rate",
            RangeOp::BytesOverTime => "bytes_over_time",
            RangeOp::BytesRate => "bytes_rate",
            RangeOp::AbsentOverTime => "absent_over_time",
            RangeOp::SumOverTime => "sum_over_time",
            RangeOp::AvgOverTime => "avg_over_time",
            RangeOp::MinOverTime => "min_over_time",
            RangeOp::MaxOverTime => "max_over_time",
            RangeOp::StddevOverTime => "stddev_over_time",
            RangeOp::StdvarOverTime => "stdvar_over_time",
            RangeOp::QuantileOverTime => "quantile_over_time",
            RangeOp::FirstOverTime => "first_over_time",
            RangeOp::LastOverTime => "last_over_time",
            RangeOp::RateCounter => "rate_counter",
            RangeOp::CountDistinct => "count_distinct",
        }
    }
}

/// A range aggregation.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeExpr {
    /// Function.
    pub op: RangeOp,
    /// First argument of `quantile_over_time`.
    pub param: Option<f64>,
    /// What is aggregated.
    pub range: LogRange,
    /// `by (…)` or `without (…)`.
    pub grouping: Option<Grouping>,
    /// All of it.
    pub span: Span,
}

/// `{…} stages | unwrap x [5m] offset 1m`.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRange {
    /// Lines.
    pub log: LogExpr,
    /// Value taken from a label.
    pub unwrap: Option<UnwrapExpr>,
    /// Width of the window in nanoseconds.
    pub range: i64,
    /// How far the window is moved back, in nanoseconds.
    pub offset: i64,
}

/// `| unwrap duration(x) | filters`.
#[derive(Clone, Debug, PartialEq)]
pub struct UnwrapExpr {
    /// Label that holds the value.
    pub label: String,
    /// How text becomes a number.
    pub conversion: Conversion,
    /// Filters after the conversion.
    pub filters: Vec<LabelFilterExpr>,
}

/// Conversions of `unwrap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Conversion {
    /// A float.
    None,
    /// `bytes(x)`
    Bytes,
    /// `duration(x)`: seconds
    Duration,
    /// `duration_seconds(x)`: seconds
    DurationSeconds,
}

impl Conversion {
    /// The converter's name; empty for none.
    pub fn as_str(self) -> &'static str {
        match self {
            Conversion::None => "",
            Conversion::Bytes => "bytes",
            Conversion::Duration => "duration",
            Conversion::DurationSeconds => "duration_seconds",
        }
    }
}

/// `by (a)` or `without (a)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// `without`
    pub without: bool,
    /// Label names, as written.
    pub labels: Vec<String>,
}

/// Vector aggregations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each is the function of its name
pub enum VectorOp {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    Sort,
    SortDesc,
    ApproxTopk,
}

impl VectorOp {
    /// All of them.
    pub const ALL: [VectorOp; 12] = [
        VectorOp::Sum,
        VectorOp::Avg,
        VectorOp::Min,
        VectorOp::Max,
        VectorOp::Count,
        VectorOp::Stddev,
        VectorOp::Stdvar,
        VectorOp::Topk,
        VectorOp::Bottomk,
        VectorOp::Sort,
        VectorOp::SortDesc,
        VectorOp::ApproxTopk,
    ];

    /// The function's name.
    pub fn as_str(self) -> &'static str {
        match self {
            VectorOp::Sum => "sum",
            VectorOp::Avg => "avg",
            VectorOp::Min => "min",
            VectorOp::Max => "max",
            VectorOp::Count => "count",
            VectorOp::Stddev => "stddev",
            VectorOp::Stdvar => "stdvar",
            VectorOp::Topk => "topk",
            VectorOp::Bottomk => "bottomk",
            VectorOp::Sort => "sort",
            VectorOp::SortDesc => "sort_desc",
            VectorOp::ApproxTopk => "approx_topk",
        }
    }
}

/// A vector aggregation.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorExpr {
    /// Function.
    pub op: VectorOp,
    /// k of topk and bottomk.
    pub param: Option<i64>,
    /// `by (…)` or `without (…)`.
    pub grouping: Option<Grouping>,
    /// What is aggregated.
    pub inner: MetricExpr,
    /// All of it.
    pub span: Span,
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each is the operator of its name
pub enum BinaryOp {
    Or,
    And,
    Unless,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
}

impl BinaryOp {
    /// The operator as written.
    pub fn as_str(self) -> &'static str {
        match self {
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::Unless => "unless",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
            BinaryOp::Pow => "^",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterEqual => ">=",
            BinaryOp::Less => "<",
            BinaryOp::LessEqual => "<=",
        }
    }

    /// `== != > >= < <=`
    pub fn is_comparison(self) -> bool {
        use BinaryOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
        matches!(
            self,
            Equal | NotEqual | Greater | GreaterEqual | Less | LessEqual
        )
    }

    /// `and or unless`
    pub fn is_set(self) -> bool {
        matches!(self, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
    }
}

/// A binary operation.
#[derive(Clone, Debug, PartialEq)]
pub struct BinaryExpr {
    /// Operator.
    pub op: BinaryOp,
    /// `bool`: comparisons give 0 and 1 instead of filtering.
    pub return_bool: bool,
    /// How series of both sides find each other; `None` is by all labels.
    pub matching: Option<VectorMatching>,
    /// Left side.
    pub left: MetricExpr,
    /// Right side.
    pub right: MetricExpr,
    /// All of it.
    pub span: Span,
}

/// `on (…) group_left (…)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorMatching {
    /// `on` rather than `ignoring`.
    pub on: bool,
    /// Their labels.
    pub labels: Vec<String>,
    /// Cardinality.
    pub group: MatchGroup,
    /// Labels in the parentheses of `group_left` or `group_right`.
    pub include: Vec<String>,
}

/// Which side may have many series for one of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchGroup {
    /// One to one.
    OneToOne,
    /// `group_left`: many on the left.
    Left,
    /// `group_right`: many on the right.
    Right,
}

/// `label_replace(…)`.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelReplaceExpr {
    /// First argument.
    pub inner: MetricExpr,
    /// Label that is set.
    pub dst: String,
    /// Replacement with `$1`.
    pub replacement: String,
    /// Label that is read.
    pub src: String,
    /// Anchored regex.
    pub regex: String,
    /// All of it.
    pub span: Span,
}

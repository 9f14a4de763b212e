//! Plans of metric queries say what each range aggregation computes and how operators join them.
//!
//! `typed` makes a plan of a query's text, `metric` carries it out; neither knows the other.

use crate::ast::{BinaryOp, Grouping, RangeOp, VectorMatching, VectorOp};

/// A range aggregation's own parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RangeSpec {
    /// Function; for `Rate` over unwrapped values `unwrapped` is set.
    pub op: RangeOp,
    /// Whether values come from `unwrap`.
    pub unwrapped: bool,
    /// Window width, nanoseconds; windows are `(t - range, t]`.
    pub range: i64,
    /// Shift back, nanoseconds.
    pub offset: i64,
    /// q of quantile_over_time.
    pub param: Option<f64>,
}

/// Operators over leaves.
#[derive(Clone, Debug)]
pub enum Node {
    /// The leaf of this number.
    Leaf(usize),
    /// A number.
    Scalar(f64),
    /// `vector(n)`
    VectorOf(f64),
    /// A vector aggregation.
    Vector {
        /// Function.
        op: VectorOp,
        /// k.
        param: Option<i64>,
        /// Grouping.
        grouping: Option<Grouping>,
        /// Operand.
        inner: Box<Node>,
    },
    /// A binary operation.
    Binary {
        /// Operator.
        op: BinaryOp,
        /// `bool`
        return_bool: bool,
        /// Matching.
        matching: Option<VectorMatching>,
        /// Left side.
        left: Box<Node>,
        /// Right side.
        right: Box<Node>,
    },
    /// `label_replace`
    LabelReplace {
        /// Operand.
        inner: Box<Node>,
        /// Label that is set.
        dst: String,
        /// Replacement in Go's syntax.
        replacement: String,
        /// Label that is read.
        src: String,
        /// Anchored.
        regex: regex::Regex,
    },
}

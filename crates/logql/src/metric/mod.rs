//! Metric evaluation turns samples into range vectors on a step grid, and those into series.

mod absent;
mod binary;
pub(crate) mod cell_store;
mod cells;
#[cfg(test)]
mod check;
mod distinct;
mod evaluate;
mod grouping;
mod hll;
mod label_replace;
mod matching;
mod quantile;
pub(crate) mod range_state;
mod ranking;
mod rate_counter;
#[cfg(test)]
mod reference;
mod slide;
mod topk;
mod vector;
pub(crate) mod window_edges;
mod windows;

use skald_model::{Labels, Stop};

pub use evaluate::{LeafSeries, evaluate};
pub use hll::Sketch;
pub use range_state::RangeState;
pub use window_edges::Edges;

pub use crate::plan::RangeSpec;

pub(crate) use binary::{numbers, unexpected_literal};

/// The instants a query is evaluated at, in nanoseconds since 1970: `start, start + step … <= end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// First instant.
    pub start: i64,
    /// Distance; at least 1.
    pub step: i64,
    /// Number of instants; at least 1.
    pub count: usize,
}

impl Steps {
    /// The grid of one instant.
    pub fn instant(at: i64) -> Steps {
        Steps {
            start: at,
            step: 1,
            count: 1,
        }
    }

    /// The grid from `start` to `end` inclusive.
    pub fn range(start: i64, end: i64, step: i64) -> Steps {
        let step = step.max(1);
        Steps {
            start,
            step,
            count: usize::try_from(end.saturating_sub(start) / step + 1)
                .unwrap_or(1)
                .max(1),
        }
    }

    /// Instant number `index`.
    pub fn at(&self, index: usize) -> i64 {
        self.start
            .saturating_add(self.step.saturating_mul(index as i64))
    }
}

/// Values of one series on the grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Labels.
    pub labels: Labels,
    /// One slot a step; `None` is a gap.
    pub points: Vec<Option<f64>>,
}

/// Series on one grid. `ordered` tells that their order is the answer's (sort, sort_desc).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    /// The series.
    pub series: Vec<Series>,
    /// Keep this order instead of sorting by labels.
    pub ordered: bool,
}

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Evaluated {
    /// A number that is the same at every step.
    Scalar(f64),
    /// Series.
    Matrix(Matrix),
}

/// Bytes of a series beside its texts and points: the counts of its labels' `Arc` among them.
const SERIES_BYTES: usize = size_of::<Series>() + 16;

/// Bytes of a point.
pub const POINT_BYTES: usize = size_of::<Option<f64>>();

impl Matrix {
    /// Bytes that it takes.
    pub fn memory_bytes(&self) -> usize {
        let bytes = |series: &Series| {
            SERIES_BYTES + series.labels.as_bytes().len() + series.points.capacity() * POINT_BYTES
        };
        self.series.iter().map(bytes).sum()
    }
}

impl Evaluated {
    /// Bytes that it takes.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Evaluated::Scalar(_) => 0,
            Evaluated::Matrix(matrix) => matrix.memory_bytes(),
        }
    }
}

/// Why evaluation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The series make no sense to an operator; the words are Loki's.
    #[error("{0}")]
    Invalid(String),
    /// The query has to end.
    #[error("{0}")]
    Stopped(#[from] Stop),
}

/// Times of entries that can matter to a leaf, as `(first, last)` inclusive nanoseconds.
pub fn window_bounds(spec: &RangeSpec, steps: &Steps) -> (i64, i64) {
    let last = steps.at(steps.count - 1);
    let first = steps
        .start
        .saturating_sub(spec.offset)
        .saturating_sub(spec.range)
        .saturating_add(1);
    (first, last.saturating_sub(spec.offset))
}

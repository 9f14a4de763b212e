//! The range state adds up the samples of a range aggregation, one state for each thread.
//!
//! Which cell is kept is decided once, by the function; adding a sample finds its interval (mostly
//! the one of the sample before) and its row. Samples may come in any order of time.

use crate::ast::RangeOp;
use crate::metric::cell_store::Rows;
use crate::metric::cells::{Cell, Counter, Edge, Extreme, Mean, Moments, Total, Values};
use crate::metric::distinct::Distinct;
use crate::metric::quantile::quantile;
use crate::metric::rate_counter::rate_counter;
use crate::metric::windows::{Interval, Windows};
use crate::metric::{RangeSpec, Steps, slide};

/// Samples of one leaf gathered into windows; one a thread, merged at the end.
#[derive(Debug)]
pub struct RangeState {
    spec: RangeSpec,
    steps: Steps,
    windows: Windows,
    /// Interval of the last sample: the next one is mostly in it too.
    last: Interval,
    grid: Grid,
}

/// Rows of the cell that the function needs.
#[derive(Debug)]
enum Grid {
    Total(Rows<Total>),
    Min(Rows<Extreme<false>>),
    Max(Rows<Extreme<true>>),
    Mean(Rows<Mean>),
    Moments(Rows<Moments>),
    First(Rows<Edge<false>>),
    Last(Rows<Edge<true>>),
    Values(Rows<Values>),
    Counter(Rows<Counter>),
    Distinct(Rows<Distinct>),
}

/// Runs `$body` with `$rows` bound to the rows of whatever kind they are.
macro_rules! each_grid {
    ($grid:expr, $rows:ident => $body:expr) => {
        match $grid {
            Grid::Total($rows) => $body,
            Grid::Min($rows) => $body,
            Grid::Max($rows) => $body,
            Grid::Mean($rows) => $body,
            Grid::Moments($rows) => $body,
            Grid::First($rows) => $body,
            Grid::Last($rows) => $body,
            Grid::Values($rows) => $body,
            Grid::Counter($rows) => $body,
            Grid::Distinct($rows) => $body,
        }
    };
}

impl Grid {
    fn new(op: RangeOp, intervals: usize) -> Grid {
        match op {
            RangeOp::CountOverTime
            | RangeOp::Rate
            | RangeOp::BytesOverTime
            | RangeOp::BytesRate
            | RangeOp::AbsentOverTime
            | RangeOp::SumOverTime => Grid::Total(Rows::new(intervals)),
            RangeOp::AvgOverTime => Grid::Mean(Rows::new(intervals)),
            RangeOp::MinOverTime => Grid::Min(Rows::new(intervals)),
            RangeOp::MaxOverTime => Grid::Max(Rows::new(intervals)),
            RangeOp::StddevOverTime | RangeOp::StdvarOverTime => {
                Grid::Moments(Rows::new(intervals))
            }
            RangeOp::QuantileOverTime => Grid::Values(Rows::new(intervals)),
            RangeOp::FirstOverTime => Grid::First(Rows::new(intervals)),
            RangeOp::LastOverTime => Grid::Last(Rows::new(intervals)),
            RangeOp::RateCounter => Grid::Counter(Rows::new(intervals)),
            RangeOp::CountDistinct => Grid::Distinct(Rows::new(intervals)),
        }
    }
}

impl RangeState {
    /// An empty state for a leaf.
    pub fn new(spec: &RangeSpec, steps: &Steps) -> RangeState {
        let windows = Windows::new(spec, steps);
        let grid = Grid::new(spec.op, windows.intervals());
        RangeState {
            spec: *spec,
            steps: *steps,
            windows,
            last: Interval::default(),
            grid,
        }
    }

    /// Adds a sample of series `series`; any order of time. Samples outside every window are
    /// ignored. For counts, bytes and their rates a value may stand for many samples of one
    /// interval.
    #[inline]
    pub fn add(&mut self, series: u32, timestamp: i64, value: f64) {
        let Some(position) = self.windows.position(timestamp) else {
            return;
        };
        if !(self.last.from <= position && position < self.last.to) {
            match self.windows.locate(position) {
                Some(interval) => self.last = interval,
                None => return,
            }
        }
        let interval = self.last.index;
        each_grid!(&mut self.grid, rows => rows.add(series, interval, timestamp, value));
    }

    /// Whether a sample at this time counts for a window.
    pub fn counts(&self, timestamp: i64) -> bool {
        let position = self.windows.position(timestamp);
        position.is_some_and(|position| self.windows.locate(position).is_some())
    }

    /// Whether there is time between the windows that counts for none.
    pub fn has_gaps(&self) -> bool {
        self.windows.has_gaps()
    }

    /// The first time after `timestamp` that counts for other windows than it does; the last time
    /// there is when none does. The total of samples in between may be added as one sample.
    pub fn same_until(&self, timestamp: i64) -> i64 {
        self.windows.same_until(timestamp)
    }

    /// How many of `timestamps`, which are sorted, from the first on count for the same windows (or
    /// all for none), so that their total may be added as one sample at the first of them.
    pub fn alike(&self, timestamps: &[i64]) -> usize {
        let Some(first) = timestamps.first() else {
            return 0;
        };
        let after = self.windows.same_until(*first);
        timestamps.partition_point(|t| *t < after).max(1)
    }

    /// Takes in another thread's state; `map[i]` is this state's number of its series `i`. Its
    /// samples count as having arrived later.
    pub fn merge(&mut self, other: RangeState, map: &[u32]) {
        match (&mut self.grid, other.grid) {
            (Grid::Total(mine), Grid::Total(theirs)) => mine.merge(theirs, map),
            (Grid::Min(mine), Grid::Min(theirs)) => mine.merge(theirs, map),
            (Grid::Max(mine), Grid::Max(theirs)) => mine.merge(theirs, map),
            (Grid::Mean(mine), Grid::Mean(theirs)) => mine.merge(theirs, map),
            (Grid::Moments(mine), Grid::Moments(theirs)) => mine.merge(theirs, map),
            (Grid::First(mine), Grid::First(theirs)) => mine.merge(theirs, map),
            (Grid::Last(mine), Grid::Last(theirs)) => mine.merge(theirs, map),
            (Grid::Values(mine), Grid::Values(theirs)) => mine.merge(theirs, map),
            (Grid::Counter(mine), Grid::Counter(theirs)) => mine.merge(theirs, map),
            (Grid::Distinct(mine), Grid::Distinct(theirs)) => mine.merge(theirs, map),
            _ => debug_assert!(false, "states of one leaf have one function"),
        }
    }

    /// Rough bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        each_grid!(&self.grid, rows => rows.memory_bytes())
    }

    /// Rough bytes that [`RangeState::finish`] will hand out.
    pub fn result_bytes(&self) -> usize {
        each_grid!(&self.grid, rows => rows.series()) * self.steps.count * size_of::<Option<f64>>()
    }

    /// Points per series number.
    pub fn finish(self) -> Vec<Vec<Option<f64>>> {
        let (spec, windows) = (self.spec, &self.windows);
        let seconds = spec.range as f64 / 1e9;
        match &self.grid {
            Grid::Total(rows) => match spec.op {
                RangeOp::Rate | RangeOp::BytesRate => {
                    merged(rows, windows, |cell| cell.value() / seconds)
                }
                _ => merged(rows, windows, Total::value),
            },
            Grid::Min(rows) => merged(rows, windows, Extreme::value),
            Grid::Max(rows) => merged(rows, windows, Extreme::value),
            Grid::Mean(rows) => merged(rows, windows, Mean::value),
            Grid::Moments(rows) if spec.op == RangeOp::StdvarOverTime => {
                merged(rows, windows, Moments::variance)
            }
            Grid::Moments(rows) => merged(rows, windows, Moments::deviation),
            Grid::First(rows) => merged(rows, windows, Edge::value),
            Grid::Last(rows) => merged(rows, windows, Edge::value),
            Grid::Distinct(rows) => merged(rows, windows, Distinct::value),
            Grid::Values(rows) => quantiles(rows, windows, spec.param.unwrap_or(f64::NAN)),
            Grid::Counter(_) => self.finish_counters(),
        }
    }

    fn finish_counters(self) -> Vec<Vec<Option<f64>>> {
        let Grid::Counter(rows) = &self.grid else {
            return Vec::new();
        };
        let mut samples = Vec::new();
        let mut point = |cells: &[(u32, &Counter)], k: usize| {
            samples.clear();
            cells
                .iter()
                .for_each(|(_, cell)| samples.extend_from_slice(&cell.0));
            samples.sort_by_key(|(timestamp, _)| *timestamp);
            rate_counter(
                &samples,
                self.steps.at(k).saturating_sub(self.spec.offset),
                self.spec.range,
            )
        };
        (0..rows.series())
            .map(|series| slide::gathered(rows.cells(series as u32), &self.windows, &mut point))
            .collect()
    }
}

fn merged<C: Cell>(
    rows: &Rows<C>,
    windows: &Windows,
    read: impl Fn(&C) -> f64,
) -> Vec<Vec<Option<f64>>> {
    (0..rows.series())
        .map(|series| slide::merged(rows.cells(series as u32), windows, &read))
        .collect()
}

fn quantiles(rows: &Rows<Values>, windows: &Windows, q: f64) -> Vec<Vec<Option<f64>>> {
    let mut values = Vec::new();
    let mut point = |cells: &[(u32, &Values)], _: usize| {
        values.clear();
        cells
            .iter()
            .for_each(|(_, cell)| values.extend_from_slice(&cell.0));
        quantile(q, &mut values)
    };
    (0..rows.series())
        .map(|series| slide::gathered(rows.cells(series as u32), windows, &mut point))
        .collect()
}

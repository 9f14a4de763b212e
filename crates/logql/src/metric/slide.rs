//! Sliding windows merge the cells of a series into one value for each window.
//!
//! Windows overlap, and floats can't be subtracted without loss, so a window is kept as two stacks:
//! the older cells as merges of every suffix, the newer as one running merge.

use super::cells::Cell;
use super::windows::Windows;

/// Merges the cells of each window and reads the result. `cells` are not empty and in order.
pub(super) fn merged<'a, C: Cell + 'a>(
    cells: impl Iterator<Item = (u32, &'a C)>,
    windows: &Windows,
    read: impl Fn(&C) -> f64,
) -> Vec<Option<f64>> {
    let mut cells = cells.peekable();
    let mut queue = Queue {
        old: Vec::new(),
        new: Vec::new(),
        new_merged: C::EMPTY,
    };
    let mut points = Vec::with_capacity(windows.count());
    let mut current = None;
    for k in 0..windows.count() {
        let span = windows.span(k);
        let mut changed = queue.drop_before(span.start);
        while let Some((interval, cell)) = cells.next_if(|(interval, _)| *interval < span.end) {
            if interval >= span.start {
                queue.push(interval, cell);
                changed = true;
            }
        }
        if changed {
            current = queue.merged().map(|cell| read(&cell));
        }
        points.push(current);
    }
    points
}

/// The cells of the current window.
struct Queue<'a, C> {
    /// Older cells, the oldest last: each with the merge of itself and all older cells that are
    /// newer than it.
    old: Vec<(u32, C)>,
    /// Newer cells in order.
    new: Vec<(u32, &'a C)>,
    /// All of `new`.
    new_merged: C,
}

impl<'a, C: Cell> Queue<'a, C> {
    fn push(&mut self, interval: u32, cell: &'a C) {
        self.new.push((interval, cell));
        merge_into(&mut self.new_merged, cell);
    }

    /// Drops cells of intervals before `start`; tells whether there were any.
    fn drop_before(&mut self, start: u32) -> bool {
        let mut dropped = false;
        loop {
            if self.old.is_empty() {
                if self
                    .new
                    .first()
                    .is_none_or(|(interval, _)| *interval >= start)
                {
                    return dropped;
                }
                self.turn(start);
                dropped = true;
            }
            while self.old.pop_if(|(interval, _)| *interval < start).is_some() {
                dropped = true;
            }
            if !self.old.is_empty() {
                return dropped;
            }
        }
    }

    /// Makes the newer cells from `start` on the older ones.
    fn turn(&mut self, start: u32) {
        let mut suffix = C::EMPTY;
        for (interval, cell) in self.new.drain(..).rev() {
            if interval < start {
                break;
            }
            let mut merged = cell.clone();
            if !suffix.is_empty() {
                merged.merge(&suffix);
            }
            suffix = merged.clone();
            self.old.push((interval, merged));
        }
        self.new_merged = C::EMPTY;
    }

    fn merged(&self) -> Option<C> {
        match (self.old.last(), self.new_merged.is_empty()) {
            (None, true) => None,
            (None, false) => Some(self.new_merged.clone()),
            (Some((_, old)), true) => Some(old.clone()),
            (Some((_, old)), false) => {
                let mut merged = old.clone();
                merged.merge(&self.new_merged);
                Some(merged)
            }
        }
    }
}

fn merge_into<C: Cell>(target: &mut C, cell: &C) {
    if target.is_empty() {
        *target = cell.clone();
    } else {
        target.merge(cell);
    }
}

/// Hands the cells of each window, in order, to `read` with the window's number.
pub(super) fn gathered<'a, C: Cell + 'a>(
    cells: impl Iterator<Item = (u32, &'a C)>,
    windows: &Windows,
    mut read: impl FnMut(&[(u32, &'a C)], usize) -> f64,
) -> Vec<Option<f64>> {
    let cells: Vec<(u32, &C)> = cells.collect();
    let (mut first, mut end) = (0, 0);
    let mut points = Vec::with_capacity(windows.count());
    for k in 0..windows.count() {
        let span = windows.span(k);
        while first < cells.len() && cells[first].0 < span.start {
            first += 1;
        }
        end = end.max(first);
        while end < cells.len() && cells[end].0 < span.end {
            end += 1;
        }
        points.push((first < end).then(|| read(&cells[first..end], k)));
    }
    points
}

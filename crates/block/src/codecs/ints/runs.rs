//! Runs of equal values: how many, then the length and value of each.

use crate::codecs::varint;
use crate::error::BlockError;

/// Writes the runs of `values`; false when that is not shorter than `len` bytes.
pub(super) fn put(values: &[u64], len: usize, out: &mut Vec<u8>) -> bool {
    let runs = values.windows(2).filter(|pair| pair[0] != pair[1]).count() + 1;
    // A run takes two bytes at least.
    if 2 * runs >= len {
        return false;
    }
    out.clear();
    varint::put(out, runs as u64);
    for run in values.chunk_by(|a, b| a == b) {
        varint::put(out, run.len() as u64);
        varint::put(out, run[0]);
    }
    out.len() < len
}

/// Reads what [`put`] wrote of `count` values: where each run ends, and its value.
pub(super) fn get(bytes: &mut &[u8], count: usize) -> Result<Vec<(usize, u64)>, BlockError> {
    let runs = varint::get_at_most(bytes, count as u64, "the number of runs")? as usize;
    let mut all = Vec::with_capacity(runs.min(bytes.len() / 2));
    let mut end = 0;
    for _ in 0..runs {
        end += varint::get_at_most(bytes, (count - end) as u64, "the length of a run")? as usize;
        all.push((end, varint::get(bytes)?));
    }
    if end == count {
        Ok(all)
    } else {
        Err(BlockError::damaged("runs are fewer than values"))
    }
}

/// Fills in the values from `start` on.
pub(super) fn fill(runs: &[(usize, u64)], start: usize, values: &mut [u64]) {
    let mut filled = 0;
    for (end, value) in &runs[runs.partition_point(|(end, _)| *end <= start)..] {
        let to = (end - start).min(values.len());
        values[filled..to].fill(*value);
        filled = to;
        if filled == values.len() {
            return;
        }
    }
}

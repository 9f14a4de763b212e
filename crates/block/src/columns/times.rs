//! The times column stores the steps between the rows of a run, in the coarsest unit that loses
//! nothing.
//!
//! A run's first time is in the directory, so a run of one row costs nothing here.

use crate::codecs::ints::{self, IntBuffers};
use crate::codecs::varint;
use crate::error::BlockError;
use crate::meta::RunMeta;

/// Units that steps are tried in, in nanoseconds, coarsest first; the tag is the index.
const UNITS: [u64; 4] = [1_000_000_000, 1_000_000, 1_000, 1];

/// Appends the steps; `runs` cover `times` in order.
pub(crate) fn encode(
    times: &[i64],
    runs: &[RunMeta],
    steps: &mut Vec<u64>,
    buffers: &mut IntBuffers,
    out: &mut Vec<u8>,
) -> Result<(), BlockError> {
    steps.clear();
    let mut start = 0;
    for run in runs {
        let rows = &times[start..start + run.rows as usize];
        steps.extend(
            rows.windows(2)
                .map(|pair| pair[1].wrapping_sub(pair[0]) as u64),
        );
        start += rows.len();
    }
    let unit = UNITS
        .iter()
        .position(|&unit| steps.iter().all(|step| step % unit == 0))
        .unwrap_or(UNITS.len() - 1);
    if UNITS[unit] != 1 {
        steps.iter_mut().for_each(|step| *step /= UNITS[unit]);
    }
    out.push(unit as u8);
    ints::encode(steps, buffers, out)
}

/// Reads the unit of the steps that follow, in nanoseconds.
pub(crate) fn get_unit(bytes: &mut &[u8]) -> Result<u64, BlockError> {
    let unit = usize::from(varint::get_u8(bytes)?);
    UNITS
        .get(unit)
        .copied()
        .ok_or_else(|| BlockError::damaged("unit of times is not known"))
}

/// Reads the column back, into `times`, which is empty.
pub(crate) fn decode(
    mut bytes: &[u8],
    runs: &[RunMeta],
    rows: usize,
    times: &mut Vec<i64>,
) -> Result<(), BlockError> {
    let unit = get_unit(&mut bytes)?;
    let steps: usize = runs
        .iter()
        .map(|run| (run.rows as usize).saturating_sub(1))
        .sum();
    times.reserve(rows);
    let mut left = runs.iter();
    let (mut time, mut run_left) = (0i64, 0usize);
    // Starts the next run when the last one has no steps left; runs of one row have none at all.
    let mut begin = |times: &mut Vec<i64>, time: &mut i64, run_left: &mut usize| {
        while *run_left == 0 {
            let Some(run) = left.next() else { break };
            if run.rows > 0 {
                *time = run.min_time;
                times.push(*time);
                *run_left = run.rows as usize - 1;
            }
        }
    };
    begin(times, &mut time, &mut run_left);
    ints::decode(&mut bytes, steps, |mut frame| {
        while !frame.is_empty() {
            let (now, later) = frame.split_at(frame.len().min(run_left));
            times.extend(now.iter().map(|step| {
                time = time.wrapping_add(step.wrapping_mul(unit) as i64);
                time
            }));
            run_left -= now.len();
            frame = later;
            begin(times, &mut time, &mut run_left);
        }
    })?;
    if times.len() != rows || !bytes.is_empty() {
        return Err(BlockError::damaged("times are not as many as rows"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(runs: &[&[i64]]) -> usize {
        let times: Vec<i64> = runs.concat();
        let metas: Vec<RunMeta> = runs
            .iter()
            .map(|run| RunMeta {
                stream: 0,
                rows: run.len() as u32,
                min_time: run.first().copied().unwrap_or(0),
                max_time: 0,
                line_bytes: 0,
                metadata_bytes: 0,
            })
            .collect();
        let mut out = Vec::new();
        encode(
            &times,
            &metas,
            &mut Vec::new(),
            &mut IntBuffers::default(),
            &mut out,
        )
        .expect("memory is enough");
        let mut back = Vec::new();
        decode(&out, &metas, times.len(), &mut back).expect("was just written");
        assert_eq!(back, times);
        out.len()
    }

    #[test]
    fn times_of_many_runs_come_back() {
        check(&[]);
        check(&[&[5]]);
        check(&[
            &[],
            &[5],
            &[],
            &[-7, -7, 9],
            &[i64::MIN, 0, i64::MAX],
            &[1],
            &[],
        ]);
        check(&[
            &(0..1000).map(|i| i * i).collect::<Vec<_>>(),
            &[3],
            &(0..300).collect::<Vec<_>>(),
        ]);
    }

    #[test]
    fn regular_times_cost_nothing_and_milliseconds_little() {
        assert!(
            check(&[&(0..10_000)
                .map(|i| 1_700_000_000_000_000_000 + i * 123)
                .collect::<Vec<_>>()])
                < 5
        );
        let jitter = |i: i64| (i * 1000 + (i * 7919) % 500) * 1_000_000;
        assert!(check(&[&(0..10_000).map(jitter).collect::<Vec<_>>()]) < 14_000);
    }

    #[test]
    fn more_rows_than_steps_are_refused() {
        assert!(decode(&[3, 0, 1], &[], 4, &mut Vec::new()).is_err());
        assert!(decode(&[9, 0, 1], &[], 0, &mut Vec::new()).is_err());
    }
}

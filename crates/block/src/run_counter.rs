//! Run counter: counts the rows and line bytes of a run before a time, from anchors and the few
//! frames between two of them.
//!
//! [`RunCounter`] answers for one block. A time outside a run costs no read; the first one inside
//! fetches the times column (and, when bytes are asked for, the lengths column) once, and each adds
//! up at most the rows from one anchor to the next. Not for unsorted batches: blocks are sorted.

use crate::codecs::ints::{FRAME, Frames};
use crate::columns::times;
use crate::error::BlockError;
use crate::fetch::{ReadRange, fetch_one};
use crate::meta::{BlockMeta, ColumnKind, RunMeta};
use std::ops::Range;

/// Rows, and bytes of their lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowsBytes {
    /// Rows.
    pub rows: u64,
    /// Bytes of their lines; zero from a counter that was not asked for them.
    pub line_bytes: u64,
}

/// What a counter shall count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Rows alone: reads times.
    Rows,
    /// Rows and the bytes of their lines: reads times and lengths.
    RowsAndBytes,
}

/// Counts in the runs of one block.
#[derive(Debug)]
pub struct RunCounter<'a> {
    meta: &'a BlockMeta,
    count: Count,
    runs: Vec<RunStart>,
    /// Steps between rows in all runs.
    steps: usize,
    times: Option<(u64, Frames)>,
    lengths: Option<Frames>,
    /// The last answer that was searched for: edges come in order, and the next search goes on from
    /// there.
    reached: Option<Reached>,
    /// The frame of times that was decoded last.
    decoded: Option<(usize, Box<[u64; FRAME]>)>,
}

/// A row of a run.
#[derive(Clone, Copy, Debug)]
struct RowPosition {
    row: usize,
    time: i64,
    /// Bytes of the run's lines before it.
    line_bytes: u64,
}

/// The first row of run `run` that is not before `edge`.
#[derive(Clone, Copy, Debug)]
struct Reached {
    run: usize,
    edge: i64,
    position: RowPosition,
}

/// Where the rows, steps and anchors of a run begin.
#[derive(Clone, Copy, Debug)]
struct RunStart {
    row: usize,
    step: usize,
    anchor: usize,
}

impl<'a> RunCounter<'a> {
    /// A counter for the block that `meta` describes; reads nothing yet.
    pub fn new(meta: &'a BlockMeta, count: Count) -> RunCounter<'a> {
        let mut at = RunStart {
            row: 0,
            step: 0,
            anchor: 0,
        };
        let begin = |run: &RunMeta| {
            let begins = at;
            at.row += run.rows as usize;
            at.step += (run.rows as usize).saturating_sub(1);
            at.anchor += meta.anchors.of_rows(run.rows);
            begins
        };
        let runs = meta.runs.iter().map(begin).collect();
        RunCounter {
            meta,
            count,
            runs,
            steps: at.step,
            times: None,
            lengths: None,
            reached: None,
            decoded: None,
        }
    }

    /// What run `run` (a place in [`BlockMeta::runs`]) has in `[from, to)`. `read` fetches byte
    /// ranges of the block.
    pub fn within(
        &mut self,
        run: usize,
        from: i64,
        to: i64,
        read: ReadRange<'_>,
    ) -> Result<RowsBytes, BlockError> {
        let (first, last) = (self.before(run, from, read)?, self.before(run, to, read)?);
        Ok(RowsBytes {
            rows: last.rows.saturating_sub(first.rows),
            line_bytes: last.line_bytes.saturating_sub(first.line_bytes),
        })
    }

    /// What run `run` has before `time`.
    pub fn before(
        &mut self,
        run: usize,
        time: i64,
        read: ReadRange<'_>,
    ) -> Result<RowsBytes, BlockError> {
        let Some((described, at)) = self.meta.runs.get(run).zip(self.runs.get(run).copied()) else {
            return Err(BlockError::Damaged(format!("the block has no run {run}")));
        };
        let rows = u64::from(described.rows);
        if rows == 0 || time <= described.min_time {
            return Ok(RowsBytes::default());
        }
        if time > described.max_time {
            return Ok(RowsBytes {
                rows,
                line_bytes: self.bytes_of(described.line_bytes),
            });
        }
        let start = self.last_anchor(described, at, time);
        let reached = self.reached.filter(|reached| {
            reached.run == run && reached.edge <= time && reached.position.row > start.row
        });
        let start = reached.map_or(start, |reached| reached.position);
        let (row, row_time) = match start.time < time {
            true => self.first_not_before(
                time,
                (start.row, start.time),
                at,
                described.rows as usize,
                read,
            )?,
            false => (start.row, start.time),
        };
        let line_bytes = match self.count {
            Count::Rows => 0,
            Count::RowsAndBytes => start
                .line_bytes
                .saturating_add(self.line_bytes(at.row + start.row..at.row + row, read)?),
        };
        self.reached = Some(Reached {
            run,
            edge: time,
            position: RowPosition {
                row,
                time: row_time,
                line_bytes,
            },
        });
        Ok(RowsBytes {
            rows: row as u64,
            line_bytes,
        })
    }

    /// The last anchor of a run before `time`, or the run's first row.
    fn last_anchor(&self, described: &RunMeta, at: RunStart, time: i64) -> RowPosition {
        let anchors = &self.meta.anchors;
        let own = anchors
            .all
            .get(at.anchor..at.anchor + anchors.of_rows(described.rows))
            .unwrap_or_default();
        let passed = own.partition_point(|anchor| anchor.time < time);
        match passed.checked_sub(1) {
            None => RowPosition {
                row: 0,
                time: described.min_time,
                line_bytes: 0,
            },
            Some(last) => {
                let row = passed * anchors.every as usize;
                RowPosition {
                    row,
                    time: own[last].time,
                    line_bytes: own[last].line_bytes,
                }
            }
        }
    }

    fn bytes_of(&self, line_bytes: u64) -> u64 {
        if self.count == Count::RowsAndBytes {
            line_bytes
        } else {
            0
        }
    }

    /// The first row of the run, after the one given with its time, that is not before `time`; and
    /// its own time.
    fn first_not_before(
        &mut self,
        time: i64,
        (row, from): (usize, i64),
        at: RunStart,
        rows: usize,
        read: ReadRange<'_>,
    ) -> Result<(usize, i64), BlockError> {
        let steps = self.steps;
        if self.times.is_none() {
            let column = fetch_one(self.meta, &ColumnKind::Times, read)?;
            let mut bytes = &column[..];
            let unit = times::get_unit(&mut bytes)?;
            self.times = Some((unit, Frames::open(bytes, steps)?));
        }
        let Some((unit, frames)) = &self.times else {
            return Err(BlockError::damaged("the block has no times"));
        };
        let (mut row, mut now) = (row + 1, from);
        while row < rows {
            // Step s leads from row s to row s + 1 of its run.
            let step = at.step + row - 1;
            let frame = step / FRAME;
            let buffer = match &mut self.decoded {
                Some((decoded, buffer)) if *decoded == frame => buffer,
                decoded => {
                    let mut buffer = decoded
                        .take()
                        .map_or_else(|| Box::new([0; FRAME]), |(_, buffer)| buffer);
                    frames.get(frame, steps, &mut buffer)?;
                    &mut decoded.insert((frame, buffer)).1
                }
            };
            let values =
                buffer[..FRAME.min(steps.saturating_sub(frame * FRAME))].get(step % FRAME..);
            let values = values.filter(|values| !values.is_empty());
            for value in values.ok_or_else(|| BlockError::damaged("times are fewer than rows"))? {
                now = now.wrapping_add(value.wrapping_mul(*unit) as i64);
                if now >= time || row == rows {
                    return Ok((row, now));
                }
                row += 1;
            }
        }
        Ok((row, now))
    }

    /// Bytes of the lines of rows of the block.
    fn line_bytes(&mut self, rows: Range<usize>, read: ReadRange<'_>) -> Result<u64, BlockError> {
        let all = self.meta.rows as usize;
        if self.lengths.is_none() {
            let column = fetch_one(self.meta, &ColumnKind::Lengths, read)?;
            self.lengths = Some(Frames::open(&column, all)?);
        }
        let Some(frames) = &self.lengths else {
            return Err(BlockError::damaged("the block has no lengths"));
        };
        let (mut sum, mut row, mut buffer) = (0u64, rows.start, [0; FRAME]);
        while row < rows.end {
            let values = frames.get(row / FRAME, all, &mut buffer)?;
            let wanted = values.get(row % FRAME..).unwrap_or_default();
            let wanted = &wanted[..wanted.len().min(rows.end - row)];
            if wanted.is_empty() {
                return Err(BlockError::damaged("lengths are fewer than rows"));
            }
            sum = wanted
                .iter()
                .fold(sum, |sum, length| sum.saturating_add(*length));
            row += wanted.len();
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::Encoder;
    use skald_model::BatchBuilder;

    /// Counts before every time of interest, compared with counting rows.
    fn check(runs: &[Vec<(i64, usize)>], count: Count) {
        let mut builder = BatchBuilder::default();
        for (stream, rows) in runs.iter().enumerate() {
            for (time, length) in rows {
                builder.push(
                    stream as u32,
                    *time,
                    &vec![b'x'; *length],
                    std::iter::empty(),
                );
            }
        }
        let mut bytes = Vec::new();
        let meta = Encoder::default()
            .encode(&builder.finish(), &mut bytes)
            .expect("well formed");
        let mut counter = RunCounter::new(&meta, count);
        let mut read =
            |range: Range<u64>| Ok(bytes[range.start as usize..range.end as usize].to_vec());
        for (run, rows) in runs.iter().enumerate() {
            let edges = rows
                .iter()
                .step_by(97)
                .chain(rows.last())
                .flat_map(|(t, _)| [t - 1, *t, t + 1]);
            let backwards = rows.iter().rev().step_by(211).map(|(time, _)| *time);
            for edge in edges.chain([i64::MIN, i64::MAX]).chain(backwards) {
                let earlier = || rows.iter().filter(|(time, _)| *time < edge);
                let bytes = if count == Count::Rows {
                    0
                } else {
                    earlier().map(|(_, length)| *length as u64).sum()
                };
                let expected = RowsBytes {
                    rows: earlier().count() as u64,
                    line_bytes: bytes,
                };
                assert_eq!(
                    counter
                        .before(run, edge, &mut read)
                        .expect("was just written"),
                    expected,
                    "run {run} before {edge}"
                );
            }
        }
    }

    fn jittered(rows: i64) -> Vec<(i64, usize)> {
        let mix = |i: i64| (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        (0..rows)
            .map(|i| {
                (
                    i / 3 * 1_000_000 + (mix(i / 3) % 999) as i64,
                    mix(i) as usize % 60,
                )
            })
            .collect()
    }

    #[test]
    fn counts_are_those_of_the_rows() {
        let regular = |rows: i64| (0..rows).map(|i| (i * 250, 10)).collect::<Vec<_>>();
        for count in [Count::Rows, Count::RowsAndBytes] {
            check(&[regular(3_000)], count);
            check(&[jittered(5_000)], count);
            check(
                &[
                    vec![(7, 1)],
                    jittered(513),
                    jittered(512),
                    vec![(9, 0), (9, 4)],
                    jittered(1_025),
                    vec![(-3, 2)],
                ],
                count,
            );
        }
    }

    #[test]
    fn a_count_at_a_run_s_ends_reads_nothing() {
        let mut builder = BatchBuilder::default();
        (0..2_000).for_each(|i| builder.push(0, i, b"line", std::iter::empty()));
        let meta = Encoder::default()
            .encode(&builder.finish(), &mut Vec::new())
            .expect("well formed");
        let mut counter = RunCounter::new(&meta, Count::RowsAndBytes);
        let within = counter.within(0, 0, 2_000, &mut |_| Err(std::io::ErrorKind::Other.into()));
        assert_eq!(
            within.expect("nothing is read"),
            RowsBytes {
                rows: 2_000,
                line_bytes: 8_000
            }
        );
    }

    #[test]
    fn damaged_columns_are_named() {
        let mut builder = BatchBuilder::default();
        jittered(2_000)
            .iter()
            .for_each(|(time, _)| builder.push(0, *time, b"line", std::iter::empty()));
        let mut bytes = Vec::new();
        let meta = Encoder::default()
            .encode(&builder.finish(), &mut bytes)
            .expect("well formed");
        bytes[9] ^= 1;
        let mut read =
            |range: Range<u64>| Ok(bytes[range.start as usize..range.end as usize].to_vec());
        let counted = RunCounter::new(&meta, Count::Rows).before(0, 1_000_000, &mut read);
        assert!(counted.is_err_and(|e| e.to_string().contains("checksum of column times")));
    }
}

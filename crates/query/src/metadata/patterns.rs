//! Patterns are templates of lines over time: those stored in parts and those of a sample of the
//! head, merged by stream and then over all of them.

use crate::answer::{PatternSeries, PatternsAnswer};
use crate::error::QueryError;
use crate::exec::context::Context;
use crate::exec::row_range;
use crate::metadata::{index_stats, labels};
use crate::request::PatternsRequest;
use hashbrown::HashMap;
use skald_logql::ast::Expr;
use skald_model::{Charged, Columns, Labels, Matcher, MetadataWanted, TimeRange};
use skald_store::{Pattern, Piece, StreamMiner};
use std::collections::BTreeMap;

/// Rows of the head that are looked at: about 40 milliseconds.
const HEAD_ROWS: u64 = 20_000;

/// Patterns of an answer, Loki's figure.
const PATTERNS_MAX: usize = 300;

/// Lines a pattern must have to be shown, Loki's figure: what is rarer is as good as a line.
const LINES_MIN: u64 = 30;

/// Points up to which gaps are filled with zeros: beyond it they would be the answer.
const FILLED_POINTS_MAX: i64 = 11_000;

const SECOND: i64 = 1_000_000_000;

/// `patterns`
pub(crate) fn patterns(
    context: &Context<'_>,
    request: &PatternsRequest,
) -> Result<Charged<PatternsAnswer>, QueryError> {
    let Expr::Log(query) = request.query.expr() else {
        return Err(QueryError::Bad("only log selector is supported".to_owned()));
    };
    let matchers = labels::compiled(&query.selector)?;
    let range = labels::inclusive(request.start, request.end);
    let mut streams: HashMap<Labels, StreamMiner> = HashMap::new();
    let mut charge = context.charge();
    let mined = context.source.mined(&matchers, range, &mut charge)?;
    for (labels, patterns) in mined.streams {
        context.interrupt.check()?;
        let miner = streams.entry(labels).or_default();
        patterns
            .iter()
            .filter_map(|pattern| within(pattern, &range))
            .for_each(|pattern| miner.absorb(&pattern));
    }
    mine_head(context, request, &matchers, &mut streams)?;
    let found = streams.into_values().flat_map(StreamMiner::finish);
    let patterns = series(found, request.step / SECOND);
    let bytes = patterns
        .iter()
        .map(|p| size_of::<PatternSeries>() + p.pattern.len() + size_of_val(p.samples.as_slice()));
    let bytes = bytes.sum();
    let answer = PatternsAnswer {
        patterns,
        warnings: mined.warnings,
    };
    context.charged(answer, bytes)
}

/// Looks at a sample of what is not in parts yet.
fn mine_head(
    context: &Context<'_>,
    request: &PatternsRequest,
    matchers: &[Matcher],
    streams: &mut HashMap<Labels, StreamMiner>,
) -> Result<(), QueryError> {
    let range = labels::inclusive(request.start, request.end);
    let selected = index_stats::pieces(context, matchers, range)?;
    let head: Vec<&Piece> = selected
        .pieces
        .iter()
        .filter(|piece| piece.in_head())
        .collect();
    let rows: u64 = head
        .iter()
        .flat_map(|piece| &piece.runs)
        .map(|run| run.entries())
        .sum();
    let stride = rows.div_ceil(HEAD_ROWS).max(1);
    let columns = Columns {
        metadata: MetadataWanted::Names(vec!["detected_level".to_owned()]),
        ..Columns::ALL
    };
    for piece in head {
        context.interrupt.check()?;
        // The head is in memory and can't be damaged.
        let Some(read) = row_range::read(piece, &columns, &mut context.charge())? else {
            continue;
        };
        let level = read
            .batch
            .metadata
            .iter()
            .find(|column| &*column.name == "detected_level");
        for run in &read.runs {
            let miner = streams
                .entry(selected.streams[run.stream as usize].labels.clone())
                .or_default();
            for row in run.rows.clone().step_by(stride as usize) {
                let time = read.batch.timestamps[row as usize];
                if range.contains(time) {
                    let level = level.and_then(|column| column.get(row)).unwrap_or_default();
                    let count = stride.min(u64::from(run.rows.end - row));
                    miner.add(time.div_euclid(SECOND), level, read.batch.line(row), count);
                }
            }
        }
    }
    Ok(())
}

/// The part of a pattern that lies in the range.
fn within(pattern: &Pattern, range: &TimeRange) -> Option<Pattern> {
    let inside = |second: i64| {
        range.overlaps(
            second.saturating_mul(SECOND),
            (second + pattern.slot_seconds) * SECOND - 1,
        )
    };
    let samples: Vec<(i64, u64)> = pattern
        .samples
        .iter()
        .filter(|(second, _)| inside(*second))
        .copied()
        .collect();
    (!samples.is_empty()).then(|| Pattern {
        samples,
        ..pattern.clone()
    })
}

/// Patterns that read the same become one; counts at multiples of the step.
fn series(found: impl Iterator<Item = Pattern>, step: i64) -> Vec<PatternSeries> {
    let mut sums: BTreeMap<(String, &'static str), BTreeMap<i64, u64>> = BTreeMap::new();
    for pattern in found {
        let points = sums
            .entry((pattern.template.render(), pattern.level))
            .or_default();
        for (second, count) in &pattern.samples {
            *points.entry(second - second.rem_euclid(step)).or_default() += count;
        }
    }
    let total = |points: &BTreeMap<i64, u64>| points.values().sum::<u64>();
    let mut all: Vec<_> = sums
        .into_iter()
        .filter(|(_, points)| total(points) >= LINES_MIN)
        .collect();
    all.sort_by_cached_key(|(_, points)| std::cmp::Reverse(total(points)));
    all.truncate(PATTERNS_MAX);
    let series = |((pattern, level), points)| PatternSeries {
        pattern,
        level,
        samples: filled(points, step),
    };
    all.into_iter().map(series).collect()
}

/// With zeros between the first and the last point.
fn filled(mut points: BTreeMap<i64, u64>, step: i64) -> Vec<(i64, u64)> {
    if let (Some((first, _)), Some((last, _))) = (points.first_key_value(), points.last_key_value())
    {
        let (first, last) = (*first, *last);
        if (last - first) / step <= FILLED_POINTS_MAX {
            for at in (first..last).step_by(step as usize) {
                points.entry(at).or_default();
            }
        }
    }
    points.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mined(lines: i64, level: &str) -> Vec<Pattern> {
        let mut miner = StreamMiner::default();
        for i in 0..lines {
            miner.add(
                i * 10,
                level,
                format!("request {i} took {i} ms").as_bytes(),
                1,
            );
        }
        miner.finish()
    }

    #[test]
    fn equal_patterns_of_streams_add_up_and_rare_ones_are_left_out() {
        let all = [mined(40, "info"), mined(40, "info"), mined(29, "error")].concat();
        let found = series(all.into_iter(), 60);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].pattern.as_str(), found[0].level),
            ("request <_> took <_> ms", "info")
        );
        assert_eq!(
            found[0].samples,
            [
                (0, 12),
                (60, 12),
                (120, 12),
                (180, 12),
                (240, 12),
                (300, 12),
                (360, 8)
            ]
        );
    }

    #[test]
    fn gaps_are_filled_with_zeros() {
        assert_eq!(
            filled(BTreeMap::from([(10, 1), (40, 2)]), 10),
            [(10, 1), (20, 0), (30, 0), (40, 2)]
        );
        assert_eq!(filled(BTreeMap::new(), 10), []);
        assert_eq!(filled(BTreeMap::from([(0, 1), (1 << 40, 2)]), 10).len(), 2);
    }

    #[test]
    fn only_slots_of_the_range_count() {
        let pattern = &mined(40, "info")[0];
        let part = within(
            pattern,
            &TimeRange {
                start: 95 * SECOND,
                end: 120 * SECOND,
            },
        )
        .expect("some lie inside");
        assert_eq!(part.samples, [(90, 1), (100, 1), (110, 1)]);
        assert_eq!(
            within(
                pattern,
                &TimeRange {
                    start: 900 * SECOND,
                    end: 1000 * SECOND
                }
            ),
            None
        );
    }
}

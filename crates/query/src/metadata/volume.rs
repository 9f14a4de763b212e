//! Volumes sum up bytes of streams over time, by directory entries.

use crate::answer::VolumeSeries;
use crate::error::QueryError;
use crate::exec::context::Context;
use crate::metadata::{index_stats, labels};
use crate::request::VolumeRequest;
use skald_model::{Charged, Labels, MatchOp, Matcher, TimeRange};
use std::collections::BTreeMap;

/// A bucket's last instant is a millisecond before the next begins, as Loki shows it.
const BUCKET_END_NS: i64 = 1_000_000;

/// Points one answer may have a series; Loki's limit on resolution.
const BUCKETS_MAX: i64 = 11_000;

/// Volumes, each bucket's largest series first in the order of the answer.
pub(crate) fn volume(
    context: &Context<'_>,
    request: &VolumeRequest,
) -> Result<Charged<Vec<VolumeSeries>>, QueryError> {
    let limits = context.limits;
    let max = limits.volume_max_series;
    let mut matchers = if request.query == "{}" {
        Vec::new()
    } else {
        labels::matchers(&request.query)?
    };
    let mut names: Vec<String> = request.target_labels.clone();
    if names.is_empty() && !request.aggregate_by_labels {
        names = matchers.iter().map(|m| m.name.clone()).collect();
    }
    for target in &request.target_labels {
        if !matchers.iter().any(|m| m.name == *target) && !request.aggregate_by_labels {
            matchers.push(
                Matcher::new(target, MatchOp::Regex, ".+")
                    .map_err(|e| QueryError::Internal(e.to_string()))?,
            );
        }
    }
    let range = labels::inclusive(request.start, request.end);
    let buckets = buckets(request)?;
    let selected = index_stats::pieces(context, &matchers, range)?;
    let mut charge = context.charge();
    let mut all_keys: Vec<Vec<Key>> = Vec::with_capacity(selected.streams.len());
    for stream in &selected.streams {
        let keys = keys(&stream.labels, &names, request);
        charge.add(keys.iter().map(key_bytes).sum())?;
        all_keys.push(keys);
    }
    let mut sums: BTreeMap<Key, Vec<u64>> = BTreeMap::new();
    for piece in &selected.pieces {
        context.interrupt.check()?;
        for run in index_stats::visible_runs(piece, &mut context.charge())? {
            for (index, (bucket, _)) in buckets.iter().enumerate() {
                if !bucket.overlaps(run.times.0, run.times.1) {
                    continue;
                }
                for key in &all_keys[run.stream as usize] {
                    let bytes = index_stats::share(run.times, bucket, run.bytes);
                    if let Some(sums) = sums.get_mut(key) {
                        sums[index] += bytes;
                        continue;
                    }
                    if max > 0 && sums.len() >= max && !limits.partial {
                        return Err(QueryError::VolumeSeries(max));
                    }
                    // Sums, and the points they become.
                    charge.add(key_bytes(key) + buckets.len() * POINT_BYTES)?;
                    let mut new = vec![0; buckets.len()];
                    new[index] = bytes;
                    sums.insert(key.clone(), new);
                }
            }
        }
    }
    let limit = if max == 0 {
        request.limit
    } else {
        request.limit.min(max)
    };
    let value = largest(sums, &buckets, limit);
    Ok(Charged { value, charge })
}

/// Bytes of a sum and of the point of an answer that it becomes.
const POINT_BYTES: usize = size_of::<u64>() + size_of::<(i64, u64)>();

fn key_bytes(key: &Key) -> usize {
    let pair =
        |(name, value): &(String, String)| size_of::<(String, String)>() + name.len() + value.len();
    size_of::<Key>() + key.iter().map(pair).sum::<usize>()
}

type Key = Vec<(String, String)>;

/// Buckets and the time each is shown at.
fn buckets(request: &VolumeRequest) -> Result<Vec<(TimeRange, i64)>, QueryError> {
    let Some(step) = request.step else {
        return Ok(vec![(
            labels::inclusive(request.start, request.end),
            request.end,
        )]);
    };
    let step = step.max(1);
    if request.end.saturating_sub(request.start) / step > BUCKETS_MAX {
        return Err(QueryError::Bad(
            "exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter"
                .to_owned(),
        ));
    }
    let mut buckets = Vec::new();
    let mut start = request.start.saturating_sub(request.start.rem_euclid(step));
    while start < request.end {
        let next = start.saturating_add(step);
        let last = next >= request.end;
        let end = if last {
            request.end.saturating_add(1)
        } else {
            next
        };
        let shown = if last {
            request.end
        } else {
            next.saturating_sub(BUCKET_END_NS)
        };
        buckets.push((
            TimeRange {
                start: start.max(request.start),
                end,
            },
            shown,
        ));
        start = next;
    }
    Ok(buckets)
}

/// The series a stream's bytes count for.
fn keys(labels: &Labels, names: &[String], request: &VolumeRequest) -> Vec<Key> {
    let wanted = |name: &str| names.is_empty() || names.iter().any(|n| n == name);
    if request.aggregate_by_labels {
        return labels
            .iter()
            .filter(|(n, _)| wanted(n))
            .map(|(n, _)| vec![(n.to_owned(), String::new())])
            .collect();
    }
    vec![
        labels
            .iter()
            .filter(|(n, _)| wanted(n))
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect(),
    ]
}

/// The `limit` largest series of each bucket, largest first.
fn largest(
    sums: BTreeMap<Key, Vec<u64>>,
    buckets: &[(TimeRange, i64)],
    limit: usize,
) -> Vec<VolumeSeries> {
    let mut all: Vec<(u64, Key, Vec<u64>)> = sums
        .into_iter()
        .map(|(key, sums)| (sums.iter().sum(), key, sums))
        .collect();
    all.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    if all.len() > limit {
        for bucket in 0..buckets.len() {
            // Of equal series the one named first stays.
            let mut order: Vec<usize> = (0..all.len()).filter(|i| all[*i].2[bucket] > 0).collect();
            order.sort_by(|a, b| {
                all[*b].2[bucket]
                    .cmp(&all[*a].2[bucket])
                    .then_with(|| all[*a].1.cmp(&all[*b].1))
            });
            order.iter().skip(limit).for_each(|i| all[*i].2[bucket] = 0);
        }
        all.retain(|(_, _, sums)| sums.iter().any(|sum| *sum > 0));
    }
    all.into_iter()
        .map(|(_, labels, sums)| {
            let points = sums
                .into_iter()
                .zip(buckets)
                .filter(|(sum, _)| *sum > 0 || buckets.len() == 1);
            VolumeSeries {
                labels,
                points: points.map(|(sum, (_, shown))| (*shown, sum)).collect(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_shows_its_largest_series() {
        let key = |name: &str| vec![("app".to_owned(), name.to_owned())];
        let sums = BTreeMap::from([
            (key("a"), vec![5, 1]),
            (key("b"), vec![4, 3]),
            (key("c"), vec![1, 2]),
        ]);
        let buckets = [
            (TimeRange { start: 0, end: 10 }, 9),
            (TimeRange { start: 10, end: 20 }, 19),
        ];
        let found = largest(sums, &buckets, 1);
        let shown: Vec<_> = found
            .into_iter()
            .map(|s| (s.labels[0].1.clone(), s.points))
            .collect();
        assert_eq!(
            shown,
            [
                ("b".to_owned(), vec![(19, 3)]),
                ("a".to_owned(), vec![(9, 5)])
            ]
        );
    }
}

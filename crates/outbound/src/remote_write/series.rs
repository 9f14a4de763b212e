//! Series gather samples with the same labels, in the order of their times.

use super::wire::{Label, Point, TimeSeries};
use crate::alert::LabelSet;
use crate::relabel::Relabeling;
use crate::sample::Sample;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Samples of one series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    /// Sorted by name, none empty.
    pub(super) labels: Vec<Label>,
    /// Rising in time.
    pub(super) points: Vec<Point>,
}

/// Series as they come together, in the order in which each first came.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    series: Vec<Series>,
    places: HashMap<Vec<Label>, usize>,
}

impl Gathered {
    /// Adds points of a series.
    pub(super) fn add(&mut self, labels: Vec<Label>, points: &[Point]) {
        let place = match self.places.entry(labels) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.series.push(Series {
                    labels: new.key().clone(),
                    points: Vec::new(),
                });
                *new.insert(self.series.len() - 1)
            }
        };
        self.series[place].points.extend_from_slice(points);
    }

    /// Adds samples as their labels are after relabeling.
    pub(super) fn add_samples(&mut self, samples: &[Sample], relabeling: &Relabeling) {
        for sample in samples {
            let Some(labels) = relabeling.apply(sample.labels.clone()) else {
                continue;
            };
            let labels = as_labels(labels);
            if !labels.is_empty() {
                let point = Point {
                    value: sample.value,
                    timestamp: sample.timestamp,
                };
                self.add(labels, &[point]);
            }
        }
    }

    /// Adds the series of a request.
    pub(super) fn add_series(&mut self, series: Vec<TimeSeries>) {
        for one in series {
            self.add(one.labels, &one.samples);
        }
    }

    /// The series, the samples of each sorted by time; of samples with the same time the first stays.
    pub(super) fn finish(mut self) -> Vec<Series> {
        for series in &mut self.series {
            series.points.sort_by_key(|point| point.timestamp);
            series.points.dedup_by_key(|point| point.timestamp);
        }
        self.series
    }
}

fn as_labels(labels: LabelSet) -> Vec<Label> {
    let with_value = labels.into_iter().filter(|(_, value)| !value.is_empty());
    with_value
        .map(|(name, value)| Label { name, value })
        .collect()
}

/// Samples of all series.
pub(super) fn samples(series: &[Series]) -> u64 {
    series.iter().map(|series| series.points.len() as u64).sum()
}

/// Leaves out samples before a time; how many there were.
pub(super) fn drop_before(series: &mut Vec<Series>, time: i64) -> u64 {
    let before = samples(series);
    for one in series.iter_mut() {
        one.points.retain(|point| point.timestamp >= time);
    }
    series.retain(|one| !one.points.is_empty());
    before - samples(series)
}

/// Splits series into requests of so few samples; no sample of a series comes in an earlier request than one
/// before it.
pub(super) fn requests(series: Vec<Series>, samples_max: u64) -> Vec<Vec<Series>> {
    let most = usize::try_from(samples_max).unwrap_or(usize::MAX).max(1);
    let (mut requests, mut current, mut room) = (Vec::new(), Vec::new(), most);
    for mut one in series {
        while !one.points.is_empty() {
            let rest = one.points.split_off(one.points.len().min(room));
            room -= one.points.len();
            current.push(Series {
                labels: one.labels.clone(),
                points: one.points,
            });
            one.points = rest;
            if room == 0 {
                requests.push(std::mem::take(&mut current));
                room = most;
            }
        }
    }
    if !current.is_empty() {
        requests.push(current);
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(times: &[(&str, i64)]) -> Vec<Series> {
        let samples: Vec<Sample> = times
            .iter()
            .map(|(name, at)| Sample::new([("__name__", *name), ("empty", "")], *at as f64, *at))
            .collect();
        let mut gathered = Gathered::default();
        gathered.add_samples(&samples, &Relabeling::default());
        gathered.finish()
    }

    fn times(series: &[Series]) -> Vec<(String, Vec<i64>)> {
        let of = |one: &Series| {
            assert_eq!(one.labels.len(), 1, "a label without a value is none");
            (
                one.labels[0].value.clone(),
                one.points.iter().map(|point| point.timestamp).collect(),
            )
        };
        series.iter().map(of).collect()
    }

    #[test]
    fn samples_of_a_series_come_in_the_order_of_time_and_once() {
        let series = gathered(&[("a", 2), ("b", 1), ("a", 1), ("a", 2)]);
        assert_eq!(
            times(&series),
            [("a".to_owned(), vec![1, 2]), ("b".to_owned(), vec![1])]
        );
    }

    #[test]
    fn requests_are_split_between_samples() {
        let series = gathered(&[("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2)]);
        let split: Vec<_> = requests(series, 2)
            .iter()
            .map(|request| times(request))
            .collect();
        let of = |name: &str, times: &[i64]| (name.to_owned(), times.to_vec());
        assert_eq!(
            split,
            [
                vec![of("a", &[1, 2])],
                vec![of("a", &[3]), of("b", &[1])],
                vec![of("b", &[2])]
            ]
        );
    }

    #[test]
    fn old_samples_can_be_left_out() {
        let mut series = gathered(&[("a", 1), ("a", 5), ("b", 2)]);
        assert_eq!(drop_before(&mut series, 3), 2);
        assert_eq!(times(&series), [("a".to_owned(), vec![5])]);
    }
}

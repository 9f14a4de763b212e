//! Vector aggregations fold the series of each group into one, step by step.

use super::cells::{Cell, Extreme, Mean, Moments, Total};
use super::grouping::{group_labels, order_key};
use super::ranking::{self, Below, Ranked};
use super::{Matrix, POINT_BYTES, SERIES_BYTES, Series, topk};
use crate::ast::{Grouping, VectorOp};
use hashbrown::HashMap;
use skald_model::{Charge, Labels, Stop};

/// Bytes of a group beside its labels: its places in a map and two lists.
const GROUP_BYTES: usize = 128;

/// Aggregates a matrix of `steps` points a series.
pub(super) fn aggregate(
    op: VectorOp,
    param: Option<i64>,
    grouping: Option<&Grouping>,
    matrix: Matrix,
    steps: usize,
    charge: &mut Charge,
) -> Result<Matrix, Stop> {
    match op {
        VectorOp::Sum => fold(matrix, grouping, steps, Total::value, charge),
        VectorOp::Avg => fold(matrix, grouping, steps, Mean::value, charge),
        VectorOp::Min => fold(matrix, grouping, steps, Extreme::<false>::value, charge),
        VectorOp::Max => fold(matrix, grouping, steps, Extreme::<true>::value, charge),
        VectorOp::Stddev => fold(matrix, grouping, steps, Moments::deviation, charge),
        VectorOp::Stdvar => fold(matrix, grouping, steps, Moments::variance, charge),
        VectorOp::Count => fold(counted(matrix), grouping, steps, Total::value, charge),
        VectorOp::Topk | VectorOp::ApproxTopk => {
            topk::select(matrix, grouping, param, steps, topk::Side::Largest, charge)
        }
        VectorOp::Bottomk => {
            topk::select(matrix, grouping, param, steps, topk::Side::Smallest, charge)
        }
        VectorOp::Sort => sort(matrix, steps, ranking::larger, charge),
        VectorOp::SortDesc => sort(matrix, steps, ranking::smaller, charge),
    }
}

/// The groups of a matrix in order of their labels, with the numbers of their series.
pub(super) fn groups(
    matrix: &Matrix,
    grouping: Option<&Grouping>,
    charge: &mut Charge,
) -> Result<Vec<(Labels, Vec<usize>)>, Stop> {
    let mut numbers: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Vec<(Labels, Vec<usize>)> = Vec::new();
    for (index, series) in matrix.series.iter().enumerate() {
        charge.work(series.labels.as_bytes().len())?;
        charge.room_for(2 * series.labels.as_bytes().len())?;
        let labels = group_labels(&series.labels, grouping);
        let bytes = match numbers.contains_key(&labels) {
            true => size_of::<usize>(),
            // The labels, and the key by which they are ordered.
            false => GROUP_BYTES + 2 * labels.as_bytes().len(),
        };
        charge.add(bytes)?;
        let number = *numbers.entry(labels).or_insert_with_key(|labels| {
            groups.push((labels.clone(), Vec::new()));
            groups.len() - 1
        });
        groups[number].1.push(index);
    }
    groups.sort_by_cached_key(|(labels, _)| order_key(labels));
    Ok(groups)
}

fn fold<C: Cell>(
    matrix: Matrix,
    grouping: Option<&Grouping>,
    steps: usize,
    read: impl Fn(&C) -> f64,
    charge: &mut Charge,
) -> Result<Matrix, Stop> {
    let groups = groups(&matrix, grouping, charge)?;
    let fold_group = |(labels, members): (Labels, Vec<usize>)| {
        charge.room_for(steps * (size_of::<C>() + POINT_BYTES))?;
        let mut cells = vec![C::EMPTY; steps];
        for index in members {
            charge.work(steps * POINT_BYTES)?;
            for (cell, point) in cells.iter_mut().zip(&matrix.series[index].points) {
                if let Some(value) = point {
                    cell.add(0, *value);
                }
            }
        }
        let points = cells
            .iter()
            .map(|cell| (!cell.is_empty()).then(|| read(cell)))
            .collect();
        charge.add(SERIES_BYTES + steps * POINT_BYTES)?;
        Ok(Series { labels, points })
    };
    let series = groups.into_iter().map(fold_group);
    Ok(Matrix {
        series: series.collect::<Result<_, Stop>>()?,
        ordered: false,
    })
}

/// Every point as 1.
fn counted(mut matrix: Matrix) -> Matrix {
    for series in &mut matrix.series {
        series
            .points
            .iter_mut()
            .flatten()
            .for_each(|value| *value = 1.0);
    }
    matrix
}

/// Orders the series of an instant query by value, those that are `below` others and NaN last; over
/// a range there is nothing to order by.
fn sort(matrix: Matrix, steps: usize, below: Below, charge: &mut Charge) -> Result<Matrix, Stop> {
    if steps != 1 {
        return Ok(matrix);
    }
    charge.room_for(matrix.series.len() * (size_of::<Ranked>() + 2 * size_of::<Series>()))?;
    let mut heap = Vec::new();
    for (index, series) in matrix.series.iter().enumerate() {
        if let Some(Some(value)) = series.points.first() {
            ranking::push(&mut heap, (*value, index), below);
        }
    }
    ranking::sort(&mut heap, below);
    let mut series: Vec<Option<Series>> = matrix.series.into_iter().map(Some).collect();
    Ok(Matrix {
        series: heap
            .iter()
            .filter_map(|(_, index)| series[*index].take())
            .collect(),
        ordered: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::check::{grid, shown};

    fn by(names: &[&str]) -> Option<Grouping> {
        Some(Grouping {
            without: false,
            labels: names.iter().map(|n| (*n).to_owned()).collect(),
        })
    }

    fn without(names: &[&str]) -> Option<Grouping> {
        by(names).map(|g| Grouping { without: true, ..g })
    }

    const INPUT: &[&str] = &[
        r#"{app="api", pod="1"} 1 2 _"#,
        r#"{app="api", pod="2"} 3 _ _"#,
        r#"{app="web", pod="1"} 5 NaN 7"#,
        "{} 2 2 2",
    ];

    /// Aggregates without a limit.
    fn aggregate(
        op: VectorOp,
        param: Option<i64>,
        grouping: Option<&Grouping>,
        matrix: Matrix,
        steps: usize,
    ) -> Matrix {
        super::aggregate(op, param, grouping, matrix, steps, &mut Charge::default())
            .expect("nothing is refused")
    }

    fn check(op: VectorOp, param: Option<i64>, grouping: Option<Grouping>, expected: &[&str]) {
        let found = aggregate(op, param, grouping.as_ref(), grid(INPUT), 3);
        assert_eq!(shown(&found), expected, "{op:?} {param:?} {grouping:?}");
    }

    #[test]
    fn sums_and_counts_leave_gaps_where_a_group_has_no_point() {
        check(
            VectorOp::Sum,
            None,
            by(&["app"]),
            &["{} 2 2 2", r#"{app="api"} 4 2 _"#, r#"{app="web"} 5 NaN 7"#],
        );
        check(
            VectorOp::Count,
            None,
            by(&["app"]),
            &["{} 1 1 1", r#"{app="api"} 2 1 _"#, r#"{app="web"} 1 1 1"#],
        );
        check(VectorOp::Sum, None, None, &["{} 11 NaN 9"]);
        check(VectorOp::Sum, None, by(&[]), &["{} 11 NaN 9"]);
    }

    #[test]
    fn a_missing_label_groups_with_an_absent_one() {
        check(VectorOp::Sum, None, by(&["nosuch"]), &["{} 11 NaN 9"]);
        check(
            VectorOp::Sum,
            None,
            without(&["pod"]),
            &["{} 2 2 2", r#"{app="api"} 4 2 _"#, r#"{app="web"} 5 NaN 7"#],
        );
        check(
            VectorOp::Sum,
            None,
            without(&["app", "pod"]),
            &["{} 11 NaN 9"],
        );
    }

    #[test]
    fn extremes_and_means_follow_the_rules_for_nan() {
        check(VectorOp::Min, None, None, &["{} 1 2 2"]);
        check(VectorOp::Max, None, None, &["{} 5 2 7"]);
        check(VectorOp::Avg, None, None, &["{} 2.75 NaN 4.5"]);
    }

    #[test]
    fn deviations_are_of_the_population() {
        // 1 3 5 2: mean 2.75, squares 3.0625 0.0625 5.0625 0.5625 = 8.75, over 4
        check(VectorOp::Stdvar, None, None, &["{} 2.1875 NaN 6.25"]);
        check(
            VectorOp::Stddev,
            None,
            by(&["app"]),
            &["{} 0 0 0", r#"{app="api"} 1 0 _"#, r#"{app="web"} 0 NaN 0"#],
        );
    }

    #[test]
    fn sort_orders_an_instant_with_nan_last_and_leaves_a_range_alone() {
        let input = ["{a=\"1\"} 2", "{a=\"2\"} NaN", "{a=\"3\"} 1", "{a=\"4\"} 3"];
        let up = aggregate(VectorOp::Sort, None, None, grid(&input), 1);
        assert_eq!(
            shown(&up),
            ["{a=\"3\"} 1", "{a=\"1\"} 2", "{a=\"4\"} 3", "{a=\"2\"} NaN"]
        );
        let down = aggregate(VectorOp::SortDesc, None, None, grid(&input), 1);
        assert_eq!(
            shown(&down),
            ["{a=\"4\"} 3", "{a=\"1\"} 2", "{a=\"3\"} 1", "{a=\"2\"} NaN"]
        );
        assert!(up.ordered && down.ordered);
        assert!(!aggregate(VectorOp::Sort, None, None, grid(INPUT), 3).ordered);
    }
}

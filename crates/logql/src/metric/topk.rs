//! `topk` and `bottomk`: at each step, of each group, the series of the k largest or smallest values.

use super::Matrix;
use super::vector::{ascending, descending, groups};
use crate::ast::Grouping;

/// Which values are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// `topk`
    Largest,
    /// `bottomk`
    Smallest,
}

/// Keeps the points that are among the k best of their group and step. Of equal values those of earlier
/// series stay; NaN goes first.
pub(super) fn select(mut matrix: Matrix, grouping: Option<&Grouping>, param: Option<i64>, steps: usize, side: Side) -> Matrix {
    let k = param.map_or(0, |k| usize::try_from(k).unwrap_or(0));
    let better = match side {
        Side::Largest => descending,
        Side::Smallest => ascending,
    };
    let mut ranked: Vec<(f64, usize)> = Vec::new();
    for (_, members) in groups(&matrix, grouping) {
        if members.len() <= k {
            continue;
        }
        for step in 0..steps {
            ranked.clear();
            ranked.extend(members.iter().filter_map(|index| Some((matrix.series[*index].points[step]?, *index))));
            if ranked.len() <= k {
                continue;
            }
            ranked.select_nth_unstable_by(k, |a, b| better(&a.0, &b.0).then(a.1.cmp(&b.1)));
            for (_, index) in &ranked[k..] {
                matrix.series[*index].points[step] = None;
            }
        }
    }
    matrix.series.retain(|series| series.points.iter().any(Option::is_some));
    matrix.ordered = false;
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::check::{grid, shown};

    const INPUT: &[&str] = &[
        r#"{app="a", pod="1"} 1 9 NaN"#,
        r#"{app="a", pod="2"} 3 _ 4"#,
        r#"{app="b", pod="1"} 3 2 5"#,
        r#"{app="b", pod="2"} 2 8 _"#,
    ];

    fn check(side: Side, k: i64, by: &[&str], expected: &[&str]) {
        let grouping = Grouping { without: false, labels: by.iter().map(|n| (*n).to_owned()).collect() };
        let found = select(grid(INPUT), Some(&grouping), Some(k), 3, side);
        assert_eq!(shown(&found), expected, "{side:?} {k} by {by:?}");
    }

    #[test]
    fn the_best_of_each_step_keep_their_labels() {
        check(
            Side::Largest,
            1,
            &[],
            &[r#"{app="a", pod="1"} _ 9 _"#, r#"{app="a", pod="2"} 3 _ _"#, r#"{app="b", pod="1"} _ _ 5"#],
        );
        check(
            Side::Smallest,
            2,
            &[],
            &[
                r#"{app="a", pod="1"} 1 _ _"#,
                r#"{app="a", pod="2"} _ _ 4"#,
                r#"{app="b", pod="1"} _ 2 5"#,
                r#"{app="b", pod="2"} 2 8 _"#,
            ],
        );
    }

    #[test]
    fn groups_choose_apart() {
        check(
            Side::Largest,
            1,
            &["app"],
            &[
                r#"{app="a", pod="1"} _ 9 _"#,
                r#"{app="a", pod="2"} 3 _ 4"#,
                r#"{app="b", pod="1"} 3 _ 5"#,
                r#"{app="b", pod="2"} _ 8 _"#,
            ],
        );
    }

    #[test]
    fn more_than_there_are_is_all_of_them() {
        check(Side::Largest, 100, &[], INPUT);
    }
}

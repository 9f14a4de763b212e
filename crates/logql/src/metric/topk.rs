//! `topk` and `bottomk` pick, at each step and of each group, the series of the k largest or
//! smallest values.

use super::Matrix;
use super::ranking::{self, Ranked};
use super::vector::groups;
use crate::ast::Grouping;
use skald_model::{Charge, Stop};

/// Which values are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// `topk`
    Largest,
    /// `bottomk`
    Smallest,
}

/// Keeps the points that are among the k best of their group and step. NaN goes first; which of
/// equal values stay is up to [`ranking`].
pub(super) fn select(
    mut matrix: Matrix,
    grouping: Option<&Grouping>,
    param: Option<i64>,
    steps: usize,
    side: Side,
    charge: &mut Charge,
) -> Result<Matrix, Stop> {
    let k = param.map_or(0, |k| usize::try_from(k).unwrap_or(0));
    let below = match side {
        Side::Largest => ranking::smaller,
        Side::Smallest => ranking::larger,
    };
    let mut heap: Vec<Ranked> = Vec::new();
    for (_, members) in groups(&matrix, grouping, charge)? {
        if members.len() <= k {
            continue;
        }
        charge.room_for(members.len().min(k) * 2 * size_of::<Ranked>())?;
        for step in 0..steps {
            charge.work(members.len() * size_of::<Ranked>())?;
            heap.clear();
            for index in &members {
                if let Some(value) = matrix.series[*index].points[step].take() {
                    ranking::push_bounded(&mut heap, (value, *index), k, below);
                }
            }
            for (value, index) in &heap {
                matrix.series[*index].points[step] = Some(*value);
            }
        }
    }
    matrix
        .series
        .retain(|series| series.points.iter().any(Option::is_some));
    matrix.ordered = false;
    Ok(matrix)
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
        let grouping = Grouping {
            without: false,
            labels: by.iter().map(|n| (*n).to_owned()).collect(),
        };
        let found = select(
            grid(INPUT),
            Some(&grouping),
            Some(k),
            3,
            side,
            &mut Charge::default(),
        )
        .expect("nothing is refused");
        assert_eq!(shown(&found), expected, "{side:?} {k} by {by:?}");
    }

    #[test]
    fn the_best_of_each_step_keep_their_labels() {
        check(
            Side::Largest,
            1,
            &[],
            &[
                r#"{app="a", pod="1"} _ 9 _"#,
                r#"{app="a", pod="2"} 3 _ _"#,
                r#"{app="b", pod="1"} _ _ 5"#,
            ],
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

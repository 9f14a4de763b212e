//! Vector matching pairs the series of two operands and names those of the result.
//!
//! Series of both sides meet when their match labels are equal: all of them, those of `on`, or all
//! but those of `ignoring`. Which series are there differs from step to step, so that the rules
//! about one and many are looked at step by step.

use super::binary::Operator;
use super::grouping::{keep, remove};
use super::label_replace::with_label;
use super::{EvalError, Matrix, POINT_BYTES, SERIES_BYTES, Series};
use crate::ast::{BinaryOp, MatchGroup, VectorMatching};
use hashbrown::HashMap;
use skald_model::{Charge, Labels, Stop};

/// Bytes of a series in the lists of meetings, beside its match labels.
const MEETING_BYTES: usize = 128;

/// Series numbers of both sides by match labels.
#[derive(Debug, Default)]
struct Meeting {
    left: Vec<usize>,
    right: Vec<usize>,
}

fn match_labels(labels: &Labels, matching: Option<&VectorMatching>) -> Labels {
    match matching {
        Some(VectorMatching {
            on: true,
            labels: names,
            ..
        }) => keep(labels, names),
        Some(VectorMatching { labels: names, .. }) if !names.is_empty() => remove(labels, names),
        _ => labels.clone(),
    }
}

/// Meetings in order of their first series.
fn meetings(
    matching: Option<&VectorMatching>,
    left: &Matrix,
    right: &Matrix,
    charge: &mut Charge,
) -> Result<Vec<Meeting>, Stop> {
    let mut numbers: HashMap<Labels, usize> = HashMap::new();
    let mut found: Vec<Meeting> = Vec::new();
    let sides = left
        .series
        .iter()
        .map(|s| (s, true))
        .enumerate()
        .chain(right.series.iter().map(|s| (s, false)).enumerate());
    for (index, (series, is_left)) in sides {
        // Its match labels, made and kept, and its places in the lists.
        let bytes = series.labels.as_bytes().len();
        charge.work(bytes)?;
        charge.add(MEETING_BYTES + bytes)?;
        charge.room_for(2 * bytes)?;
        let number = *numbers
            .entry(match_labels(&series.labels, matching))
            .or_insert_with(|| {
                found.push(Meeting::default());
                found.len() - 1
            });
        let meeting = &mut found[number];
        if is_left {
            &mut meeting.left
        } else {
            &mut meeting.right
        }
        .push(index);
    }
    Ok(found)
}

/// Arithmetic and comparisons between series.
pub(super) fn combine(
    operator: Operator<'_>,
    left: Matrix,
    right: Matrix,
    steps: usize,
    charge: &mut Charge,
) -> Result<Matrix, EvalError> {
    let group = operator.matching.map_or(MatchGroup::OneToOne, |m| m.group);
    let mut out = Vec::new();
    for meeting in meetings(operator.matching, &left, &right, charge)? {
        let pairing = match group {
            MatchGroup::Right => Pairing {
                operator,
                group,
                many: (&right, &meeting.right),
                one: (&left, &meeting.left),
            },
            _ => Pairing {
                operator,
                group,
                many: (&left, &meeting.left),
                one: (&right, &meeting.right),
            },
        };
        pairing.run(steps, &mut out, charge)?;
    }
    out.retain(|series: &Series| series.points.iter().any(Option::is_some));
    Ok(Matrix {
        series: out,
        ordered: left.ordered || right.ordered,
    })
}

/// The series that meet, with the side that may have many of them first.
struct Pairing<'a> {
    operator: Operator<'a>,
    group: MatchGroup,
    many: (&'a Matrix, &'a [usize]),
    one: (&'a Matrix, &'a [usize]),
}

/// A series of the result with the steps at which it was met, whether or not a point came of it.
struct Outcome {
    series: Series,
    met: Vec<bool>,
}

/// The outcomes of one meeting by their labels.
struct Outcomes {
    list: Vec<Outcome>,
    numbers: HashMap<Labels, usize>,
    steps: usize,
}

impl Outcomes {
    fn number(&mut self, labels: Labels, charge: &mut Charge) -> Result<usize, Stop> {
        if !self.numbers.contains_key(&labels) {
            let points = self.steps * (POINT_BYTES + size_of::<bool>());
            charge.add(SERIES_BYTES + MEETING_BYTES + labels.as_bytes().len() + points)?;
        }
        Ok(*self.numbers.entry(labels).or_insert_with_key(|labels| {
            let series = Series {
                labels: labels.clone(),
                points: vec![None; self.steps],
            };
            self.list.push(Outcome {
                series,
                met: vec![false; self.steps],
            });
            self.list.len() - 1
        }))
    }
}

impl Pairing<'_> {
    fn run(
        &self,
        steps: usize,
        out: &mut Vec<Series>,
        charge: &mut Charge,
    ) -> Result<(), EvalError> {
        charge.room_for(steps * size_of::<Option<usize>>())?;
        charge.work(self.one.1.len() * steps * POINT_BYTES)?;
        let owners = self.owners(steps)?;
        let mut outcomes = Outcomes {
            list: Vec::new(),
            numbers: HashMap::new(),
            steps,
        };
        for many in self.many.1 {
            let many = &self.many.0.series[*many];
            charge.work(steps * POINT_BYTES)?;
            // The one-side series mostly stays the same from step to step, and with it the outcome.
            let mut current: Option<(usize, usize)> = None;
            for (step, owner) in owners.iter().enumerate() {
                let (Some(value), Some(owner)) = (many.points[step], *owner) else {
                    continue;
                };
                let one = &self.one.0.series[owner];
                let Some(other) = one.points[step] else {
                    continue;
                };
                let number = match current {
                    Some((known, number)) if known == owner => number,
                    _ => {
                        let both = many.labels.as_bytes().len() + one.labels.as_bytes().len();
                        let includes = self.operator.matching.map_or(0, |m| m.include.len());
                        charge.work(both * (1 + includes))?;
                        charge.room_for(2 * both)?;
                        let labels = self.result_labels(&many.labels, &one.labels);
                        outcomes.number(labels, charge)?
                    }
                };
                current = Some((owner, number));
                let outcome = &mut outcomes.list[number];
                if std::mem::replace(&mut outcome.met[step], true) {
                    return Err(self.ambiguous());
                }
                let (a, b) = if self.group == MatchGroup::Right {
                    (other, value)
                } else {
                    (value, other)
                };
                outcome.series.points[step] = self.operator.apply(a, b, a);
            }
        }
        out.extend(outcomes.list.into_iter().map(|outcome| outcome.series));
        Ok(())
    }

    /// The series of the one side at each step; two at once are an error even when nothing meets
    /// them.
    fn owners(&self, steps: usize) -> Result<Vec<Option<usize>>, EvalError> {
        let mut owners = vec![None; steps];
        for index in self.one.1 {
            for (owner, point) in owners.iter_mut().zip(&self.one.0.series[*index].points) {
                if point.is_some() && owner.replace(*index).is_some() {
                    let side = if self.group == MatchGroup::Right {
                        "left"
                    } else {
                        "right"
                    };
                    return Err(EvalError::Invalid(format!(
                        "found duplicate series on the {side} hand-side;many-to-many matching not allowed: \
                         matching labels must be unique on one side"
                    )));
                }
            }
        }
        Ok(owners)
    }

    fn ambiguous(&self) -> EvalError {
        let reason = match self.group {
            MatchGroup::OneToOne => {
                "many-to-one matching must be explicit (group_left/group_right)"
            }
            MatchGroup::Left | MatchGroup::Right => "grouping labels must ensure unique matches",
        };
        EvalError::Invalid(format!("multiple matches for labels: {reason}"))
    }

    fn result_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let Some(matching) = self.operator.matching else {
            return many.clone();
        };
        let labels = match self.group {
            MatchGroup::OneToOne if matching.on => keep(many, &matching.labels),
            MatchGroup::OneToOne => remove(many, &matching.labels),
            MatchGroup::Left | MatchGroup::Right => many.clone(),
        };
        let included = matching.include.iter();
        included.fold(labels, |labels, name| {
            with_label(&labels, name, one.get(name).unwrap_or_default())
        })
    }
}

/// `and`, `or`, `unless`.
pub(super) fn set_operation(
    operator: Operator<'_>,
    mut left: Matrix,
    mut right: Matrix,
    steps: usize,
    charge: &mut Charge,
) -> Result<Matrix, Stop> {
    charge.room_for(steps)?;
    for meeting in meetings(operator.matching, &left, &right, charge)? {
        charge.work((meeting.left.len() + meeting.right.len()) * steps * POINT_BYTES)?;
        match operator.op {
            BinaryOp::Or => {
                let there = presence(&left, &meeting.left, steps);
                blank(&mut right, &meeting.right, |step| !there[step]);
            }
            op => {
                let there = presence(&right, &meeting.right, steps);
                blank(&mut left, &meeting.left, |step| {
                    there[step] == (op == BinaryOp::And)
                });
            }
        }
    }
    if operator.op == BinaryOp::Or {
        left.ordered |= right.ordered;
        // What both sides have is charged already, their labels are shared.
        charge.room_for(left.series.len() * MEETING_BYTES)?;
        join(&mut left, right);
    }
    left.series
        .retain(|series| series.points.iter().any(Option::is_some));
    Ok(left)
}

/// The steps at which one of the series has a point.
fn presence(matrix: &Matrix, members: &[usize], steps: usize) -> Vec<bool> {
    let mut there = vec![false; steps];
    for index in members {
        for (there, point) in there.iter_mut().zip(&matrix.series[*index].points) {
            *there |= point.is_some();
        }
    }
    there
}

/// Takes the points out of the series at all steps but those that `stay`.
fn blank(matrix: &mut Matrix, members: &[usize], stay: impl Fn(usize) -> bool) {
    for index in members {
        for (step, point) in matrix.series[*index].points.iter_mut().enumerate() {
            if !stay(step) {
                *point = None;
            }
        }
    }
}

/// Appends the series of `right`; those of labels that are there fill the gaps of their namesakes.
fn join(left: &mut Matrix, right: Matrix) {
    let mut known: HashMap<Labels, usize> = HashMap::new();
    for (index, series) in left.series.iter().enumerate() {
        known.entry(series.labels.clone()).or_insert(index);
    }
    for series in right.series {
        match known.get(&series.labels) {
            Some(index) => {
                let mine = &mut left.series[*index].points;
                mine.iter_mut()
                    .zip(series.points)
                    .for_each(|(mine, theirs)| *mine = mine.or(theirs));
            }
            None => left.series.push(series),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::check::{grid, shown};
    use crate::metric::{Evaluated, binary::binary};

    fn matching(on: bool, labels: &[&str], group: MatchGroup, include: &[&str]) -> VectorMatching {
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        VectorMatching {
            on,
            labels: owned(labels),
            group,
            include: owned(include),
        }
    }

    fn run(
        op: BinaryOp,
        matching: Option<&VectorMatching>,
        left: &[&str],
        right: &[&str],
    ) -> Result<Vec<String>, String> {
        let steps = grid(left).series.first().map_or(2, |s| s.points.len());
        let operator = Operator {
            op,
            return_bool: false,
            matching,
        };
        match binary(
            operator,
            Evaluated::Matrix(grid(left)),
            Evaluated::Matrix(grid(right)),
            steps,
            &mut Charge::default(),
        ) {
            Ok(Evaluated::Matrix(matrix)) => Ok(shown(&matrix)),
            Ok(Evaluated::Scalar(_)) => Err("a number".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn check(
        op: BinaryOp,
        matching: Option<&VectorMatching>,
        left: &[&str],
        right: &[&str],
        expected: &[&str],
    ) {
        let found = run(op, matching, left, right).expect("matching is unique");
        assert_eq!(found, expected, "{op:?} {matching:?}");
    }

    const LEFT: &[&str] = &[r#"{app="a", env="p"} 10 20"#, r#"{app="b", env="p"} 6 _"#];
    const RIGHT: &[&str] = &[r#"{app="a", env="p"} 5 _"#, r#"{app="c", env="p"} 1 1"#];

    #[test]
    fn series_of_equal_labels_meet_where_both_have_points() {
        check(
            BinaryOp::Div,
            None,
            LEFT,
            RIGHT,
            &[r#"{app="a", env="p"} 2 _"#],
        );
        check(
            BinaryOp::Greater,
            None,
            LEFT,
            RIGHT,
            &[r#"{app="a", env="p"} 10 _"#],
        );
        check(BinaryOp::Less, None, LEFT, RIGHT, &[]);
    }

    #[test]
    fn on_and_ignoring_leave_the_labels_they_match_by() {
        let left = [r#"{app="a", pod="1"} 10 20"#];
        let right = [r#"{app="a", pod="2"} 5 4"#];
        check(
            BinaryOp::Div,
            Some(&matching(true, &["app"], MatchGroup::OneToOne, &[])),
            &left,
            &right,
            &[r#"{app="a"} 2 5"#],
        );
        check(
            BinaryOp::Div,
            Some(&matching(false, &["pod"], MatchGroup::OneToOne, &[])),
            &left,
            &right,
            &[r#"{app="a"} 2 5"#],
        );
    }

    #[test]
    fn group_left_keeps_the_many_and_takes_labels_of_the_one() {
        let many = [
            r#"{app="a", pod="1", zone="x"} 10 20"#,
            r#"{app="a", pod="2"} 30 40"#,
        ];
        let one = [r#"{app="a", zone="z"} 10 10"#];
        let by_app = matching(true, &["app"], MatchGroup::Left, &[]);
        check(
            BinaryOp::Div,
            Some(&by_app),
            &many,
            &one,
            &[
                r#"{app="a", pod="1", zone="x"} 1 2"#,
                r#"{app="a", pod="2"} 3 4"#,
            ],
        );
        let with_zone = matching(true, &["app"], MatchGroup::Left, &["zone"]);
        let expected = [
            r#"{app="a", pod="1", zone="z"} 1 2"#,
            r#"{app="a", pod="2", zone="z"} 3 4"#,
        ];
        check(BinaryOp::Div, Some(&with_zone), &many, &one, &expected);
        let without = [r#"{app="a"} 10 10"#];
        let expected = [r#"{app="a", pod="1"} 1 2"#, r#"{app="a", pod="2"} 3 4"#];
        check(BinaryOp::Div, Some(&with_zone), &many, &without, &expected);
    }

    #[test]
    fn group_right_is_the_mirror_image() {
        let one = [r#"{app="a"} 100 100"#];
        let many = [r#"{app="a", pod="1"} 10 20"#, r#"{app="a", pod="2"} 50 _"#];
        let by_app = matching(true, &["app"], MatchGroup::Right, &[]);
        check(
            BinaryOp::Div,
            Some(&by_app),
            &one,
            &many,
            &[r#"{app="a", pod="1"} 10 5"#, r#"{app="a", pod="2"} 2 _"#],
        );
        check(
            BinaryOp::Greater,
            Some(&by_app),
            &one,
            &many,
            &[
                r#"{app="a", pod="1"} 100 100"#,
                r#"{app="a", pod="2"} 100 _"#,
            ],
        );
    }

    #[test]
    fn matches_that_are_not_unique_are_errors() {
        let two = [r#"{app="a", pod="1"} 1 2"#, r#"{app="a", pod="2"} 3 4"#];
        let one = [r#"{app="a"} 1 1"#];
        let on = |group| matching(true, &["app"], group, &[]);
        let check_error = |group, left: &[&str], right: &[&str], expected: &str| {
            assert_eq!(
                run(BinaryOp::Add, Some(&on(group)), left, right),
                Err(expected.to_owned())
            );
        };
        check_error(
            MatchGroup::OneToOne,
            &two,
            &one,
            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
        );
        let duplicate = |side: &str| {
            format!(
                "found duplicate series on the {side} hand-side;many-to-many matching not allowed: matching labels must be unique on one side"
            )
        };
        check_error(MatchGroup::OneToOne, &one, &two, &duplicate("right"));
        check_error(MatchGroup::Left, &one, &two, &duplicate("right"));
        check_error(MatchGroup::Right, &two, &one, &duplicate("left"));
        let include = matching(true, &["app"], MatchGroup::Left, &["pod"]);
        let found = run(BinaryOp::Add, Some(&include), &two, &one);
        assert_eq!(
            found,
            Err(
                "multiple matches for labels: grouping labels must ensure unique matches"
                    .to_owned()
            )
        );
    }

    #[test]
    fn series_that_take_turns_are_one_series_of_the_result() {
        let turns = [r#"{app="a", pod="1"} 1 _"#, r#"{app="a", pod="2"} _ 4"#];
        let one = [r#"{app="a"} 1 1"#];
        let on = matching(true, &["app"], MatchGroup::OneToOne, &[]);
        check(
            BinaryOp::Add,
            Some(&on),
            &turns,
            &one,
            &[r#"{app="a"} 2 5"#],
        );
        check(
            BinaryOp::Add,
            Some(&on),
            &one,
            &turns,
            &[r#"{app="a"} 2 5"#],
        );
    }

    #[test]
    fn set_operators_look_at_presence_step_by_step() {
        check(
            BinaryOp::And,
            None,
            LEFT,
            RIGHT,
            &[r#"{app="a", env="p"} 10 _"#],
        );
        check(
            BinaryOp::Unless,
            None,
            LEFT,
            RIGHT,
            &[r#"{app="a", env="p"} _ 20"#, r#"{app="b", env="p"} 6 _"#],
        );
        let all = [
            r#"{app="a", env="p"} 10 20"#,
            r#"{app="b", env="p"} 6 _"#,
            r#"{app="c", env="p"} 1 1"#,
        ];
        check(BinaryOp::Or, None, LEFT, RIGHT, &all);
        let on = matching(true, &["env"], MatchGroup::OneToOne, &[]);
        check(BinaryOp::And, Some(&on), LEFT, RIGHT, LEFT);
        check(BinaryOp::Or, Some(&on), LEFT, RIGHT, LEFT);
        check(BinaryOp::Unless, Some(&on), LEFT, RIGHT, &[]);
    }

    #[test]
    fn an_empty_side_leaves_the_other() {
        check(BinaryOp::Or, None, &[], &["{} 0 0"], &["{} 0 0"]);
        check(BinaryOp::Unless, None, LEFT, &[], LEFT);
        check(BinaryOp::And, None, LEFT, &[], &[]);
        check(
            BinaryOp::Or,
            None,
            &["{a=\"1\"} 1 _"],
            &["{a=\"1\"} 3 4"],
            &["{a=\"1\"} 1 4"],
        );
    }
}

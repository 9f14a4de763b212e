//! The evaluator walks a plan once its leaves are known.

use super::binary::{Operator, binary};
use super::grouping::order_key;
use super::label_replace::label_replace;
use super::{EvalError, Evaluated, Matrix, POINT_BYTES, Series, Steps, absent, vector};
use crate::plan::Node;
use skald_model::{Charge, Labels, Stop};

/// What a leaf came to.
#[derive(Clone, Debug)]
pub struct LeafSeries<'a> {
    /// Its series.
    pub matrix: Matrix,
    /// For `absent_over_time` the labels of the series it gives where there is none.
    pub absent_labels: Option<&'a Labels>,
}

/// Evaluates an expression once its leaves are known: `leaves[i]` belongs to [`Node::Leaf`] number
/// `i`. `charge` has the leaves; afterwards it has what the expression came to.
pub fn evaluate(
    root: &Node,
    leaves: Vec<LeafSeries<'_>>,
    steps: &Steps,
    charge: &mut Charge,
) -> Result<Evaluated, EvalError> {
    let mut uses = vec![0; leaves.len()];
    count_uses(root, &mut uses);
    let leaves = leaves.into_iter().map(|leaf| match leaf.absent_labels {
        Some(labels) => {
            charge.add(labels.as_bytes().len() + steps.count * POINT_BYTES)?;
            Ok(absent::absent(&leaf.matrix, labels, steps.count))
        }
        None => {
            let mut matrix = leaf.matrix;
            let labels = matrix.series.iter().map(|s| s.labels.as_bytes().len());
            let keys = labels.map(|bytes| bytes + KEY_BYTES).sum();
            charge.room_for(keys)?;
            charge.work(keys)?;
            // Threads find series in any order: sorted, equal values rank and sums round the same
            // each time.
            matrix
                .series
                .sort_by_cached_key(|series| order_key(&series.labels));
            Ok(matrix)
        }
    });
    Evaluation {
        leaves: leaves.collect::<Result<_, EvalError>>()?,
        uses,
        steps: *steps,
        charge,
    }
    .node(root)
}

/// Bytes of a key that series are sorted by, beside its text.
const KEY_BYTES: usize = 48;

fn count_uses(node: &Node, uses: &mut [usize]) {
    match node {
        Node::Leaf(index) => uses[*index] += 1,
        Node::Scalar(_) | Node::VectorOf(_) => {}
        Node::Vector { inner, .. } | Node::LabelReplace { inner, .. } => count_uses(inner, uses),
        Node::Binary { left, right, .. } => {
            count_uses(left, uses);
            count_uses(right, uses);
        }
    }
}

/// Leaves are handed out; the last use takes the matrix itself.
struct Evaluation<'c> {
    leaves: Vec<Matrix>,
    uses: Vec<usize>,
    steps: Steps,
    /// Of all matrices that are there.
    charge: &'c mut Charge,
}

impl Evaluation<'_> {
    /// What a node comes to. Operators charge what they make on the way; once they are done only
    /// the outcome is charged.
    fn node(&mut self, node: &Node) -> Result<Evaluated, EvalError> {
        let before = self.charge.bytes();
        let (rest, found) = match node {
            Node::Leaf(index) => return Ok(Evaluated::Matrix(self.leaf(*index)?)),
            Node::Scalar(value) => return Ok(Evaluated::Scalar(*value)),
            Node::VectorOf(value) => {
                self.charge.room_for(self.steps.count * POINT_BYTES)?;
                let points = vec![Some(*value); self.steps.count];
                let series = vec![Series {
                    labels: Labels::empty(),
                    points,
                }];
                let ordered = false;
                (before, Evaluated::Matrix(Matrix { series, ordered }))
            }
            Node::Vector {
                op,
                param,
                grouping,
                inner,
            } => {
                let matrix = self.matrix(inner)?;
                let rest = self.charge.bytes().saturating_sub(matrix.memory_bytes());
                let (grouping, steps) = (grouping.as_ref(), self.steps.count);
                let found = vector::aggregate(*op, *param, grouping, matrix, steps, self.charge)?;
                (rest, Evaluated::Matrix(found))
            }
            Node::Binary {
                op,
                return_bool,
                matching,
                left,
                right,
            } => {
                let (left, right) = (self.node(left)?, self.node(right)?);
                let operator = Operator {
                    op: *op,
                    return_bool: *return_bool,
                    matching: matching.as_ref(),
                };
                let operands = left.memory_bytes() + right.memory_bytes();
                let rest = self.charge.bytes().saturating_sub(operands);
                let found = binary(operator, left, right, self.steps.count, self.charge)?;
                (rest, found)
            }
            Node::LabelReplace {
                inner,
                dst,
                replacement,
                src,
                regex,
            } => {
                let matrix = self.matrix(inner)?;
                let rest = self.charge.bytes().saturating_sub(matrix.memory_bytes());
                let found = label_replace(matrix, (dst, replacement), (src, regex), self.charge)?;
                (rest, Evaluated::Matrix(found))
            }
        };
        self.charge
            .cover(rest.saturating_add(found.memory_bytes()))?;
        Ok(found)
    }

    fn leaf(&mut self, index: usize) -> Result<Matrix, Stop> {
        self.uses[index] -= 1;
        if self.uses[index] == 0 {
            return Ok(std::mem::take(&mut self.leaves[index]));
        }
        self.charge.add(self.leaves[index].memory_bytes())?;
        Ok(self.leaves[index].clone())
    }

    fn matrix(&mut self, node: &Node) -> Result<Matrix, EvalError> {
        match self.node(node)? {
            Evaluated::Matrix(matrix) => Ok(matrix),
            Evaluated::Scalar(value) => {
                let text = format!("a number ({value}) can't be aggregated");
                Err(EvalError::Invalid(text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::check::{grid, shown};
    use crate::typed::{Options, Query, compile};

    /// Evaluates a query over the series each of its leaves is said to have, on three steps.
    fn run(text: &str, leaves: &[&[&str]]) -> Result<Evaluated, EvalError> {
        let expr = crate::parse(text).expect("query parses");
        let Query::Metric(query) = compile(&expr, &Options::default()).expect("query compiles")
        else {
            panic!("{text} is a log query")
        };
        assert_eq!(query.leaves.len(), leaves.len(), "leaves of {text}");
        let steps = Steps {
            start: 0,
            step: 60,
            count: 3,
        };
        let leaves = leaves.iter().zip(&query.leaves);
        let leaves = leaves.map(|(lines, leaf)| LeafSeries {
            matrix: grid(lines),
            absent_labels: leaf.labels_where_absent(),
        });
        evaluate(
            &query.root,
            leaves.collect(),
            &steps,
            &mut Charge::default(),
        )
    }

    fn check(text: &str, leaves: &[&[&str]], expected: &[&str]) {
        match run(text, leaves).expect("query evaluates") {
            Evaluated::Matrix(matrix) => assert_eq!(shown(&matrix), expected, "{text}"),
            Evaluated::Scalar(value) => assert_eq!([value.to_string()], expected, "{text}"),
        }
    }

    const SERIES: &[&str] = &[
        r#"{app="b"} 4 _ 8"#,
        r#"{app="a", pod="1"} 1 2 3"#,
        r#"{app="a"} 10 20 _"#,
    ];

    #[test]
    fn leaves_are_taken_in_order_of_labels() {
        let sorted = [
            r#"{app="a"} 10 20 _"#,
            r#"{app="a", pod="1"} 1 2 3"#,
            r#"{app="b"} 4 _ 8"#,
        ];
        check(r#"rate({x="y"}[1m])"#, &[SERIES], &sorted);
    }

    #[test]
    fn equal_values_rank_by_labels() {
        let ties: &[&str] = &[
            r#"{app="c"} 1 1 1"#,
            r#"{app="a"} 1 1 1"#,
            r#"{app="b"} 1 1 1"#,
        ];
        check(
            r#"bottomk(2, rate({x="y"}[1m]))"#,
            &[ties],
            &[r#"{app="a"} 1 1 1"#, r#"{app="b"} 1 1 1"#],
        );
        check(
            r#"topk(1, rate({x="y"}[1m]))"#,
            &[ties],
            &[r#"{app="a"} 1 1 1"#],
        );
    }

    #[test]
    fn a_leaf_used_twice_is_there_twice() {
        check(
            r#"rate({x="y"}[1m]) - rate({x="y"}[1m])"#,
            &[SERIES],
            &[
                r#"{app="a"} 0 0 _"#,
                r#"{app="a", pod="1"} 0 0 0"#,
                r#"{app="b"} 0 _ 0"#,
            ],
        );
    }

    #[test]
    fn the_dashboard_idiom_fills_gaps_with_zero() {
        check(
            r#"sum(rate({x="y"}[1m])) or vector(0)"#,
            &[&["{} 5 _ 6"]],
            &["{} 5 0 6"],
        );
        check(
            r#"sum(rate({x="y"}[1m])) or vector(0)"#,
            &[&[]],
            &["{} 0 0 0"],
        );
    }

    #[test]
    fn operators_nest() {
        check(
            r#"max by (app) (rate({x="y"}[1m]) * 2 > 5)"#,
            &[SERIES],
            &[r#"{app="a"} 20 40 6"#, r#"{app="b"} 8 _ 16"#],
        );
        check(r#"1 + 2 * 3"#, &[], &["7"]);
        check(r#"1 + vector(1)"#, &[], &["{} 2 2 2"]);
        check(r#"vector(1) > 2"#, &[], &[]);
        check(r#"vector(0) or vector(1)"#, &[], &["{} 0 0 0"]);
        check(
            r#"sum by (z) (label_replace(rate({x="y"}[1m]), "z", "same", "app", ".*"))"#,
            &[SERIES],
            &[r#"{z="same"} 15 22 11"#],
        );
    }

    #[test]
    fn absence_is_a_series_of_ones() {
        let present: &[&str] = &["{} 4 _ 8"];
        check(
            r#"absent_over_time({x="y"}[1m])"#,
            &[present],
            &[r#"{x="y"} _ 1 _"#],
        );
        check(
            r#"absent_over_time({x="y"}[1m]) * 2"#,
            &[&[]],
            &[r#"{x="y"} 2 2 2"#],
        );
    }

    #[test]
    fn a_failure_inside_is_the_failure_of_the_whole() {
        let many: &[&str] = &[r#"{app="a", pod="1"} 1 1 1"#, r#"{app="a", pod="2"} 1 1 1"#];
        let found = run(
            r#"sum(rate({x="y"}[1m]) / on(app) rate({x="z"}[1m]))"#,
            &[many, &[r#"{app="a"} 1 1 1"#]],
        );
        let expected = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
        assert_eq!(found, Err(EvalError::Invalid(expected.to_owned())));
    }
}

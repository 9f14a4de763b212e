//! Walks a typed expression once its leaves are known.

use super::binary::{Operator, binary};
use super::grouping::order_key;
use super::{EvalError, Evaluated, Matrix, Series, Steps, absent, label_replace, vector};
use crate::ast::RangeOp;
use crate::typed::{Leaf, Node};
use skald_model::Labels;

/// Evaluates an expression once its leaves are known (`leaves[i]` belongs to `Leaf` number `i`).
pub fn evaluate(root: &Node, leaves: Vec<Matrix>, specs: &[Leaf], steps: &Steps) -> Result<Evaluated, EvalError> {
    let mut uses = vec![0; leaves.len()];
    count_uses(root, &mut uses);
    let leaves = leaves.into_iter().zip(specs).map(|(mut matrix, leaf)| match leaf.spec.op {
        RangeOp::AbsentOverTime => absent::absent(&matrix, &leaf.absent_labels, steps.count),
        _ => {
            // Threads find series in any order: sorted, equal values rank and sums round the same each time.
            matrix.series.sort_by_cached_key(|series| order_key(&series.labels));
            matrix
        }
    });
    Evaluation { leaves: leaves.collect(), uses, steps: *steps }.node(root)
}

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
struct Evaluation {
    leaves: Vec<Matrix>,
    uses: Vec<usize>,
    steps: Steps,
}

impl Evaluation {
    fn node(&mut self, node: &Node) -> Result<Evaluated, EvalError> {
        Ok(match node {
            Node::Leaf(index) => Evaluated::Matrix(self.leaf(*index)),
            Node::Scalar(value) => Evaluated::Scalar(*value),
            Node::VectorOf(value) => {
                let points = vec![Some(*value); self.steps.count];
                Evaluated::Matrix(Matrix { series: vec![Series { labels: Labels::empty(), points }], ordered: false })
            }
            Node::Vector { op, param, grouping, inner } => {
                let matrix = self.matrix(inner)?;
                Evaluated::Matrix(vector::aggregate(*op, *param, grouping.as_ref(), matrix, self.steps.count))
            }
            Node::Binary { op, return_bool, matching, left, right } => {
                let (left, right) = (self.node(left)?, self.node(right)?);
                let operator = Operator { op: *op, return_bool: *return_bool, matching: matching.as_ref() };
                binary(operator, left, right, self.steps.count)?
            }
            Node::LabelReplace { inner, dst, replacement, src, regex } => {
                let matrix = self.matrix(inner)?;
                Evaluated::Matrix(label_replace::label_replace(matrix, dst, replacement, src, regex))
            }
        })
    }

    fn leaf(&mut self, index: usize) -> Matrix {
        self.uses[index] -= 1;
        if self.uses[index] == 0 { std::mem::take(&mut self.leaves[index]) } else { self.leaves[index].clone() }
    }

    fn matrix(&mut self, node: &Node) -> Result<Matrix, EvalError> {
        match self.node(node)? {
            Evaluated::Matrix(matrix) => Ok(matrix),
            Evaluated::Scalar(value) => Err(EvalError(format!("a number ({value}) can't be aggregated"))),
        }
    }
}

//! Binary operators compute with numbers, and with series and numbers.

use super::{EvalError, Evaluated, Matrix, matching};
use crate::ast::{BinaryOp, VectorMatching};
use skald_model::Charge;

/// An operator with its modifiers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operator<'a> {
    /// Which.
    pub(super) op: BinaryOp,
    /// `bool`
    pub(super) return_bool: bool,
    /// `on`, `ignoring`, `group_left`, `group_right`.
    pub(super) matching: Option<&'a VectorMatching>,
}

/// Applies an operator to what its operands came to.
pub(super) fn binary(
    operator: Operator<'_>,
    left: Evaluated,
    right: Evaluated,
    steps: usize,
    charge: &mut Charge,
) -> Result<Evaluated, EvalError> {
    charge.work(left.memory_bytes() + right.memory_bytes())?;
    if operator.op.is_set() {
        return match (left, right) {
            (Evaluated::Matrix(left), Evaluated::Matrix(right)) => Ok(Evaluated::Matrix(
                matching::set_operation(operator, left, right, steps, charge)?,
            )),
            (Evaluated::Scalar(value), _) => Err(unexpected_literal("left", operator.op, value)),
            (_, Evaluated::Scalar(value)) => Err(unexpected_literal("right", operator.op, value)),
        };
    }
    Ok(match (left, right) {
        (Evaluated::Scalar(a), Evaluated::Scalar(b)) => {
            Evaluated::Scalar(numbers(operator.op, a, b))
        }
        (Evaluated::Scalar(a), Evaluated::Matrix(matrix)) => {
            Evaluated::Matrix(map(matrix, |value| operator.apply(a, value, value)))
        }
        (Evaluated::Matrix(matrix), Evaluated::Scalar(b)) => {
            Evaluated::Matrix(map(matrix, |value| operator.apply(value, b, value)))
        }
        (Evaluated::Matrix(left), Evaluated::Matrix(right)) => {
            Evaluated::Matrix(matching::combine(operator, left, right, steps, charge)?)
        }
    })
}

/// Loki's words for a number where only series make sense.
pub(crate) fn unexpected_literal(side: &str, op: BinaryOp, value: f64) -> EvalError {
    EvalError::Invalid(format!(
        "unexpected literal for {side} leg of logical/set binary operation ({}): {value:.6}",
        op.as_str()
    ))
}

/// The value of an operator between two numbers; comparisons give 0 and 1.
pub(crate) fn numbers(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        // Dividing by zero is not a number rather than infinite.
        BinaryOp::Div if b == 0.0 => f64::NAN,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Equal => f64::from(a == b),
        BinaryOp::NotEqual => f64::from(a != b),
        BinaryOp::Greater => f64::from(a > b),
        BinaryOp::GreaterEqual => f64::from(a >= b),
        BinaryOp::Less => f64::from(a < b),
        BinaryOp::LessEqual => f64::from(a <= b),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => f64::NAN,
    }
}

impl Operator<'_> {
    /// The point of `a op b`; where a comparison filters, `kept` is what passes.
    #[inline]
    pub(super) fn apply(&self, a: f64, b: f64, kept: f64) -> Option<f64> {
        let value = numbers(self.op, a, b);
        if self.op.is_comparison() && !self.return_bool {
            (value != 0.0).then_some(kept)
        } else {
            Some(value)
        }
    }
}

/// Every point through `f`; series that lose all points are left out.
fn map(mut matrix: Matrix, f: impl Fn(f64) -> Option<f64>) -> Matrix {
    for series in &mut matrix.series {
        for point in &mut series.points {
            *point = point.and_then(&f);
        }
    }
    matrix
        .series
        .retain(|series| series.points.iter().any(Option::is_some));
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::check::{grid, shown};

    const SERIES: &[&str] = &[r#"{app="a"} 1 2 _"#, r#"{app="b"} 3 0 5"#];

    fn of(op: BinaryOp, return_bool: bool) -> Operator<'static> {
        Operator {
            op,
            return_bool,
            matching: None,
        }
    }

    fn check(operator: Operator<'_>, left: Evaluated, right: Evaluated, expected: &[&str]) {
        match binary(operator, left, right, 3, &mut Charge::default()).expect("operation is valid")
        {
            Evaluated::Matrix(found) => assert_eq!(shown(&found), expected, "{operator:?}"),
            Evaluated::Scalar(value) => assert_eq!([value.to_string()], expected, "{operator:?}"),
        }
    }

    fn series() -> Evaluated {
        Evaluated::Matrix(grid(SERIES))
    }

    #[test]
    fn numbers_compare_to_zero_and_one() {
        for (op, expected) in [
            (BinaryOp::Add, "9"),
            (BinaryOp::Div, "3.5"),
            (BinaryOp::Mod, "1"),
            (BinaryOp::Pow, "49"),
            (BinaryOp::Greater, "1"),
            (BinaryOp::LessEqual, "0"),
        ] {
            check(
                of(op, false),
                Evaluated::Scalar(7.0),
                Evaluated::Scalar(2.0),
                &[expected],
            );
        }
    }

    #[test]
    fn dividing_by_zero_is_not_a_number() {
        assert!(
            numbers(BinaryOp::Div, 1.0, 0.0).is_nan() && numbers(BinaryOp::Mod, 1.0, 0.0).is_nan()
        );
        check(
            of(BinaryOp::Div, false),
            Evaluated::Scalar(6.0),
            series(),
            &[r#"{app="a"} 6 3 _"#, r#"{app="b"} 2 NaN 1.2"#],
        );
    }

    #[test]
    fn comparisons_with_a_number_keep_the_value_of_the_series() {
        check(
            of(BinaryOp::Greater, false),
            series(),
            Evaluated::Scalar(2.0),
            &[r#"{app="b"} 3 _ 5"#],
        );
        check(
            of(BinaryOp::Less, false),
            Evaluated::Scalar(2.0),
            series(),
            &[r#"{app="b"} 3 _ 5"#],
        );
        check(
            of(BinaryOp::Greater, true),
            series(),
            Evaluated::Scalar(2.0),
            &[r#"{app="a"} 0 0 _"#, r#"{app="b"} 1 0 1"#],
        );
    }

    #[test]
    fn set_operators_refuse_numbers() {
        let error = binary(
            of(BinaryOp::Or, false),
            Evaluated::Scalar(1.0),
            series(),
            3,
            &mut Charge::default(),
        )
        .expect_err("a number is no set");
        assert_eq!(
            error.to_string(),
            "unexpected literal for left leg of logical/set binary operation (or): 1.000000"
        );
    }
}

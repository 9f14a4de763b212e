//! `absent_over_time` gives 1 at each step whose window holds no sample of any series.

use super::{Matrix, Series};
use skald_model::Labels;

/// One series of those steps, or none when there is a sample at every step.
pub(super) fn absent(matrix: &Matrix, labels: &Labels, steps: usize) -> Matrix {
    let mut points = vec![Some(1.0); steps];
    for series in &matrix.series {
        for (point, sample) in points.iter_mut().zip(&series.points) {
            if sample.is_some() {
                *point = None;
            }
        }
    }
    let any = points.iter().any(Option::is_some);
    let series = any.then(|| Series {
        labels: labels.clone(),
        points,
    });
    Matrix {
        series: series.into_iter().collect(),
        ordered: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::check::{grid, shown};

    fn check(input: &[&str], expected: &[&str]) {
        assert_eq!(
            shown(&absent(
                &grid(input),
                &Labels::from_pairs([("app", "x")]),
                3
            )),
            expected
        );
    }

    #[test]
    fn a_sample_of_any_series_is_presence() {
        check(&[], &[r#"{app="x"} 1 1 1"#]);
        check(
            &["{a=\"1\"} 5 _ _", "{a=\"2\"} _ 0 _"],
            &[r#"{app="x"} _ _ 1"#],
        );
        check(&["{} 1 1 1"], &[]);
    }
}

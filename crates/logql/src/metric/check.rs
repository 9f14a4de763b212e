//! Test helpers write matrices as text: a line per series, `{labels} value value …`, `_` for a gap.

use super::{Matrix, Series};
use skald_model::Labels;

/// Reads lines of series.
pub(super) fn grid(lines: &[&str]) -> Matrix {
    let series = lines.iter().map(|line| {
        let (labels, values) = line.split_once('}').expect("labels end with a brace");
        let pairs = labels
            .trim_start_matches('{')
            .split(", ")
            .filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').expect("a label has a value"));
        let points = values
            .split_whitespace()
            .map(|v| (v != "_").then(|| v.parse().expect("a value is a number")));
        Series {
            labels: Labels::from_pairs(pairs.map(|(n, v)| (n, v.trim_matches('"')))),
            points: points.collect(),
        }
    });
    Matrix {
        series: series.collect(),
        ordered: false,
    }
}

/// Writes series as [`grid`] reads them.
pub(super) fn shown(matrix: &Matrix) -> Vec<String> {
    let point = |p: &Option<f64>| p.map_or("_".to_owned(), |v| v.to_string());
    let line = |s: &Series| {
        format!(
            "{} {}",
            s.labels,
            s.points.iter().map(point).collect::<Vec<_>>().join(" ")
        )
    };
    matrix.series.iter().map(line).collect()
}

/// Whether two points are the same to nine digits.
pub(super) fn close(found: Option<f64>, expected: Option<f64>) -> bool {
    match (found, expected) {
        (Some(a), Some(b)) => {
            a == b
                || (a.is_nan() && b.is_nan())
                || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-3)
        }
        _ => found.is_none() && expected.is_none(),
    }
}

//! Answers against those a script expects, and both as text.

use super::{Ask, Eval, Expected, Pairs, Row};

/// How far apart equal numbers may be, relative to their size: sums in another order.
const TOLERANCE: f64 = 1e-9;

/// Names a question that was answered otherwise.
pub(super) fn describe(eval: &Eval, why: &str) -> String {
    format!("line {}: {}\n{why}", eval.at_line, eval.query)
}

/// Compares what came back, or the error's text, with what a script expects; an error shows both.
pub(super) fn judge(eval: &Eval, found: Result<Vec<Row>, String>) -> Result<(), String> {
    match (found, &eval.expected) {
        (Err(found), Expected::Failure(part)) if found.contains(part.as_str()) => Ok(()),
        (Err(found), expected) => Err(format!(
            "  failed: {found}\n  expected {}",
            show_expected(expected)
        )),
        (Ok(rows), Expected::Failure(part)) => Err(format!(
            "  found {}\n  expected fail {part:?}",
            show_rows(&rows)
        )),
        (Ok(found), Expected::Rows(expected)) => {
            let ordered = matches!(eval.ask, Ask::Instant { ordered: true, .. } | Ask::Log(_));
            let (found, expected) = if ordered {
                (found, expected.clone())
            } else {
                (sorted(found), sorted(expected.clone()))
            };
            if found.len() == expected.len()
                && found.iter().zip(&expected).all(|(a, b)| same_row(a, b))
            {
                return Ok(());
            }
            Err(format!(
                "  found{}\n  expected{}",
                show_rows(&found),
                show_rows(&expected)
            ))
        }
    }
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| match row {
        Row::Series(labels, _) => labels.clone(),
        Row::Scalar(_) | Row::Entry { .. } => Pairs::new(),
    });
    rows
}

fn same_row(a: &Row, b: &Row) -> bool {
    match (a, b) {
        (Row::Scalar(x), Row::Scalar(y)) => same_number(*x, *y),
        (Row::Series(a, x), Row::Series(b, y)) => {
            let same = |(x, y): (&Option<f64>, &Option<f64>)| match (x, y) {
                (Some(x), Some(y)) => same_number(*x, *y),
                (None, None) => true,
                _ => false,
            };
            a == b && x.len() == y.len() && x.iter().zip(y).all(same)
        }
        (
            Row::Entry {
                labels,
                line,
                offset,
            },
            Row::Entry {
                labels: labels2,
                line: line2,
                offset: offset2,
            },
        ) => labels == labels2 && line == line2 && offset == offset2,
        _ => false,
    }
}

fn same_number(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
}

fn show_expected(expected: &Expected) -> String {
    match expected {
        Expected::Failure(part) => format!("fail {part:?}"),
        Expected::Rows(rows) => show_rows(rows),
    }
}

fn show_rows(rows: &[Row]) -> String {
    if rows.is_empty() {
        return " nothing".to_owned();
    }
    rows.iter()
        .map(|row| format!("\n    {}", show_row(row)))
        .collect()
}

fn show_row(row: &Row) -> String {
    let labels = |pairs: &Pairs| {
        let inner: Vec<String> = pairs.iter().map(|(n, v)| format!("{n}={v:?}")).collect();
        format!("{{{}}}", inner.join(", "))
    };
    match row {
        Row::Scalar(value) => value.to_string(),
        Row::Series(pairs, values) => {
            let values: Vec<String> = values
                .iter()
                .map(|v| v.map_or("_".to_owned(), |v| v.to_string()))
                .collect();
            format!("{} {}", labels(pairs), values.join(" "))
        }
        Row::Entry {
            labels: pairs,
            line,
            offset,
        } => {
            let mut parts = Vec::new();
            parts.extend(pairs.as_ref().map(labels));
            parts.extend(
                line.as_ref()
                    .map(|line| format!("{:?}", String::from_utf8_lossy(line))),
            );
            parts.extend(offset.map(|offset| format!("@ {}ms", offset / 1_000_000)));
            parts.join(" ")
        }
    }
}

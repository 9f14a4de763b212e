//! The lines behind an alert: what its query counts, with the labels that the alert has.

use skald_logql::syntax::print_log;
use skald_model::labels::write_quoted;
use skald_model::{Labels, TimeRange};
use skald_query::Parsed;

/// A log query that gives the lines behind a series of a metric query at an instant, and the times
/// it reads: those of the query's first window. `None` when the query reads no lines.
pub(crate) fn lines_behind(query: &str, labels: &Labels, at: i64) -> Option<(String, TimeRange)> {
    let parsed = Parsed::parse(query).ok()?;
    let window = parsed.reads().first()?.window?;
    let mut log = print_log(&window.log);
    for (name, value) in labels.iter().filter(|(name, _)| *name != "__name__") {
        log.push_str(" | ");
        log.push_str(name);
        log.push('=');
        write_quoted(&mut log, value).ok()?;
    }
    let end = at.saturating_sub(window.offset);
    // A window ends with its instant, the range of a log query before its end.
    let range = TimeRange {
        start: end.saturating_sub(window.range).saturating_add(1),
        end: end.saturating_add(1),
    };
    Some((log, range))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn lines_are_those_of_the_first_window_with_the_labels_of_the_series() {
        let check = |query: &str, expected: Option<(&str, i64, i64)>| {
            let labels = Labels::from_pairs([("user", "a\"b")]);
            let found = lines_behind(query, &labels, 600 * SECOND);
            let found = found.map(|(log, range)| (log, range.start - 1, range.end - 1));
            let expected =
                expected.map(|(log, start, end)| (log.to_owned(), start * SECOND, end * SECOND));
            assert_eq!(found, expected, "{query}");
        };
        check(
            "sum by (user) (count_over_time({a=\"b\"} |= \"x\" | json [5m])) > 20",
            Some(("{a=\"b\"} |= \"x\" | json | user=\"a\\\"b\"", 300, 600)),
        );
        check(
            "max by (user) (max_over_time({a=\"b\"} | unwrap x [1m] offset 2m)) / 2",
            Some(("{a=\"b\"} | user=\"a\\\"b\"", 420, 480)),
        );
        check("vector(1)", None);
    }
}

//! Answers from columns of values are those of lines: from the head, from parts, and from parts
//! that were merged.

mod lines;
mod questions;

use crate::support;
use crate::support::open;
use lines::{METADATA, STREAMS, case, line};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use questions::{Ask, Shown};
use skald_fields::Form;
use skald_model::{ContentQuery, TenantId, TimeRange};
use skald_store::{Select, Store};
use std::cell::Cell;
use std::sync::Arc;

const MS: i64 = 1_000_000;
/// Milliseconds between two entries: no two have one time, so that every order is the same
/// everywhere.
const STEP: i64 = 250;
/// Most entries of a case.
const ENTRIES_MAX: usize = 140;
const LAST: i64 = STEP * ENTRIES_MAX as i64;
/// Entries that are pushed once more after a flush.
const REPEATED: usize = 9;

/// An entry as it is pushed.
#[derive(Clone, Copy)]
struct Pushed<'a> {
    /// Tells its time.
    number: usize,
    stream: usize,
    metadata: &'a [(&'a str, &'a str)],
    line: &'a str,
}

fn push(store: &Store, entries: &[Pushed<'_>]) {
    let entry = |entry: &Pushed<'_>| {
        let time = entry.number as i64 * STEP * MS;
        let pushed = support::Pushed::new(STREAMS[entry.stream], time, entry.line);
        let metadata = entry.metadata.iter();
        metadata.fold(pushed, |pushed, (name, value)| pushed.metadata(name, value))
    };
    let entries: Vec<support::Pushed> = entries.iter().map(entry).collect();
    support::push(store, &TenantId::fake(), &entries);
}

/// Whether columns answer for all lines of some block, and for some of another.
fn has_columns(store: &Store) -> (bool, bool) {
    let select = Select {
        matchers: &[],
        range: TimeRange::ALL,
        content: &ContentQuery::default(),
    };
    let selected = store
        .select(&TenantId::fake(), &select)
        .expect("the store can be read");
    let forms = [Form::Json, Form::Logfmt].into_iter();
    let residual: Vec<Vec<u32>> = forms
        .flat_map(|form| {
            selected
                .pieces
                .iter()
                .map(move |piece| piece.residual_rows(form, &[]))
        })
        .filter_map(|rows| rows.expect("the part is whole"))
        .collect();
    let all = residual.iter().any(Vec::is_empty);
    (all, residual.iter().any(|rows| !rows.is_empty()))
}

/// Compares answers from a head, from its part, from two parts and a head that share entries, and
/// from these merged.
fn check(
    entries: &[Pushed<'_>],
    split: usize,
    asks: &[(&Ask, String)],
) -> Result<Arc<Store>, TestCaseError> {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("there is room for a test"));
    let (whole, parts) = (open(folders[0].path()), open(folders[1].path()));
    push(&whole, entries);
    let expected: Vec<Shown> = asks
        .iter()
        .map(|(ask, query)| ask.of(&whole, query))
        .collect();
    let compare = |store: &Arc<Store>, how: &str| {
        for ((ask, query), expected) in asks.iter().zip(&expected) {
            let found = ask.of(store, query);
            let lines: Vec<&str> = entries.iter().map(|entry| entry.line).collect();
            prop_assert!(
                found.is(expected),
                "{how}: {query}\nfound {found:#?}\nexpected {expected:#?}\nlines {lines:#?}"
            );
        }
        Ok(())
    };
    whole.flush().expect("the disk takes it");
    compare(&whole, "flushed")?;
    push(&parts, &entries[..split]);
    parts.flush().expect("the disk takes it");
    push(&parts, &entries[split.saturating_sub(REPEATED)..]);
    compare(&parts, "flushed in part")?;
    parts.flush().expect("the disk takes it");
    compare(&parts, "in two parts")?;
    parts.compact().expect("the disk takes it");
    compare(&parts, "merged")?;
    Ok(whole)
}

#[test]
fn answers_from_columns_are_those_of_lines() {
    let cases = 32;
    let (all_lines, some_lines) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&case(), |case| {
        let lines: Vec<String> = case
            .entries
            .iter()
            .map(|entry| line(entry, &case))
            .collect();
        let entries = case
            .entries
            .iter()
            .zip(&lines)
            .enumerate()
            .map(|(number, (entry, line))| {
                let metadata = if entry.has_metadata {
                    METADATA[case.metadata]
                } else {
                    &[]
                };
                Pushed {
                    number,
                    stream: entry.stream,
                    metadata,
                    line,
                }
            });
        let entries: Vec<Pushed<'_>> = entries.collect();
        let asks: Vec<(&Ask, String)> = case
            .asks
            .iter()
            .map(|ask| (ask, ask.query(&lines)))
            .collect();
        let flushed = check(&entries, case.split.index(entries.len() + 1), &asks)?;
        let (all, some) = has_columns(&flushed);
        all_lines.set(all_lines.get() + u32::from(all));
        some_lines.set(some_lines.get() + u32::from(some));
        Ok(())
    });
    if let Err(why) = outcome {
        panic!("{why}");
    }
    let found = (all_lines.get(), some_lines.get());
    assert!(
        found.0 * 4 > cases && found.1 > 0,
        "of {cases} cases, columns answered for all and for some lines in {found:?}"
    );
}

#[test]
fn fields_that_meet_under_one_name_are_all_found() {
    // In a stream with `level` that field is `level_extracted`, which other lines have themselves.
    let line = |n: usize| match n % 3 {
        0 => format!(r#"{{"level":{n}}}"#),
        1 => format!(r#"{{"level_extracted":{n}}}"#),
        _ => format!(r#"{{"level_extracted":{n},"level":7}}"#),
    };
    let lines: Vec<String> = (0..60).map(line).collect();
    let shapes = [
        "sum (sum_over_time({app=~\".+\"} | json | unwrap level_extracted [RANGE]))",
        "sum by (level, level_extracted) (count_over_time({app=~\".+\"} | json [RANGE]))",
        "{app=~\".+\"} | json | level_extracted < 30",
    ];
    check_shapes(&lines, &shapes);
}

#[test]
fn a_field_named_as_the_error_is_no_error() {
    let line = |n: usize| format!("__error__={} user=u{}", n % 60, n % 7);
    let lines: Vec<String> = (0..120).map(line).collect();
    let shapes = [
        "sum (count_over_time({app=~\".+\"} | logfmt | __error__ < 30 [RANGE]))",
        "sum by (__error__) (count_over_time({app=~\".+\"} | logfmt [RANGE]))",
        "sum by (user) (count_over_time({app=~\".+\"} | logfmt | __error__=\"\" [RANGE]))",
        "{app=~\".+\"} | logfmt | __error__ >= 30 | user=\"u1\"",
        "{app=~\".+\"} | logfmt | __error__!=\"\"",
        "sum by (user) (sum_over_time({app=~\".+\"} | logfmt | unwrap __error__ | __error__=\"\" [RANGE]))",
        "count_distinct(__error__, {app=~\".+\"} | logfmt [RANGE]) by (user)",
    ];
    check_shapes(&lines, &shapes);
}

/// Asks queries over the whole range of lines that go to two streams in turn.
fn check_shapes(lines: &[String], shapes: &[&'static str]) {
    let entries: Vec<Pushed<'_>> = lines
        .iter()
        .enumerate()
        .map(|(number, line)| Pushed {
            number,
            stream: number % 2,
            metadata: &[],
            line,
        })
        .collect();
    let ask = |shape: &&'static str| Ask {
        shape,
        range: LAST,
        grid: (LAST, LAST),
        limit: 1_000,
        ..Ask::default()
    };
    let asks: Vec<Ask> = shapes.iter().map(ask).collect();
    let asks: Vec<(&Ask, String)> = asks.iter().map(|ask| (ask, ask.query(lines))).collect();
    if let Err(why) = check(&entries, 30, &asks) {
        panic!("{why}");
    }
}

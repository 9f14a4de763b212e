//! The work of a line depends on its own names: lines with ever new names cost as much each as the
//! first of them.

use super::*;

/// Comparisons of names while `text` runs over `count` lines, of which `line` writes one, in
/// stretches of 1,000.
fn comparisons(text: &str, count: usize, line: impl Fn(usize) -> String) -> u64 {
    let pipeline = Pipeline::compile(&stages_of(text), &RequiredLabels::All)
        .unwrap_or_else(|e| panic!("{text}: {e}"));
    let stream = Labels::from_pairs([("app", "x")]);
    let mut scratch = Scratch::default();
    for start in (0..count).step_by(1_000) {
        let lines: Vec<String> = (start..count.min(start + 1_000)).map(&line).collect();
        let entries: Vec<Entry<'_>> = lines.iter().map(|l| (&[][..], l.as_bytes())).collect();
        let batch = batch_of(&entries);
        let run = StreamRows {
            batch: &batch,
            rows: 0..batch.len() as u32,
            stream: &stream,
            selection: &Selection::all(batch.len()),
        };
        let ran = pipeline.run(&run, Direction::Forward, &mut scratch, &mut Sorted);
        assert!(ran.is_ok());
    }
    scratch.labels.ranks.borrow().comparisons.get()
}

/// Reads labels and checks their order.
struct Sorted;

impl RowSink for Sorted {
    fn row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
        let mut last = String::new();
        row.labels.for_each(&mut |name, _, _| {
            assert!(last.as_str() < name, "{last} before {name}");
            name.clone_into(&mut last);
        });
        ControlFlow::Continue(())
    }
}

/// Checks that twice the lines are about twice the work: the logarithm of a sort grows by less than
/// a tenth.
fn check_linear(text: &str, line: impl Fn(usize) -> String) {
    let (once, twice) = (
        comparisons(text, 4_000, &line),
        comparisons(text, 8_000, &line),
    );
    assert!(
        twice <= once * 5 / 2,
        "{text}: {once} comparisons, then {twice}"
    );
    assert!(once < 4_000 * 1_000, "{text}: {once} comparisons");
}

fn json(names: impl Iterator<Item = String>) -> String {
    let pairs: Vec<String> = names.map(|name| format!("\"{name}\":1")).collect();
    format!("{{{}}}", pairs.join(","))
}

#[test]
fn ever_new_names_are_linear() {
    let new = |at: usize| (0..10).map(move |i| format!("k{}", at * 10 + i));
    check_linear("| json", |at| json(new(at)));
    check_linear("| logfmt", |at| new(at).map(|name| name + "=1 ").collect());
    check_linear("| logfmt --keep-empty", |at| {
        format!("user {at} logged in, session s{at}")
    });
    check_linear("| json | keep k1", |at| json(new(at)));
    check_linear("| json | line_format `{{.app}}`", |at| json(new(at)));
    check_linear("| unpack", |at| json(new(at)).replace(":1", ":\"1\""));
}

#[test]
fn one_new_name_among_many_that_stay_is_linear() {
    let line = |at: usize| json((0..50).map(|i| format!("s{i}")).chain([format!("k{at}")]));
    check_linear("| json", line);
}

#[test]
fn the_same_few_names_are_soon_sorted_without_comparing_them() {
    let line = |_| json(["c", "a", "b"].into_iter().map(str::to_owned));
    let first = comparisons("| json", 10, line);
    assert_eq!(comparisons("| json", 5_000, line), first);
}

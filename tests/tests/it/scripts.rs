//! Every script of `tests/scripts`, on data in each of its states.

use skald_tests::script::{parse, run};
use skald_tests::texts_in;

fn check(state: run::State) {
    let mut wrong = Vec::new();
    for (name, text) in texts_in("scripts", "logql") {
        let script = parse::parse(&text).unwrap_or_else(|why| panic!("{name}: {why}"));
        wrong.extend(
            run::run(&script, state)
                .into_iter()
                .map(|why| format!("{name} {why}")),
        );
    }
    assert!(
        wrong.is_empty(),
        "{} answers are wrong\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

#[test]
fn answers_from_the_head() {
    check(run::State::Head);
}

#[test]
fn answers_from_flushed_data() {
    check(run::State::Flushed);
}

#[test]
fn answers_from_compacted_data() {
    check(run::State::Compacted);
}

#[test]
fn answers_from_data_half_flushed() {
    check(run::State::Mixed);
}

#[test]
fn answers_from_recovered_data() {
    check(run::State::Recovered);
}

#[test]
fn wrong_answers_are_noticed() {
    let check = |answer: &str, wrong: bool| {
        let text = format!("load\n  {{app=\"a\"}} \"x\" @ 1s\n{answer}\n");
        let script = parse::parse(&text).expect("the script is well formed");
        assert_eq!(
            !run::run(&script, run::State::Head).is_empty(),
            wrong,
            "{answer}"
        );
    };
    check("eval lines {app=\"a\"}\n  \"x\"", false);
    check("eval lines {app=\"a\"}\n  \"y\"", true);
    check("eval lines {app=\"a\"}", true);
    check("eval log {app=\"a\"}\n  {app=\"a\"} \"x\" @ 2s", true);
    check("eval labels {app=\"a\"}\n  {app=\"b\"}", true);
    check(
        "eval instant at 2s sum(count_over_time({app=\"a\"}[2s]))\n  {} 2",
        true,
    );
    check(
        "eval instant at 2s sum(count_over_time({app=\"a\"}[2s]))\n  fail \"x\"",
        true,
    );
    check("eval instant at 2s sum(\n  fail \"no such message\"", true);
    check(
        "eval range from 0s to 2s step 1s count_over_time({app=\"a\"}[1s])\n  {app=\"a\"} _ 1 _",
        false,
    );
    check(
        "eval range from 0s to 2s step 1s count_over_time({app=\"a\"}[1s])\n  {app=\"a\"} _ 1 1",
        true,
    );
}

#[test]
fn there_are_enough_questions() {
    let count: usize = texts_in("scripts", "logql")
        .iter()
        .map(|(_, text)| parse::parse(text).map_or(0, |script| script.evals.len()))
        .sum();
    assert!(count >= 600, "{count} evaluations");
}

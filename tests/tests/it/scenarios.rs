//! Every scenario of `tests/http`.

use skald_tests::scenario::{Step, parse, run};
use skald_tests::texts_in;

/// Requests with their answers there must be at least.
const SCENARIOS_MIN: usize = 250;

#[test]
fn requests_are_answered_as_the_scenarios_say() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (name, text) in texts_in("http", "http") {
        let file = parse::parse(&text).unwrap_or_else(|why| panic!("{name}: {why}"));
        count += file
            .steps
            .iter()
            .filter(|step| matches!(step, Step::Ask(_)))
            .count();
        wrong.extend(
            run::run(&file)
                .into_iter()
                .map(|why| format!("{name} {why}")),
        );
    }
    assert!(
        wrong.is_empty(),
        "{} of {count} answers are wrong\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
    assert!(count >= SCENARIOS_MIN, "{count} scenarios");
}

#[test]
fn wrong_answers_are_noticed() {
    let check = |answer: &str, wrong: usize| {
        let file = parse::parse(&format!("GET /ready\n{answer}\n")).expect("well formed");
        assert_eq!(run::run(&file).len(), wrong, "{answer}");
    };
    check("  -> 200 text\n    ready", 0);
    check("  -> 200 text\n    steady", 1);
    check("  -> 503", 1);
    check("  < X-Nothing: *\n  -> 200", 1);
}

//! Every scenario of `tests/http`.

use skald_tests::scenario::{Step, parse, run};

/// Requests with their answers there must be at least.
const SCENARIOS_MIN: usize = 250;

/// Scenario files with their texts, sorted by name.
fn files() -> Vec<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("http");
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).expect("the folder of scenarios is there") {
        let path = file.expect("the folder can be listed").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "http")
        {
            let name = path
                .file_name()
                .expect("a file has a name")
                .to_string_lossy()
                .into_owned();
            found.push((
                name,
                std::fs::read_to_string(&path).expect("a scenario is text"),
            ));
        }
    }
    found.sort();
    found
}

#[test]
fn requests_are_answered_as_the_scenarios_say() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (name, text) in files() {
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

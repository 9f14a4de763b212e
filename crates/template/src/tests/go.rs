//! Answers of Go 1.26's text/template with sprig 3.3, asked once and kept in `go.jsonl`.

use super::run;

/// The labels that the questions were asked with, sorted by name.
const LABELS: &[(&str, &str)] = &[
    ("dur", "1m30.5s"),
    ("empty", ""),
    (
        "json",
        r#"{"a":1,"b":{"c":"deep","d":null},"list":[1,"two",true,null,{"k":2.5}],"big":1000000,"s":"x"}"#,
    ),
    ("latency", "0.242"),
    ("level", "error"),
    ("msg", "cache miss"),
    ("name", "zoë Ünïcode"),
    ("path", "/api/v1?q=a b&c=<d>"),
    ("size", "1.5KiB"),
    ("status", "500"),
];

#[test]
fn templates_answer_as_go_does() {
    let mut wrong = Vec::new();
    for case in include_str!("go.jsonl").lines() {
        let case: serde_json::Value = serde_json::from_str(case).expect("a line is a case");
        let text = |key: &str| case[key].as_str().map(str::to_owned);
        let template = text("template").expect("a case has a template");
        let expected = match (text("out"), text("compile").or(text("run"))) {
            (Some(out), _) => Ok(out),
            (None, error) => Err(error.expect("a case has an answer")),
        };
        let found = run(&template, LABELS);
        if found != expected {
            wrong.push(format!(
                "{template}\n  found    {found:?}\n  expected {expected:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

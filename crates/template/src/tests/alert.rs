//! Templates of alerts: the documented answers of Prometheus, kept in `prometheus.jsonl`, and ours.

use crate::{AlertContext, AlertSource, AlertTemplate, Sample, SampleLine};
use proptest::prelude::*;
use skald_model::Labels;
use std::cell::Cell;

const SECOND: i64 = 1_000_000_000;
const NOW: i64 = 1_700_000_000 * SECOND + 123_456_789;

/// Answers by the name of the query; counts questions.
#[derive(Default)]
struct Source {
    asked: Cell<usize>,
}

impl AlertSource for Source {
    fn query(&self, text: &str) -> Result<Vec<Sample>, String> {
        self.asked.set(self.asked.get() + 1);
        let sample = |name: &str, label: &str, value| Sample {
            labels: Labels::from_pairs([("__name__", "metric"), (name, label)]),
            value,
        };
        Ok(match text {
            "one" => vec![sample("instance", "a", 11.0)],
            "two" => vec![sample("instance", "b", 21.0), sample("instance", "a", 11.0)],
            "string" => vec![sample("__value__", "a", 11.0)],
            "many" => vec![sample("instance", "a", 1.0); 1_000],
            "fails" => return Err("parse error: unexpected end".to_owned()),
            _ => Vec::new(),
        })
    }

    fn samples(&self, count: usize) -> Result<Vec<SampleLine>, String> {
        self.asked.set(self.asked.get() + 1);
        let lines = ["third line", "second line", "first line"];
        let line = |(back, line): (usize, &str)| SampleLine {
            timestamp: NOW + (2 - back as i64) * SECOND,
            labels: Labels::from_pairs([("pod", "p")]),
            line: line.to_owned(),
        };
        Ok(lines
            .into_iter()
            .enumerate()
            .map(line)
            .take(count)
            .collect())
    }
}

/// Calls `run` with an alert.
fn with_alert<T>(source: &Source, run: impl FnOnce(&AlertContext<'_>) -> T) -> T {
    let labels = [
        ("instance", "localhost:3000"),
        ("severity", "high"),
        ("a-b", "dash"),
    ];
    run(&AlertContext {
        labels: &Labels::from_pairs(labels),
        external_labels: &Labels::from_pairs([("cluster", "east")]),
        external_url: "http://testhost:9090/path/prefix",
        value: 0.25,
        timestamp: NOW,
        source,
    })
}

/// The value, or the message.
fn run(template: &str) -> Result<String, String> {
    let template = AlertTemplate::parse(template).map_err(|e| e.to_string())?;
    let expanded = with_alert(&Source::default(), |alert| template.try_expand(alert));
    expanded.map_err(|e| e.to_string())
}

#[test]
fn templates_answer_as_in_prometheus() {
    let mut wrong = Vec::new();
    for case in include_str!("prometheus.jsonl").lines() {
        let case: serde_json::Value = serde_json::from_str(case).expect("a line is a case");
        let text = |key: &str| case[key].as_str().map(str::to_owned);
        let template = text("template").expect("a case has a template");
        let expected = match text("out") {
            Some(out) => Ok(out),
            None => Err(text("error").expect("a case has an answer")),
        };
        let found = run(&template);
        if found != expected {
            wrong.push(format!("{template}\n  {found:?}\n  {expected:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_failure_becomes_the_value() {
    let template =
        AlertTemplate::parse("a{{ query `missing` | first }}").expect("it can be parsed");
    let expanded = with_alert(&Source::default(), |alert| template.expand(alert));
    assert_eq!(
        expanded,
        "<error expanding template: template: alert:1:22: executing \"alert\" at <first>: \
         error calling first: first() called on vector with no elements>"
    );
}

#[test]
fn what_would_always_fail_is_found_beforehand() {
    let check = |text: &str| {
        let template = AlertTemplate::parse(text).expect(text);
        template.check().map_err(|error| error.to_string())
    };
    for good in [
        "{{ .Labels.a }}{{ $.Value }}{{ range query `one` }}{{ .Labels.b }}{{ .Value }}{{ end }}",
        "{{ define `x` }}{{ .arg0 }}{{ end }}{{ template `x` (args 1) }}",
        "{{ with $labels }}{{ .anything }}{{ end }}{{ match `a(b)` .ExternalURL }}",
    ] {
        assert_eq!(check(good), Ok(()), "{good}");
    }
    for (bad, expected) in [
        (
            "{{ .labels.a }}",
            "there is no .labels, only .Labels, .ExternalLabels, .ExternalURL, .Value",
        ),
        (
            "{{ range query `x` }}{{ $.Foo }}{{ end }}",
            "there is no .Foo",
        ),
        (
            "{{ if match `a(` .ExternalURL }}{{ end }}",
            "error parsing regexp: missing closing ): `a(`",
        ),
    ] {
        let found = check(bad).expect_err(bad);
        assert!(found.contains(expected), "{bad}: {found}");
    }
    let template = AlertTemplate::parse("{{ query `a` }}{{ if query `b` | first }}{{ end }}");
    let template = template.expect("it can be parsed");
    assert_eq!(template.queries().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn output_and_questions_are_bounded() {
    for (template, expected) in [
        (
            "{{ range query `many` }}{{ range query `many` }}x{{ end }}{{ end }}",
            "template asks more than 20 times",
        ),
        (
            "{{ range query `many` }}{{ printf `%0100d` 1 }}{{ end }}",
            "output exceeds 65536 bytes",
        ),
        (
            "{{ define `x` }}{{ template `x` . }}{{ end }}{{ template `x` . }}",
            "exceeded maximum template depth",
        ),
        (
            "{{ $x := `ab` }}{{ range query `many` }}{{ $x = print $x $x }}{{ end }}",
            "template produces more than",
        ),
    ] {
        let found = run(template).expect_err(template);
        assert!(found.contains(expected), "{template}: {found}");
    }
    let source = Source::default();
    let template = AlertTemplate::parse("{{ range query `many` }}{{ samples 1 }}{{ end }}");
    let template = template.expect("it can be parsed");
    assert!(with_alert(&source, |alert| template.try_expand(alert)).is_err());
    assert_eq!(source.asked.get(), 20);
}

/// Pieces that templates of alerts are made of.
const PIECES: &[&str] = &[
    "{{",
    "}}",
    " ",
    ".",
    ".Labels",
    ".Value",
    ".Line",
    "$",
    "$labels",
    "$value",
    "$x",
    ":=",
    "|",
    "(",
    ")",
    "`one`",
    "`two`",
    "1",
    "-5",
    "1e300",
    "nil",
    "if",
    "else",
    "end",
    "range",
    "with",
    "query",
    "samples",
    "first",
    "value",
    "label",
    "strvalue",
    "sortByLabel",
    "args",
    "reReplaceAll",
    "match",
    "humanize",
    "humanize1024",
    "toDuration",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "toTime",
    "now",
    "parseDuration",
    "stripPort",
    "stripDomain",
    "pathPrefix",
    "graphLink",
    "printf",
    "print",
    "len",
    "index",
    "slice",
    "eq",
    "lt",
    "html",
];

proptest! {
    #[test]
    fn any_pieces_expand(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..24)) {
        for text in [pieces.concat(), format!("{{{{ {} }}}}", pieces.join(" "))] {
            if let Ok(template) = AlertTemplate::parse(&text) {
                let _ = template.check();
                with_alert(&Source::default(), |alert| template.expand(alert));
            }
        }
    }
}

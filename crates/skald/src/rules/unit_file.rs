//! Files of unit tests for rules: promtool's layout, with log lines as input.

use serde::Deserialize;
use skald_logql::ast::Expr;
use skald_logql::syntax::duration::parse_prometheus;
use skald_model::matcher::MatchOp;
use std::collections::BTreeMap;

const MINUTE: i64 = 60_000_000_000;

/// The start of a test that does not say its own.
const START: &str = "2026-01-01T00:00:00Z";

/// A file of tests.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestFile {
    /// Rule files, or directories of such, seen from the file.
    pub(super) rule_files: Vec<String>,
    /// Interval of groups that have none.
    #[serde(default)]
    pub(super) evaluation_interval: Option<Span>,
    /// The tests.
    #[serde(default)]
    pub(super) tests: Vec<Test>,
}

/// Lines, and what is expected of the rules.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    #[serde(default)]
    pub(super) name: String,
    /// Distance of lines.
    #[serde(default)]
    pub(super) interval: Option<Span>,
    #[serde(default)]
    start_timestamp: Option<String>,
    #[serde(default)]
    pub(super) external_labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) external_url: String,
    #[serde(default)]
    pub(super) input_streams: Vec<InputStream>,
    #[serde(default)]
    pub(super) alert_rule_test: Vec<AlertTest>,
    #[serde(default)]
    pub(super) logql_expr_test: Vec<ExprTest>,
}

/// Lines of a stream, or bodies for a receiver.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputStream {
    #[serde(default)]
    pub(super) stream: Option<LabelSet>,
    #[serde(default)]
    pub(super) receiver: Option<String>,
    /// Structured metadata of all its lines.
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) lines: Vec<Option<InputLine>>,
}

/// One line, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum InputLine {
    Text(String),
    Repeated(RepeatedLine),
}

/// A line that comes several times, or at a time of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RepeatedLine {
    pub(super) line: String,
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
    /// Its time; otherwise its place in the list tells.
    #[serde(default)]
    pub(super) at: Option<Span>,
    /// Places in a row at which it comes.
    #[serde(default = "one")]
    pub(super) times: u32,
    /// Copies of it at each.
    #[serde(default = "one")]
    pub(super) count: u32,
}

fn one() -> u32 {
    1
}

/// Which alerts of a name fire at a time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertTest {
    pub(super) eval_time: Span,
    pub(super) alertname: String,
    #[serde(default)]
    pub(super) exp_alerts: Vec<ExpectedAlert>,
}

/// An alert that fires.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedAlert {
    #[serde(default)]
    pub(super) exp_labels: BTreeMap<String, String>,
    /// Not compared when they are not given.
    #[serde(default)]
    pub(super) exp_annotations: Option<BTreeMap<String, String>>,
}

/// What a query gives at a time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExprTest {
    pub(super) expr: String,
    pub(super) eval_time: Span,
    #[serde(default)]
    pub(super) exp_samples: Vec<ExpectedSample>,
}

/// A series of an answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedSample {
    #[serde(default)]
    pub(super) labels: LabelSet,
    pub(super) value: f64,
}

/// A duration in Prometheus' form, with its text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) nanoseconds: i64,
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Span, String> {
        let nanoseconds = parse_prometheus(&text).map_err(|error| error.to_string())?;
        Ok(Span { text, nanoseconds })
    }
}

/// Labels: a map, or a text such as `{app="api"}`; a name before it is `__name__`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "LabelForm")]
pub(super) struct LabelSet(pub(super) BTreeMap<String, String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum LabelForm {
    Map(BTreeMap<String, String>),
    Text(String),
}

impl TryFrom<LabelForm> for LabelSet {
    type Error = String;

    fn try_from(form: LabelForm) -> Result<LabelSet, String> {
        let text = match form {
            LabelForm::Map(labels) => return Ok(LabelSet(labels)),
            LabelForm::Text(text) => text,
        };
        let (name, selector) = match text.find('{') {
            Some(at) => (text[..at].trim(), text[at..].trim()),
            None => (text.trim(), "{}"),
        };
        let mut labels = BTreeMap::new();
        let is_empty = selector
            .trim_matches(|c: char| c == '{' || c == '}' || c.is_whitespace())
            .is_empty();
        if !is_empty {
            let refused = || format!("{text:?} is no set of labels, such as {{app=\"api\"}}");
            let Ok(Expr::Log(log)) = skald_logql::parse(selector) else {
                return Err(refused());
            };
            for matcher in &log.selector.matchers {
                if matcher.op != MatchOp::Equal {
                    return Err(refused());
                }
                labels.insert(matcher.name.clone(), matcher.value.clone());
            }
        }
        if !name.is_empty() {
            labels.insert("__name__".to_owned(), name.to_owned());
        }
        Ok(LabelSet(labels))
    }
}

impl TestFile {
    /// Reads one.
    pub(super) fn read(text: &str) -> Result<TestFile, String> {
        serde_yaml_ng::from_str(text).map_err(|error| error.to_string())
    }

    /// Interval of groups that have none, nanoseconds.
    pub(super) fn interval(&self) -> i64 {
        let own = self.evaluation_interval.as_ref();
        own.map_or(MINUTE, |span| span.nanoseconds)
    }
}

impl Test {
    /// The time of its first lines, nanoseconds since 1970.
    pub(super) fn start(&self) -> Result<i64, String> {
        let text = self.start_timestamp.as_deref().unwrap_or(START);
        let read: jiff::Timestamp = text
            .parse()
            .map_err(|error| format!("start_timestamp {text:?}: {error}"))?;
        i64::try_from(read.as_nanosecond()).map_err(|_| format!("start_timestamp {text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_a_map_or_a_text() {
        let check = |text: &str, expected: &[(&str, &str)]| {
            let read: LabelSet = serde_yaml_ng::from_str(text).expect("labels");
            let own = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
            assert_eq!(read.0, expected.iter().map(own).collect(), "{text}");
        };
        check("{app: api}", &[("app", "api")]);
        check("'{app=\"api\", b=\"c\"}'", &[("app", "api"), ("b", "c")]);
        check(
            "'errors:rate5m{app=\"api\"}'",
            &[("__name__", "errors:rate5m"), ("app", "api")],
        );
        check("x", &[("__name__", "x")]);
        check("'{}'", &[]);
        for wrong in ["'{app=~\"a\"}'", "'{app'"] {
            assert!(
                serde_yaml_ng::from_str::<LabelSet>(wrong).is_err(),
                "{wrong}"
            );
        }
    }
}

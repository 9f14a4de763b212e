//! The subject of a template is what it runs over: a line, or an alert.

use crate::value::{MapKind, Value};
use skald_model::Labels;
use std::rc::Rc;

/// A line with its labels.
pub trait Context {
    /// The value of label `name`; `None` prints as nothing.
    fn label(&self, name: &str) -> Option<&str>;
    /// All labels, for `{{ . }}` and `range`; name and value, sorted by name.
    fn labels(&self) -> Vec<(&str, &str)>;
    /// `__line__`
    fn line(&self) -> &[u8];
    /// `__timestamp__`, nanoseconds since 1970.
    fn timestamp(&self) -> i64;
    /// `now`, nanoseconds since 1970 (given by the caller: this crate has no clock).
    fn now(&self) -> i64;
}

/// An alert whose labels and annotations are expanded.
#[derive(Clone, Copy)]
pub struct AlertContext<'a> {
    /// Labels of the result, before those of the rule: `$labels`.
    pub labels: &'a Labels,
    /// `$externalLabels`
    pub external_labels: &'a Labels,
    /// `$externalURL`; `pathPrefix` is its path.
    pub external_url: &'a str,
    /// `$value`
    pub value: f64,
    /// When the rule is evaluated, in nanoseconds since 1970: `now`.
    pub timestamp: i64,
    /// Where `query` and `samples` ask.
    pub source: &'a dyn AlertSource,
}

/// Data for the templates of an alert. What goes wrong is the text of an error.
pub trait AlertSource {
    /// The result of an instant query at the time of the evaluation, at most some thousand samples.
    fn query(&self, text: &str) -> Result<Vec<Sample>, String>;
    /// Up to `count` of the lines that the alert is about, newest first.
    fn samples(&self, count: usize) -> Result<Vec<SampleLine>, String>;
}

/// A sample of a query's result.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// `.Labels`
    pub labels: Labels,
    /// `.Value`
    pub value: f64,
}

/// A line behind an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleLine {
    /// `.Timestamp`, nanoseconds since 1970.
    pub timestamp: i64,
    /// `.Labels`
    pub labels: Labels,
    /// `.Line`
    pub line: String,
}

/// What a template runs over.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    Entry(&'a dyn Context),
    Alert(&'a AlertContext<'a>),
}

impl<'a> Subject<'a> {
    /// The line; a blank one for an alert.
    pub(crate) fn entry(self) -> &'a dyn Context {
        match self {
            Subject::Entry(entry) => entry,
            Subject::Alert(_) => &NoEntry,
        }
    }
}

/// The fields that the dot of an alert's template has.
pub(crate) const ALERT_FIELDS: [&str; 4] = ["Labels", "ExternalLabels", "ExternalURL", "Value"];

/// The variables that hold the same.
pub(crate) const ALERT_VARIABLES: &[&str] =
    &["$labels", "$externalLabels", "$externalURL", "$value"];

impl<'a> AlertContext<'a> {
    /// The fields of the dot.
    pub(crate) fn fields(&self) -> Vec<(&'static str, Value<'a>)> {
        let values = [
            texts(self.labels),
            texts(self.external_labels),
            Value::text(self.external_url),
            Value::Float(self.value),
        ];
        ALERT_FIELDS.into_iter().zip(values).collect()
    }
}

/// Labels as a map.
pub(crate) fn texts<'a>(labels: &Labels) -> Value<'a> {
    let pair = |(name, value): (&str, &str)| (name.as_bytes().to_vec(), Value::owned(value));
    let pairs: Rc<[_]> = labels.iter().map(pair).collect();
    Value::Map(pairs, MapKind::Text)
}

struct NoEntry;

impl Context for NoEntry {
    fn label(&self, _: &str) -> Option<&str> {
        None
    }

    fn labels(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn line(&self) -> &[u8] {
        b""
    }

    fn timestamp(&self) -> i64 {
        0
    }

    fn now(&self) -> i64 {
        0
    }
}

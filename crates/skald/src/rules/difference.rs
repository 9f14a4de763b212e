//! Differences between what a unit test expects and what its rules gave, as a person reads them.

use super::unit_file::{AlertTest, ExpectedAlert, ExprTest};
use skald_model::Labels;
use skald_ruler::engine::Sample;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Names with values.
type Texts = BTreeMap<String, String>;

/// Values that differ by less than this part of them are one.
const PRECISION: f64 = 1e-9;

/// An alert that fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GotAlert {
    /// Its labels without `alertname`.
    pub(super) labels: Texts,
    pub(super) annotations: Texts,
}

/// Labels as a map, without one of them.
pub(super) fn texts(labels: &Labels, without: &str) -> Texts {
    let others = labels.iter().filter(|(name, _)| *name != without);
    others
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// What differs between alerts.
pub(super) fn of_alerts(check: &AlertTest, got: &[GotAlert]) -> Option<String> {
    let mut left: Vec<&GotAlert> = got.iter().collect();
    let mut said = String::new();
    for expected in &check.exp_alerts {
        let labels = labels_of(expected);
        match left.iter().position(|alert| alert.labels == labels) {
            Some(found) => said += &of_annotations(expected, left.swap_remove(found)),
            None => said += &format!("\n  - expected {}", shown(&labels)),
        }
    }
    left.sort_by(|a, b| a.labels.cmp(&b.labels));
    for alert in left {
        said += &format!("\n  + got      {}", shown(&alert.labels));
        for (name, value) in &alert.annotations {
            said += &format!("\n             {name}: {value:?}");
        }
    }
    let (name, at) = (&check.alertname, &check.eval_time.text);
    let count = |count: usize| match count {
        0 => "none".to_owned(),
        count => count.to_string(),
    };
    let (wanted, found) = (count(check.exp_alerts.len()), count(got.len()));
    (!said.is_empty())
        .then(|| format!("alert {name} at {at}: {wanted} expected to fire, {found} did{said}"))
}

/// The name of the alert may be written among its labels.
fn labels_of(expected: &ExpectedAlert) -> Texts {
    let mut labels = expected.exp_labels.clone();
    labels.remove("alertname");
    labels.retain(|_, value| !value.is_empty());
    labels
}

fn of_annotations(expected: &ExpectedAlert, got: &GotAlert) -> String {
    let Some(wanted) = &expected.exp_annotations else {
        return String::new();
    };
    let mut said = String::new();
    let names = wanted.keys().chain(got.annotations.keys());
    let names: std::collections::BTreeSet<&String> = names.collect();
    for name in names {
        let (wanted, found) = (wanted.get(name), got.annotations.get(name));
        if wanted == found {
            continue;
        }
        for (mark, value) in [("- expected", wanted), ("+ got     ", found)] {
            if let Some(value) = value {
                said += &format!("\n    {mark} {name}: {value:?}");
            }
        }
    }
    match said.is_empty() {
        true => said,
        false => format!("\n    annotations of {}{said}", shown(&got.labels)),
    }
}

/// What differs between samples.
pub(super) fn of_samples(check: &ExprTest, got: Result<Vec<Sample>, String>) -> Option<String> {
    let (expr, at) = (&check.expr, &check.eval_time.text);
    let got = match got {
        Ok(got) => got,
        Err(why) => return Some(format!("{expr} at {at} fails: {why}")),
    };
    let mut left: BTreeMap<Texts, f64> = got
        .into_iter()
        .map(|sample| (texts(&sample.labels, ""), sample.value))
        .collect();
    let mut said = String::new();
    for expected in &check.exp_samples {
        let labels = &expected.labels.0;
        let found = left.remove(labels);
        if found.is_some_and(|found| is_same(found, expected.value)) {
            continue;
        }
        said += &format!("\n  - expected {} {}", shown(labels), expected.value);
        if let Some(found) = found {
            said += &format!("\n  + got      {} {found}", shown(labels));
        }
    }
    for (labels, value) in left {
        said += &format!("\n  + got      {} {value}", shown(&labels));
    }
    (!said.is_empty()).then(|| format!("{expr} at {at}:{said}"))
}

fn is_same(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= PRECISION * a.abs().max(b.abs())
}

fn shown(labels: &Texts) -> String {
    let mut out = String::from("{");
    for (name, value) in labels {
        let comma = if out.len() > 1 { ", " } else { "" };
        write!(out, "{comma}{name}={value:?}").expect("writing to memory does not fail");
    }
    out + "}"
}

//! Rules as JSON: groups with their rules and alerts, in the shape of Prometheus' API.

use crate::clock::rfc3339;
use crate::wire::answer::list;
use crate::wire::json::Json;
use skald_ruler::rules::AlertRule;
use skald_ruler::view::{AlertView, Evaluation, GroupView, RuleView};

/// The time of what has not happened, as Go writes it.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// Whether rules are shown with their alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Alerts {
    /// With them.
    #[default]
    Shown,
    /// Without, as `exclude_alerts` asks.
    Hidden,
}

/// What is shown of a rule beside what Prometheus has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Nothing: clients decode it.
    Prometheus,
    /// The last evaluations and what failed: for the page.
    History,
}

/// Most bytes of a group beside its texts.
const GROUP_BYTES: usize = 320;
const RULE_BYTES: usize = 512;
const ALERT_BYTES: usize = 192;
const EVALUATION_BYTES: usize = 128;

/// About how many bytes a rule takes.
pub(crate) fn rule_bytes(view: &RuleView, alerts: Alerts, detail: Detail) -> usize {
    let rule = &view.rule;
    let pairs = rule
        .labels
        .iter()
        .chain(rule.alert().into_iter().flat_map(annotations_of));
    let texts: usize = pairs.map(|(name, text)| name.len() + text.len() + 6).sum();
    let shown = match alerts {
        Alerts::Shown => view.alerts.iter().map(alert_bytes).sum(),
        Alerts::Hidden => 0,
    };
    let history = match detail {
        Detail::Prometheus => 0,
        Detail::History => {
            let errors = view.history.iter().flat_map(|evaluation| &evaluation.error);
            view.history.len() * EVALUATION_BYTES + errors.map(String::len).sum::<usize>()
        }
    };
    let error = view.last_error.as_ref().map_or(0, String::len);
    let own = rule.name.len() + rule.expr.printed().len() + error;
    RULE_BYTES + own + texts + shown + history
}

fn annotations_of(alert: &AlertRule) -> impl Iterator<Item = (&String, &String)> {
    alert.annotations.iter()
}

/// About how many bytes an alert takes.
pub(crate) fn alert_bytes(alert: &AlertView) -> usize {
    let annotations = alert.annotations.iter();
    let texts: usize = annotations
        .map(|(name, text)| name.len() + text.len() + 6)
        .sum();
    ALERT_BYTES + 2 * alert.labels.as_bytes().len() + texts
}

/// About how many bytes a group takes beside its rules.
pub(crate) fn group_bytes(view: &GroupView) -> usize {
    GROUP_BYTES + view.namespace.len() + view.group.name.len()
}

/// A group with some of its rules.
pub(crate) fn write_group(
    json: &mut Json,
    view: &GroupView,
    rules: &[&RuleView],
    alerts: Alerts,
    detail: Detail,
) {
    json.raw("{\"name\":");
    json.text(&view.group.name);
    json.raw(",\"file\":");
    json.text(&view.namespace);
    json.raw(",\"rules\":");
    list(json, rules, |json, rule| {
        write_rule(json, view, rule, alerts, detail)
    });
    json.raw(",\"interval\":");
    json.float(seconds(view.interval));
    json.raw(",\"limit\":");
    json.integer(view.group.limit);
    json.raw(",\"lastEvaluation\":");
    write_time(json, view.last_evaluation);
    json.raw(",\"evaluationTime\":");
    json.float(seconds(view.evaluation_time));
    if detail == Detail::History {
        json.raw(",\"nextEvaluation\":");
        write_time(json, Some(view.next_evaluation));
        json.raw(",\"iterations\":");
        json.integer(view.iterations);
        json.raw(",\"missed\":");
        json.integer(view.missed);
    }
    json.raw("}");
}

fn write_rule(json: &mut Json, group: &GroupView, view: &RuleView, alerts: Alerts, detail: Detail) {
    let rule = &view.rule;
    json.raw("{");
    if rule.alert().is_some() {
        json.raw("\"state\":");
        json.text(view.state.as_str());
        json.raw(",");
    }
    json.raw("\"name\":");
    json.text(&rule.name);
    json.raw(",\"query\":");
    json.text(rule.expr.printed());
    let labels = group.group.labels_of(rule);
    let pairs = labels
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    if let Some(alert) = rule.alert() {
        json.raw(",\"duration\":");
        json.float(seconds(alert.hold));
        json.raw(",\"keepFiringFor\":");
        json.float(seconds(alert.keep_firing_for));
        json.raw(",\"labels\":");
        json.labels(pairs);
        json.raw(",\"annotations\":");
        json.labels(annotations_of(alert).map(|(name, text)| (name.as_str(), text.as_str())));
        let shown: &[AlertView] = match alerts {
            Alerts::Shown => &view.alerts,
            Alerts::Hidden => &[],
        };
        json.raw(",\"alerts\":");
        list(json, shown, write_alert);
    } else {
        json.raw(",\"labels\":");
        json.labels(pairs);
    }
    write_health(json, view);
    if detail == Detail::History {
        write_history(json, view);
    }
    json.raw(match rule.alert() {
        Some(_) => ",\"type\":\"alerting\"}",
        None => ",\"type\":\"recording\"}",
    });
}

fn write_health(json: &mut Json, view: &RuleView) {
    json.raw(",\"health\":");
    json.text(view.health.as_str());
    json.raw(",\"lastError\":");
    json.text(view.last_error.as_deref().unwrap_or(""));
    json.raw(",\"lastEvaluation\":");
    write_time(json, view.last_evaluation);
    json.raw(",\"evaluationTime\":");
    json.float(seconds(view.evaluation_time));
}

/// What the page shows beside: whether the rule ever found a stream, its failures and its last
/// evaluations.
fn write_history(json: &mut Json, view: &RuleView) {
    json.raw(",\"neverMatched\":");
    json.raw(if view.never_matched { "true" } else { "false" });
    json.raw(",\"evaluations\":");
    json.integer(view.evaluations);
    json.raw(",\"failures\":");
    json.integer(view.failures);
    if let Some(failure) = &view.failure {
        json.raw(",\"failure\":");
        write_alert(json, failure);
    }
    json.raw(",\"history\":");
    list(json, &view.history, write_evaluation);
}

fn write_evaluation(json: &mut Json, evaluation: &Evaluation) {
    json.raw("{\"at\":");
    write_time(json, Some(evaluation.at));
    json.raw(",\"seconds\":");
    json.float(seconds(evaluation.took));
    json.raw(",\"bytes\":");
    json.integer(evaluation.bytes);
    json.raw(",\"lines\":");
    json.integer(evaluation.lines);
    json.raw(",\"samples\":");
    json.integer(evaluation.samples);
    if let Some(error) = &evaluation.error {
        json.raw(",\"error\":");
        json.text(error);
    }
    json.raw("}");
}

/// A pending or firing alert.
pub(crate) fn write_alert(json: &mut Json, alert: &AlertView) {
    json.raw("{\"labels\":");
    json.labels(alert.labels.iter());
    json.raw(",\"annotations\":");
    let annotations = alert.annotations.iter();
    json.labels(annotations.map(|(name, text)| (name.as_str(), text.as_str())));
    json.raw(",\"state\":");
    json.text(alert.state.as_str());
    json.raw(",\"activeAt\":");
    write_time(json, Some(alert.active_at));
    if let Some(since) = alert.keep_firing_since {
        json.raw(",\"keepFiringSince\":");
        write_time(json, Some(since));
    }
    json.raw(",\"value\":");
    json.text(&scientific(alert.value));
    json.raw("}");
}

fn write_time(json: &mut Json, time: Option<i64>) {
    match time {
        Some(time) => json.text(&rfc3339(time)),
        None => json.text(NEVER),
    }
}

fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// A number as Go's `strconv.FormatFloat(value, 'e', -1, 64)` writes it: `1e+00`.
pub(crate) fn scientific(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = format!("{value:e}");
    let (number, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    match exponent.strip_prefix('-') {
        Some(digits) => format!("{number}e-{digits:0>2}"),
        None => format!("{number}e+{exponent:0>2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_go_does() {
        for (value, expected) in [
            (1.0, "1e+00"),
            (0.0, "0e+00"),
            (-1234.5, "-1.2345e+03"),
            (2.5e-9, "2.5e-09"),
            (1e300, "1e+300"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(scientific(value), expected);
        }
    }
}

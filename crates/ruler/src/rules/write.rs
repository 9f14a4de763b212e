//! Writing: groups back to YAML, with the keys that clients of Loki decode strictly and no empty ones.

use super::group::{Alignment, Rule, RuleGroup, RuleKind};
use serde::Serialize;
use skald_logql::syntax::duration::format_prometheus;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct GroupOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_offset: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    align_evaluation_time_on_interval: bool,
    #[serde(skip_serializing_if = "is_zero")]
    limit: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    rules: Vec<RuleOut<'a>>,
}

#[derive(Serialize)]
struct RuleOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<&'a str>,
    expr: &'a str,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    hold: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_firing_for: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<&'a BTreeMap<String, String>>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A group as clients read it. Labels of the group stand in its rules: clients know no others, and
/// what they post back means the same.
pub fn write_group(group: &RuleGroup) -> String {
    yaml(&for_clients(group))
}

/// Groups by namespace, as clients read them.
pub fn write_namespaces<'a>(groups: impl IntoIterator<Item = (&'a str, &'a RuleGroup)>) -> String {
    let mut namespaces: BTreeMap<&str, Vec<GroupOut<'a>>> = BTreeMap::new();
    for (namespace, group) in groups {
        let of_namespace = namespaces.entry(namespace).or_default();
        of_namespace.push(for_clients(group));
    }
    yaml(&namespaces)
}

/// A group with its namespace and everything else it has; [`super::read_stored`] gives it back.
pub fn write_stored(namespace: &str, group: &RuleGroup) -> String {
    yaml(&GroupOut {
        namespace: Some(namespace),
        labels: group.labels.clone(),
        ..shape(group, |rule| rule.labels.clone())
    })
}

fn for_clients(group: &RuleGroup) -> GroupOut<'_> {
    shape(group, |rule| group.labels_of(rule))
}

fn shape<'a>(
    group: &'a RuleGroup,
    labels: impl Fn(&Rule) -> BTreeMap<String, String>,
) -> GroupOut<'a> {
    GroupOut {
        namespace: None,
        name: &group.name,
        interval: group.interval.map(format_prometheus),
        query_offset: group.query_offset.map(format_prometheus),
        align_evaluation_time_on_interval: group.alignment == Alignment::WallClock,
        limit: group.limit,
        labels: BTreeMap::new(),
        rules: group
            .rules
            .iter()
            .map(|rule| rule_out(rule, labels(rule)))
            .collect(),
    }
}

fn rule_out(rule: &Rule, labels: BTreeMap<String, String>) -> RuleOut<'_> {
    let duration = |of: i64| Some(of).filter(|of| *of > 0).map(format_prometheus);
    let plain = RuleOut {
        record: None,
        alert: None,
        expr: rule.expr.text(),
        hold: None,
        keep_firing_for: None,
        labels,
        annotations: None,
    };
    match &rule.kind {
        RuleKind::Record => RuleOut {
            record: Some(&rule.name),
            ..plain
        },
        RuleKind::Alert(alert) => RuleOut {
            alert: Some(&rule.name),
            hold: duration(alert.hold),
            keep_firing_for: duration(alert.keep_firing_for),
            annotations: Some(&alert.annotations).filter(|all| !all.is_empty()),
            ..plain
        },
    }
}

fn yaml(value: &impl Serialize) -> String {
    serde_yaml_ng::to_string(value).expect("texts, numbers and mappings of them can be written")
}

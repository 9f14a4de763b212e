//! Checking: what a group must have before it can be evaluated, in Loki's words.

use super::expression::Expression;
use super::fault::{Fault, FaultPlace};
use super::group::{AlertRule, Alignment, Rule, RuleGroup, RuleKind};
use super::names::{is_label_name, is_series_name};
use super::raw::{RawGroup, RawRule};
use crate::templates::Templates;
use std::collections::{BTreeMap, HashSet};

/// Makes groups of what was read. Every fault of every rule is found.
pub(super) fn check_groups(
    raw: Vec<RawGroup>,
    templates: &dyn Templates,
) -> Result<Vec<RuleGroup>, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut names = HashSet::new();
    let mut groups = Vec::new();
    for (number, group) in raw.into_iter().enumerate() {
        let mut fault = |text: String| faults.push(of_group(&group.name, text));
        if group.name.is_empty() {
            fault(format!("group {number}: Groupname must not be empty"));
        } else if !names.insert(group.name.clone()) {
            let name = &group.name;
            fault(format!(
                "groupname: \"{name}\" is repeated in the same file"
            ));
        }
        if !group.source_tenants.is_empty() {
            fault("source_tenants is not supported: a rule reads its own tenant".to_owned());
        }
        groups.push(check_group(group, templates, &mut faults));
    }
    if faults.is_empty() {
        Ok(groups)
    } else {
        Err(faults)
    }
}

fn of_group(group: &str, text: String) -> Fault {
    Fault {
        place: FaultPlace {
            group: Some(group.to_owned()),
            ..FaultPlace::default()
        },
        text,
    }
}

fn check_group(group: RawGroup, templates: &dyn Templates, faults: &mut Vec<Fault>) -> RuleGroup {
    let mut texts = Vec::new();
    check_labels(&group.labels, templates, &mut texts);
    faults.extend(texts.into_iter().map(|text| of_group(&group.name, text)));
    let mut rules = Vec::new();
    for (number, rule) in group.rules.into_iter().enumerate() {
        let mut texts = Vec::new();
        rules.extend(check_rule(rule, &group.name, templates, &mut texts));
        faults.extend(texts.into_iter().map(|text| Fault {
            place: FaultPlace {
                line: None,
                group: Some(group.name.clone()),
                rule: Some(number),
            },
            text,
        }));
    }
    RuleGroup {
        interval: Some(group.interval).filter(|interval| *interval > 0),
        query_offset: group.query_offset.or(group.evaluation_delay),
        alignment: match group.aligned {
            true => Alignment::WallClock,
            false => Alignment::Spread,
        },
        limit: u64::try_from(group.limit).unwrap_or(0),
        labels: group.labels,
        name: group.name,
        rules,
    }
}

/// A rule, if it can be evaluated; what is wrong with it goes into `faults`.
fn check_rule(
    rule: RawRule,
    group: &str,
    templates: &dyn Templates,
    faults: &mut Vec<String>,
) -> Option<Rule> {
    let is_record = !rule.record.is_empty();
    match (is_record, !rule.alert.is_empty()) {
        (true, true) => {
            faults.push("only one of 'record' and 'alert' must be set".to_owned());
        }
        (false, false) => faults.push("one of 'record' or 'alert' must be set".to_owned()),
        _ => {}
    }
    let (kind, name) = match is_record {
        true => ("record", &rule.record),
        false => ("alert", &rule.alert),
    };
    let expr = if rule.expr.is_empty() {
        faults.push("field 'expr' must be set in rule".to_owned());
        None
    } else {
        Expression::parse(&rule.expr)
            .map_err(|error| {
                faults.push(format!(
                    "could not parse expression for {kind} '{name}' in group '{group}': {error}"
                ));
            })
            .ok()
    };
    if is_record {
        check_record(&rule, faults);
        check_names(&rule.labels, faults);
    } else {
        check_labels(&rule.labels, templates, faults);
    }
    check_annotations(&rule.annotations, templates, faults);
    Some(Rule {
        name: name.clone(),
        expr: expr?,
        labels: rule.labels,
        kind: match is_record {
            true => RuleKind::Record,
            false => RuleKind::Alert(AlertRule {
                hold: rule.hold,
                keep_firing_for: rule.keep_firing_for,
                annotations: rule.annotations,
            }),
        },
    })
}

fn check_record(rule: &RawRule, faults: &mut Vec<String>) {
    let invalid = |field: &str| format!("invalid field '{field}' in recording rule");
    if !rule.annotations.is_empty() {
        faults.push(invalid("annotations"));
    }
    if rule.hold != 0 {
        faults.push(invalid("for"));
    }
    if rule.keep_firing_for != 0 {
        faults.push(invalid("keep_firing_for"));
    }
    if !is_series_name(&rule.record) {
        faults.push(format!("invalid recording rule name: {}", rule.record));
    }
}

fn check_names(labels: &BTreeMap<String, String>, faults: &mut Vec<String>) {
    for name in labels.keys() {
        if !is_label_name(name) || name == "__name__" {
            faults.push(format!("invalid label name: {name}"));
        }
    }
}

fn check_labels(
    labels: &BTreeMap<String, String>,
    templates: &dyn Templates,
    faults: &mut Vec<String>,
) {
    check_names(labels, faults);
    for (name, text) in labels {
        if let Err(error) = templates.check(text) {
            faults.push(format!("label \"{name}\": {error}"));
        }
    }
}

fn check_annotations(
    annotations: &BTreeMap<String, String>,
    templates: &dyn Templates,
    faults: &mut Vec<String>,
) {
    for (name, text) in annotations {
        if !is_label_name(name) {
            faults.push(format!("invalid annotation name: {name}"));
        }
        if let Err(error) = templates.check(text) {
            faults.push(format!("annotation \"{name}\": {error}"));
        }
    }
}

/// Limits of a tenant's rules; 0 for any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetLimits {
    /// `ruler_max_rules_per_rule_group`
    pub rules_per_group: usize,
    /// `ruler_max_rule_groups_per_tenant`
    pub groups: usize,
}

/// Refuses a group that breaks a limit. `others` is how many other groups the tenant has: one that
/// replaces itself does not count twice.
pub fn check_limits(limits: SetLimits, others: usize, group: &RuleGroup) -> Result<(), String> {
    let SetLimits {
        rules_per_group,
        groups,
    } = limits;
    let rules = group.rules.len();
    if rules_per_group > 0 && rules > rules_per_group {
        return Err(format!(
            "per-user rules per rule group limit (limit: {rules_per_group} actual: {rules}) exceeded"
        ));
    }
    if groups > 0 && others + 1 > groups {
        return Err(format!(
            "per-user rule groups limit (limit: {groups} actual: {}) exceeded",
            others + 1
        ));
    }
    Ok(())
}

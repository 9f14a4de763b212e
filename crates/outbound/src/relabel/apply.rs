//! One relabeling rule, applied to a label set.

use super::rule::{ANY, Action, RelabelRule, is_label_name};
use crate::alert::LabelSet;
use md5::{Digest, Md5};

/// Applies a rule; whether what has the labels is kept.
pub(super) fn apply(rule: &RelabelRule, labels: &mut LabelSet) -> bool {
    let value = || {
        let sources = rule.source_labels.iter();
        let values: Vec<&str> = sources.map(|name| of(labels, name)).collect();
        values.join(&rule.separator)
    };
    match rule.action {
        Action::Keep => return rule.regex.is_match(&value()),
        Action::Drop => return !rule.regex.is_match(&value()),
        Action::KeepEqual => return of(labels, &rule.target_label) == value(),
        Action::DropEqual => return of(labels, &rule.target_label) != value(),
        Action::Replace => {
            let value = value();
            replace(rule, &value, labels);
        }
        Action::Lowercase => {
            let value = value().to_lowercase();
            set(labels, &rule.target_label, value);
        }
        Action::Uppercase => {
            let value = value().to_uppercase();
            set(labels, &rule.target_label, value);
        }
        Action::HashMod => {
            let hash = hash(&value()) % rule.modulus;
            set(labels, &rule.target_label, hash.to_string());
        }
        Action::LabelMap => map_names(rule, labels),
        Action::LabelDrop => labels.retain(|name, _| !rule.regex.is_match(name)),
        Action::LabelKeep => labels.retain(|name, _| rule.regex.is_match(name)),
    }
    true
}

fn of<'a>(labels: &'a LabelSet, name: &str) -> &'a str {
    labels.get(name).map_or("", String::as_str)
}

/// A label without a value is none.
fn set(labels: &mut LabelSet, name: &str, value: String) {
    if value.is_empty() {
        labels.remove(name);
    } else {
        labels.insert(name.to_owned(), value);
    }
}

fn replace(rule: &RelabelRule, value: &str, labels: &mut LabelSet) {
    // What sets or removes one label for everything needs no match.
    let is_constant = !rule.target_label.contains('$') && !rule.replacement.contains('$');
    if value.is_empty() && rule.pattern == ANY && is_constant {
        return set(labels, &rule.target_label, rule.replacement.clone());
    }
    let Some(captures) = rule.regex.captures(value) else {
        return;
    };
    let (mut target, mut text) = (String::new(), String::new());
    captures.expand(&rule.target_label, &mut target);
    if !is_label_name(&target) {
        return;
    }
    captures.expand(&rule.replacement, &mut text);
    set(labels, &target, text);
}

fn map_names(rule: &RelabelRule, labels: &mut LabelSet) {
    let mut mapped = Vec::new();
    for (name, value) in labels.iter() {
        if let Some(captures) = rule.regex.captures(name) {
            let mut to = String::new();
            captures.expand(&rule.replacement, &mut to);
            mapped.push((to, value.clone()));
        }
    }
    for (name, value) in mapped {
        if !name.is_empty() {
            set(labels, &name, value);
        }
    }
}

/// The last eight bytes of the MD5 sum, as Prometheus hashes.
fn hash(value: &str) -> u64 {
    let sum = Md5::digest(value.as_bytes());
    let last = sum.iter().skip(8);
    last.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::super::Relabeling;
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> LabelSet {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(own).collect()
    }

    fn check(rules: &str, before: &[(&str, &str)], after: Option<&[(&str, &str)]>) {
        let rules: Relabeling = serde_yaml_ng::from_str(rules).expect("the rules can be read");
        assert_eq!(rules.apply(labels(before)), after.map(labels), "{rules:?}");
    }

    const ABC: &[(&str, &str)] = &[("a", "foo"), ("b", "bar"), ("c", "baz")];

    /// The cases of Prometheus' relabel_test.go, with its results.
    #[test]
    fn rules_do_what_those_of_prometheus_do() {
        check(
            "[{source_labels: [a], regex: 'f(.*)', target_label: d, separator: ';', replacement: 'ch${1}-ch${1}'}]",
            ABC,
            Some(&[("a", "foo"), ("b", "bar"), ("c", "baz"), ("d", "choo-choo")]),
        );
        check(
            "[{source_labels: [a, b], regex: 'f(.*);(.*)r', target_label: a, replacement: 'b${1}${2}m'},\
               {source_labels: [c, a], regex: '(b).*b(.*)ba(.*)', target_label: d, replacement: '$1$2$2$3'}]",
            &[("a", "foo"), ("b", "bar"), ("c", "baz")],
            Some(&[("a", "boobam"), ("b", "bar"), ("c", "baz"), ("d", "boooom")]),
        );
        check(
            "[{source_labels: [a], regex: '.*o.*', action: drop}]",
            ABC,
            None,
        );
        check(
            "[{source_labels: [a], regex: '.*b.*', action: drop}]",
            ABC,
            Some(ABC),
        );
        check(
            "[{source_labels: [a], regex: 'no-match', action: keep}]",
            ABC,
            None,
        );
        check(
            "[{source_labels: [a], regex: 'f.*', action: keep}]",
            ABC,
            Some(ABC),
        );
        check(
            "[{source_labels: [a], regex: 'f', action: keep}]",
            ABC,
            None,
        );
        check(
            "[{source_labels: [a], regex: 'f', target_label: b, replacement: bar}]",
            ABC,
            Some(ABC),
        );
        check(
            "[{source_labels: [a], target_label: d}]",
            ABC,
            Some(&[("a", "foo"), ("b", "bar"), ("c", "baz"), ("d", "foo")]),
        );
        check(
            "[{target_label: b, replacement: ''}]",
            ABC,
            Some(&[("a", "foo"), ("c", "baz")]),
        );
        check(
            "[{source_labels: [a], regex: 'fo(.)', target_label: '${1}x', replacement: 'v'}]",
            &[("a", "foo")],
            Some(&[("a", "foo"), ("ox", "v")]),
        );
        check(
            "[{source_labels: [a], regex: '(f)(o)o', target_label: 'a-$1', replacement: 'v'}]",
            &[("a", "foo")],
            Some(&[("a", "foo")]),
        );
        check(
            "[{source_labels: [c], target_label: d, action: hashmod, separator: ';', modulus: 1000}]",
            ABC,
            Some(&[("a", "foo"), ("b", "bar"), ("c", "baz"), ("d", "976")]),
        );
        check(
            "[{source_labels: [a], target_label: d, action: hashmod, modulus: 1000}]",
            &[("a", "foo\nbar")],
            Some(&[("a", "foo\nbar"), ("d", "734")]),
        );
        check(
            "[{regex: '(b.*)', replacement: 'bar_${1}', action: labelmap}]",
            &[("a", "foo"), ("b1", "bar"), ("b2", "baz")],
            Some(&[
                ("a", "foo"),
                ("b1", "bar"),
                ("b2", "baz"),
                ("bar_b1", "bar"),
                ("bar_b2", "baz"),
            ]),
        );
        check(
            "[{regex: '__meta_(my.*)', replacement: '${1}', action: labelmap}]",
            &[
                ("a", "foo"),
                ("__meta_my_bar", "aaa"),
                ("__meta_other", "ccc"),
            ],
            Some(&[
                ("a", "foo"),
                ("__meta_my_bar", "aaa"),
                ("__meta_other", "ccc"),
                ("my_bar", "aaa"),
            ]),
        );
        check(
            "[{regex: '(b.*)', action: labeldrop}]",
            &[("a", "foo"), ("b1", "bar"), ("b2", "baz")],
            Some(&[("a", "foo")]),
        );
        check(
            "[{regex: '(b.*)', action: labelkeep}]",
            &[("a", "foo"), ("b1", "bar")],
            Some(&[("b1", "bar")]),
        );
        check(
            "[{source_labels: [foo], target_label: up, action: uppercase}, {source_labels: [foo], target_label: low, action: LowerCase}]",
            &[("foo", "bAr123Foo")],
            Some(&[
                ("foo", "bAr123Foo"),
                ("low", "bar123foo"),
                ("up", "BAR123FOO"),
            ]),
        );
        check(
            "[{source_labels: [p], target_label: q, action: keepequal}]",
            &[("p", "1234"), ("q", "1234")],
            Some(&[("p", "1234"), ("q", "1234")]),
        );
        check(
            "[{source_labels: [p], target_label: q, action: keepequal}]",
            &[("p", "1234"), ("q", "5678")],
            None,
        );
        check(
            "[{source_labels: [p], target_label: q, action: dropequal}]",
            &[("p", "1234"), ("q", "1234")],
            None,
        );
        check(
            "[{source_labels: [p], target_label: q, action: dropequal}]",
            &[("p", "1234"), ("q", "5678")],
            Some(&[("p", "1234"), ("q", "5678")]),
        );
    }

    #[test]
    fn rules_that_can_do_nothing_are_refused() {
        for (rule, expected) in [
            (
                "{action: hashmod, target_label: a}",
                "requires non-zero modulus",
            ),
            (
                "{action: replace}",
                "replace action requires 'target_label' value",
            ),
            (
                "{target_label: 'a-b'}",
                "\"a-b\" is invalid 'target_label' for replace action",
            ),
            (
                "{action: lowercase, target_label: a, replacement: b}",
                "'replacement' can not be set for lowercase action",
            ),
            (
                "{action: labeldrop, regex: a, target_label: b}",
                "labeldrop action requires only 'regex', and no other fields",
            ),
            (
                "{action: keepequal, target_label: a, regex: b}",
                "keepequal action requires only 'source_labels' and 'target_label'",
            ),
            (
                "{action: labelmap, replacement: 'a-b'}",
                "\"a-b\" is invalid 'replacement' for labelmap action",
            ),
            ("{action: explode}", "unknown relabel action \"explode\""),
            ("{regex: '(', target_label: a}", "missing closing )"),
            ("{target_labels: a}", "unknown field `target_labels`"),
        ] {
            let error = serde_yaml_ng::from_str::<RelabelRule>(rule)
                .expect_err(rule)
                .to_string();
            assert!(error.contains(expected), "{rule}: {error}");
        }
    }
}

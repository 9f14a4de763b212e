//! Rules that decide where an OTLP attribute goes: to labels, to metadata, or nowhere.
//!
//! Loki's `otlp_config`, with its patterns compiled when limits are made: a push only asks.
//! Attributes are named as the client named them (`k8s.pod.name`), before the name is made one of a
//! label.

use skald_model::re2::RegexError;
use skald_model::{MatchOp, Matcher};

/// Most rules of one list. Every attribute of every record asks them in turn.
pub const OTLP_RULES_MAX: usize = 100;

/// Resource attributes that become labels: Loki's defaults.
const INDEX_ATTRIBUTES: [&str; 18] = [
    "service.name",
    "service.namespace",
    "service.instance.id",
    "deployment.environment",
    "deployment.environment.name",
    "cloud.region",
    "cloud.availability_zone",
    "k8s.cluster.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.container.name",
    "container.name",
    "k8s.replicaset.name",
    "k8s.deployment.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.cronjob.name",
    "k8s.job.name",
];

/// What becomes of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeAction {
    /// A label of the stream.
    IndexLabel,
    /// Metadata of the entry.
    StructuredMetadata,
    /// Nothing.
    Drop,
}

/// The names a rule is for.
#[derive(Clone, Debug)]
pub enum AttributeNames {
    /// These.
    Listed(Vec<String>),
    /// Those that a regex matches as a whole.
    Matching(Matcher),
}

impl AttributeNames {
    /// The names that match `pattern`; the error is Go's text for a regex that can't be used.
    pub fn matching(pattern: &str) -> Result<AttributeNames, RegexError> {
        Matcher::new("", MatchOp::Regex, pattern).map(AttributeNames::Matching)
    }

    fn contain(&self, name: &str) -> bool {
        match self {
            AttributeNames::Listed(names) => names.iter().any(|listed| listed == name),
            AttributeNames::Matching(pattern) => pattern.matches(name),
        }
    }
}

impl PartialEq for AttributeNames {
    fn eq(&self, other: &AttributeNames) -> bool {
        match (self, other) {
            (AttributeNames::Listed(a), AttributeNames::Listed(b)) => a == b,
            (AttributeNames::Matching(a), AttributeNames::Matching(b)) => a.value == b.value,
            _ => false,
        }
    }
}

/// One rule. Of a list the first that is for an attribute counts; without one it becomes metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeRule {
    /// What becomes of them.
    pub action: AttributeAction,
    /// The attributes.
    pub names: AttributeNames,
}

impl AttributeRule {
    /// Those that become labels.
    pub fn index_labels(names: Vec<String>) -> AttributeRule {
        AttributeRule {
            action: AttributeAction::IndexLabel,
            names: AttributeNames::Listed(names),
        }
    }
}

/// The rules for all attributes of a push.
#[derive(Clone, Debug)]
pub struct OtlpRules {
    /// For attributes of resources.
    pub resource: Vec<AttributeRule>,
    /// For attributes of scopes, which never become labels.
    pub scope: Vec<AttributeRule>,
    /// For attributes of records.
    pub log: Vec<AttributeRule>,
    /// Whether a record's severity text is a label too.
    pub severity_text_as_label: bool,
}

impl OtlpRules {
    /// Names of the resource attributes that become labels unless it is said otherwise.
    pub fn default_index_labels() -> Vec<String> {
        INDEX_ATTRIBUTES.map(str::to_owned).to_vec()
    }

    /// Whether records of one resource can have different labels.
    pub(crate) fn split_records(&self) -> bool {
        self.severity_text_as_label
            || self
                .log
                .iter()
                .any(|rule| rule.action == AttributeAction::IndexLabel)
    }
}

impl Default for OtlpRules {
    fn default() -> OtlpRules {
        OtlpRules {
            resource: vec![AttributeRule::index_labels(
                OtlpRules::default_index_labels(),
            )],
            scope: Vec::new(),
            log: Vec::new(),
            severity_text_as_label: false,
        }
    }
}

/// What becomes of an attribute of this name.
pub(crate) fn action(rules: &[AttributeRule], name: &str) -> AttributeAction {
    let first = rules.iter().find(|rule| rule.names.contain(name));
    first.map_or(AttributeAction::StructuredMetadata, |rule| rule.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_for_a_name_counts() {
        let matching = |action, pattern: &str| {
            let names = AttributeNames::matching(pattern).expect("regex is valid");
            AttributeRule { action, names }
        };
        let rules = [
            AttributeRule::index_labels(vec!["k8s.pod.name".to_owned()]),
            matching(AttributeAction::Drop, r"k8s\..*"),
            matching(AttributeAction::IndexLabel, "k8s.*|env"),
        ];
        for (name, expected) in [
            ("k8s.pod.name", AttributeAction::IndexLabel),
            ("k8s.pod.uid", AttributeAction::Drop),
            ("k8s_pod", AttributeAction::IndexLabel),
            ("env", AttributeAction::IndexLabel),
            ("environment", AttributeAction::StructuredMetadata),
        ] {
            assert_eq!(action(&rules, name), expected, "{name}");
        }
    }

    #[test]
    fn a_pattern_that_go_refuses_is_refused() {
        let refused = AttributeNames::matching("(").expect_err("a group is left open");
        assert_eq!(
            refused.to_string(),
            "error parsing regexp: missing closing ): `(`"
        );
    }
}

//! `limits_config.otlp_config`: which attributes of OTLP become labels, which metadata, and which
//! are dropped.

use super::record::{Record, field, mapping};
use super::setting::{Setting, word_setting};
use serde_yaml_ng::Mapping;
use skald_ingest::{AttributeAction, AttributeNames, AttributeRule, OTLP_RULES_MAX, OtlpRules};

/// `limits_config.otlp_config`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OtlpConfig {
    /// Whether `distributor.otlp_config.default_resource_attributes_as_index_labels` does not
    /// count.
    pub ignore_defaults: bool,
    /// For attributes of resources, after the defaults.
    pub resource_attributes: Vec<AttributeRule>,
    /// For attributes of scopes.
    pub scope_attributes: Vec<AttributeRule>,
    /// For attributes of records.
    pub log_attributes: Vec<AttributeRule>,
    /// Whether a record's severity text becomes a label.
    pub severity_text_as_label: bool,
}

word_setting!(AttributeAction {
    "drop" => AttributeAction::Drop,
    "index_label" => AttributeAction::IndexLabel,
    "structured_metadata" => AttributeAction::StructuredMetadata,
});

impl Record for AttributeRule {
    const KEYS: &'static [&'static str] = &["action", "attributes", "regex"];

    fn read(fields: &Mapping) -> Result<Self, String> {
        let action = field(fields, "action")?.unwrap_or(AttributeAction::StructuredMetadata);
        let attributes: Vec<String> = field(fields, "attributes")?.unwrap_or_default();
        let regex: Option<String> = field(fields, "regex")?;
        let names = match (attributes.is_empty(), regex) {
            (true, None) => return Err("attributes or regex must be set".to_owned()),
            (false, Some(_)) => {
                return Err("only one of attributes or regex must be set".to_owned());
            }
            (false, None) => AttributeNames::Listed(attributes),
            (true, Some(regex)) => AttributeNames::matching(&regex)
                .map_err(|error| format!("regex {regex:?}: {error}"))?,
        };
        Ok(AttributeRule { action, names })
    }

    fn show(&self) -> Mapping {
        let names = match &self.names {
            AttributeNames::Listed(names) => ("attributes", names.show()),
            AttributeNames::Matching(pattern) => ("regex", pattern.value.show()),
        };
        mapping([("action", self.action.show()), names])
    }
}

impl OtlpConfig {
    /// The rules of a push; `defaults` are the resource attributes that become labels.
    pub fn rules(&self, defaults: &[String]) -> OtlpRules {
        let defaults =
            (!self.ignore_defaults).then(|| AttributeRule::index_labels(defaults.to_vec()));
        OtlpRules {
            resource: defaults
                .into_iter()
                .chain(self.resource_attributes.iter().cloned())
                .collect(),
            scope: self.scope_attributes.clone(),
            log: self.log_attributes.clone(),
            severity_text_as_label: self.severity_text_as_label,
        }
    }

    /// Checks what a single value can't tell; the error names the setting.
    pub fn check(&self) -> Result<(), String> {
        if self
            .scope_attributes
            .iter()
            .any(|rule| rule.action == AttributeAction::IndexLabel)
        {
            let only =
                "index_label action is only supported for resource_attributes and log_attributes";
            return Err(format!(
                "limits_config.otlp_config.scope_attributes: {only}"
            ));
        }
        let lists = [
            (
                "resource_attributes.attributes_config",
                &self.resource_attributes,
            ),
            ("scope_attributes", &self.scope_attributes),
            ("log_attributes", &self.log_attributes),
        ];
        match lists.iter().find(|(_, rules)| rules.len() > OTLP_RULES_MAX) {
            Some((name, rules)) => Err(format!(
                "limits_config.otlp_config.{name}: {} rules, at most {OTLP_RULES_MAX} are taken",
                rules.len()
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_yaml_ng::Value;

    fn check(yaml: &str, expected: Result<&str, &str>) {
        let value: Value = serde_yaml_ng::from_str(yaml).expect("valid YAML");
        let read = Vec::<AttributeRule>::read(&value);
        let shown = read.map(|rules| {
            serde_yaml_ng::to_string(&rules.show())
                .expect("shown")
                .trim()
                .to_owned()
        });
        assert_eq!(
            shown,
            expected.map(str::to_owned).map_err(str::to_owned),
            "{yaml}"
        );
    }

    #[test]
    fn rules_are_read_and_what_is_wrong_with_one_is_told() {
        let listed = "- action: index_label\n  attributes:\n  - a.b\n  - c";
        check(listed, Ok(listed));
        check(
            "[{regex: a.*}]",
            Ok("- action: structured_metadata\n  regex: a.*"),
        );
        check("[{action: drop}]", Err("attributes or regex must be set"));
        check(
            "[{action: drop, attributes: [a], regex: b}]",
            Err("only one of attributes or regex must be set"),
        );
        check(
            "[{action: keep, regex: b}]",
            Err("action: expected one of drop, index_label, structured_metadata, found \"keep\""),
        );
        check(
            "[{regex: '('}]",
            Err("regex \"(\": error parsing regexp: missing closing ): `(`"),
        );
        check(
            "[{regexp: a}]",
            Err("expected the keys action, attributes, regex, found \"regexp\""),
        );
    }

    #[test]
    fn defaults_come_first_unless_they_are_ignored() {
        let own = AttributeRule {
            action: AttributeAction::Drop,
            names: AttributeNames::Listed(vec!["a".to_owned()]),
        };
        let defaults = ["x".to_owned()];
        let mut config = OtlpConfig {
            resource_attributes: vec![own.clone()],
            ..OtlpConfig::default()
        };
        assert_eq!(
            config.rules(&defaults).resource,
            [AttributeRule::index_labels(defaults.to_vec()), own.clone()]
        );
        config.ignore_defaults = true;
        assert_eq!(config.rules(&defaults).resource, [own]);
    }

    #[test]
    fn lists_are_bounded_and_scopes_have_no_labels() {
        let label = AttributeRule::index_labels(vec!["a".to_owned()]);
        let of_scope = OtlpConfig {
            scope_attributes: vec![label.clone()],
            ..OtlpConfig::default()
        };
        let told = of_scope.check().expect_err("a scope has no labels");
        assert!(
            told.starts_with("limits_config.otlp_config.scope_attributes: index_label action"),
            "{told}"
        );
        let long = OtlpConfig {
            log_attributes: vec![label; OTLP_RULES_MAX + 1],
            ..OtlpConfig::default()
        };
        let told = "limits_config.otlp_config.log_attributes: 101 rules, at most 100 are taken";
        assert_eq!(long.check(), Err(told.to_owned()));
    }
}

//! `limits_config.k8s_audit_drop`: Kubernetes audit events that are not kept.

use super::record::{Record, field, mapping};
use super::setting::Setting;
use serde_yaml_ng::Mapping;
use skald_ingest::{NOISE_RULES_MAX, NoiseRule};

impl Record for NoiseRule {
    const KEYS: &'static [&'static str] = &[
        "reason",
        "users",
        "verbs",
        "resources",
        "namespaces",
        "stages",
        "levels",
        "user_agents",
        "uris",
    ];

    fn read(fields: &Mapping) -> Result<Self, String> {
        let list = |name: &str| field(fields, name).map(Option::unwrap_or_default);
        let rule = NoiseRule {
            reason: field(fields, "reason")?.unwrap_or_default(),
            users: list("users")?,
            verbs: list("verbs")?,
            resources: list("resources")?,
            namespaces: list("namespaces")?,
            stages: list("stages")?,
            levels: list("levels")?,
            user_agents: list("user_agents")?,
            uris: list("uris")?,
        };
        match () {
            () if rule.reason.is_empty() => {
                Err("reason must be set: dropped events count under it".to_owned())
            }
            () if rule.is_empty() => Err(format!(
                "{:?} names no events: it would drop all of them",
                rule.reason
            )),
            () => Ok(rule),
        }
    }

    fn show(&self) -> Mapping {
        let lists = [
            ("users", &self.users),
            ("verbs", &self.verbs),
            ("resources", &self.resources),
            ("namespaces", &self.namespaces),
            ("stages", &self.stages),
            ("levels", &self.levels),
            ("user_agents", &self.user_agents),
            ("uris", &self.uris),
        ];
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        let lists = lists.map(|(name, list)| (name, list.show()));
        mapping([("reason", self.reason.show())].into_iter().chain(lists))
    }
}

/// Checks what a single rule can't tell; the error names the setting.
pub(super) fn check(rules: &[NoiseRule]) -> Result<(), String> {
    match rules.len() {
        0..=NOISE_RULES_MAX => Ok(()),
        count => Err(format!(
            "limits_config.k8s_audit_drop: {count} rules, at most {NOISE_RULES_MAX} are taken"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_yaml_ng::Value;

    #[test]
    fn rules_are_read_and_shown() {
        let check = |yaml: &str, want: Result<&str, &str>| {
            let value: Value = serde_yaml_ng::from_str(yaml).expect("valid YAML");
            let read = Vec::<NoiseRule>::read(&value);
            let shown = read.map(|rules| {
                let shown = serde_yaml_ng::to_string(&rules.show());
                shown.expect("it is shown").trim().to_owned()
            });
            let want = want.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(shown, want, "{yaml}");
        };
        let rule = "- reason: leases\n  users:\n  - system:*\n  resources:\n  - leases";
        check(rule, Ok(rule));
        check(
            "- reason: all",
            Err("\"all\" names no events: it would drop all of them"),
        );
        check(
            "- users: [a]",
            Err("reason must be set: dropped events count under it"),
        );
    }
}

//! Noise rules, asked of an audit event.

use crate::limits::noise::{NoiseRule, fits};
use crate::receivers::k8s_audit::event::AuditEvent;

/// The first rule that an event fits.
pub(super) fn rule_for<'r>(
    rules: &'r [NoiseRule],
    event: &AuditEvent<'_>,
) -> Option<&'r NoiseRule> {
    rules.iter().find(|rule| matches(rule, event))
}

fn matches(rule: &NoiseRule, event: &AuditEvent<'_>) -> bool {
    fits(&rule.users, &event.user)
        && fits(&rule.verbs, &event.verb)
        && fits(&rule.namespaces, &event.namespace)
        && fits(&rule.stages, &event.stage)
        && fits(&rule.levels, &event.level)
        && fits(&rule.user_agents, &event.user_agent)
        && fits(&rule.uris, &event.uri)
        && fits_resource(rule, event)
}

fn fits_resource(rule: &NoiseRule, event: &AuditEvent<'_>) -> bool {
    if rule.resources.is_empty() || event.subresource.is_empty() {
        return fits(&rule.resources, &event.resource);
    }
    let both = [&*event.resource, b"/", &*event.subresource].concat();
    fits(&rule.resources, &both)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_fits_when_all_its_lists_do() {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        let rule = NoiseRule {
            users: list(&["system:*"]),
            verbs: list(&["get", "update"]),
            resources: list(&["leases", "pods/*"]),
            ..NoiseRule::default()
        };
        for (user, verb, resource, subresource, want) in [
            ("system:node:a", "get", "leases", "", true),
            ("alice", "get", "leases", "", false),
            ("system:node:a", "delete", "leases", "", false),
            ("system:node:a", "get", "pods", "log", true),
            ("system:node:a", "get", "pods", "", false),
            ("", "get", "leases", "", false),
        ] {
            let event = AuditEvent {
                user: user.as_bytes().into(),
                verb: verb.as_bytes().into(),
                resource: resource.as_bytes().into(),
                subresource: subresource.as_bytes().into(),
                ..AuditEvent::default()
            };
            let found = rule_for(std::slice::from_ref(&rule), &event).is_some();
            assert_eq!(found, want, "{user} {verb} {resource}/{subresource}");
        }
        assert!(matches(&NoiseRule::default(), &AuditEvent::default()));
        assert!(NoiseRule::default().is_empty() && !rule.is_empty());
    }
}

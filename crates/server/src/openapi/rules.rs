//! Operations on rules: groups as YAML under four paths, and the states of rules and alerts.

use super::params::*;
use super::table::{Body, GET, Operation, POST, RANGE, RULE_PATHS, read};

/// All of them.
pub(super) fn operations() -> Vec<Operation> {
    let mut all = states();
    for paths in RULE_PATHS {
        all.extend(groups(paths));
    }
    all
}

fn groups([all, namespace, group]: [&'static str; 3]) -> [Operation; 6] {
    let yaml = |path, summary, params: &[Param]| Operation {
        methods: GET,
        body: Body::Yaml,
        answer: "Groups by namespace, or 404 `no rule groups found`.",
        ..read(path, summary, &[params])
    };
    let change = |path, methods, summary, params: &[Param]| Operation {
        methods,
        body: Body::Accepted,
        answer: "Done: the change is stored and holds.",
        ..read(path, summary, &[params])
    };
    const DELETE: &[&str] = &["DELETE"];
    [
        yaml(all, "Groups of rules", &[ANY_LABEL]),
        yaml(namespace, "Groups of a namespace", &[NAMESPACE, ANY_LABEL]),
        change(
            namespace,
            POST,
            "Set a group: YAML with `name`, `interval`, `limit`, `query_offset`, `labels`, `rules`",
            &[NAMESPACE],
        ),
        change(namespace, DELETE, "Remove a namespace", &[NAMESPACE]),
        Operation {
            answer: "The group, its version in `ETag`; or 404 `group does not exist`.",
            ..yaml(group, "A group of rules", &[NAMESPACE, GROUP])
        },
        change(group, DELETE, "Remove a group", &[NAMESPACE, GROUP]),
    ]
}

fn states() -> Vec<Operation> {
    let filters: [Param; 8] = [
        RULE_TYPE,
        RULE_NAME,
        RULE_GROUP,
        RULE_FILE,
        RULE_LABELS,
        EXCLUDE_ALERTS,
        GROUP_LIMIT,
        GROUP_TOKEN,
    ];
    let get = |path, summary, params: &[Param]| Operation {
        methods: GET,
        ..read(path, summary, &[params])
    };
    vec![
        get(
            "/prometheus/api/v1/rules",
            "Rules and their alerts",
            &filters,
        ),
        get(
            "/prometheus/api/v1/alerts",
            "Pending and firing alerts",
            &[],
        ),
        Operation {
            answer: "As `/prometheus/api/v1/rules`, each rule with its last 20 evaluations.",
            ..get(
                "/skald/api/v1/rules",
                "Rules with their last evaluations: time, cost, samples, error",
                &filters,
            )
        },
        Operation {
            methods: POST,
            answer: "Of each rule its evaluations with their cost, and every change of an alert with lines behind it.",
            ..read(
                "/skald/api/v1/rules/test",
                "Evaluate a group over a past range: YAML of one group",
                &[&RANGE],
            )
        },
    ]
}

//! What clients of Elasticsearch ask before they send: licence, health, templates, policies,
//! pipelines. Templates and the like are said to be there, and to be taken; nothing is kept of
//! them, as nothing needs them here.

use crate::reply::PushReply;
use crate::request::Question;
use serde_json::{Value, json};

pub(super) fn answer(question: &Question) -> PushReply {
    match question.method.as_str() {
        "GET" | "HEAD" => PushReply::json(200, &described(question)),
        _ => PushReply::json(200, &json!({"acknowledged": true})),
    }
}

fn described(question: &Question) -> Value {
    let name = question.parameters.get("name").unwrap_or("skald");
    let mut segments = question.path.trim_matches('/').split('/');
    match segments.next().unwrap_or_default() {
        "_license" => json!({"license": license()}),
        "_xpack" => json!({
            "build": {"hash": "skald", "date": "2026-01-01T00:00:00.000Z"},
            "license": license(),
            "features": {
                "ilm": {"available": true, "enabled": true},
                "security": {"available": true, "enabled": true},
            },
            "tagline": "You know, for X",
        }),
        "_cluster" => json!({
            "cluster_name": "skald",
            "status": "green",
            "timed_out": false,
            "number_of_nodes": 1,
            "number_of_data_nodes": 1,
            "active_primary_shards": 1,
            "active_shards": 1,
            "relocating_shards": 0,
            "initializing_shards": 0,
            "unassigned_shards": 0,
        }),
        "_nodes" => json!({
            "_nodes": {"total": 1, "successful": 1, "failed": 0},
            "cluster_name": "skald",
            "nodes": {},
        }),
        "_index_template" => json!({
            "index_templates": [{"name": name, "index_template": {"index_patterns": ["*"]}}],
        }),
        "_component_template" => json!({
            "component_templates": [{"name": name, "component_template": {"template": {}}}],
        }),
        "_data_stream" => json!({"data_streams": [{"name": name, "status": "GREEN"}]}),
        "_ilm" => json!({(name): {"version": 1, "policy": {"phases": {}}}}),
        _ => json!({(name): {}}),
    }
}

fn license() -> Value {
    json!({
        "status": "active",
        "uid": "skald",
        "type": "basic",
        "mode": "basic",
        "issued_to": "skald",
        "issuer": "elasticsearch",
    })
}

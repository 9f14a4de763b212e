//! The OpenAPI document describes the HTTP API, served at `/skald/api/v1/openapi.json`.
//!
//! The table lists every route with its parameters in our own words; here it becomes the document.
//! Tests see to it that the list and the router name the same paths and methods, and that the
//! parameters are checked.

mod own;
mod params;
mod rules;
mod table;

use params::{Kind, Param, Place};
use serde_json::{Map, Value, json};
use table::{Body, Operation};

pub(crate) use table::{RING_PAGES, RULE_PATHS};

/// The document.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    for operation in table::operations() {
        let item = paths
            .entry(operation.path)
            .or_insert_with(|| Value::Object(Map::new()));
        for method in operation.methods {
            item[method.to_lowercase()] = describe(&operation, method);
        }
    }
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Skald",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Loki's HTTP API and what Skald adds to it. A POST may send its parameters as a form; \
                what the form and the URL both have is taken from the form.",
        },
        "paths": paths,
        "components": {"schemas": {"Error": error_schema()}},
    })
}

fn describe(operation: &Operation, method: &str) -> Value {
    let mut described = json!({
        "operationId": operation_id(operation.path, method),
        "summary": operation.summary,
        "parameters": operation.params.iter().map(parameter).collect::<Vec<_>>(),
        "responses": {
            operation.body.status(): {"description": operation.answer, "content": content(operation.body)},
            "4XX": {"description": "The user's mistake: a text, or JSON when `Accept` names JSON alone.", "content": {
                "text/plain": {"schema": {"type": "string"}},
                "application/json": {"schema": {"$ref": "#/components/schemas/Error"}},
            }},
        },
    });
    if let (Body::None, true) = (operation.body, described["responses"]["204"].is_object()) {
        described["responses"]["204"] = json!({"description": operation.answer});
    }
    described
}

fn content(body: Body) -> Value {
    match body {
        Body::Yaml => json!({"application/yaml": {"schema": {"type": "object"}}}),
        Body::Json | Body::Accepted => json!({"application/json": {"schema": {"type": "object"}}}),
        Body::Lines => json!({"application/x-ndjson": {"schema": {"type": "object"}}}),
        Body::Text => json!({"text/plain": {"schema": {"type": "string"}}}),
        Body::Page => {
            json!({"text/html": {"schema": {"type": "string"}}, "application/json": {"schema": {"type": "object"}}})
        }
        Body::Stream => json!({
            "text/event-stream": {"schema": {"type": "string"}},
            "application/x-ndjson": {"schema": {"type": "object"}},
        }),
        Body::None => json!({}),
    }
}

fn parameter(param: &Param) -> Value {
    let place = match param.place {
        Place::Query => "query",
        Place::Path => "path",
        Place::Header => "header",
    };
    json!({
        "name": param.name,
        "in": place,
        "required": param.required || param.place == Place::Path,
        "description": param.about,
        "schema": schema(param.kind),
    })
}

fn schema(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Kind::Time => json!({"type": "string", "format": "loki-time"}),
        Kind::Duration => json!({"type": "string", "format": "loki-duration"}),
        Kind::Integer => json!({"type": "integer"}),
        Kind::Count => json!({"type": "integer", "minimum": 1}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::OneOf(values) => json!({"type": "string", "enum": values}),
    }
}

fn error_schema() -> Value {
    let text = json!({"type": "string"});
    json!({
        "type": "object",
        "required": ["status", "errorType", "error", "message"],
        "properties": {"status": {"type": "string", "enum": ["error"]}, "errorType": text, "error": text, "message": text},
    })
}

/// `get_loki_api_v1_label_name_values`
fn operation_id(path: &str, method: &str) -> String {
    let words = path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let index = (path.len() > 1 && path.ends_with('/')).then_some("index");
    std::iter::once(method.to_lowercase())
        .chain(words.chain(index).map(str::to_owned))
        .collect::<Vec<_>>()
        .join("_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn parameters_in_paths_are_described() {
        let document = document();
        for (path, item) in document["paths"].as_object().expect("an object") {
            let names: Vec<&str> = path
                .split('/')
                .filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            for operation in item.as_object().expect("an object").values() {
                let list = operation["parameters"].as_array().expect("a list");
                let described = list
                    .iter()
                    .filter(|p| p["in"] == "path")
                    .filter_map(|p| p["name"].as_str());
                assert_eq!(described.collect::<Vec<_>>(), names, "{path}");
            }
        }
    }

    #[test]
    fn no_method_of_a_path_is_described_twice() {
        let mut seen = BTreeSet::new();
        for operation in table::operations() {
            for method in operation.methods {
                assert!(seen.insert((operation.path, *method)), "{}", operation.path);
            }
        }
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let document = document();
        let items = document["paths"].as_object().expect("an object").values();
        let ids: Vec<String> = items
            .flat_map(|item| item.as_object().expect("an object").values())
            .map(|o| o["operationId"].to_string())
            .collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }
}

//! The OpenAPI document against the server that serves it: methods are those the routes take, and
//! each parameter that has a form is refused in another.

use serde_json::Value;
use skald_tests::http::Client;
use skald_tests::local::Local;
use std::collections::BTreeSet;

fn document(client: &Client) -> Value {
    let answer = client
        .send("GET", "/skald/api/v1/openapi.json", &[], b"")
        .expect("the server answers");
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("application/json; charset=UTF-8"))
    );
    serde_json::from_str(&answer.text).expect("the document is JSON")
}

/// The operations of the document: path, method, operation.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().expect("an object");
    let of = |path: &String, item: &Value| {
        let methods = item.as_object().expect("an object").clone();
        methods
            .into_iter()
            .map(|(method, operation)| (path.clone(), method, operation))
            .collect::<Vec<_>>()
    };
    paths
        .iter()
        .flat_map(|(path, item)| of(path, item))
        .collect()
}

/// A path with something in place of its parameters.
fn concrete(path: &str) -> String {
    path.split('/')
        .map(|s| if s.starts_with('{') { "x" } else { s })
        .collect::<Vec<_>>()
        .join("/")
}

#[test]
fn methods_are_those_that_routes_take() {
    let local = Local::start();
    let client = local.client();
    let document = document(&client);
    for (path, item) in document["paths"].as_object().expect("an object") {
        let described: BTreeSet<String> = item
            .as_object()
            .expect("an object")
            .keys()
            .map(|m| m.to_uppercase())
            .collect();
        let answer = client
            .send("PATCH", &concrete(path), &[], b"")
            .expect("the server answers");
        assert_eq!(answer.status, 405, "{path}");
        let allowed = answer.header("allow").unwrap_or_default().split(',');
        let allowed: BTreeSet<String> = allowed
            .map(|m| m.trim().to_owned())
            .filter(|m| m != "HEAD")
            .collect();
        assert_eq!(allowed, described, "{path}");
    }
}

#[test]
fn parameters_with_a_form_are_refused_in_another() {
    let local = Local::start();
    let client = local.client();
    let document = document(&client);
    let mut checked = 0;
    for (path, method, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().expect("a list") {
            let (name, schema) = (
                parameter["name"].as_str().expect("a name"),
                &parameter["schema"],
            );
            // Lists of values are those of Loki; a mode that is none shows everything, as there.
            let formed = schema["format"].is_string()
                || schema["type"] == "integer"
                || schema["enum"].is_array();
            if parameter["in"] != "query"
                || !formed
                || name == "mode"
                || (path == "/log_level" && method == "get")
            {
                continue;
            }
            let base = if name == "query" {
                ""
            } else {
                "query=%7Ba%3D%22b%22%7D&"
            };
            let extra = if path.ends_with("shards") {
                "targetBytesPerShard=1KB&"
            } else {
                ""
            };
            let query = format!("{base}{extra}{name}=nonsense");
            let form = [(
                "Content-Type".to_owned(),
                "application/x-www-form-urlencoded".to_owned(),
            )];
            let headers = [("Accept".to_owned(), "application/x-ndjson".to_owned())];
            let answer = match method.as_str() {
                "post" => client.send("POST", &concrete(&path), &form, query.as_bytes()),
                _ => client.send(
                    "GET",
                    &format!("{}?{query}", concrete(&path)),
                    &headers,
                    b"",
                ),
            };
            let answer = answer.expect("the server answers");
            assert_eq!(
                answer.status, 400,
                "{method} {path} {name}: {}",
                answer.text
            );
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked} parameters");
}

//! The dashboards of docker/grafana: each query of each panel and variable finds rows in samples of
//! every receiver.

mod samples;

use serde_json::Value;
use skald_tests::http::Client;
use skald_tests::query::Query;
use std::collections::BTreeSet;
use std::path::PathBuf;

const NANOSECONDS: i64 = 1_000_000_000;

/// All dashboards by their file's name.
fn dashboards() -> Vec<(String, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docker/grafana/dashboards");
    let files = std::fs::read_dir(folder).expect("the folder is there");
    let mut found: Vec<(String, Value)> = files
        .map(|file| {
            let path = file.expect("it can be listed").path();
            let text = std::fs::read_to_string(&path).expect("readable");
            let name = path.file_stem().expect("a name").to_string_lossy();
            let board = serde_json::from_str(&text).expect("a dashboard is JSON");
            (name.into_owned(), board)
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What Grafana puts in place of variables before it asks: its own, and all values of the
/// dashboard's.
fn substituted(query: &str, board: &Value, range: &str) -> String {
    let own = [
        ("$__rate_interval", "5m"),
        ("$__auto", "1d"),
        ("$__interval", "1d"),
        ("$__range", range),
    ];
    let mut query = query.to_owned();
    for (name, value) in own {
        query = query.replace(name, value);
    }
    for variable in list(&board["templating"]["list"]) {
        let value = text(&variable["allValue"]);
        query = query.replace(&format!("${}", text(&variable["name"])), value);
    }
    assert!(!query.contains('$'), "no variable has a name of {query}");
    query
}

/// Names of metrics in a query of Prometheus.
fn metrics_of(query: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    query.split(move |c| !is_part(c)).filter(|word| {
        ["skald_", "loki_", "process_"]
            .iter()
            .any(|p| word.starts_with(p))
    })
}

fn has(metrics: &str, name: &str) -> bool {
    ['{', ' ']
        .iter()
        .any(|end| metrics.contains(&format!("\n{name}{end}")))
}

/// Asks what a target of a panel asks of Loki, over all that the samples span.
fn asked(client: &Client, target: &Value, query: &str, from: i64, to: i64) -> Vec<Value> {
    let asked = match text(&target["queryType"]) {
        "instant" => Query::instant(query, to),
        "range" => Query::range(query, from, to)
            .with("step", "86400000ms")
            .with("limit", 1000),
        other => panic!("a query is instant or range, not {other:?}"),
    };
    let asked = asked.categorized();
    let answer = asked.ask(client);
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    asked.result(client)
}

#[test]
fn every_query_of_every_panel_finds_rows_in_the_samples() {
    let local = samples::server();
    let client = local.client();
    let (from, to) = samples::range();
    let range = format!("{}s", (to - from) / NANOSECONDS);
    for state in ["head", "parts"] {
        let metrics = Query::path("/metrics").ask(&client).text;
        let mut empty = Vec::new();
        for (file, board) in dashboards() {
            for panel in list(&board["panels"]) {
                let title = format!("{file}, {}", text(&panel["title"]));
                for target in list(&panel["targets"]) {
                    let query = substituted(text(&target["expr"]), &board, &range);
                    if target["datasource"]["type"] == "prometheus" {
                        let missing = metrics_of(&query).filter(|name| !has(&metrics, name));
                        empty.extend(missing.map(|name| format!("{title}: no metric {name}")));
                    } else if asked(&client, target, &query, from, to).is_empty() {
                        empty.push(format!("{title}: {query}"));
                    }
                }
            }
        }
        assert_eq!(empty, [""; 0], "from {state}");
        local.flush();
    }
}

#[test]
fn every_variable_has_values() {
    let local = samples::server();
    let client = local.client();
    let (from, to) = samples::range();
    for (file, board) in dashboards() {
        for variable in list(&board["templating"]["list"]) {
            let label = text(&variable["query"]["label"]);
            if variable["type"] != "query" || label.is_empty() {
                continue;
            }
            let path = format!("/loki/api/v1/label/{label}/values");
            let mut query = Query::path(path).with("start", from).with("end", to);
            let stream = text(&variable["query"]["stream"]);
            if !stream.is_empty() {
                query = query.with("query", stream);
            }
            let values = query.json(&client);
            assert!(!list(&values["data"]).is_empty(), "{file}: {variable}");
        }
    }
}

#[test]
fn dashboards_name_no_data_source_and_have_names_of_their_own() {
    let mut uids = BTreeSet::new();
    let boards = dashboards();
    for (file, board) in &boards {
        uids.insert(text(&board["uid"]).to_owned());
        let variables: Vec<String> = list(&board["templating"]["list"])
            .iter()
            .filter(|variable| variable["type"] == "datasource")
            .map(|variable| format!("${{{}}}", text(&variable["name"])))
            .collect();
        let panels = list(&board["panels"]);
        assert!(panels.len() >= 8, "{file}");
        let targets = panels.iter().flat_map(|panel| list(&panel["targets"]));
        for asking in panels.iter().chain(targets) {
            let uid = text(&asking["datasource"]["uid"]).to_owned();
            assert!(variables.contains(&uid), "{file}: {asking}");
        }
    }
    assert_eq!((boards.len(), uids.len()), (7, 7));
}

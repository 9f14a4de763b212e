//! The dashboard that comes with docker/compose.yaml: each of its queries parses and runs.

use serde_json::{Value, json};
use skald_tests::conformance;
use skald_tests::local::Local;

/// What Grafana puts in place of variables before it asks.
fn substituted(query: &str) -> String {
    [
        ("$__auto", "1m"),
        ("$__range", "1h"),
        ("$service", ".+"),
        ("$search", "a"),
    ]
    .iter()
    .fold(query.to_owned(), |query, (variable, value)| {
        query.replace(variable, value)
    })
}

#[test]
fn every_query_of_the_dashboard_runs() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docker/grafana/dashboards/skald.json"
    );
    let dashboard: Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("the dashboard is there"))
            .expect("JSON");
    let local = Local::start();
    let client = local.client();
    conformance::push(&client);
    let panels = dashboard["panels"]
        .as_array()
        .expect("a dashboard has panels");
    assert!(panels.len() >= 5);
    for panel in panels {
        for target in panel["targets"].as_array().expect("a panel has queries") {
            let query = substituted(target["expr"].as_str().expect("a query is text"));
            assert!(!query.contains('$'), "{query}");
            let instant = target["queryType"] == json!("instant");
            let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            let (path, params) = if instant {
                (
                    "/loki/api/v1/query",
                    vec![pair("query", &query), pair("time", "1772326800")],
                )
            } else {
                let range = vec![
                    pair("query", &query),
                    pair("start", "1772323200"),
                    pair("end", "1772326800"),
                    pair("step", "60000ms"),
                ];
                ("/loki/api/v1/query_range", range)
            };
            let reply = client.get(path, &params, &[]).expect("the server answers");
            assert_eq!(reply.status, 200, "{query}: {}", reply.text);
            let answer: Value = serde_json::from_str(&reply.text).expect("the answer is JSON");
            // Skald's own lines are not stored in a test; every other panel shows something.
            let found = answer["data"]["result"]
                .as_array()
                .is_some_and(|list| !list.is_empty());
            let empty_here = query.contains("service_name=\"skald\"");
            assert_eq!(found, !empty_here, "{}: {query}", panel["title"]);
        }
    }
}

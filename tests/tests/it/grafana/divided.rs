//! Streams in shards and kept counts, as Logs Drilldown asks for them.

use super::client::{From, Grafana, lines, result};
use super::schemas::{matrix, names, streams, vector};
use super::{END_NS, END_TEXT, START_NS, START_S, START_TEXT};
use serde_json::{Value, json};
use skald_tests::http::Client;

/// Streams that a writer has divided, and counts that it keeps of a service's lines: a minute each
/// of the hour's first ten.
pub(super) fn push_divided(client: &Client) {
    let values = |line: &dyn Fn(i64) -> String| -> Vec<Value> {
        (0..10)
            .map(|minute| {
                json!([
                    (START_S + minute * 60).to_string() + "000000000",
                    line(minute)
                ])
            })
            .collect()
    };
    let shard = |labels: Value| {
        let name = labels["__stream_shard__"]
            .as_str()
            .unwrap_or("none")
            .to_owned();
        json!({"stream": labels, "values": values(&|minute| format!("line {minute} of shard {name}"))})
    };
    let counts = |level: &str, count: i64| {
        let line = |minute: i64| {
            format!(
                "ts={START_S} bytes=1.5kB count={} service_name=\"divided\"",
                count + minute
            )
        };
        json!({"stream": {"__aggregated_metric__": "divided", "level": level}, "values": values(&line)})
    };
    let streams = [
        shard(json!({"app": "divided", "__stream_shard__": "0"})),
        shard(json!({"app": "divided", "__stream_shard__": "1"})),
        shard(json!({"app": "divided", "__stream_shard__": "2"})),
        shard(json!({"app": "divided"})),
        counts("info", 100),
        counts("error", 0),
    ];
    let reply = client
        .push(&json!({"streams": streams}).to_string())
        .expect("the server answers");
    assert_eq!(reply.status, 204, "{}", reply.text);
}

/// §3: what is asked of streams that are divided: groups of shards, one of them, then what is in
/// none.
pub(super) fn sharding(grafana: &Grafana) {
    let range = [
        ("query", "{app=\"divided\"}"),
        ("start", START_NS),
        ("end", END_NS),
    ];
    let shards = grafana.ask(
        From::Resource,
        "label/__stream_shard__/values",
        &range,
        &names(),
    );
    assert_eq!(shards["data"], json!(["0", "1", "2"]));
    let groups = [("=~\"2|1\"", 20), ("=\"0\"", 10), ("=\"\"", 10)];
    for (matcher, count) in groups {
        let query =
            format!("{{app=\"divided\", __stream_shard__{matcher}}} | drop __stream_shard__");
        let more = [("direction", "backward"), ("limit", "1000")];
        let found = grafana.range(From::Panel, &query, &more, &streams());
        assert_eq!(lines(&found), count, "{query}");
        assert!(
            result(&found)
                .iter()
                .all(|s| s["stream"].get("__stream_shard__").is_none()),
            "{query}"
        );
        let query = format!(
            "sum by (app) (count_over_time({{app=\"divided\", __stream_shard__{matcher}}}[15s]))"
        );
        let found = grafana.range(From::Panel, &query, &[], &matrix());
        assert_eq!(result(&found).len(), 1, "{query}");
        assert_eq!(total(&result(&found)[0]), count as f64, "{query}");
        let query = format!(
            "sum by (detected_level) (count_over_time({{service_name=`divided` , __stream_shard__{matcher}}} [15s]))"
        );
        grafana.range(
            From::Beside("grafana-lokiexplore-app"),
            &query,
            &[],
            &matrix(),
        );
    }
    let all = "sum by (app) (count_over_time({app=\"divided\"}[15s]))";
    let found = grafana.range(From::Panel, all, &[], &matrix());
    assert_eq!(total(&result(&found)[0]), 40.0);
    let one = [
        (
            "query",
            "sum(count_over_time({app=\"divided\", __stream_shard__=~\"0|1|2\"}[2h]))",
        ),
        ("time", END_NS),
    ];
    assert_eq!(
        result(&grafana.ask(From::Panel, "query", &one, &vector()))[0]["value"][1],
        "30"
    );
}

/// The sum of a series' points.
pub(super) fn total(series: &Value) -> f64 {
    let points = series["values"].as_array().expect("a series has points");
    points
        .iter()
        .filter_map(|point| point[1].as_str()?.parse::<f64>().ok())
        .sum()
}

/// §6: graphs out of counts that were kept while lines were written.
pub(super) fn aggregated(grafana: &Grafana) {
    let query = "sum by (detected_level) (sum_over_time({__aggregated_metric__=`divided`} | logfmt | unwrap count [15s]))";
    let found = grafana.range(
        From::Beside("grafana-lokiexplore-app"),
        query,
        &[],
        &matrix(),
    );
    let by_level = |level: &str| {
        let series = result(&found)
            .iter()
            .find(|s| s["metric"]["detected_level"] == level);
        series
            .map(total)
            .unwrap_or_else(|| panic!("no series of level {level}: {found}"))
    };
    // 100 and 0 in the first minute, one more in each of the nine after it.
    assert_eq!(
        (by_level("info"), by_level("error"), result(&found).len()),
        (1045.0, 45.0, 2)
    );
    let bytes = "sum(sum_over_time({__aggregated_metric__=~`.+`} | logfmt | unwrap bytes(bytes) | __error__=`` [2h])) by ()";
    let instant = [("query", bytes), ("time", END_NS)];
    let found = grafana.ask(From::Panel, "query", &instant, &vector());
    assert_eq!(result(&found)[0]["value"][1], "30000");
    let range = [("start", START_TEXT), ("end", END_TEXT)];
    let services = grafana.ask(
        From::Drilldown,
        "label/__aggregated_metric__/values",
        &range,
        &names(),
    );
    assert_eq!(services["data"], json!(["divided"]));
    let lines = grafana.range(
        From::Panel,
        "{__aggregated_metric__=`divided`} | logfmt",
        &[("limit", "100")],
        &streams(),
    );
    assert!(
        result(&lines)
            .iter()
            .all(|s| s["stream"].get("service_name").is_none()),
        "counts are of no service themselves"
    );
}

//! What panels, the label browser, Explore and Logs Drilldown ask, screen by screen.

use super::client::{From, Grafana, lines, result};
use super::schemas::{fields, matrix, names, streams, vector};
use super::{API, END_NS, END_TEXT, START_NS, START_TEXT};
use serde_json::json;

/// §2: what panels ask.
pub(super) fn panels(grafana: &Grafana) {
    let health = [
        ("direction", "backward"),
        ("query", "vector(1)+vector(1)"),
        ("time", "4000000000"),
    ];
    let answer = grafana.ask(From::Panel, "query", &health, &vector());
    assert_eq!(
        answer["data"]["result"],
        json!([{"metric": {}, "value": [4_000_000_000i64, "2"]}])
    );
    let backward = [("direction", "backward"), ("limit", "1000")];
    let answer = grafana.range(
        From::Panel,
        "{app=\"nginx\"} |= \"GET\" | logfmt",
        &backward,
        &streams(),
    );
    assert!((1..=1000).contains(&lines(&answer)));
    let forward = [("direction", "forward"), ("limit", "10")];
    assert_eq!(
        lines(&grafana.range(From::Panel, "{app=\"api\"} | json", &forward, &streams())),
        10
    );
    let rate = "sum by (app) (rate({env=\"prod\"}[1m]))";
    let answer = grafana.range(From::Panel, rate, &[("direction", "backward")], &matrix());
    for series in result(&answer) {
        let points = series["values"].as_array().expect("points");
        assert!(
            points
                .iter()
                .all(|p| p[0].as_i64().is_some_and(|t| t % 15 == 0)),
            "points lie at multiples of the step"
        );
    }
    let instant = [
        (
            "query",
            "topk(3, sum by (app) (count_over_time({env=\"prod\"}[1h])))",
        ),
        ("time", END_NS),
    ];
    assert_eq!(
        result(&grafana.ask(From::Panel, "query", &instant, &vector())).len(),
        3
    );
}

/// §3: splitting, sharding, and chunks that join.
pub(super) fn splitting(grafana: &Grafana) {
    let range = [
        ("query", "{app=\"nginx\"}"),
        ("start", START_NS),
        ("end", END_NS),
    ];
    let shards = grafana.ask(
        From::Resource,
        "label/__stream_shard__/values",
        &range,
        &names(),
    );
    assert!(shards.get("data").is_none(), "streams are not divided");
    let query = "{app=\"nginx\"} | drop __stream_shard__";
    let middle = "1772325000000000000";
    let chunk = |start: &str, end: &str| {
        let params = [
            ("query", query),
            ("start", start),
            ("end", end),
            ("step", "15000ms"),
            ("limit", "1000"),
        ];
        lines(&grafana.ask(From::Panel, "query_range", &params, &streams()))
    };
    assert_eq!(
        chunk(START_NS, middle) + chunk(middle, END_NS),
        chunk(START_NS, END_NS)
    );
    let sharded = "sum by (app) (count_over_time({app=\"nginx\", __stream_shard__=\"\"}[1m]))";
    assert!(!result(&grafana.range(From::Panel, sharded, &[], &matrix())).is_empty());
}

/// §4: the label browser, the editor and its hints, alerting's probes.
pub(super) fn resources(grafana: &Grafana) {
    let range = [("start", START_NS), ("end", END_NS)];
    let with = |more: &[(&'static str, &'static str)]| [&range[..], more].concat();
    assert!(
        grafana.ask(From::Resource, "labels", &range, &names())["data"]
            .as_array()
            .is_some_and(|l| l.len() > 5)
    );
    grafana.ask(
        From::Resource,
        "labels",
        &with(&[("query", "{app=\"nginx\"}")]),
        &names(),
    );
    let values = grafana.ask(
        From::Resource,
        "label/env/values",
        &with(&[("query", "{app=\"nginx\"}")]),
        &names(),
    );
    assert_eq!(values["data"], json!(["prod", "staging"]));
    let series = json!({"status": "=success", "data": [{"*": "filled"}]});
    let found = grafana.ask(
        From::Resource,
        "series",
        &with(&[("match[]", "{app=\"nginx\"}")]),
        &series,
    );
    assert_eq!(found["data"].as_array().map(Vec::len), Some(4));
    let counts =
        json!({"streams": "count", "chunks": "count", "bytes": "count", "entries": "count"});
    let hint = grafana.ask(
        From::Resource,
        "index/stats",
        &with(&[("query", "{app=\"nginx\"}")]),
        &counts,
    );
    assert_eq!(
        (hint["streams"].as_u64(), hint["entries"].as_u64()),
        (Some(4), Some(880))
    );
    let sample = [("limit", "10"), ("direction", "backward")];
    assert_eq!(
        lines(&grafana.range(
            From::Beside("datasample"),
            "{app=\"api\"}",
            &sample,
            &streams()
        )),
        10
    );
    let fields = grafana.ask(
        From::Resource,
        "detected_fields",
        &with(&[("query", "{app=\"api\"}"), ("limit", "1000")]),
        &fields(),
    );
    assert!(
        fields["fields"]
            .as_array()
            .is_some_and(|f| f.iter().any(|f| f["parsers"] == json!(["json"])))
    );
    let values = with(&[("query", "{app=\"api\"}"), ("limit", "1000")]);
    grafana.ask(
        From::Resource,
        "detected_field/detected_level/values",
        &values,
        &json!({"values": ["text"], "limit": "count"}),
    );
    let build = json!({"version": "filled", "revision": "text", "branch": "text", "buildUser": "text", "buildDate": "text", "goVersion": "text"});
    grafana.ask(From::Resource, "status/buildinfo", &[], &build);
    let rules = grafana
        .client
        .get(&format!("{API}/rules/test/test"), &[], &[])
        .expect("the server answers");
    assert_eq!(
        (rules.status, rules.text.trim_end()),
        (404, "group does not exist")
    );
}

/// §5: what Explore asks beside the query.
pub(super) fn explore(grafana: &Grafana) {
    let volume = "sum by (level, detected_level) (count_over_time({app=\"api\"} | json | drop __error__[1m]))";
    assert!(!result(&grafana.range(From::Beside("logvolhist"), volume, &[], &matrix())).is_empty());
    assert_eq!(
        lines(&grafana.range(
            From::Beside("logsample"),
            "{app=\"api\"}",
            &[("limit", "100")],
            &streams()
        )),
        100
    );
    let row = "1772325000000000000";
    let context = |start: &str, end: &str, direction: &str| {
        let query = "{app=\"api\",env=\"prod\"}";
        let params = [
            ("query", query),
            ("start", start),
            ("end", end),
            ("step", "15000ms"),
            ("limit", "50"),
            ("direction", direction),
        ];
        lines(&grafana.ask(From::Panel, "query_range", &params, &streams()))
    };
    assert_eq!(context("1772317800000000000", row, "backward"), 50);
    assert_eq!(context(row, "1772332200000000000", "forward"), 50);
    let more = [("limit", "30"), ("direction", "backward")];
    assert_eq!(
        lines(&grafana.range(
            From::Beside("infinitescroll"),
            "{app=\"nginx\"}",
            &more,
            &streams()
        )),
        30
    );
}

/// §6: Logs Drilldown, screen by screen.
pub(super) fn drilldown(grafana: &Grafana) {
    let range = [("start", START_TEXT), ("end", END_TEXT)];
    let with = |more: &[(&'static str, &'static str)]| [&range[..], more].concat();
    let limits = json!({"limits": {"retention_period": "text", "max_query_series": "count", "volume_enabled": "true or false",
        "max_entries_limit_per_query": "count", "query_timeout": "filled", "...": ""},
        "pattern_ingester_enabled": "true or false", "version": "filled"});
    grafana.ask(From::Drilldown, "drilldown-limits", &[], &limits);
    let services = with(&[("query", "{service_name=~`.+`}"), ("limit", "5000")]);
    let found = grafana.ask(From::Drilldown, "index/volume", &services, &vector());
    assert!(result(&found).len() > 5);
    grafana.ask(From::Drilldown, "labels", &range, &names());
    let detected = json!({"detectedLabels?": [{"label": "filled", "cardinality": "count"}]});
    for query in ["{service_name=`api`}", ""] {
        grafana.ask(
            From::Drilldown,
            "detected_labels",
            &with(&[("query", query)]),
            &detected,
        );
    }
    let parsed = "{service_name=`api`} | json | logfmt | drop __error__, __error_details__";
    grafana.ask(
        From::Drilldown,
        "detected_fields",
        &with(&[("query", parsed)]),
        &fields(),
    );
    let patterns = json!({"status": "=success", "data": [{"pattern": "filled", "level": "text", "samples": [["count", "count"]]}]});
    let found = grafana.ask(
        From::Drilldown,
        "patterns",
        &with(&[("query", "{service_name=`nginx`}"), ("step", "10s")]),
        &patterns,
    );
    assert!(found["data"].as_array().is_some_and(|p| {
        p.iter()
            .any(|p| p["pattern"].as_str().is_some_and(|p| p.contains("<_>")))
    }));
    for query in [
        "{service_name=`api`} | detected_level=\"error\" or detected_level=\"warn\" |= `` | json | logfmt | drop __error__, __error_details__",
        "{service_name=`api`} | json | logfmt | drop __error__, __error_details__ | status=\"500\" or status=\"200\"",
        "{service_name=`nginx`} |> `<_> GET <_>`",
        "{service_name=`nginx`} !> `<_> POST <_>`",
    ] {
        grafana.range(
            From::Beside("grafana-lokiexplore-app"),
            query,
            &[("limit", "1000")],
            &streams(),
        );
    }
    for query in [
        "sum by (detected_level) (count_over_time({service_name=`api`} |= `` [1m]))",
        "sum(count_over_time({service_name=`api`} | json | logfmt | drop __error__, __error_details__ | status != \"\" [1m])) by (status)",
        "sum by (env) (count_over_time({service_name=`api` ,env != \"\"} [1m]))",
        "avg_over_time({service_name=`api`} | json | logfmt | drop __error__, __error_details__ | status!=\"\" | unwrap status | __error__=\"\" [1m]) by ()",
    ] {
        let found = grafana.range(
            From::Beside("grafana-lokiexplore-app"),
            query,
            &[],
            &matrix(),
        );
        assert!(!result(&found).is_empty(), "{query}");
    }
    let distribution = "sum by (status) (count_over_time({service_name=`api`} | json | drop __error__, __error_details__ | keep status [3600s]))";
    let found = grafana.ask(
        From::Panel,
        "query",
        &[("query", distribution), ("time", END_NS)],
        &vector(),
    );
    assert!(!result(&found).is_empty());
}

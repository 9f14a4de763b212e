//! A person at Grafana: every request that the Loki data source and Logs Drilldown make, in the order they make
//! them and with their headers, over the conformance data set. Each answer is checked against a schema and for
//! having something in it.

use serde_json::{Value, json};
use skald_tests::conformance;
use skald_tests::http::Client;
use skald_tests::local::Local;
use skald_tests::schema;

/// The data set's hour.
const START_S: i64 = 1_772_323_200;
const START_NS: &str = "1772323200000000000";
const END_NS: &str = "1772326800000000000";
const START_TEXT: &str = "2026-03-01T00:00:00.000Z";
const END_TEXT: &str = "2026-03-01T01:00:00.000Z";

const API: &str = "/loki/api/v1";

/// Who asks, told by headers.
#[derive(Clone, Copy)]
enum From {
    /// The data source, for a panel.
    Panel,
    /// The data source, for something beside a panel.
    Beside(&'static str),
    /// The label browser and the editor: no headers of Loki's.
    Resource,
    /// Logs Drilldown.
    Drilldown,
}

fn headers(from: From) -> Vec<(String, String)> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let categorize = pair("X-Loki-Response-Encoding-Flags", "categorize-labels");
    match from {
        From::Panel => vec![categorize],
        From::Beside(source) => vec![
            categorize,
            pair("X-Query-Tags", &format!("Source={source}")),
        ],
        From::Resource => vec![],
        From::Drilldown => vec![pair("X-Query-Tags", "Source=grafana-lokiexplore-app")],
    }
}

struct Grafana {
    client: Client,
}

impl Grafana {
    /// Asks, checks the answer's form, gives the answer.
    fn ask(&self, from: From, path: &str, params: &[(&str, &str)], schema: &Value) -> Value {
        let params: Vec<(String, String)> = params
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        let reply = self
            .client
            .get(&format!("{API}/{path}"), &params, &headers(from))
            .expect("the server answers");
        assert_eq!(reply.status, 200, "{path} {params:?}: {}", reply.text);
        let answer: Value = serde_json::from_str(&reply.text).expect("the answer is JSON");
        if let Err(why) = schema::check(schema, &answer) {
            panic!("{path} {params:?}: {why}");
        }
        answer
    }

    /// A range query of a panel over the hour.
    fn range(&self, from: From, query: &str, more: &[(&str, &str)], schema: &Value) -> Value {
        let params = [
            &[
                ("query", query),
                ("start", START_NS),
                ("end", END_NS),
                ("step", "15000ms"),
            ][..],
            more,
        ]
        .concat();
        self.ask(from, "query_range", &params, schema)
    }
}

fn stats() -> Value {
    let summary = json!({
        "bytesProcessedPerSecond": "count", "linesProcessedPerSecond": "count", "totalBytesProcessed": "count",
        "totalLinesProcessed": "count", "execTime": "number", "...": "",
    });
    json!({"summary": summary, "querier": {"...": ""}, "ingester": {"...": ""}, "...": ""})
}

/// Lines with the flag: three elements each.
fn streams() -> Value {
    let categories = json!({"structuredMetadata?": {"*": "filled"}, "parsed?": {"*": "text"}});
    json!({"status": "=success", "warnings?": ["text"], "data": {
        "resultType": "=streams", "encodingFlags": ["=categorize-labels"], "stats": stats(),
        "result": [{"stream": {"*": "filled"}, "values": [["nanoseconds", "text", categories]]}],
    }})
}

fn matrix() -> Value {
    json!({"status": "=success", "warnings?": ["text"], "data": {
        "resultType": "=matrix", "stats": stats(),
        "result": [{"metric": {"*": "text"}, "values": [["number", "sample"]]}],
    }})
}

fn vector() -> Value {
    json!({"status": "=success", "warnings?": ["text"], "data": {
        "resultType": "=vector", "stats": stats(), "result": [{"metric": {"*": "text"}, "value": ["number", "sample"]}],
    }})
}

fn names() -> Value {
    json!({"status": "=success", "data?": ["filled"]})
}

fn result(answer: &Value) -> &Vec<Value> {
    answer["data"]["result"]
        .as_array()
        .expect("a result is a list")
}

fn lines(answer: &Value) -> usize {
    result(answer)
        .iter()
        .map(|s| s["values"].as_array().map_or(0, Vec::len))
        .sum()
}

/// §2: what panels ask.
fn panels(grafana: &Grafana) {
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
fn splitting(grafana: &Grafana) {
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

/// Streams that a writer has divided, and counts that it keeps of a service's lines: a minute each of the hour's first ten.
fn push_divided(client: &Client) {
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

/// §3: what is asked of streams that are divided: groups of shards, one of them, then what is in none.
fn sharding(grafana: &Grafana) {
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
fn total(series: &Value) -> f64 {
    let points = series["values"].as_array().expect("a series has points");
    points
        .iter()
        .filter_map(|point| point[1].as_str()?.parse::<f64>().ok())
        .sum()
}

/// §6: graphs out of counts that were kept while lines were written.
fn aggregated(grafana: &Grafana) {
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

/// §4: the label browser, the editor and its hints, alerting's probes.
fn resources(grafana: &Grafana) {
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

fn fields() -> Value {
    let field = json!({"label": "filled", "type": "filled", "cardinality": "count", "parsers": "anything", "jsonPath?": ["text"]});
    json!({"fields": [field], "limit": "count"})
}

/// §5: what Explore asks beside the query.
fn explore(grafana: &Grafana) {
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
fn drilldown(grafana: &Grafana) {
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

fn session(local: &Local) {
    let grafana = Grafana {
        client: local.client(),
    };
    panels(&grafana);
    splitting(&grafana);
    sharding(&grafana);
    aggregated(&grafana);
    resources(&grafana);
    explore(&grafana);
    drilldown(&grafana);
}

#[test]
fn a_session_is_answered_as_grafana_expects() {
    let local = Local::start();
    conformance::push(&local.client());
    push_divided(&local.client());
    session(&local);
    local.flush();
    session(&local);
}

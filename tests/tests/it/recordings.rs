//! Recording rules: what is sent by remote write is what is stored, and can be asked for.

use prost::Message;
use serde_json::Value;
use skald_tests::http::Client;
use skald_tests::local::Local;
use skald_tests::sink::{Sink, Taken};
use std::collections::BTreeMap;

const GROUP: &str = "
name: counts
interval: 1s
labels: {team: red}
rules:
  - record: app:errors:rate1h
    expr: sum by (app) (rate({app=~\".+\"} |= \"error\" [1h]))
";

/// `WriteRequest` of remote write 1.0.
#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

fn series(taken: &Taken) -> Vec<TimeSeries> {
    assert_eq!(taken.target, "POST /api/v1/write");
    assert_eq!(taken.header("x-scope-orgid"), Some("fake"));
    let plain = snap::raw::Decoder::new().decompress_vec(&taken.body);
    let request = WriteRequest::decode(&plain.expect("snappy")[..]);
    request.expect("a WriteRequest").timeseries
}

fn push(client: &Client, app: &str, lines: usize) {
    let now = jiff::Timestamp::now().as_nanosecond();
    let line = |i: usize| serde_json::json!([(now - i as i128).to_string(), format!("error {i}")]);
    let values: Vec<Value> = (0..lines).map(line).collect();
    let body = serde_json::json!({"streams": [{"stream": {"app": app}, "values": values}]});
    let reply = client.push(&body.to_string()).expect("the server answers");
    assert_eq!(reply.status, 204, "{}", reply.text);
}

/// The value of each series at an instant in milliseconds, by the label `app`.
fn stored(client: &Client, milliseconds: i64) -> BTreeMap<String, f64> {
    let query =
        "last_over_time({__name__=\"app:errors:rate1h\", team=\"red\"} | unwrap value [5m])";
    let params = [
        ("query".to_owned(), query.to_owned()),
        ("time".to_owned(), format!("{milliseconds}000000")),
    ];
    let reply = client.get("/loki/api/v1/query", &params, &[]);
    let reply = reply.expect("the server answers");
    let answer: Value =
        serde_json::from_str(&reply.text).unwrap_or_else(|_| panic!("{}", reply.text));
    let result = answer["data"]["result"].as_array().expect("a vector");
    let sample = |sample: &Value| {
        let app = sample["metric"]["app"].as_str().unwrap_or_default();
        let value = sample["value"][1]
            .as_str()
            .and_then(|text| text.parse().ok());
        (app.to_owned(), value.expect("a number"))
    };
    result.iter().map(sample).collect()
}

#[test]
fn what_is_stored_is_what_remote_write_sent() {
    let sink = Sink::start();
    let local = Local::start_with(|config| {
        let text = format!(
            "ruler: {{remote_write: {{enabled: true, clients: {{sink: {{url: 'http://{}/api/v1/write', \
             queue_config: {{batch_send_deadline: 100ms}}}}}}}}}}",
            sink.address
        );
        let read = skald_server::config::file::apply(config, &text, &[], |_| None);
        read.expect("the settings are good");
        config.auth_enabled = false;
        config.server.http_listen_address = "127.0.0.1".to_owned();
    });
    let client = local.client();
    push(&client, "web", 7);
    push(&client, "db", 3);
    let posted = client.send("POST", "/loki/api/v1/rules/counts", &[], GROUP.as_bytes());
    assert_eq!(posted.expect("the server answers").status, 202);
    let has_both = |taken: &Taken| {
        let of = |app: &str| {
            let has = |label: &Label| label.name == "app" && label.value == app;
            series(taken)
                .iter()
                .any(|series| series.labels.iter().any(has))
        };
        of("web") && of("db")
    };
    let taken = sink.next(has_both);
    for series in series(&taken) {
        let labels: Vec<String> = series
            .labels
            .iter()
            .map(|label| format!("{}={}", label.name, label.value))
            .collect();
        let app = labels[1].strip_prefix("app=").expect("sorted labels");
        let expected = [
            "__name__=app:errors:rate1h".to_owned(),
            format!("app={app}"),
            "team=red".to_owned(),
        ];
        assert_eq!(labels, expected);
        for sample in series.samples {
            let stored = stored(&client, sample.timestamp);
            assert_eq!(
                stored.get(app),
                Some(&sample.value),
                "{app} at {}",
                sample.timestamp
            );
        }
    }
    let rate = |lines: f64| lines / 3600.0;
    let last = series(&taken)[0]
        .samples
        .last()
        .expect("a sample")
        .timestamp;
    let stored = stored(&client, last);
    assert_eq!(
        stored,
        BTreeMap::from([("db".to_owned(), rate(3.0)), ("web".to_owned(), rate(7.0))])
    );
}

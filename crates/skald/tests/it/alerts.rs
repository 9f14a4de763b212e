//! A rule's whole way: posted over HTTP, pending, through `kill -9`, firing at an Alertmanager,
//! resolved.

use crate::BINARY;
use serde_json::{Value, json};
use skald_tests::http::Client;
use skald_tests::process::Skald;
use skald_tests::sink::{Sink, Taken};
use std::path::Path;
use std::time::{Duration, Instant};

/// `for` of the rule, nanoseconds.
const HOLD: i128 = 4_000_000_000;

/// The alert goes on until a line says that all is well, however long the machine takes.
const GROUP: &str = r#"
name: errors
interval: 1s
rules:
  - alert: Errors
    expr: |
      sum by (app) (count_over_time({app="web"} |= "error" [1h])) > 0
        unless sum by (app) (count_over_time({app="web"} |= "recovered" [1h]))
    for: 4s
    labels:
      severity: page
    annotations:
      summary: '{{ $labels.app }} has {{ $value }} errors'
      lines: '{{ range samples 2 }}[{{ .Line }}]{{ end }}'
"#;

fn push(client: &Client, line: &str) {
    let values = [[now().to_string(), line.to_owned()]];
    let body = json!({"streams": [{"stream": {"app": "web"}, "values": values}]});
    let reply = client.push(&body.to_string()).expect("the server answers");
    assert_eq!(reply.status, 204, "{}", reply.text);
}

/// The one alert there is, once it has a state.
fn alert(client: &Client, state: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let reply = client.get("/prometheus/api/v1/alerts", &[], &[]);
        let reply = reply.expect("the server answers");
        let answer: Value = serde_json::from_str(&reply.text).unwrap_or_default();
        let alert = &answer["data"]["alerts"][0];
        if reply.status == 200 && alert["state"] == state {
            return alert.clone();
        }
        assert!(Instant::now() < deadline, "{}", reply.text);
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The alerts of a request.
fn sent(taken: &Taken) -> Vec<Value> {
    assert_eq!(taken.target, "POST /api/v2/alerts");
    assert_eq!(taken.header("content-type"), Some("application/json"));
    serde_json::from_slice(&taken.body).expect("alerts are JSON")
}

/// Nanoseconds since 1970.
fn time(value: &Value) -> i128 {
    let text = value.as_str().expect("a time");
    let timestamp: jiff::Timestamp = text.parse().expect("RFC 3339");
    timestamp.as_nanosecond()
}

fn now() -> i128 {
    jiff::Timestamp::now().as_nanosecond()
}

fn start(data: &Path, sink: &Sink) -> Skald {
    let config = data.with_extension("yaml");
    let text = format!(
        "ruler: {{alertmanager_url: 'http://{}', resend_delay: 1s, external_url: 'http://grafana', \
         external_labels: {{cluster: test}}}}\n",
        sink.address
    );
    std::fs::write(&config, text).expect("the file is written");
    let config = config.display().to_string();
    Skald::start(Path::new(BINARY), data, &["--config", &config])
}

#[test]
fn an_alert_survives_a_kill_fires_and_resolves() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, sink) = (folder.path().join("data"), Sink::start());
    let server = start(&data, &sink);
    let posted = server
        .client()
        .send("POST", "/api/prom/rules/web", &[], GROUP.as_bytes());
    let posted = posted.expect("the server answers");
    assert_eq!(posted.status, 202, "{}", posted.text);
    push(&server.client(), "error 1");
    let pending = alert(&server.client(), "pending");
    assert_eq!(
        pending["labels"],
        json!({"alertname": "Errors", "app": "web", "severity": "page"})
    );
    server.kill();

    let server = start(&data, &sink);
    let firing = alert(&server.client(), "firing");
    assert_eq!(firing["activeAt"], pending["activeAt"]);
    let taken = sink.next(|taken| !sent(taken).is_empty());
    let [arrived] = &sent(&taken)[..] else {
        panic!("one alert: {taken:?}");
    };
    let expected =
        json!({"alertname": "Errors", "app": "web", "cluster": "test", "severity": "page"});
    assert_eq!(arrived["labels"], expected);
    let annotations = json!({"lines": "[error 1]", "summary": "web has 1 errors"});
    assert_eq!(arrived["annotations"], annotations);
    let link = arrived["generatorURL"].as_str().unwrap_or_default();
    assert!(link.starts_with("http://grafana/explore?left="), "{link}");
    let held = time(&arrived["startsAt"]) - time(&pending["activeAt"]);
    assert!(held >= HOLD, "{arrived} {pending}");
    assert!(
        time(&arrived["endsAt"]) > time(&arrived["startsAt"]),
        "{arrived}"
    );

    push(&server.client(), "recovered");
    // What fires ends after the next sends.
    let is_resolved = |alert: &Value| time(&alert["endsAt"]) <= now();
    let taken = sink.next(|taken| sent(taken).iter().any(is_resolved));
    assert_eq!(sent(&taken)[0]["labels"], expected);
    let alerts = server.client().get("/prometheus/api/v1/alerts", &[], &[]);
    let alerts = alerts.expect("the server answers").text;
    assert!(alerts.contains("\"alerts\":[]"), "{alerts}");
    assert!(server.terminate());
}

//! A server with samples of what every receiver takes, recorded from real programs where they are.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use skald_server::config::syslog::SyslogListener;
use skald_syslog::listen::settings::Transport;
use skald_tests::local::Local;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 2026-11-30T00:00:00Z, in seconds: samples are of this day.
const DAY: i64 = 1_795_996_800;
const SECONDS_PER_DAY: i64 = 86_400;
const NANOSECONDS: i64 = 1_000_000_000;

/// Flows as Goldmane's emitter writes them: one that was denied at its source, one that arrived.
const CALICO: &str = r#"{"Key":{"source_name":"web-7c5ddbdf54-*","source_namespace":"shop","source_type":1,"dest_name":"pub","dest_type":4,"dest_port":443,"dest_service_name":"-","proto":"tcp","reporter":1,"action":2,"policies":{"enforced_policies":[{"kind":2,"name":"deny-out","namespace":"shop","action":2}]}},"start_time":1796040000,"end_time":1796040015,"packets_in":1,"packets_out":2,"bytes_in":100,"bytes_out":"200","num_connections_started":3}
{"Key":{"source_name":"web-7c5ddbdf54-*","source_namespace":"shop","source_type":1,"dest_name":"db-*","dest_namespace":"data","dest_type":1,"dest_port":5432,"proto":"tcp","reporter":2,"action":1},"start_time":1796040000,"end_time":1796040015,"packets_in":1,"packets_out":2,"bytes_in":100,"bytes_out":"200"}
"#;

/// Lines of Hubble's export: a drop, a question to DNS, lost events.
const HUBBLE: &str = r#"{"flow":{"time":"2026-11-30T12:00:00.5Z","verdict":"DROPPED","drop_reason_desc":"POLICY_DENIED","l4":{"TCP":{"destination_port":80}},"source":{"namespace":"a","pod_name":"x-0"},"destination":{"labels":["reserved:world"]},"Type":"L3_L4","node_name":"c/n","traffic_direction":"EGRESS"},"node_name":"c/n","time":"2026-11-30T12:00:00.5Z"}
{"flow":{"time":"2026-11-30T12:00:02Z","verdict":"FORWARDED","l4":{"UDP":{"destination_port":53}},"source":{"namespace":"shop","pod_name":"web-0"},"destination":{"namespace":"kube-system","pod_name":"coredns-0"},"Type":"L7","l7":{"type":"REQUEST","dns":{"query":"db.data.svc.cluster.local.","qtypes":["A"]}},"node_name":"c/n","traffic_direction":"EGRESS"},"node_name":"c/n","time":"2026-11-30T12:00:02Z"}
{"lost_events":{"num_events_lost":"12"},"node_name":"c/n","time":"2026-11-30T12:00:01Z"}
"#;

/// An entry of a service's unit; the recorded journal has none.
const JOURNAL: &str = "__CURSOR=s=1;i=1\n__REALTIME_TIMESTAMP=1796075914411354\n_HOSTNAME=node-1\n_TRANSPORT=stdout\n_SYSTEMD_UNIT=shop.service\nPRIORITY=6\nMESSAGE=started\n\n";

/// Own lines as the server writes them; a server in a test stores none.
const OWN: [(&str, &str); 2] = [
    (
        "info",
        r#"ts=2026-11-30T12:00:00Z level=info caller=skald_server::telemetry::query_log component=querier latency=fast query="{app=\"a\"}" query_type=limited duration=0.003285s status=200"#,
    ),
    (
        "warn",
        r#"ts=2026-11-30T12:00:01Z level=warn caller=skald_server::server msg="a push was refused""#,
    ),
];

/// From the samples' day to now, nanoseconds since 1970: what can't be read has the time of arrival.
pub(super) fn range() -> (i64, i64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("after 1970").as_secs() as i64;
    let from = DAY.min(now - SECONDS_PER_DAY);
    let to = (DAY + SECONDS_PER_DAY).max(now + SECONDS_PER_DAY);
    (from * NANOSECONDS, to * NANOSECONDS)
}

/// The server.
pub(super) fn server() -> Local {
    let local = Local::start_with(|config| {
        config.limits.creation_grace_period = Duration::from_secs(100 * 365 * 86_400);
        config.syslog.listeners = vec![SyslogListener {
            address: "127.0.0.1:0".parse().expect("an address"),
            transport: Transport::Udp,
            zone: "UTC".to_owned(),
            ..SyslogListener::default()
        }];
    });
    let pushes = Pushes(&local);
    for body in recorded("k8s-audit") {
        pushes.post("/ingest/k8s-audit/east", &[], &body);
    }
    for body in recorded("falco") {
        pushes.post("/ingest/falco", &[], &body);
    }
    pushes.post("/ingest/calico-flows", &[], CALICO.as_bytes());
    pushes.post("/ingest/hubble", &[], HUBBLE.as_bytes());
    let kind = [("Content-Type", "application/vnd.fdo.journal")];
    for body in recorded("journal-upload") {
        pushes.post("/upload", &kind, &body);
    }
    pushes.post("/upload", &kind, JOURNAL.as_bytes());
    pushes.lines("istio-proxy", &recorded("envoy-access-logs"));
    pushes.own();
    pushes.otlp();
    pushes.refused();
    syslog(&local);
    local
}

fn records(name: &str) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{name}.jsonl"));
    let text = std::fs::read_to_string(path).expect("a fixture");
    let record = |line| serde_json::from_str(line).expect("fixtures are JSON");
    text.lines().map(record).collect()
}

fn decoded(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("a text");
    STANDARD.decode(text).expect("base64")
}

/// Recorded bodies, and each line of recorded files.
fn recorded(name: &str) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for record in records(name) {
        let body = Some(&record["body_base64"]).filter(|body| body.is_string());
        bodies.extend(body.map(decoded));
        let lines = record["lines"].as_array().into_iter().flatten();
        bodies.extend(lines.map(|line| line.as_str().expect("lines are texts").into()));
    }
    bodies
}

/// Pushes of samples to a server.
struct Pushes<'a>(&'a Local);

impl Pushes<'_> {
    fn status(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> u16 {
        let headers: Vec<(String, String)> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let client = self.0.client();
        let answer = client.send("POST", path, &headers, body);
        answer.expect("the server answers").status
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) {
        let status = self.status(path, headers, body);
        assert!((200..300).contains(&status), "{path}: {status}");
    }

    fn push(&self, body: &Value) {
        let kind = [("Content-Type", "application/json")];
        self.post("/loki/api/v1/push", &kind, body.to_string().as_bytes());
    }

    /// Lines of a program, one a second.
    fn lines(&self, app: &str, lines: &[Vec<u8>]) {
        let value = |(at, line): (usize, &Vec<u8>)| {
            let time = (DAY + 43_200 + at as i64) * NANOSECONDS;
            json!([time.to_string(), String::from_utf8_lossy(line)])
        };
        let values: Vec<Value> = lines.iter().enumerate().map(value).collect();
        self.push(&json!({"streams": [{"stream": {"app": app}, "values": values}]}));
    }

    fn own(&self) {
        for (level, line) in OWN {
            let labels = json!({"service_name": "skald", "level": level});
            let time = ((DAY + 43_200) * NANOSECONDS).to_string();
            self.push(&json!({"streams": [{"stream": labels, "values": [[time, line]]}]}));
        }
    }

    fn otlp(&self) {
        for record in records("senders/opentelemetry") {
            if record["kind"] != "http" {
                continue;
            }
            let pairs = record["headers"].as_array().expect("headers");
            let pairs = pairs.iter().map(|pair| (&pair[0], &pair[1]));
            let pairs = pairs.filter_map(|(name, value)| Some((name.as_str()?, value.as_str()?)));
            let headers: Vec<(&str, &str)> = pairs
                .filter(|(name, _)| name.to_ascii_lowercase().starts_with("content-"))
                .filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"))
                .collect();
            let path = record["path"].as_str().expect("a path");
            self.post(path, &headers, &decoded(&record["body_base64"]));
        }
    }

    /// A line that is refused, so that its reason is counted.
    fn refused(&self) {
        let kind = [("Content-Type", "application/json")];
        let body =
            json!({"streams": [{"stream": {"app": "a"}, "values": [["1", "x".repeat(300_000)]]}]});
        let body = body.to_string();
        let status = self.status("/loki/api/v1/push", &kind, body.as_bytes());
        assert_eq!(status, 400);
    }
}

/// Recorded datagrams, and one that is no syslog. All are stored when this returns.
fn syslog(local: &Local) {
    let to = local.running().app().syslog.status()[0].address;
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    for record in records("syslog") {
        let datagrams = record["datagrams"].as_array().into_iter().flatten();
        for datagram in datagrams.map(decoded) {
            socket.send_to(&datagram, to).expect("sent");
        }
    }
    socket.send_to(b"no syslog", to).expect("sent");
    let stopped = local.runtime.block_on(local.running().set_syslog(&[]));
    stopped.expect("nothing is wrong with no listener");
}

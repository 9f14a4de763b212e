//! Pushes over gRPC as a client of `logproto.Pusher` makes them.

use base64::Engine;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use skald_ingest::proto_types::{
    Any, AnyValue, Entry, ExportLogsServiceRequest, LogRecord, PushRequest, ResourceLogs,
    ScopeLogs, Stream, Timestamp,
};
use skald_tests::BASE_S;
use skald_tests::local::Local;
use std::io::Write;

fn request(line: &str) -> Vec<u8> {
    let timestamp = Some(Timestamp {
        seconds: BASE_S,
        nanos: 0,
    });
    let entry = Entry {
        timestamp,
        line: line.as_bytes().to_vec(),
        ..Entry::default()
    };
    let stream = Stream {
        labels: b"{app=\"grpc\"}".to_vec(),
        entries: vec![entry],
        hash: 0,
    };
    PushRequest {
        streams: vec![stream],
        format: String::new(),
    }
    .encode_to_vec()
}

fn frame(compressed: bool, message: &[u8]) -> Vec<u8> {
    let mut frame = vec![u8::from(compressed)];
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    frame
}

/// Status and message of one call; its body when it went well.
async fn call(
    address: &str,
    path: &str,
    headers: &[(&str, &str)],
    frame: Vec<u8>,
) -> (String, String, Bytes) {
    let (text, body) = ask(address, path, headers, frame).await;
    (text("grpc-status"), text("grpc-message"), body)
}

/// The trailers or headers of one answer, by name, and its body.
async fn ask(
    address: &str,
    path: &str,
    headers: &[(&str, &str)],
    frame: Vec<u8>,
) -> (impl Fn(&str) -> String, Bytes) {
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("the server accepts");
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2");
    tokio::spawn(connection);
    let mut request = hyper::Request::builder()
        .method("POST")
        .uri(format!("http://{address}{path}"));
    for (name, value) in [("content-type", "application/grpc"), ("te", "trailers")]
        .iter()
        .chain(headers)
    {
        request = request.header(*name, *value);
    }
    let request = request
        .body(Full::new(Bytes::from(frame)))
        .expect("a good request");
    let response = sender.send_request(request).await.expect("an answer");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/grpc");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body");
    let trailers = body.trailers().cloned().unwrap_or_default();
    let text = move |name: &str| {
        let value = trailers.get(name).or_else(|| parts.headers.get(name));
        value.and_then(|v| v.to_str().ok()).unwrap_or("").to_owned()
    };
    (text, body.to_bytes())
}

const PUSH: &str = "/logproto.Pusher/Push";

fn start(change: impl FnOnce(&mut skald_server::Config)) -> (Local, String) {
    let local = Local::start_with(|config| {
        config.server.grpc_enabled = true;
        config.server.grpc_listen_port = 0;
        change(config);
    });
    let address = local
        .running()
        .grpc_address()
        .expect("gRPC is on")
        .to_string();
    (local, address)
}

#[test]
fn what_is_pushed_in_each_encoding_is_found() {
    let (local, address) = start(|_| {});
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&request("gzip")).expect("compressed");
    let gzip = gzip.finish().expect("compressed");
    let mut snappy = snap::write::FrameEncoder::new(Vec::new());
    snappy.write_all(&request("snappy")).expect("compressed");
    let snappy = snappy.into_inner().expect("compressed");
    let frames = [
        ("", frame(false, &request("plain"))),
        ("gzip", frame(true, &gzip)),
        ("snappy", frame(true, &snappy)),
    ];
    for (encoding, frame) in frames {
        let answer =
            local
                .runtime
                .block_on(call(&address, PUSH, &[("grpc-encoding", encoding)], frame));
        assert_eq!(
            answer,
            ("0".to_owned(), String::new(), Bytes::from_static(&[0; 5])),
            "{encoding}"
        );
    }
    let params = [
        ("query", "{app=\"grpc\"}"),
        ("start", "1772323200"),
        ("end", "1772323260"),
    ];
    let params = params.map(|(n, v)| (n.to_owned(), v.to_owned()));
    let found = local
        .client()
        .get("/loki/api/v1/query_range", &params, &[])
        .expect("the server answers")
        .text;
    for line in ["plain", "gzip", "snappy"] {
        assert!(found.contains(&format!("\"{line}\"")), "{line}: {found}");
    }
}

#[test]
fn what_is_wrong_is_told_by_status_and_message() {
    let (local, address) = start(|config| {
        config.auth_enabled = true;
        config.limits.max_line_size.0 = 10;
        config.server.grpc_server_max_recv_msg_size.0 = 1000;
    });
    let check = |path: &str, tenant: &str, frame: Vec<u8>, status: &str, message: &str| {
        let headers = [("x-scope-orgid", tenant)];
        let (found, text, _) = local
            .runtime
            .block_on(call(&address, path, &headers, frame));
        assert!(
            found == status && text.starts_with(message),
            "{found} {text}"
        );
    };
    check(PUSH, "", frame(false, &request("x")), "16", "no org id");
    check(
        PUSH,
        "a|b",
        frame(false, &request("x")),
        "3",
        "multiple org IDs present",
    );
    check(
        PUSH,
        "a",
        frame(false, &request("longer than ten")),
        "3",
        "max entry size '10' bytes exceeded for stream",
    );
    check(PUSH, "a", frame(false, b"\xff"), "3", "");
    check(PUSH, "a", frame(true, &request("x")), "0", "");
    check(PUSH, "a", vec![0; 3], "3", "the call holds no message");
    check(
        PUSH,
        "a",
        frame(false, &[0; 2000]),
        "8",
        "request body too large",
    );
    check(
        "/logproto.Querier/Query",
        "a",
        frame(false, b""),
        "12",
        "the only methods are",
    );
    let metrics = local
        .client()
        .get("/metrics", &[], &[])
        .expect("the server answers")
        .text;
    assert!(
        metrics.contains("route=\"/logproto.Pusher/Push\""),
        "{metrics}"
    );
}

const EXPORT: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

fn export(line: &str) -> Vec<u8> {
    let record = LogRecord {
        time_unix_nano: BASE_S as u64 * 1_000_000_000,
        body: Some(AnyValue {
            value: Some(Any::StringValue(line.to_owned())),
        }),
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs {
        scope: None,
        log_records: vec![record],
    }];
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: None,
            scope_logs,
        }],
    }
    .encode_to_vec()
}

#[test]
fn opentelemetry_is_taken_on_a_port_of_its_own() {
    let local = Local::start_with(|config| {
        config.server.otlp_grpc_enabled = true;
        config.server.otlp_grpc_listen_port = 0;
        config.limits.max_line_size.0 = 10;
    });
    let running = local.running();
    assert_eq!(running.grpc_address(), None, "the other one is off");
    let address = running.otlp_grpc_address().expect("it is on").to_string();
    let send = |encoding, frame| {
        let headers = [("grpc-encoding", encoding)];
        local
            .runtime
            .block_on(call(&address, EXPORT, &headers, frame))
    };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&export("gzip")).expect("compressed");
    let gzip = gzip.finish().expect("compressed");
    for (encoding, frame) in [
        ("", frame(false, &export("plain"))),
        ("gzip", frame(true, &gzip)),
        ("", frame(false, b"")),
    ] {
        let taken = ("0".to_owned(), String::new(), Bytes::from_static(&[0; 5]));
        assert_eq!(send(encoding, frame), taken, "{encoding}");
    }
    let (status, _, body) = send("", frame(false, &export("longer than ten")));
    assert_eq!(status, "0");
    let text = String::from_utf8_lossy(&body);
    assert!(text.contains("max entry size"), "partly taken: {text}");
    let (status, message, _) = send("", frame(false, b"\xff"));
    assert_eq!(status, "3", "{message}");
    let found = local
        .client()
        .get(
            "/loki/api/v1/query_range",
            &[
                (
                    "query".to_owned(),
                    "{service_name=\"unknown_service\"}".to_owned(),
                ),
                ("start".to_owned(), BASE_S.to_string()),
                ("end".to_owned(), (BASE_S + 60).to_string()),
            ],
            &[],
        )
        .expect("the server answers")
        .text;
    for line in ["plain", "gzip"] {
        assert!(found.contains(&format!("\"{line}\"")), "{line}: {found}");
    }
}

#[test]
fn an_export_that_may_come_again_says_when() {
    let local = Local::start_with(|config| {
        config.server.otlp_grpc_enabled = true;
        config.server.otlp_grpc_listen_port = 0;
        config.limits.ingestion_rate_mb = 0.000_01;
        config.limits.ingestion_burst_size_mb = 0.000_01;
    });
    let address = local.running().otlp_grpc_address().expect("it is on");
    let address = address.to_string();
    let frame = frame(false, &export(&"x".repeat(1000)));
    let (text, _) = local.runtime.block_on(ask(&address, EXPORT, &[], frame));
    assert_eq!(text("grpc-status"), "8");
    let details = base64::engine::general_purpose::STANDARD_NO_PAD
        .decode(text("grpc-status-details-bin"))
        .expect("base64");
    let text = String::from_utf8_lossy(&details);
    assert!(text.contains("google.rpc.RetryInfo"), "{text}");
}

//! Pushes over gRPC as a client of `logproto.Pusher` makes them.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use skald_ingest::proto_types::{Entry, PushRequest, Stream, Timestamp};
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
    let text = |name: &str| {
        let value = trailers.get(name).or_else(|| parts.headers.get(name));
        value.and_then(|v| v.to_str().ok()).unwrap_or("").to_owned()
    };
    (text("grpc-status"), text("grpc-message"), body.to_bytes())
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
        "the only method is",
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

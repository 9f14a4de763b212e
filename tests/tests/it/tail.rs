//! Live tails: sessions recorded against a real Loki acted out over WebSocket, then what is our own
//! (server-sent events, NDJSON, limits, the end of the server).

use futures_util::StreamExt;
use serde_json::{Value, json};
use skald_model::TenantId;
use skald_tests::http::target;
use skald_tests::local::Local;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream as AsyncTcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Socket = WebSocketStream<MaybeTlsStream<AsyncTcpStream>>;

/// A test that waits this long for a frame has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// One entry as a tail sent it.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    time: i64,
    stream: Value,
    line: String,
    categories: Value,
}

fn minute_ago() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is after 1970")
        .as_millis() as i64;
    now - 60_000
}

async fn connect(
    address: &str,
    target: &str,
    headers: &[(String, String)],
) -> Result<Socket, Error> {
    let mut request = format!("ws://{address}{target}")
        .into_client_request()
        .expect("the address is valid");
    for (name, value) in headers {
        let name: HeaderName = name.parse().expect("header names are valid");
        request.headers_mut().insert(
            name,
            HeaderValue::from_str(value).expect("header values are valid"),
        );
    }
    tokio_tungstenite::connect_async(request)
        .await
        .map(|(socket, _)| socket)
}

/// The next text frame or the close frame's code and reason; pings are passed over.
async fn receive(socket: &mut Socket) -> Result<Value, (u16, String)> {
    loop {
        let message = tokio::time::timeout(PATIENCE, socket.next())
            .await
            .expect("a frame comes in time");
        match message
            .expect("the connection is open")
            .expect("the frame is whole")
        {
            Message::Text(text) => return Ok(serde_json::from_str(&text).expect("a frame is JSON")),
            Message::Close(Some(frame)) => {
                return Err((frame.code.into(), frame.reason.to_string()));
            }
            Message::Close(None) => return Err((1005, String::new())),
            Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_) => {}
        }
    }
}

/// Entries of a frame; times in ms after `base`.
fn entries(frame: &Value, base: i64, unit: i64) -> Vec<Entry> {
    let streams = frame["streams"].as_array().expect("a frame has streams");
    let one = |stream: &Value| {
        let values = stream["values"].as_array().expect("a stream has values");
        assert_eq!(values.len(), 1, "each element carries one entry");
        let value = &values[0];
        let time = value[0]
            .as_str()
            .map_or_else(|| value[0].as_f64().map(|t| t as i64), |t| t.parse().ok());
        Entry {
            time: time.expect("a time is a number") / unit - base,
            stream: stream["stream"].clone(),
            line: value[1].as_str().expect("a line is text").to_owned(),
            categories: value.get(2).cloned().unwrap_or(Value::Null),
        }
    };
    streams.iter().map(one).collect()
}

fn push(local: &Local, base: i64, streams: &Value) {
    let stream = |stream: &Value| {
        let values = stream[1]
            .as_array()
            .expect("a recorded stream has values")
            .iter()
            .map(|value| {
                let mut value = value.clone();
                value[0] = json!(
                    ((base + value[0].as_i64().expect("a recorded time is in ms")) * 1_000_000)
                        .to_string()
                );
                value
            });
        json!({"stream": stream[0], "values": values.collect::<Vec<_>>()})
    };
    for request in streams.as_array().into_iter().flatten() {
        // A push is one stream: its labels, then its values.
        let body = json!({"streams": [stream(request)]});
        let reply = local
            .client()
            .push(&body.to_string())
            .expect("the server answers");
        assert_eq!(reply.status, 204, "{}", reply.text);
    }
}

/// Loki leaves detected_level out of live frames without a parser; that we send it is fine.
fn without_extra_level(mut got: Entry, want: &Entry) -> Entry {
    if want.stream.get("detected_level").is_none()
        && let Some(labels) = got.stream.as_object_mut()
    {
        labels.remove("detected_level");
    }
    got
}

fn check_entries(name: &str, want: &[Entry], got: Vec<Entry>) {
    assert_eq!(got.len(), want.len(), "{name}: {got:?}");
    assert!(got.is_sorted_by_key(|e| e.time), "{name}: {got:?}");
    for (want, got) in want.iter().zip(got) {
        assert_eq!(&without_extra_level(got, want), want, "{name}");
    }
}

fn act(session: &Value) {
    let name = session["name"].as_str().expect("a session has a name");
    let local = Local::start();
    let base = minute_ago();
    push(&local, base, &session["pushes"]["before"]);
    let params: Vec<(&str, String)> = session["params"]
        .as_object()
        .expect("a session has parameters")
        .iter()
        .map(|(key, value)| match (key.as_str(), value) {
            ("start", offset) => (
                "start",
                ((base + offset.as_i64().expect("start is in ms")) * 1_000_000).to_string(),
            ),
            (key, Value::String(text)) => (key, text.clone()),
            (key, other) => (key, other.to_string()),
        })
        .collect();
    let headers = session["headers"]
        .as_object()
        .expect("a session has headers")
        .iter();
    let headers: Vec<(String, String)> = headers
        .map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()))
        .collect();
    let target = target(
        session["path"].as_str().expect("a session has a path"),
        &params,
    );
    let connected = local
        .runtime
        .block_on(connect(&local.address(), &target, &headers));
    if let Some(error) = session.get("error") {
        let Err(Error::Http(response)) = connected else {
            panic!("{name}: the upgrade should fail")
        };
        assert_eq!(json!(response.status().as_u16()), error[0], "{name}");
        let body =
            String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).into_owned();
        assert!(
            body.starts_with(error[1].as_str().unwrap_or_default()),
            "{name}: {body}"
        );
        return;
    }
    let mut socket = connected.expect("the upgrade succeeds");
    if let Some(close) = session.get("close") {
        let (code, reason) = local
            .runtime
            .block_on(receive(&mut socket))
            .expect_err("the tail is closed");
        assert_eq!(json!([code, reason]), *close, "{name}");
        return;
    }
    let frames = session["frames"].as_array().expect("a session has frames");
    let want: Vec<Entry> = frames
        .iter()
        .flat_map(|frame| entries(frame, 0, 1))
        .collect();
    let before = session["pushes"]["before"]
        .as_array()
        .is_some_and(|list| !list.is_empty());
    let flags = frames
        .last()
        .and_then(|frame| frame.get("encodingFlags"))
        .cloned();
    let mut got = Vec::new();
    let mut pushed = false;
    while got.len() < want.len() {
        // What is pushed later must not be taken for history, so history is awaited first.
        if !pushed && (!before || !got.is_empty()) {
            push(&local, base, &session["pushes"]["after"]);
            pushed = true;
        }
        let frame = local
            .runtime
            .block_on(receive(&mut socket))
            .unwrap_or_else(|close| panic!("{name}: closed with {close:?}"));
        assert_eq!(frame.get("encodingFlags").cloned(), flags, "{name}");
        got.extend(entries(&frame, base, 1_000_000));
    }
    check_entries(name, &want, got);
}

#[test]
fn recorded_sessions_are_answered_with_the_same_frames() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tail-3.7.jsonl");
    let text = std::fs::read_to_string(path).expect("the recording is readable");
    let mut sessions = 0;
    for line in text.lines() {
        act(&serde_json::from_str(line).expect("a session is JSON"));
        sessions += 1;
    }
    assert_eq!(sessions, 9);
}

fn tail_target(query: &str) -> String {
    target("/loki/api/v1/tail", &[("query", query.to_owned())])
}

#[test]
fn too_many_tails_of_a_tenant_are_closed_with_lokis_words() {
    let local = Local::start_with(|config| config.limits.max_concurrent_tail_requests = 1);
    let target = tail_target("{app=\"a\"}");
    let _first = local
        .runtime
        .block_on(connect(&local.address(), &target, &[]))
        .expect("the first tail opens");
    let mut second = local
        .runtime
        .block_on(connect(&local.address(), &target, &[]))
        .expect("the upgrade succeeds");
    let closed = local
        .runtime
        .block_on(receive(&mut second))
        .expect_err("the second tail is closed");
    assert_eq!(
        closed,
        (
            1011,
            "max concurrent tail requests limit exceeded, count > limit (2 > 1)".to_owned()
        )
    );
}

#[test]
fn a_stopping_server_ends_its_tails() {
    let local = Local::start();
    let mut socket = local
        .runtime
        .block_on(connect(&local.address(), &tail_target("{app=\"a\"}"), &[]))
        .expect("the tail opens");
    let address = local.address();
    // The socket lives on this runtime; the server is stopped from the same.
    let waiting = local
        .runtime
        .spawn(async move { receive(&mut socket).await });
    let reader = local.running().app().read_scope(TenantId::fake());
    local
        .runtime
        .block_on(local.running().app().ask(&reader, |_, _| Ok(())))
        .expect("the engine answers");
    local.runtime.block_on(local.running().app().close_tails());
    let closed = local
        .runtime
        .block_on(waiting)
        .expect("the task ends")
        .expect_err("the tail is closed");
    assert_eq!(
        closed,
        (1011, "the server is stopping".to_owned()),
        "{address}"
    );
}

/// Opens a plain HTTP tail; gives its head and a reader at its body.
fn open_plain(local: &Local, accept: &str) -> (String, BufReader<TcpStream>) {
    let mut stream = TcpStream::connect(local.address()).expect("the server accepts");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    let target = tail_target("{app=\"plain\"}");
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n"
    )
    .expect("the request is sent");
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(
            reader.read_line(&mut head).expect("the head arrives"),
            0,
            "{head}"
        );
    }
    (head, reader)
}

/// Reads one chunk of a chunked body.
fn chunk(reader: &mut impl BufRead) -> String {
    let mut size = String::new();
    reader.read_line(&mut size).expect("a chunk begins");
    let size = usize::from_str_radix(size.trim(), 16).expect("a chunk has a size");
    let mut bytes = vec![0; size + 2];
    reader.read_exact(&mut bytes).expect("the chunk arrives");
    String::from_utf8_lossy(&bytes[..size]).into_owned()
}

fn check_plain(accept: &str, prefix: &str, suffix: &str) {
    let local = Local::start();
    let base = minute_ago();
    push(&local, base, &json!([[{"app": "plain"}, [[1, "one"]]]]));
    let (head, mut body) = open_plain(&local, accept);
    assert!(
        head.starts_with("HTTP/1.1 200")
            && head
                .to_lowercase()
                .contains(&format!("content-type: {accept}")),
        "{head}"
    );
    let mut lines = Vec::new();
    for text in ["one", "two"] {
        let chunk = chunk(&mut body);
        let frame = chunk
            .strip_prefix(prefix)
            .and_then(|c| c.strip_suffix(suffix))
            .unwrap_or_else(|| panic!("{chunk:?}"));
        let frame: Value = serde_json::from_str(frame).expect("a frame is JSON");
        lines.extend(entries(&frame, base, 1_000_000).into_iter().map(|e| e.line));
        if text == "one" {
            push(&local, base, &json!([[{"app": "plain"}, [[2, "two"]]]]));
        }
    }
    assert_eq!(lines, ["one", "two"]);
}

#[test]
fn plain_clients_get_the_same_frames_as_server_sent_events() {
    check_plain("text/event-stream", "data: ", "\n\n");
}

#[test]
fn plain_clients_get_the_same_frames_as_newline_delimited_json() {
    check_plain("application/x-ndjson", "", "\n");
}

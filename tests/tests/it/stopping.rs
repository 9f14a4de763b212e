//! What a stop waits for: requests that are here whole; not clients that hold half a request, or
//! an answer they do not read.

use skald_server::Config;
use skald_tests::local::Local;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A server that would wait for an hour if it waited for what it should not.
fn start(change: impl FnOnce(&mut Config)) -> Local {
    Local::start_with(|config| {
        config.server.graceful_shutdown_timeout = Duration::from_secs(3600);
        config.server.shutdown_drain_timeout = Duration::from_millis(50);
        for timeout in [
            &mut config.server.http_server_read_timeout,
            &mut config.server.http_server_write_timeout,
            &mut config.server.http_server_idle_timeout,
        ] {
            *timeout = Duration::from_secs(3600);
        }
        change(config);
    })
}

fn open(local: &Local, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(local.address()).expect("the server listens");
    let timeout = Some(Duration::from_secs(120));
    stream.set_read_timeout(timeout).expect("a time-out");
    stream.write_all(text.as_bytes()).expect("sent");
    stream
}

/// Waits until the server has seen as many connections and requests.
fn wait_for(local: &Local, connections: i64, requests: usize) {
    let inflight = |text: &str| {
        let counts = text
            .lines()
            .filter(|line| line.starts_with("loki_inflight_requests{"));
        let counts = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
        // The one that asks counts too.
        counts.sum::<usize>() - 1
    };
    let client = local.client();
    loop {
        let text = client.get("/metrics", &[], &[]).expect("answered").text;
        let open = format!("loki_tcp_connections {}", connections + 1);
        if text.lines().any(|line| line == open) && inflight(&text) == requests {
            return;
        }
    }
}

const PUSH: &str =
    "POST /loki/api/v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
const BODY: &str = r#"{"streams":[{"stream":{"a":"b"},"values":[["1772323200000000000","x"]]}]}"#;

/// All that the server says until it closes.
fn answer(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset ends it as well.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn half_requests_are_cut_after_the_drain_time() {
    let local = start(|_| {});
    let (half, length) = (&BODY[..20], BODY.len());
    let held = [
        open(&local, "GET /loki/api/v1/lab"),
        open(&local, "GET /ready HTTP/1.1\r\nHost: localhost\r\nX-A: "),
        open(&local, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        open(&local, ""),
        open(
            &local,
            &format!("{PUSH}Content-Length: {length}\r\n\r\n{half}"),
        ),
        open(
            &local,
            &format!("{PUSH}Transfer-Encoding: chunked\r\n\r\n14\r\n{half}\r\n"),
        ),
        open(
            &local,
            &format!("{PUSH}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n"),
        ),
    ];
    wait_for(&local, 7, 3);
    drop(local);
    let answers = held.map(answer);
    for refused in &answers[4..] {
        // What the client sends again; never taken for its mistake.
        assert!(
            refused.contains("HTTP/1.1 503 ") && refused.contains("the server is stopping"),
            "{answers:?}"
        );
    }
}

#[test]
fn an_answer_that_nobody_reads_does_not_hold_a_stop() {
    let local = start(|_| {});
    let client = local.client();
    let line = "x".repeat(200_000);
    for second in 0..60 {
        let body = format!(
            r#"{{"streams":[{{"stream":{{"a":"b"}},"values":[["{}000000000","{line}"]]}}]}}"#,
            1_772_323_200 + second
        );
        assert_eq!(client.push(&body).expect("answered").status, 204);
    }
    let range = "query=%7Ba%3D%22b%22%7D&start=1772323200&end=1772323300";
    let unread = open(
        &local,
        &format!("GET /skald/api/v1/export?{range} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    );
    // The first bytes are here: the rest does not fit anywhere.
    unread.peek(&mut [0; 1]).expect("the answer begins");
    drop(local);
    drop(unread);
}

#[test]
fn a_push_that_is_here_whole_is_acknowledged_while_others_are_cut() {
    let mut local = start(|_| {});
    let length = BODY.len();
    let half = open(&local, &format!("{PUSH}Content-Length: {length}\r\n\r\n{{"));
    let mut rest = open(&local, &format!("{PUSH}Content-Length: {length}\r\n\r\n{{"));
    wait_for(&local, 2, 2);
    let stopping = std::thread::spawn(move || {
        local.restart();
        local
    });
    rest.write_all(&BODY.as_bytes()[1..]).expect("sent");
    let (acknowledged, cut) = (answer(rest), answer(half));
    let local = stopping.join().expect("the server stops and starts");
    assert!(cut.contains(" 503 "), "{cut}");
    let params = [
        ("query", "{a=\"b\"}"),
        ("start", "1772323200"),
        ("end", "1772323201"),
    ];
    let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let found = local.client().get("/loki/api/v1/query_range", &params, &[]);
    let found = found
        .expect("answered")
        .text
        .contains("[\"1772323200000000000\",\"x\"]");
    // It may have come too late; but what is said to be stored is.
    assert_eq!(acknowledged.contains(" 204 "), found, "{acknowledged}");
}

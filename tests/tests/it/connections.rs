//! Connections that give nothing to do: each ends by its own time limit, and none keeps others out.

use skald_tests::local::Local;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Short for the limits under test: an hour is one that must not count.
const SOON: Duration = Duration::from_millis(50);
const NEVER: Duration = Duration::from_secs(3600);

fn open(local: &Local, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(local.address()).expect("the server listens");
    let timeout = Some(Duration::from_secs(120));
    stream.set_read_timeout(timeout).expect("a time-out");
    stream.write_all(bytes).expect("sent");
    stream
}

/// What comes until the server closes.
fn until_closed(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the server closes: {error}"),
    }
    bytes
}

fn is_healthy(local: &Local) {
    let ready = local.client().get("/ready", &[], &[]).expect("answered");
    assert_eq!(ready.status, 200, "{}", ready.text);
}

#[test]
fn connections_without_a_request_end_after_the_read_timeout() {
    let local = Local::start_with(|config| {
        config.server.http_server_read_timeout = SOON;
        config.server.http_server_idle_timeout = NEVER;
    });
    let begun = [
        "",
        "G",
        "GET /ready HTTP/1.1\r\nHost: localhost\r\nX: ",
        "PRI * HTTP/2.0\r\n\r\nSM",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    let silent: Vec<TcpStream> = (0..100)
        .map(|i| open(&local, begun[i % begun.len()].as_bytes()))
        .collect();
    is_healthy(&local);
    for stream in silent {
        until_closed(stream);
    }
    is_healthy(&local);
}

#[test]
fn a_head_that_comes_slowly_ends_after_the_idle_timeout_also_later_on() {
    let local = Local::start_with(|config| {
        config.server.http_server_read_timeout = NEVER;
        config.server.http_server_idle_timeout = SOON;
    });
    let whole = "GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for after in [
        "",
        "GET /re",
        "GET /ready HTTP/1.1\r\nHost: localhost\r\nX: ",
    ] {
        let stream = open(&local, format!("{whole}{after}").as_bytes());
        let answered = until_closed(stream);
        let answered = String::from_utf8_lossy(&answered);
        assert!(
            answered.starts_with("HTTP/1.1 200 "),
            "{after:?}: {answered}"
        );
    }
    is_healthy(&local);
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

#[test]
fn streams_that_are_reset_as_soon_as_they_are_opened_do_no_harm() {
    let (headers, rst_stream, settings) = (1, 3, 4);
    let local = Local::start();
    // GET / over http, authority localhost, from the static table.
    let head = [&[0x82, 0x86, 0x84, 0x41, 9][..], b"localhost"].concat();
    let mut attack = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    attack.extend(frame(settings, 0, 0, &[]));
    for stream in (1..4001).step_by(2) {
        // The end of the stream and of its head; then CANCEL.
        attack.extend(frame(headers, 0x5, stream, &head));
        attack.extend(frame(rst_stream, 0, stream, &8u32.to_be_bytes()));
    }
    let attackers: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = TcpStream::connect(local.address()).expect("the server listens");
            // The server may end it before all is sent.
            let _ = stream.write_all(&attack);
            stream
        })
        .collect();
    is_healthy(&local);
    drop(attackers);
    is_healthy(&local);
}

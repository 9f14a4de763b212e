//! Answers that are ready before their request is here whole: the client reads them, and where
//! little is left to come the connection goes on.

use skald_server::config::setting::ByteSize;
use skald_tests::local::Local;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A connection nobody but the test speaks on.
struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Raw {
    fn open(local: &Local) -> Raw {
        let stream = TcpStream::connect(local.address()).expect("the server listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("a time-out can be set");
        Raw {
            stream,
            read: Vec::new(),
        }
    }

    fn write(&mut self, text: &str) {
        self.stream
            .write_all(text.as_bytes())
            .expect("the server takes what is sent");
    }

    /// Status of the next answer, whose body is read too.
    fn status(&mut self) -> u16 {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more();
        };
        let head = String::from_utf8_lossy(&self.read[..end]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .expect("answers tell their length");
        let length: usize = length.trim().parse().expect("a length is a number");
        while self.read.len() < end + length {
            self.more();
        }
        self.read.drain(..end + length);
        head.split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .expect("a status is a number")
    }

    fn more(&mut self) {
        let mut buffer = [0; 4096];
        let count = self.stream.read(&mut buffer).expect("the server answers");
        assert!(count > 0, "the connection ended");
        self.read.extend_from_slice(&buffer[..count]);
    }
}

const ASKS: &str = "GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn a_body_that_ends_after_its_refusal_leaves_the_connection_open() {
    let local = Local::start();
    let mut raw = Raw::open(&local);
    raw.write(
        "PATCH /loki/api/v1/labels HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    assert_eq!(raw.status(), 405);
    raw.write("0\r\n\r\n");
    raw.write(ASKS);
    assert_eq!(raw.status(), 200);
}

#[test]
fn a_megabyte_after_its_refusal_is_thrown_away() {
    let local = Local::start();
    let mut raw = Raw::open(&local);
    raw.write(&format!(
        "POST /nothing/here HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        1 << 20
    ));
    assert_eq!(raw.status(), 404);
    raw.write(&"x".repeat(1 << 20));
    raw.write(ASKS);
    assert_eq!(raw.status(), 200);
}

#[test]
fn a_body_too_large_to_take_is_refused_where_its_client_reads_it() {
    let local =
        Local::start_with(|config| config.distributor.max_recv_msg_size = ByteSize(1 << 20));
    let mut raw = Raw::open(&local);
    // A client that writes all before it reads anything.
    raw.write(&format!(
        "POST /loki/api/v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        8 << 20
    ));
    raw.write(&"x".repeat(8 << 20));
    assert_eq!(raw.status(), 413);
    raw.write(ASKS);
    assert_eq!(raw.status(), 200);
}

#[test]
fn a_body_without_end_is_not_read_for_ever() {
    let local = Local::start();
    let mut raw = Raw::open(&local);
    raw.write(
        "POST /nothing/here HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    assert_eq!(raw.status(), 404);
    let chunk = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
    let refused = (0..256)
        .find_map(|_| raw.stream.write_all(chunk.as_bytes()).err())
        .expect("the connection is closed");
    assert!(
        matches!(
            refused.kind(),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
        ),
        "{refused}"
    );
}

#[test]
fn a_client_that_waits_for_leave_gets_the_refusal_in_its_place() {
    let local = Local::start();
    let mut raw = Raw::open(&local);
    raw.write("POST /nothing/here HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(raw.status(), 404);
}

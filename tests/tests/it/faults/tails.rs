//! Entries that arrive twice while somebody follows them.

use serde_json::json;
use skald_tests::local::Local;
use skald_tests::push::Push;
use skald_tests::query::Query;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("the clock is after 1970").as_nanos() as i64
}

#[test]
fn an_entry_that_is_pushed_again_is_followed_once() {
    let local = Local::start();
    let client = local.client();
    let time = now() - 1_000_000_000;
    let entry = |line: &str| Push::stream(json!({"c": "again"})).at(time, line);
    let mut stream = TcpStream::connect(local.address()).expect("the server accepts");
    let timeout = stream.set_read_timeout(Some(Duration::from_secs(30)));
    timeout.expect("a timeout can be set");
    let target = Query::path("/loki/api/v1/tail")
        .with("query", "{c=\"again\"}")
        .target();
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-ndjson\r\n\r\n"
    )
    .expect("sent");
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).expect("the head arrives");
    }
    entry("first").to(&client);
    for _ in 0..3 {
        entry("first").to(&client);
    }
    entry("last").to(&client);
    let (mut first, mut last) = (0, 0);
    while last == 0 {
        let mut line = String::new();
        reader.read_line(&mut line).expect("frames arrive");
        first += line.matches("\"first\"").count();
        last += line.matches("\"last\"").count();
    }
    assert_eq!((first, last), (1, 1));
}

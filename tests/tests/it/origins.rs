//! Pages of other sites: what a browser sends for them is refused, what agents and own pages send
//! is not.

use skald_tests::http::{Answer, target};
use skald_tests::local::Local;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

fn ask(local: &Local, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    local
        .client()
        .send(method, path, &headers, b"")
        .expect("the server answers")
}

fn refusals(local: &Local, reason: &str) -> u64 {
    let sample = format!("skald_queries_refused_total{{tenant=\"\",reason=\"{reason}\"}}");
    let text = ask(local, "GET", "/metrics", &[]).text;
    let line = text.lines().find_map(|line| line.strip_prefix(&sample));
    line.map_or(0, |count| count.trim().parse().expect("a count"))
}

/// The status line of an upgrade to a tail.
fn upgrade(local: &Local, headers: &str) -> String {
    let path = target("/loki/api/v1/tail", &[("query", "{app=\"web\"}")]);
    let mut socket = TcpStream::connect(local.address()).expect("the server accepts");
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n",
        local.address()
    );
    socket.write_all(head.as_bytes()).expect("sent");
    let mut line = String::new();
    BufReader::new(socket)
        .read_line(&mut line)
        .expect("an answer");
    line
}

#[test]
fn another_sites_page_changes_nothing() {
    let local = Local::start();
    let own = format!("http://{}", local.address());
    let delete = target(
        "/loki/api/v1/delete",
        &[("query", "{app=\"web\"}"), ("start", "0")],
    );
    let evil: [&[(&str, &str)]; 4] = [
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("origin", &own), ("sec-fetch-site", "cross-site")],
    ];
    let changes = [
        ("POST", delete.as_str()),
        ("PUT", &delete),
        ("DELETE", "/loki/api/v1/delete?request_id=a"),
        ("POST", "/loki/api/v1/push"),
        ("POST", "/otlp/v1/logs"),
        ("POST", "/flush"),
        ("GET", "/flush"),
        ("GET", "/flush/"),
        ("POST", "/log_level?log_level=debug"),
        ("POST", "/loki/api/v1/rules/a"),
    ];
    for (method, path) in changes {
        for headers in evil {
            let answer = ask(&local, method, path, headers);
            assert_eq!(answer.status, 403, "{method} {path} {headers:?}");
            assert!(answer.text.contains("another site"), "{}", answer.text);
        }
    }
    assert_eq!(
        refusals(&local, "foreign_origin"),
        (changes.len() * evil.len()) as u64
    );
    let listed = ask(&local, "GET", "/loki/api/v1/delete", &[]).text;
    assert_eq!(listed.trim(), "[]", "no delete was taken");
    for headers in [&[][..], &[("origin", own.as_str())]] {
        let answer = ask(&local, "POST", &delete, headers);
        assert_eq!(answer.status, 204, "{headers:?}: {}", answer.text);
    }
}

#[test]
fn another_sites_page_opens_no_tail() {
    let local = Local::start();
    let own = format!("Origin: http://{}\r\n", local.address());
    for headers in [
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: http://localhost:1\r\nSec-Fetch-Site: same-site\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
    ] {
        let line = upgrade(&local, headers);
        assert!(line.starts_with("HTTP/1.1 403 "), "{headers}: {line}");
    }
    let forwarded = "Origin: https://logs.example\r\nX-Forwarded-Host: logs.example\r\n";
    for headers in ["", &own, forwarded] {
        let line = upgrade(&local, headers);
        assert!(line.starts_with("HTTP/1.1 101 "), "{headers}: {line}");
    }
}

#[test]
fn a_name_that_was_pointed_at_this_machine_is_not_answered() {
    let local = Local::start();
    let port = local.running().address.port();
    let evil = format!("evil.example:{port}");
    let origin = format!("http://{evil}");
    for (method, path) in [
        ("GET", "/loki/api/v1/labels"),
        ("GET", "/metrics"),
        ("GET", "/nothing/here"),
        ("POST", "/flush"),
    ] {
        let headers = [("host", evil.as_str()), ("origin", &origin)];
        let answer = ask(&local, method, path, &headers);
        assert_eq!(answer.status, 403, "{method} {path}");
        assert!(answer.text.contains("Host"), "{}", answer.text);
    }
    assert_eq!(refusals(&local, "foreign_host"), 4);
    for host in ["localhost", "127.0.0.1:1", "127.1.2.3", "[::1]:9"] {
        let answer = ask(&local, "GET", "/loki/api/v1/labels", &[("host", host)]);
        assert_eq!(answer.status, 200, "{host}: {}", answer.text);
    }
    assert_eq!(ask(&local, "GET", "/ready", &[("host", &evil)]).status, 200);
}

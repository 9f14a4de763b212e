//! Two hundred requests that mean harm, slow clients, idle tails and abandoned queries, all at
//! once, while a healthy client pushes and asks: it is served throughout, nothing panics, and
//! memory stays within bounds.

mod requests;

use requests::Abuse;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use skald_tests::http::Client;
use skald_tests::process::Skald;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Memory the server is given for its own use.
const BUDGET_BYTES: u64 = 1 << 30;

/// What the process may take beyond: buffers of bodies on their way, threads, the program itself.
const BEYOND_BYTES: u64 = 1 << 30;

/// Connections that send a byte of their head now and then, or nothing.
const SLOW_CLIENTS: usize = 300;

/// Tails that nobody writes to.
const IDLE_TAILS: usize = 1000;

/// Queries whose client leaves at once.
const ABANDONED: usize = 200;

/// Lines the queries have to chew on.
const LINES: i64 = 20_000;

/// 2026-03-01T00:00:00Z.
const BASE_S: i64 = 1_772_323_200;

fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )
    .expect("limits can be raised");
}

/// `VmHWM` or `VmRSS` of a process.
fn memory(id: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("the process runs");
    let line = status
        .lines()
        .find(|line| line.starts_with(name))
        .expect("the line is there");
    line.split_whitespace()
        .nth(1)
        .and_then(|kb| kb.parse::<u64>().ok())
        .expect("a number")
        * 1024
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server accepts");
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a timeout can be set");
    stream
}

/// The status of the answer; `None` when the server just closed the connection.
fn attack(address: &str, bytes: &[u8]) -> Option<u16> {
    let mut stream = connect(address);
    // The server may refuse before it has read all.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut head = [0; 16];
    let mut read = 0;
    while read < head.len() {
        match stream.read(&mut head[read..]) {
            Ok(0) | Err(_) => break,
            Ok(count) => read += count,
        }
    }
    String::from_utf8_lossy(&head[..read])
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

fn fill(client: &Client) {
    let values: Vec<String> = (0..LINES)
        .map(|i| {
            format!(
                "[\"{}000000\",\"level=info msg=line number={i} aaaaaaaaaaaaaaaaaaaaaa\"]",
                BASE_S * 1000 + i
            )
        })
        .collect();
    let body = format!(
        "{{\"streams\":[{{\"stream\":{{\"app\":\"web\"}},\"values\":[{}]}}]}}",
        values.join(",")
    );
    assert_eq!(client.push(&body).expect("the server answers").status, 204);
}

/// Pushes and asks until told to stop; gives how often and the longest time it took.
fn live_well(address: &str, stop: &AtomicBool) -> (usize, Duration) {
    let client = Client::new(address);
    let (mut rounds, mut longest) = (0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) || rounds == 0 {
        let began = Instant::now();
        let line = format!("round {rounds}");
        let body = format!(
            "{{\"streams\":[{{\"stream\":{{\"app\":\"well\"}},\"values\":[[\"{BASE_S}{rounds:09}\",\"{line}\"]]}}]}}"
        );
        let pushed = client.push(&body).expect("a healthy push is answered");
        assert_eq!(pushed.status, 204, "{}", pushed.text);
        let pairs = [
            ("query", "{app=\"well\"}"),
            ("limit", "1"),
            ("start", "1772323200"),
            ("end", "1772323300"),
        ];
        let params = pairs.map(|(n, v)| (n.to_owned(), v.to_owned()));
        let found = client
            .get("/loki/api/v1/query_range", &params, &[])
            .expect("a healthy query is answered");
        assert!(
            found.status == 200 && found.text.contains(&line),
            "{}",
            found.text
        );
        longest = longest.max(began.elapsed());
        rounds += 1;
    }
    (rounds, longest)
}

fn slow_clients(address: &str) -> Vec<TcpStream> {
    let begin = |i: usize| {
        let mut stream = connect(address);
        let part: &[u8] = match i % 4 {
            0 => b"",
            1 => b"GET /ready HT",
            2 => b"GET /ready HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
            _ => b"POST /loki/api/v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
        };
        stream.write_all(part).expect("sent");
        stream
    };
    (0..SLOW_CLIENTS).map(begin).collect()
}

fn idle_tails(address: &str) -> Vec<TcpStream> {
    let request = "GET /loki/api/v1/tail?query=%7Bapp%3D%22nobody%22%7D HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let open = |_| {
        let mut stream = connect(address);
        stream.write_all(request.as_bytes()).expect("sent");
        let mut head = [0; 12];
        stream.read_exact(&mut head).expect("the tail opens");
        assert_eq!(&head, b"HTTP/1.1 101");
        stream
    };
    (0..IDLE_TAILS).map(open).collect()
}

fn abandon_queries(address: &str) {
    let query = "sum by (number) (count_over_time({app=\"web\"} | logfmt | line_format `{{.msg}} {{.number}}` |~ `(a|b)+` [1h]))";
    let encoded: String = query.bytes().map(|b| format!("%{b:02X}")).collect();
    for i in 0..ABANDONED {
        let mut stream = connect(address);
        let target = format!(
            "/loki/api/v1/query_range?query={encoded}&start={BASE_S}&end={}&step=1",
            BASE_S + 3600 + i as i64
        );
        stream
            .write_all(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
            .expect("sent");
    }
}

/// Sends everything from a few threads; gives what was answered with a fault of the server.
fn attack_all(address: &str, abuses: &[Abuse]) -> Vec<String> {
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((name, bytes)) = abuses.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let status = attack(address, bytes);
                    if status.is_some_and(|status| status >= 500 && status != 503 && status != 504)
                    {
                        faults
                            .lock()
                            .expect("no thread panics")
                            .push(format!("{name}: {status:?}"));
                    }
                }
            });
        }
    });
    faults.into_inner().expect("no thread panics")
}

#[test]
fn a_healthy_client_is_served_whatever_others_send() {
    let _alone = crate::alone();
    raise_open_files();
    let data = tempfile::tempdir().expect("a temporary directory can be made");
    let budget = BUDGET_BYTES.to_string();
    let settings = [
        "--memory",
        &budget,
        "--limits_config.max_concurrent_tail_requests",
        "2000",
        "--limits_config.query_timeout",
        "5s",
    ];
    let skald = Skald::start(
        Path::new(env!("CARGO_BIN_EXE_skald")),
        data.path(),
        &settings,
    );
    let (client, address) = (skald.client(), skald.address.clone());
    fill(&client);
    let abuses = requests::all();
    assert!(abuses.len() >= 200, "{}", abuses.len());
    let stop = AtomicBool::new(false);
    let (faults, (rounds, longest)) = std::thread::scope(|scope| {
        let healthy = scope.spawn(|| live_well(&address, &stop));
        let slow = slow_clients(&address);
        let tails = idle_tails(&address);
        abandon_queries(&address);
        let faults = attack_all(&address, &abuses);
        stop.store(true, Ordering::Relaxed);
        drop((slow, tails));
        (
            faults,
            healthy.join().expect("the healthy client is served"),
        )
    });
    let peak = memory(skald.id(), "VmHWM");
    let metrics = client
        .get("/metrics", &[], &[])
        .expect("the server answers")
        .text;
    writeln!(
        std::io::stderr(),
        "{} abuses; {rounds} healthy rounds, the longest {longest:?}; peak {} MB",
        abuses.len(),
        peak >> 20
    )
    .expect("stderr is open");
    assert!(faults.is_empty(), "{faults:?}");
    assert!(metrics.contains("\nloki_panic_total 0\n"), "{metrics}");
    assert!(peak < BUDGET_BYTES + BEYOND_BYTES, "{peak}");
    assert!(skald.terminate(), "the server ends well");
}

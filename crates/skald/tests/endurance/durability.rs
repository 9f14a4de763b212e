//! 204 means on disk: a server is killed under load again and again, and nothing acknowledged is
//! missing or doubled. `SKALD_KILLS` sets how often (default 4), `SKALD_KILL_SEED` when: a failure
//! names the seed to repeat it with.

use crate::BINARY;
use serde_json::{Value, json};
use skald_tests::http::Client;
use skald_tests::process::Skald;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 2026-03-01T00:00:00Z
const BASE_NS: i64 = 1_772_323_200_000_000_000;
const WRITERS: usize = 4;
/// Entries a push and at most a writer and round: all of them fit in one answer.
const PUSH_ENTRIES: usize = 20;
const ROUND_ENTRIES: usize = 4_000;
/// A kill comes within this of the first answer.
const KILL_WITHIN_US: u64 = 200_000;

/// Pushes until the server is gone; gives how many entries were acknowledged. Entries are numbered.
fn write(client: &Client, round: usize, writer: usize, first_ack: &AtomicBool) -> usize {
    let mut acknowledged = 0;
    while acknowledged < ROUND_ENTRIES {
        let values: Vec<Value> = (acknowledged..acknowledged + PUSH_ENTRIES)
            .map(|n| {
                json!([
                    (BASE_NS + n as i64 * 1_000).to_string(),
                    format!("entry {n} of {writer} in {round}")
                ])
            })
            .collect();
        let labels =
            json!({"app": "kill", "round": round.to_string(), "writer": writer.to_string()});
        let body = json!({"streams": [{"stream": labels, "values": values}]}).to_string();
        match client.push(&body) {
            Ok(reply) if reply.status == 204 => acknowledged += PUSH_ENTRIES,
            Ok(reply) => panic!("push answered {} {}", reply.status, reply.text),
            Err(_) => break,
        }
        first_ack.store(true, Ordering::SeqCst);
    }
    acknowledged
}

/// How often each entry of a round and writer is there.
fn read(client: &Client, round: usize, writer: usize) -> HashMap<String, usize> {
    let pairs = |list: &[(&str, String)]| {
        list.iter()
            .map(|(n, v)| ((*n).to_owned(), v.clone()))
            .collect::<Vec<_>>()
    };
    let params = pairs(&[
        (
            "query",
            format!(r#"{{app="kill",round="{round}",writer="{writer}"}}"#),
        ),
        ("start", BASE_NS.to_string()),
        ("end", (BASE_NS + 3_600_000_000_000).to_string()),
        ("limit", "5000".to_owned()),
    ]);
    let reply = client
        .get("/loki/api/v1/query_range", &params, &[])
        .expect("the server answers");
    assert_eq!(reply.status, 200, "{}", reply.text);
    let answer: Value = serde_json::from_str(&reply.text).expect("an answer is JSON");
    let mut counts = HashMap::new();
    for stream in answer["data"]["result"].as_array().into_iter().flatten() {
        for value in stream["values"].as_array().into_iter().flatten() {
            *counts
                .entry(value[1].as_str().unwrap_or_default().to_owned())
                .or_default() += 1;
        }
    }
    counts
}

fn check_all(client: &Client, acknowledged: &[[usize; WRITERS]]) {
    for (round, writers) in acknowledged.iter().enumerate() {
        for (writer, count) in writers.iter().enumerate() {
            let found = read(client, round, writer);
            for n in 0..*count {
                let times = found
                    .get(&format!("entry {n} of {writer} in {round}"))
                    .copied()
                    .unwrap_or(0);
                assert_eq!(
                    times, 1,
                    "entry {n} of writer {writer} in round {round}, {count} acknowledged"
                );
            }
            // What was sent and not acknowledged may be there: one push at most.
            assert!(found.len() <= count + PUSH_ENTRIES && found.values().all(|n| *n == 1));
        }
    }
}

/// A number in an environment variable.
fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
    )
}

fn seed_of_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::from(since.expect("after 1970").subsec_nanos())
}

/// The next of a sequence that looks random (splitmix64).
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[test]
#[expect(
    clippy::print_stderr,
    reason = "a failure names the seed to repeat it with"
)]
fn every_acknowledged_entry_is_there_once_after_kills_under_load() {
    let _alone = crate::alone();
    let kills = variable("SKALD_KILLS").unwrap_or(4) as usize;
    let mut seed = variable("SKALD_KILL_SEED").unwrap_or_else(seed_of_clock);
    eprintln!("SKALD_KILL_SEED={seed} SKALD_KILLS={kills}");
    let data = tempfile::tempdir().expect("a temporary folder");
    let mut acknowledged: Vec<[usize; WRITERS]> = Vec::new();
    for round in 0..kills {
        let server = Skald::start(Path::new(BINARY), data.path(), &[]);
        let first_ack = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (client, first_ack) = (server.client(), Arc::clone(&first_ack));
                std::thread::spawn(move || write(&client, round, writer, &first_ack))
            })
            .collect();
        while !first_ack.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        if round % 3 == 1 {
            // A kill while a flush is under way is the harder one.
            let client = server.client();
            std::thread::spawn(move || client.post("/flush", "text/plain", b""));
        }
        std::thread::sleep(Duration::from_micros(next(&mut seed) % KILL_WITHIN_US));
        server.kill();
        let mut counts = [0; WRITERS];
        for (count, writer) in counts.iter_mut().zip(writers) {
            *count = writer.join().expect("a writer ends with the server");
        }
        acknowledged.push(counts);
    }
    assert!(
        acknowledged.iter().flatten().sum::<usize>() > 0,
        "something was acknowledged"
    );
    let server = Skald::start(Path::new(BINARY), data.path(), &[]);
    check_all(&server.client(), &acknowledged);
    assert_eq!(
        server
            .client()
            .post("/flush", "text/plain", b"")
            .map(|r| r.status)
            .ok(),
        Some(204)
    );
    check_all(&server.client(), &acknowledged);
    assert!(server.terminate(), "SIGTERM ends the server well");
    let server = Skald::start(Path::new(BINARY), data.path(), &[]);
    check_all(&server.client(), &acknowledged);
}

//! Syslog as real senders sent it, over UDP and TCP, and what becomes of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use skald_server::config::syslog::SyslogListener;
use skald_syslog::listen::settings::Transport;
use skald_tests::local::Local;
use skald_tests::query::Query;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

/// Longer lines are shown by their start and their length.
const SHOWN_BYTES: usize = 90;

fn listener(transport: Transport, labels: &[(&str, &str)]) -> SyslogListener {
    let labels = labels
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    SyslogListener {
        address: "127.0.0.1:0".parse().expect("an address"),
        transport,
        labels: labels.collect::<BTreeMap<_, _>>(),
        zone: "UTC".to_owned(),
        ..SyslogListener::default()
    }
}

fn start(change: impl FnOnce(&mut skald_server::Config)) -> Local {
    Local::start_with(|config| {
        config.limits.creation_grace_period = Duration::from_secs(100 * 365 * 86_400);
        change(config);
    })
}

/// Where the only listener listens.
fn address(local: &Local) -> SocketAddr {
    local.running().app().syslog.status()[0].address
}

/// Stops all listeners, so that what they read is stored.
fn stop_listening(local: &Local) {
    let stopped = local.runtime.block_on(local.running().set_syslog(&[]));
    stopped.expect("nothing is wrong with no listener");
}

/// Entries of a selector, oldest first, each as one line of text.
fn entries(local: &Local, selector: &str) -> Vec<String> {
    let query = Query::range(selector, 0, i64::MAX / 2)
        .with("limit", 5000)
        .with("direction", "forward");
    let mut shown = Vec::new();
    for stream in query.categorized().result(&local.client()) {
        let labels = stream["stream"].as_object().expect("labels");
        let label = |name: &str| labels.get(name).and_then(Value::as_str).unwrap_or("-");
        for value in stream["values"].as_array().expect("values") {
            let time: i64 = value[0]
                .as_str()
                .and_then(|t| t.parse().ok())
                .expect("a time");
            let kinds = ["structuredMetadata", "parsed"];
            let pairs: Vec<String> = kinds
                .iter()
                .filter_map(|kind| value[2][kind].as_object())
                .flatten()
                .filter(|(name, _)| *name != "detected_level")
                .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
                .collect();
            let guessed = pairs.iter().find_map(|pair| pair.strip_prefix("guessed="));
            let line = value[1]
                .as_str()
                .expect("a line")
                .escape_debug()
                .to_string();
            let line = match line.char_indices().nth(SHOWN_BYTES) {
                Some((at, _)) => format!("{}… of {}", &line[..at], line.len()),
                None => line,
            };
            let text = format!(
                "{} {} {} {}",
                label("host"),
                label("app"),
                label("facility"),
                shown_time(time, guessed.unwrap_or(""))
            );
            shown.push((time, format!("{text} {{{}}} {line}", pairs.join(" "))));
        }
    }
    shown.sort_by_key(|(time, _)| *time);
    shown.into_iter().map(|(_, text)| text).collect()
}

/// A time as far as it was sent.
fn shown_time(time: i64, guessed: &str) -> String {
    let words: Vec<&str> = guessed.split(',').collect();
    if words.contains(&"time") {
        return "now".to_owned();
    }
    let text = jiff::Timestamp::from_nanosecond(i128::from(time));
    let text = text.expect("a time").to_string();
    match words.contains(&"year") {
        true => text[5..].to_owned(),
        false => text,
    }
}

fn bytes(list: &Value) -> Vec<Vec<u8>> {
    let list = list.as_array().into_iter().flatten();
    list.map(|text| {
        STANDARD
            .decode(text.as_str().unwrap_or_default())
            .expect("base64")
    })
    .collect()
}

fn send(recording: &Value, to: SocketAddr) {
    let datagrams = bytes(&recording["datagrams"]);
    if !datagrams.is_empty() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        for datagram in datagrams {
            socket.send_to(&datagram, to).expect("sent");
        }
        return;
    }
    let mut stream = TcpStream::connect(to).expect("connects");
    for chunk in bytes(&recording["chunks"]) {
        // A stream that can't be read is closed.
        if stream.write_all(&chunk).is_err() {
            return;
        }
    }
    // The server closes when it has read all.
    let ended = stream.shutdown(Shutdown::Write);
    let _ = ended.and_then(|()| std::io::Read::read(&mut stream, &mut [0]));
}

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

#[test]
fn what_real_senders_sent_lands_as_it_is_written_down() {
    let recordings = std::fs::read_to_string(fixture("syslog.jsonl")).expect("readable");
    let local = start(|_| {});
    let mut found = String::new();
    for (at, recording) in recordings.lines().enumerate() {
        let recording: Value = serde_json::from_str(recording).expect("JSON");
        let text = |name: &str| recording[name].as_str().unwrap_or_default().to_owned();
        let transport = match recording.get("datagrams") {
            Some(_) => Transport::Udp,
            None => Transport::Tcp,
        };
        let number = at.to_string();
        let listener = listener(transport, &[("recording", &number)]);
        let listeners = [listener];
        let set = local.running().set_syslog(&listeners);
        local.runtime.block_on(set).expect("listens");
        send(&recording, address(&local));
        stop_listening(&local);
        found += &format!(
            "# {} {}: {}\n",
            text("program"),
            text("version"),
            text("made")
        );
        for entry in entries(&local, &format!("{{recording=\"{number}\"}}")) {
            found += &format!("{entry}\n");
        }
    }
    let written = std::fs::read_to_string(fixture("syslog.txt")).unwrap_or_default();
    if found != written {
        let to = std::env::temp_dir().join("syslog.txt");
        std::fs::write(&to, found).expect("written");
        panic!("tests/fixtures/syslog.txt differs from {}", to.display());
    }
}

#[test]
fn nothing_is_lost_over_a_restart_and_equal_messages_stay_two() {
    let mut local = start(|config| {
        config.syslog.listeners = vec![listener(Transport::Tcp, &[])];
    });
    for part in 0..2 {
        let mut stream = TcpStream::connect(address(&local)).expect("connects");
        for i in 0..500 {
            write!(
                stream,
                "<13>Nov 30 22:23:05 h a: {part} {i}\n<13>Nov 30 22:23:05 h a: {part} same\n"
            )
            .expect("written");
        }
        local.restart();
    }
    let found = entries(&local, "{source=\"syslog\"}");
    assert_eq!(found.len(), 2000);
    let same = found
        .iter()
        .filter(|entry| entry.ends_with(" same"))
        .count();
    assert_eq!(same, 1000);
}

#[test]
fn listeners_come_and_go_and_say_what_they_counted() {
    let local = start(|_| {});
    let metrics = || Query::path("/metrics").ask(&local.client()).text;
    assert!(!metrics().contains("skald_syslog"));
    let set = |listeners: &[SyslogListener]| {
        local
            .runtime
            .block_on(local.running().set_syslog(listeners))
    };
    set(&[listener(Transport::Udp, &[])]).expect("listens");
    let first = address(&local);
    UdpSocket::bind("127.0.0.1:0")
        .and_then(|s| s.send_to(b"<13>x", first))
        .expect("sent");
    set(&[
        listener(Transport::Udp, &[]),
        listener(Transport::Tcp, &[("a", "b")]),
    ])
    .expect("listens");
    assert_eq!(address(&local), first, "what is still wanted goes on");
    let two = metrics();
    assert!(
        two.contains("skald_syslog_connections{protocol=\"tcp\""),
        "{two}"
    );
    let taken = SyslogListener {
        address: first,
        transport: Transport::Udp,
        labels: BTreeMap::from([("x".to_owned(), "y".to_owned())]),
        ..listener(Transport::Udp, &[])
    };
    let error = set(&[listener(Transport::Udp, &[]), taken]).expect_err("two on one address");
    assert!(
        error.starts_with(&format!("syslog.listeners: {first}: listening: ")),
        "{error}"
    );
    stop_listening(&local);
    assert_eq!(entries(&local, "{source=\"syslog\"}").len(), 1);
}

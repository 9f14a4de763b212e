//! Receivers of remote write that take samples, refuse them, and come back.

use super::receiver::{Receiver, Reply, Request, status};
use super::support::{NOW, Place, until, url};
use prost::Message;
use skald_outbound::{
    OAuth2, Protocol, RemoteWrite, RemoteWriteBlock, RemoteWriteConfig, STALE_NAN_BITS, Sample,
    SampleCounts, TenantRemoteWrite,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// Messages as remote.proto has them.
#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Point>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Point {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// Samples of a request as `name time bits`, in its order.
pub(crate) fn points(request: &Request) -> Vec<(String, i64, u64)> {
    let plain = snap::raw::Decoder::new()
        .decompress_vec(&request.body)
        .expect("snappy");
    let decoded = WriteRequest::decode(plain.as_slice()).expect("a request");
    let of = |series: TimeSeries| {
        assert!(series.labels.is_sorted_by(|a, b| a.name < b.name));
        assert!(series.labels.iter().all(|label| !label.value.is_empty()));
        let name = series.labels[0].value.clone();
        series
            .samples
            .into_iter()
            .map(move |point| (name.clone(), point.timestamp, point.value.to_bits()))
    };
    decoded.timeseries.into_iter().flat_map(of).collect()
}

fn times(request: &Request) -> Vec<i64> {
    points(request)
        .into_iter()
        .map(|(_, time, _)| time - NOW)
        .collect()
}

pub(crate) fn block(address: &str) -> RemoteWriteBlock {
    let mut block = RemoteWriteBlock::to(url(address));
    block.queue.batch_send_deadline = Duration::from_millis(1);
    block.remote_timeout = Duration::from_secs(20);
    block
}

pub(crate) fn config(block: RemoteWriteBlock) -> RemoteWriteConfig {
    RemoteWriteConfig {
        clients: BTreeMap::from([("main".to_owned(), block)]),
        ..RemoteWriteConfig::default()
    }
}

fn start(place: &Place, block: RemoteWriteBlock) -> RemoteWrite {
    RemoteWrite::start(config(block), &place.environment()).expect("the disk takes it")
}

pub(crate) fn sample(name: &str, after: i64) -> Sample {
    Sample::new(
        [("__name__", name), ("job", "a")],
        after as f64,
        NOW + after,
    )
}

fn counts(remote_write: &RemoteWrite) -> SampleCounts {
    remote_write
        .counts()
        .into_iter()
        .next()
        .expect("there is a client")
}

#[test]
fn samples_arrive_bit_by_bit_with_the_headers_of_1_0() {
    let place = Place::new();
    let receiver = Receiver::start(&place.runtime, Vec::new());
    let remote_write = start(&place, block(&receiver.url("/api/v1/push")));
    let stale = Sample::stale(sample("x", 0).labels, NOW + 2);
    let mut with_empty = sample("y", 1);
    with_empty.labels.insert("empty".to_owned(), String::new());
    remote_write
        .send("team-a", &[stale, sample("x", 1), with_empty])
        .expect("it is queued");
    let request = receiver.next();
    assert_eq!(request.path, "/api/v1/push");
    for (name, value) in [
        ("content-encoding", "snappy"),
        ("content-type", "application/x-protobuf"),
        ("x-prometheus-remote-write-version", "0.1.0"),
        ("x-scope-orgid", "team-a"),
        ("retry-attempt", ""),
    ] {
        assert_eq!(request.header(name), value, "{name}");
    }
    let of = |name: &str, after: i64, bits: u64| (name.to_owned(), NOW + after, bits);
    let one = 1.0_f64.to_bits();
    assert_eq!(
        points(&request),
        [of("x", 1, one), of("x", 2, STALE_NAN_BITS), of("y", 1, one)]
    );
    // What waits is counted down last.
    until(|| counts(&remote_write).pending == 0);
    let counts = counts(&remote_write);
    assert_eq!((counts.appended, counts.sent, counts.failed), (3, 3, 0));
    assert_eq!(counts.highest_sent_timestamp, (NOW + 2) as f64 / 1000.0);
}

#[test]
fn failures_are_tried_again_and_refusals_are_not() {
    let place = Place::new();
    let later = Reply::Status(503, "retry-after: 0\r\n".to_owned(), String::new());
    let script = vec![
        later,
        Reply::Close,
        Reply::Hang,
        status(200),
        status(400),
        status(429),
    ];
    let receiver = Receiver::start(&place.runtime, script);
    let mut with_timeout = block(&receiver.url("/"));
    with_timeout.remote_timeout = Duration::from_millis(500);
    let remote_write = start(&place, with_timeout.clone());
    remote_write
        .send("t", &[sample("x", 1)])
        .expect("it is queued");
    for attempt in ["", "1", "2", "3"] {
        let request = receiver.next();
        assert_eq!(
            (request.header("retry-attempt"), times(&request)),
            (attempt, vec![1])
        );
    }
    for (after, code) in [(2, 400), (3, 429)] {
        remote_write
            .send("t", &[sample("x", after)])
            .expect("it is queued");
        assert_eq!(receiver.next().reply, status(code));
        until(|| counts(&remote_write).failed == after as u64 - 1);
    }
    until(|| counts(&remote_write).pending == 0);
    receiver.then(status(429));
    with_timeout.queue.retry_on_http_429 = true;
    remote_write
        .reconfigure(config(with_timeout))
        .expect("the disk takes it");
    remote_write
        .send("t", &[sample("x", 4)])
        .expect("it is queued");
    assert_eq!(receiver.next().reply, status(429));
    assert_eq!(times(&receiver.next()), [4]);
    until(|| counts(&remote_write).sent == 2);
    assert_eq!(
        (counts(&remote_write).retried, counts(&remote_write).failed),
        (4, 2)
    );
}

#[test]
fn samples_of_a_series_arrive_in_order_in_requests_of_the_size_asked_for() {
    let place = Place::new();
    let receiver = Receiver::start(&place.runtime, vec![status(503), Reply::Close]);
    let mut small = block(&receiver.url("/"));
    small.queue.max_samples_per_send = 7;
    let remote_write = start(&place, small);
    for round in 0..20 {
        let samples: Vec<Sample> = (0..10)
            .map(|number| sample(&format!("x{number}"), round))
            .collect();
        remote_write.send("t", &samples).expect("it is queued");
    }
    let mut newest: BTreeMap<String, i64> = BTreeMap::new();
    let mut came = 0;
    while came < 200 {
        let points = points(&receiver.next_taken());
        assert!(points.len() <= 7);
        for (name, time, _) in points {
            let before = newest.insert(name, time);
            assert!(before.is_none_or(|before| before < time));
            came += 1;
        }
    }
    assert_eq!(newest.len(), 10);
}

#[test]
fn a_restart_sends_what_waits_and_first_alone_what_may_have_arrived() {
    let place = Place::new();
    let receiver = Receiver::start(&place.runtime, vec![Reply::Hang]);
    let remote_write = start(&place, block(&receiver.url("/")));
    remote_write
        .send("t", &[sample("x", 1)])
        .expect("it is queued");
    assert_eq!(receiver.next().reply, Reply::Hang);
    remote_write
        .send("t", &[sample("x", 2)])
        .expect("it is queued");
    remote_write
        .send("t", &[sample("x", 3)])
        .expect("it is queued");
    remote_write.close();
    let remote_write = start(&place, block(&receiver.url("/")));
    assert_eq!(times(&receiver.next()), [1]);
    assert_eq!(times(&receiver.next()), [2, 3]);
    until(|| counts(&remote_write).pending == 0);
    remote_write.close();
    let remote_write = start(&place, block(&receiver.url("/")));
    remote_write
        .send("t", &[sample("x", 4)])
        .expect("it is queued");
    assert_eq!(times(&receiver.next()), [4]);
}

#[test]
fn the_oldest_samples_make_room_and_their_bytes_are_given_back() {
    let place = Place::new();
    let address = Receiver::start(&place.runtime, Vec::new()).stop(&place.runtime);
    let mut config = config(block(&format!("http://{address}/")));
    config.queue_bytes = 256 << 10;
    let remote_write = RemoteWrite::start(config, &place.environment()).expect("the disk takes it");
    // Names that don't compress well.
    let name = |number: u64| {
        format!(
            "x{:016x}{:016x}",
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            number.wrapping_mul(0xbf58_476d_1ce4_e5b9)
        )
    };
    for round in 0..60 {
        let samples: Vec<Sample> = (0..200)
            .map(|number| sample(&name(round * 200 + number), round as i64))
            .collect();
        remote_write.send("t", &samples).expect("it is queued");
    }
    let before = counts(&remote_write);
    assert!(before.dropped > 0 && before.pending > 0);
    assert_eq!(before.dropped + before.pending, 60 * 200);
    assert!(before.disk_bytes < 400 << 10, "{}", before.disk_bytes);
    let receiver = Receiver::at(&place.runtime, address, Vec::new(), None);
    let mut came = Vec::new();
    // What was on its way when it was dropped may come too.
    while came.last() != Some(&59) {
        came.extend(times(&receiver.next_taken()));
    }
    until(|| counts(&remote_write).pending == 0);
    assert!(came.len() as u64 >= before.pending - 200);
}

#[test]
fn a_receiver_that_does_not_know_2_0_is_asked_in_1_0() {
    let place = Place::new();
    let written = |count: u64| {
        Reply::Status(
            204,
            format!("x-prometheus-remote-write-samples-written: {count}\r\n"),
            String::new(),
        )
    };
    let receiver = Receiver::start(&place.runtime, vec![written(1), status(415)]);
    let mut second = block(&receiver.url("/"));
    second.protocol = Protocol::V2;
    let remote_write = start(&place, second);
    remote_write
        .send("t", &[sample("x", 1)])
        .expect("it is queued");
    let request = receiver.next();
    assert_eq!(
        request.header("content-type"),
        "application/x-protobuf;proto=io.prometheus.write.v2.Request"
    );
    assert_eq!(request.header("x-prometheus-remote-write-version"), "2.0.0");
    until(|| counts(&remote_write).sent == 1);
    remote_write
        .send("t", &[sample("x", 2)])
        .expect("it is queued");
    assert_eq!(receiver.next().reply, status(415));
    let request = receiver.next();
    assert_eq!(
        (
            request.header("x-prometheus-remote-write-version"),
            times(&request)
        ),
        ("0.1.0", vec![2])
    );
    remote_write
        .send("t", &[sample("x", 3)])
        .expect("it is queued");
    assert_eq!(
        receiver.next().header("x-prometheus-remote-write-version"),
        "0.1.0"
    );
}

#[test]
fn a_token_is_got_once_and_again_when_it_is_refused() {
    let place = Place::new();
    let token = |text: &str| {
        Reply::Status(
            200,
            String::new(),
            format!(r#"{{"access_token":"{text}","token_type":"bearer","expires_in":3600}}"#),
        )
    };
    let tokens = Receiver::start(
        &place.runtime,
        vec![status(401), token("one"), token("two")],
    );
    let receiver = Receiver::start(&place.runtime, vec![status(200), status(503), status(503)]);
    let mut with_token = block(&receiver.url("/"));
    with_token.http.oauth2 = Some(OAuth2 {
        client_id: "me".to_owned(),
        client_secret: "word".into(),
        token_url: Some(url(&tokens.url("/token"))),
        scopes: vec!["write".to_owned(), "more".to_owned()],
        endpoint_params: BTreeMap::from([("audience".to_owned(), "a b".to_owned())]),
        ..OAuth2::default()
    });
    let remote_write = start(&place, with_token);
    remote_write
        .send("t", &[sample("x", 1)])
        .expect("it is queued");
    assert_eq!(receiver.next().header("authorization"), "Bearer one");
    let asked = tokens.next();
    assert_eq!(asked.header("authorization"), "Basic bWU6d29yZA==");
    assert_eq!(
        asked.body,
        b"grant_type=client_credentials&scope=write+more&audience=a+b"
    );
    // This server wants them as parameters.
    let asked = tokens.next();
    assert!(asked.body.ends_with(b"&client_id=me&client_secret=word"));
    remote_write
        .send("t", &[sample("x", 2)])
        .expect("it is queued");
    assert_eq!(receiver.next_taken().header("authorization"), "Bearer one");
    assert!(tokens.is_quiet());
    receiver.then(status(401));
    remote_write
        .send("t", &[sample("x", 3)])
        .expect("it is queued");
    assert_eq!(receiver.next().reply, status(401));
    until(|| counts(&remote_write).failed == 1);
    remote_write
        .send("t", &[sample("x", 4)])
        .expect("it is queued");
    assert_eq!(receiver.next().header("authorization"), "Bearer two");
}

#[test]
fn tenants_have_clients_of_their_own_or_none() {
    let place = Place::new();
    let all = Receiver::start(&place.runtime, Vec::new());
    let own = Receiver::start(&place.runtime, Vec::new());
    let mut config = config(block(&all.url("/all")));
    let mut with_header = block(&own.url("/own"));
    with_header
        .http
        .headers
        .insert("X-Scope-OrgID".to_owned(), "configured".into());
    let clients = BTreeMap::from([("own".to_owned(), with_header)]);
    config.tenants = BTreeMap::from([
        (
            "off".to_owned(),
            TenantRemoteWrite {
                is_disabled: true,
                clients: None,
            },
        ),
        (
            "a/b".to_owned(),
            TenantRemoteWrite {
                is_disabled: false,
                clients: Some(clients),
            },
        ),
    ]);
    let remote_write = RemoteWrite::start(config, &place.environment()).expect("the disk takes it");
    remote_write
        .send("off", &[sample("x", 1)])
        .expect("nothing is sent");
    remote_write
        .send("a/b", &[sample("x", 2)])
        .expect("it is queued");
    remote_write
        .send("c", &[sample("x", 3)])
        .expect("it is queued");
    let request = own.next();
    assert_eq!(
        (
            request.path.as_str(),
            request.header("x-scope-orgid"),
            times(&request)
        ),
        ("/own", "a/b", vec![2])
    );
    let request = all.next();
    assert_eq!(
        (request.header("x-scope-orgid"), times(&request)),
        ("c", vec![3])
    );
    assert!(!remote_write.has_clients("off") && remote_write.has_clients("c"));
}

//! How many megabytes of lines a second does one core take in, from a snappy-compressed protobuf
//! body to what is handed to the store (labels resolved, entries validated, levels found)?
//!
//! One body of about a megabyte as Promtail sends it: eight streams, lines of one kind, the same on
//! every run. Baselines on the same bytes: the decompression alone, and decompression with prost,
//! which allocates each line.
//!
//!     cargo bench -p skald-benches --bench decode

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use prost::Message;
use skald_ingest::proto_types::{Entry, PushRequest, Stream, Timestamp};
use skald_ingest::{DryRun, IngestLimits, Protocol};
use std::hint::black_box;

const STREAMS: usize = 8;
const BYTES: usize = 1 << 20;

/// Numbers that look drawn at random and are the same on every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

const LEVELS: [&str; 4] = ["info", "warn", "error", "debug"];

fn json(noise: &mut Noise) -> String {
    let level = LEVELS[noise.next(4) as usize];
    format!(
        r#"{{"ts":"2026-03-01T00:00:{:02}Z","level":"{level}","msg":"request done","path":"/api/v1/items/{}","status":{},"duration_ms":{},"trace_id":"{:016x}"}}"#,
        noise.next(60),
        noise.next(100_000),
        200 + noise.next(300),
        noise.next(5000),
        noise.next(u64::MAX)
    )
}

fn logfmt(noise: &mut Noise) -> String {
    let level = LEVELS[noise.next(4) as usize];
    format!(
        "ts=2026-03-01T00:00:{:02}Z caller=main.go:{} level={level} msg=\"handled request\" user={} took={}ms",
        noise.next(60),
        noise.next(1000),
        noise.next(1_000_000),
        noise.next(5000)
    )
}

/// A line without any level, which has to be read to its end.
fn plain(noise: &mut Noise) -> String {
    format!(
        "Mar  1 00:00:{:02} combo sshd(pam_unix)[{}]: authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=10.0.{}.{}",
        noise.next(60),
        noise.next(32_768),
        noise.next(256),
        noise.next(256)
    )
}

/// A compressed body and the bytes of its lines.
fn body(line: fn(&mut Noise) -> String) -> (Vec<u8>, usize) {
    let mut noise = Noise(42);
    let mut request = PushRequest::default();
    let mut line_bytes = 0;
    for stream in 0..STREAMS {
        let labels =
            format!(r#"{{app="bench", filename="/var/log/app-{stream}.log", job="bench"}}"#)
                .into_bytes();
        let mut entries = Vec::new();
        let mut stream_bytes = 0;
        while stream_bytes < BYTES / STREAMS {
            let line = line(&mut noise).into_bytes();
            stream_bytes += line.len();
            let timestamp = Some(Timestamp {
                seconds: 1_772_323_200 + entries.len() as i64,
                nanos: noise.next(1_000_000_000) as i32,
            });
            entries.push(Entry {
                timestamp,
                line,
                ..Entry::default()
            });
        }
        line_bytes += stream_bytes;
        request.streams.push(Stream {
            labels,
            entries,
            hash: 0,
        });
    }
    let compressed = snap::raw::Encoder::new()
        .compress_vec(&request.encode_to_vec())
        .expect("memory is enough");
    (compressed, line_bytes)
}

fn decode(c: &mut Criterion) {
    for (name, line) in [
        ("json", json as fn(&mut Noise) -> String),
        ("logfmt", logfmt),
        ("plain", plain),
    ] {
        let (body, line_bytes) = body(line);
        let mut group = c.benchmark_group(format!("decode/{name}"));
        group.throughput(Throughput::Bytes(line_bytes as u64));
        let push = skald_ingest::PushRequest {
            content_type: Some("application/x-protobuf".to_owned()),
            ..skald_ingest::PushRequest::new(Protocol::Loki, body.clone())
        };
        let mut dry_run = DryRun::new(IngestLimits::default());
        let accepted = dry_run.accept(&push).expect("the body is good");
        assert!(
            accepted > line_bytes,
            "every line and its level are accepted"
        );
        group.bench_function("in_place_and_validated", |b| {
            b.iter(|| dry_run.accept(black_box(&push)))
        });
        group.bench_function("prost", |b| {
            b.iter(|| {
                PushRequest::decode(&*decompress(black_box(&body))).expect("the body is good")
            })
        });
        group.bench_function("decompress", |b| b.iter(|| decompress(black_box(&body))));
        group.finish();
    }
}

fn decompress(body: &[u8]) -> Vec<u8> {
    snap::raw::Decoder::new()
        .decompress_vec(body)
        .expect("the body is good")
}

criterion_group!(benches, decode);
criterion_main!(benches);

//! The body of a push in the protocol that the first byte names: an answer, and the same one again.
//!
//! A target for each family of receivers, so that each decoder has its share of the time. A first
//! byte that names none of a family stands for one of it all the same: no input is lost.

use skald_ingest::{DryRun, IngestLimits, JournalStream, Parameters, Protocol, PushRequest};
use skald_syslog::batch::{Context, Frame};
use skald_syslog::framing::{Framer, Step, Stream};

/// Largest decompressed body, in bytes; small, so that bombs cost little here.
const DECOMPRESSED_BYTES_MAX: usize = 1 << 20;

/// Longest syslog message, in bytes.
const MESSAGE_BYTES_MAX: usize = 100;

/// Longest literal of a snappy block that needs no length of its own, in bytes.
const SNAPPY_LITERAL_BYTES_MAX: usize = 60;

/// Longest line, in bytes; small, so that inputs of a fuzzer are too long for it.
const LINE_BYTES_MAX: usize = 512;

/// Loki's pushes: protobuf, JSON, and the encodings of HTTP.
pub fn loki(input: &[u8]) {
    check(b"psjlgd", input);
}

/// OpenTelemetry by HTTP and gRPC.
pub fn otlp(input: &[u8]) {
    check(b"oOz4HPx", input);
}

/// Bulk requests and documents of Elasticsearch.
pub fn elasticsearch(input: &[u8]) {
    check(b"eD", input);
}

/// What other collectors take: Splunk's events and raw lines, Datadog's logs.
pub fn collectors(input: &[u8]) {
    check(b"Crqt", input);
}

/// Events of a cluster: Kubernetes audit, Falco, flows of Calico and Hubble.
pub fn cluster_events(input: &[u8]) {
    check(b"kfch", input);
}

/// The journal's export format.
pub fn journal(input: &[u8]) {
    check(b"J", input);
}

/// Lines of JSON and of CSV, after a line of parameters.
pub fn tables(input: &[u8]) {
    check(b"nv", input);
}

/// Syslog as it comes by a connection, and as a batch of it.
pub fn syslog(input: &[u8]) {
    check(b"yY", input);
}

/// Decodes and validates.
fn check(family: &[u8], input: &[u8]) {
    let Some((&first, body)) = input.split_first() else {
        return;
    };
    let kind = match family.contains(&first) {
        true => first,
        false => family[usize::from(first) % family.len()],
    };
    let Some(request) = request(kind, body) else {
        return;
    };
    let mut limits = IngestLimits {
        max_decompressed_size: DECOMPRESSED_BYTES_MAX,
        ..IngestLimits::default()
    };
    if kind == b'k' {
        limits.max_line_size = LINE_BYTES_MAX;
    }
    let mut dry_run = DryRun::new(limits);
    let first = dry_run.accept(&request);
    assert_eq!(
        dry_run.accept(&request),
        first,
        "what was cached of the streams changes the answer"
    );
    let reply = dry_run.answer(&request);
    assert!(reply.status < 500, "{}", reply.status);
    if reply.content_type == "application/json" && !reply.body.is_empty() {
        assert!(serde_json::from_slice::<serde_json::Value>(&reply.body).is_ok());
    }
}

/// `None` for a byte that stands for nothing.
fn request(kind: u8, body: &[u8]) -> Option<PushRequest> {
    let (protocol, content_type, encoding) = match kind {
        b'p' => (Protocol::Loki, "application/x-protobuf", None),
        b's' => (Protocol::Loki, "application/x-protobuf", Some("snappy")),
        b'j' => (Protocol::Loki, "application/json", None),
        b'l' => (Protocol::LokiLegacy, "application/json", None),
        b'o' => (Protocol::Otlp, "application/x-protobuf", None),
        b'O' => (Protocol::Otlp, "application/json", None),
        b'g' => (Protocol::Loki, "application/json", Some("gzip")),
        b'd' => (Protocol::Loki, "application/json", Some("deflate")),
        b'z' => (Protocol::Otlp, "application/json", Some("zstd")),
        b'4' => (Protocol::Otlp, "application/json", Some("lz4")),
        b'k' => (Protocol::K8sAudit, "application/json", None),
        b'f' => (Protocol::Falco, "application/json", None),
        b'c' => (Protocol::CalicoFlows, "application/x-ndjson", None),
        b'h' => (Protocol::Hubble, "application/x-ndjson", None),
        b'n' => (Protocol::Ndjson, "application/x-ndjson", None),
        b'v' => (Protocol::Csv, "text/csv", None),
        b'H' => (Protocol::OtlpHttp, "application/json", None),
        b'P' => (Protocol::OtlpHttp, "application/x-protobuf", None),
        b'x' => (Protocol::OtlpGrpc, "application/grpc", Some("snappy")),
        b'e' => (Protocol::Elasticsearch, "application/x-ndjson", None),
        b'D' => (Protocol::ElasticsearchDocument, "application/json", None),
        b'C' => (Protocol::SplunkEvents, "application/json", None),
        b'r' => (Protocol::SplunkRaw, "text/plain", None),
        b'q' => (Protocol::Datadog, "application/json", None),
        b't' => (Protocol::Datadog, "text/plain", None),
        b'J' => (Protocol::Journal, "application/vnd.fdo.journal", None),
        b'y' | b'Y' => (Protocol::Syslog, "", None),
        _ => return None,
    };
    let mut fields = vec![("time", "t"), ("message", "m"), ("labels", "l,a.b")];
    let body = match kind {
        b'n' | b'v' => {
            let (line, rest) = parameters(body);
            fields = line;
            rest
        }
        _ => body,
    };
    let body = match kind {
        b'p' => snappy(body),
        b'y' => batch(body),
        b'J' => {
            in_pieces(body);
            body.to_vec()
        }
        _ => body.to_vec(),
    };
    let content_type = Some(content_type.to_owned());
    let fields = fields.into_iter();
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Some(PushRequest {
        content_type,
        parameters: Parameters(fields.collect()),
        content_encoding: encoding.map(str::to_owned),
        ..PushRequest::new(protocol, body)
    })
}

/// Parameters of the first line, `name=value&…`, and what follows it.
fn parameters(input: &[u8]) -> (Vec<(&str, &str)>, &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n');
    let (line, rest) = input.split_at(end.unwrap_or(0));
    let line = std::str::from_utf8(line).unwrap_or_default();
    let pairs = line.split('&').filter_map(|pair| pair.split_once('='));
    (pairs.collect(), rest.get(1..).unwrap_or_default())
}

/// A batch of the messages that a connection with these bytes has. The frames do not depend on how
/// the bytes come.
fn batch(bytes: &[u8]) -> Vec<u8> {
    let context = Context {
        zone: "Europe/Berlin".to_owned(),
        ..Context::default()
    };
    let whole = frames(bytes, bytes.len().max(1));
    assert_eq!(whole, frames(bytes, 3), "the pieces change the frames");
    let mut body = context.encode();
    for (message, truncated) in &whole {
        let frame = Frame {
            bytes: message,
            address: None,
            repeat: 0,
            truncated: *truncated,
        };
        frame.append_to(&mut body);
    }
    body
}

/// The frames of a connection whose bytes come in pieces of this size.
fn frames(bytes: &[u8], size: usize) -> Vec<(Vec<u8>, bool)> {
    let mut framer = Framer::new(MESSAGE_BYTES_MAX);
    let (mut buffer, mut frames) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(size).map(Some).chain([None]) {
        buffer.extend_from_slice(piece.unwrap_or_default());
        let stream = if piece.is_some() {
            Stream::Open
        } else {
            Stream::Ended
        };
        loop {
            let used = match framer.next(&buffer, stream) {
                Step::Wait => break,
                Step::Skip(used) => used,
                Step::Frame {
                    from,
                    to,
                    used,
                    truncated,
                } => {
                    assert!(to - from <= MESSAGE_BYTES_MAX && used > 0);
                    frames.push((buffer[from..to].to_vec(), truncated));
                    used
                }
            };
            buffer.drain(..used);
        }
    }
    frames
}

/// Gathers entries of the journal: the pieces must not matter.
fn in_pieces(bytes: &[u8]) {
    let gathered = |size: usize| {
        let mut stream = JournalStream::default();
        bytes.chunks(size).for_each(|piece| stream.push(piece));
        (stream.end(), stream.take())
    };
    assert_eq!(gathered(bytes.len().max(1)), gathered(3));
}

/// A snappy block of literals, so that the fuzzer's bytes reach the protobuf decoder as they are.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    for literal in bytes.chunks(SNAPPY_LITERAL_BYTES_MAX) {
        out.push((literal.len() as u8 - 1) << 2);
        out.extend_from_slice(literal);
    }
    out
}

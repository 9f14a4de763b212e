//! Requests nobody means well by, as bytes on a socket: broken HTTP, bombs, bodies that nest,
//! queries that burn.

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use std::io::Write;

/// A name to report it by, and what is sent.
pub(crate) type Abuse = (String, Vec<u8>);

/// Bytes a bomb grows to: more than a push may have.
const BOMB_BYTES: usize = 600 << 20;

/// All of them.
pub(crate) fn all() -> Vec<Abuse> {
    let mut all = broken_http();
    all.extend(pushes());
    all.extend(queries());
    all
}

fn named<'a>(kind: &str, texts: impl IntoIterator<Item = &'a [u8]>) -> Vec<Abuse> {
    texts
        .into_iter()
        .enumerate()
        .map(|(i, text)| (format!("{kind} {i}"), text.to_vec()))
        .collect()
}

fn broken_http() -> Vec<Abuse> {
    let get = |target: &str, headers: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n")
            .into_bytes()
    };
    let fixed: [&[u8]; 24] = [
        b"",
        b"\r\n\r\n\r\n\r\n",
        b"GET",
        b"GET /\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"G\x00T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\xff\xfe\xfd\xfc\xfb\xfa\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        b"CONNECT a:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET http://other/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /ready HTTP/1.1\r\nHost: localhost\r\nHost: b\r\nConnection: close\r\n\r\n",
        b"GET /ready HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\nConnection: close\r\n\r\n",
        b"GET /ready HTTP/1.1\nHost: a\nConnection: close\n\n",
        b"POST /loki/api/v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /loki/api/v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /loki/api/v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /loki/api/v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /",
        b"POST /loki/api/v1/push HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /loki/api/v1/push HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"GET /loki/api/v1/tail?query=%7Ba%3D%22b%22%7D HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
    ];
    let mut all = named("http", fixed);
    let targets = [
        "/../../../../etc/passwd".to_owned(),
        "/%2e%2e/%2e%2e/etc/passwd".to_owned(),
        "/loki/api/v1/label/..%2f..%2f/values".to_owned(),
        "/loki/api/v1/label/%00/values".to_owned(),
        "/loki/api/v1/label/%ff%fe/values".to_owned(),
        "/%".to_owned(),
        "/%zz?%zz=%zz".to_owned(),
        format!("/{}", "a/".repeat(20_000)),
        format!("/ready?{}", "a=b&".repeat(15_000)),
        format!("/loki/api/v1/query?query={}", "a".repeat(250_000)),
        format!(
            "/loki/api/v1/series?{}",
            "match[]=%7Ba%3D%22b%22%7D&".repeat(2_000)
        ),
        format!("/loki/api/v1{}/query", "/loki/api/v1".repeat(4_000)),
    ];
    all.extend(
        targets
            .iter()
            .enumerate()
            .map(|(i, target)| (format!("target {i}"), get(target, ""))),
    );
    let headers = [
        format!("X-Long: {}\r\n", "a".repeat(300_000)),
        "X-Many: a\r\n".repeat(5_000),
        format!("X-Scope-OrgID: {}\r\n", "a|".repeat(5_000)),
        format!("X-Scope-OrgID: {}\r\n", "../".repeat(50)),
        format!("Cookie: {}\r\n", "a=b; ".repeat(20_000)),
        format!("Accept-Encoding: {}\r\n", "gzip, ".repeat(10_000)),
        format!("X-Loki-Query-Limits: {}\r\n", "[".repeat(50_000)),
        format!("Authorization: Basic {}\r\n", "A".repeat(100_000)),
        "Expect: 100-continue\r\nContent-Length: 10\r\n".to_owned(),
        "Range: bytes=0-,0-,0-,0-,0-\r\n".to_owned(),
    ];
    all.extend(
        headers
            .iter()
            .enumerate()
            .map(|(i, header)| (format!("header {i}"), get("/loki/api/v1/labels", header))),
    );
    all
}

fn post(path: &str, content_type: &str, encoding: &str, body: &[u8]) -> Vec<u8> {
    let encoding = if encoding.is_empty() {
        String::new()
    } else {
        format!("Content-Encoding: {encoding}\r\n")
    };
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n{encoding}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

const PUSH: &str = "/loki/api/v1/push";
const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

fn gzip(bytes: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    bytes.for_each(|bytes| encoder.write_all(&bytes).expect("memory takes it"));
    encoder.finish().expect("memory takes it")
}

fn zeros() -> impl Iterator<Item = Vec<u8>> {
    (0..BOMB_BYTES >> 20).map(|_| vec![b' '; 1 << 20])
}

fn bombs() -> Vec<Abuse> {
    let flat = gzip(zeros());
    let twice = gzip(std::iter::once(flat.clone()));
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
    zeros().for_each(|bytes| deflate.write_all(&bytes).expect("memory takes it"));
    let deflate = deflate.finish().expect("memory takes it");
    // A snappy block that says it grows to 4 GB, and one that grows as far as its bytes can.
    let claim = [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0; 100]].concat();
    let copies: Vec<u8> = [
        &[0x80, 0x80, 0x80, 0x40, 0x00, b'a'][..],
        &[0xfe, 0x01, 0x00].repeat(300_000),
    ]
    .concat();
    vec![
        ("gzip bomb".to_owned(), post(PUSH, JSON, "gzip", &flat)),
        (
            "gzip bomb, twice".to_owned(),
            post(PUSH, JSON, "gzip, gzip", &twice),
        ),
        (
            "gzip bomb of OTLP".to_owned(),
            post("/otlp/v1/logs", JSON, "gzip", &flat),
        ),
        (
            "deflate bomb".to_owned(),
            post(PUSH, JSON, "deflate", &deflate),
        ),
        ("snappy claim".to_owned(), post(PUSH, PROTOBUF, "", &claim)),
        (
            "snappy copies".to_owned(),
            post(PUSH, PROTOBUF, "", &copies),
        ),
        (
            "many encodings".to_owned(),
            post(PUSH, JSON, &"gzip,".repeat(500), b"{}"),
        ),
    ]
}

fn pushes() -> Vec<Abuse> {
    let mut all = bombs();
    all.extend(jsons());
    all.extend(protobufs());
    let types = [
        "",
        "application/json; charset=\"",
        "application/\u{0}",
        "multipart/form-data; boundary=x",
        "text/html",
    ];
    all.extend(
        types
            .iter()
            .enumerate()
            .map(|(i, kind)| (format!("type {i}"), post(PUSH, kind, "", b"{}"))),
    );
    all
}

fn jsons() -> Vec<Abuse> {
    let stream = |labels: &str, values: &str| {
        format!("{{\"streams\":[{{\"stream\":{labels},\"values\":{values}}}]}}")
    };
    let labels: String = (0..10_000).map(|i| format!("\"l{i}\":\"v\",")).collect();
    let streams: String = (0..20_000)
        .map(|i| format!("{{\"stream\":{{\"s\":\"{i}\"}},\"values\":[[\"1\",\"x\"]]}},"))
        .collect();
    let pairs: String = (0..50_000).map(|i| format!("\"m{i}\":\"v\",")).collect();
    let entries = "[\"1\",\"\"],".repeat(200_000);
    let jsons = [
        "[".repeat(200_000),
        "{\"a\":".repeat(100_000),
        format!("{{\"streams\":{}", "[".repeat(100_000)),
        stream("{\"a\":\"b\"}", &"[".repeat(100_000)),
        stream(&"{\"a\":".repeat(50_000), "[]"),
        stream(
            &format!("{{{}}}", labels.trim_end_matches(',')),
            "[[\"1\",\"x\"]]",
        ),
        stream(
            "{\"a\":\"b\"}",
            &format!("[[\"1\",\"x\",{{{}}}]]", pairs.trim_end_matches(',')),
        ),
        stream(
            "{\"a\":\"b\"}",
            &format!("[{}]", entries.trim_end_matches(',')),
        ),
        stream(
            &format!("{{\"a\":\"{}\"}}", "x".repeat(2 << 20)),
            "[[\"1\",\"x\"]]",
        ),
        stream(
            &format!("{{\"{}\":\"b\"}}", "x".repeat(2 << 20)),
            "[[\"1\",\"x\"]]",
        ),
        stream(
            "{\"a\":\"b\"}",
            &format!("[[\"1\",\"{}\"]]", "x".repeat(8 << 20)),
        ),
        stream(
            "{\"a\":\"b\"}",
            &format!("[[\"{}\",\"x\"]]", "9".repeat(1 << 20)),
        ),
        stream(
            "{\"a\":\"b\"}",
            "[[\"-9223372036854775808\",\"x\"],[\"9223372036854775807\",\"x\"]]",
        ),
        stream("{\"a\":\"\\ud800\"}", "[[\"1\",\"\\udfff\\ud800\"]]"),
        format!("{{\"streams\":[{}]}}", streams.trim_end_matches(',')),
        "{\"streams\":[{\"stream\":null,\"values\":null}]}".to_owned(),
        "null".to_owned(),
        "\"".to_owned(),
        "1e999999".to_owned(),
        String::new(),
    ];
    let mut all: Vec<Abuse> = jsons
        .iter()
        .enumerate()
        .map(|(i, json)| (format!("json {i}"), post(PUSH, JSON, "", json.as_bytes())))
        .collect();
    let legacy = format!(
        "{{\"streams\":[{{\"labels\":\"{{{}\",\"entries\":[]}}]}}",
        "a=\\\"b\\\",".repeat(100_000)
    );
    all.push((
        "legacy labels".to_owned(),
        post("/api/prom/push", JSON, "", legacy.as_bytes()),
    ));
    let deep = "{\"kvlistValue\":{\"values\":[{\"key\":\"a\",\"value\":".repeat(20_000);
    let otlp = format!("{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{{\"body\":{deep}");
    all.push((
        "otlp json".to_owned(),
        post("/otlp/v1/logs", JSON, "", otlp.as_bytes()),
    ));
    all
}

/// Protobuf, as it is and as a block of snappy.
fn protobufs() -> Vec<Abuse> {
    let mut all = Vec::new();
    // Lengths that lie, groups, endless numbers, fields in fields: as protobuf, and as a snappy
    // block of it.
    let protobufs: [Vec<u8>; 8] = [
        b"\x0a\xff\xff\xff\xff\x0f".to_vec(),
        b"\x0b\x0b\x0b\x0b\x0b\x0b\x0b".to_vec(),
        vec![0xff; 1000],
        b"\x0a".repeat(100_000),
        [0x0a, 0x04, 0x0a, 0x02, b'{', b'}'].repeat(50_000),
        [0x0a, 0x02, 0x12, 0x00].repeat(200_000),
        (0..60_000u32).flat_map(u32::to_le_bytes).collect(),
        vec![0; 1 << 20],
    ];
    for (i, bytes) in protobufs.iter().enumerate() {
        let mut block = Vec::new();
        let mut length = bytes.len();
        while length >= 128 {
            block.push((length % 128) as u8 | 128);
            length /= 128;
        }
        block.push(length as u8);
        for chunk in bytes.chunks(60) {
            block.push(((chunk.len() - 1) << 2) as u8);
            block.extend_from_slice(chunk);
        }
        all.push((format!("protobuf {i}"), post(PUSH, PROTOBUF, "", &block)));
        all.push((
            format!("otlp protobuf {i}"),
            post("/otlp/v1/logs", PROTOBUF, "", bytes),
        ));
    }
    all
}

/// Queries that burn, nest or repeat.
fn query_texts() -> Vec<String> {
    let all = "{app=\"web\"}";
    let filters = |text: &str, count: usize| format!("{all}{}", text.repeat(count));
    let mut texts = vec![
        filters(" |~ `(a*)*(b*)*(c*)*$`", 20),
        format!("{all} |~ `{}`", "(x+x+)+".repeat(500)),
        format!("{all} |~ `(.{{0,1000}}){{1000}}`"),
        format!("{all} |~ `\\p{{L}}{{1000}}{{1000}}`"),
        format!("{all} |~ `{}`", "(".repeat(5_000)),
        format!("{all} |~ `{}`", "a|".repeat(40_000)),
        format!("{all} |~ `[{}]`", "a-z".repeat(10_000)),
        format!("{all} |~ `(?i){}`", "x".repeat(20_000)),
        format!("{{app=~`(a|b|c|d|e){{1,100}}{{1,100}}`}}"),
        filters(" != \"nothing\"", 5_000),
        filters(" | json", 500),
        filters(" | logfmt", 500),
        filters(" | line_format `{{.app}}{{.app}}`", 60),
        filters(" | label_format a=`{{.a}}{{.a}}x`", 60),
        format!("{all} | line_format `{{{{ repeat 1000000000 \"x\" }}}}`"),
        format!("{all} | line_format `{{{{ printf \"%1000000000d\" 1 }}}}`"),
        format!("{all} | line_format `{{{{ range $i := until 1000000000 }}}}x{{{{ end }}}}`"),
        format!(
            "{all} | line_format `{{{{ define \"a\" }}}}{{{{ template \"a\" }}}}{{{{ end }}}}{{{{ template \"a\" }}}}`"
        ),
        format!("{all} | line_format `{}`", "{{ if true }}".repeat(5_000)),
        format!("{all} | line_format `{}`", "{{ (".repeat(5_000)),
        format!(
            "{all} | line_format `{{{{ regexReplaceAll \"(a*)*b\" (repeat 100000 \"a\") \"x\" }}}}`"
        ),
        format!(
            "{all} | line_format `{{{{ mul 9223372036854775807 9223372036854775807 | div 0 }}}}`"
        ),
        format!("{all} | pattern `{}`", "<_>x".repeat(5_000)),
        format!("{all} | regexp `{}`", "(?P<a>x)".repeat(3_000)),
        format!(
            "{all} | json {}",
            (0..3_000)
                .map(|i| format!("a{i}=\"b\""))
                .collect::<Vec<_>>()
                .join(", ")
        ),
        format!("{all} | json a=\"{}\"", "[0]".repeat(10_000)),
        format!("{all} | {}", "(a=`b` or ".repeat(3_000)),
        format!("{all} | a={}ip(`1.2.3.4`)", "ip(".repeat(1_000)),
        format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000)),
        format!("1{}", " + 1".repeat(20_000)),
        format!("1{}", " ^ 2".repeat(20_000)),
        format!(
            "{}rate({all}[1m]){}",
            "sum(".repeat(5_000),
            ")".repeat(5_000)
        ),
        format!("{}", vec![format!("rate({all}[1m])"); 500].join(" + ")),
        format!("rate({all}[292y])"),
        format!("rate({all}[1m] offset 292y)"),
        format!("rate({all}[1m] offset -292y)"),
        format!("topk(9223372036854775807, rate({all}[1m]))"),
        format!("quantile_over_time(1e308, {all} | unwrap x [1m])"),
        format!(
            "label_replace(rate({all}[1m]), \"a\", \"{}\", \"app\", \"(.*)\")",
            "$1".repeat(20_000)
        ),
        format!("{all}{}", " ".repeat(140_000)),
        "{".repeat(60_000),
        "\u{0}\u{ffff}\u{202e}".repeat(1_000),
        "\"".repeat(50_000),
        "#".repeat(60_000),
        format!("{{{}}}", vec!["a=\"b\""; 5_000].join(",")),
    ];
    texts.extend((0..10).map(|i| format!("{all} |~ `{}`", format!("(a{{{i},}})*").repeat(50))));
    texts
}

fn queries() -> Vec<Abuse> {
    let texts = query_texts();
    let range = "start=1772323200&end=1772409600";
    let mut out = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        let encoded: String = text.bytes().map(|b| format!("%{b:02X}")).collect();
        let form = format!("query={encoded}&{range}&step=1");
        let paths = [
            "query_range",
            if i % 2 == 0 { "query" } else { "format_query" },
        ];
        for path in paths {
            let body = post(
                &format!("/loki/api/v1/{path}"),
                "application/x-www-form-urlencoded",
                "",
                form.as_bytes(),
            );
            out.push((format!("{path} {i}"), body));
        }
    }
    let odd = [
        "index/volume?query=%7B%7D&limit=9223372036854775807",
        "index/volume_range?query=%7B%7D&step=0.000000001",
        "index/stats?query=%7Ba%3D~%22.*%22%7D",
        "detected_fields?query=%7Bapp%3D%22web%22%7D&line_limit=9223372036854775807&limit=9223372036854775807",
        "query_range?query=vector(1)&start=-9223372036854775808&end=9223372036854775807&step=1ms",
        "query_range?query=%7Bapp%3D%22web%22%7D&limit=9223372036854775807&start=0",
        "patterns?query=%7Bapp%3D%22web%22%7D&step=0",
        "tail?query=%7Bapp%3D%22web%22%7D&limit=9223372036854775807&delay_for=-9223372036854775808",
    ];
    let get = |path: &str| {
        format!("GET /loki/api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .into_bytes()
    };
    out.extend(odd.iter().map(|path| ((*path).to_owned(), get(path))));
    out
}

//! Access logs of Envoy and Istio, text and JSON: their fields as columns, by Istio's names.
//!
//! Texts are not escaped: quotes of a user agent stand as they were sent, so a line is read from
//! both its ends. `-` stands for nothing.

use crate::decode::decoded::Text;
use crate::decode::json_members::Members;

/// Fields in quotes, after the numbers.
const QUOTED: [&str; 5] = [
    "x_forwarded_for",
    "user_agent",
    "request_id",
    "authority",
    "upstream_host",
];

/// Fields at the end of Istio's format.
const TRAILING: [&str; 6] = [
    "upstream_cluster",
    "upstream_local_address",
    "downstream_local_address",
    "downstream_remote_address",
    "requested_server_name",
    "route_name",
];

/// The numbers.
const NUMBERS: [&str; 4] = [
    "bytes_received",
    "bytes_sent",
    "duration",
    "upstream_service_time",
];

/// Fields of Istio's JSON that become columns, sorted. The time is the entry's.
const JSON_FIELDS: [&str; 22] = [
    "authority",
    "bytes_received",
    "bytes_sent",
    "connection_termination_details",
    "downstream_local_address",
    "downstream_remote_address",
    "duration",
    "method",
    "path",
    "protocol",
    "request_id",
    "requested_server_name",
    "response_code",
    "response_code_details",
    "response_flags",
    "route_name",
    "upstream_cluster",
    "upstream_host",
    "upstream_local_address",
    "upstream_service_time",
    "upstream_transport_failure_reason",
    "user_agent",
];

/// The fields that only a proxy writes: one of them has to be there.
const OF_A_PROXY: [&str; 5] = [
    "response_flags",
    "upstream_cluster",
    "upstream_host",
    "downstream_remote_address",
    "response_code_details",
];

/// Names with values.
type Columns<'l> = Vec<(&'static str, Text<'l>)>;

/// The columns of a line in text; `None` when it is none.
pub(crate) fn of_text(line: &[u8]) -> Option<Columns<'_>> {
    let rest = line.get(28..)?.trim_ascii_end();
    let mut columns = Columns::new();
    let (method, rest) = token(rest)?;
    let (path, rest) = token(rest)?;
    let end = memchr::memchr(b'"', rest)?;
    let (protocol, rest) = (&rest[..end], rest[end + 1..].strip_prefix(b" ")?);
    let (code, rest) = token(rest)?;
    if code.len() > 3 || !code.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (flags, rest) = token(rest)?;
    for (name, value) in [
        ("method", method),
        ("path", path),
        ("protocol", protocol),
        ("response_code", code),
        ("response_flags", flags),
    ] {
        add(&mut columns, name, value);
    }
    let mut rest = before_numbers(rest, &mut columns)?;
    for name in NUMBERS {
        let (value, after) = token(rest)?;
        if value != b"-" && !value.iter().all(u8::is_ascii_digit) {
            return None;
        }
        add(&mut columns, name, value);
        rest = after;
    }
    after_numbers(rest, &mut columns)?;
    Some(columns)
}

/// Reads what Istio has between flags and numbers: details, termination, and in quotes why the
/// upstream failed. Older versions have two texts in quotes.
fn before_numbers<'l>(mut rest: &'l [u8], columns: &mut Columns<'l>) -> Option<&'l [u8]> {
    let mut plain = ["response_code_details", "connection_termination_details"].into_iter();
    loop {
        match rest.first()? {
            b'"' => {
                let end = memchr::memmem::find(&rest[1..], b"\" ")? + 1;
                columns.retain(|(name, _)| *name != "upstream_transport_failure_reason");
                add(columns, "upstream_transport_failure_reason", &rest[1..end]);
                rest = &rest[end + 2..];
            }
            b'0'..=b'9' => return Some(rest),
            _ => {
                let (value, after) = token(rest)?;
                add(columns, plain.next()?, value);
                rest = after;
            }
        }
    }
}

/// Reads the texts in quotes and the fields after them, from the end.
fn after_numbers<'l>(rest: &'l [u8], columns: &mut Columns<'l>) -> Option<()> {
    let quotes_end = memchr::memrchr(b'"', rest)?;
    let quoted = rest[..quotes_end].strip_prefix(b"\"")?;
    let mut trailing = rest[quotes_end + 1..].split(|b| *b == b' ');
    if !trailing.next()?.is_empty() {
        return None;
    }
    let (first, mut middle) = split_once(quoted)?;
    let mut last = [&b""[..]; 3];
    for place in last.iter_mut().rev() {
        let at = memchr::memmem::rfind(middle, b"\" \"")?;
        *place = &middle[at + 3..];
        middle = &middle[..at];
    }
    let [request_id, authority, upstream_host] = last;
    for (name, value) in
        QUOTED
            .into_iter()
            .zip([first, middle, request_id, authority, upstream_host])
    {
        add(columns, name, value);
    }
    for (name, value) in TRAILING.into_iter().zip(trailing) {
        add(columns, name, value);
    }
    Some(())
}

/// What is before and after the first `" "`.
fn split_once(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memmem::find(text, b"\" \"")?;
    Some((&text[..at], &text[at + 3..]))
}

/// What is before the next space, and what is after it.
fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b' ', text)?;
    (at > 0).then(|| (&text[..at], &text[at + 1..]))
}

fn add<'l>(columns: &mut Columns<'l>, name: &'static str, value: &'l [u8]) {
    if !matches!(value, b"" | b"-") {
        columns.push((name, value.into()));
    }
}

/// The columns of a line in JSON; `None` when it is none.
pub(crate) fn of_json(line: &[u8]) -> Option<Columns<'_>> {
    memchr::memmem::find(line, b"\"response_code\":")?;
    let mut columns = Columns::new();
    let (mut has_code, mut of_a_proxy) = (false, false);
    let mut members = Members::of(line).ok()?;
    while let Some((name, value)) = members.next().ok()? {
        if &*name == b"traceparent" {
            let value = value.scalar();
            columns.extend(
                value
                    .as_deref()
                    .and_then(trace_id)
                    .map(|id| ("trace_id", id)),
            );
            continue;
        }
        let known = match &*name {
            b"x_forwarded_for" => "x_forwarded_for",
            name => match JSON_FIELDS.binary_search_by(|known| known.as_bytes().cmp(name)) {
                Ok(at) => JSON_FIELDS[at],
                Err(_) => continue,
            },
        };
        has_code |= known == "response_code";
        of_a_proxy |= OF_A_PROXY.contains(&known);
        match value.scalar() {
            Some(value) if !matches!(&*value, b"" | b"-") => columns.push((known, value)),
            _ => {}
        }
    }
    (has_code && of_a_proxy).then_some(columns)
}

/// The trace of a `traceparent`: `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
fn trace_id(parent: &[u8]) -> Option<Text<'static>> {
    let id = parent.get(3..35)?;
    let fits =
        parent[2] == b'-' && parent.get(35) == Some(&b'-') && id.iter().all(u8::is_ascii_hexdigit);
    fits.then(|| id.to_vec().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::line_start::{Form, form_of};

    fn shown(columns: Option<Columns<'_>>) -> String {
        let Some(columns) = columns else {
            return "none".to_owned();
        };
        let columns = columns
            .iter()
            .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)));
        columns.collect::<Vec<_>>().join(" | ")
    }

    fn check(line: &str, want: &str) {
        let line = line.as_bytes();
        let got = match form_of(line) {
            Some(Form::AccessText) => of_text(line),
            Some(Form::AccessJson) => of_json(line),
            _ => None,
        };
        assert_eq!(shown(got), want, "{}", String::from_utf8_lossy(line));
    }

    #[test]
    fn the_default_format_has_columns() {
        check(
            r#"[2026-11-30T21:53:27.325Z] "GET /shop/items/42 HTTP/1.1" 503 UF 0 11 44 - "203.0.113.24,10.4.0.17" "Mozilla/5.0 (X11; "Linux" x86\_64)" "93b3464c" "shop.example.com" "127.0.0.1:18080""#,
            "method=GET | path=/shop/items/42 | protocol=HTTP/1.1 | response_code=503 | response_flags=UF | \
             bytes_received=0 | bytes_sent=11 | duration=44 | x_forwarded_for=203.0.113.24,10.4.0.17 | \
             user_agent=Mozilla/5.0 (X11; \"Linux\" x86\\_64) | request_id=93b3464c | authority=shop.example.com | \
             upstream_host=127.0.0.1:18080",
        );
    }

    #[test]
    fn istios_format_has_more() {
        check(
            r#"[2026-11-30T21:53:27.723Z] "GET /dead HTTP/1.1" 503 UF upstream_reset{remote|"x"} - "delayed_"connect"_error" 0 98 0 7 "-" "a" "b" "17053a35" "-" "127.0.0.1:1" outbound|80||a.b.svc.cluster.local - 127.0.0.1:10000 127.0.0.1:50172 - dead"#,
            "method=GET | path=/dead | protocol=HTTP/1.1 | response_code=503 | response_flags=UF | \
             response_code_details=upstream_reset{remote|\"x\"} | \
             upstream_transport_failure_reason=delayed_\"connect\"_error | bytes_received=0 | bytes_sent=98 | \
             duration=0 | upstream_service_time=7 | user_agent=a\" \"b | request_id=17053a35 | \
             upstream_host=127.0.0.1:1 | upstream_cluster=outbound|80||a.b.svc.cluster.local | \
             downstream_local_address=127.0.0.1:10000 | downstream_remote_address=127.0.0.1:50172 | route_name=dead",
        );
        check(
            r#"[2026-11-30T21:53:28.787Z] "- - -" 0 - - - "-" 92 155 2 - "-" "-" "-" "-" "127.0.0.1:18080" reviews 127.0.0.1:59550 127.0.0.1:10001 127.0.0.1:53694 - -"#,
            "response_code=0 | bytes_received=92 | bytes_sent=155 | duration=2 | upstream_host=127.0.0.1:18080 | \
             upstream_cluster=reviews | upstream_local_address=127.0.0.1:59550 | \
             downstream_local_address=127.0.0.1:10001 | downstream_remote_address=127.0.0.1:53694",
        );
    }

    #[test]
    fn json_has_the_same_columns_and_a_trace() {
        check(
            r#"{"authority":"a\"b","bytes_sent":11,"duration":47,"extra":{"a":1},"method":"GET","response_code":200,"response_flags":"-","start_time":"2026-11-30T21:53:27.450Z","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","upstream_host":null,"x_forwarded_for":"10.4.0.17"}"#,
            "authority=a\"b | bytes_sent=11 | duration=47 | method=GET | response_code=200 | \
             trace_id=4bf92f3577b34da6a3ce929d0e0e4736 | x_forwarded_for=10.4.0.17",
        );
        for line in [
            r#"{"method":"GET","path":"/","response_code":200}"#,
            r#"{"msg":"x","response_code":200,"response_flags":"-"}"#,
            r#"{"method":"GET","response_flags":"-"}"#,
            r#"{"method":"GET","response_flags":"-","response_code":200"#,
            r#"{"method":"GET","a":"\"response_code\":","response_flags":"-"}"#,
        ] {
            check(line, "none");
        }
    }

    #[test]
    fn other_lines_have_none_wherever_they_end() {
        let line = r#"[2026-11-30T21:53:27.723Z] "GET /dead HTTP/1.1" 503 UF via - "-" 0 98 0 - "-" "a" "b" "17053a35" "127.0.0.1:1" x - 127.0.0.1:10000 127.0.0.1:50172 - dead"#;
        let whole = of_text(line.as_bytes()).expect("it is one").len();
        for end in 0..line.len() {
            let part = &line.as_bytes()[..end];
            if form_of(part) == Some(Form::AccessText) {
                let found = of_text(part).map_or(0, |columns| columns.len());
                assert!(found <= whole, "{end}");
            }
        }
        for line in [
            r#"[2026-11-30T21:53:27.723Z] "GET / HTTP/1.1" 2000 - 0 0 0 0 "-" "-" "-" "-" "-""#,
            r#"[2026-11-30T21:53:27.723Z] "GET / HTTP/1.1" 200 - a b c d "-" "-" "-" "-" "-""#,
            r#"[2026-11-30T21:53:27.723Z] "quoted" words"#,
            "[2026-11-30T21:53:27.723Z] [info] started",
            "[warn] x",
        ] {
            check(line, "none");
        }
    }
}

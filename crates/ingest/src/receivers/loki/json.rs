//! Decoder of Loki's JSON pushes, in today's shape (`stream`, `values`) and the legacy one
//! (`labels`, `entries`).
//!
//! Either shape is taken on either path. An entry that is JSON but not an entry is refused alone; a
//! text that is no JSON is refused whole. Error texts begin like those of the decoder Loki uses.

use crate::decode::decoded::{Decoded, RawLabels, TIME_MISSING};
use crate::decode::json_reader::{JsonError, Scanner};
use crate::limits::LABEL_TEXT_BYTES_MAX;
use crate::rejection::BodyError;
use crate::room::Room;
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// How the decoder Loki uses begins errors about a stream.
const STREAM_PREFIX: &str = "loghttp.PushRequest.Streams: []loghttp.LogProtoStream: ";

/// Why an entry is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum EntryError {
    #[error("Value looks like Number/Boolean/None, but can't find its end: ',' or '}}' symbol")]
    Timestamp,
    #[error("Value is string, but can't find closing '\"' symbol")]
    Text,
    #[error("Value looks like object, but can't find closing '}}' symbol")]
    Metadata,
    #[error("Value is array, but can't find closing ']' symbol")]
    Entry,
}

/// What stopped the decoder inside a stream.
enum Stop {
    Json(JsonError),
    Body(BodyError),
}

impl From<JsonError> for Stop {
    fn from(error: JsonError) -> Stop {
        Stop::Json(error)
    }
}

impl From<BodyError> for Stop {
    fn from(error: BodyError) -> Stop {
        Stop::Body(error)
    }
}

/// Decodes a whole request.
pub(crate) fn decode(body: &[u8], room: Room) -> Result<Decoded<'_>, BodyError> {
    let mut decoded = Decoded::within(room);
    let mut scanner = Scanner::new(body);
    match scanner.peek() {
        None => return Err(BodyError::malformed("EOF")),
        Some(b'{') => {}
        Some(_) if scanner.take_null() => return Ok(decoded),
        Some(found) => {
            let words = format!(
                "readObjectStart: expect {{ or n, but found {}",
                char::from(found)
            );
            return Err(BodyError::Malformed(located(
                &words,
                body,
                scanner.place().1 + 1,
            )));
        }
    }
    match decode_request(&mut scanner, &mut decoded) {
        Ok(()) => Ok(decoded),
        Err(Stop::Body(error)) => Err(error),
        Err(Stop::Json(error)) => {
            let words = format!("{STREAM_PREFIX}ReadObjectCB: object not ended with }}");
            Err(BodyError::Malformed(located(&words, body, error.at)))
        }
    }
}

/// `words` with the surroundings of byte `at`, as the decoder Loki uses reports them.
fn located(words: &str, body: &[u8], at: usize) -> String {
    let around = |reach: usize| {
        let start = at.saturating_sub(reach);
        (
            start,
            String::from_utf8_lossy(&body[start.min(body.len())..(at + reach).min(body.len())]),
        )
    };
    let (start, near) = around(10);
    let (_, far) = around(50);
    format!(
        "{words}, error found in #{} byte of ...|{near}|..., bigger context ...|{far}|...",
        at - start
    )
}

fn decode_request<'a>(scanner: &mut Scanner<'a>, decoded: &mut Decoded<'a>) -> Result<(), Stop> {
    scanner.expect(b'{')?;
    let mut first = true;
    while let Some(key) = scanner.key(&mut first)? {
        if !key.eq_ignore_ascii_case(b"streams") {
            scanner.value()?;
        } else if !scanner.take_null() {
            scanner.expect(b'[')?;
            let mut first = true;
            while scanner.next_item(b']', &mut first)? {
                decode_stream(scanner, decoded)?;
            }
        }
    }
    Ok(())
}

fn decode_stream<'a>(scanner: &mut Scanner<'a>, decoded: &mut Decoded<'a>) -> Result<(), Stop> {
    if scanner.take_null() {
        return Ok(());
    }
    let first_row = decoded.entries.len();
    let mut labels = RawLabels::Text(Cow::Borrowed(b""));
    let mut errors: Vec<EntryError> = Vec::new();
    scanner.expect(b'{')?;
    let mut first = true;
    while let Some(key) = scanner.key(&mut first)? {
        match &*key {
            b"stream" if scanner.peek() == Some(b'{') => labels = RawLabels::Json(scanner.value()?),
            b"labels" if scanner.peek() == Some(b'"') => {
                labels = RawLabels::Text(scanner.string()?)
            }
            b"values" | b"entries" if scanner.peek() == Some(b'[') => {
                scanner.expect(b'[')?;
                let mut first = true;
                while scanner.next_item(b']', &mut first)? {
                    let first_pair = decoded.pairs.len();
                    if let Err(error) = decode_entry(scanner, decoded)? {
                        decoded.pairs.truncate(first_pair);
                        errors.push(error);
                    }
                }
            }
            _ => drop(scanner.value()?),
        }
    }
    let (body, at) = scanner.place();
    for error in errors {
        decoded.rejections.add(|| {
            located(
                &format!("{STREAM_PREFIX}unmarshalerDecoder: {error}"),
                body,
                at,
            )
        });
    }
    let label_bytes = match &labels {
        RawLabels::Json(text) => text.len(),
        RawLabels::Text(text) => text.len(),
        RawLabels::Pairs { .. } => 0,
    };
    if label_bytes > LABEL_TEXT_BYTES_MAX {
        return Err(BodyError::TooLarge(format!(
            "stream labels size {label_bytes} B exceeds limit of 17 MB"
        ))
        .into());
    }
    decoded.push_stream(labels, first_row)?;
    Ok(())
}

/// One element of `values` or `entries`; a null is none.
fn decode_entry<'a>(
    scanner: &mut Scanner<'a>,
    decoded: &mut Decoded<'a>,
) -> Result<Result<(), EntryError>, Stop> {
    match scanner.peek() {
        Some(b'[') => decode_array_entry(scanner, decoded),
        Some(b'{') => decode_object_entry(scanner, decoded),
        Some(_) if scanner.take_null() => Ok(Ok(())),
        _ => {
            scanner.value()?;
            Ok(Err(EntryError::Entry))
        }
    }
}

/// `["<nanoseconds>", "line", {"name": "value"}]`; what comes after the third element is passed
/// over.
fn decode_array_entry<'a>(
    scanner: &mut Scanner<'a>,
    decoded: &mut Decoded<'a>,
) -> Result<Result<(), EntryError>, Stop> {
    let first_pair = decoded.pairs.len();
    let (mut time, mut line) = (TIME_MISSING, Cow::Borrowed(&b""[..]));
    let mut error = None;
    scanner.expect(b'[')?;
    let (mut first, mut index) = (true, 0);
    while scanner.next_item(b']', &mut first)? {
        match (index, scanner.peek()) {
            (0, Some(b'"')) => match parse_nanoseconds(scanner.raw_string()?.0) {
                Some(nanoseconds) => time = nanoseconds,
                None => error = error.or(Some(EntryError::Timestamp)),
            },
            (1, Some(b'"')) => line = scanner.string()?,
            (2, Some(b'{')) => error = error.or(decode_metadata(scanner, decoded)?.err()),
            (2, Some(b'n')) if scanner.take_null() => {}
            (wrong, _) => {
                scanner.value()?;
                error = error.or(match wrong {
                    0 => Some(EntryError::Timestamp),
                    1 => Some(EntryError::Text),
                    2 => Some(EntryError::Metadata),
                    _ => None,
                });
            }
        }
        index += 1;
    }
    if let Some(error) = error {
        return Ok(Err(error));
    }
    decoded.push_entry(time, line, first_pair)?;
    Ok(Ok(()))
}

fn parse_nanoseconds(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// `{"ts": "<RFC 3339>", "line": "line", "structuredMetadata": {"name": "value"}}`.
fn decode_object_entry<'a>(
    scanner: &mut Scanner<'a>,
    decoded: &mut Decoded<'a>,
) -> Result<Result<(), EntryError>, Stop> {
    let first_pair = decoded.pairs.len();
    let (mut time, mut line) = (TIME_MISSING, Cow::Borrowed(&b""[..]));
    let mut error = None;
    scanner.expect(b'{')?;
    let mut first = true;
    while let Some(key) = scanner.key(&mut first)? {
        match (&*key, scanner.peek()) {
            (b"ts" | b"timestamp", Some(b'"')) => match parse_rfc3339(&scanner.string()?) {
                Some(nanoseconds) => time = nanoseconds,
                None => error = error.or(Some(EntryError::Timestamp)),
            },
            (b"line", Some(b'"')) => line = scanner.string()?,
            (b"structuredMetadata", Some(b'{')) => {
                error = error.or(decode_metadata(scanner, decoded)?.err())
            }
            (b"ts" | b"timestamp", _) => {
                scanner.value()?;
                error = error.or(Some(EntryError::Timestamp));
            }
            (b"line", _) => {
                scanner.value()?;
                error = error.or(Some(EntryError::Text));
            }
            (b"structuredMetadata", _) if !scanner.take_null() => {
                scanner.value()?;
                error = error.or(Some(EntryError::Metadata));
            }
            (b"structuredMetadata", _) => {}
            _ => drop(scanner.value()?),
        }
    }
    if let Some(error) = error {
        return Ok(Err(error));
    }
    decoded.push_entry(time, line, first_pair)?;
    Ok(Ok(()))
}

fn parse_rfc3339(text: &[u8]) -> Option<i64> {
    let timestamp: jiff::Timestamp = std::str::from_utf8(text).ok()?.parse().ok()?;
    let nanoseconds = timestamp.as_nanosecond();
    Some(nanoseconds.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
}

/// `{"name": "value"}`. Values that are no strings are taken as written, nulls are left out.
fn decode_metadata<'a>(
    scanner: &mut Scanner<'a>,
    decoded: &mut Decoded<'a>,
) -> Result<Result<(), EntryError>, Stop> {
    let mut outcome = Ok(());
    scanner.expect(b'{')?;
    let mut first = true;
    while let Some(name) = scanner.key(&mut first)? {
        if scanner.peek() == Some(b'"') {
            decoded.push_pair(name, scanner.string()?)?;
        } else if !scanner.take_null() {
            let value = scanner.value()?;
            if serde_json::from_slice::<IgnoredAny>(value).is_ok() {
                decoded.push_pair(name, Cow::Borrowed(value))?;
            } else {
                outcome = Err(EntryError::Text);
            }
        }
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, want: &str) {
        let decoded = match decode(body.as_bytes(), Room::default()) {
            Ok(decoded) => decoded,
            Err(error) => return assert_eq!(error.to_string(), want, "{body}"),
        };
        let mut got = String::new();
        for stream in &decoded.streams {
            got += &match &stream.labels {
                RawLabels::Json(text) | RawLabels::Text(Cow::Borrowed(text)) => {
                    String::from_utf8_lossy(text).into_owned()
                }
                RawLabels::Text(Cow::Owned(text)) => String::from_utf8_lossy(text).into_owned(),
                RawLabels::Pairs { .. } => unreachable!("json gives no pairs"),
            };
            for entry in &decoded.entries[stream.rows.clone()] {
                got += &format!(" {} {}", entry.time, String::from_utf8_lossy(&entry.line));
                for (name, value) in decoded.pairs_of(entry) {
                    got += &format!(
                        " {}={}",
                        String::from_utf8_lossy(name),
                        String::from_utf8_lossy(value)
                    );
                }
            }
            got += ";";
        }
        got += decoded
            .rejections
            .text()
            .unwrap_or_default()
            .split(", error found")
            .next()
            .unwrap_or_default();
        assert_eq!(got, want, "{body}");
    }

    #[test]
    fn both_shapes_are_read() {
        check(
            r#"{"streams":[{"values":[["1","a"],null,["2","b\n",{"k":"v","l":"w"},9],["3"],[]],"stream":{"x":"y"}}]}"#,
            &format!("{{\"x\":\"y\"}} 1 a 2 b\n k=v l=w 3  {TIME_MISSING} ;"),
        );
        check(
            r#"{"streams":[{"labels":"{a=\"b\"}","entries":[{"ts":"1970-01-01T01:00:00.5+01:00","line":"x","structuredMetadata":{"k":"v"}}]}]}"#,
            r#"{a="b"} 500000000 x k=v;"#,
        );
        check(
            r#"{"other":{"streams":[1]},"Streams":[{"stream":{},"values":null}, null],"streams":null}"#,
            "{};",
        );
    }

    #[test]
    fn a_bad_entry_leaves_its_neighbours() {
        check(
            r#"{"streams":[{"stream":{},"values":[["1","a"],[2,"b"],["3","c"]]},{"stream":{},"values":[["4","d"]]}]}"#,
            &format!(
                "{{}} 1 a 3 c;{{}} 4 d;{STREAM_PREFIX}unmarshalerDecoder: \
                 Value looks like Number/Boolean/None, but can't find its end: ',' or '}}' symbol"
            ),
        );
        check(
            r#"{"streams":[{"stream":{},"values":[["1","a",{"k":"v","n":nope}],["2","b",5],5]}]}"#,
            &format!(
                "{{}};1 errors like: {STREAM_PREFIX}unmarshalerDecoder: Value is string, but can't find closing '\"' symbol"
            ),
        );
    }

    #[test]
    fn metadata_that_is_no_text_is_taken_as_written() {
        let metadata =
            r#"{"n":5,"f":-1.5e3,"t":true,"o":{"a": [1]},"l":[],"z":null,"e":"","s":"x"}"#;
        let pairs = r#"n=5 f=-1.5e3 t=true o={"a": [1]} l=[] s=x"#;
        check(
            &format!(
                r#"{{"streams":[{{"stream":{{}},"values":[["1","a",{metadata}],["2","b",null],["3","c",{{}}]]}}]}}"#
            ),
            &format!("{{}} 1 a {pairs} 2 b 3 c;"),
        );
        check(
            &format!(
                r#"{{"streams":[{{"labels":"{{}}","entries":[{{"ts":"1970-01-01T00:00:00Z","line":"a","structuredMetadata":{metadata}}},
                {{"ts":"1970-01-01T00:00:00Z","line":"b","structuredMetadata":null}}]}}]}}"#
            ),
            &format!("{{}} 0 a {pairs} 0 b;"),
        );
        check(
            r#"{"streams":[{"labels":"{}","entries":[{"ts":"1970-01-01T00:00:00Z","line":"a","structuredMetadata":"x"}]}]}"#,
            &format!(
                "{{}};{STREAM_PREFIX}unmarshalerDecoder: Value looks like object, but can't find closing '}}' symbol"
            ),
        );
        for bad in ["nul", "tru", "-", "{\"a\":}", "[1"] {
            let body = format!(
                r#"{{"streams":[{{"stream":{{}},"values":[["1","a",{{"n":{bad}}}],["2","b"]]}}]}}"#
            );
            let decoded = decode(body.as_bytes(), Room::default());
            assert!(
                decoded.is_err() || decoded.is_ok_and(|d| d.rejections.text().is_some()),
                "{bad}"
            );
        }
    }

    #[test]
    fn text_that_is_no_json_is_refused_whole() {
        check("", "EOF");
        check("null", "");
        check(
            "[]",
            "readObjectStart: expect { or n, but found [, error found in #1 byte of ...|[]|..., bigger context ...|[]|...",
        );
        let cut = r#"{"streams":[{"stream":{},"values":[["1","a"]"#;
        assert!(
            decode(cut.as_bytes(), Room::default())
                .expect_err("body is cut")
                .to_string()
                .contains("object not ended with }")
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            pieces in proptest::collection::vec(
                "\\{|\\}|\\[|\\]|,|:|\"streams\":|\"stream\"|\"values\":|\"labels\":|\"entries\":|\"ts\":|\"[ -~]{0,3}\"|[0-9]{1,3}|null|\\PC",
                0..30,
            ),
        ) {
            drop(decode(pieces.concat().as_bytes(), Room::default()));
            drop(decode(format!("{{\"streams\":[{{{}", pieces.concat()).as_bytes(), Room::default()));
        }
    }
}

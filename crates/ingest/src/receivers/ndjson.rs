//! Receiver of plain JSON lines: the request names the fields that are the time, the line and labels.
//!
//! Fields of nested objects are named by their path with dots. Without a message the line is the
//! object as it was sent.

use crate::decode::decoded::{Decoded, Text};
use crate::decode::json_members::{Items, Members, Value};
use crate::decode::json_reader::JsonError;
use crate::receivers::answers;
use crate::receivers::events::{EventLabels, Events, lines, trimmed};
use crate::receivers::fields::{FieldNames, Record};
use crate::receivers::{Receiver, Reception, Taken};
use crate::rejection::BodyError;
use crate::reply::PushReply;
use crate::room::Room;
use std::borrow::Cow;

/// Objects nested deeper than this are one field, as written.
const DEPTH_MAX: usize = 8;

/// `/ingest/ndjson`
pub(crate) struct JsonLines;

impl Receiver for JsonLines {
    fn name(&self) -> &'static str {
        "ndjson"
    }

    fn decode<'m>(&self, reception: &Reception<'m>, room: Room) -> Result<Decoded<'m>, BodyError> {
        let events = Events::within(room, reception.limits);
        let names = FieldNames::of(&reception.request.parameters, reception.limits)?;
        decode(reception.body, &names, reception.now, events)
    }

    fn reply(&self, _content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        answers::json_object(200, taken)
    }
}

/// Decodes an object a line, or a list of objects.
fn decode<'a>(
    body: &'a [u8],
    names: &FieldNames,
    now: i64,
    mut events: Events<'a>,
) -> Result<Decoded<'a>, BodyError> {
    let body = trimmed(body);
    let mut objects = 0;
    if let Ok(Value::List(list)) = Value::of(body) {
        let mut items = Items::of(list).map_err(|error| no_objects(Some(error)))?;
        while let Some(item) = items.next_raw().map_err(|error| no_objects(Some(error)))? {
            objects += push(&mut events, item, names, now)?;
        }
        if objects == 0 && list.len() > 2 {
            return Err(no_objects(None));
        }
        return events.finish();
    }
    for line in lines(body) {
        objects += push(&mut events, line, names, now)?;
    }
    match objects {
        0 if !body.is_empty() => Err(no_objects(Value::of(body).err())),
        _ => events.finish(),
    }
}

fn no_objects(error: Option<JsonError>) -> BodyError {
    let place = error.map_or(String::new(), |error| {
        format!(", error at byte {}", error.at)
    });
    BodyError::Malformed(format!(
        "no line of the body is a JSON object: one a line was expected{place}"
    ))
}

/// Adds what should be an object; gives 1 if it is.
fn push<'a>(
    events: &mut Events<'a>,
    text: &'a [u8],
    names: &FieldNames,
    now: i64,
) -> Result<usize, BodyError> {
    let mut record = Record::new(names);
    let what = match Value::of(text) {
        Ok(Value::Object(object)) => match fields(object, "", 0, names, &mut record) {
            Ok(()) => return record.push(events, text, None, now).map(|()| 1),
            Err(_) => "no JSON",
        },
        Ok(other) => other.kind(),
        Err(_) => "no JSON",
    };
    events.wrong(format!("a line is {what}, not an object"))?;
    events.push(&EventLabels::default(), now, text)?;
    Ok(0)
}

/// The fields of an object and of those within.
fn fields<'a>(
    object: &'a [u8],
    path: &str,
    depth: usize,
    names: &FieldNames,
    record: &mut Record<'_, 'a>,
) -> Result<(), JsonError> {
    let mut members = Members::of(object)?;
    while let Some((name, value)) = members.next()? {
        let name = joined(path, name);
        match value {
            Value::Object(nested) if depth < DEPTH_MAX && !names.has(&name) => {
                fields(nested, &name, depth + 1, names, record)?;
            }
            value => {
                if let Some(text) = value.into_text() {
                    record.field(name, text);
                }
            }
        }
    }
    Ok(())
}

/// A name under a path.
fn joined<'a>(path: &str, name: Text<'a>) -> Cow<'a, str> {
    let name = match name {
        Cow::Borrowed(name) => String::from_utf8_lossy(name),
        Cow::Owned(name) => Cow::Owned(String::from_utf8_lossy(&name).into_owned()),
    };
    match path {
        "" => name,
        path => Cow::Owned(format!("{path}.{name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::events::tests::{empty, shown};

    const NOW: i64 = 1_796_040_000_000_000_000;

    fn names() -> FieldNames {
        FieldNames {
            time: Some("at.time".to_owned()),
            message: Some("msg".to_owned()),
            labels: vec!["app".to_owned(), "k8s.ns".to_owned()],
            services: vec!["service".to_owned(), "app".to_owned()],
        }
    }

    fn check(names: &FieldNames, body: &str, want: Result<&str, &str>) {
        let decoded = decode(body.as_bytes(), names, NOW, empty());
        let got = decoded.map(|decoded| shown(&decoded));
        let got = got.as_deref().map_err(|error| error.to_string());
        assert_eq!(got, want.map_err(str::to_owned), "{body}");
    }

    #[test]
    fn fields_are_found_by_their_path() {
        let body = r#"{"at":{"time":"1796040000.5"},"msg":"he\"llo","app":"shop","k8s":{"ns":"a","n":[1]},"x":null,"y":true}"#;
        let want = "{app=\"shop\", k8s_ns=\"a\", service_name=\"shop\"}\n  1796040000500000000 he\"llo | k8s.n=[1] | y=true\n";
        check(&names(), body, Ok(want));
        check(&names(), &format!(" [{body}] "), Ok(want));
        let flat = r#"{"at.time":1796040000500,"msg":"m","k8s.ns":7}"#;
        check(
            &names(),
            flat,
            Ok("{k8s_ns=\"7\"}\n  1796040000500000000 m\n"),
        );
        check(
            &FieldNames::default(),
            flat,
            Ok(&format!("{{}}\n  {NOW} {flat}\n")),
        );
    }

    #[test]
    fn bad_lines_are_kept_beside_good_ones() {
        let body =
            "{\"msg\":\"a\"}\r\nhello\n5\n{\"msg\":\"b\",\"at\":{\"time\":\"soon\"}}\n\n{\"x\":";
        let wrong = |line: &str, what: &str| format!("  {NOW} {line} | malformed={what}\n");
        let want = format!(
            "{{}}\n  {NOW} a\n{}{}{}{}",
            wrong("hello", "a line is no JSON, not an object"),
            wrong("5", "a line is a number, not an object"),
            wrong(
                "{\"msg\":\"b\",\"at\":{\"time\":\"soon\"}}",
                "the time is none that is known"
            ),
            wrong("{\"x\":", "a line is no JSON, not an object"),
        );
        check(&names(), body, Ok(&want));
    }

    #[test]
    fn bodies_without_objects_are_refused() {
        let words = "no line of the body is a JSON object: one a line was expected";
        check(&names(), "hello", Err(&format!("{words}, error at byte 0")));
        check(&names(), "[1,2]", Err(words));
        check(&names(), "5", Err(words));
        for empty in ["", "\n\n", "[]"] {
            check(&names(), empty, Ok(""));
        }
    }

    #[test]
    fn nesting_ends_and_many_fields_stay_in_the_line() {
        let deep = format!("{}1{}", "{\"a\":".repeat(50_000), "}".repeat(50_000));
        check(
            &FieldNames::default(),
            &deep,
            Ok(&format!("{{}}\n  {NOW} {deep}\n")),
        );
        let fields: Vec<String> = (0..300).map(|n| format!("\"f{n}\":{n}")).collect();
        let many = format!(r#"{{"msg":"m",{}}}"#, fields.join(","));
        check(&names(), &many, Ok(&format!("{{}}\n  {NOW} {many}\n")));
    }
}

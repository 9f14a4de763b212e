//! Receiver of Falco's `http_output`: an event a request, its output fields as columns.
//!
//! Falco does not try again, so whatever it sends is kept: what is no event becomes a line that says
//! so.

use crate::decode::decoded::{Decoded, Text};
use crate::decode::event_time;
use crate::decode::json_members::{Items, Members, Value, joined};
use crate::decode::json_reader::JsonError;
use crate::receivers::answers;
use crate::receivers::events::{EventLabels, Events, LEVEL, lines, read_object, trimmed};
use crate::receivers::{Receiver, Reception, Taken};
use crate::rejection::BodyError;
use crate::reply::PushReply;
use crate::room::Room;

/// The service of all events.
const SERVICE: &str = "falco";

/// What the line of an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The text that the rule made, where there is one.
    Output,
    /// The whole event as it was sent.
    Json,
}

/// `/ingest/falco`
pub(crate) struct HttpOutput;

impl Receiver for HttpOutput {
    fn name(&self) -> &'static str {
        "falco"
    }

    fn decode<'m>(&self, reception: &Reception<'m>, room: Room) -> Result<Decoded<'m>, BodyError> {
        let events = Events::within(room, reception.limits);
        let line = match reception.request.parameters.get("line") {
            None | Some("output") => Line::Output,
            Some("json") => Line::Json,
            Some(_) => return Err(BodyError::malformed("line is output or json")),
        };
        decode(reception.body, line, reception.now, events)
    }

    fn reply(&self, _content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        answers::json_object(200, taken)
    }
}

/// Decodes an event, a list of events, or an event a line.
fn decode<'a>(
    body: &'a [u8],
    line: Line,
    now: i64,
    mut events: Events<'a>,
) -> Result<Decoded<'a>, BodyError> {
    let body = trimmed(body);
    match Value::of(body) {
        Ok(Value::List(list)) => {
            let mut items = Items::of(list).map_err(not_json)?;
            while let Some(item) = items.next_raw().map_err(not_json)? {
                push(&mut events, item, line, now)?;
            }
        }
        Ok(_) => push(&mut events, body, line, now)?,
        Err(error) if body.is_empty() => return Err(not_json(error)),
        Err(_) => {
            for text in lines(body) {
                push(&mut events, text, line, now)?;
            }
        }
    }
    events.finish()
}

fn not_json(error: JsonError) -> BodyError {
    BodyError::Malformed(format!(
        "the body is no JSON: an event of Falco was expected, error at byte {}",
        error.at
    ))
}

/// What is read of an event. Texts are empty where there is nothing.
#[derive(Default)]
struct Event<'a> {
    uuid: Text<'a>,
    hostname: Text<'a>,
    output: Text<'a>,
    priority: Text<'a>,
    rule: Text<'a>,
    source: Text<'a>,
    /// Joined by commas.
    tags: Text<'a>,
    time: Option<i64>,
    /// Output fields that are not null, as they stand.
    fields: Vec<(Text<'a>, Text<'a>)>,
    wrong: Option<String>,
}

impl<'a> Event<'a> {
    fn read(object: &'a [u8]) -> Result<Event<'a>, JsonError> {
        let mut event = Event::default();
        let mut members = Members::of(object)?;
        let mut event_time = None;
        while let Some((name, value)) = members.next()? {
            match (&*name, value) {
                (b"uuid", value) => event.uuid = event.text("uuid", value),
                (b"hostname", value) => event.hostname = event.text("hostname", value),
                (b"output", value) => event.output = event.text("output", value),
                (b"priority", value) => event.priority = event.text("priority", value),
                (b"rule", value) => event.rule = event.text("rule", value),
                (b"source", value) => event.source = event.text("source", value),
                (b"time", value) => {
                    let text = event.text("time", value);
                    event.time = event_time::parse(&text);
                    if event.time.is_none() && !text.is_empty() {
                        event.blame(|| "time is no time".to_owned());
                    }
                }
                (b"tags", Value::List(list)) => event.tags = joined(list)?.into(),
                (b"tags", value) => event.tags = event.text("tags", value),
                (b"output_fields", Value::Object(object)) => {
                    let mut fields = Members::of(object)?;
                    while let Some((name, value)) = fields.next()? {
                        let Some(text) = value.into_text() else {
                            continue;
                        };
                        if &*name == b"evt.time" {
                            event_time = event_time::parse(&text);
                        }
                        event.fields.push((name, text));
                    }
                }
                (b"output_fields", Value::Null) => {}
                (b"output_fields", other) => {
                    event.blame(|| format!("output_fields is {}, not an object", other.kind()));
                }
                _ => {}
            }
        }
        event.time = event.time.or(event_time);
        if event.rule.is_empty() {
            event.blame(|| "no rule".to_owned());
        }
        Ok(event)
    }

    fn blame(&mut self, details: impl FnOnce() -> String) {
        self.wrong.get_or_insert_with(details);
    }

    fn text(&mut self, name: &str, value: Value<'a>) -> Text<'a> {
        match value {
            Value::Text(text) => text,
            Value::Null => Text::default(),
            other => {
                self.blame(|| format!("{name} is {}, not a string", other.kind()));
                other.scalar().unwrap_or_default()
            }
        }
    }
}

/// Adds what should be an event.
fn push<'a>(
    events: &mut Events<'a>,
    text: &'a [u8],
    line: Line,
    now: i64,
) -> Result<(), BodyError> {
    let mut labels = EventLabels::of_service(SERVICE);
    let event = match read_object(text, Event::read) {
        Ok(event) => event,
        Err(what) => {
            events.wrong(format!("an event of Falco is {what}"))?;
            return events.push(&labels, now, text);
        }
    };
    labels.add("rule", &event.rule);
    labels.add("priority", &event.priority);
    labels.add("source", &event.source);
    labels.add("hostname", &event.hostname);
    let level = level_of(&event.priority);
    events.column(LEVEL.as_bytes(), level.as_bytes())?;
    events.column(&b"uuid"[..], event.uuid)?;
    events.column(&b"tags"[..], event.tags)?;
    for (name, value) in event.fields {
        events.column(name, value)?;
    }
    let is_whole = line == Line::Output && !event.output.is_empty() && !events.has_left_out();
    if let Some(details) = event.wrong {
        events.wrong(details)?;
    }
    let time = event.time.unwrap_or(now);
    match is_whole {
        true => events.push(&labels, time, event.output),
        false => events.push(&labels, time, text),
    }
}

/// The level that a priority of Falco stands for.
fn level_of(priority: &[u8]) -> &'static str {
    const LEVELS: [(&str, &str); 9] = [
        ("emergency", "critical"),
        ("alert", "critical"),
        ("critical", "critical"),
        ("error", "error"),
        ("warning", "warn"),
        ("notice", "info"),
        ("informational", "info"),
        ("info", "info"),
        ("debug", "debug"),
    ];
    let known = LEVELS
        .iter()
        .find(|(name, _)| priority.eq_ignore_ascii_case(name.as_bytes()));
    known.map_or("unknown", |(_, level)| level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::events::tests::{empty, shown};

    const NOW: i64 = 1_796_040_000_000_000_000;

    const EVENT: &str = r#"{"hostname":"node-1","output":"12:00:00.1: Notice A shell \"sh\"\nsecond","output_fields":{"container.id":"3ad7","evt.time":1796040000123456789,"k8s.pod.name":null,"proc.aname[2]":"bash","okta.mfa":false,"n":{"a":[1]}},"priority":"Notice","rule":"Terminal shell 日本語","source":"syscall","tags":["T1059","container"],"time":"2026-11-30T12:00:00.123456789Z"}"#;

    fn check(body: &str, line: Line, want: &str) {
        let decoded = decode(body.as_bytes(), line, NOW, empty()).expect("it is kept");
        assert_eq!(shown(&decoded), want, "{body}");
    }

    #[test]
    fn an_event_has_its_fields_as_columns() {
        let labels = r#"{hostname="node-1", priority="Notice", rule="Terminal shell 日本語", service_name="falco", source="syscall"}"#;
        let columns = "detected_level=info | tags=T1059,container | container.id=3ad7 \
             | evt.time=1796040000123456789 | proc.aname[2]=bash | okta.mfa=false | n={\"a\":[1]}";
        let output = "12:00:00.1: Notice A shell \"sh\"\nsecond";
        let want = format!("{labels}\n  1796040000123456789 {output} | {columns}\n");
        check(EVENT, Line::Output, &want);
        check(&format!(" [{EVENT}]\n"), Line::Output, &want);
        let want = format!("{labels}\n  1796040000123456789 {EVENT} | {columns}\n");
        check(EVENT, Line::Json, &want);
        let without = EVENT.replace(
            r#""output":"12:00:00.1: Notice A shell \"sh\"\nsecond","#,
            "",
        );
        let want = want.replace(EVENT, &without);
        check(&without, Line::Output, &want);
    }

    #[test]
    fn what_is_no_event_is_kept_as_a_line() {
        for (body, details) in [
            ("5", "an event of Falco is a number"),
            ("{\"rule\":", "an event of Falco is no JSON"),
            ("hello", "an event of Falco is no JSON"),
        ] {
            let want =
                format!("{{service_name=\"falco\"}}\n  {NOW} {body} | malformed={details}\n");
            check(body, Line::Output, &want);
        }
        let body = r#"{"output":5,"priority":null,"output_fields":[],"time":"soon"}"#;
        let want = format!(
            "{{service_name=\"falco\"}}\n  {NOW} 5 | detected_level=unknown \
             | malformed=output is a number, not a string\n"
        );
        check(body, Line::Output, &want);
        let error = decode(b" \n", Line::Output, NOW, empty()).expect_err("it is empty");
        assert_eq!(error.status(), 400);
    }

    #[test]
    fn a_time_may_stand_in_the_fields_alone() {
        let body = r#"{"rule":"r","output":"o","output_fields":{"evt.time":1796040000123456789}}"#;
        let want = "{rule=\"r\", service_name=\"falco\"}\n  1796040000123456789 o | detected_level=unknown \
                    | evt.time=1796040000123456789\n";
        check(body, Line::Output, want);
    }

    #[test]
    fn an_event_with_more_than_columns_hold_is_kept_whole() {
        let fields: Vec<String> = (0..300).map(|n| format!("\"f{n}\":{n}")).collect();
        let body = format!(
            r#"{{"rule":"r","output":"o","output_fields":{{{}}}}}"#,
            fields.join(",")
        );
        let decoded = decode(body.as_bytes(), Line::Output, NOW, empty());
        let decoded = decoded.expect("it is kept");
        assert_eq!(&*decoded.entries[0].line, body.as_bytes());
    }
}

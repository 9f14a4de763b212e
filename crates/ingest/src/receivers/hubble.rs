//! Receiver of the lines that Hubble exports: flows with their columns, the other kinds as they are.

use crate::decode::decoded::Decoded;
use crate::decode::event_time;
use crate::forms::hubble::HubbleLine;
use crate::receivers::answers;
use crate::receivers::events::{EventLabels, Events, LEVEL, lines, read_object};
use crate::receivers::{Receiver, Reception, Taken};
use crate::rejection::BodyError;
use crate::reply::PushReply;
use crate::room::Room;

/// The service of all lines.
const SERVICE: &str = "hubble";

/// Columns that are labels here.
const LABELS: [&str; 1] = ["verdict"];

/// `/ingest/hubble`
pub(crate) struct Export;

impl Receiver for Export {
    fn name(&self) -> &'static str {
        "hubble"
    }

    fn decode<'m>(&self, reception: &Reception<'m>, room: Room) -> Result<Decoded<'m>, BodyError> {
        let events = Events::within(room, reception.limits);
        decode(reception.body, reception.now, events)
    }

    fn reply(&self, _content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        answers::json_object(200, taken)
    }
}

/// Decodes a line of an export a line.
fn decode<'a>(body: &'a [u8], now: i64, mut events: Events<'a>) -> Result<Decoded<'a>, BodyError> {
    for line in lines(body) {
        push(&mut events, line, now)?;
    }
    events.finish()
}

fn push<'a>(events: &mut Events<'a>, text: &'a [u8], now: i64) -> Result<(), BodyError> {
    let mut labels = EventLabels::of_service(SERVICE);
    let line =
        read_object(text, HubbleLine::read).and_then(|line| line.ok_or("of no kind that is known"));
    let line = match line {
        Ok(line) => line,
        Err(what) => {
            events.wrong(format!("a line of Hubble is {what}"))?;
            return events.push(&labels, now, text);
        }
    };
    labels.add("hubble_event", line.kind.as_bytes());
    labels.add("node_name", &line.node_name);
    labels.add("type", &line.flow_type);
    labels.add("verdict", &line.flow.verdict);
    labels.add("traffic_direction", &line.flow.direction);
    let level = match &*line.flow.verdict {
        b"DROPPED" => "warn",
        b"ERROR" => "error",
        _ if line.kind == "lost_events" => "warn",
        _ => "info",
    };
    events.column(LEVEL.as_bytes(), level.as_bytes())?;
    let time = event_time::parse(&line.time);
    for (name, value) in line.flow.into_columns() {
        if !LABELS.contains(&name) {
            events.column(name.as_bytes(), value)?;
        }
    }
    if time.is_none() {
        events.wrong("no time")?;
    }
    events.push(&labels, time.unwrap_or(now), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::events::tests::{empty, shown};

    const NOW: i64 = 1_796_040_000_000_000_000;

    #[test]
    fn each_kind_of_line_is_kept() {
        let flow = r#"{"flow":{"time":"2026-11-30T12:00:00.5Z","verdict":"DROPPED","l4":{"TCP":{"destination_port":80}},"source":{"namespace":"a","pod_name":"x-0"},"destination":{"labels":["reserved:world"]},"Type":"L3_L4","node_name":"c/n","traffic_direction":"EGRESS"},"node_name":"c/n","time":"2026-11-30T12:00:00.5Z"}"#;
        let lost = r#"{"lost_events":{"num_events_lost":"12"},"node_name":"c/n","time":"2026-11-30T12:00:01Z"}"#;
        let body = format!("{flow}\n{lost}\nhello\n{{\"a\":1}}\n{flow}\n");
        let decoded = decode(body.as_bytes(), NOW, empty()).expect("it is kept");
        let row = format!(
            "  1796040000500000000 {flow} | detected_level=warn | src_namespace=a | src_workload=x | src_pod=x-0 \
             | dst_workload=world | dst_port=80 | protocol=TCP | direction=EGRESS | reporter=Src\n"
        );
        let wrong = |line: &str, what: &str| {
            format!("  {NOW} {line} | malformed=a line of Hubble is {what}\n")
        };
        let want = format!(
            "{{hubble_event=\"flow\", node_name=\"c/n\", service_name=\"hubble\", traffic_direction=\"EGRESS\", \
             type=\"L3_L4\", verdict=\"DROPPED\"}}\n{row}{row}{{hubble_event=\"lost_events\", node_name=\"c/n\", \
             service_name=\"hubble\"}}\n  1796040001000000000 {lost} | detected_level=warn\n\
             {{service_name=\"hubble\"}}\n{}{}",
            wrong("hello", "no JSON"),
            wrong("{\"a\":1}", "of no kind that is known"),
        );
        assert_eq!(shown(&decoded), want);
    }
}

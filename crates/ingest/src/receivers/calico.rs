//! Receiver of Calico's flow logs: Goldmane's emitter posts a flow a line, and takes nothing but 200.
//!
//! Both ends of a connection report it; each report is kept, with its reporter. Also reads the flat
//! form that Calico Enterprise writes to files.

use crate::decode::decoded::{Decoded, Text};
use crate::decode::event_time;
use crate::decode::json_members::{Items, Members, Value};
use crate::decode::json_reader::JsonError;
use crate::forms::flow::{End, Flow, workload_of};
use crate::receivers::answers;
use crate::receivers::events::{EventLabels, Events, LEVEL, lines, read_object};
use crate::receivers::{Receiver, Reception, Taken};
use crate::rejection::BodyError;
use crate::reply::PushReply;
use crate::room::Room;
use std::borrow::Cow;

/// The service of all flows.
const SERVICE: &str = "calico";

/// What Calico writes for no namespace or name.
const NONE: &[u8] = b"-";

/// `/ingest/calico-flows`
pub(crate) struct FlowLogs;

impl Receiver for FlowLogs {
    fn name(&self) -> &'static str {
        "calico-flows"
    }

    fn decode<'m>(&self, reception: &Reception<'m>, room: Room) -> Result<Decoded<'m>, BodyError> {
        let events = Events::within(room, reception.limits);
        decode(reception.body, reception.now, events)
    }

    fn reply(&self, _content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        answers::retried(200, taken)
    }
}

/// Decodes a flow a line.
fn decode<'a>(body: &'a [u8], now: i64, mut events: Events<'a>) -> Result<Decoded<'a>, BodyError> {
    for line in lines(body) {
        push(&mut events, line, now)?;
    }
    events.finish()
}

/// A flow with what becomes its labels.
#[derive(Default)]
struct Report<'a> {
    src: Endpoint<'a>,
    dst: Endpoint<'a>,
    dst_port: Text<'a>,
    proto: Text<'a>,
    reporter: Text<'a>,
    action: Text<'a>,
    service: Text<'a>,
    service_namespace: Text<'a>,
    /// Namespaces and names of the policies that decided, joined by commas.
    policy: Vec<u8>,
    start: Option<i64>,
    end: Option<i64>,
    bytes: [Option<u64>; 2],
    packets: [Option<u64>; 2],
    connections: Text<'a>,
}

#[derive(Default)]
struct Endpoint<'a> {
    name: Text<'a>,
    namespace: Text<'a>,
    kind: Text<'a>,
    ip: Text<'a>,
}

impl<'a> Report<'a> {
    fn read(object: &'a [u8]) -> Result<Report<'a>, JsonError> {
        let mut report = Report::default();
        if let Some(key) = report.read_members(object)? {
            report.read_members(key)?;
        }
        Ok(report)
    }

    /// Reads members of the flow, or of its key: the names do not meet. Gives the key.
    fn read_members(&mut self, object: &'a [u8]) -> Result<Option<&'a [u8]>, JsonError> {
        let mut found = None;
        let mut members = Members::of(object)?;
        while let Some((name, value)) = members.next()? {
            match (snake(&name).as_slice(), value) {
                (b"key", Value::Object(key)) => found = Some(key),
                (b"policies", Value::Object(policies)) => self.read_policies(policies)?,
                (b"source_name" | b"source_name_aggr", value) => named(&mut self.src.name, value),
                (b"source_namespace", value) => set(&mut self.src.namespace, value),
                (b"source_type", value) => set(&mut self.src.kind, value),
                (b"source_ip", value) => set(&mut self.src.ip, value),
                (b"dest_name" | b"dest_name_aggr", value) => named(&mut self.dst.name, value),
                (b"dest_namespace", value) => set(&mut self.dst.namespace, value),
                (b"dest_type", value) => set(&mut self.dst.kind, value),
                (b"dest_ip", value) => set(&mut self.dst.ip, value),
                (b"dest_port", value) => set(&mut self.dst_port, value),
                (b"dest_service_name", value) => set(&mut self.service, value),
                (b"dest_service_namespace", value) => set(&mut self.service_namespace, value),
                (b"proto", value) => set(&mut self.proto, value),
                (b"reporter", value) => set(&mut self.reporter, value),
                (b"action", value) => set(&mut self.action, value),
                (b"start_time", value) => self.start = time(value),
                (b"end_time", value) => self.end = time(value),
                (b"bytes_in", value) => self.bytes[0] = count(value),
                (b"bytes_out", value) => self.bytes[1] = count(value),
                (b"packets_in", value) => self.packets[0] = count(value),
                (b"packets_out", value) => self.packets[1] = count(value),
                (b"num_connections_started" | b"num_flows_started", value) => {
                    set(&mut self.connections, value);
                }
                _ => {}
            }
        }
        Ok(found)
    }

    fn read_policies(&mut self, policies: &'a [u8]) -> Result<(), JsonError> {
        let mut members = Members::of(policies)?;
        while let Some((name, value)) = members.next()? {
            let Value::List(hits) = value else { continue };
            if snake(&name) != b"enforced_policies" && &*name != b"enforced" {
                continue;
            }
            let mut hits = Items::of(hits)?;
            while let Some(hit) = hits.next()? {
                let Value::Object(hit) = hit else { continue };
                let (mut name, mut namespace) = (Text::default(), Text::default());
                let mut members = Members::of(hit)?;
                while let Some((member, value)) = members.next()? {
                    match &*member {
                        b"name" => set(&mut name, value),
                        b"namespace" => set(&mut namespace, value),
                        _ => {}
                    }
                }
                if !self.policy.is_empty() {
                    self.policy.push(b',');
                }
                if !namespace.is_empty() {
                    self.policy.extend_from_slice(&namespace);
                    self.policy.push(b'/');
                }
                self.policy.extend_from_slice(&name);
            }
        }
        Ok(())
    }

    /// What is not as the protocol has it.
    fn wrong(&self) -> Option<&'static str> {
        match () {
            () if self.start.is_none() && self.end.is_none() => Some("no start_time"),
            () if self.src.name.is_empty() && self.dst.name.is_empty() => {
                Some("neither source_name nor dest_name")
            }
            () => None,
        }
    }
}

/// Adds what should be a flow.
fn push<'a>(events: &mut Events<'a>, text: &'a [u8], now: i64) -> Result<(), BodyError> {
    let mut labels = EventLabels::of_service(SERVICE);
    let report = match read_object(text, Report::read) {
        Ok(report) => report,
        Err(what) => {
            events.wrong(format!("a flow of Calico is {what}"))?;
            return events.push(&labels, now, text);
        }
    };
    let action = word(&report.action, &["", "Allow", "Deny", "Pass"]);
    let reporter = word(&report.reporter, &["", "Src", "Dst"]);
    labels.add("action", &action);
    labels.add("reporter", &reporter);
    labels.add("proto", &report.proto);
    let wrong = report.wrong();
    let time = report.start.or(report.end).unwrap_or(now);
    let level = if &*action == b"Deny" { "warn" } else { "info" };
    events.column(LEVEL.as_bytes(), level.as_bytes())?;
    for (name, value) in into_flow(report, &action, &reporter).into_columns() {
        // The reporter is a label.
        if name != "reporter" {
            events.column(name.as_bytes(), value)?;
        }
    }
    if let Some(details) = wrong {
        events.wrong(details)?;
    }
    events.push(&labels, time, text)
}

/// A report in the words of all flows.
fn into_flow<'a>(report: Report<'a>, action: &[u8], reporter: &[u8]) -> Flow<'a> {
    let verdict = match action {
        b"Allow" => b"FORWARDED".to_vec(),
        b"Deny" => b"DROPPED".to_vec(),
        other => other.to_ascii_uppercase(),
    };
    let direction: &[u8] = match reporter {
        b"Src" => b"EGRESS",
        b"Dst" => b"INGRESS",
        _ => b"",
    };
    let mut dst = into_end(&report.dst);
    dst.port = match &*report.dst_port {
        b"0" => Text::default(),
        _ => report.dst_port,
    };
    let [bytes_in, bytes_out] = report.bytes;
    let [packets_in, packets_out] = report.packets;
    Flow {
        src: into_end(&report.src),
        dst,
        protocol: report.proto.to_ascii_uppercase().into(),
        verdict: verdict.into(),
        bytes: digits(sum(report.bytes)),
        packets: digits(sum(report.packets)),
        direction: Cow::Owned(direction.to_vec()),
        reporter: Cow::Owned(reporter.to_vec()),
        more: vec![
            ("bytes_in", digits(bytes_in)),
            ("bytes_out", digits(bytes_out)),
            ("packets_in", digits(packets_in)),
            ("packets_out", digits(packets_out)),
            ("connections", report.connections),
            ("dst_service", without_none(report.service)),
            (
                "dst_service_namespace",
                without_none(report.service_namespace),
            ),
            ("policy", report.policy.into()),
            ("src_type", kind_of(&report.src.kind)),
            ("dst_type", kind_of(&report.dst.kind)),
        ],
    }
}

/// An end in the words of all flows: a pod has a workload, a network is one.
fn into_end<'a>(end: &Endpoint<'a>) -> End<'a> {
    let kind = kind_of(&end.kind);
    let is_pod = matches!(&*kind, b"" | b"WorkloadEndpoint");
    let (workload, pod) = match is_pod {
        true if end.name.ends_with(b"*") => (workload_of(&end.name).to_vec(), Text::default()),
        true => (workload_of(&end.name).to_vec(), end.name.clone()),
        false => (end.name.to_vec(), Text::default()),
    };
    End {
        namespace: without_none(end.namespace.clone()),
        workload: workload.into(),
        pod,
        ip: end.ip.clone(),
        ..End::default()
    }
}

/// The kind of an end as a word.
fn kind_of(kind: &[u8]) -> Text<'static> {
    let kinds = [
        "",
        "WorkloadEndpoint",
        "HostEndpoint",
        "NetworkSet",
        "Network",
    ];
    let known = match kind {
        b"wep" => b"WorkloadEndpoint",
        b"hep" => &b"HostEndpoint"[..],
        b"ns" => b"NetworkSet",
        b"net" => b"Network",
        other => return word(other, &kinds).into(),
    };
    Cow::Borrowed(known)
}

/// The word that an enumeration's number or name stands for.
fn word(value: &[u8], words: &[&str]) -> Vec<u8> {
    let number = std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse::<usize>().ok());
    let known = match number {
        Some(number) => words.get(number),
        None => words
            .iter()
            .find(|word| word.as_bytes().eq_ignore_ascii_case(value)),
    };
    known.map_or_else(|| value.to_vec(), |word| word.as_bytes().to_vec())
}

/// `sourceName` as `source_name`.
fn snake(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 4);
    for byte in name {
        if byte.is_ascii_uppercase() && !out.is_empty() {
            out.push(b'_');
        }
        out.push(byte.to_ascii_lowercase());
    }
    out
}

fn set<'a>(text: &mut Text<'a>, value: Value<'a>) {
    if let Some(found) = value.scalar() {
        *text = found;
    }
}

/// Sets a name; the one of a single pod stands before that of many.
fn named<'a>(name: &mut Text<'a>, value: Value<'a>) {
    if let Some(found) = value.scalar()
        && &*found != NONE
        && (name.is_empty() || name.ends_with(b"*"))
    {
        *name = found;
    }
}

fn without_none(text: Text<'_>) -> Text<'_> {
    if &*text == NONE {
        Text::default()
    } else {
        text
    }
}

fn time(value: Value<'_>) -> Option<i64> {
    event_time::parse(&value.scalar()?)
}

/// A count, as a number or as digits in a string.
fn count(value: Value<'_>) -> Option<u64> {
    std::str::from_utf8(&value.scalar()?).ok()?.parse().ok()
}

fn sum(counts: [Option<u64>; 2]) -> Option<u64> {
    let [one, other] = counts;
    (one.is_some() || other.is_some()).then(|| one.unwrap_or(0).saturating_add(other.unwrap_or(0)))
}

fn digits(number: Option<u64>) -> Text<'static> {
    let text = number.map(|number| number.to_string());
    text.unwrap_or_default().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::events::tests::{empty, shown};

    const NOW: i64 = 1_796_040_000_000_000_000;

    fn check(body: &str, want: &str) {
        let decoded = decode(body.as_bytes(), NOW, empty()).expect("it is kept");
        assert_eq!(shown(&decoded), want, "{body}");
    }

    /// As Go's encoder writes Goldmane's flow: enumerations are numbers.
    const FLOW: &str = r#"{"Key":{"source_name":"web-7c5ddbdf54-*","source_namespace":"shop","source_type":1,"dest_name":"pub","dest_type":4,"dest_port":443,"dest_service_name":"-","proto":"tcp","reporter":1,"action":2,"policies":{"enforced_policies":[{"kind":2,"name":"deny-out","namespace":"shop","action":2},{"name":"base"}]}},"start_time":1796040000,"end_time":1796040015,"source_labels":["app=web"],"packets_in":1,"packets_out":2,"bytes_in":100,"bytes_out":"200","num_connections_started":3}"#;

    #[test]
    fn a_flow_has_the_columns_of_all_flows() {
        let want = format!(
            "{{action=\"Deny\", proto=\"tcp\", reporter=\"Src\", service_name=\"calico\"}}\n  {NOW} {FLOW} \
             | detected_level=warn | src_namespace=shop | src_workload=web | dst_workload=pub | dst_port=443 \
             | protocol=TCP | verdict=DROPPED | bytes=300 | packets=3 | direction=EGRESS | bytes_in=100 \
             | bytes_out=200 | packets_in=1 | packets_out=2 | connections=3 | policy=shop/deny-out,base \
             | src_type=WorkloadEndpoint | dst_type=Network\n"
        );
        check(FLOW, &want);
        check(&format!("\r\n{FLOW}\r\n\r\n"), &want);
        let names = FLOW
            .replace("\"reporter\":1", "\"reporter\":\"Src\"")
            .replace("\"action\":2,\"policies", "\"action\":\"Deny\",\"policies");
        check(&names, &want.replace(FLOW, &names));
    }

    #[test]
    fn the_flat_form_is_read_too() {
        let flow = r#"{"start_time":1796040000,"source_name":"-","source_name_aggr":"db-*","source_namespace":"-","source_type":"wep","dest_name":"api-0","dest_name_aggr":"api-*","dest_type":"wep","dest_port":0,"proto":"udp","reporter":"dst","action":"allow","bytes_in":1}"#;
        let want = format!(
            "{{action=\"Allow\", proto=\"udp\", reporter=\"Dst\", service_name=\"calico\"}}\n  {NOW} {flow} \
             | detected_level=info | src_workload=db | dst_workload=api | dst_pod=api-0 | protocol=UDP \
             | verdict=FORWARDED | bytes=1 | direction=INGRESS | bytes_in=1 | src_type=WorkloadEndpoint \
             | dst_type=WorkloadEndpoint\n"
        );
        check(flow, &want);
    }

    #[test]
    fn a_bad_line_stands_beside_good_ones() {
        for (line, what) in [
            ("5", "a flow of Calico is a number"),
            ("{\"Key\":", "a flow of Calico is no JSON"),
            ("[1]", "a flow of Calico is an array"),
        ] {
            let body = format!("{FLOW}\n{line}\n{FLOW}");
            let decoded = decode(body.as_bytes(), NOW, empty()).expect("it is kept");
            let want = format!("{{service_name=\"calico\"}}\n  {NOW} {line} | malformed={what}\n");
            assert!(shown(&decoded).ends_with(&want), "{}", shown(&decoded));
            assert_eq!(decoded.entries.len(), 3);
        }
        let want = "{service_name=\"calico\"}\n  1796040000000000000 {} | detected_level=info \
                    | malformed=no start_time\n";
        check("{}", want);
        check("\n", "");
    }

    #[test]
    fn nested_keys_end() {
        let deep = format!("{}1{}", "{\"Key\":".repeat(50_000), "}".repeat(50_000));
        decode(deep.as_bytes(), NOW, empty()).expect("it is kept");
    }
}

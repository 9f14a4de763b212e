//! Lines that Hubble exports: flows with their columns, and the other kinds.

use crate::decode::decoded::Text;
use crate::decode::json_members::{Items, Members, Value};
use crate::decode::json_reader::JsonError;
use crate::forms::flow::{End, Flow, reporter_of, workload_of};
use std::borrow::Cow;

/// The kinds of lines besides flows.
const OTHER_KINDS: [&str; 4] = ["lost_events", "agent_event", "debug_event", "node_status"];

/// A line of an export.
#[derive(Debug, Default)]
pub(crate) struct HubbleLine<'a> {
    /// `flow`, or what else it is.
    pub(crate) kind: &'static str,
    /// As Hubble writes it: RFC 3339.
    pub(crate) time: Text<'a>,
    pub(crate) node_name: Text<'a>,
    /// `L3_L4`, `L7` or `SOCK`.
    pub(crate) flow_type: Text<'a>,
    pub(crate) flow: Flow<'a>,
}

impl<'a> HubbleLine<'a> {
    /// Reads an object with its braces; `None` when it is no line of an export.
    pub(crate) fn read(object: &'a [u8]) -> Result<Option<HubbleLine<'a>>, JsonError> {
        let mut line = HubbleLine::default();
        let mut members = Members::of(object)?;
        while let Some((name, value)) = members.next()? {
            match (&*name, value) {
                (b"flow", Value::Object(flow)) => {
                    line.kind = "flow";
                    line.read_flow(flow)?;
                }
                (b"time", value) => set(&mut line.time, value),
                (b"node_name", value) => set(&mut line.node_name, value),
                (other, Value::Object(_)) if line.kind.is_empty() => {
                    let known = OTHER_KINDS.iter().find(|kind| kind.as_bytes() == other);
                    line.kind = known.copied().unwrap_or_default();
                }
                _ => {}
            }
        }
        Ok(Some(line).filter(|line| !line.kind.is_empty()))
    }

    fn read_flow(&mut self, flow: &'a [u8]) -> Result<(), JsonError> {
        let mut members = Members::of(flow)?;
        let (mut source_ip, mut destination_ip) = (Text::default(), Text::default());
        while let Some((name, value)) = members.next()? {
            match (&*name, value) {
                (b"time", value) => set(&mut self.time, value),
                (b"node_name", value) => set(&mut self.node_name, value),
                (b"Type", value) => set(&mut self.flow_type, value),
                (b"verdict", value) => set(&mut self.flow.verdict, value),
                (b"traffic_direction", value) => set(&mut self.flow.direction, value),
                (b"drop_reason_desc", value) => self.more("drop_reason", value),
                (b"is_reply", value) => self.more("is_reply", value),
                (b"uuid", value) => self.more("uuid", value),
                (b"IP", Value::Object(ip)) => {
                    let mut members = Members::of(ip)?;
                    while let Some((name, value)) = members.next()? {
                        match &*name {
                            b"source" => set(&mut source_ip, value),
                            b"destination" => set(&mut destination_ip, value),
                            _ => {}
                        }
                    }
                }
                (b"l4", Value::Object(l4)) => self.read_l4(l4)?,
                (b"l7", Value::Object(l7)) => self.read_l7(l7)?,
                (b"source", Value::Object(end)) => read_end(&mut self.flow.src, end)?,
                (b"destination", Value::Object(end)) => read_end(&mut self.flow.dst, end)?,
                (b"source_names", Value::List(names)) => {
                    self.flow.src.name = first_text(names)?;
                }
                (b"destination_names", Value::List(names)) => {
                    self.flow.dst.name = first_text(names)?;
                }
                _ => {}
            }
        }
        (self.flow.src.ip, self.flow.dst.ip) = (source_ip, destination_ip);
        self.flow.reporter = reporter_of(&self.flow.direction);
        Ok(())
    }

    /// A column of its own; what is no scalar gives none.
    fn more(&mut self, name: &'static str, value: Value<'a>) {
        if let Some(text) = value.scalar() {
            self.flow.more.push((name, text));
        }
    }

    /// `{"TCP":{"source_port":1,"destination_port":2}}`
    fn read_l4(&mut self, l4: &'a [u8]) -> Result<(), JsonError> {
        let mut members = Members::of(l4)?;
        while let Some((protocol, value)) = members.next()? {
            let Value::Object(ports) = value else {
                continue;
            };
            self.flow.protocol = protocol;
            let mut ports = Members::of(ports)?;
            while let Some((name, value)) = ports.next()? {
                match &*name {
                    b"source_port" => set(&mut self.flow.src.port, value),
                    b"destination_port" => set(&mut self.flow.dst.port, value),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// `{"type":"REQUEST","latency_ns":"1","http":{…},"dns":{…}}`
    fn read_l7(&mut self, l7: &'a [u8]) -> Result<(), JsonError> {
        let mut members = Members::of(l7)?;
        while let Some((name, value)) = members.next()? {
            match (&*name, value) {
                (b"type", value) => self.more("l7_type", value),
                (b"latency_ns", value) => self.more("latency_ns", value),
                (b"http", Value::Object(http)) => {
                    let mut members = Members::of(http)?;
                    while let Some((name, value)) = members.next()? {
                        match &*name {
                            b"code" => self.more("http_code", value),
                            b"method" => self.more("http_method", value),
                            b"url" => self.more("http_url", value),
                            b"protocol" => self.more("http_protocol", value),
                            _ => {}
                        }
                    }
                }
                (b"dns", Value::Object(dns)) => {
                    let mut members = Members::of(dns)?;
                    while let Some((name, value)) = members.next()? {
                        match &*name {
                            b"query" => self.more("dns_query", value),
                            b"rcode" => self.more("dns_rcode", value),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Sets a text that is there.
fn set<'a>(text: &mut Text<'a>, value: Value<'a>) {
    if let Some(found) = value.scalar() {
        *text = found;
    }
}

fn first_text(list: &[u8]) -> Result<Text<'_>, JsonError> {
    let first = Items::of(list)?.next()?;
    Ok(first.and_then(Value::scalar).unwrap_or_default())
}

/// An endpoint: a pod with its workload, or what Hubble calls it (`reserved:world`).
fn read_end<'a>(end: &mut End<'a>, object: &'a [u8]) -> Result<(), JsonError> {
    let mut reserved = Text::default();
    let mut members = Members::of(object)?;
    while let Some((name, value)) = members.next()? {
        match (&*name, value) {
            (b"namespace", value) => set(&mut end.namespace, value),
            (b"pod_name", value) => set(&mut end.pod, value),
            (b"workloads", Value::List(list)) => {
                if let Some(Value::Object(first)) = Items::of(list)?.next()? {
                    let mut members = Members::of(first)?;
                    while let Some((name, value)) = members.next()? {
                        if &*name == b"name" {
                            set(&mut end.workload, value);
                        }
                    }
                }
            }
            (b"labels", Value::List(list)) => {
                let mut items = Items::of(list)?;
                while let Some(item) = items.next()? {
                    if let Some(label) = item.scalar()
                        && let Some(name) = label.strip_prefix(b"reserved:")
                        && reserved.is_empty()
                    {
                        reserved = Cow::Owned(name.to_vec());
                    }
                }
            }
            _ => {}
        }
    }
    if end.workload.is_empty() {
        end.workload = match end.pod.is_empty() {
            true => reserved,
            false => match &end.pod {
                Cow::Borrowed(pod) => Cow::Borrowed(workload_of(pod)),
                Cow::Owned(pod) => Cow::Owned(workload_of(pod).to_vec()),
            },
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a Cilium 1.19 exported, shortened.
    const DROPPED: &str = r#"{"flow":{"time":"2026-07-31T10:41:02.202450754Z","uuid":"cd75","verdict":"DROPPED","drop_reason":181,"IP":{"source":"10.0.1.235","destination":"10.0.0.21","ipVersion":"IPv4"},"l4":{"TCP":{"source_port":60524,"destination_port":80,"flags":{"SYN":true}}},"source":{"ID":423,"identity":24753,"namespace":"net-lab","labels":["k8s:app=gen"],"pod_name":"gen-9b649846d-bxqfc","workloads":[{"name":"gen","kind":"Deployment"}]},"destination":{"identity":24075,"namespace":"net-lab","pod_name":"echo-65887564dc-jjw7k"},"Type":"L3_L4","node_name":"topgun/w1","traffic_direction":"EGRESS","drop_reason_desc":"POLICY_DENY","Summary":"TCP Flags: SYN"},"node_name":"topgun/w1","time":"2026-07-31T10:41:02.202450754Z"}"#;

    fn columns(line: &str) -> String {
        let line = HubbleLine::read(line.as_bytes()).expect("text is JSON");
        let flow = line.expect("it is Hubble's").flow;
        let columns = flow
            .into_columns()
            .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(&value)));
        columns.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn flows_have_columns() {
        assert_eq!(
            columns(DROPPED),
            "src_namespace=net-lab src_workload=gen src_pod=gen-9b649846d-bxqfc src_ip=10.0.1.235 src_port=60524 \
             dst_namespace=net-lab dst_workload=echo dst_pod=echo-65887564dc-jjw7k dst_ip=10.0.0.21 dst_port=80 \
             protocol=TCP verdict=DROPPED direction=EGRESS reporter=Src uuid=cd75 drop_reason=POLICY_DENY"
        );
        let l7 = r#"{"flow":{"verdict":"FORWARDED","source":{"labels":["reserved:host","reserved:kube-apiserver"]},"destination_names":["api.example"],"l4":{"UDP":{"destination_port":53}},"l7":{"type":"RESPONSE","latency_ns":"1234","dns":{"query":"a.","rcode":3},"http":{"code":503,"method":"GET","url":"/"}},"traffic_direction":"INGRESS","is_reply":true}}"#;
        assert_eq!(
            columns(l7),
            "src_workload=host dst_port=53 dst_name=api.example protocol=UDP verdict=FORWARDED direction=INGRESS \
             reporter=Dst l7_type=RESPONSE latency_ns=1234 dns_query=a. dns_rcode=3 http_code=503 http_method=GET \
             http_url=/ is_reply=true"
        );
    }

    #[test]
    fn other_kinds_are_known_and_other_lines_are_not() {
        for (line, want) in [
            (
                r#"{"lost_events":{"source":"HUBBLE_RING_BUFFER","num_events_lost":"12"},"node_name":"n","time":"t"}"#,
                Some("lost_events"),
            ),
            (
                r#"{"node_name":"n","agent_event":{"type":"X"}}"#,
                Some("agent_event"),
            ),
            (r#"{"flow":5}"#, None),
            (r#"{"flow":{},"debug_event":{}}"#, Some("flow")),
            (r#"{}"#, None),
        ] {
            let got = HubbleLine::read(line.as_bytes()).expect("text is JSON");
            assert_eq!(got.map(|line| line.kind), want, "{line}");
        }
        for line in [r#"{"flow":{"IP":{"#, r#"{"flow":{"l4":{"TCP":{x}}}}"#] {
            assert!(HubbleLine::read(line.as_bytes()).is_err(), "{line}");
        }
    }
}

//! The registry knows which receiver is behind a protocol.

use crate::receivers::receiver::{Receiver, Taken};
use crate::receivers::{calico, csv, falco, hubble, k8s_audit, loki, ndjson, otlp};
use crate::reply::PushReply;
use crate::request::{Protocol, Question};

/// The receiver of a protocol.
pub(crate) fn of(protocol: Protocol) -> &'static dyn Receiver {
    match protocol {
        Protocol::Loki | Protocol::LokiLegacy => &loki::HttpPush,
        Protocol::Grpc => &loki::GrpcPush,
        Protocol::Otlp => &otlp::LokiOtlp,
        Protocol::K8sAudit => &k8s_audit::Webhook,
        Protocol::Falco => &falco::HttpOutput,
        Protocol::CalicoFlows => &calico::FlowLogs,
        Protocol::Hubble => &hubble::Export,
        Protocol::Ndjson => &ndjson::JsonLines,
        Protocol::Csv => &csv::Table,
    }
}

/// The answer to a push that the transport refuses before it is read, in the form the sender
/// expects.
pub fn refusal(
    protocol: Protocol,
    content_type: Option<&str>,
    status: u16,
    text: &str,
) -> PushReply {
    let text = text.trim_end_matches('\n');
    of(protocol).reply(content_type, &Taken::Refused { status, text })
}

/// The answer to a question of a protocol's senders.
pub fn answer(protocol: Protocol, question: &Question) -> PushReply {
    of(protocol).answer(question)
}

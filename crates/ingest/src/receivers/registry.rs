//! The registry knows which receiver is behind a protocol.

use crate::receivers::receiver::{Receiver, Taken};
use crate::receivers::{
    calico, csv, datadog, elasticsearch, falco, hubble, journal, k8s_audit, loki, ndjson, otlp,
    splunk, syslog,
};
use crate::reply::PushReply;
use crate::request::{Protocol, Question};

/// The receiver of a protocol.
pub(crate) fn of(protocol: Protocol) -> &'static dyn Receiver {
    match protocol {
        Protocol::Loki | Protocol::LokiLegacy => &loki::HttpPush,
        Protocol::Grpc => &loki::GrpcPush,
        Protocol::Otlp => &otlp::Otlp::AsLoki,
        Protocol::K8sAudit => &k8s_audit::Webhook,
        Protocol::Falco => &falco::HttpOutput,
        Protocol::CalicoFlows => &calico::FlowLogs,
        Protocol::Hubble => &hubble::Export,
        Protocol::Ndjson => &ndjson::JsonLines,
        Protocol::Csv => &csv::Table,
        Protocol::OtlpHttp => &otlp::Otlp::Http,
        Protocol::OtlpGrpc => &otlp::Otlp::Grpc,
        Protocol::Elasticsearch => &elasticsearch::Bulk,
        Protocol::ElasticsearchDocument => &elasticsearch::Document,
        Protocol::SplunkEvents => &splunk::Events,
        Protocol::SplunkRaw => &splunk::Raw,
        Protocol::Datadog => &datadog::Logs,
        Protocol::Journal => &journal::JournalUpload,
        Protocol::Syslog => &syslog::SyslogBatch,
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

/// A `google.rpc.Status` for a call of OTLP that failed: what is in `grpc-status-details-bin`.
pub fn otlp_details(code: i32, text: &str, retry_after: Option<u32>) -> Vec<u8> {
    otlp::details(code, text, retry_after)
}

/// The name of a protocol's receiver, as metrics have it.
pub fn receiver_name(protocol: Protocol) -> &'static str {
    of(protocol).name()
}

/// The answer to a question of a protocol's senders.
pub fn answer(protocol: Protocol, question: &Question) -> PushReply {
    of(protocol).answer(question)
}

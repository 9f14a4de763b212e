//! A push as the transport hands it over: protocol, parameters, headers that matter, body.

use bytes::Bytes;

/// A push as the transport saw it.
#[derive(Clone, Debug)]
pub struct PushRequest {
    /// Which receiver the path stands for.
    pub protocol: Protocol,
    /// `Content-Type`, as sent.
    pub content_type: Option<String>,
    /// `Content-Encoding`, as sent; for gRPC the encoding the call names.
    pub content_encoding: Option<String>,
    /// What path and query say.
    pub parameters: Parameters,
    /// Body, as sent.
    pub body: Bytes,
}

impl PushRequest {
    /// A body without headers and parameters.
    pub fn new(protocol: Protocol, body: impl Into<Bytes>) -> PushRequest {
        PushRequest {
            protocol,
            content_type: None,
            content_encoding: None,
            parameters: Parameters::default(),
            body: body.into(),
        }
    }
}

/// Names with values, decoded: segments of the path that stand for something, then what the query
/// has, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(pub Vec<(String, String)>);

impl Parameters {
    /// The first value of a name; an empty one counts as not given.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(other, _)| other == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }
}

/// Receivers by what they are asked through. `receivers::of` has the code behind each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `/loki/api/v1/push`
    Loki,
    /// `/api/prom/push`
    LokiLegacy,
    /// `/otlp/v1/logs`, with Loki's answers.
    Otlp,
    /// `/v1/logs`, with the answers of OTLP.
    OtlpHttp,
    /// `opentelemetry.proto.collector.logs.v1.LogsService/Export`
    OtlpGrpc,
    /// `/_bulk`, `/{index}/_bulk`, and what clients of Elasticsearch ask.
    Elasticsearch,
    /// `/{index}/_doc`
    ElasticsearchDocument,
    /// `/services/collector/event`
    SplunkEvents,
    /// `/services/collector/raw`
    SplunkRaw,
    /// `/api/v2/logs`
    Datadog,
    /// `logproto.Pusher/Push`: the message as it is, or wrapped in the encoding the call names.
    Grpc,
    /// `/ingest/k8s-audit`: the audit webhook of Kubernetes.
    K8sAudit,
    /// `/ingest/falco`: Falco's `http_output`.
    Falco,
    /// `/ingest/calico-flows`: flow logs of Calico.
    CalicoFlows,
    /// `/ingest/hubble`: lines that Hubble exports.
    Hubble,
    /// `/ingest/ndjson`: JSON objects, one a line.
    Ndjson,
    /// `/ingest/csv`: comma-separated values.
    Csv,
    /// `/upload`
    Journal,
    /// A batch of the server's own syslog listeners.
    Syslog,
}

/// A question that senders ask before they send, or while they do.
#[derive(Clone, Debug)]
pub struct Question {
    /// The method, in capitals.
    pub method: String,
    /// The path.
    pub path: String,
    /// What path and query say.
    pub parameters: Parameters,
}

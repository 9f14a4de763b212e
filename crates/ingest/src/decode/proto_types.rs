//! Prost types mirror the messages of proto/: OTLP is read with them, and tests use them.
//!
//! Written by hand so that building needs no protobuf compiler; a test compares them with the
//! .proto files, field by field. Labels and lines are `Vec<u8>` where the .proto says `string`,
//! because clients send lines that are no UTF-8; on the wire the two are the same.

/// logproto/push.proto
#[derive(Clone, PartialEq, prost::Message)]
pub struct PushRequest {
    /// Streams of this push.
    #[prost(message, repeated, tag = "1")]
    pub streams: Vec<Stream>,
    /// Who sent it, in some clients.
    #[prost(string, tag = "2")]
    pub format: String,
}

/// logproto/push.proto
#[derive(Clone, PartialEq, prost::Message)]
pub struct Stream {
    /// `{a="b"}`
    #[prost(bytes = "vec", tag = "1")]
    pub labels: Vec<u8>,
    /// Entries in order of time, usually.
    #[prost(message, repeated, tag = "2")]
    pub entries: Vec<Entry>,
    /// Of the labels.
    #[prost(uint64, tag = "3")]
    pub hash: u64,
}

/// logproto/push.proto
#[derive(Clone, PartialEq, prost::Message)]
pub struct Entry {
    /// When.
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Timestamp>,
    /// What.
    #[prost(bytes = "vec", tag = "2")]
    pub line: Vec<u8>,
    /// Structured metadata.
    #[prost(message, repeated, tag = "3")]
    pub structured_metadata: Vec<LabelPair>,
    /// Labels a parser found; in answers only.
    #[prost(message, repeated, tag = "4")]
    pub parsed: Vec<LabelPair>,
}

/// logproto/push.proto
#[derive(Clone, PartialEq, prost::Message)]
pub struct LabelPair {
    /// Left of the equals sign.
    #[prost(bytes = "vec", tag = "1")]
    pub name: Vec<u8>,
    /// Right of it.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// google/protobuf/timestamp.proto
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Timestamp {
    /// Since 1970.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Counted forward.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// google/rpc/status.proto
#[derive(Clone, PartialEq, prost::Message)]
pub struct Status {
    /// Not used by OTLP over HTTP.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// What went wrong.
    #[prost(string, tag = "2")]
    pub message: String,
}

/// opentelemetry/logs.proto
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExportLogsServiceRequest {
    /// Logs by where they come from.
    #[prost(message, repeated, tag = "1")]
    pub resource_logs: Vec<ResourceLogs>,
}

/// opentelemetry/logs.proto
#[derive(Clone, PartialEq, prost::Message)]
pub struct ResourceLogs {
    /// Where they come from.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// Logs by the library that wrote them.
    #[prost(message, repeated, tag = "2")]
    pub scope_logs: Vec<ScopeLogs>,
}

/// opentelemetry/logs.proto
#[derive(Clone, PartialEq, prost::Message)]
pub struct Resource {
    /// Some of these become labels.
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
    /// How many did not fit.
    #[prost(uint32, tag = "2")]
    pub dropped_attributes_count: u32,
}

/// opentelemetry/logs.proto
#[derive(Clone, PartialEq, prost::Message)]
pub struct ScopeLogs {
    /// The library.
    #[prost(message, optional, tag = "1")]
    pub scope: Option<InstrumentationScope>,
    /// What it wrote.
    #[prost(message, repeated, tag = "2")]
    pub log_records: Vec<LogRecord>,
}

/// opentelemetry/logs.proto
#[derive(Clone, PartialEq, prost::Message)]
pub struct InstrumentationScope {
    /// Name of the library.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its version.
    #[prost(string, tag = "2")]
    pub version: String,
    /// More about it.
    #[prost(message, repeated, tag = "3")]
    pub attributes: Vec<KeyValue>,
    /// How many did not fit.
    #[prost(uint32, tag = "4")]
    pub dropped_attributes_count: u32,
}

/// opentelemetry/logs.proto
#[derive(Clone, PartialEq, prost::Message)]
pub struct LogRecord {
    /// When it happened.
    #[prost(fixed64, tag = "1")]
    pub time_unix_nano: u64,
    /// 1 to 24.
    #[prost(int32, tag = "2")]
    pub severity_number: i32,
    /// As the source wrote it.
    #[prost(string, tag = "3")]
    pub severity_text: String,
    /// The line.
    #[prost(message, optional, tag = "5")]
    pub body: Option<AnyValue>,
    /// More about it.
    #[prost(message, repeated, tag = "6")]
    pub attributes: Vec<KeyValue>,
    /// How many did not fit.
    #[prost(uint32, tag = "7")]
    pub dropped_attributes_count: u32,
    /// Of the trace.
    #[prost(fixed32, tag = "8")]
    pub flags: u32,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "9")]
    pub trace_id: Vec<u8>,
    /// 8 bytes.
    #[prost(bytes = "vec", tag = "10")]
    pub span_id: Vec<u8>,
    /// When a collector saw it.
    #[prost(fixed64, tag = "11")]
    pub observed_time_unix_nano: u64,
    /// Of an event.
    #[prost(string, tag = "12")]
    pub event_name: String,
}

/// opentelemetry/logs.proto
#[derive(Clone, PartialEq, prost::Message)]
pub struct KeyValue {
    /// The attribute's name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// opentelemetry/logs.proto
#[derive(Clone, PartialEq, prost::Message)]
pub struct AnyValue {
    /// One of its kinds; none is an empty value.
    #[prost(oneof = "Any", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub value: Option<Any>,
}

/// The kinds of an [`AnyValue`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Any {
    /// Text.
    #[prost(string, tag = "1")]
    StringValue(String),
    /// True or false.
    #[prost(bool, tag = "2")]
    BoolValue(bool),
    /// Whole number.
    #[prost(int64, tag = "3")]
    IntValue(i64),
    /// Number.
    #[prost(double, tag = "4")]
    DoubleValue(f64),
    /// List.
    #[prost(message, tag = "5")]
    ArrayValue(ArrayValue),
    /// Map.
    #[prost(message, tag = "6")]
    KvlistValue(KeyValueList),
    /// Bytes.
    #[prost(bytes = "vec", tag = "7")]
    BytesValue(Vec<u8>),
}

/// opentelemetry/logs.proto
#[derive(Clone, PartialEq, prost::Message)]
pub struct ArrayValue {
    /// In order.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<AnyValue>,
}

/// opentelemetry/logs.proto
#[derive(Clone, PartialEq, prost::Message)]
pub struct KeyValueList {
    /// In order.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<KeyValue>,
}

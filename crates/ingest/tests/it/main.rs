//! Tests that ask the whole of ingest, in one binary.

mod doors;
mod elasticsearch;
mod otlp;
mod otlp_json;
mod proto_files;
mod recorded;
mod repeats;
mod senders;
mod sources;
mod support;

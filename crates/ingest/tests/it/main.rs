//! Tests that ask the whole of ingest, in one binary.

mod otlp;
mod proto_files;
mod recorded;

//! Decoding turns the body of a push into streams of entries, whatever protocol it came by.

pub(crate) mod body;
pub(crate) mod json;
pub(crate) mod json_reader;
pub(crate) mod label_text;
pub(crate) mod otlp;
pub(crate) mod proto_reader;
pub mod proto_types;
pub(crate) mod protobuf;
pub(crate) mod push;

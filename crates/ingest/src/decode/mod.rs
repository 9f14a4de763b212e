//! Decoders turn the body of a push into streams of entries, whatever protocol it came by.
//!
//! [`message::Message`] is the way in; every format ends in a [`push::Decoded`].

pub(crate) mod body;
pub(crate) mod decoded;
pub(crate) mod json;
pub(crate) mod json_reader;
pub(crate) mod json_tree;
pub(crate) mod label_text;
pub(crate) mod message;
pub(crate) mod otlp;
pub(crate) mod proto_reader;
pub mod proto_types;
pub(crate) mod protobuf;

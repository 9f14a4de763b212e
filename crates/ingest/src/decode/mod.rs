//! Decoding that receivers share: encodings and media types, readers of JSON, protobuf and label
//! texts, and [`decoded::Decoded`], in which every format ends.

pub(crate) mod body;
pub(crate) mod decoded;
pub(crate) mod event_key;
pub(crate) mod event_time;
pub(crate) mod grouped;
pub(crate) mod json_fields;
pub(crate) mod json_members;
pub(crate) mod json_reader;
pub(crate) mod json_tree;
pub(crate) mod label_text;
pub(crate) mod line_start;
pub(crate) mod proto_reader;
pub mod proto_types;
pub(crate) mod wanted_fields;

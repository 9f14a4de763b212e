//! Elasticsearch's bulk requests and single documents, and what its clients ask before they send.
//!
//! [`bulk`] reads actions and documents, [`document`] makes an entry of one by the table in
//! docs/sources/elasticsearch.md, [`response`] answers item by item, [`handshake`] questions.

mod bulk;
mod document;
mod handshake;
mod receiver;
mod response;

pub(crate) use receiver::{Bulk, Document};

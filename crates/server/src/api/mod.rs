//! API handlers answer requests, one file for each group of endpoints.
//!
//! `extract` reads what handlers take, `params` parameters, `headers` headers; `response` wraps
//! answers. `tail_session` is a tail without its transport, `recent_entries` what it sent last.

pub(crate) mod around;
pub(crate) mod complete;
pub(crate) mod delete;
pub(crate) mod detected;
pub(crate) mod export;
pub(crate) mod export_format;
pub(crate) mod extract;
pub(crate) mod format_query;
pub(crate) mod grpc;
pub(crate) mod headers;
pub(crate) mod index;
pub(crate) mod inflight;
pub(crate) mod journal;
pub(crate) mod labels;
pub(crate) mod legacy;
pub(crate) mod limits;
pub(crate) mod map;
pub(crate) mod page;
pub(crate) mod params;
pub(crate) mod parse;
pub(crate) mod patterns;
pub(crate) mod push;
pub(crate) mod query;
pub(crate) mod query_fix;
pub(crate) mod response;
pub(crate) mod root;
pub(crate) mod rules;
pub(crate) mod saved;
pub(crate) mod session;
pub(crate) mod sources;
pub(crate) mod status;
pub(crate) mod tail;
pub(crate) mod tail_session;

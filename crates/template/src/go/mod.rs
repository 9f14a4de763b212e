//! Go's textual conversions, with Go's words when a text can't be converted: what Loki's answers
//! show.
//!
//! Queries, label values and templates are all read by these, so that `1_000`, `1.5h` or `20MB`
//! mean the same wherever they stand. Reading: [`float::parse`], [`integer`], [`duration::parse`],
//! [`bytes::parse`], [`quote::unquote`]. Writing: [`float_text`], [`duration::format`],
//! [`bytes::format`], [`quote::quoted`]. Prometheus' durations are not Go's: see
//! [`prometheus_duration`].

pub mod bytes;
pub mod duration;
pub mod float;
pub mod float_text;
pub mod integer;
pub mod prometheus_duration;
pub mod quote;

//! Durations are read as queries write them, in Prometheus' form (`1h30m`, `1d`, `2w`), to
//! nanoseconds.
//!
//! Queries and settings are read in Prometheus' form first and then in Go's; ranges are Prometheus'
//! alone.

pub use skald_template::go::duration::{format as format_go, parse as parse_go};
pub use skald_template::go::prometheus_duration::{
    format as format_prometheus, parse as parse_prometheus,
};

/// Reads a duration as queries and settings write it.
pub fn parse(text: &str) -> Option<i64> {
    parse_prometheus(text).or_else(|_| parse_go(text)).ok()
}

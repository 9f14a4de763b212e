//! Request limits tighten a tenant's limits for one request (`X-Loki-Query-Limits`).

use crate::config::Limits;
use crate::config::limits::nanoseconds;
use crate::config::setting::{ByteSize, Setting};
use crate::duration;
use crate::error::ApiError;
use serde_json::Value;
use std::time::Duration;

/// Limits of one request, never looser than the tenant's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestLimits {
    length: Option<Duration>,
    range: Option<Duration>,
    lookback: Option<Duration>,
    timeout: Option<Duration>,
    entries: Option<usize>,
    minimum_labels: Option<usize>,
    bytes_read: Option<u64>,
    required_labels: Vec<String>,
}

impl RequestLimits {
    /// Reads the header's JSON object; values of another type are refused or ignored, as in Loki.
    pub(crate) fn parse(text: &[u8]) -> Result<RequestLimits, ApiError> {
        let bad =
            |what: &str| ApiError::bad(format!("could not parse X-Loki-Query-Limits: {what}"));
        let value: Value = serde_json::from_slice(text).map_err(|error| bad(&error.to_string()))?;
        let fields = value.as_object().ok_or_else(|| bad("not a JSON object"))?;
        let span = |name: &str| match fields.get(name).and_then(Value::as_str) {
            Some(text) => duration::parse(text)
                .map(|ns| Some(Duration::from_nanos(ns.max(0) as u64)))
                .ok_or_else(|| bad(name)),
            None => Ok(None),
        };
        let count = |name: &str| {
            fields
                .get(name)
                .and_then(Value::as_u64)
                .and_then(|n| usize::try_from(n).ok())
        };
        let bytes = match fields.get("maxQueryBytesRead").and_then(Value::as_str) {
            Some(text) => Some(ByteSize::read(&text.into()).map_err(|error| bad(&error))?.0),
            None => None,
        };
        let labels = fields
            .get("requiredLabels")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        Ok(RequestLimits {
            length: span("maxQueryLength")?,
            range: span("maxQueryInterval")?,
            lookback: span("maxQueryLookback")?,
            timeout: span("maxQueryTime")?,
            entries: count("maxEntriesLimitPerQuery"),
            minimum_labels: count("minimumLabelsNumber"),
            bytes_read: bytes,
            required_labels: labels
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Tightens `limits`.
    pub(crate) fn apply(&self, limits: &mut Limits) {
        let mut own = limits.clone();
        let set = |limit: &mut Duration, tightened: Option<Duration>| {
            *limit = tightened.unwrap_or(*limit)
        };
        set(&mut own.max_query_length, self.length);
        set(&mut own.max_query_range, self.range);
        set(&mut own.max_query_lookback, self.lookback);
        set(
            &mut own.query_timeout,
            self.timeout.filter(|timeout| nanoseconds(*timeout) > 0),
        );
        own.max_entries_limit_per_query = self.entries.unwrap_or(own.max_entries_limit_per_query);
        own.minimum_labels_number = self.minimum_labels.unwrap_or(own.minimum_labels_number);
        own.max_query_bytes_read.0 = self.bytes_read.unwrap_or(own.max_query_bytes_read.0);
        own.required_labels = self.required_labels.clone();
        *limits = limits.strictest(&own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_tightens_its_limits_and_never_loosens_them() {
        let header = br#"{"maxQueryLength":"1h","maxEntriesLimitPerQuery":9000,"maxQueryTime":"5s","requiredLabels":["a"],"minimumLabelsNumber":2,"maxQueryBytesRead":"1GB"}"#;
        let mut limits = Limits {
            required_labels: vec!["b".into()],
            ..Limits::default()
        };
        RequestLimits::parse(header)
            .expect("good")
            .apply(&mut limits);
        assert_eq!(limits.max_query_length, Duration::from_secs(3600));
        assert_eq!(
            (
                limits.max_entries_limit_per_query,
                limits.minimum_labels_number
            ),
            (5000, 2)
        );
        assert_eq!(
            (limits.query_timeout, limits.max_query_bytes_read.0),
            (Duration::from_secs(5), 1 << 30)
        );
        assert_eq!(limits.required_labels, ["a", "b"]);
        for bad in [&b"x"[..], b"[]", br#"{"maxQueryLength":"x"}"#] {
            assert!(RequestLimits::parse(bad).is_err());
        }
    }
}

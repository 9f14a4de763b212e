//! An alert, as those who make alerts hand it in and as it is stored in the queue.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Label names and values, sorted by name.
pub type LabelSet = BTreeMap<String, String>;

/// Whether an alert's condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertStatus {
    /// It holds; `ends_at` says until when this is believed without news.
    Firing,
    /// It holds no more since `ends_at`.
    Resolved,
}

/// One state of one alert. Its labels are its identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Labels, `alertname` among them.
    pub labels: LabelSet,
    /// Texts for people.
    #[serde(default, skip_serializing_if = "LabelSet::is_empty")]
    pub annotations: LabelSet,
    /// Since when it fires, in milliseconds of Unix time.
    pub starts_at: i64,
    /// Milliseconds of Unix time; see [`AlertStatus`].
    pub ends_at: i64,
    /// A link to what made it; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub generator_url: String,
    /// Whether it fires.
    pub status: AlertStatus,
}

impl Alert {
    /// An alert that fires, without annotations.
    pub fn firing<const N: usize>(
        labels: [(&str, &str); N],
        starts_at: i64,
        ends_at: i64,
    ) -> Alert {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Alert {
            labels: labels.into_iter().map(own).collect(),
            annotations: LabelSet::new(),
            starts_at,
            ends_at,
            generator_url: String::new(),
            status: AlertStatus::Firing,
        }
    }

    /// The same alert, resolved at a time.
    pub fn resolved(mut self, ends_at: i64) -> Alert {
        self.ends_at = ends_at;
        self.status = AlertStatus::Resolved;
        self
    }

    /// Whether it fires.
    pub(crate) fn is_firing(&self) -> bool {
        self.status == AlertStatus::Firing
    }

    /// Alertmanager's fingerprint of the labels.
    pub(crate) fn fingerprint(&self) -> u64 {
        fingerprint(&self.labels)
    }
}

/// FNV-1a over names and values, each ended by 0xff: what Alertmanager calls a fingerprint.
pub(crate) fn fingerprint(labels: &LabelSet) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = OFFSET;
    let texts = labels.iter().flat_map(|(name, value)| [name, value]);
    for byte in texts.flat_map(|text| text.bytes().chain([0xff])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    }
    hash
}

/// Milliseconds of Unix time as RFC 3339 with milliseconds, in UTC.
pub(crate) fn rfc3339(milliseconds: i64) -> String {
    let timestamp = jiff::Timestamp::from_millisecond(milliseconds);
    let end = if milliseconds < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    };
    format!("{:.3}", timestamp.unwrap_or(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_700_000_000_120), "2023-11-14T22:13:20.120Z");
    }

    #[test]
    fn fingerprints_are_those_of_prometheus() {
        // prometheus/common: LabelSet{}.Fingerprint(), and TestLabelSetFingerprint-like values.
        assert_eq!(fingerprint(&LabelSet::new()), 0xcbf2_9ce4_8422_2325);
        let one = Alert::firing([("a", "b")], 0, 0);
        let other = Alert::firing([("a", "c")], 0, 0);
        assert_ne!(one.fingerprint(), other.fingerprint());
    }
}

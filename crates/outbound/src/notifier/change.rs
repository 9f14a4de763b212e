//! Changes of what waits, as the journal holds them: JSON, compressed.

use crate::alert::Alert;
use crate::webhook::Notified;
use serde::{Deserialize, Serialize};

/// Says which form of changes a record holds.
const VERSION: u8 = 1;

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub(super) enum Change {
    /// Alerts came for some targets.
    Came {
        tenant: String,
        /// When, in milliseconds of Unix time.
        at: i64,
        /// Names of targets.
        targets: Vec<String>,
        /// The id of the first; the others follow it.
        first: u64,
        alerts: Vec<Alert>,
    },
    /// Alerts need not be sent to a target any more.
    Done {
        tenant: String,
        target: String,
        ids: Vec<u64>,
    },
    /// A webhook's group was notified.
    Notified {
        tenant: String,
        target: String,
        #[serde(flatten)]
        notified: Notified,
    },
}

impl Change {
    /// As a record.
    pub(super) fn encode(&self) -> Vec<u8> {
        let plain = serde_json::to_vec(self).expect("texts are always JSON");
        let compressed = snap::raw::Encoder::new().compress_vec(&plain);
        let mut bytes = vec![VERSION];
        bytes.extend(compressed.expect("a change has fewer bytes than snappy can take"));
        bytes
    }

    /// From a record; an error says what is wrong with it.
    pub(super) fn decode(bytes: &[u8]) -> Result<Change, String> {
        match bytes.split_first() {
            Some((&VERSION, compressed)) => {
                let plain = snap::raw::Decoder::new()
                    .decompress_vec(compressed)
                    .map_err(|error| error.to_string())?;
                serde_json::from_slice(&plain).map_err(|error| error.to_string())
            }
            Some((version, _)) => Err(format!(
                "a change of version {version}, this program reads {VERSION}"
            )),
            None => Err("an empty change".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_come_back_as_they_were() {
        let change = Change::Came {
            tenant: "t".to_owned(),
            at: 5,
            targets: vec!["http://a/".to_owned()],
            first: 7,
            alerts: vec![Alert::firing([("alertname", "a")], 1, 2).resolved(3)],
        };
        assert_eq!(Change::decode(&change.encode()), Ok(change));
        let notified = Notified {
            key: "k".to_owned(),
            at: 1,
            firing: [u64::MAX].into(),
            resolved: [0].into(),
        };
        let change = Change::Notified {
            tenant: "t".to_owned(),
            target: "webhook/w".to_owned(),
            notified,
        };
        assert_eq!(Change::decode(&change.encode()), Ok(change));
        for bad in [&b""[..], b"\x02abc", b"\x01abc"] {
            assert!(Change::decode(bad).is_err());
        }
    }
}

//! A live entry is what a tail sends of one entry, encoded once for all who read it.

use super::recent_entries::{EntryHash, EntryKeys};
use crate::wire::answer::{write_entry, write_pairs};
use crate::wire::json::Json;
use skald_model::{Held, Labels};
use skald_query::{EntryResult, Labelling};

/// An entry after the stages: its labels and itself.
pub(crate) type Ready = (Vec<(String, String)>, EntryResult);

/// One entry, ready to be sent.
#[derive(Debug)]
pub(crate) struct LiveEntry {
    /// Nanoseconds since 1970.
    pub(crate) timestamp: i64,
    /// Labels of its stream as it was pushed; empty for history.
    pub(crate) labels: Labels,
    /// Of all that is sent; comparable among entries with the same keys.
    pub(crate) hash: EntryHash,
    /// Its element of a frame's `streams`, as JSON.
    pub(crate) json: Box<str>,
    /// What it holds of the memory budget; none for history.
    pub(crate) held: Option<Held>,
}

impl LiveEntry {
    pub(super) fn new(
        labels: &[(String, String)],
        entry: &EntryResult,
        labelling: Labelling,
        keys: &EntryKeys,
    ) -> LiveEntry {
        let mut out = Json::default();
        out.raw("{\"stream\":");
        write_pairs(&mut out, labels);
        out.raw(",\"values\":[");
        write_entry(&mut out, entry, labelling);
        out.raw("]}");
        LiveEntry {
            timestamp: entry.timestamp,
            labels: Labels::empty(),
            hash: keys.hash((labels, entry.timestamp, &entry.line, &entry.metadata)),
            json: String::from_utf8(out.finish()).unwrap_or_default().into(),
            held: None,
        }
    }

    /// Bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<LiveEntry>() + self.json.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_element_of_a_frame() {
        let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());
        let entry = EntryResult {
            timestamp: 5,
            line: b"x".to_vec(),
            metadata: vec![],
            parsed: vec![pair("m", "1")],
        };
        let (ready, keys) = ((vec![pair("app", "a")], entry), EntryKeys::default());
        let check = |labelling, expected: &str| {
            assert_eq!(
                &*LiveEntry::new(&ready.0, &ready.1, labelling, &keys).json,
                expected
            )
        };
        let merged = r#"{"stream":{"app":"a"},"values":[["5","x"]]}"#;
        check(Labelling::Merged, merged);
        let categorized = r#"{"stream":{"app":"a"},"values":[["5","x",{"parsed":{"m":"1"}}]]}"#;
        check(Labelling::Categorized, categorized);
    }
}

//! Rejections carry Loki's error messages: for a whole body, or for single streams and entries.
//!
//! The words are Loki's, because people and alerts match on them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

/// Most different messages in one answer; the rest is counted.
const MESSAGES_MAX: usize = 10;

/// Longest message, in bytes. A message quotes labels, which may be megabytes.
const MESSAGE_BYTES_MAX: usize = 16 << 10;

/// A body of which nothing can be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// Not what its headers say it is.
    #[error("{0}")]
    Malformed(String),
    /// Larger than a limit; the text starts with Loki's words.
    #[error("request body too large: {0}")]
    TooLarge(String),
    /// Not a snappy block, which a protobuf push has to be.
    #[error("snappy: corrupt input")]
    NotSnappy,
    /// The memory budget has no room for it now.
    #[error("no memory to decode the push now; send it again later")]
    NoRoom,
    /// It needs this many bytes and has no place or no room for them: it begins again once it has.
    #[error("no memory to decode the push now; send it again later")]
    Again(usize),
    /// There is no stream in it.
    #[error("error at least one valid stream is required for ingestion")]
    NoStreams,
}

impl BodyError {
    /// The status the client gets.
    pub(crate) fn status(&self) -> u16 {
        match self {
            BodyError::Malformed(_) | BodyError::NotSnappy => 400,
            BodyError::TooLarge(_) => 413,
            BodyError::NoStreams => 422,
            BodyError::NoRoom | BodyError::Again(_) => 429,
        }
    }

    pub(crate) fn malformed(text: impl Into<String>) -> BodyError {
        BodyError::Malformed(text.into())
    }
}

/// Why a stream or an entry was refused or changed: the `reason` label of the discard counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    InvalidLabels,
    MissingLabels,
    MaxLabelNames,
    LabelNameTooLong,
    LabelValueTooLong,
    DuplicateLabelNames,
    TooOld,
    TooFarBehind,
    TooFarInFuture,
    LineTooLong,
    MetadataDisallowed,
    MetadataTooLarge,
    MetadataTooMany,
    MissingEnforcedLabels,
    Blocked,
    RateLimited,
    StreamLimit,
    StreamRateLimited,
}

impl Reason {
    /// Loki's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Reason::InvalidLabels => "invalid_labels",
            Reason::MissingLabels => "missing_labels",
            Reason::MaxLabelNames => "max_label_names_per_series",
            Reason::LabelNameTooLong => "label_name_too_long",
            Reason::LabelValueTooLong => "label_value_too_long",
            Reason::DuplicateLabelNames => "duplicate_label_names",
            Reason::TooOld => "greater_than_max_sample_age",
            Reason::TooFarBehind => "too_far_behind",
            Reason::TooFarInFuture => "too_far_in_future",
            Reason::LineTooLong => "line_too_long",
            Reason::MetadataDisallowed => "disallowed_structured_metadata",
            Reason::MetadataTooLarge => "structured_metadata_too_large",
            Reason::MetadataTooMany => "structured_metadata_too_many",
            Reason::MissingEnforcedLabels => "missing_enforced_labels",
            Reason::Blocked => "blocked_ingestion",
            Reason::RateLimited => "rate_limited",
            Reason::StreamLimit => "stream_limit",
            Reason::StreamRateLimited => "per_stream_rate_limit",
        }
    }
}

/// Entries that are left out on purpose, and bytes of their lines, by reason.
pub(crate) type Dropped = BTreeMap<String, (u64, u64)>;

/// A stream that is not taken.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

/// Entries that were refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedRows {
    /// Where they stand in the request. Where another stands before it in the list, that counts.
    pub(crate) rows: Range<u32>,
    pub(crate) reason: Reason,
    /// The status an answer for a single entry has.
    pub(crate) status: u16,
    /// Its text, for [`Rejections::message`].
    pub(crate) message: Option<usize>,
}

/// Messages about refused streams and entries, equal ones counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rejections {
    messages: Vec<(String, u64)>,
    more: u64,
    status: Option<u16>,
}

impl Rejections {
    /// The status the client gets: 400 unless something asks for another.
    pub(crate) fn status(&self) -> u16 {
        self.status.unwrap_or(400)
    }

    /// A text that was noted.
    pub(crate) fn message(&self, at: usize) -> Option<&str> {
        self.messages.get(at).map(|(message, _)| message.as_str())
    }

    /// Notes one that a client may try again later, or that has a status of its own.
    pub(crate) fn add_with(
        &mut self,
        status: u16,
        message: impl FnOnce() -> String,
    ) -> Option<usize> {
        self.status = Some(status);
        self.add(message)
    }

    /// Notes one; gives where its text stands. The text is not made when there are enough different
    /// ones already.
    pub(crate) fn add(&mut self, message: impl FnOnce() -> String) -> Option<usize> {
        if self.messages.len() >= MESSAGES_MAX {
            self.more += 1;
            return None;
        }
        let mut message = message();
        if message.len() > MESSAGE_BYTES_MAX {
            let end = (0..=MESSAGE_BYTES_MAX)
                .rev()
                .find(|at| message.is_char_boundary(*at))
                .unwrap_or(0);
            message.truncate(end);
            message.push_str("...");
        }
        let at = self.messages.iter().position(|(m, _)| *m == message);
        match at {
            Some(at) => self.messages[at].1 += 1,
            None => self.messages.push((message, 1)),
        }
        Some(at.unwrap_or(self.messages.len() - 1))
    }

    /// The text of the answer; `None` when nothing was refused. A single message stands alone,
    /// several are counted and joined as in Loki.
    pub(crate) fn text(&self) -> Option<String> {
        match self.messages.as_slice() {
            [] => None,
            [(message, 1)] => Some(message.clone()),
            messages => {
                let mut text = String::new();
                for (message, count) in messages {
                    let joint = if text.is_empty() { "" } else { "; " };
                    write!(text, "{joint}{count} errors like: {message}")
                        .expect("writing to a string succeeds");
                }
                if self.more > 0 {
                    write!(text, "; {} more errors", self.more)
                        .expect("writing to a string succeeds");
                }
                Some(text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refusal_stands_alone_and_several_are_counted() {
        let mut rejections = Rejections::default();
        assert_eq!(rejections.text(), None);
        rejections.add(|| "a".to_owned());
        assert_eq!(rejections.text().as_deref(), Some("a"));
        rejections.add(|| "b".to_owned());
        rejections.add(|| "a".to_owned());
        assert_eq!(
            rejections.text().as_deref(),
            Some("2 errors like: a; 1 errors like: b")
        );
    }

    #[test]
    fn answers_stay_bounded() {
        let mut rejections = Rejections::default();
        for i in 0..1000 {
            rejections.add(|| format!("{i}{}", "x".repeat(1 << 20)));
        }
        let text = rejections.text().expect("some were refused");
        assert!(text.len() < 11 * MESSAGE_BYTES_MAX, "{}", text.len());
        assert!(text.ends_with("; 990 more errors"));
    }
}

//! One syslog message as it was sent: header, structured data, text, and what is wrong with it.

use crate::priority::Priority;
use crate::timestamp::SentTime;

/// Bytes of a message's fields borrow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Facility and severity; `None` where there are none that can be read.
    pub priority: Option<Priority>,
    /// The time its sender gave it.
    pub time: SentTime,
    /// The machine it is of.
    pub host: Option<&'a [u8]>,
    /// The program it is of: `APP-NAME`, or the tag of RFC 3164.
    pub app: Option<&'a [u8]>,
    /// The process it is of.
    pub procid: Option<&'a [u8]>,
    /// What kind of message it is.
    pub msgid: Option<&'a [u8]>,
    /// Structured data that can be read ([`crate::structured_data`]); may be empty.
    pub structured: &'a [u8],
    /// The message itself, without the ends that framing gives it.
    pub text: &'a [u8],
    /// Why it is not what it should be.
    pub fault: Option<Fault>,
}

/// What is wrong with a message. It is still an entry; its line is what could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No `<0>` to `<191>` at its start.
    #[error("it does not begin with a priority from <0> to <191>")]
    Priority,
    /// Version 1 without the fields of its header.
    #[error("its header is not that of RFC 5424")]
    Header,
    /// A time in the header that is none.
    #[error("its time is not that of RFC 5424")]
    Time,
    /// Brackets that hold no structured data.
    #[error("its structured data can't be read")]
    StructuredData,
}

impl<'a> Message<'a> {
    /// A message of which nothing could be read.
    pub(crate) fn faulty(bytes: &'a [u8], fault: Fault) -> Message<'a> {
        Message {
            fault: Some(fault),
            ..Message::of_text(bytes)
        }
    }

    /// A message that is only a text.
    pub(crate) fn of_text(text: &'a [u8]) -> Message<'a> {
        Message {
            priority: None,
            time: SentTime::Missing,
            host: None,
            app: None,
            procid: None,
            msgid: None,
            structured: b"",
            text,
            fault: None,
        }
    }
}

/// Up to the next space, and what follows that space.
pub(crate) fn token(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, b""),
    }
}

//! The answer to a push or a question, as bytes with a status.

/// Seconds after which a client tries again when the store took nothing: the disk may be free, or
/// the heads flushed by then.
pub(crate) const RETRY_AFTER_SECONDS: u32 = 5;

/// The content type of texts.
pub(crate) const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// The content type of JSON.
pub(crate) const JSON: &str = "application/json";

/// The content type of protobuf.
pub(crate) const PROTOBUF: &str = "application/x-protobuf";

/// The answer to a push or a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushReply {
    /// HTTP status.
    pub status: u16,
    /// Body, in the form of its protocol.
    pub body: Vec<u8>,
    /// Content type of the body.
    pub content_type: &'static str,
    /// Seconds after which to retry (429 and 503).
    pub retry_after: Option<u32>,
    /// Headers that its protocol asks for besides.
    pub headers: &'static [(&'static str, &'static str)],
    /// How it ends.
    pub ending: Ending,
    /// What the push came to.
    pub account: Box<PushAccount>,
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As HTTP wants it.
    Whole,
    /// Broken off after its body: for a sender that takes whatever comes whole for a yes.
    BrokenOff,
}

/// What a push came to, for who asks where his logs are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushAccount {
    /// Entries taken.
    pub entries: u64,
    /// Bytes of their lines and metadata.
    pub bytes: u64,
    /// The newest of their times, in nanoseconds since 1970.
    pub newest: Option<i64>,
    /// Entries that limits refused, by reason.
    pub refused: Vec<(&'static str, u64)>,
    /// The start of the first line that was.
    pub sample: Option<String>,
    /// Why nothing was taken, where the status alone does not say it.
    pub why: Option<&'static str>,
}

impl PushReply {
    /// With a body; statuses that ask for patience say for how long.
    pub(crate) fn new(status: u16, content_type: &'static str, body: Vec<u8>) -> PushReply {
        PushReply {
            status,
            body,
            content_type,
            retry_after: matches!(status, 429 | 503).then_some(RETRY_AFTER_SECONDS),
            headers: &[],
            ending: Ending::Whole,
            account: Box::default(),
        }
    }

    /// With a text and a line feed.
    pub(crate) fn text(status: u16, text: &str) -> PushReply {
        PushReply::new(status, PLAIN_TEXT, format!("{text}\n").into_bytes())
    }

    /// With JSON.
    pub(crate) fn json(status: u16, value: &serde_json::Value) -> PushReply {
        PushReply::new(status, JSON, value.to_string().into_bytes())
    }

    /// Without a body.
    pub(crate) fn empty(status: u16) -> PushReply {
        PushReply::new(status, PLAIN_TEXT, Vec::new())
    }
}

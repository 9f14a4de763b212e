//! A receiver turns the bodies of one protocol into entries, and says in that protocol what became
//! of them.

use crate::decode::body::{self, Encoding};
use crate::decode::decoded::Decoded;
use crate::limits::IngestLimits;
use crate::rejection::{BodyError, RefusedRows, Rejections};
use crate::reply::PushReply;
use crate::request::{PushRequest, Question};
use crate::room::Room;
use std::any::Any;
use std::cell::OnceCell;

/// One protocol. A receiver has no state: what it needs for its answer travels in
/// [`Decoded::note`].
pub(crate) trait Receiver: Sync {
    /// Its name: the `format` of metrics.
    fn name(&self) -> &'static str;

    /// The encodings of a body in the order in which they are undone: by default all that HTTP has
    /// names for.
    fn encodings(&self, request: &PushRequest) -> Result<Vec<Encoding>, BodyError> {
        body::http_encodings(request.content_encoding.as_deref())
    }

    /// The error of a body whose encodings can't be undone, in words that help.
    fn undecodable(&self, error: BodyError, _request: &PushRequest) -> BodyError {
        error
    }

    /// Streams and entries of a body. What can be read is taken: an error refuses all of it, so it
    /// is for bodies of which nothing can be read.
    fn decode<'m>(&self, reception: &Reception<'m>, room: Room) -> Result<Decoded<'m>, BodyError>;

    /// The answer. `content_type` is that of the request, for protocols that answer in kind.
    fn reply(&self, content_type: Option<&str>, taken: &Taken<'_>) -> PushReply;

    /// The answer to a question of senders; most ask none.
    fn answer(&self, question: &Question) -> PushReply {
        PushReply::text(404, &format!("{} is not known", question.path))
    }
}

/// A push whose encodings are undone. Entries borrow from it.
pub(crate) struct Reception<'m> {
    /// Headers and parameters; its body is still encoded.
    pub(crate) request: &'m PushRequest,
    /// The body without its encodings.
    pub(crate) body: &'m [u8],
    /// What is made of the body and borrowed from, if anything is.
    pub(crate) scratch: &'m Scratch,
    /// The tenant's limits.
    pub(crate) limits: &'m IngestLimits,
    /// Nanoseconds since 1970: the time of entries that come without one.
    pub(crate) now: i64,
}

impl<'m> Reception<'m> {
    /// The body as text; bytes that are no UTF-8 become U+FFFD. Uses the scratch for that.
    pub(crate) fn text(&self, room: &mut Room) -> Result<&'m str, BodyError> {
        match std::str::from_utf8(self.body) {
            Ok(text) => Ok(text),
            Err(_) => {
                room.take(3 * self.body.len())?;
                let repaired = String::from_utf8_lossy(self.body).into_owned();
                Ok(self.scratch.keep(repaired))
            }
        }
    }

    /// A parameter of the path or the query.
    pub(crate) fn parameter(&self, name: &str) -> Option<&'m str> {
        self.request.parameters.get(name)
    }
}

/// A place for what a receiver makes of a body and its entries borrow from.
#[derive(Default)]
pub(crate) struct Scratch(OnceCell<Box<dyn Any>>);

impl Scratch {
    /// Keeps a value for as long as the push; a receiver keeps one.
    pub(crate) fn keep<T: Any>(&self, value: T) -> &T {
        let kept = self.0.get_or_init(|| Box::new(value));
        kept.downcast_ref()
            .expect("a receiver keeps one value a push")
    }
}

/// What became of a push.
pub(crate) enum Taken<'t> {
    /// It was read, and what limits did not refuse is stored.
    Read(Outcome<'t>),
    /// Nothing of it was taken: it can't be read, may not be sent, or there is no room now.
    Refused {
        /// The status HTTP has for the reason.
        status: u16,
        /// The reason, without a line feed.
        text: &'t str,
    },
}

/// What became of the entries of a push.
pub(crate) struct Outcome<'t> {
    /// What was refused, in words.
    pub(crate) rejections: &'t Rejections,
    /// Which entries were refused.
    pub(crate) refused: &'t [RefusedRows],
    /// Entries that were read.
    pub(crate) came: usize,
    /// Those of them that are stored before the answer is sent.
    pub(crate) stored: usize,
    /// What the receiver noted for its answer.
    pub(crate) note: Option<&'t dyn Any>,
}

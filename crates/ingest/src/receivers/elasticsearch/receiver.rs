//! The receivers of Elasticsearch's writers: bulk requests, and documents one by one.

use crate::decode::decoded::Decoded;
use crate::receivers::elasticsearch::{bulk, handshake, response};
use crate::receivers::{Receiver, Reception, Taken};
use crate::rejection::BodyError;
use crate::reply::PushReply;
use crate::request::Question;
use crate::room::Room;

/// `/_bulk` and its relatives.
pub(crate) struct Bulk;

/// `/{index}/_doc`: one document a request.
pub(crate) struct Document;

const NAME: &str = "elasticsearch";

/// Clients go on only when every answer says so.
const HEADERS: &[(&str, &str)] = &[("x-elastic-product", "Elasticsearch")];

impl Receiver for Bulk {
    fn name(&self) -> &'static str {
        NAME
    }

    fn decode<'m>(&self, reception: &Reception<'m>, room: Room) -> Result<Decoded<'m>, BodyError> {
        bulk::decode(reception, room)
    }

    fn reply(&self, _content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        with_headers(response::of_bulk(taken))
    }

    fn answer(&self, question: &Question) -> PushReply {
        with_headers(handshake::answer(question))
    }
}

impl Receiver for Document {
    fn name(&self) -> &'static str {
        NAME
    }

    fn decode<'m>(&self, reception: &Reception<'m>, room: Room) -> Result<Decoded<'m>, BodyError> {
        bulk::decode_single(reception, room)
    }

    fn reply(&self, _content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        with_headers(response::of_document(taken))
    }
}

fn with_headers(reply: PushReply) -> PushReply {
    PushReply {
        headers: HEADERS,
        ..reply
    }
}

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

/// The content type by which omelasticsearch of rsyslog is known: it has no user agent.
const RSYSLOG: &str = "application/json; charset=utf-8";

/// Clients go on only when every answer says so.
const HEADERS: &[(&str, &str)] = &[("x-elastic-product", "Elasticsearch")];

impl Receiver for Bulk {
    fn name(&self) -> &'static str {
        NAME
    }

    fn decode<'m>(&self, reception: &Reception<'m>, room: Room) -> Result<Decoded<'m>, BodyError> {
        bulk::decode(reception, room)
    }

    fn reply(&self, content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        let reply = match taken {
            Taken::Refused { status, text } if content_type == Some(RSYSLOG) => {
                response::to_rsyslog(*status, text)
            }
            _ => response::of_bulk(taken),
        };
        with_headers(reply)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::{JSON, PLAIN_TEXT};

    #[test]
    fn only_rsyslog_gets_a_text_and_only_when_it_should_send_again() {
        let check = |content_type: Option<&str>, status: u16, expected: (u16, &str)| {
            let refused = Taken::Refused {
                status,
                text: "not now",
            };
            let reply = Bulk.reply(content_type, &refused);
            let found = (reply.status, reply.content_type, reply.headers);
            assert_eq!(found, (expected.0, expected.1, HEADERS), "{content_type:?}");
        };
        for status in [408, 429, 500, 503] {
            check(Some(RSYSLOG), status, (503, PLAIN_TEXT));
            check(Some("application/x-ndjson"), status, (503, JSON));
            check(Some("application/json"), status, (503, JSON));
            check(None, status, (503, JSON));
        }
        for status in [400, 401, 403, 413] {
            check(Some(RSYSLOG), status, (status, JSON));
        }
    }
}

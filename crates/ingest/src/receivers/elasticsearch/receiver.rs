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

/// How the content types begin by which Elastic's own clients are known, from version 8 on. Their
/// helpers look into the items of an answer, and send those with 429 again.
const ELASTIC: &str = "application/vnd.elasticsearch+";

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
        let reads_items = content_type.is_some_and(|kind| kind.starts_with(ELASTIC));
        let refused = match taken {
            Taken::Refused { status, text } => Some((*status, *text)),
            Taken::Read(_) if reads_items => None,
            Taken::Read(outcome) => response::refused_for_now(outcome).map(|text| (429, text)),
        };
        with_headers(match refused {
            None => response::of_bulk(taken),
            Some((status, text)) if content_type == Some(RSYSLOG) => {
                response::to_rsyslog(status, text)
            }
            Some((status, text)) => response::refusal(status, text),
        })
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
    use crate::reply::{Ending, JSON, PLAIN_TEXT};

    #[test]
    fn only_for_rsyslog_an_answer_is_break_off_and_only_when_it_should_send_again() {
        let check = |content_type: Option<&str>, status: u16, expected: (u16, &str, Ending)| {
            let refused = Taken::Refused {
                status,
                text: "not now",
            };
            let reply = Bulk.reply(content_type, &refused);
            let found = (reply.status, reply.content_type, reply.ending);
            assert_eq!(found, expected, "{content_type:?}");
            assert_eq!(reply.headers, HEADERS);
        };
        for status in [408, 429, 500, 503] {
            check(Some(RSYSLOG), status, (503, PLAIN_TEXT, Ending::BrokenOff));
            check(
                Some("application/x-ndjson"),
                status,
                (503, JSON, Ending::Whole),
            );
            check(Some("application/json"), status, (503, JSON, Ending::Whole));
            check(None, status, (503, JSON, Ending::Whole));
        }
        for status in [400, 401, 403, 413] {
            check(Some(RSYSLOG), status, (status, JSON, Ending::Whole));
        }
    }
}

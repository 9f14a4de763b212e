//! Answers of Elasticsearch: JSON with one item for every action, and one broken off for rsyslog.
//!
//! What a limit refuses for now is an item with 429 for clients that send such items again. Others
//! look at the status alone, or drop the item: they get a 503 for the whole request, after which all
//! send all of it again, and what was stored counts once. After a 429 some lose a batch.

use crate::decode::json_fields::write_text;
use crate::receivers::elasticsearch::bulk::{Action, Item, ItemState, Items};
use crate::receivers::{Outcome, Taken};
use crate::rejection::RefusedRows;
use crate::reply::{Ending, JSON, PushReply};
use serde_json::json;
use std::fmt::Write;
use std::rc::Rc;

pub(super) fn of_bulk(taken: &Taken<'_>) -> PushReply {
    let (outcome, items) = match read(taken) {
        Ok(read) => read,
        Err(reply) => return reply,
    };
    let refused = by_position(outcome);
    let result = |item| result_of(item, outcome, &refused);
    let errors = items.items.iter().any(|item| result(item).is_err());
    let mut body = String::with_capacity(items.items.len() * ITEM_BYTES + 64);
    write!(body, "{{\"took\":0,\"errors\":{errors},\"items\":[").expect("memory takes all");
    let mut head = Head::default();
    for (at, item) in items.items.iter().enumerate() {
        if at > 0 {
            body.push(',');
        }
        body.push_str(head.of(item));
        write_rest(&mut body, item, (items.now, at), &result(item));
        body.push('}');
    }
    body.push_str("]}");
    PushReply::new(200, JSON, body.into_bytes())
}

/// Bytes of an item that was taken, without its index.
const ITEM_BYTES: usize = 192;

/// How items of one action and index begin, written once for those that follow one another.
#[derive(Default)]
struct Head<'t> {
    of: Option<(Action, &'t Rc<str>)>,
    text: String,
}

impl<'t> Head<'t> {
    fn of(&mut self, item: &'t Item) -> &str {
        let is_last = |(action, index): (Action, &Rc<str>)| {
            action == item.action && Rc::ptr_eq(index, &item.index)
        };
        if !self.of.is_some_and(is_last) {
            self.of = Some((item.action, &item.index));
            self.text.clear();
            self.text.push_str("{\"");
            self.text.push_str(item.action.as_str());
            self.text.push_str("\":");
            write_index(&mut self.text, item);
        }
        &self.text
    }
}

/// Why something was refused that may be sent again later, if anything was.
pub(super) fn refused_for_now<'t>(outcome: &Outcome<'t>) -> Option<&'t str> {
    let refused = outcome
        .refused
        .iter()
        .find(|refused| refused.status == 429)?;
    Some(reason_of(refused, outcome))
}

pub(super) fn of_document(taken: &Taken<'_>) -> PushReply {
    let (outcome, items) = match read(taken) {
        Ok(read) => read,
        Err(reply) => return reply,
    };
    let Some(item) = items.items.first() else {
        return error(400, "illegal_argument_exception", "there is no document");
    };
    match result_of(item, outcome, &by_position(outcome)) {
        Err((429, _, reason)) => refusal(429, reason),
        Err((status, kind, reason)) => error(status, kind, reason),
        Ok(()) => {
            let mut body = String::new();
            write_index(&mut body, item);
            write_rest(&mut body, item, (items.now, 0), &Ok(()));
            PushReply::new(201, JSON, body.into_bytes())
        }
    }
}

/// The answer to a bulk request of rsyslog's omelasticsearch that was refused as a whole. It looks at no
/// status: after JSON without items it drops the batch, after a text it tries each message once more
/// and then drops it. Only an answer that does not come to its end makes it wait and send all again.
pub(super) fn to_rsyslog(status: u16, text: &str) -> PushReply {
    let reply = refusal(status, text);
    match reply.status {
        503 => PushReply {
            ending: Ending::BrokenOff,
            ..PushReply::text(503, text)
        },
        _ => reply,
    }
}

/// The answer to a request that was refused as a whole.
pub(super) fn refusal(status: u16, text: &str) -> PushReply {
    match status {
        401 | 403 => error(status, "security_exception", text),
        408 | 429 | 500 | 503 => error(503, "es_rejected_execution_exception", text),
        status => error(status, "illegal_argument_exception", text),
    }
}

/// The items of a push that was read; the answer to one that was not.
fn read<'t>(taken: &'t Taken<'t>) -> Result<(&'t Outcome<'t>, &'t Items), PushReply> {
    match taken {
        Taken::Refused { status, text } => Err(refusal(*status, text)),
        Taken::Read(outcome) => {
            let items = outcome.note.and_then(|note| note.downcast_ref());
            let items = items.ok_or_else(|| error(503, "exception", "the items are lost"))?;
            Ok((outcome, items))
        }
    }
}

fn error(status: u16, kind: &str, reason: &str) -> PushReply {
    let cause = json!({"type": kind, "reason": reason});
    let body = json!({
        "error": {"root_cause": [cause], "type": kind, "reason": reason},
        "status": status,
    });
    PushReply::json(status, &body)
}

/// Status, type and reason of an item that was refused.
type ItemResult<'t> = Result<(), (u16, &'t str, &'t str)>;

/// For each entry the refusal that counts, by place in `outcome.refused`; empty when there is none.
fn by_position(outcome: &Outcome<'_>) -> Vec<Option<u32>> {
    if outcome.refused.is_empty() {
        return Vec::new();
    }
    let mut all = vec![None; outcome.came];
    // The first of the list counts.
    for (at, refused) in outcome.refused.iter().enumerate().rev() {
        let rows = refused.rows.start as usize..refused.rows.end as usize;
        if let Some(rows) = all.get_mut(rows) {
            rows.fill(Some(at as u32));
        }
    }
    all
}

fn reason_of<'t>(refused: &'t RefusedRows, outcome: &Outcome<'t>) -> &'t str {
    let message = refused
        .message
        .and_then(|at| outcome.rejections.message(at));
    message.unwrap_or(refused.reason.as_str())
}

fn result_of<'t>(item: &'t Item, outcome: &Outcome<'t>, refused: &[Option<u32>]) -> ItemResult<'t> {
    match &item.state {
        ItemState::Refused(kind, reason) => Err((400, kind, reason)),
        ItemState::Entry(position) => {
            let at = refused.get(*position as usize).copied().flatten();
            let Some(refused) = at.and_then(|at| outcome.refused.get(at as usize)) else {
                return Ok(());
            };
            let kind = match refused.status {
                429 => "es_rejected_execution_exception",
                _ => "illegal_argument_exception",
            };
            Err((refused.status, kind, reason_of(refused, outcome)))
        }
    }
}

/// The beginning of an item, up to its id.
fn write_index(out: &mut String, item: &Item) {
    out.push_str("{\"_index\":");
    write_text(&item.index, out);
    out.push_str(",\"_id\":");
}

/// The rest of it.
fn write_rest(out: &mut String, item: &Item, (now, at): (i64, usize), result: &ItemResult<'_>) {
    if item.id.is_empty() {
        write!(out, "\"{now:x}-{at}\"").expect("writing to memory does not fail");
    } else {
        write_text(&item.id, out);
    }
    match result {
        Ok(()) => out.push_str(
            ",\"_version\":1,\"result\":\"created\",\
             \"_shards\":{\"total\":1,\"successful\":1,\"failed\":0},\
             \"_seq_no\":0,\"_primary_term\":1,\"status\":201}",
        ),
        Err((status, kind, reason)) => {
            write!(
                out,
                ",\"status\":{status},\"error\":{{\"type\":\"{kind}\",\"reason\":"
            )
            .expect("writing to memory does not fail");
            write_text(reason, out);
            out.push_str("}}");
        }
    }
}

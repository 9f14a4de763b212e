//! Datadog's logs: an array of objects, one object, several after another, or lines of text.
//!
//! What is no object is a line as it stands. Reading ends at the first item that is no JSON; those
//! before it are taken, and the answer is a 400.

use crate::decode::body;
use crate::decode::decoded::{Decoded, Text};
use crate::decode::event_time;
use crate::decode::grouped::{Grouped, LabelPairs};
use crate::decode::json_fields::{self, Members};
use crate::decode::json_reader::Scanner;
use crate::decode::json_tree::Node;
use crate::receivers::events::MALFORMED;
use crate::receivers::{Receiver, Reception, Taken};
use crate::rejection::BodyError;
use crate::reply::PushReply;
use crate::request::Question;
use crate::room::Room;
use serde_json::json;
use std::borrow::Cow;

/// `/api/v2/logs` and `/v1/input`
pub(crate) struct Logs;

/// Attributes that become labels, by the label; a parameter of the query stands for one that is
/// missing.
const LABELS: [(&str, &str); 3] = [
    ("service_name", "service"),
    ("source", "ddsource"),
    ("host", "hostname"),
];

/// Tags that become labels as well.
const LABEL_TAGS: [&str; 1] = ["env"];

/// Attributes that are the time, in milliseconds or as text.
const TIMES: [&str; 3] = ["timestamp", "date", "@timestamp"];

impl Receiver for Logs {
    fn name(&self) -> &'static str {
        "datadog"
    }

    fn decode<'m>(
        &self,
        reception: &Reception<'m>,
        mut room: Room,
    ) -> Result<Decoded<'m>, BodyError> {
        let text = reception.text(&mut room)?;
        let mut logs = Reader {
            grouped: Grouped::within(room, reception.limits),
            reception,
        };
        let media = body::media_type(reception.request.content_type.as_deref());
        if media.is_ok_and(|media| media.starts_with("text/") || media == "application/logplex-1") {
            for line in text.lines().filter(|line| !line.is_empty()) {
                logs.item(Members::new(), Cow::Borrowed(line.as_bytes()))?;
            }
            return logs.grouped.finish();
        }
        let mut scanner = Scanner::new(text.as_bytes());
        while scanner.has_item() {
            let Ok(item) = scanner.value() else {
                logs.grouped.reject(|| "invalid JSON".to_owned());
                break;
            };
            logs.value(item)?;
        }
        logs.grouped.finish()
    }

    fn reply(&self, _content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        match taken {
            Taken::Refused { status, text } => match status {
                408 | 500 => failed(503, text),
                status => failed(*status, text),
            },
            Taken::Read(outcome) => match outcome.rejections.text() {
                None => PushReply::json(202, &json!({})),
                Some(text) => failed(outcome.rejections.status(), &text),
            },
        }
    }

    fn answer(&self, _question: &Question) -> PushReply {
        PushReply::json(200, &json!({"valid": true}))
    }
}

fn failed(status: u16, text: &str) -> PushReply {
    let error = json!({"status": status.to_string(), "title": title(status), "detail": text});
    PushReply::json(status, &json!({"errors": [error]}))
}

fn title(status: u16) -> &'static str {
    match status {
        401 => "Unauthorized",
        403 => "Forbidden",
        413 => "Payload Too Large",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Bad Request",
    }
}

struct Reader<'r, 'm> {
    grouped: Grouped<'m>,
    reception: &'r Reception<'m>,
}

impl<'m> Reader<'_, 'm> {
    /// Appends one item as it stands in the body.
    fn value(&mut self, raw: &'m [u8]) -> Result<(), BodyError> {
        match self.grouped.parse_json(raw) {
            Ok(Node::Object(members)) => self.item(members, Cow::Borrowed(raw)),
            Ok(Node::Text(text)) => self.item(Members::new(), json_fields::bytes(text)),
            Ok(_) => self.item(Members::new(), Cow::Borrowed(raw)),
            Err(BodyError::Malformed(why)) => {
                self.grouped.pair(MALFORMED.as_bytes(), why.into_bytes())?;
                self.item(Members::new(), Cow::Borrowed(raw))
            }
            Err(error) => Err(error),
        }
    }

    /// Appends an entry; `whole` is its line when it has no message, or more attributes than
    /// metadata may have.
    fn item(&mut self, mut members: Members<'m>, whole: Text<'m>) -> Result<(), BodyError> {
        let time = self.time(&mut members);
        let mut labels: Vec<(Cow<'m, str>, Cow<'m, str>)> = Vec::new();
        for (label, name) in LABELS {
            let given = json_fields::take_text(&mut members, [name]);
            let value = given.or_else(|| self.reception.parameter(name).map(Cow::Borrowed));
            labels.extend(value.map(|value| (Cow::Borrowed(label), value)));
        }
        let tags = json_fields::take(&mut members, "ddtags").map(json_fields::text);
        let tags = tags.or_else(|| self.reception.parameter("ddtags").map(Cow::Borrowed));
        let message = match json_fields::find(&members, "message") {
            Some(Node::Text(_)) => json_fields::take(&mut members, "message"),
            _ => None,
        };
        if let Some(Node::Text(status)) = json_fields::find(&members, "status") {
            self.grouped
                .pair(&b"level"[..], status.as_bytes().to_vec())?;
        }
        let mut fitted = self.tags(tags.as_deref().unwrap_or_default(), &mut labels)?;
        fitted &= json_fields::push_pairs(&mut self.grouped, "", members)?;
        let line = message.filter(|_| fitted).map_or(whole, |message| {
            json_fields::bytes(json_fields::text(message))
        });
        self.grouped.entry(LabelPairs::of(labels), time, line)?;
        Ok(())
    }

    fn time(&self, members: &mut Members<'m>) -> i64 {
        let found = TIMES.iter().find_map(|name| {
            let text = match json_fields::find(members, name)? {
                Node::Text(text) => text.to_string(),
                Node::Number(number) => number.to_string(),
                _ => return None,
            };
            let time = event_time::parse(text.as_bytes())?;
            json_fields::take(members, name)?;
            Some(time)
        });
        found.unwrap_or(self.reception.now)
    }

    /// Tags, `env:prod,team:a`, as pairs, some as labels too. Gives whether all fitted.
    fn tags(
        &mut self,
        tags: &str,
        labels: &mut Vec<(Cow<'m, str>, Cow<'m, str>)>,
    ) -> Result<bool, BodyError> {
        let mut fitted = true;
        for tag in tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            let (name, value) = tag.split_once(':').unwrap_or((tag, "true"));
            if LABEL_TAGS.contains(&name) {
                labels.push((Cow::Owned(name.to_owned()), Cow::Owned(value.to_owned())));
                continue;
            }
            let pair = (name.as_bytes().to_vec(), value.as_bytes().to_vec());
            fitted &= self.grouped.pair(pair.0, pair.1)?;
        }
        Ok(fitted)
    }
}

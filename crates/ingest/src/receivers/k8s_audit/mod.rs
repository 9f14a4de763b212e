//! Receiver of the Kubernetes audit webhook: lists of events become one stream a kind of request.
//!
//! The API server retries a batch when it did not hear an answer, so events come twice:
//! [`identity`] is their key. What is no event is kept as a line that says so.

mod event;
pub(crate) mod identity;
mod noise;
mod truncate;

use crate::decode::decoded::{Decoded, Text};
use crate::decode::json_members::{Items, Members, Value};
use crate::decode::json_reader::JsonError;
use crate::limits::IngestLimits;
use crate::receivers::answers::failure_to_retry;
use crate::receivers::events::{EventLabels, Events, LEVEL, lines, trimmed};
use crate::receivers::{Receiver, Reception, Taken};
use crate::rejection::{BodyError, Dropped};
use crate::reply::PushReply;
use crate::room::Room;
use event::AuditEvent;
use identity::SERVICE;
use serde_json::json;
use std::borrow::Cow;

/// `/ingest/k8s-audit`
pub(crate) struct Webhook;

impl Receiver for Webhook {
    fn name(&self) -> &'static str {
        "k8s-audit"
    }

    fn decode<'m>(&self, reception: &Reception<'m>, room: Room) -> Result<Decoded<'m>, BodyError> {
        let events = Events::within(room, reception.limits);
        let cluster = reception.request.parameters.get("cluster");
        decode(
            reception.body,
            cluster,
            reception.limits,
            reception.now,
            events,
        )
    }

    /// Errors are a `Status` of Kubernetes, as its clients read them.
    fn reply(&self, _content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        match failure_to_retry(taken) {
            None => PushReply::json(200, &json!({})),
            Some((code, message)) => {
                let status = json!({
                    "kind": "Status",
                    "apiVersion": "v1",
                    "metadata": {},
                    "status": "Failure",
                    "message": message,
                    "code": code,
                });
                PushReply::json(code, &status)
            }
        }
    }
}

/// Decodes a body: a list of events, one event, or an event a line.
fn decode<'a>(
    body: &'a [u8],
    cluster: Option<&str>,
    limits: &IngestLimits,
    now: i64,
    events: Events<'a>,
) -> Result<Decoded<'a>, BodyError> {
    let mut labels = EventLabels::of_service(SERVICE);
    let cluster = cluster.unwrap_or_default();
    labels.add("cluster", cluster.as_bytes());
    let mut batch = Batch {
        events,
        labels,
        cluster,
        limits,
        dropped: Dropped::new(),
        truncated: 0,
        now,
    };
    let body = trimmed(body);
    match Value::of(body) {
        Ok(Value::Object(object)) => batch.document(object)?,
        Ok(Value::List(list)) => batch.items(list)?,
        Ok(other) => {
            let kind = other.kind();
            return Err(BodyError::Malformed(format!(
                "an audit event or a list of them is an object, not {kind}"
            )));
        }
        Err(error) => {
            let mut found = lines(body);
            let first = found.next().map(Value::of);
            if !matches!(first, Some(Ok(Value::Object(_)))) || found.next().is_none() {
                return Err(not_json(error));
            }
            for line in lines(body) {
                batch.line(line)?;
            }
        }
    }
    let mut decoded = batch.events.finish()?;
    decoded.dropped = batch.dropped;
    decoded.truncated = batch.truncated;
    Ok(decoded)
}

fn not_json(error: JsonError) -> BodyError {
    BodyError::Malformed(format!(
        "the body is no JSON: audit events were expected, error at byte {}",
        error.at
    ))
}

/// Events of one body.
struct Batch<'a, 'l> {
    events: Events<'a>,
    /// Labels that all of them have.
    labels: EventLabels,
    cluster: &'l str,
    limits: &'l IngestLimits,
    dropped: Dropped,
    /// Events that lost their objects.
    truncated: u64,
    now: i64,
}

impl<'a> Batch<'a, '_> {
    /// An object: a list of events, or one.
    fn document(&mut self, object: &'a [u8]) -> Result<(), BodyError> {
        let mut members = Members::of(object).map_err(not_json)?;
        let (mut items, mut is_list) = (None, false);
        while let Some((name, value)) = members.next().map_err(not_json)? {
            match (&*name, value) {
                (b"kind", Value::Text(kind)) => is_list |= &*kind == b"EventList",
                (b"items", value) => items = Some(value),
                _ => {}
            }
        }
        match items {
            Some(Value::List(list)) => self.items(list),
            Some(Value::Null) => Ok(()),
            Some(other) => Err(BodyError::Malformed(format!(
                "items of an EventList is {}, not an array",
                other.kind()
            ))),
            None if is_list => Ok(()),
            None => self.event(object),
        }
    }

    fn items(&mut self, list: &'a [u8]) -> Result<(), BodyError> {
        let mut items = Items::of(list).map_err(not_json)?;
        while let Some(item) = items.next_raw().map_err(not_json)? {
            self.event(item)?;
        }
        Ok(())
    }

    /// A line of a file: an event, or a list of them.
    fn line(&mut self, line: &'a [u8]) -> Result<(), BodyError> {
        match Value::of(line) {
            Ok(Value::Object(object)) if is_list(object) => self.document(object),
            _ => self.event(line),
        }
    }

    /// What should be an event.
    fn event(&mut self, text: &'a [u8]) -> Result<(), BodyError> {
        match Value::of(text).map(|value| value.kind()) {
            Ok("an object") => {}
            Ok(kind) => return self.malformed(text, format!("an audit event is {kind}")),
            Err(_) => return self.malformed(text, "an audit event is no JSON".to_owned()),
        }
        let mut event = match AuditEvent::read(text) {
            Ok(event) => event,
            Err(_) => return self.malformed(text, "an audit event is no JSON".to_owned()),
        };
        if let Some(rule) = noise::rule_for(&self.limits.k8s_audit_drop, &event) {
            let dropped = self.dropped.entry(rule.reason.clone()).or_default();
            *dropped = (dropped.0 + 1, dropped.1 + text.len() as u64);
            return Ok(());
        }
        let time = event.at();
        let cluster = self.cluster.as_bytes();
        let key = time.and_then(|time| identity::key(cluster, &event.audit_id, &event.stage, time));
        let labels = self.labels_of(&event);
        let line = self.line_of(text, &mut event);
        self.columns(event)?;
        self.events.push(&labels, time.unwrap_or(self.now), line)?;
        match key {
            Some(key) => self.events.key_of_last(key),
            None => Ok(()),
        }
    }

    /// The line of an event: as it was sent, or without its objects when it is too large with them.
    fn line_of(&mut self, text: &'a [u8], event: &mut AuditEvent<'_>) -> Text<'a> {
        let most = self.limits.max_line_size;
        if most == 0 || text.len() <= most {
            return Cow::Borrowed(text);
        }
        match truncate::without_objects(text) {
            Ok(Some(line)) => {
                self.truncated += 1;
                event.is_truncated = true;
                Cow::Owned(line)
            }
            _ => Cow::Borrowed(text),
        }
    }

    fn malformed(&mut self, text: &'a [u8], details: String) -> Result<(), BodyError> {
        self.events.wrong(details)?;
        self.events.push(&self.labels, self.now, text)
    }

    fn labels_of(&self, event: &AuditEvent<'_>) -> EventLabels {
        let mut labels = self.labels.clone();
        labels.add("verb", &event.verb);
        labels.add("level", &event.level);
        labels.add("stage", &event.stage);
        let class = event.code_class().unwrap_or_default();
        labels.add("code_class", class.as_bytes());
        labels
    }

    fn columns(&mut self, event: AuditEvent<'a>) -> Result<(), BodyError> {
        let (level, latency) = (level_of(&event), event.latency_ms());
        let code = event.code.map(|code| code.to_string());
        let truncated: &[u8] = if event.is_truncated { b"true" } else { b"" };
        let latency = latency.map(|ms| ms.to_string());
        let number = |text: Option<String>| Cow::Owned(text.unwrap_or_default().into_bytes());
        self.events.column(LEVEL.as_bytes(), level.as_bytes())?;
        for (name, value) in [
            (identity::AUDIT_ID, event.audit_id),
            ("user", event.user),
            ("impersonatedUser", event.impersonated_user),
            ("namespace", event.namespace),
            ("resource", event.resource),
            ("subresource", event.subresource),
            ("name", event.name),
            ("apiGroup", event.api_group),
            ("code", number(code)),
            ("sourceIP", event.source_ip),
            ("decision", event.decision),
            ("latency_ms", number(latency)),
            ("userAgent", event.user_agent),
            ("requestURI", event.uri),
            ("reason", event.reason),
            ("groups", event.groups),
            ("truncated", truncated.into()),
        ] {
            self.events.column(name.as_bytes(), value)?;
        }
        match event.wrong {
            Some(details) => self.events.wrong(details),
            None => Ok(()),
        }
    }
}

/// Whether an object is a list of events.
fn is_list(object: &[u8]) -> bool {
    let Ok(mut members) = Members::of(object) else {
        return false;
    };
    while let Ok(Some((name, value))) = members.next() {
        if &*name == b"items" && matches!(value, Value::List(_)) {
            return true;
        }
    }
    false
}

/// How much an event matters: the audit level says how much of it was recorded, not that.
fn level_of(event: &AuditEvent<'_>) -> &'static str {
    match event.code {
        _ if &*event.stage == b"Panic" => "error",
        Some(500..) => "error",
        Some(400..) => "warn",
        _ => "info",
    }
}

#[cfg(test)]
mod tests;

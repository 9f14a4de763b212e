//! One Kubernetes audit event: the members that become labels and columns.

use crate::decode::decoded::Text;
use crate::decode::event_time;
use crate::decode::json_members::{Items, Members, Value, joined};
use crate::decode::json_reader::JsonError;
use crate::receivers::k8s_audit::truncate::TRUNCATED;
use std::borrow::Cow;

const DECISION: &[u8] = b"authorization.k8s.io/decision";
const REASON: &[u8] = b"authorization.k8s.io/reason";

/// What is read of an event. Texts are empty where there is nothing.
#[derive(Debug, Default)]
pub(crate) struct AuditEvent<'a> {
    pub(crate) level: Text<'a>,
    pub(crate) audit_id: Text<'a>,
    pub(crate) stage: Text<'a>,
    pub(crate) uri: Text<'a>,
    pub(crate) verb: Text<'a>,
    pub(crate) user: Text<'a>,
    /// Joined by commas.
    pub(crate) groups: Text<'a>,
    pub(crate) impersonated_user: Text<'a>,
    /// The first of `sourceIPs`: that of the client.
    pub(crate) source_ip: Text<'a>,
    pub(crate) user_agent: Text<'a>,
    pub(crate) resource: Text<'a>,
    pub(crate) namespace: Text<'a>,
    pub(crate) name: Text<'a>,
    pub(crate) subresource: Text<'a>,
    pub(crate) api_group: Text<'a>,
    /// HTTP status.
    pub(crate) code: Option<u16>,
    pub(crate) decision: Text<'a>,
    pub(crate) reason: Text<'a>,
    /// When the request came, nanoseconds since 1970.
    pub(crate) received: Option<i64>,
    /// When the stage was reached.
    pub(crate) reached: Option<i64>,
    /// Whether it lost its objects, on its way or here.
    pub(crate) is_truncated: bool,
    /// What is not as the protocol has it: the first of it.
    pub(crate) wrong: Option<String>,
}

impl<'a> AuditEvent<'a> {
    /// Reads an object with its braces.
    pub(crate) fn read(object: &'a [u8]) -> Result<AuditEvent<'a>, JsonError> {
        let mut event = AuditEvent::default();
        let mut members = Members::of(object)?;
        while let Some((name, value)) = members.next()? {
            match &*name {
                b"level" => event.level = event.text("level", value),
                b"auditID" => event.audit_id = event.text("auditID", value),
                b"stage" => event.stage = event.text("stage", value),
                b"requestURI" => event.uri = event.text("requestURI", value),
                b"verb" => event.verb = event.text("verb", value),
                b"userAgent" => event.user_agent = event.text("userAgent", value),
                b"user" => event.each("user", value, AuditEvent::of_user)?,
                b"impersonatedUser" => {
                    event.each("impersonatedUser", value, AuditEvent::of_impersonated)?;
                }
                b"objectRef" => event.each("objectRef", value, AuditEvent::of_object)?,
                b"responseStatus" => event.each("responseStatus", value, AuditEvent::of_status)?,
                b"annotations" => event.each("annotations", value, AuditEvent::of_annotations)?,
                b"sourceIPs" => event.source_ip = event.first("sourceIPs", value)?,
                b"requestReceivedTimestamp" => {
                    event.received = event.time("requestReceivedTimestamp", value);
                }
                b"stageTimestamp" => event.reached = event.time("stageTimestamp", value),
                _ => {}
            }
        }
        if event.audit_id.is_empty() {
            event.blame(|| "no auditID".to_owned());
        } else if event.reached.is_none() {
            event.blame(|| "no stageTimestamp".to_owned());
        }
        Ok(event)
    }

    /// When it happened, nanoseconds since 1970; `None` when it does not say.
    pub(crate) fn at(&self) -> Option<i64> {
        self.reached.or(self.received)
    }

    /// Whole milliseconds from the request to the stage.
    pub(crate) fn latency_ms(&self) -> Option<i64> {
        let latency = self.reached?.checked_sub(self.received?)?;
        Some(latency / 1_000_000).filter(|ms| *ms >= 0)
    }

    /// `2xx` for a status from 200 to 299, and so on.
    pub(crate) fn code_class(&self) -> Option<String> {
        let class = self.code? / 100;
        (1..=5).contains(&class).then(|| format!("{class}xx"))
    }

    fn blame(&mut self, details: impl FnOnce() -> String) {
        self.wrong.get_or_insert_with(details);
    }

    fn text(&mut self, name: &str, value: Value<'a>) -> Text<'a> {
        match value {
            Value::Text(text) => text,
            Value::Null => Cow::default(),
            other => {
                self.blame(|| format!("{name} is {}, not a string", other.kind()));
                other.scalar().unwrap_or_default()
            }
        }
    }

    fn time(&mut self, name: &str, value: Value<'a>) -> Option<i64> {
        let text = self.text(name, value);
        let time = event_time::parse(&text);
        if time.is_none() && !text.is_empty() {
            self.blame(|| format!("{name} is no time"));
        }
        time
    }

    /// The first text of a list.
    fn first(&mut self, name: &str, value: Value<'a>) -> Result<Text<'a>, JsonError> {
        match value {
            Value::List(list) => {
                let first = Items::of(list)?.next()?;
                Ok(first.and_then(Value::scalar).unwrap_or_default())
            }
            Value::Null => Ok(Cow::default()),
            other => {
                self.blame(|| format!("{name} is {}, not an array", other.kind()));
                Ok(other.scalar().unwrap_or_default())
            }
        }
    }

    /// Reads each member of an object.
    fn each(
        &mut self,
        name: &str,
        value: Value<'a>,
        read: fn(&mut AuditEvent<'a>, &[u8], Value<'a>) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        match value {
            Value::Object(object) => {
                let mut members = Members::of(object)?;
                while let Some((name, value)) = members.next()? {
                    read(self, &name, value)?;
                }
            }
            Value::Null => {}
            other => self.blame(|| format!("{name} is {}, not an object", other.kind())),
        }
        Ok(())
    }

    fn of_user(&mut self, name: &[u8], value: Value<'a>) -> Result<(), JsonError> {
        match (name, value) {
            (b"username", value) => self.user = self.text("user.username", value),
            (b"groups", Value::List(list)) => self.groups = joined(list)?.into(),
            (b"groups", value) => self.groups = self.text("user.groups", value),
            _ => {}
        }
        Ok(())
    }

    fn of_impersonated(&mut self, name: &[u8], value: Value<'a>) -> Result<(), JsonError> {
        if name == b"username" {
            self.impersonated_user = self.text("impersonatedUser.username", value);
        }
        Ok(())
    }

    fn of_object(&mut self, name: &[u8], value: Value<'a>) -> Result<(), JsonError> {
        match name {
            b"resource" => self.resource = self.text("objectRef.resource", value),
            b"namespace" => self.namespace = self.text("objectRef.namespace", value),
            b"name" => self.name = self.text("objectRef.name", value),
            b"subresource" => self.subresource = self.text("objectRef.subresource", value),
            b"apiGroup" => self.api_group = self.text("objectRef.apiGroup", value),
            _ => {}
        }
        Ok(())
    }

    fn of_status(&mut self, name: &[u8], value: Value<'a>) -> Result<(), JsonError> {
        if name != b"code" {
            return Ok(());
        }
        match value {
            Value::Word(word) => {
                let text = std::str::from_utf8(word).ok();
                self.code = text.and_then(|text| text.parse().ok());
                if self.code.is_none() {
                    self.blame(|| "responseStatus.code is no status".to_owned());
                }
            }
            Value::Null => {}
            other => {
                self.blame(|| format!("responseStatus.code is {}, not a number", other.kind()));
            }
        }
        Ok(())
    }

    fn of_annotations(&mut self, name: &[u8], value: Value<'a>) -> Result<(), JsonError> {
        match name {
            DECISION => self.decision = self.text("annotations decision", value),
            REASON => self.reason = self.text("annotations reason", value),
            TRUNCATED => self.is_truncated = value == Value::Text(Cow::Borrowed(&b"true"[..])),
            _ => {}
        }
        Ok(())
    }
}

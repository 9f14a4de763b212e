//! Records with fields of any name, as NDJSON and CSV bring them: which field is the time, the
//! line, a label; the others become columns.

use crate::decode::decoded::Text;
use crate::decode::event_time;
use crate::limits::IngestLimits;
use crate::receivers::events::{EventLabels, Events};
use crate::rejection::BodyError;
use crate::request::Parameters;
use std::borrow::Cow;

/// Most labels a request may name.
const LABELS_MAX: usize = 32;

/// What the request says about fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldNames {
    pub(crate) time: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) labels: Vec<String>,
    /// Labels that may give the service, in order.
    pub(crate) services: Vec<String>,
}

impl FieldNames {
    /// From `time`, `message` and `labels`, the last one a list with commas.
    pub(crate) fn of(
        parameters: &Parameters,
        limits: &IngestLimits,
    ) -> Result<FieldNames, BodyError> {
        let named = |name: &str| parameters.get(name).map(str::to_owned);
        let labels = parameters.get("labels").unwrap_or_default().split(',');
        let labels = labels.map(str::trim).filter(|name| !name.is_empty());
        let labels: Vec<String> = labels.map(str::to_owned).collect();
        if labels.len() > LABELS_MAX {
            return Err(BodyError::Malformed(format!(
                "labels names {} fields, at most {LABELS_MAX} become labels",
                labels.len()
            )));
        }
        Ok(FieldNames {
            time: named("time"),
            message: named("message"),
            labels,
            services: limits.discover_service_name.clone(),
        })
    }

    /// Whether a field is the time, the line or a label.
    pub(crate) fn has(&self, name: &str) -> bool {
        let is = |of: &Option<String>| of.as_deref() == Some(name);
        is(&self.time) || is(&self.message) || self.labels.iter().any(|label| label == name)
    }
}

/// A record that is read field by field.
pub(crate) struct Record<'n, 'a> {
    names: &'n FieldNames,
    labels: EventLabels,
    message: Option<Text<'a>>,
    time: Option<Text<'a>>,
    others: Vec<(Text<'a>, Text<'a>)>,
}

impl<'n, 'a> Record<'n, 'a> {
    pub(crate) fn new(names: &'n FieldNames) -> Record<'n, 'a> {
        Record {
            names,
            labels: EventLabels::default(),
            message: None,
            time: None,
            others: Vec::new(),
        }
    }

    /// Takes a field.
    pub(crate) fn field(&mut self, name: Cow<'a, str>, value: Text<'a>) {
        if self.names.labels.iter().any(|label| *label == name) {
            self.labels.add(&name, &value);
        } else if self.names.message.as_deref() == Some(&*name) {
            self.message = Some(value);
        } else if self.names.time.as_deref() == Some(&*name) {
            self.time = Some(value);
        } else {
            let name = match name {
                Cow::Borrowed(name) => Cow::Borrowed(name.as_bytes()),
                Cow::Owned(name) => Cow::Owned(name.into_bytes()),
            };
            self.others.push((name, value));
        }
    }

    /// Adds it to events, `text` being the record as it was sent. That is its line when it has no
    /// message, or more fields than columns hold.
    pub(crate) fn push(
        mut self,
        events: &mut Events<'a>,
        text: &'a [u8],
        wrong: Option<String>,
        now: i64,
    ) -> Result<(), BodyError> {
        let time = self.time.as_deref().filter(|time| !time.is_empty());
        let parsed = time.map(event_time::parse);
        let wrong = match parsed {
            Some(None) => wrong.or_else(|| Some("the time is none that is known".to_owned())),
            _ => wrong,
        };
        let mut line = Cow::Borrowed(text);
        if let Some(message) = self.message.filter(|_| wrong.is_none()) {
            for (name, value) in self.others {
                events.column(name, value)?;
            }
            match events.has_left_out() {
                true => events.forget(),
                false => line = message,
            }
        }
        if let Some(details) = wrong {
            events.wrong(details)?;
        }
        self.labels.discover_service(&self.names.services);
        events.push(&self.labels, parsed.flatten().unwrap_or(now), line)
    }
}

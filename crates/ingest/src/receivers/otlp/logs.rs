//! A parsed OTLP request: resources and scopes flattened into labels and metadata, records as they
//! came.

use crate::decode::body;
use crate::decode::proto_types::{
    ExportLogsServiceRequest, InstrumentationScope, KeyValue, LogRecord, Resource, ResourceLogs,
    ScopeLogs,
};
use crate::label_name::{sanitize_name, sort_and_unite};
use crate::limits::otlp_rules::{AttributeAction, AttributeRule, OtlpRules, action};
use crate::receivers::otlp::value::flatten;
use crate::receivers::otlp::{json, weight};
use crate::rejection::BodyError;
use crate::room::Room;
use prost::Message;
use std::borrow::Cow;

/// Names with their values.
pub(crate) type Pairs = Vec<(String, String)>;

/// All records of a request by where they come from.
#[derive(Debug)]
pub(crate) struct OtlpLogs {
    pub(crate) resources: Vec<ResourceRecords>,
}

/// The records of a resource, and what they share.
#[derive(Debug)]
pub(crate) struct ResourceRecords {
    /// Sorted by name, each name once.
    pub(crate) labels: Pairs,
    pub(crate) metadata: Pairs,
    pub(crate) scopes: Vec<ScopeRecords>,
}

/// The records of a scope, and what they share.
#[derive(Debug)]
pub(crate) struct ScopeRecords {
    pub(crate) metadata: Pairs,
    pub(crate) records: Vec<LogRecord>,
}

impl OtlpLogs {
    /// Reads a decompressed body by its content type.
    pub(crate) fn parse(
        content_type: Option<&str>,
        bytes: &[u8],
        rules: &OtlpRules,
        room: &mut Room,
    ) -> Result<OtlpLogs, BodyError> {
        let request = match body::media_type(content_type).as_deref() {
            Ok("application/x-protobuf") => {
                room.take(weight::of_protobuf(bytes))?;
                ExportLogsServiceRequest::decode(bytes)
                    .map_err(|error| BodyError::Malformed(format!("proto: {error}")))?
            }
            Ok("application/json") => json::parse(bytes, room)?,
            _ => {
                return Err(BodyError::Malformed(format!(
                    "content type: {} is not supported",
                    content_type.unwrap_or_default()
                )));
            }
        };
        let resources = request.resource_logs.into_iter();
        Ok(OtlpLogs {
            resources: resources
                .map(|logs| ResourceRecords::of(logs, rules))
                .collect(),
        })
    }
}

impl ResourceRecords {
    fn of(logs: ResourceLogs, rules: &OtlpRules) -> ResourceRecords {
        let (labels, metadata) = match &logs.resource {
            Some(resource) => split_resource(resource, &rules.resource),
            None => Default::default(),
        };
        let scope_records = |logs: ScopeLogs| ScopeRecords {
            metadata: match &logs.scope {
                Some(scope) => scope_metadata(scope, &rules.scope),
                None => Pairs::new(),
            },
            records: logs.log_records,
        };
        ResourceRecords {
            labels,
            metadata,
            scopes: logs.scope_logs.into_iter().map(scope_records).collect(),
        }
    }
}

/// Labels and metadata of a resource.
fn split_resource(resource: &Resource, rules: &[AttributeRule]) -> (Pairs, Pairs) {
    let (mut labels, mut metadata) = (Pairs::new(), Pairs::new());
    for KeyValue { key, value } in &resource.attributes {
        let Some(value) = value else { continue };
        match action(rules, key) {
            AttributeAction::IndexLabel => flatten(key, value, &mut |name, text| {
                labels.extend(label(name, text));
            }),
            AttributeAction::StructuredMetadata => flatten(key, value, &mut |name, text| {
                metadata.push((name.into_owned(), text.into_owned()));
            }),
            AttributeAction::Drop => {}
        }
    }
    sort_and_unite(&mut labels, 0);
    let dropped = resource.dropped_attributes_count;
    metadata.extend(dropped_count("resource_dropped_attributes_count", dropped));
    (labels, metadata)
}

/// A label by the name it has in a selector; `None` when no name is left, or it has no value.
pub(crate) fn label(name: Cow<'_, str>, text: Cow<'_, str>) -> Option<(String, String)> {
    if text.is_empty() {
        return None;
    }
    let name = sanitize_name(name.as_bytes())?;
    Some((name.into_owned(), text.into_owned()))
}

/// How many attributes the client left out, when it did.
fn dropped_count(name: &str, count: u32) -> Option<(String, String)> {
    (count != 0).then(|| (name.to_owned(), count.to_string()))
}

fn scope_metadata(scope: &InstrumentationScope, rules: &[AttributeRule]) -> Pairs {
    let mut metadata = Pairs::new();
    for KeyValue { key, value } in &scope.attributes {
        let Some(value) = value else { continue };
        if action(rules, key) == AttributeAction::StructuredMetadata {
            flatten(key, value, &mut |name, text| {
                metadata.push((name.into_owned(), text.into_owned()));
            });
        }
    }
    for (name, text) in [
        ("scope_name", &scope.name),
        ("scope_version", &scope.version),
    ] {
        if !text.is_empty() {
            metadata.push((name.to_owned(), text.clone()));
        }
    }
    let dropped = scope.dropped_attributes_count;
    metadata.extend(dropped_count("scope_dropped_attributes_count", dropped));
    metadata
}

//! Detected fields are those that a sample of entries has: what Drilldown and autocompletion offer.
//!
//! Structured metadata are fields without a parser; then come labels the query's own stages parsed,
//! and what `json` finds in the line, or where it fails `logfmt`.

use crate::answer::DetectedField;
use crate::error::QueryError;
use crate::exec::context::Context;
use crate::exec::log;
use crate::exec::log::entry::Entry;
use crate::exec::log::plan::LogPlan;
use crate::exec::log::top_k::TopK;

use crate::metadata::cardinality::Cardinality;
use crate::parsed::{OnError, Parsed};
use crate::request::FieldsRequest;
use skald_logql::ast::StageExpr;
use skald_logql::pipeline::{
    Category, EXTRACTED_SUFFIX, Pipeline, RequiredLabels, Row, RowSink, Scratch, Selection,
    StreamRows,
};
use skald_logql::typed::Query;
use skald_model::{BatchBuilder, Charge, Charged, Direction, Labels, TimeRange};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Fields that are told apart: a line may hold thousands of keys that no other has.
const FIELDS_MAX: usize = 10_000;

/// Bytes that the tree of a JSON text takes for each of its bytes, at most: small members have
/// large nodes.
const JSON_TREE_FACTOR: usize = 16;

/// What is known of a field so far.
#[derive(Default)]
struct Field {
    kind: &'static str,
    cardinality: Cardinality,
    /// Only of the field whose values are asked for.
    values: BTreeSet<String>,
    parsers: Vec<&'static str>,
    json_path: Vec<String>,
}

/// `detected_fields`
pub(crate) fn detected_fields(
    context: &Context<'_>,
    request: &FieldsRequest,
) -> Result<Charged<Vec<DetectedField>>, QueryError> {
    let Charged { value, charge } = sample(context, request, None)?;
    let shown = value
        .into_iter()
        .take(request.limit)
        .map(|(label, field)| DetectedField {
            label,
            kind: field.kind,
            cardinality: field.cardinality.count(),
            parsers: field.parsers,
            json_path: field.json_path,
        });
    let value = shown.collect();
    Ok(Charged { value, charge })
}

/// `detected_field/{name}/values`: values as they are stored, which a filter on the field finds.
pub(crate) fn detected_field_values(
    context: &Context<'_>,
    name: &str,
    request: &FieldsRequest,
) -> Result<Charged<Vec<String>>, QueryError> {
    let Charged { mut value, charge } = sample(context, request, Some(name))?;
    let values = value.remove(name).map(|f| f.values).unwrap_or_default();
    let value = values.into_iter().take(request.limit).collect();
    Ok(Charged { value, charge })
}

/// The fields of a sample of the entries; values are gathered of the field `wanted` alone.
fn sample(
    context: &Context<'_>,
    request: &FieldsRequest,
    wanted: Option<&str>,
) -> Result<Charged<BTreeMap<String, Field>>, QueryError> {
    let Query::Log(query) = Parsed::parse(&request.query)?.compile(OnError::Fail)? else {
        return Err(QueryError::Bad("only log selector is supported".to_owned()));
    };
    let range = TimeRange {
        start: request.start,
        end: request.end,
    };
    let top = TopK::by_time(Direction::Backward, request.line_limit);
    let found = log::query::execute(context, LogPlan::new(query, range, top))?;
    let mut parsers = Parsers::new(context)?;
    let mut fields = Fields {
        wanted,
        found: BTreeMap::new(),
        charge: context.charge(),
    };
    for entry in &found.entries {
        context.interrupt.check()?;
        look_at(entry, &mut parsers, &mut fields)?;
    }
    Ok(Charged {
        value: fields.found,
        charge: fields.charge,
    })
}

/// What was found so far.
struct Fields<'a> {
    wanted: Option<&'a str>,
    found: BTreeMap<String, Field>,
    charge: Charge,
}

fn look_at(
    entry: &Entry,
    parsers: &mut Parsers,
    fields: &mut Fields<'_>,
) -> Result<(), QueryError> {
    for (name, value) in &entry.labels.metadata {
        fields.note(name, value, None)?;
    }
    // The labels are copied, and parsers find what the line has once more.
    let copied = entry.labels.bytes + 2 * entry.line.len();
    fields.charge.room_for(copied)?;
    let own = entry
        .labels
        .parsed
        .iter()
        .filter(|(n, _)| !n.starts_with("__error"));
    let mut pairs: BTreeMap<String, String> = own.cloned().collect();
    let labels = Labels::from_pairs(entry.labels.stream.iter().map(|(n, v)| (n, v)));
    let (parser, found) = parsers.parse(&labels, entry)?;
    pairs.extend(found);
    for (name, value) in &pairs {
        fields.note(name, value, parser)?;
    }
    fields
        .charge
        .room_for(entry.line.len() * JSON_TREE_FACTOR)?;
    if parser == Some("json")
        && let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(&entry.line)
    {
        note_paths(&object, &mut Vec::new(), &mut fields.found);
    }
    Ok(())
}

impl Fields<'_> {
    fn note(
        &mut self,
        name: &str,
        value: &str,
        parser: Option<&'static str>,
    ) -> Result<(), QueryError> {
        self.charge.work(name.len() + value.len())?;
        if !self.found.contains_key(name) {
            if self.found.len() >= FIELDS_MAX && self.wanted != Some(name) {
                return Ok(());
            }
            // The name stands in the path as well.
            self.charge
                .add(size_of::<(String, Field)>() + 2 * name.len())?;
            self.found.insert(name.to_owned(), Field::default());
        }
        let Some(field) = self.found.get_mut(name) else {
            return Ok(());
        };
        field.kind = kind(value);
        if let Some(parser) = parser
            && !field.parsers.contains(&parser)
        {
            field.parsers.push(parser);
        }
        let before = field.cardinality.memory_bytes();
        field.cardinality.add(value);
        let grown = field.cardinality.memory_bytes().saturating_sub(before);
        self.charge.add(grown)?;
        if self.wanted == Some(name) && !field.values.contains(value) {
            self.charge.add(size_of::<String>() + value.len())?;
            field.values.insert(value.to_owned());
        }
        Ok(())
    }
}

/// Gives fields the JSON path their name was made from.
fn note_paths(
    object: &serde_json::Map<String, serde_json::Value>,
    path: &mut Vec<String>,
    fields: &mut BTreeMap<String, Field>,
) {
    for (key, value) in object {
        path.push(key.clone());
        if let serde_json::Value::Object(inner) = value {
            note_paths(inner, path, fields);
        } else {
            let name = label_name(path);
            for candidate in [format!("{name}{EXTRACTED_SUFFIX}"), name] {
                if let Some(field) = fields
                    .get_mut(&candidate)
                    .filter(|f| f.json_path.is_empty() && f.parsers.contains(&"json"))
                {
                    field.json_path = path.clone();
                    break;
                }
            }
        }
        path.pop();
    }
}

/// The label a JSON path becomes.
fn label_name(path: &[String]) -> String {
    let joined = path.iter().map(|s| s.trim()).collect::<Vec<_>>().join("_");
    let mut name: String = joined
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

/// The narrowest of Loki's field types a value fits.
fn kind(value: &str) -> &'static str {
    if value.parse::<i64>().is_ok() {
        "int"
    } else if value.parse::<f64>().is_ok() {
        "float"
    } else if matches!(
        value,
        "true" | "false" | "True" | "False" | "TRUE" | "FALSE" | "t" | "f" | "T" | "F"
    ) {
        "boolean"
    } else if skald_logql::syntax::duration::parse_go(value).is_ok() {
        "duration"
    } else if skald_logql::pipeline::parse_bytes(value).is_ok() {
        "bytes"
    } else {
        "string"
    }
}

/// The parser that reads a line, if one does, and the labels it finds.
type ParsedLine = (Option<&'static str>, Vec<(String, String)>);

/// The two parsers every line is tried with.
struct Parsers {
    json: Pipeline,
    logfmt: Pipeline,
    scratch: Scratch,
}

impl Parsers {
    fn new(context: &Context<'_>) -> Result<Parsers, QueryError> {
        let compile = |stage| {
            Pipeline::compile(&[stage], &RequiredLabels::All)
                .map_err(|e| QueryError::Internal(e.to_string()))
        };
        let logfmt = StageExpr::Logfmt {
            strict: false,
            keep_empty: false,
            expressions: Vec::new(),
        };
        Ok(Parsers {
            json: compile(StageExpr::Json(Vec::new()))?,
            logfmt: compile(logfmt)?,
            scratch: Scratch::charged(context.now, context.charge()),
        })
    }

    /// The parser that reads the line and what it finds.
    fn parse(&mut self, labels: &Labels, entry: &Entry) -> Result<ParsedLine, QueryError> {
        for (name, pipeline) in [("json", &self.json), ("logfmt", &self.logfmt)] {
            let mut builder = BatchBuilder::default();
            let metadata = entry
                .labels
                .metadata
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()));
            builder.push(0, entry.timestamp, &entry.line, metadata);
            let batch = builder.finish();
            let mut sink = ParsedLabels::default();
            let run = StreamRows {
                batch: &batch,
                rows: 0..1,
                stream: labels,
                selection: &Selection::all(1),
            };
            let _ = pipeline.run(&run, Direction::Forward, &mut self.scratch, &mut sink)?;
            if !sink.failed {
                return Ok((Some(name), sink.pairs));
            }
        }
        Ok((None, Vec::new()))
    }
}

#[derive(Default)]
struct ParsedLabels {
    failed: bool,
    pairs: Vec<(String, String)>,
}

impl RowSink for ParsedLabels {
    fn row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
        row.labels.for_each(&mut |name, value, category| {
            if name.starts_with("__error") {
                self.failed = true;
            } else if category == Category::Parsed {
                self.pairs.push((name.to_owned(), value.to_owned()));
            }
        });
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_narrowest_type() {
        for (value, expected) in [
            ("12", "int"),
            ("1.5", "float"),
            ("true", "boolean"),
            ("15ms", "duration"),
            ("10KB", "bytes"),
            ("10.0.0.1", "string"),
        ] {
            assert_eq!(kind(value), expected, "{value}");
        }
    }
}

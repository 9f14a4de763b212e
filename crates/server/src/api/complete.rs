//! Completion of a query that is being typed: labels, values, fields, stages and functions.
//!
//! Where the caret stands is what the parser's own tokens say; counts tell the likely choice.

use crate::api::extract::metadata_bounds;
use crate::api::params::Params;
use crate::api::response::json;
use crate::app::App;
use crate::auth::read_scope::ReadScope;
use crate::error::ApiError;
use crate::time_bounds::Bounds;
use crate::wire::answer::list;
use crate::wire::json::Json;
use axum::extract::State;
use axum::response::Response;
use skald_logql::syntax::{Gap, QUERY_BYTES_MAX, STAGE_WORDS, Wanted, complete, functions};
use skald_query::{Cancel, Engine, FieldsRequest, MetadataRequest, QueryError, VolumeRequest};
use std::collections::HashMap;
use std::sync::Arc;

/// Choices unless the request says otherwise.
const CHOICES: usize = 50;

/// Most choices.
const CHOICES_MAX: usize = 1000;

/// Lines that are looked at for fields.
const FIELD_LINES: usize = 100;

/// Most fields, and most values that are counted.
const NAMES_MAX: usize = 1000;

/// Something that may be written, and how much of it there is, where that is known.
#[derive(Debug, PartialEq, Eq)]
struct Choice {
    text: String,
    /// Values of a label or field, bytes of a value.
    count: Option<u64>,
}

/// `complete`
pub(crate) async fn completions(
    State(app): State<Arc<App>>,
    scope: ReadScope,
    params: Params,
) -> Result<Response, ApiError> {
    let bounds = metadata_bounds(&app, &scope, &params)?;
    let query = params.query();
    if query.len() > QUERY_BYTES_MAX {
        return Err(ApiError::bad(format!(
            "the query has {} bytes, more than the {QUERY_BYTES_MAX} that one may have",
            query.len()
        )));
    }
    let limit = params.limit("limit", CHOICES)?.min(CHOICES_MAX);
    let caret = params.integer("caret", i64::MAX)?;
    let before = before(query, usize::try_from(caret).unwrap_or(0));
    let Some(gap) = complete(before) else {
        return Ok(json(
            "{\"status\":\"success\",\"data\":{\"kind\":\"none\",\"choices\":[]}}\n",
        ));
    };
    let from = before[..gap.start].chars().count();
    let asked = Asked {
        scope: scope.clone(),
        bounds,
        wanted: gap.wanted.clone(),
    };
    let choices = app
        .ask(&scope, move |engine, cancel| asked.choices(engine, cancel))
        .await?;
    let choices = ranked(choices, &gap.typed, limit);
    Ok(json(encode(&gap, from, &choices)))
}

/// The part of a query before the caret, which is counted in characters.
fn before(query: &str, caret: usize) -> &str {
    let end = query
        .char_indices()
        .nth(caret)
        .map_or(query.len(), |(i, _)| i);
    &query[..end]
}

/// What the engine is asked for.
struct Asked {
    scope: ReadScope,
    bounds: Bounds,
    wanted: Wanted,
}

impl Asked {
    fn choices(&self, engine: &Engine, cancel: &Cancel) -> Result<Vec<Choice>, QueryError> {
        match &self.wanted {
            Wanted::Label => self.labels(engine, cancel),
            Wanted::Value { label, selector } => self.values(engine, cancel, label, selector),
            Wanted::Field { query } => self.fields(engine, cancel, query),
            Wanted::Stage { query } => {
                let mut choices = words(&STAGE_WORDS);
                choices.extend(self.fields(engine, cancel, query)?);
                Ok(choices)
            }
            Wanted::Function => Ok(words(&functions())),
        }
    }

    fn metadata(&self, query: &str) -> MetadataRequest {
        MetadataRequest {
            tenants: self.scope.tenants().clone(),
            query: query.to_owned(),
            start: self.bounds.start,
            end: self.bounds.end,
        }
    }

    /// All labels; how many values those have that are worth showing.
    fn labels(&self, engine: &Engine, cancel: &Cancel) -> Result<Vec<Choice>, QueryError> {
        let names = engine.label_names(&self.metadata(""), cancel)?;
        let counted = engine.detected_labels(&self.metadata(""), cancel)?;
        let counts: HashMap<&str, u64> = counted
            .iter()
            .map(|(name, count)| (name.as_str(), *count))
            .collect();
        let choice = |name: &String| Choice {
            text: name.clone(),
            count: counts.get(name.as_str()).copied(),
        };
        Ok(names.iter().map(choice).collect())
    }

    /// Values of a label under the other matchers, with their bytes.
    fn values(
        &self,
        engine: &Engine,
        cancel: &Cancel,
        label: &str,
        selector: &str,
    ) -> Result<Vec<Choice>, QueryError> {
        // Matchers that can't be read narrow nothing.
        let readable = skald_logql::parse_selector(selector).is_ok();
        let selector = if readable { selector } else { "{}" };
        let narrowed = if selector == "{}" { "" } else { selector };
        let values = engine.label_values(label, &self.metadata(narrowed), cancel)?;
        let request = VolumeRequest {
            tenants: self.scope.tenants().clone(),
            query: selector.to_owned(),
            start: self.bounds.start,
            end: self.bounds.end,
            step: None,
            limit: NAMES_MAX,
            target_labels: vec![label.to_owned()],
            aggregate_by_labels: false,
        };
        // More series than may be counted: values without counts are better than none.
        let volumes = engine.volume(&request, cancel).ok();
        let mut bytes: HashMap<&str, u64> = HashMap::new();
        for series in volumes.iter().flat_map(|all| all.iter()) {
            let value = series.labels.iter().find(|(name, _)| name == label);
            let sum: u64 = series.points.iter().map(|(_, bytes)| bytes).sum();
            *bytes
                .entry(value.map_or("", |(_, value)| value))
                .or_default() += sum;
        }
        let choice = |value: &String| Choice {
            text: value.clone(),
            count: bytes.get(value.as_str()).copied(),
        };
        Ok(values.iter().map(choice).collect())
    }

    /// Fields of the lines that a query finds.
    fn fields(
        &self,
        engine: &Engine,
        cancel: &Cancel,
        query: &str,
    ) -> Result<Vec<Choice>, QueryError> {
        if skald_logql::parse(query).is_err() {
            return Ok(Vec::new());
        }
        let request = FieldsRequest {
            tenants: self.scope.tenants().clone(),
            query: query.to_owned(),
            start: self.bounds.start,
            end: self.bounds.end,
            line_limit: self.scope.limits().entries(FIELD_LINES),
            limit: NAMES_MAX,
        };
        let fields = engine.detected_fields(&request, cancel)?;
        let choice = |field: &skald_query::DetectedField| Choice {
            text: field.label.clone(),
            count: Some(field.cardinality),
        };
        Ok(fields.iter().map(choice).collect())
    }
}

fn words(words: &[&str]) -> Vec<Choice> {
    let choice = |word: &&str| Choice {
        text: (*word).to_owned(),
        count: None,
    };
    words.iter().map(choice).collect()
}

/// Those that begin with what is typed, then those that hold it; of each the most counted first.
fn ranked(choices: Vec<Choice>, typed: &str, limit: usize) -> Vec<Choice> {
    let typed = typed.to_lowercase();
    let mut fitting: Vec<(bool, Choice)> = choices
        .into_iter()
        .filter_map(|choice| {
            let lower = choice.text.to_lowercase();
            lower
                .contains(&typed)
                .then(|| (!lower.starts_with(&typed), choice))
        })
        .collect();
    fitting.sort_by_key(|(is_inside, choice)| (*is_inside, std::cmp::Reverse(choice.count)));
    fitting.truncate(limit);
    fitting.into_iter().map(|(_, choice)| choice).collect()
}

fn encode(gap: &Gap, from: usize, choices: &[Choice]) -> Vec<u8> {
    let kind = match gap.wanted {
        Wanted::Label => "label",
        Wanted::Value { .. } => "value",
        Wanted::Stage { .. } => "stage",
        Wanted::Field { .. } => "field",
        Wanted::Function => "function",
    };
    let mut out = Json::default();
    out.raw(&format!(
        "{{\"status\":\"success\",\"data\":{{\"kind\":\"{kind}\",\"from\":{from},\"typed\":"
    ));
    out.text(&gap.typed);
    if let Wanted::Value { label, .. } = &gap.wanted {
        out.raw(",\"label\":");
        out.text(label);
    }
    out.raw(",\"choices\":");
    list(&mut out, choices, |out, choice| {
        out.raw("{\"text\":");
        out.text(&choice.text);
        if let Some(count) = choice.count {
            out.raw(&format!(",\"count\":{count}"));
        }
        out.raw("}");
    });
    out.raw("}}\n");
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_that_begin_so_come_first_then_the_most_counted() {
        let choice = |text: &str, count| Choice {
            text: text.to_owned(),
            count,
        };
        let all = vec![
            choice("xpay", Some(9)),
            choice("Payments", Some(1)),
            choice("payroll", Some(5)),
            choice("web", None),
        ];
        let found: Vec<String> = ranked(all, "pay", 10).into_iter().map(|c| c.text).collect();
        assert_eq!(found, ["payroll", "Payments", "xpay"]);
    }

    #[test]
    fn the_caret_counts_characters() {
        assert_eq!(before("{한=\"글", 2), "{한");
        assert_eq!(before("{a", 99), "{a");
        assert_eq!(before("", 0), "");
    }
}

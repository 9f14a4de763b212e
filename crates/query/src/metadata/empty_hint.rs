//! The empty hint explains an empty answer: which tenant, time, label or filter matched nothing.
//!
//! Asked only after an empty answer, and answered from indexes and directories: no line is read.

use crate::error::QueryError;
use crate::exec::context::Context;
use crate::parsed::OnError;
use crate::request::HintRequest;
use skald_logql::metric;
use skald_logql::metric::Steps;
use skald_logql::typed::Query;
use skald_model::{Matcher, TimeRange};

/// All of time.
const EVER: TimeRange = TimeRange {
    start: i64::MIN,
    end: i64::MAX,
};

/// Said where a filter compares `__error__` by size.
const ERROR_AS_NUMBER: &str = "__error__ is a text, which no number compares with: use __error__!=\"\" or a name such as JSONParserErr";

/// A sentence for the user; `None` where nothing but the filters explains it and there are none, or
/// where the query reads no lines at all.
pub(crate) fn hint(
    context: &Context<'_>,
    request: &HintRequest,
) -> Result<Option<String>, QueryError> {
    match request.query.compile(OnError::Skip)? {
        Query::Log(query) if query.pipeline.compares_error_by_size() => {
            Ok(Some(ERROR_AS_NUMBER.to_owned()))
        }
        Query::Log(query) => explain(context, &query.matchers, request.range),
        Query::Metric(query) => {
            let TimeRange { start, end } = request.range;
            let steps = Steps::range(start, end, end.saturating_sub(start).max(1));
            for leaf in &query.leaves {
                if leaf.extractor.pipeline().compares_error_by_size() {
                    return Ok(Some(ERROR_AS_NUMBER.to_owned()));
                }
                let (first, last) = metric::window_bounds(&leaf.spec, &steps);
                let range = TimeRange {
                    start: first,
                    end: last.saturating_add(1),
                };
                let found = explain(context, &leaf.matchers, range)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            Ok(None)
        }
    }
}

fn explain(
    context: &Context<'_>,
    matchers: &[Matcher],
    range: TimeRange,
) -> Result<Option<String>, QueryError> {
    if range.is_empty() {
        return Ok(Some(
            "the time range is empty: its end is not after its start".to_owned(),
        ));
    }
    let names = |matchers: &[Matcher], range| {
        let mut charge = context.charge();
        context.source.names(matchers, range, &mut charge)
    };
    let present = names(&[], range)?;
    if present.is_empty() {
        let never = names(&[], EVER)?.is_empty();
        return Ok(Some(if never {
            match context.source.tenants().all() {
                [tenant] => format!("the tenant {:?} has no entries", tenant.as_str()),
                _ => "none of the tenants has entries".to_owned(),
            }
        } else {
            "there are no entries in this time range, of any stream".to_owned()
        }));
    }
    for matcher in matchers.iter().filter(|m| !m.matches("")) {
        if !present.contains(&matcher.name) {
            let ever = names(&[], EVER)?.contains(&matcher.name);
            let when = if ever {
                "in this time range has"
            } else {
                "has"
            };
            return Ok(Some(format!(
                "no stream {when} the label {:?}",
                matcher.name
            )));
        }
        if names(std::slice::from_ref(matcher), range)?.is_empty() {
            let ever = !names(std::slice::from_ref(matcher), EVER)?.is_empty();
            let when = if ever { "in this time range " } else { "" };
            return Ok(Some(format!("no stream {when}matches {}", shown(matcher))));
        }
    }
    if names(matchers, range)?.is_empty() {
        return Ok(Some(
            "each matcher has streams in this time range, but no stream matches all of them"
                .to_owned(),
        ));
    }
    Ok(Some("streams match in this time range, but none of their entries came through the query's stages".to_owned()))
}

fn shown(matcher: &Matcher) -> String {
    format!("{}{}{:?}", matcher.name, matcher.op.as_str(), matcher.value)
}

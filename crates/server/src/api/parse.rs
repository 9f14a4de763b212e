//! Parsing says whether a query can be read: its kind, or the place and reason of the mistake.

use crate::api::params::Params;
use crate::api::query_fix::{self, advice};
use crate::api::response::json;
use crate::error::ApiError;
use crate::wire::json::Json;
use axum::response::Response;
use skald_logql::ast::Expr;
use skald_logql::syntax::ParseError;

/// `parse`
pub(crate) async fn check(params: Params) -> Result<Response, ApiError> {
    let query = params.query();
    Ok(json(match skald_logql::parse(query) {
        Ok(expr) => {
            let kind = match expr {
                Expr::Log(_) => "log",
                Expr::Metric(_) => "metric",
            };
            let text = format!(
                "{{\"status\":\"success\",\"data\":{{\"valid\":true,\"kind\":\"{kind}\"}}}}\n"
            );
            text.into_bytes()
        }
        Err(error) => encode(query, &error),
    }))
}

/// The mistake; its place is counted in characters, as people and pages do.
fn encode(query: &str, error: &ParseError) -> Vec<u8> {
    let characters = |end: u32| {
        let end = (end as usize).min(query.len());
        query.get(..end).map_or(0, |text| text.chars().count())
    };
    let mut out = Json::default();
    out.raw("{\"status\":\"success\",\"data\":{\"valid\":false,\"error\":");
    out.text(error.first_line());
    out.raw(&format!(
        ",\"start\":{},\"end\":{},\"fix\":",
        characters(error.span.start),
        characters(error.span.end)
    ));
    out.text(advice(&error.message));
    if let Some(edit) = query_fix::edit(query, error, advice(&error.message)) {
        let characters = |end: usize| query[..end].chars().count();
        out.raw(&format!(
            ",\"edit\":{{\"start\":{},\"end\":{},\"text\":",
            characters(edit.range.start),
            characters(edit.range.end)
        ));
        out.text(&edit.text);
        out.raw("}");
    }
    out.raw(",\"message\":");
    out.text(&error.message);
    out.raw("}}\n");
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: &str) {
        let error = skald_logql::parse(query).expect_err("it is a mistake");
        let found: serde_json::Value =
            serde_json::from_slice(&encode(query, &error)).expect("it is JSON");
        let data = &found["data"];
        let text = format!("{}..{} {}", data["start"], data["end"], data["fix"]);
        assert_eq!(text, expected, "{}", error.message);
    }

    #[test]
    fn places_are_counted_in_characters_and_fixes_stand_alone() {
        check(
            "{한=\"글\"} |= foo",
            "11..14 \"put the value in double quotes: \\\"foo\\\"\"",
        );
    }
}

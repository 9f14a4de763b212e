//! The entries around an instant, in their total order: what came before a line, and what after.
//!
//! Entries of the instant itself come whole, so that a client finds the one it means among them
//! and counts from there, though many entries share a nanosecond.

use crate::api::params::Params;
use crate::api::query::{kind_of, parse};
use crate::api::response::json;
use crate::app::App;
use crate::auth::read_scope::ReadScope;
use crate::clock;
use crate::config::limits::nanoseconds;
use crate::error::ApiError;
use crate::limits::bytes_guard::BytesGuard;
use crate::net::outgoing::Charged;
use crate::telemetry::query_log::QueryLog;
use crate::time_bounds::Bounds;
use crate::wire::answer::{list, write_page_entry};
use crate::wire::json::Json;
use axum::extract::State;
use axum::response::Response;
use skald_logql::ast::Expr;
use skald_model::Direction;
use skald_query::{Labelling, Page, RangeRequest};
use std::sync::Arc;

/// Entries on a side unless the request says otherwise.
const SIDE: usize = 10;

/// Most entries on a side.
const SIDE_MAX: usize = 1000;

/// Most entries of the instant itself.
const AT_MAX: usize = 1000;

/// Bytes of each of the three parts.
const PART_BYTES: usize = 4 << 20;

/// No part is larger than this share of the memory budget.
const PART_SHARE: usize = 256;

/// Three parts, with what they become as JSON.
const PARTS_AND_JSON: usize = 9;

/// `entries/around`
pub(crate) async fn around(
    State(app): State<Arc<App>>,
    mut scope: ReadScope,
    params: Params,
) -> Result<Response, ApiError> {
    scope.query_limits.partial = false;
    let query = parse(params.query())?;
    if !matches!(query.expr(), Expr::Log(_)) {
        return Err(ApiError::bad("only log selector is supported"));
    }
    if params.get("timestamp").is_empty() {
        return Err(ApiError::bad("timestamp is missing: the entry's time"));
    }
    let at = params.time("timestamp", 0)?;
    let (before, after) = (side(&params, "before")?, side(&params, "after")?);
    let [older, newer] = reaches(&scope, at);
    let kind = kind_of(query.expr());
    for bounds in [older, newer] {
        scope.admit(&app.metrics, &query, kind, bounds)?;
        let guard = BytesGuard::new(scope.limits(), scope.tenants(), &query, bounds);
        app.ask(&scope, move |engine, cancel| guard.check(engine, cancel))
            .await?;
    }
    let log = QueryLog::begin(&app.query_log, &scope.tenant(), kind, params.query(), newer);
    let part_bytes = PART_BYTES.min(app.store.budget().bytes() / PART_SHARE);
    let mut held = app.outgoing.room(PARTS_AND_JSON * part_bytes).await?;
    let tenants = scope.tenants().clone();
    let part = move |start, end, limit, direction| {
        RangeRequest::new(tenants.clone(), query.clone(), start, end)
            .limit(limit)
            .direction(direction)
            .labelling(Labelling::Categorized)
    };
    let next = at.saturating_add(1);
    let parts = [
        part(older.start, at, before, Direction::Backward),
        part(at, next, AT_MAX, Direction::Forward),
        part(next, newer.end, after, Direction::Forward),
    ];
    let asked = app.ask(&scope, move |engine, cancel| {
        let mut pages = Vec::with_capacity(parts.len());
        for request in &parts {
            // A side of nothing is not asked for.
            pages.push(match request.limit {
                0 => None,
                _ => Some(engine.page(request, part_bytes, cancel)?),
            });
        }
        let count = pages.iter().flatten().map(|page| page.entries.len()).sum();
        Ok((encode(pages), count))
    });
    let (body, count): (Vec<u8>, usize) = log.watch(asked.await)?;
    log.end_counted(count);
    held.fit(body.len());
    Ok(json(Charged::bytes(body, held)))
}

fn side(params: &Params, name: &str) -> Result<usize, ApiError> {
    match usize::try_from(params.integer(name, SIDE as i64)?) {
        Ok(count) if count <= SIDE_MAX => Ok(count),
        _ => Err(ApiError::bad(format!(
            "{name} must be from 0 to {SIDE_MAX}"
        ))),
    }
}

/// How far each side is looked for: as long a range as a query may have.
fn reaches(scope: &ReadScope, at: i64) -> [Bounds; 2] {
    let reach = match nanoseconds(scope.limits().max_query_length) {
        0 => i64::MAX,
        longest => longest,
    };
    let now = clock::now();
    let older = Bounds {
        start: at.saturating_sub(reach),
        end: at,
    };
    let newer = Bounds {
        start: at,
        end: at.saturating_add(reach),
    };
    [older, newer].map(|bounds| scope.look_back(bounds, now))
}

/// The parts from the oldest entry to the newest, and whether there are others beyond.
fn encode(pages: Vec<Option<Page>>) -> Vec<u8> {
    let mut out = Json::default();
    out.raw("{\"status\":\"success\",\"data\":{");
    let names = [
        ("before", "more_before"),
        ("at", "more_at"),
        ("after", "more_after"),
    ];
    for (i, ((name, more), page)) in names.into_iter().zip(pages).enumerate() {
        let has_more = page.as_ref().is_some_and(|page| page.cursor.is_some());
        let mut entries = page.map(|page| page.entries).unwrap_or_default();
        if name == "before" {
            entries.reverse();
        }
        out.raw(if i == 0 { "\"" } else { ",\"" });
        out.raw(name);
        out.raw("\":");
        list(&mut out, &entries, write_page_entry);
        out.raw(&format!(",\"{more}\":{has_more}"));
    }
    out.raw("}}\n");
    out.finish()
}

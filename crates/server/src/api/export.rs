//! The export endpoint streams all entries of a log query as JSON lines, text or CSV.
//!
//! Entries are read a page at a time, and the next page only when the client has taken the last:
//! memory is one page, whatever the size of the answer. An error after the first page is the last
//! line, as `{"error":…}`; text and CSV are cut off, so that no client takes them for complete.

use crate::api::export_format::ExportFormat;
use crate::api::extract::LinkScope;
use crate::api::headers::header;
use crate::api::params::Params;
use crate::api::query::{kind_of, parse};
use crate::app::{App, Phase};
use crate::auth::read_scope::ReadScope;
use crate::clock;
use crate::error::ApiError;
use crate::limits::bytes_guard::BytesGuard;
use crate::net::outgoing::Charged;
use crate::telemetry::query_log::QueryLog;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use skald_logql::ast::Expr;
use skald_model::Direction;
use skald_query::{Cursor, Labelling, RangeRequest, Stats};
use std::io;
use std::sync::Arc;

/// Entries of one page: enough that planning it again costs little beside reading it.
const PAGE_ENTRIES: usize = 20_000;

/// Bytes of entries of one page: what an export holds in memory, beside the same as JSON.
const PAGE_BYTES: usize = 16 << 20;

/// No page is larger than this part of the memory budget.
const PAGE_SHARE: usize = 64;

/// A page with what it becomes as JSON, as long as it is not known better.
const PAGE_AND_JSON: usize = 3;

/// `export`
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    LinkScope(mut scope): LinkScope,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    // A partial answer would look complete: an export over a limit ends with the error.
    scope.query_limits.partial = false;
    let now = clock::now();
    let bounds = scope.look_back(params.ordered_bounds(now)?, now);
    let query = parse(params.query())?;
    if !matches!(query.expr(), Expr::Log(_)) {
        return Err(ApiError::bad("only log selector is supported"));
    }
    let kind = kind_of(query.expr());
    scope.admit(&app.metrics, &query, kind, bounds)?;
    let guard = BytesGuard::new(scope.limits(), scope.tenants(), &query, bounds);
    app.ask(&scope, move |engine, cancel| guard.check(engine, cancel))
        .await?;
    let limit = params.integer("limit", 0)?;
    let left = match u64::try_from(limit) {
        Ok(0) => u64::MAX,
        Ok(limit) => limit,
        Err(_) => return Err(ApiError::bad("limit must be a positive value")),
    };
    let format = ExportFormat::of(&params)?;
    let direction = if params.get("direction").is_empty() {
        Direction::Forward
    } else {
        params.direction()?
    };
    let tenants = scope.tenants().clone();
    let request = RangeRequest::new(tenants, query, bounds.start, bounds.end)
        .limit(PAGE_ENTRIES)
        .direction(direction)
        .labelling(Labelling::Categorized)
        .after(params.cursor()?);
    let tags = header(&headers, "x-query-tags");
    let log = QueryLog::begin(
        &app.query_log,
        &scope.tenant(),
        kind,
        params.query(),
        bounds,
    )
    .with(0, PAGE_ENTRIES, tags);
    let mut export = Export {
        app,
        scope,
        request,
        left,
        format: format.clone(),
    };
    // The first page is read before the status is sent, so that errors of the query get one.
    let (first, after, stats) = log.watch(export.page().await)?;
    log.end(&stats);
    let head = Some(format.head()).filter(|head| !head.is_empty());
    let head = futures_util::stream::iter(head.map(|head| Ok(Bytes::from(head))));
    // Compression asks once more after the end, which an unfold does not bear.
    let body = Body::from_stream(head.chain(chunks(export, first, after).fuse()));
    Ok(([(CONTENT_TYPE, format.content_type())], body).into_response())
}

/// A running export.
struct Export {
    app: Arc<App>,
    scope: ReadScope,
    request: RangeRequest,
    /// Entries still wanted.
    left: u64,
    format: ExportFormat,
}

impl Export {
    /// The next page as JSON, the cursor of the one after, and what it cost.
    async fn page(&mut self) -> Result<(Bytes, Option<Cursor>, Stats), ApiError> {
        let page_bytes = PAGE_BYTES.min(self.app.store.budget().bytes() / PAGE_SHARE);
        let mut held = self.app.outgoing.room(PAGE_AND_JSON * page_bytes).await?;
        self.request.limit = PAGE_ENTRIES.min(usize::try_from(self.left).unwrap_or(PAGE_ENTRIES));
        let (request, format) = (self.request.clone(), self.format.clone());
        let job = self.app.ask(&self.scope, move |engine, cancel| {
            let page = engine.page(&request, page_bytes, cancel)?;
            Ok((
                format.encode(&page),
                page.entries.len(),
                page.cursor,
                page.stats,
            ))
        });
        let (body, count, cursor, stats) = job.await?;
        self.left -= (count as u64).min(self.left);
        held.fit(body.len());
        let body = Charged::bytes(body, held);
        Ok((body, cursor.filter(|_| self.left > 0), stats))
    }
}

impl Export {
    /// How an export ends that can't go on.
    fn last_word(&self, message: &str) -> io::Result<Bytes> {
        let line = self.format.failure(message);
        line.map(Bytes::from)
            .ok_or_else(|| io::Error::other(message.to_owned()))
    }
}

/// What is still to be sent.
enum Rest {
    Page(Box<Export>, Bytes, Option<Cursor>),
    Fetch(Box<Export>, Cursor),
    Nothing,
}

fn chunks(
    export: Export,
    first: Bytes,
    after: Option<Cursor>,
) -> impl Stream<Item = io::Result<Bytes>> {
    futures_util::stream::unfold(
        Rest::Page(Box::new(export), first, after),
        |rest| async move {
            let (export, body, after) = match rest {
                Rest::Nothing => return None,
                Rest::Page(export, body, after) => (export, body, after),
                Rest::Fetch(export, _) if export.app.phase() == Phase::Stopping => {
                    return Some((export.last_word("the server is stopping"), Rest::Nothing));
                }
                Rest::Fetch(mut export, cursor) => {
                    export.request.after = Some(cursor);
                    match export.page().await {
                        Ok((body, after, _)) => (export, body, after),
                        Err(error) => {
                            return Some((export.last_word(&error.message), Rest::Nothing));
                        }
                    }
                }
            };
            let rest = after.map_or(Rest::Nothing, |cursor| Rest::Fetch(export, cursor));
            Some((Ok(body), rest))
        },
    )
}

//! The engine of rules asks the server's query engine, as a client with the tenant's limits would.
//!
//! A question passes admission, waits for its turn and its memory, and has a line in the query log
//! that names the rule. `ruler.max_concurrent` of them run at once, so that any number of rules leaves
//! threads of the pool to people.

use crate::app::App;
use crate::auth::read_scope::ReadScope;
use crate::clock;
use crate::error::ApiError;
use crate::limits::bytes_guard::BytesGuard;
use crate::query_kind::QueryKind;
use crate::telemetry::query_log::QueryLog;
use crate::time_bounds::Bounds;
use axum::http::StatusCode;
use skald_model::{Direction, Labels, TenantId};
use skald_query::{
    Answer, Cancel, Data, InstantRequest, Parsed, QueryError, RangeRequest, Stats, StreamResult,
};
use skald_ruler::engine::{self, Asker, Cost, EngineError, Line, LinesQuestion, Question, Sample};
use std::sync::{Arc, Weak};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

/// Asks for rules. Calls block, so they are not for threads of the runtime.
pub(crate) struct RuleEngine {
    app: Weak<App>,
    runtime: Handle,
    places: Semaphore,
    stopped: watch::Sender<bool>,
}

impl RuleEngine {
    /// Over a running server; `concurrent` questions at once.
    pub(crate) fn new(app: &Arc<App>, runtime: Handle, concurrent: usize) -> RuleEngine {
        RuleEngine {
            app: Arc::downgrade(app),
            runtime,
            places: Semaphore::new(concurrent),
            stopped: watch::Sender::new(false),
        }
    }

    /// Gives up the questions under way, and answers no more.
    pub(crate) fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Waits for a place, then for the future's end.
    fn wait<T>(
        &self,
        ask: impl AsyncFnOnce(&Arc<App>) -> Result<T, ApiError>,
    ) -> Result<T, EngineError> {
        let app = self.app.upgrade().ok_or(EngineError::Stopping)?;
        if app.store.status().recovering {
            let why = "the server is starting and reads its write-ahead log";
            return Err(EngineError::NotReady(why.to_owned()));
        }
        let mut stopped = self.stopped.subscribe();
        let answer = async {
            let _place = self.places.acquire().await.map_err(|_| stopping())?;
            ask(&app).await
        };
        let answer = self.runtime.block_on(async {
            tokio::select! {
                answer = answer => answer,
                _ = stopped.wait_for(|stopped| *stopped) => Err(stopping()),
            }
        });
        answer.map_err(|error| match error.status {
            StatusCode::SERVICE_UNAVAILABLE
                if error.message == QueryError::Stopping.to_string() =>
            {
                EngineError::Stopping
            }
            _ => EngineError::Failed(error.message.trim_end().to_owned()),
        })
    }
}

fn stopping() -> ApiError {
    QueryError::Stopping.into()
}

impl engine::Engine for RuleEngine {
    fn instant(&self, question: &Question<'_>) -> Result<engine::Answer, EngineError> {
        self.wait(async |app| instant(app, question).await)
    }

    fn lines(&self, question: &LinesQuestion<'_>) -> Result<Vec<Line>, EngineError> {
        self.wait(async |app| lines(app, question).await)
    }
}

/// Evaluates a metric query at an instant.
async fn instant(app: &Arc<App>, asked: &Question<'_>) -> Result<engine::Answer, ApiError> {
    let (bounds, query) = (Bounds::at(asked.at), Parsed::parse(asked.query)?);
    let scope = admitted(app, asked.tenant, &query, QueryKind::Instant, bounds)?;
    if scope.look_back(bounds, clock::now()) != bounds {
        return Ok(engine::Answer::default());
    }
    let log = log(app, &scope, QueryKind::Instant, &query, bounds, asked.asker);
    let guard = BytesGuard::new(scope.limits(), scope.tenants(), &query, bounds);
    let request = InstantRequest::new(scope.tenants().clone(), query, asked.at);
    let answer = app.ask(&scope, move |engine, cancel: &Cancel| {
        guard.check(engine, cancel)?;
        whole(engine.query_instant(&request, cancel)?)
    });
    let answer = log.watch(answer.await)?;
    log.end(&answer.stats);
    let samples = match answer.data {
        Data::Vector(samples) => samples
            .into_iter()
            .map(|sample| Sample {
                labels: sample.labels,
                value: sample.value,
            })
            .collect(),
        Data::Scalar(_, value) => vec![Sample {
            labels: Labels::empty(),
            value,
        }],
        Data::Streams(_) | Data::Matrix(_) => {
            return Err(ApiError::bad("rule result is not a vector or scalar"));
        }
    };
    Ok(engine::Answer {
        samples,
        cost: cost(&answer.stats),
    })
}

/// The newest lines of a log query.
async fn lines(app: &Arc<App>, asked: &LinesQuestion<'_>) -> Result<Vec<Line>, ApiError> {
    let query = Parsed::parse(asked.query)?;
    let bounds = Bounds {
        start: asked.range.start,
        end: asked.range.end,
    };
    let scope = admitted(app, asked.tenant, &query, QueryKind::Filter, bounds)?;
    let log = log(app, &scope, QueryKind::Filter, &query, bounds, asked.asker);
    let guard = BytesGuard::new(scope.limits(), scope.tenants(), &query, bounds);
    let limit = scope.limits().entries(asked.limit);
    let request = RangeRequest::new(scope.tenants().clone(), query, bounds.start, bounds.end)
        .limit(limit)
        .direction(Direction::Backward);
    let answer = app.ask(&scope, move |engine, cancel: &Cancel| {
        guard.check(engine, cancel)?;
        whole(engine.query_range(&request, cancel)?)
    });
    let answer = log.watch(answer.await)?;
    log.end(&answer.stats);
    let Data::Streams(streams) = answer.data else {
        return Err(ApiError::bad("only log selector is supported"));
    };
    let mut lines: Vec<Line> = streams.into_iter().flat_map(lines_of).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.time));
    Ok(lines)
}

fn lines_of(stream: StreamResult) -> impl Iterator<Item = Line> {
    let labels = Labels::from_pairs(stream.labels.iter().map(|(name, value)| (name, value)));
    stream.entries.into_iter().map(move |entry| Line {
        time: entry.timestamp,
        labels: labels.clone(),
        text: String::from_utf8_lossy(&entry.line).into_owned(),
    })
}

/// The scope of a tenant's rules, once the query keeps its limits.
fn admitted(
    app: &App,
    tenant: &TenantId,
    query: &Parsed,
    kind: QueryKind,
    bounds: Bounds,
) -> Result<ReadScope, ApiError> {
    let scope = app.read_scope(tenant.clone());
    scope.admit(&app.metrics, query, kind, bounds)?;
    Ok(scope)
}

fn log(
    app: &App,
    scope: &ReadScope,
    kind: QueryKind,
    query: &Parsed,
    bounds: Bounds,
    asker: Asker<'_>,
) -> QueryLog {
    let log = QueryLog::begin(&app.query_log, &scope.tenant(), kind, query.text(), bounds);
    log.of_rule(asker.namespace, asker.group, asker.rule)
}

/// Refuses an answer that is not whole: an alert must not end because a part could not be read.
fn whole(answer: Answer) -> Result<Answer, QueryError> {
    match answer.warnings.first() {
        None => Ok(answer),
        Some(warning) => Err(QueryError::Internal(warning.clone())),
    }
}

fn cost(stats: &Stats) -> Cost {
    Cost {
        bytes: stats.bytes_processed,
        lines: stats.lines_processed,
        streams: stats.streams,
    }
}

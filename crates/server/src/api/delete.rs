//! Delete endpoints create, list and cancel delete requests, as Loki's compactor does.

use crate::api::params::Params;
use crate::api::response::{blocking, json};
use crate::app::App;
use crate::auth::tenant::Tenant;
use crate::config::limits::DeletionMode;
use crate::duration;
use crate::error::ApiError;
use crate::wire::answer::list;
use crate::wire::json::Json;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use skald_model::TenantId;
use skald_store::{CancelError, DeleteError, DeleteRequest, Progress, StoreError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Carries the id of a new request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-delete-request-id");
/// Digits of a time in seconds at most.
const SECONDS_DIGITS_MAX: usize = 10;
const SECOND: i64 = 1_000_000_000;

/// What each of these endpoints is asked with: a tenant that may delete, and the parameters of a
/// form and the URL.
pub(crate) struct Asked {
    tenant: TenantId,
    params: Params,
}

impl FromRequest<Arc<App>> for Asked {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Asked, ApiError> {
        let (mut parts, body) = request.into_parts();
        let Tenant(tenant) = Tenant::from_request_parts(&mut parts, app).await?;
        check_available(app, &tenant)?;
        let params = Params::from_request(Request::from_parts(parts, body), app).await?;
        Ok(Asked { tenant, params })
    }
}

/// POST and PUT: makes a request.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Asked { tenant, params }: Asked,
) -> Result<Response, ApiError> {
    let order = order(&params, crate::clock::now())?;
    let id = blocking(move || {
        app.store
            .delete(&tenant, &order.query, order.start, order.end)
    })
    .await??;
    let id = HeaderValue::from_str(&id)
        .map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok((StatusCode::NO_CONTENT, [(REQUEST_ID, id)]).into_response())
}

/// GET: lists requests.
pub(crate) async fn list_requests(
    State(app): State<Arc<App>>,
    Asked { tenant, params }: Asked,
) -> Result<Response, ApiError> {
    let mut requests = blocking(move || app.store.deletes(&tenant))
        .await?
        .map_err(|error| unavailable(&error))?;
    if !params.get("start").is_empty() && !params.get("end").is_empty() {
        let (start, end) = (time(&params, "start")?, time(&params, "end")?);
        requests.retain(|request| request.start <= end && request.end >= start);
    }
    if params.get("for_querytime_filtering") == "true" {
        requests.retain(|request| request.progress != Progress::Processed);
    }
    Ok(json(encode(&requests)))
}

/// DELETE: takes a request back.
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    Asked { tenant, params }: Asked,
) -> Result<StatusCode, ApiError> {
    let (id, force) = (
        params.get("request_id").to_owned(),
        params.get("force") == "true",
    );
    blocking(move || app.store.cancel_delete(&tenant, &id, force)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// `cache/generation_numbers`: a text that changes when what is deleted does.
pub(crate) async fn generation(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
) -> Result<Response, ApiError> {
    check_available(&app, &tenant)?;
    let requests = blocking(move || app.store.deletes(&tenant))
        .await?
        .map_err(|error| unavailable(&error))?;
    let mut hasher = DefaultHasher::new();
    encode(&requests).hash(&mut hasher);
    Ok(json(format!("\"{}\"\n", hasher.finish())))
}

/// Whether the tenant may delete.
fn check_available(app: &App, tenant: &TenantId) -> Result<(), ApiError> {
    if !app.config.compactor.retention_enabled {
        return Err(ApiError::bad("Retention is not enabled"));
    }
    if app.limits_of(tenant).limits.deletion_mode == DeletionMode::Disabled {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "deletion is not available for this tenant",
        ));
    }
    Ok(())
}

/// What is to be deleted.
#[derive(Debug, PartialEq, Eq)]
struct Order {
    query: String,
    start: i64,
    end: i64,
}

fn order(params: &Params, now: i64) -> Result<Order, ApiError> {
    let query = params.query().to_owned();
    if query.is_empty() {
        return Err(ApiError::bad("query not set"));
    }
    if params.get("start").is_empty() {
        return Err(ApiError::bad("start time not set"));
    }
    let start = time(params, "start")?;
    let end = if params.get("end").is_empty() {
        now
    } else {
        time(params, "end")?
    };
    if end > now {
        return Err(ApiError::bad("deletes in the future are not allowed"));
    }
    if start >= end {
        return Err(ApiError::bad(
            "start time can't be greater than or equal to end time",
        ));
    }
    // Loki cuts a request into pieces of this length; here nothing depends on it.
    let interval = params.get("max_interval");
    if !interval.is_empty() && duration::parse(interval).is_none() {
        return Err(ApiError::bad(format!(
            "invalid max_interval: not a valid duration: {interval:?}"
        )));
    }
    Ok(Order { query, start, end })
}

/// Seconds since 1970, or RFC 3339.
fn time(params: &Params, name: &str) -> Result<i64, ApiError> {
    let text = params.get(name);
    if text.len() <= SECONDS_DIGITS_MAX
        && let Ok(seconds) = text.parse::<u32>()
    {
        return Ok(i64::from(seconds) * SECOND);
    }
    let moment: Result<jiff::Timestamp, _> = text.parse();
    let nanoseconds = moment
        .ok()
        .and_then(|t| i64::try_from(t.as_nanosecond()).ok());
    nanoseconds.ok_or_else(|| {
        ApiError::bad(format!(
            "invalid {name} time: require unix seconds or RFC3339 format"
        ))
    })
}

fn encode(requests: &[DeleteRequest]) -> Vec<u8> {
    let mut out = Json::default();
    list(&mut out, requests, |out, request| {
        out.raw("{\"request_id\":");
        out.text(&request.id);
        out.raw(",\"start_time\":");
        out.seconds(request.start);
        out.raw(",\"end_time\":");
        out.seconds(request.end);
        out.raw(",\"query\":");
        out.text(&request.query);
        out.raw(",\"status\":");
        out.text(&status(request.progress));
        out.raw(",\"created_at\":");
        out.seconds(request.created);
        out.raw(",\"user_id\":\"\"}");
    });
    out.raw("\n");
    out.finish()
}

fn status(progress: Progress) -> String {
    match progress {
        Progress::Received => "received".to_owned(),
        Progress::Working(percent) => format!("{percent}% Complete"),
        Progress::Processed => "processed".to_owned(),
    }
}

impl From<DeleteError> for ApiError {
    fn from(error: DeleteError) -> ApiError {
        match error {
            DeleteError::Query(text) => ApiError::bad(text),
            DeleteError::TooMany(_) => {
                ApiError::new(StatusCode::TOO_MANY_REQUESTS, error.to_string())
            }
            DeleteError::Store(error) => unavailable(&error),
        }
    }
}

impl From<CancelError> for ApiError {
    fn from(error: CancelError) -> ApiError {
        match error {
            CancelError::NotFound => ApiError::new(StatusCode::NOT_FOUND, error.to_string()),
            CancelError::TooLate(period) => {
                let period = duration::show(i64::try_from(period.as_nanos()).unwrap_or(i64::MAX));
                ApiError::bad(format!(
                    "deletion of request past the deadline of {period} since its creation is not allowed"
                ))
            }
            CancelError::Processed => ApiError::bad(error.to_string()),
            CancelError::Store(error) => unavailable(&error),
        }
    }
}

/// The disk refused: nothing was changed, and trying again is sound.
fn unavailable(error: &StoreError) -> ApiError {
    tracing::error!(%error, "delete requests can't be read or stored");
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(i64, i64), &str>) {
        let params = Params::parse(text).expect("valid parameters");
        let found = order(&params, 2_000_000_000 * SECOND)
            .map(|order| (order.start / SECOND, order.end / SECOND));
        assert_eq!(
            found.map_err(|e| e.message),
            expected.map_err(str::to_owned),
            "{text}"
        );
    }

    #[test]
    fn requests_are_read_and_refused_as_loki_does() {
        check(
            "query=x&start=1700000000",
            Ok((1_700_000_000, 2_000_000_000)),
        );
        check(
            "query=x&start=2023-11-14T22:13:20Z&end=1700000001&max_interval=1h",
            Ok((1_700_000_000, 1_700_000_001)),
        );
        check("start=1700000000", Err("query not set"));
        check("query=x", Err("start time not set"));
        check(
            "query=x&start=17000000000",
            Err("invalid start time: require unix seconds or RFC3339 format"),
        );
        check(
            "query=x&start=1&end=x",
            Err("invalid end time: require unix seconds or RFC3339 format"),
        );
        check(
            "query=x&start=1&end=2000000001",
            Err("deletes in the future are not allowed"),
        );
        check(
            "query=x&start=5&end=5",
            Err("start time can't be greater than or equal to end time"),
        );
        check(
            "query=x&start=5&end=6&max_interval=x",
            Err("invalid max_interval: not a valid duration: \"x\""),
        );
    }

    #[test]
    fn requests_are_listed_in_lokis_shape() {
        let request = DeleteRequest {
            id: "0a1b2c3d".to_owned(),
            query: "{a=\"b\"}".to_owned(),
            start: SECOND,
            end: 2 * SECOND,
            created: 1_500_000_000,
            progress: Progress::Working(40),
        };
        let expected = "[{\"request_id\":\"0a1b2c3d\",\"start_time\":1,\"end_time\":2,\"query\":\"{a=\\\"b\\\"}\",\
             \"status\":\"40% Complete\",\"created_at\":1.5,\"user_id\":\"\"}]\n";
        assert_eq!(String::from_utf8_lossy(&encode(&[request])), expected);
    }
}

//! Groups of rules are read, set and removed, in the words and statuses that Loki's clients check.

use super::answers::{ErrorKind, changed, error, version_of, yaml, yaml_of_group};
use super::names::{GroupName, Namespace};
use crate::api::params::Params;
use crate::api::response::blocking;
use crate::app::App;
use crate::auth::tenant::Tenant;
use crate::error::ApiError;
use crate::rules::{Precondition, Rules, RulesError};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use skald_model::TenantId;
use skald_ruler::ruler::Loaded;
use skald_ruler::rules::{self, RuleGroup, write_group, write_namespaces};
use std::borrow::Cow;
use std::sync::Arc;

/// Most bytes of a group as it is posted.
const GROUP_BYTES_MAX: u64 = 4 << 20;

/// `GET rules`
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, Response> {
    list_of(&app, tenant, None, &params).await
}

/// `GET rules/{namespace}`
pub(crate) async fn list_namespace(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Namespace(namespace): Namespace,
    params: Params,
) -> Result<Response, Response> {
    list_of(&app, tenant, Some(namespace), &params).await
}

async fn list_of(
    app: &Arc<App>,
    tenant: TenantId,
    namespace: Option<String>,
    params: &Params,
) -> Result<Response, Response> {
    let service = served(app)?;
    let wanted = wanted_labels(params.get("labels"));
    let body = run(move || {
        let groups = service.groups(&tenant)?;
        let of_namespace = groups
            .iter()
            .filter(|loaded| namespace.as_deref().is_none_or(|n| *n == *loaded.namespace));
        let chosen: Vec<(&str, Cow<'_, RuleGroup>)> = of_namespace
            .filter_map(|loaded| Some((&*loaded.namespace, with_labels(loaded, &wanted)?)))
            .collect();
        if chosen.is_empty() {
            return Err(RulesError::NoGroups);
        }
        Ok(write_namespaces(
            chosen.iter().map(|(name, group)| (*name, &**group)),
        ))
    });
    Ok(yaml(body.await?))
}

/// `labels=k:v,k2:v2`
fn wanted_labels(text: &str) -> Vec<(String, String)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once(':'));
    let trimmed = |text: &str| text.trim().to_owned();
    pairs
        .map(|(name, value)| (trimmed(name), trimmed(value)))
        .collect()
}

/// The group with its rules that have any of the labels; `None` when there are none of them.
fn with_labels<'a>(loaded: &'a Loaded, wanted: &[(String, String)]) -> Option<Cow<'a, RuleGroup>> {
    let group = &*loaded.group;
    if wanted.is_empty() {
        return Some(Cow::Borrowed(group));
    }
    let mut some = group.clone();
    some.rules.retain(|rule| {
        let labels = group.labels_of(rule);
        wanted
            .iter()
            .any(|(name, value)| labels.get(name) == Some(value))
    });
    (!some.rules.is_empty()).then_some(Cow::Owned(some))
}

/// `GET rules/{namespace}/{group}`
pub(crate) async fn group(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    GroupName(namespace, name): GroupName,
) -> Result<Response, Response> {
    let service = served(&app)?;
    let found = run(move || service.group(&tenant, &namespace, &name)).await?;
    Ok(yaml_of_group(write_group(&found.group), found.revision))
}

/// `POST rules/{namespace}`: sets the group of the body.
pub(crate) async fn set(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Namespace(namespace): Namespace,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let service = served(&app)?;
    let bytes = app.arrivals.read(body, &app.config, GROUP_BYTES_MAX).await;
    let bytes = bytes.map_err(IntoResponse::into_response)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| undecodable())?;
    let group = rules::read_group(text, service.templates());
    let group = group.map_err(|faults| plain(rules::joined(&faults)))?;
    let precondition = precondition(&headers);
    let limits = app.limits_of(&tenant);
    run(move || service.set(&tenant, &namespace, group, &limits.limits, &precondition)).await?;
    Ok(changed())
}

/// `DELETE rules/{namespace}`
pub(crate) async fn remove_namespace(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    Namespace(namespace): Namespace,
) -> Result<Response, Response> {
    let service = served(&app)?;
    run(move || service.remove_namespace(&tenant, &namespace)).await?;
    Ok(changed())
}

/// `DELETE rules/{namespace}/{group}`
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    GroupName(namespace, name): GroupName,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let service = served(&app)?;
    let precondition = precondition(&headers);
    run(move || service.remove_group(&tenant, &namespace, &name, &precondition)).await?;
    Ok(changed())
}

/// What a change is to find, by `If-Match` and `If-None-Match: *`.
fn precondition(headers: &HeaderMap) -> Precondition {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match (text(IF_MATCH), text(IF_NONE_MATCH)) {
        (Some("*"), _) => Precondition::Exists,
        (Some(tags), _) => Precondition::Is(tags.split(',').filter_map(version_of).collect()),
        (None, Some("*")) => Precondition::Absent,
        _ => Precondition::Anything,
    }
}

/// The rules, where their API is switched on and the server has started.
#[expect(
    clippy::result_large_err,
    reason = "a response is what a handler gives"
)]
fn served(app: &App) -> Result<Arc<Rules>, Response> {
    if !app.config.ruler.enable_api {
        let text = "404 page not found\n";
        return Err(ApiError::new(StatusCode::NOT_FOUND, text).into_response());
    }
    app.rules().map_err(IntoResponse::into_response)
}

/// Runs a job that waits for the disk.
async fn run<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, RulesError> + Send + 'static,
) -> Result<T, Response> {
    let done = blocking(job).await.map_err(IntoResponse::into_response)?;
    done.map_err(|refused| refusal(&refused))
}

/// The text of a mistake with 400.
fn plain(text: String) -> Response {
    ApiError::bad(text + "\n").into_response()
}

fn undecodable() -> Response {
    plain("unable to decoded rule group".to_owned())
}

fn refusal(refused: &RulesError) -> Response {
    let not_found = |text: &str| ApiError::new(StatusCode::NOT_FOUND, text).into_response();
    match refused {
        RulesError::NoGroups => not_found("no rule groups found\n"),
        RulesError::NoGroup => not_found("group does not exist\n"),
        RulesError::NoNamespace => not_found("group namespace does not exist\n"),
        RulesError::Limit(text) => plain(text.clone()),
        RulesError::ReadOnly("GetRuleGroup") | RulesError::Unreadable(_) => {
            plain(refused.to_string())
        }
        RulesError::ReadOnly(_) => error(ErrorKind::ServerError, &refused.to_string()),
        RulesError::Changed => {
            let text = "the group is not what the request expects: read it again\n";
            ApiError::new(StatusCode::PRECONDITION_FAILED, text).into_response()
        }
        RulesError::Disk(why) => {
            tracing::error!(error = why, "rules can't be read or stored");
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, refused.to_string()).into_response()
        }
    }
}

//! Pushes and the questions of senders go to their receivers, and answers back as these say.

use crate::api::journal;
use crate::api::sources::Sender;
use crate::app::App;
use crate::auth::tenant::Tenant;
use crate::error::ApiError;
use crate::senders::{self, SenderRoute, Takes};
use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_ENCODING;
use axum::http::request::Parts;
use axum::response::Response;
use skald_ingest::{Protocol, PushReply, PushRequest, Question};
use std::sync::Arc;

/// A request on a route of senders.
pub(crate) async fn receive(
    app: Arc<App>,
    route: &'static SenderRoute,
    request: Request,
) -> Response {
    if route.takes == Takes::Questions {
        return senders::answer(skald_ingest::answer(
            route.protocol,
            &question(route, &request),
        ));
    }
    let content_type = senders::content_type(request.headers());
    let (parts, body) = request.into_parts();
    let mut sender = Sender::of(&parts);
    let reply = take(
        &app,
        route,
        content_type.clone(),
        (parts, body),
        &mut sender,
    )
    .await;
    let reply = reply.unwrap_or_else(|error| {
        let status = error.status.as_u16();
        skald_ingest::refusal(
            route.protocol,
            content_type.as_deref(),
            status,
            &error.message,
        )
    });
    sender.record(&app, route.protocol, &reply);
    senders::answer(reply)
}

fn question(route: &SenderRoute, request: &Request) -> Question {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or(""));
    Question {
        method: request.method().as_str().to_owned(),
        path: path.to_owned(),
        parameters: senders::parameters(route, path, query),
    }
}

async fn take(
    app: &Arc<App>,
    route: &SenderRoute,
    content_type: Option<String>,
    (mut parts, body): (Parts, Body),
    sender: &mut Sender,
) -> Result<PushReply, ApiError> {
    let query = parts.uri.query().unwrap_or("");
    let parameters = senders::parameters(route, parts.uri.path(), query);
    if route.path.contains("{tenant}")
        && let Some(tenant) = parameters.get("tenant")
    {
        let tenant = HeaderValue::from_str(tenant)
            .map_err(|_| ApiError::bad("the tenant in the path can't be one"))?;
        parts.headers.insert("x-scope-orgid", tenant);
    }
    let tenant = Tenant::from_request_parts(&mut parts, app).await?;
    let tenant = tenant.for_push()?;
    sender.of_tenant(&tenant);
    let encoding = parts.headers.get(CONTENT_ENCODING);
    if route.protocol == Protocol::Journal && encoding.is_none() {
        return journal::upload(app, (&tenant, sender), content_type.as_deref(), body).await;
    }
    let max = app.config.distributor.max_recv_msg_size.0;
    let body = app.arrivals.read(body, &app.config, max).await?;
    let push = PushRequest {
        content_type,
        content_encoding: encoding.map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()),
        parameters,
        ..PushRequest::new(route.protocol, body)
    };
    let forwarder = app.forwarder.as_ref();
    let forwarder = forwarder.filter(|_| route.protocol == Protocol::K8sAudit);
    let copy = forwarder.map(|_| push.clone());
    let reply = app.ingest.push(&tenant, push).await;
    // What is not stored here comes again.
    if let (Some(forwarder), Some(push), 200) = (forwarder, copy, reply.status) {
        forwarder.send(push);
    }
    app.coalescer.written(&tenant);
    Ok(reply)
}

//! The root path leads browsers to the page and greets Elasticsearch clients.
//!
//! Those ask `/` first, and go on when version, tagline and `X-Elastic-Product` are what they know.
//! Others want a 200: Vector's health check, Helm's probes.

use crate::api::page;
use crate::api::response::json;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use serde_json::json;

const ELASTIC_PRODUCT: HeaderName = HeaderName::from_static("x-elastic-product");

/// The version of Elasticsearch whose clients are greeted.
const ELASTIC_VERSION: &str = "8.19.0";

/// `/`
pub(crate) async fn root(headers: HeaderMap) -> Response {
    page::redirect(&headers).unwrap_or_else(handshake)
}

fn handshake() -> Response {
    let body = json!({
        "name": "skald",
        "cluster_name": "skald",
        "cluster_uuid": "skald",
        "version": {
            "number": ELASTIC_VERSION,
            "build_flavor": "default",
            "build_type": "skald",
            "build_hash": env!("CARGO_PKG_VERSION"),
            "build_snapshot": false,
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0",
        },
        "tagline": "You Know, for Search",
    });
    let mut response = json(format!("{body}\n").into_bytes());
    response
        .headers_mut()
        .insert(ELASTIC_PRODUCT, HeaderValue::from_static("Elasticsearch"));
    response
}

//! Requests to receivers: how they are configured, who they say they are, and what an answer means.

mod answer;
mod auth;
mod backoff;
mod client;
mod config;
mod oauth2;
mod secret;
mod target_url;

pub(crate) use answer::{Answer, Delivery, Verdict};
pub(crate) use backoff::Backoff;
pub(crate) use client::Client;
pub use config::{Authorization, BasicAuth, HttpConfig, OAuth2, TlsConfig};
pub use secret::Secret;
pub use target_url::TargetUrl;

//! Listeners beside HTTP: syslog's, whose batches become pushes.

use crate::app::App;
use crate::config::syslog::{self, SyslogListener};
use crate::syslog::Surroundings;
use crate::telemetry::self_logs;
use skald_ingest::{Protocol, PushRequest};
use skald_model::TenantId;
use skald_syslog::listen::sink::{Sink, Taken};
use std::sync::Arc;

/// Lets exactly these syslog listeners run; the error names the first that can't.
pub(crate) async fn apply(app: &Arc<App>, wanted: &[SyslogListener]) -> Result<(), String> {
    let config = &app.config;
    syslog::check(wanted, config.auth_enabled, &config.server.tls)?;
    let reserved = |listener: &&SyslogListener| {
        TenantId::parse(&listener.tenant).is_ok_and(|tenant| self_logs::is_reserved(&tenant))
    };
    if let Some(listener) = wanted.iter().find(reserved) {
        return Err(format!(
            "syslog.listeners: {}: tenant '{}' is reserved for the server's own logs",
            listener.address, listener.tenant
        ));
    }
    let surroundings = Surroundings {
        budget: app.store.budget(),
        tls: &config.server.tls,
        default_tenant: &app.default_tenant,
        sink: &|tenant| sink(app.clone(), tenant),
    };
    app.syslog.apply(wanted, &surroundings).await
}

/// Pushes batches of a tenant; one that the store does not take now is to be handed on again.
fn sink(app: Arc<App>, tenant: TenantId) -> Sink {
    Arc::new(move |body| {
        let (app, tenant) = (app.clone(), tenant.clone());
        Box::pin(async move {
            let push = PushRequest::new(Protocol::Syslog, body);
            let reply = app.ingest.push(&tenant, push).await;
            app.coalescer.written(&tenant);
            match reply.status {
                429 | 500.. => Taken::Later,
                _ => {
                    if !reply.body.is_empty() {
                        let why = String::from_utf8_lossy(&reply.body);
                        tracing::debug!(%tenant, why = why.trim_end(), "syslog: limits refused messages");
                    }
                    Taken::Done
                }
            }
        })
    })
}

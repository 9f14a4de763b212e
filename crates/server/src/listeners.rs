//! Listeners beside HTTP: syslog's, whose batches become pushes.

use crate::app::App;
use crate::config::syslog::{self, SyslogListener};
use crate::sources::table::SourceKey;
use crate::syslog::Surroundings;
use crate::telemetry::self_logs;
use skald_ingest::{Protocol, PushAccount, PushReply, PushRequest};
use skald_model::TenantId;
use skald_syslog::batch::Batch;
use skald_syslog::listen::sink::{Sink, Taken};
use std::collections::BTreeMap;
use std::net::IpAddr;
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
            let from = senders_of(&push.body);
            let reply = app.ingest.push(&tenant, push).await;
            app.coalescer.written(&tenant);
            note(&app, &tenant, from, &reply);
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

/// Addresses that messages of a batch came from, with their messages and bytes.
fn senders_of(body: &[u8]) -> BTreeMap<Option<IpAddr>, (u64, u64)> {
    let mut senders = BTreeMap::new();
    let Ok((_, mut batch)) = Batch::open(body) else {
        return senders;
    };
    while let Ok(Some(frame)) = batch.next_frame() {
        let (messages, bytes): &mut (u64, u64) = senders.entry(frame.address).or_default();
        *messages += 1;
        *bytes += frame.bytes.len() as u64;
    }
    senders
}

/// Notes a batch as a push of each address; what was refused of it counts for one that is alone.
fn note(
    app: &App,
    tenant: &TenantId,
    senders: BTreeMap<Option<IpAddr>, (u64, u64)>,
    reply: &PushReply,
) {
    let is_alone = senders.len() == 1;
    for (address, (messages, bytes)) in senders {
        let key = SourceKey {
            receiver: "syslog".to_owned(),
            client: address.map_or_else(String::new, |ip| ip.to_canonical().to_string()),
            user_agent: String::new(),
            tenant: tenant.as_str().to_owned(),
        };
        let shared = PushAccount {
            entries: messages.min(reply.account.entries),
            bytes,
            newest: reply.account.newest,
            ..PushAccount::default()
        };
        let account = match is_alone {
            true => reply.account.clone(),
            false => Box::new(shared),
        };
        let reply = PushReply {
            account,
            ..reply.clone()
        };
        app.sources.record(key, &reply, crate::clock::now());
    }
}

/// How many connections fit beside the store's files; says so when they are fewer than was set.
pub(crate) fn connections(config: &crate::config::Config) -> usize {
    let shared = config.descriptors();
    let (limit, wanted) = (shared.limit, config.server.http_listen_conn_limit);
    if shared.connections < wanted {
        tracing::info!(
            connections = shared.connections,
            http_listen_conn_limit = wanted,
            open_files_limit = limit,
            part_files = shared.files,
            "connections are limited by the descriptors the process may have"
        );
    }
    shared.connections
}

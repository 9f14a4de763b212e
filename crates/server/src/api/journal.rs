//! Uploads of the journal, whose body may be endless: entries are stored as they come.
//!
//! The sender reads the answer only when it has nothing more to send, and sends all again when the
//! answer is an error. So what can be mended by waiting is waited for, and nothing more is read
//! meanwhile.

use crate::api::sources::Sender;
use crate::app::{App, Phase};
use crate::error::ApiError;
use axum::body::Body;
use axum::http::StatusCode;
use http_body_util::BodyExt;
use skald_ingest::{JournalStream, Protocol, PushReply, PushRequest};
use skald_model::{Held, MemoryUser, TenantId};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// The media type of the journal's export format.
const CONTENT_TYPE: &str = "application/vnd.fdo.journal";

/// Whole entries are stored when they have this many bytes, or when nothing came for `QUIET`.
const BLOCK_BYTES: usize = 512 << 10;
const QUIET: Duration = Duration::from_millis(50);

/// Bytes taken at once, so that what is gathered stays bounded.
const PIECE_BYTES: usize = 64 << 10;

/// How long an upload waits for a store that takes nothing, or for memory, before it is refused.
const WAIT: Duration = Duration::from_secs(25);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Takes an upload; the answer is that of its last block, or of the first that was refused.
pub(crate) async fn upload(
    app: &Arc<App>,
    (tenant, sender): (&TenantId, &Sender),
    content_type: Option<&str>,
    mut body: Body,
) -> Result<PushReply, ApiError> {
    if !content_type.is_some_and(|kind| kind.starts_with(CONTENT_TYPE)) {
        let why = format!("expected the content type {CONTENT_TYPE}");
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    let mut upload = Upload {
        app,
        tenant,
        sender,
        stream: JournalStream::default(),
        held: Held::new(app.store.budget(), MemoryUser::Bodies),
    };
    let patience = app.config.server.http_server_read_timeout;
    let mut silence = Duration::ZERO;
    loop {
        let wait = match upload.stream.ready() {
            0 => patience.saturating_sub(silence),
            _ => QUIET,
        };
        let frame = match timeout(wait, body.frame()).await {
            Ok(frame) => frame,
            Err(_) if upload.stream.ready() > 0 => {
                silence = QUIET;
                upload.store().await?;
                continue;
            }
            Err(_) => return Err(too_slow()),
        };
        silence = Duration::ZERO;
        let Some(frame) = frame else {
            break;
        };
        let frame = frame.map_err(|error| match app.phase() {
            Phase::Running => ApiError::bad(format!("reading the request body: {error}")),
            Phase::Stopping => stopping(),
        })?;
        for piece in frame
            .data_ref()
            .into_iter()
            .flat_map(|data| data.chunks(PIECE_BYTES))
        {
            upload.stream.push(piece);
            upload.cover().await?;
            if upload.stream.ready() >= BLOCK_BYTES {
                upload.store().await?;
            }
        }
        if app.phase() == Phase::Stopping {
            upload.store().await?;
            return Err(stopping());
        }
    }
    let is_whole = upload.stream.end();
    let reply = upload.store().await?;
    match is_whole {
        // Each block was noted by itself.
        true => Ok(PushReply {
            account: Box::default(),
            ..reply
        }),
        false => Err(ApiError::bad(
            "the body ends within an entry of the journal's export format",
        )),
    }
}

/// An upload under way.
struct Upload<'a> {
    app: &'a App,
    tenant: &'a TenantId,
    sender: &'a Sender,
    stream: JournalStream,
    held: Held,
}

impl Upload<'_> {
    /// Charges what the stream holds, once there is room.
    async fn cover(&mut self) -> Result<(), ApiError> {
        let (bytes, since) = (self.stream.bytes(), Instant::now());
        while !self.held.try_cover(bytes) {
            if since.elapsed() > WAIT {
                self.held.budget().count_refusal(MemoryUser::Bodies);
                let why = "no memory for the request body now; send it again later";
                return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, why));
            }
            sleep(LOOK_EVERY).await;
        }
        self.held.shrink_to(bytes);
        Ok(())
    }

    /// Stores the entries that are whole; an error when the store does not take them.
    async fn store(&mut self) -> Result<PushReply, ApiError> {
        let push = PushRequest::new(Protocol::Journal, self.stream.take());
        let since = Instant::now();
        loop {
            let reply = self.app.ingest.push(self.tenant, push.clone()).await;
            self.app.coalescer.written(self.tenant);
            let is_later = matches!(reply.status, 429 | 500..);
            if !is_later {
                self.sender.record(self.app, Protocol::Journal, &reply);
                return match reply.status {
                    ..300 => Ok(reply),
                    _ => Err(refused(&reply)),
                };
            }
            if since.elapsed() > WAIT || self.app.phase() == Phase::Stopping {
                return Err(refused(&reply));
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

fn stopping() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping")
}

fn too_slow() -> ApiError {
    let why = "the request body did not arrive in time";
    ApiError::new(StatusCode::REQUEST_TIMEOUT, why)
}

fn refused(reply: &PushReply) -> ApiError {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    ApiError::new(status, String::from_utf8_lossy(&reply.body))
}

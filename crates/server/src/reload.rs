//! Reloading rereads limits, tokens and certificates periodically while the server runs.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Files are read no more often than this.
const PERIOD_MIN: Duration = Duration::from_millis(100);

/// Something that can be read again; the error says why what was in force stays.
pub(crate) type Reload = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Reads each again every `period`, and when it is `wanted` at once; an error is logged once until
/// it changes.
pub(crate) async fn watch(all: Vec<Reload>, period: Duration, wanted: Arc<Notify>) {
    let mut reported = vec![String::new(); all.len()];
    loop {
        tokio::select! {
            () = tokio::time::sleep(period.max(PERIOD_MIN)) => {}
            () = wanted.notified() => {
                tracing::info!("reading limits, tokens and certificates again");
                // An operator who asks for it wants to hear of what is still wrong.
                reported.fill(String::new());
            }
        }
        for (reload, reported) in all.iter().zip(&mut reported) {
            let reload = reload.clone();
            let reloaded = tokio::task::spawn_blocking(move || reload()).await;
            let error = reloaded
                .unwrap_or_else(|error| Err(error.to_string()))
                .err()
                .unwrap_or_default();
            if !error.is_empty() && error != *reported {
                tracing::error!(error, "reload failed; the previous file stays in force");
            }
            *reported = error;
        }
    }
}

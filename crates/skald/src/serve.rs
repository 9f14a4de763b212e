//! `skald serve`: starts the server, says where it is, and stops it in order on a signal.

use crate::settings::Loaded;
use crate::signals::{Signals, Wish};
use crate::{allocator, memory_guard};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use skald_model::give_back;
use skald_server::telemetry::logging;
use skald_server::{Running, Server};
use std::io::Write;
use std::time::Instant;

/// Threads for what waits for the disk besides pushes and queries, which have their own: pages,
/// deletes, flushes that were asked for.
const BLOCKING_THREADS: usize = 16;

/// Takes as many file descriptors as the system grants: tails and parts are one each, and the usual
/// soft limit of 1024 is kept low only for programs that use `select`.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum || limit.maximum.is_none() {
        // Refused, the server works with what it has; the metric process_max_fds tells.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: limit.maximum,
                maximum: limit.maximum,
            },
        );
    }
}

/// Runs until SIGTERM or ctrl-c; a second one of them ends the stop that the first began.
/// `reread` gives the settings as they are by now, for those that may change while it runs.
pub(crate) fn serve(
    loaded: Loaded,
    reread: &dyn Fn() -> Result<Loaded, String>,
) -> Result<(), String> {
    raise_open_files();
    let memory = loaded.config.memory_bytes();
    allocator::give_back_soon(memory).map_err(|error| format!("starting threads: {error}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS)
        .on_thread_park(give_back::when_asked)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| format!("starting threads: {error}"))?;
    let result = runtime.block_on(run(loaded, reread));
    // A replay that a signal cut short must not hold up the end: nothing of it is lost.
    runtime.shutdown_background();
    result
}

async fn run(loaded: Loaded, reread: &dyn Fn() -> Result<Loaded, String>) -> Result<(), String> {
    let started = Instant::now();
    let Loaded {
        config,
        warnings,
        logged,
    } = loaded;
    let own_lines = logging::start(config.server.log_level, config.server.log_format);
    for warning in warnings {
        tracing::warn!("configuration: {warning}");
    }
    for line in logged {
        tracing::info!("{line}");
    }
    // Signals are taken from the first moment, so that one that comes early is not lost.
    let mut signals = Signals::take()?;
    let data = config.data.display().to_string();
    let running = tokio::select! {
        started = Server::start(config, own_lines) => started.map_err(|error| error.to_string())?,
        // Files are read now anyway.
        () = signals.end() => return Ok(()),
    };
    memory_guard::watch(running.app().store.budget().clone())
        .map_err(|error| format!("starting threads: {error}"))?;
    let line = format!(
        "skald listening on http://{}, data in {data}, ready in {} ms\n",
        running.address,
        started.elapsed().as_millis()
    );
    let mut stdout = std::io::stdout();
    // A closed stdout is no reason not to serve.
    let _ = stdout
        .write_all(line.as_bytes())
        .and_then(|()| stdout.flush());
    while signals.next().await == Wish::Reload {
        running.reload();
        reload_listeners(&running, reread).await;
    }
    running
        .stop_unless(signals.end())
        .await
        .map_err(|error| format!("closing the store: {error}"))
}

/// Starts and stops the listeners that the settings have gained and lost.
async fn reload_listeners(running: &Running, reread: &dyn Fn() -> Result<Loaded, String>) {
    let result = match reread() {
        Ok(loaded) => running.set_syslog(&loaded.config.syslog.listeners).await,
        Err(error) => Err(error),
    };
    if let Err(error) = result {
        tracing::error!(error, "reload of syslog.listeners failed");
    }
}

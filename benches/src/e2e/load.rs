//! The loader pushes a corpus as shippers do: a few connections, each waiting for its answer before
//! the next push.

use super::corpus::Corpus;
use super::machine;
use super::{Error, Running};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Connections that push at once.
const CONNECTIONS: usize = 4;
/// Longest wait until the server idles, and the CPU of a second below which it does.
const SETTLE_MAX: Duration = Duration::from_secs(180);
const IDLE_MS: f64 = 50.0;
/// How many such seconds in a row count as idle.
const IDLE_SECONDS: usize = 5;

/// What loading came to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Load {
    pub(super) mb_per_s: f64,
    /// Until the server idled.
    pub(super) cpu_s_per_gb: f64,
    pub(super) push_p50_ms: f64,
    pub(super) push_p99_ms: f64,
    pub(super) peak_mb: f64,
    pub(super) disk_mb: f64,
}

/// Speed of some pushes.
#[derive(Clone, Debug)]
pub(super) struct Pushed {
    pub(super) mb_per_s: f64,
    /// Milliseconds of each push, sorted.
    pub(super) latencies: Vec<f64>,
}

/// Pushes the bodies with numbers in `which`, at most at `limit` megabytes of lines a second.
pub(super) fn push(
    server: &Running,
    corpus: &Corpus,
    which: std::ops::Range<usize>,
    limit: Option<f64>,
) -> Result<Pushed, Error> {
    let megabytes_each = corpus.meta.megabytes() / corpus.meta.bodies as f64;
    let source = Mutex::new(
        corpus
            .bodies()?
            .enumerate()
            .skip(which.start)
            .take(which.len()),
    );
    let (latencies, refused) = (Mutex::new(Vec::new()), Mutex::new(None));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let client = server.client();
                loop {
                    let Some((number, body)) = source.lock().next() else {
                        return;
                    };
                    if let Some(limit) = limit {
                        let due = Duration::from_secs_f64(
                            (number - which.start) as f64 * megabytes_each / limit,
                        );
                        std::thread::sleep(due.saturating_sub(began.elapsed()));
                    }
                    match push_one(&client, &body) {
                        Ok(millis) => latencies.lock().push(millis),
                        Err(error) => *refused.lock() = Some(error),
                    }
                }
            });
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    if let Some(error) = refused.into_inner() {
        return Err(error);
    }
    let mut latencies = latencies.into_inner();
    latencies.sort_unstable_by(f64::total_cmp);
    Ok(Pushed {
        mb_per_s: which.len() as f64 * megabytes_each / seconds,
        latencies,
    })
}

/// Milliseconds until a push was taken; it is tried again while the server is busy.
fn push_one(client: &skald_tests::http::Client, body: &[u8]) -> Result<f64, Error> {
    loop {
        let began = Instant::now();
        let reply = client.post("/loki/api/v1/push", "application/x-protobuf", body)?;
        match reply.status {
            200 | 204 => return Ok(began.elapsed().as_secs_f64() * 1e3),
            429 | 500.. => std::thread::sleep(Duration::from_millis(200)),
            status => {
                return Err(Error(format!(
                    "a push was refused with {status}: {}",
                    reply.text
                )));
            }
        }
    }
}

/// The value below which a share of sorted values lies.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted
        .get((sorted.len() as f64 * share) as usize)
        .or(sorted.last())
        .copied()
        .unwrap_or(f64::NAN)
}

/// Waits until the server uses no CPU any more.
pub(super) fn settle(server: &Running) {
    let (began, mut idle, mut last) = (Instant::now(), 0, server.cpu_ms());
    while idle < IDLE_SECONDS && began.elapsed() < SETTLE_MAX {
        std::thread::sleep(Duration::from_secs(1));
        let now = server.cpu_ms();
        idle = if now - last < IDLE_MS { idle + 1 } else { 0 };
        last = now;
    }
}

/// Pushes all of a corpus, waits for the server to idle, then has it flush what is left.
pub(super) fn load(server: &Running, corpus: &Corpus) -> Result<Load, Error> {
    let cpu = server.cpu_ms();
    let pushed = push(server, corpus, 0..corpus.meta.bodies as usize, None)?;
    settle(server);
    let cpu_s = (server.cpu_ms() - cpu) / 1e3;
    let peak_mb = server.pid.map_or(f64::NAN, machine::peak_mb);
    flush(server)?;
    Ok(Load {
        mb_per_s: pushed.mb_per_s,
        cpu_s_per_gb: cpu_s / corpus.meta.megabytes() * 1024.0,
        push_p50_ms: quantile(&pushed.latencies, 0.5),
        push_p99_ms: quantile(&pushed.latencies, 0.99),
        peak_mb,
        disk_mb: server.data().map_or(f64::NAN, machine::disk_mb),
    })
}

/// Has the server write its head into parts and waits until it has merged them.
pub(super) fn flush(server: &Running) -> Result<(), Error> {
    server.client().post("/flush", "text/plain", b"")?;
    settle(server);
    Ok(())
}

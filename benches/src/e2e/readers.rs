//! Many readers while data comes in: whether a cheap question stays cheap and ingest keeps its rate.

use super::corpus::Corpus;
use super::load::{self, quantile};
use super::questions::{Question, questions};
use super::{Error, Running, ask};
use crate::Target;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// Ingest keeps its rate when it is within this share of what was asked for.
const RATE_KEPT: f64 = 0.95;

/// Pushes half of the corpus at full speed, then the other half at half that speed while `clients` ask.
pub(crate) fn readers(target: &Target, directory: &Path, clients: usize) -> Result<bool, Error> {
    let corpus = Corpus::open(directory)?;
    let questions = questions(&corpus.meta);
    let needle = questions.iter().find(|question| question.name == "needle");
    let needle = needle.ok_or_else(|| Error("no question is a needle".to_owned()))?;
    let server = Running::of(&Target {
        url: None,
        ..target.clone()
    })?;
    let bodies = corpus.meta.bodies as usize;
    let full = load::push(&server, &corpus, 0..bodies / 2, None)?;
    println!(
        "first half, alone: {:.1} MB/s, push p99 {:.0} ms",
        full.mb_per_s,
        quantile(&full.latencies, 0.99)
    );
    let done = AtomicBool::new(false);
    let (asked, failed) = (AtomicUsize::new(0), Mutex::new(None));
    let needles = Mutex::new(Vec::new());
    let limit = full.mb_per_s / 2.0;
    let pushed = std::thread::scope(|scope| {
        for number in 0..clients {
            let (server, questions, done, asked, failed, needles) =
                (&server, &questions, &done, &asked, &failed, &needles);
            scope.spawn(move || {
                // One client asks for the needle alone: its answers are what is measured.
                let own: Vec<&Question> = if number == 0 {
                    vec![needle]
                } else {
                    questions
                        .iter()
                        .cycle()
                        .skip(number)
                        .take(questions.len())
                        .collect()
                };
                let client = server.client();
                for question in own.iter().cycle() {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    let began = Instant::now();
                    if let Err(error) = ask::once(&client, question) {
                        *failed.lock() = Some(error);
                        return;
                    }
                    asked.fetch_add(1, Ordering::Relaxed);
                    if number == 0 {
                        needles.lock().push(began.elapsed().as_secs_f64() * 1e3);
                    }
                }
            });
        }
        let pushed = load::push(&server, &corpus, bodies / 2..bodies, Some(limit));
        done.store(true, Ordering::Relaxed);
        pushed
    })?;
    if let Some(error) = failed.into_inner() {
        return Err(error);
    }
    let mut needles = needles.into_inner();
    needles.sort_unstable_by(f64::total_cmp);
    println!(
        "second half, {clients} readers: {:.1} MB/s of {limit:.1} wanted, push p99 {:.0} ms; {} questions answered",
        pushed.mb_per_s,
        quantile(&pushed.latencies, 0.99),
        asked.into_inner()
    );
    println!(
        "needle, {} times: p50 {:.1} ms, p99 {:.1} ms",
        needles.len(),
        quantile(&needles, 0.5),
        quantile(&needles, 0.99)
    );
    server.remove()?;
    Ok(pushed.mb_per_s >= limit * RATE_KEPT)
}

//! Many readers ask while data comes in: does a light question stay fast, and does ingest keep its
//! rate?

use super::corpus::Corpus;
use super::load::{self, quantile};
use super::questions::{Question, questions};
use super::{Error, Running, ask};
use crate::Target;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// What the clients share while they ask.
struct Asking<'a> {
    server: &'a Running,
    questions: &'a [Question],
    needle: &'a Question,
    done: AtomicBool,
    answered: AtomicUsize,
    failed: Mutex<Option<Error>>,
    /// Milliseconds of each answer to the needle.
    needles: Mutex<Vec<f64>>,
}

impl Asking<'_> {
    /// Asks until the pushes are done. Client 0 asks for the needle alone: its answers are what is
    /// measured.
    fn client(&self, number: usize) {
        let own: Vec<&Question> = if number == 0 {
            vec![self.needle]
        } else {
            let turned = self.questions.iter().cycle().skip(number);
            turned.take(self.questions.len()).collect()
        };
        let client = self.server.client();
        for question in own.iter().cycle() {
            if self.done.load(Ordering::Relaxed) {
                return;
            }
            let began = Instant::now();
            if let Err(error) = ask::once(&client, question) {
                *self.failed.lock() = Some(error);
                return;
            }
            self.answered.fetch_add(1, Ordering::Relaxed);
            if number == 0 {
                self.needles
                    .lock()
                    .push(began.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
}

/// Ingest keeps its rate when it is within this share of what was asked for.
const RATE_SHARE: f64 = 0.95;

/// Pushes half of the corpus at full speed, then the other half at half that speed while `clients`
/// ask.
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
    let asking = Asking {
        server: &server,
        questions: &questions,
        needle,
        done: AtomicBool::new(false),
        answered: AtomicUsize::new(0),
        failed: Mutex::new(None),
        needles: Mutex::new(Vec::new()),
    };
    let limit = full.mb_per_s / 2.0;
    let pushed = std::thread::scope(|scope| {
        for number in 0..clients {
            let asking = &asking;
            scope.spawn(move || asking.client(number));
        }
        let pushed = load::push(&server, &corpus, bodies / 2..bodies, Some(limit));
        asking.done.store(true, Ordering::Relaxed);
        pushed
    })?;
    let Asking {
        answered,
        failed,
        needles,
        ..
    } = asking;
    if let Some(error) = failed.into_inner() {
        return Err(error);
    }
    let mut needles = needles.into_inner();
    needles.sort_unstable_by(f64::total_cmp);
    println!(
        "second half, {clients} readers: {:.1} MB/s of {limit:.1} wanted, push p99 {:.0} ms; {} questions answered",
        pushed.mb_per_s,
        quantile(&pushed.latencies, 0.99),
        answered.into_inner()
    );
    println!(
        "needle, {} times: p50 {:.1} ms, p99 {:.1} ms",
        needles.len(),
        quantile(&needles, 0.5),
        quantile(&needles, 0.99)
    );
    server.remove()?;
    Ok(pushed.mb_per_s >= limit * RATE_SHARE)
}

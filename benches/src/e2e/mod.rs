//! The modes of the benchmark, each a function that returns whether all answers were right.

mod ask;
mod corpus;
mod load;
mod machine;
mod questions;
mod readers;
mod report;

pub(crate) use readers::readers;

use crate::Target;
use ask::Asked;
use corpus::Corpus;
use machine::Calibration;
use questions::{Question, questions};
use report::Figures;
use skald_tests::http::Client;
use skald_tests::process::Skald;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What went wrong, in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Error(pub(crate) String);

macro_rules! told {
    ($($error:ty),*) => { $(impl From<$error> for Error {
        fn from(error: $error) -> Error {
            Error(error.to_string())
        }
    })* };
}

told!(
    std::io::Error,
    serde_json::Error,
    ureq::Error,
    snap::Error,
    prost::DecodeError
);

/// Times a small size may grow to where data must not matter, and how often the cold start is
/// tried.
const FLAT_RATIO: f64 = 1.5;
const COLD_STARTS: usize = 3;

/// A server: one of our own in a fresh folder, or one that runs already.
struct Running {
    own: Option<(Skald, PathBuf)>,
    address: String,
    pid: Option<u32>,
}

impl Running {
    /// Starts the program over a fresh folder, or takes the server that the target names.
    fn of(target: &Target) -> Result<Running, Error> {
        if let Some(url) = &target.url {
            let address = url
                .trim_start_matches("http://")
                .trim_end_matches('/')
                .to_owned();
            return Ok(Running {
                own: None,
                address,
                pid: target.pid,
            });
        }
        let data = target
            .scratch
            .join(format!("skald-e2e-{}", std::process::id()));
        if data.exists() {
            std::fs::remove_dir_all(&data)?;
        }
        Running::over(target, data)
    }

    fn over(target: &Target, data: PathBuf) -> Result<Running, Error> {
        if !target.server.is_file() {
            return Err(Error(format!(
                "there is no program {}: build it, or name another with --server",
                target.server.display()
            )));
        }
        std::fs::create_dir_all(&data)?;
        let skald = Skald::start(&target.server, &data, &[]);
        Ok(Running {
            address: skald.address.clone(),
            pid: Some(skald.id()),
            own: Some((skald, data)),
        })
    }

    fn client(&self) -> Client {
        Client::new(&self.address)
    }

    fn data(&self) -> Option<&Path> {
        self.own.as_ref().map(|(_, data)| data.as_path())
    }

    /// Milliseconds of CPU it has used; nothing when its process is not known.
    fn cpu_ms(&self) -> f64 {
        self.pid.map_or(0.0, machine::cpu_ms)
    }

    /// Ends a server of our own and removes its data.
    fn remove(self) -> Result<(), Error> {
        if let Some((skald, data)) = self.own {
            skald.kill();
            std::fs::remove_dir_all(data)?;
        }
        Ok(())
    }
}

/// The questions with what the corpus says of them.
fn expected(corpus: &Corpus) -> Result<Vec<Question>, Error> {
    let mut questions = questions(&corpus.meta);
    let mut lines = 0;
    corpus.entries(|labels, time, line| {
        lines += 1;
        let line = String::from_utf8_lossy(line);
        questions
            .iter_mut()
            .for_each(|question| question.expects.take(labels, time, &line));
    })?;
    if lines != corpus.meta.lines {
        return Err(Error(format!(
            "the corpus has {lines} lines, its meta.json says {}",
            corpus.meta.lines
        )));
    }
    Ok(questions)
}

/// Asks all questions and prints a line of each; the figures, and whether all answers are right.
fn ask_all(
    server: &Running,
    questions: &[Question],
    runs: usize,
) -> Result<(BTreeMap<String, Asked>, bool), Error> {
    println!(
        "{:32} {:>10} {:>10} {:>10} {:>8}",
        "question", "wall ms", "cpu ms", "first ms", "rows"
    );
    let (mut figures, mut right) = (BTreeMap::new(), true);
    for question in questions {
        let (asked, found) = ask::ask(server, question, runs)?;
        right &= report::print_question(question.name, &asked, found, question.expects.counted());
        figures.insert(question.name.to_owned(), asked);
    }
    Ok((figures, right))
}

/// Loads unless the target has the corpus already, asks, and gives all figures.
fn measure(target: &Target, directory: &Path) -> Result<(Figures, bool), Error> {
    let corpus = Corpus::open(directory)?;
    let calibration = Calibration::measure()?;
    println!(
        "{}: {:.0} MB, {} lines; one core inflates {:.0} MB/s and scans {:.0} MB/s",
        directory.display(),
        corpus.meta.megabytes(),
        corpus.meta.lines,
        calibration.zstd_decompress,
        calibration.substring_scan
    );
    let questions = expected(&corpus)?;
    let server = Running::of(target)?;
    let load = if server.own.is_some() {
        Some(load::load(&server, &corpus)?)
    } else {
        None
    };
    if let Some(load) = &load {
        report::print_load(load);
    }
    let (questions, right) = ask_all(&server, &questions, target.runs)?;
    server.remove()?;
    Ok((
        Figures {
            calibration,
            megabytes: corpus.meta.megabytes(),
            load,
            questions,
        },
        right,
    ))
}

/// One corpus; compared with an earlier run when there is one.
pub(crate) fn run(
    target: &Target,
    corpus: &Path,
    save: Option<&Path>,
    against: Option<&Path>,
) -> Result<bool, Error> {
    let earlier = against.map(Figures::read).transpose()?;
    let (figures, right) = measure(target, corpus)?;
    if let Some(file) = save {
        figures.save(file)?;
    }
    let slower = earlier
        .map(|earlier| figures.slower_than(&earlier))
        .unwrap_or_default();
    for line in &slower {
        println!("slower: {line}");
    }
    Ok(right && slower.is_empty())
}

/// Corpora of growing size: some questions must take as long for all, the others grow no faster
/// than the data.
pub(crate) fn growth(target: &Target, corpora: &[PathBuf]) -> Result<bool, Error> {
    let mut all = Vec::new();
    let mut right = true;
    for corpus in corpora {
        let (figures, answers) = measure(target, corpus)?;
        right &= answers;
        all.push(figures);
    }
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        return Ok(right);
    };
    let meta = Corpus::open(&corpora[0])?.meta;
    let flat: Vec<&str> = questions(&meta)
        .iter()
        .filter(|question| question.flat)
        .map(|question| question.name)
        .collect();
    let data = last.megabytes / first.megabytes;
    println!(
        "\n{:32} {}",
        "wall ms",
        all.iter()
            .map(|f| format!("{:>9.0}M", f.megabytes))
            .collect::<String>()
    );
    for name in first.questions.keys() {
        let times: Vec<f64> = all
            .iter()
            .filter_map(|f| f.questions.get(name))
            .map(|asked| asked.wall_ms)
            .collect();
        let allowed = if flat.contains(&name.as_str()) {
            FLAT_RATIO
        } else {
            data
        };
        let grew = times.last().unwrap_or(&f64::NAN) / times[0];
        let told = if grew > allowed {
            format!("  grew {grew:.1} times, {allowed:.1} allowed")
        } else {
            String::new()
        };
        println!(
            "{name:32} {}{told}",
            times
                .iter()
                .map(|t| format!("{t:>10.1}"))
                .collect::<String>()
        );
    }
    let loads = || all.iter().filter_map(|figures| figures.load.as_ref());
    println!(
        "{:32} {}",
        "MB/s of lines",
        loads()
            .map(|load| format!("{:>10.1}", load.mb_per_s))
            .collect::<String>()
    );
    println!(
        "{:32} {}",
        "peak memory, MB",
        loads()
            .map(|load| format!("{:>10.1}", load.peak_mb))
            .collect::<String>()
    );
    Ok(right)
}

/// The first needle and the first tail of a process that was just started, its files not in memory.
pub(crate) fn cold(target: &Target, directory: &Path) -> Result<bool, Error> {
    let corpus = Corpus::open(directory)?;
    let mut questions = expected(&corpus)?;
    questions.retain(|question| question.flat);
    let mut server = Running::of(&Target {
        url: None,
        ..target.clone()
    })?;
    load::push(&server, &corpus, 0..corpus.meta.bodies as usize, None)?;
    load::flush(&server)?;
    let mut right = true;
    println!(
        "{:32} {:>10} {:>10} {:>10} {:>8}",
        "first after a cold start", "wall ms", "cpu ms", "first ms", "rows"
    );
    for _ in 0..COLD_STARTS {
        // Each question in a process of its own: what one reads would be warm for the next.
        for question in &questions {
            let Some((skald, data)) = server.own.take() else {
                return Err(Error("the server is not our own".to_owned()));
            };
            if !skald.terminate() {
                return Err(Error("the server did not end well".to_owned()));
            }
            machine::evict(&data)?;
            server = Running::over(target, data)?;
            let (asked, found) = ask::ask(&server, question, 1)?;
            right &=
                report::print_question(question.name, &asked, found, question.expects.counted());
        }
    }
    server.remove()?;
    Ok(right)
}

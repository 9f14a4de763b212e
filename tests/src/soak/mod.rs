//! A server under mixed load for a long time: pushes, queries and tails at once, ended and killed
//! in between.
//!
//! Held against it: no acknowledged entry is lost or doubled, every query is answered, and memory,
//! threads and descriptors of the process are at the end of the last round what they were at the
//! end of the first.

mod load;
mod process;

use crate::process::Skald;
use load::{Load, Tally};
use process::Usage;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Bytes of memory a later round may have above the first: directories of more parts, caches that
/// filled.
const MEMORY_SLACK_KB: u64 = 128 * 1024;

/// Threads a later round may have above the first: pools start theirs when they are needed.
const THREADS_SLACK: u64 = 8;

/// Descriptors a later round may have above the first, beside those of open parts.
const DESCRIPTORS_SLACK: u64 = 16;

/// How long an idle server may take to let go of what its clients held, and a new one to be ready.
const SETTLE: Duration = Duration::from_secs(60);

/// What to do.
#[derive(Clone, Debug)]
pub struct Soak {
    /// The server.
    pub binary: PathBuf,
    /// Its data directory.
    pub data: PathBuf,
    /// How long all rounds take together.
    pub lasts: Duration,
    /// Servers one after the other; every second one is killed.
    pub rounds: u32,
    /// Lines a second all pushers together send at most.
    pub lines_per_second: u32,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Entries that were acknowledged, each once.
    pub entries: u64,
    /// Queries that were answered.
    pub queries: u64,
    /// Frames that tails got.
    pub frames: u64,
    /// What the process held at the end of each round.
    pub usage: Vec<Usage>,
}

/// Runs it; the error says what did not hold.
pub fn run(soak: &Soak) -> Result<Report, String> {
    let mut report = Report::default();
    let load = Load::new(soak.lines_per_second);
    for round in 0..soak.rounds {
        let server = start(soak)?;
        load.check_entries(&server.client())?;
        let tally = load.run(&server.address, soak.lasts / soak.rounds);
        add(&mut report, &tally?);
        let usage = settled(&server, report.usage.first())?;
        report.usage.push(usage);
        if round % 2 == 1 {
            // What is under way when the server dies is sent again to the next one.
            let address = server.address.clone();
            load.interrupt(&address, || server.kill());
        } else if !server.terminate() {
            return Err(format!("the server of round {round} did not end well"));
        }
    }
    let server = start(soak)?;
    load.finish(&server.client())?;
    report.entries = load.check_entries(&server.client())?;
    if !server.terminate() {
        return Err("the last server did not end well".to_owned());
    }
    Ok(report)
}

/// Starts a server and waits until it has read its log.
fn start(soak: &Soak) -> Result<Skald, String> {
    let server = Skald::start(&soak.binary, &soak.data, &[]);
    let (client, until) = (server.client(), Instant::now() + SETTLE);
    while client
        .get("/ready", &[], &[])
        .map_err(|why| why.to_string())?
        .status
        != 200
    {
        if Instant::now() > until {
            return Err("the server is not ready".to_owned());
        }
        std::thread::yield_now();
    }
    Ok(server)
}

fn add(report: &mut Report, tally: &Tally) {
    report.queries += tally.queries;
    report.frames += tally.frames;
}

/// What the process holds once its clients are gone, when that is no more than in the first round.
fn settled(server: &Skald, first: Option<&Usage>) -> Result<Usage, String> {
    let until = Instant::now() + SETTLE;
    loop {
        let usage = Usage::of(server)?;
        let Some(first) = first else { return Ok(usage) };
        let grown = grown(first, &usage);
        match grown {
            None => return Ok(usage),
            Some(what) if Instant::now() > until => return Err(what),
            Some(_) => std::thread::yield_now(),
        }
    }
}

/// What is more than it was.
fn grown(first: &Usage, now: &Usage) -> Option<String> {
    for (what, first, now, slack) in [
        (
            "memory (kB)",
            first.memory_kb,
            now.memory_kb,
            MEMORY_SLACK_KB + first.memory_kb / 4,
        ),
        ("threads", first.threads, now.threads, THREADS_SLACK),
        (
            "descriptors",
            first.descriptors,
            now.descriptors,
            DESCRIPTORS_SLACK,
        ),
    ] {
        if now > first + slack {
            return Some(format!("{what} grew from {first} to {now}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_beyond_its_slack() {
        let usage = |memory_kb, threads, descriptors| Usage {
            memory_kb,
            threads,
            descriptors,
            parts: 0,
        };
        let first = usage(100_000, 20, 30);
        assert_eq!(grown(&first, &usage(200_000, 25, 40)), None);
        assert_eq!(
            grown(&first, &usage(300_000, 25, 40)).as_deref(),
            Some("memory (kB) grew from 100000 to 300000")
        );
        assert_eq!(
            grown(&first, &usage(100_000, 40, 40)).as_deref(),
            Some("threads grew from 20 to 40")
        );
        assert_eq!(
            grown(&first, &usage(100_000, 20, 90)).as_deref(),
            Some("descriptors grew from 30 to 90")
        );
    }
}

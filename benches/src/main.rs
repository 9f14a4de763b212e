//! The end-to-end benchmark loads a corpus into a server, asks questions and checks every answer.
//!
//!     cargo run -p skald-benches --release -- e2e --server target/release/skald --corpus DIR [--save FILE] [--against FILE]
//!     cargo run -p skald-benches --release -- growth --server … --corpora DIR,DIR,DIR
//!     cargo run -p skald-benches --release -- readers --server … --corpus DIR
//!     cargo run -p skald-benches --release -- cold --server … --corpus DIR
//!
//! A corpus is a folder of push bodies, see e2e/corpus.rs. Ends with status 1 when an answer is not
//! what the corpus says it must be.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints what it found"
)]

mod e2e;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(about = "Loads corpora into a server, asks it questions, checks and times the answers")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Load, ask, check, compare with a saved run
    E2e {
        #[command(flatten)]
        target: Target,
        #[arg(long)]
        corpus: PathBuf,
        /// Where to write the figures
        #[arg(long)]
        save: Option<PathBuf>,
        /// Figures of an earlier run to compare with
        #[arg(long)]
        against: Option<PathBuf>,
    },
    /// The same over corpora of growing size, each in a server of its own
    Growth {
        #[command(flatten)]
        target: Target,
        #[arg(long, value_delimiter = ',')]
        corpora: Vec<PathBuf>,
    },
    /// Many readers while half of the corpus is pushed at half the speed of the other half
    Readers {
        #[command(flatten)]
        target: Target,
        #[arg(long)]
        corpus: PathBuf,
        #[arg(long, default_value_t = 16)]
        clients: usize,
    },
    /// The first answers of a fresh process whose files are not in memory
    Cold {
        #[command(flatten)]
        target: Target,
        #[arg(long)]
        corpus: PathBuf,
    },
}

/// Which server is measured.
#[derive(Args, Clone)]
struct Target {
    /// The server's program
    #[arg(long, default_value = "target/release/skald")]
    server: PathBuf,
    /// Where its data goes: a fresh folder below this one, removed at the end
    #[arg(long, default_value = ".")]
    scratch: PathBuf,
    /// Address of a running server that has the corpus already, instead of starting one (e2e alone)
    #[arg(long)]
    url: Option<String>,
    /// Process id of that server, for its CPU
    #[arg(long)]
    pid: Option<u32>,
    /// How often each question is asked; the median counts
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::E2e {
            target,
            corpus,
            save,
            against,
        } => e2e::run(&target, &corpus, save.as_deref(), against.as_deref()),
        Command::Growth { target, corpora } => e2e::growth(&target, &corpora),
        Command::Readers {
            target,
            corpus,
            clients,
        } => e2e::readers(&target, &corpus, clients),
        Command::Cold { target, corpus } => e2e::cold(&target, &corpus),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

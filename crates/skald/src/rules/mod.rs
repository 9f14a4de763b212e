//! `skald rules`: rule files are checked before a server reads them.

mod advice;
mod check;
mod place;

use clap::{ArgMatches, Command};
use std::process::ExitCode;

/// The command.
pub(crate) fn command() -> Command {
    Command::new("rules")
        .about("Checks files of alerting and recording rules")
        .subcommand_required(true)
        .subcommand(check::command())
}

/// Runs it.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, String> {
    match matches.subcommand() {
        Some(("check", flags)) => check::run(flags),
        _ => Err("rules has one command: check FILE…".to_owned()),
    }
}

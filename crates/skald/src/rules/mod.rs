//! `skald rules`: rule files are checked and tested before a server reads them.

mod advice;
mod check;
mod difference;
mod files;
mod place;
mod test;
mod unit_file;
mod unit_test;

use clap::{ArgMatches, Command};
use std::process::ExitCode;

/// The command.
pub(crate) fn command() -> Command {
    Command::new("rules")
        .about("Checks and tests files of alerting and recording rules")
        .subcommand_required(true)
        .subcommand(check::command())
        .subcommand(test::command())
}

/// Runs it.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, String> {
    match matches.subcommand() {
        Some(("check", flags)) => check::run(flags),
        Some(("test", flags)) => test::run(flags),
        _ => Err("rules has commands: check FILE…, test FILE…".to_owned()),
    }
}

//! `skald rules`: rule files are checked and tested, and rules of a server read and changed.

mod advice;
mod backtest;
mod check;
mod client;
mod difference;
mod files;
mod place;
mod remote;
mod test;
mod unit_file;
mod unit_test;

use clap::{ArgMatches, Command};
use std::process::ExitCode;

/// The command.
pub(crate) fn command() -> Command {
    Command::new("rules")
        .about("Checks, tests, reads and changes alerting and recording rules")
        .subcommand_required(true)
        .subcommand(check::command())
        .subcommand(test::command())
        .subcommands(remote::commands())
        .subcommand(backtest::command())
}

/// Runs it.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, String> {
    match matches.subcommand() {
        Some(("check", flags)) => check::run(flags),
        Some(("test", flags)) => test::run(flags),
        Some(("backtest", flags)) => backtest::run(flags).map(|()| ExitCode::SUCCESS),
        Some((verb, flags)) => remote::run(verb, flags).map(|()| ExitCode::SUCCESS),
        None => Err("rules needs a command: skald rules --help lists them".to_owned()),
    }
}

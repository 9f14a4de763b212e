//! `skald verify`: checks a data directory, says what it found, and fails when bytes are damaged.

use crate::offline::{self, count};
use clap::{ArgMatches, Command};
use skald_store::{Report, Severity, verify};
use std::fmt::Write;

/// The command.
pub(crate) fn command() -> Command {
    Command::new("verify")
        .about("Checks every part, index, block and log record of a data directory")
        .long_about(
            "Checks every part, index, block and log record of a data directory and prints what it finds. Changes nothing \
             and takes no lock, so it may run beside a server. Ends with status 1 when anything is damaged.",
        )
        .arg(offline::path("DIR", "The data directory [default: that of --data]"))
        .arg(offline::data())
        .arg(offline::json("Prints the report as JSON"))
}

/// Runs it; whether the directory is sound.
pub(crate) fn run(matches: &ArgMatches) -> Result<bool, String> {
    let data = offline::path_of(matches)?;
    let report = verify(&offline::files(), &data).map_err(|error| error.to_string())?;
    let text = if matches.get_flag("json") {
        offline::to_json(&report)?
    } else {
        print(&report)
    };
    offline::say(&text)?;
    Ok(!report.is_damaged())
}

fn print(report: &Report) -> String {
    let mut out = String::new();
    let written = (|| {
        for finding in &report.findings {
            let severity = match finding.severity {
                Severity::Damage => "damage",
                Severity::Note => "note",
            };
            writeln!(out, "{severity:8} {}", finding.what)?;
        }
        let Report {
            tenants,
            parts,
            blocks,
            rows,
            part_bytes,
            wal_records,
            ..
        } = report;
        let damages = report
            .findings
            .iter()
            .filter(|f| f.severity == Severity::Damage)
            .count();
        let size = offline::size(*part_bytes);
        writeln!(
            out,
            "{}, {} ({size}), {}, {}, {} read",
            count(*tenants, "tenant"),
            count(*parts, "part"),
            count(*blocks, "block"),
            count(*rows, "row"),
            count(*wal_records, "log record")
        )?;
        if damages == 0 {
            writeln!(out, "no damage found")
        } else {
            writeln!(out, "{}", count(damages as u64, "damaged place"))
        }
    })();
    written.expect("memory takes what is written");
    out
}

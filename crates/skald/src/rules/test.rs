//! `skald rules test`: unit tests of rules, run over the lines they give, without a server.

use super::unit_file::TestFile;
use super::unit_test;
use crate::offline;
use clap::{Arg, ArgMatches, Command};
use std::path::Path;
use std::process::ExitCode;

/// The command.
pub(super) fn command() -> Command {
    Command::new("test")
        .about("Runs unit tests of rules over the lines they give")
        .long_about(
            "Reads files in the layout of promtool's unit tests, with log lines as input (docs/rules.md), evaluates the \
             rules they name over these lines on a clock of the test, and prints what differs from what they expect. \
             Ends with status 1 when something does. No server is needed; lines are kept in a temporary directory.",
        )
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .num_args(1..)
                .required(true)
                .help("Files of tests"),
        )
}

/// Runs it.
pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, String> {
    let given = matches.get_many::<String>("file").into_iter().flatten();
    let mut is_well = true;
    for path in given {
        let (passed, said) = match of_file(Path::new(path)) {
            Ok(said) => said,
            Err(why) => (false, format!("{path}: {why}\n")),
        };
        is_well &= passed;
        offline::say(&said)?;
    }
    Ok(match is_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Whether the tests of a file pass, and what is said of them.
fn of_file(path: &Path) -> Result<(bool, String), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let file = TestFile::read(&text)?;
    if file.tests.is_empty() {
        return Err("there is no test".to_owned());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let (mut said, mut failed) = (String::new(), 0);
    for (number, test) in file.tests.iter().enumerate() {
        let differences = unit_test::run(&file, folder, test).unwrap_or_else(|why| vec![why]);
        failed += u64::from(!differences.is_empty());
        let name = match test.name.as_str() {
            "" => format!("test {}", number + 1),
            name => format!("test {} ({name})", number + 1),
        };
        for difference in differences {
            said += &format!("{}: {name}: {difference}\n", path.display());
        }
    }
    let count = offline::count(file.tests.len() as u64, "test");
    said += &match failed {
        0 => format!("{}: {count} passed\n", path.display()),
        failed => format!("{}: {count}, {failed} failed\n", path.display()),
    };
    Ok((failed == 0, said))
}

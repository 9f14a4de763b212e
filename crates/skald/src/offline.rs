//! Offline commands (`verify`, `inspect`) share their arguments and printing here.

use clap::{Arg, ArgAction, ArgMatches};
use serde::Serialize;
use skald_server::Config;
use skald_store::files::{Files, RealFiles};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// `--data DIR`
pub(crate) fn data() -> Arg {
    Arg::new("data")
        .long("data")
        .value_name("DIR")
        .env("SKALD_DATA")
        .help("Data directory [default: ./skald-data]")
}

/// The directory it names.
fn data_of(matches: &ArgMatches) -> PathBuf {
    matches
        .get_one::<String>("data")
        .map_or_else(|| Config::default().data, PathBuf::from)
}

/// The directory, part or folder that a command is asked about, by default the data directory.
pub(crate) fn path(value_name: &'static str, help: &'static str) -> Arg {
    Arg::new("path").value_name(value_name).help(help)
}

/// The path it names; an error when nothing is there.
pub(crate) fn path_of(matches: &ArgMatches) -> Result<PathBuf, String> {
    let path = matches
        .get_one::<String>("path")
        .map_or_else(|| data_of(matches), PathBuf::from);
    match path.exists() {
        true => Ok(path),
        false => Err(format!("{} does not exist", path.display())),
    }
}

/// `--json`
pub(crate) fn json(help: &'static str) -> Arg {
    Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help(help)
}

/// The text of a flag; empty when it is not given.
pub(crate) fn text<'a>(matches: &'a ArgMatches, name: &str) -> &'a str {
    matches.get_one::<String>(name).map_or("", String::as_str)
}

/// The disk.
pub(crate) fn files() -> Arc<dyn Files> {
    Arc::new(RealFiles)
}

/// Indented JSON with a last line end.
pub(crate) fn to_json(value: &impl Serialize) -> Result<String, String> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| format!("writing JSON: {error}"))?;
    Ok(text + "\n")
}

/// Writes to stdout; a reader that has seen enough (`| head`) is no error.
pub(crate) fn say(text: &str) -> Result<(), String> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("writing to stdout: {error}"))
        }
        _ => Ok(()),
    }
}

/// A number of things, for people: `1 part`, `2 parts`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// Bytes for people: three digits and a decimal unit.
pub(crate) fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_000 => return format!("{bytes} B"),
        1_000..1_000_000 => (1e3, "kB"),
        1_000_000..1_000_000_000 => (1e6, "MB"),
        _ => (1e9, "GB"),
    };
    let value = bytes as f64 / unit;
    let decimals = if value < 9.995 {
        2
    } else {
        usize::from(value < 99.95)
    };
    format!("{value:.decimals$} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_singular() {
        let counts = [0, 1, 2].map(|number| count(number, "part"));
        assert_eq!(counts, ["0 parts", "1 part", "2 parts"]);
    }

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (23_456, "23.5 kB"),
            (205_400_000, "205 MB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
        assert_eq!(size(7_654_321_000), "7.65 GB");
    }
}

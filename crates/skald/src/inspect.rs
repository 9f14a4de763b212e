//! `skald inspect`: partitions, parts, blocks and columns with their encodings, sizes and ratios.

use crate::offline::{self, count, size};
use clap::{Arg, ArgAction, ArgMatches, Command};
use skald_store::{BlockInfo, PartInfo, inspect};
use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Write};

/// The command.
pub(crate) fn command() -> Command {
    Command::new("inspect")
        .about("Shows partitions, parts, blocks and columns with their encodings, sizes and ratios")
        .long_about(
            "Shows partitions, parts and columns with their encodings, sizes and ratios, from directories alone: no lines \
             are read, nothing is changed, no lock is taken.",
        )
        .arg(offline::path(
            "PATH",
            "A part, or a folder with parts in or below it [default: the data directory]",
        ))
        .arg(offline::data())
        .arg(Arg::new("blocks").long("blocks").action(ArgAction::SetTrue).help("Shows every block with its columns"))
        .arg(offline::json("Prints everything, blocks and columns too, as JSON"))
}

/// Runs it.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let path = offline::path_of(matches)?;
    let parts = inspect(&offline::files(), &path).map_err(|error| error.to_string())?;
    if matches.get_flag("json") {
        return offline::say(&offline::to_json(&parts)?);
    }
    let mut out = String::new();
    print(&parts, matches.get_flag("blocks"), &mut out).expect("memory takes what is written");
    offline::say(&out)
}

fn print(parts: &[PartInfo], blocks: bool, out: &mut String) -> fmt::Result {
    if parts.is_empty() {
        return writeln!(out, "no parts");
    }
    let mut partitions: BTreeMap<(&str, &str), Vec<&PartInfo>> = BTreeMap::new();
    for part in parts {
        partitions
            .entry((&part.tenant, &part.day))
            .or_default()
            .push(part);
    }
    for ((tenant, day), parts) in &partitions {
        let total = Sums::of(parts.iter().copied());
        writeln!(
            out,
            "{tenant} {day}: {}, {total}",
            count(parts.len() as u64, "part")
        )?;
        for part in parts {
            print_part(part, out)?;
            for (number, block) in part.blocks.iter().enumerate().filter(|_| blocks) {
                print_block(number, block, out)?;
            }
        }
    }
    let all: u64 = parts.iter().map(|part| part.bytes).sum();
    print_columns(parts, all, out)?;
    print_indexes(parts, all, out)
}

/// What the columns of all parts take, the largest first.
fn print_columns(parts: &[PartInfo], all: u64, out: &mut String) -> fmt::Result {
    let columns = parts
        .iter()
        .flat_map(|part| &part.blocks)
        .flat_map(|block| &block.columns);
    let mut kinds: BTreeMap<(&str, &str), (u64, u64, Option<u64>)> = BTreeMap::new();
    for column in columns {
        let sums = kinds
            .entry((&column.column, column.encoding))
            .or_insert((0, 0, Some(0)));
        *sums = (
            sums.0 + 1,
            sums.1 + column.bytes,
            sums.2.zip(column.plain_bytes).map(|(a, b)| a + b),
        );
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, (_, bytes, _))| std::cmp::Reverse(*bytes));
    writeln!(
        out,
        "columns:\n    {:>9} {:>7} {:>7} {:>7}  column, encoding",
        "bytes", "of all", "ratio", "blocks"
    )?;
    for ((column, encoding), (count, bytes, plain)) in kinds {
        let plain = plain.map_or_else(String::new, |plain| ratio(plain, bytes));
        writeln!(
            out,
            "    {:>9} {:>7} {plain:>7} {count:>7}  {column}, {encoding}",
            size(bytes),
            share(bytes, all)
        )?;
    }
    Ok(())
}

/// What the rest of all parts takes.
fn print_indexes(parts: &[PartInfo], all: u64, out: &mut String) -> fmt::Result {
    let index: u64 = parts.iter().map(|part| part.index_bytes).sum();
    let directory: u64 = parts.iter().map(|part| part.directory_bytes).sum();
    let patterns: u64 = parts.iter().map(|part| part.patterns_bytes).sum();
    for (bytes, what) in [
        (index, "content index"),
        (patterns, "patterns"),
        (directory, "directory"),
    ] {
        writeln!(
            out,
            "    {:>9} {:>7} {:>7} {:>7}  {what}",
            size(bytes),
            share(bytes, all),
            "",
            ""
        )?;
    }
    Ok(())
}

fn print_part(part: &PartInfo, out: &mut String) -> fmt::Result {
    let name = part.path.file_name().unwrap_or_default().to_string_lossy();
    if let Some(damage) = &part.damage {
        return writeln!(out, "  {name}: {damage}");
    }
    let blocks = count(part.blocks.len() as u64, "block");
    writeln!(
        out,
        "  {name}: version {}, {}, {blocks}",
        part.version,
        Sums::of([part])
    )
}

fn print_block(number: usize, block: &BlockInfo, out: &mut String) -> fmt::Result {
    let BlockInfo {
        rows,
        runs,
        bytes,
        line_bytes,
        ..
    } = block;
    let stored = ratio(*line_bytes, *bytes);
    writeln!(
        out,
        "    block {number}: {} in {}, lines {} in {} ({stored})",
        count(u64::from(*rows), "row"),
        count(*runs, "run"),
        size(*line_bytes),
        size(*bytes)
    )?;
    for column in &block.columns {
        let plain = column.plain_bytes.map_or_else(String::new, |plain| {
            format!(", {}", ratio(plain, column.bytes))
        });
        let range = column
            .range
            .map_or_else(String::new, |(min, max)| format!(", {min} to {max}"));
        writeln!(
            out,
            "      {}, {}: {}{plain}{range}",
            column.column,
            column.encoding,
            size(column.bytes)
        )?;
    }
    Ok(())
}

/// What some parts have together; a stream of several counts once.
#[derive(Default)]
struct Sums {
    streams: u64,
    rows: u64,
    line_bytes: u64,
    bytes: u64,
}

impl Sums {
    fn of<'a>(parts: impl IntoIterator<Item = &'a PartInfo>) -> Sums {
        let mut sums = Sums::default();
        let mut streams = HashSet::new();
        for part in parts {
            streams.extend(part.stream_ids.iter().map(|id| (&part.tenant, id)));
            sums.rows += part.rows;
            sums.line_bytes += part.line_bytes;
            sums.bytes += part.bytes;
        }
        sums.streams = streams.len() as u64;
        sums
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sums {
            streams,
            rows,
            line_bytes,
            bytes,
        } = self;
        let stored = ratio(*line_bytes, *bytes);
        write!(
            f,
            "{}, {}, lines {} in {} ({stored})",
            count(*streams, "stream"),
            count(*rows, "row"),
            size(*line_bytes),
            size(*bytes)
        )
    }
}

/// How many times smaller.
fn ratio(plain: u64, stored: u64) -> String {
    if stored == 0 {
        "-".to_owned()
    } else {
        format!("{:.1}x", plain as f64 / stored as f64)
    }
}

fn share(bytes: u64, all: u64) -> String {
    if all == 0 {
        "-".to_owned()
    } else {
        format!("{:.1} %", bytes as f64 * 100.0 / all as f64)
    }
}

//! Data directories of every version are read for ever, and docs/format.md shows the newest byte by
//! byte.

use crate::support::read_all;
use skald_store::files::{Files, RealFiles};
use skald_store::{Options, Store, verify};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The directory that docs/format.md shows.
const SHOWN: &str = "parts-3-block-4";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for item in fs::read_dir(from)
        .expect("the fixture can be listed")
        .flatten()
    {
        let (path, target) = (item.path(), to.join(item.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("the fixture can be copied");
        }
    }
}

/// The entries of a store, one a line, sorted.
fn rows_of(store: &Store) -> String {
    let mut lines: Vec<String> = read_all(store)
        .iter()
        .map(|fact| {
            let app = fact.labels.get("app").unwrap_or_default();
            format!(
                "{app} {} {:?} {:?}\n",
                fact.time,
                String::from_utf8_lossy(&fact.line),
                fact.metadata
            )
        })
        .collect();
    lines.sort();
    lines.concat()
}

#[test]
fn directories_of_every_version_are_read() {
    let mut read = 0;
    for item in fs::read_dir(fixtures())
        .expect("there are fixtures")
        .flatten()
        .filter(|item| item.path().is_dir())
    {
        let fixture = item.path();
        let expected =
            fs::read_to_string(fixture.with_extension("rows")).expect("each fixture has its rows");
        let files: Arc<dyn Files> = Arc::new(RealFiles);
        let report = verify(&files, &fixture).expect("the fixture can be looked at");
        assert!(
            !report.is_damaged(),
            "{}: {:?}",
            fixture.display(),
            report.findings
        );
        let folder = tempfile::tempdir().expect("a folder can be made");
        copy(&fixture, folder.path());
        for _ in 0..2 {
            let store = Store::open(Options {
                background: false,
                ..Options::new(folder.path())
            })
            .expect("the fixture opens");
            assert_eq!(rows_of(&store), expected, "{}", fixture.display());
            store.flush().expect("flushing works");
            store.compact().expect("merging works");
            assert_eq!(rows_of(&store), expected, "{}", fixture.display());
        }
        read += 1;
    }
    assert!(read > 0, "there are fixtures");
}

/// Fenced blocks whose mark begins with `mark`: the rest of the mark, and the lines.
fn fenced<'a>(text: &'a str, mark: &str) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(rest) = line
            .strip_prefix("```")
            .and_then(|l| l.strip_prefix(mark))
            .and_then(|l| l.strip_prefix(' '))
        {
            found.push((
                rest,
                lines.by_ref().take_while(|line| *line != "```").collect(),
            ));
        }
    }
    found
}

/// The bytes of a dump: of each line, offset, up to sixteen bytes, what they are.
fn bytes_of(dump: &[&str]) -> (usize, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut first = None;
    for line in dump {
        let (offset, rest) = line
            .split_once("  ")
            .expect("an offset stands before the bytes");
        let offset = usize::from_str_radix(offset, 16).expect("the offset is a hex number");
        let first = *first.get_or_insert(offset);
        assert_eq!(
            offset,
            first + bytes.len(),
            "lines follow one another: {line}"
        );
        let shown = rest.get(..47).unwrap_or(rest).split_whitespace();
        bytes.extend(
            shown.map(|byte| u8::from_str_radix(byte, 16).expect("bytes are two hex digits")),
        );
    }
    (first.unwrap_or(0), bytes)
}

/// The directory of a part, by its footer as docs/format.md describes it.
fn inflated_directory(part: &[u8]) -> Vec<u8> {
    let footer = &part[part.len() - 64..];
    let number = |at: usize| {
        u64::from_le_bytes(*footer[at..].first_chunk().expect("the footer has 64 bytes")) as usize
    };
    let (at, stored, plain) = (number(24), number(32), number(40));
    zstd::bulk::decompress(&part[at..at + stored], plain).expect("the directory is a zstd frame")
}

#[test]
fn the_document_shows_the_bytes_there_are() {
    let document = fs::read_to_string(fixtures().join("../../../docs/format.md"))
        .expect("the document can be read");
    let shown = fixtures().join(SHOWN);
    let dumps = fenced(&document, "hexdump");
    assert!(dumps.len() >= 6, "{} dumps", dumps.len());
    let mut covered = String::new();
    for (what, dump) in dumps {
        let (path, part) = what
            .split_once(' ')
            .expect("a dump names its file and its bytes");
        let file = fs::read(shown.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        let (first, bytes) = bytes_of(&dump);
        match part.split_once("..") {
            Some((from, to)) => {
                let range = from.parse().expect("a number")..to.parse().expect("a number");
                assert_eq!((first, &bytes[..]), (range.start, &file[range]), "{what}");
            }
            None => assert_eq!(
                (part, bytes),
                ("inflated directory", inflated_directory(&file)),
                "{what}"
            ),
        }
        writeln!(covered, "{what}").expect("memory takes what is written");
    }
    for kind in [
        ".wal 0..48",
        ".wal 48..",
        ".part 0..",
        ".part inflated directory",
    ] {
        assert!(covered.contains(kind), "no dump of {kind}: {covered}");
    }
    for (path, lines) in fenced(&document, "file") {
        let file = fs::read_to_string(shown.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert_eq!(
            file,
            (lines.join("\n") + "\n").repeat(2),
            "{path} is there twice"
        );
    }
}

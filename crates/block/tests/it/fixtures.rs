//! Blocks written by every version of the format are read forever.

use crate::support::{decoded, reader};
use skald_block::{BlockMeta, ColumnKind, ReadSpec, decode};
use skald_model::{Batch, Columns};
use std::fmt::Write;
use std::path::Path;

/// The rows of a fixture, one a line: stream, time, line, metadata.
fn rows_of(path: &Path) -> String {
    let bytes = std::fs::read(path).expect("the fixture can be read");
    let mut block = &bytes[..];
    let meta = BlockMeta::decode(&mut block).expect("the fixture is whole");
    assert_eq!(meta.block_bytes(), block.len() as u64);
    let batch = decoded(&meta, &Columns::ALL, block).expect("the fixture is whole");
    let mut rows = String::new();
    for run in &batch.runs {
        for row in run.rows.clone() {
            let metadata: Vec<_> = batch.metadata_of(row).collect();
            let line = batch.line(row).escape_ascii();
            writeln!(
                rows,
                "{} {} \"{line}\" {metadata:?}",
                run.stream, batch.timestamps[row as usize]
            )
            .expect("memory is enough");
        }
    }
    rows
}

/// Rows as they are read: the pair with an empty value that some fixtures have is absent.
fn without_empty(rows: &str) -> String {
    const EMPTY: &str = r#"("id", "")"#;
    rows.replace(&format!("{EMPTY}, "), "")
        .replace(&format!(", {EMPTY}"), "")
        .replace(EMPTY, "")
}

#[test]
fn blocks_of_every_version_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).expect("there are fixtures") {
        let path = entry.expect("there are fixtures").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "block")
        {
            let expected = std::fs::read_to_string(path.with_extension("rows"))
                .expect("each block has its rows");
            let (rows, expected) = (rows_of(&path), without_empty(&expected));
            let differ = rows.lines().zip(expected.lines()).find(|(a, b)| a != b);
            assert_eq!(differ, None, "{}", path.display());
            assert_eq!(rows.len(), expected.len(), "{}", path.display());
            read += 1;
        }
    }
    assert!(
        read >= usize::from(skald_block::FORMAT_VERSION),
        "{read} fixtures"
    );
}

/// The directory entry of a fixture and its bytes.
fn fixture(name: &str) -> (BlockMeta, Vec<u8>) {
    let path = format!("{}/fixtures/{name}.block", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).expect("the fixture can be read");
    let mut block = &bytes[..];
    let meta = BlockMeta::decode(&mut block).expect("the fixture is whole");
    (meta, block.to_vec())
}

#[test]
fn newest_and_older_lines_of_every_version_are_read_alone() {
    for version in 3..=skald_block::FORMAT_VERSION {
        let (meta, block) = fixture(&format!("v{version}-tail"));
        let mut read = reader(&block);
        let whole = decoded(&meta, &Columns::ALL, &block).expect("the fixture is whole");
        let first = meta
            .separate_newest_rows()
            .expect("its newest lines can be read alone");
        let newest: Vec<u32> = whole
            .runs
            .iter()
            .zip(&first)
            .flat_map(|(run, newest)| newest.first..run.rows.end)
            .collect();
        let older: Vec<u32> = whole
            .runs
            .iter()
            .zip(&first)
            .flat_map(|(run, newest)| run.rows.start..newest.first)
            .collect();
        for rows in [newest, older] {
            let spec = ReadSpec {
                rows: Some(&rows),
                ..ReadSpec::all(&Columns::ALL)
            };
            let some =
                decode(&meta, &spec, Batch::default(), &mut read).expect("the fixture is whole");
            for row in 0..meta.rows {
                let expected = if rows.contains(&row) {
                    whole.line(row)
                } else {
                    b""
                };
                assert_eq!(some.line(row), expected, "row {row} of version {version}");
            }
        }
    }
}

#[test]
fn newest_lines_of_a_run_are_read_without_those_of_others() {
    let (meta, block) = fixture("v4-frames");
    let mut read = reader(&block);
    let whole = decoded(&meta, &Columns::ALL, &block).expect("the fixture is whole");
    // Runs of 420, 3 and 400 rows, the newest from 256 on; the short one shares its frame with the
    // last.
    for (wanted, lines) in [(300, 256..420), (421, 420..423), (700, 679..823)] {
        let spec = ReadSpec {
            rows: Some(&[wanted]),
            ..ReadSpec::all(&Columns::ALL)
        };
        let some = decode(&meta, &spec, Batch::default(), &mut read).expect("the fixture is whole");
        for row in 0..meta.rows {
            assert_eq!(
                some.line(row),
                if lines.contains(&row) {
                    whole.line(row)
                } else {
                    b""
                },
                "row {row}"
            );
        }
    }
}

/// The names of the encodings in a fixture of the newest version.
fn encodings(kind: &str) -> (BlockMeta, Vec<&'static str>) {
    let (meta, _) = fixture(&format!("v{}{kind}", skald_block::FORMAT_VERSION));
    let names = meta
        .columns
        .iter()
        .map(|column| column.encoding_name())
        .collect();
    (meta, names)
}

/// The fixtures are only worth their place while every encoding occurs in them.
#[test]
fn the_newest_fixtures_have_every_encoding() {
    let (meta, names) = encodings("");
    for expected in [
        "steps",
        "integers",
        "dictionary of plain texts",
        "ipv4",
        "decimals",
        "shapes",
        "plain texts",
        "zstd",
    ] {
        assert!(
            names.contains(&expected),
            "{expected} is not among {names:?}"
        );
    }
    assert_eq!(meta.anchors.all.len(), 4);
    let (meta, _) = encodings("-tail");
    assert!(
        meta.columns
            .iter()
            .any(|column| column.kind == ColumnKind::Newest),
        "{:?}",
        meta.columns
    );
    let first = meta
        .separate_newest_rows()
        .expect("its runs are long enough");
    assert_eq!(
        first.iter().map(|newest| newest.first).collect::<Vec<_>>(),
        [512, 700, 740 + 768]
    );
    let (_, names) = encodings("-fields");
    for expected in [
        "shredded into fields",
        "dictionary of plain texts",
        "integers",
        "shapes",
        "affixed texts",
        "plain texts",
        "prefixed integers",
    ] {
        assert!(
            names.contains(&expected),
            "{expected} is not among {names:?}"
        );
    }
}

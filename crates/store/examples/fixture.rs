//! Writes a small data directory for `fixtures/`, and beside it `.rows`, the entries it must give.
//!
//! Run once for each version of a format: `cargo run -p skald-store --example fixture -- FOLDER`,
//! FOLDER new. Those of older versions stay as they are. docs/format.md shows the newest one byte
//! by byte.

use skald_model::{Labels, StreamId, TenantId, WriteBatch, WriteEntry, WriteStream, time::DAY_NS};
use skald_store::{Options, Store, WriteError};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

/// 2023-11-14T22:13:20Z
const BASE_NS: i64 = 1_700_000_000_000_000_000;

type Error = Box<dyn std::error::Error>;

/// Line and metadata of an entry.
type Row = (&'static str, &'static [(&'static str, &'static str)]);

fn open(data: &Path) -> Result<Store, Error> {
    Ok(Store::open(Options {
        background: false,
        ..Options::new(data)
    })?)
}

/// Pushes entries of one stream, a second apart, and notes them.
fn push(
    store: &Store,
    app: &str,
    first: i64,
    rows: &[Row],
    noted: &mut Vec<String>,
) -> Result<(), Error> {
    let labels = Labels::from_pairs([("app", app)]);
    let mut batch = WriteBatch::default();
    for (number, (line, metadata)) in rows.iter().enumerate() {
        let timestamp = first + number as i64 * 1_000_000_000;
        let from = batch.metadata.len() as u32;
        batch
            .metadata
            .extend(metadata.iter().map(|(n, v)| ((*n).into(), (*v).into())));
        batch.entries.push(WriteEntry {
            timestamp,
            line: line.as_bytes(),
            metadata: from..batch.metadata.len() as u32,
        });
        let mut text = String::new();
        write!(text, "{app} {timestamp} {line:?} {metadata:?}")?;
        noted.push(text);
    }
    batch.streams.push(WriteStream {
        id: StreamId::of(&labels),
        labels,
        rows: 0..rows.len() as u32,
    });
    let (sender, receiver) = mpsc::channel::<Result<(), WriteError>>();
    let done = Box::new(move |result| drop(sender.send(result)));
    store.write(&TenantId::fake(), &batch, done)?;
    Ok(receiver.recv()??)
}

fn main() -> Result<(), Error> {
    let folder = std::env::args().nth(1).ok_or("which folder?")?;
    let data = PathBuf::from(&folder);
    let mut noted = Vec::new();
    let store = open(&data)?;
    let api: &[Row] = &[
        ("GET /", &[("detected_level", "info"), ("status", "200")]),
        (
            "GET /favicon.ico",
            &[("detected_level", "error"), ("status", "404")],
        ),
    ];
    push(&store, "api", BASE_NS, api, &mut noted)?;
    store.flush()?;
    push(
        &store,
        "web",
        BASE_NS,
        &[("started", &[("took", "0.25")])],
        &mut noted,
    )?;
    store.flush()?;
    store.compact()?;
    push(
        &store,
        "web",
        BASE_NS + DAY_NS,
        &[("stopped", &[])],
        &mut noted,
    )?;
    store.flush()?;
    drop(store);
    // A new start begins a new segment, and the start after that removes the covered one.
    let store = open(&data)?;
    push(
        &store,
        "api",
        BASE_NS + DAY_NS,
        &[("GET /", &[("status", "200")])],
        &mut noted,
    )?;
    drop(store);
    drop(open(&data)?);
    std::fs::remove_file(data.join("LOCK"))?;
    noted.sort();
    std::fs::write(data.with_extension("rows"), noted.join("\n") + "\n")?;
    Ok(())
}

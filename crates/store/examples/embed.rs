//! Embeds the store: keeps the lines of standard input, then prints the stored lines that contain a
//! word.
//!
//! ```text
//! journalctl | cargo run -p skald-store --example embed -- FOLDER error
//! ```

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use skald_model::{
    Columns, ContentQuery, Labels, Literal, Matcher, TenantId, TimeRange, WriteBatch,
};
use skald_store::{Options, ReadSpec, Select, Store};
use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{SystemTime, UNIX_EPOCH};

type Error = Box<dyn std::error::Error>;

/// Lines of one push: a push is acknowledged as a whole.
const PUSH_LINES: usize = 1000;

fn main() -> ExitCode {
    match embed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done about a closed stderr.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn embed() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(word)) = (arguments.next(), arguments.next()) else {
        return Err("usage: embed FOLDER WORD".into());
    };
    let store = Store::open(Options::new(folder))?;
    let tenant = TenantId::fake();
    let lines: Vec<String> = std::io::stdin().lock().lines().collect::<Result<_, _>>()?;
    for lines in lines.chunks(PUSH_LINES) {
        write(&store, &tenant, lines)?;
    }
    for line in search(&store, &tenant, &word)? {
        println!("{line}");
    }
    // What is still in memory becomes parts; without this it would be read from the WAL at the next
    // start.
    store.close(true)?;
    Ok(())
}

/// Stores lines under the current time and waits until they are durable.
fn write(store: &Store, tenant: &TenantId, lines: &[String]) -> Result<(), Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as i64;
    let mut batch = WriteBatch::default();
    batch.push(
        Labels::from_pairs([("source", "stdin")]),
        (now..).zip(lines.iter().map(String::as_bytes)),
    );
    let (done, durable) = mpsc::channel();
    store.write(
        tenant,
        &batch,
        Box::new(move |result| drop(done.send(result))),
    )?;
    Ok(durable.recv()??)
}

/// Lines that contain a word. The store leaves out blocks that can't have it; the lines that come
/// back are checked here.
fn search(store: &Store, tenant: &TenantId, word: &str) -> Result<Vec<String>, Error> {
    let literal = Literal {
        bytes: word.as_bytes().to_vec(),
        ignore_case: false,
    };
    let select = Select {
        matchers: &[Matcher::equal("source", "stdin")],
        range: TimeRange::ALL,
        content: &ContentQuery {
            lines: vec![vec![literal]],
            ..ContentQuery::default()
        },
    };
    let selected = store.select(tenant, &select)?;
    let mut found = Vec::new();
    for piece in &selected.pieces {
        let read = piece.read(&ReadSpec::all(&Columns::ALL), None)?;
        for row in read.runs.iter().flat_map(|run| run.rows.clone()) {
            let line = String::from_utf8_lossy(read.batch.line(row));
            if line.contains(word) {
                found.push((read.batch.timestamps[row as usize], line.into_owned()));
            }
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, line)| line).collect())
}

//! Runs scripts on a store in each state that its data can be in.

use super::compare;
use super::{Ask, Entry, Eval, LogAsk, Pairs, Row, Script, Show};
use skald_model::{Direction, Labels, StreamId, TenantId, WriteBatch, WriteEntry, WriteStream};
use skald_query::{
    Answer, Cancel, Data, Engine, InstantRequest, Parsed, QueryLimits, RangeRequest,
};
use skald_store::{Options, Store};
use std::borrow::Cow;
use std::sync::{Arc, mpsc};

/// Nanoseconds since 1970 of the zero of scripts: the start of 2023-11-15, so that dates are easy
/// to tell.
pub const ZERO: i64 = 1_700_006_400_000_000_000;

/// Where the data is when it is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All in memory.
    Head,
    /// All in a part.
    Flushed,
    /// In two parts that were merged.
    Compacted,
    /// Half in a part, half in memory.
    Mixed,
    /// In memory, read back from the WAL.
    Recovered,
}

/// Every state.
pub const STATES: [State; 5] = [
    State::Head,
    State::Flushed,
    State::Compacted,
    State::Mixed,
    State::Recovered,
];

/// What went wrong: one text for each question that was answered otherwise than expected.
pub fn run(script: &Script, state: State) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let store = Arc::new(prepare(script, state, directory.path()));
    let limits = QueryLimits {
        threads: 1,
        ..QueryLimits::default()
    };
    let engine = Engine::new(store.clone(), limits, || ZERO);
    let wrong = script
        .evals
        .iter()
        .filter_map(|eval| {
            check(&engine, eval)
                .err()
                .map(|why| compare::describe(eval, &why))
        })
        .collect();
    store.close(false).expect("the store closes");
    wrong
}

fn open(path: &std::path::Path) -> Store {
    Store::open(Options {
        background: false,
        ..Options::new(path)
    })
    .expect("the store opens")
}

/// A store with the data of a script in a state.
fn prepare(script: &Script, state: State, path: &std::path::Path) -> Store {
    let store = open(path);
    let (first, second) = script.entries.split_at(script.entries.len() / 2);
    match state {
        State::Head => write(&store, &script.entries),
        State::Flushed => {
            write(&store, &script.entries);
            store.flush().expect("the head is flushed");
        }
        State::Compacted => {
            for half in [first, second] {
                write(&store, half);
                store.flush().expect("the head is flushed");
            }
            store.compact().expect("the parts are merged");
        }
        State::Mixed => {
            write(&store, first);
            store.flush().expect("the head is flushed");
            write(&store, second);
        }
        State::Recovered => {
            write(&store, &script.entries);
            store.close(false).expect("the store closes");
            drop(store);
            return open(path);
        }
    }
    store
}

/// Writes entries in their order and waits until they are durable.
fn write(store: &Store, entries: &[Entry]) {
    for entry in entries {
        let labels = Labels::from_pairs(entry.labels.iter().map(|(n, v)| (n, v)));
        let metadata = entry
            .metadata
            .iter()
            .map(|(n, v)| (Cow::from(n), Cow::from(v)))
            .collect::<Vec<_>>();
        let batch = WriteBatch {
            streams: vec![WriteStream {
                id: StreamId::of(&labels),
                labels,
                rows: 0..1,
            }],
            entries: vec![WriteEntry {
                timestamp: ZERO + entry.offset,
                line: &entry.line,
                metadata: 0..metadata.len() as u32,
            }],
            metadata,
        };
        let (done, written) = mpsc::channel();
        let done = Box::new(move |result| done.send(result).expect("the writer waits"));
        store
            .write(&TenantId::fake(), &batch, done)
            .expect("the store takes the entry");
        written
            .recv()
            .expect("the store answers")
            .expect("the entry is durable");
    }
}

/// Asks and compares; an error shows both answers.
fn check(engine: &Engine, eval: &Eval) -> Result<(), String> {
    compare::judge(eval, ask(engine, eval).map(|answer| rows(eval, answer)))
}

fn ask(engine: &Engine, eval: &Eval) -> Result<Answer, String> {
    let query = Parsed::parse(&eval.query).map_err(|e| e.to_string())?;
    let tenant = TenantId::fake();
    let cancel = Cancel::default();
    let answer = match &eval.ask {
        Ask::Instant { at, .. } => {
            let request = InstantRequest::new(tenant, query, ZERO + at)
                .limit(1000)
                .direction(Direction::Forward);
            engine.query_instant(&request, &cancel)
        }
        Ask::Range { from, to, step } => {
            let request = RangeRequest::new(tenant, query, ZERO + from, ZERO + to).step(*step);
            engine.query_range(&request, &cancel)
        }
        Ask::Log(log) => {
            let direction = if log.backward {
                Direction::Backward
            } else {
                Direction::Forward
            };
            let request = RangeRequest::new(tenant, query, ZERO + log.from, ZERO + log.to)
                .interval(log.interval)
                .limit(log.limit)
                .direction(direction);
            engine.query_range(&request, &cancel)
        }
    };
    answer.map_err(|e| e.to_string())
}

/// An answer in the form of a script.
fn rows(eval: &Eval, answer: Answer) -> Vec<Row> {
    match answer.data {
        Data::Scalar(_, value) => vec![Row::Scalar(value)],
        Data::Vector(samples) => samples
            .into_iter()
            .map(|sample| Row::Series(pairs(&sample.labels), vec![Some(sample.value)]))
            .collect(),
        Data::Matrix(series) => {
            let Ask::Range { from, to, step } = eval.ask else {
                return Vec::new();
            };
            let steps: Vec<i64> = (0..)
                .map(|i| ZERO + from + i * step)
                .take_while(|t| *t <= ZERO + to)
                .collect();
            let values = |points: &[(i64, f64)]| {
                steps
                    .iter()
                    .map(|step| points.iter().find(|(t, _)| t == step).map(|(_, v)| *v))
                    .collect()
            };
            series
                .iter()
                .map(|series| Row::Series(pairs(&series.labels), values(&series.points)))
                .collect()
        }
        Data::Streams(streams) => {
            let Ask::Log(ask) = &eval.ask else {
                return Vec::new();
            };
            entry_rows(ask, streams)
        }
    }
}

fn pairs(labels: &Labels) -> Pairs {
    labels
        .iter()
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect()
}

/// Entries in order of time; those of one time in order of labels.
fn entry_rows(ask: &LogAsk, streams: Vec<skald_query::StreamResult>) -> Vec<Row> {
    let mut entries: Vec<(i64, Pairs, Vec<u8>)> = Vec::new();
    for stream in streams {
        entries.extend(
            stream
                .entries
                .into_iter()
                .map(|entry| (entry.timestamp, stream.labels.clone(), entry.line)),
        );
    }
    entries.sort_by(|a, b| {
        if ask.backward {
            b.0.cmp(&a.0)
        } else {
            a.0.cmp(&b.0)
        }
    });
    let row = |(time, labels, line)| Row::Entry {
        labels: (ask.show != Show::Lines).then_some(labels),
        line: (ask.show != Show::Labels).then_some(line),
        offset: (ask.show == Show::Everything).then_some(time - ZERO),
    };
    entries.into_iter().map(row).collect()
}

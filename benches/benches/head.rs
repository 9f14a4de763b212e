//! What does a push cost between the log and the head, and do writers of one tenant hold each other
//! up?
//!
//! A push is a record of 1 MiB of logfmt lines of one stream, not synced; the head is never
//! flushed. A writer has a stream of its own. Twice the writers do as much each: with the cores for
//! them, throughput should double. Run: `cargo bench -p skald-benches --bench head`

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use skald_benches::lines::{Kind, block};
use skald_model::{Batch, Labels, StreamId, TenantId, WriteBatch, WriteEntry, WriteStream};
use skald_store::{Options, Store, WalSync};
use std::sync::mpsc;

const PUSH_BYTES: usize = 1 << 20;
const PUSHES: usize = 48;

fn open(folder: &std::path::Path) -> Store {
    let options = Options {
        background: false,
        wal_sync: WalSync::None,
        memory: 8 << 30,
        flush_bytes: usize::MAX,
        wal_bytes: u64::MAX,
        ..Options::new(folder)
    };
    Store::open(options).expect("the folder is ours")
}

fn write(store: &Store, number: usize, lines: &Batch) {
    let labels = Labels::from_pairs([("writer", number.to_string())]);
    let rows = 0..lines.len() as u32;
    let entry = |row: u32| WriteEntry {
        timestamp: lines.timestamps[row as usize],
        line: lines.line(row),
        metadata: 0..0,
    };
    let (sender, receiver) = mpsc::channel();
    for _ in 0..PUSHES {
        let streams = vec![WriteStream {
            id: StreamId::of(&labels),
            labels: labels.clone(),
            rows: rows.clone(),
        }];
        let batch = WriteBatch {
            streams,
            entries: rows.clone().map(entry).collect(),
            ..WriteBatch::default()
        };
        let sender = sender.clone();
        let done = Box::new(move |result| sender.send(result).expect("the bench waits"));
        store
            .write(&TenantId::fake(), &batch, done)
            .expect("there is room");
    }
    receiver
        .iter()
        .take(PUSHES)
        .for_each(|result| result.expect("the log takes it"));
}

fn writers(criterion: &mut Criterion) {
    let lines: Vec<Batch> = (1..=4)
        .map(|seed| block(Kind::Logfmt, PUSH_BYTES, seed))
        .collect();
    let mut group = criterion.benchmark_group("head/writers of a tenant");
    group.sample_size(10);
    for writers in [1, 2, 4] {
        group.throughput(Throughput::Bytes((writers * PUSHES * PUSH_BYTES) as u64));
        group.bench_function(BenchmarkId::from_parameter(writers), |b| {
            b.iter_batched(
                || {
                    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))
                        .expect("a folder can be made");
                    (open(folder.path()), folder)
                },
                |(store, folder)| {
                    std::thread::scope(|scope| {
                        for (number, lines) in lines.iter().take(writers).enumerate() {
                            scope.spawn({
                                let store = &store;
                                move || write(store, number, lines)
                            });
                        }
                    });
                    (store, folder)
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, writers);
criterion_main!(benches);

//! What does a record cost to append and make durable, alone and in a group, and to read back?
//!
//! The folder lies under the target folder, so the figures are those of its disk. Records are 1
//! MiB, as a shipper sends them. Baseline: docs/benchmarks.md. Run: `cargo bench -p skald-benches
//! --bench wal`

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use skald_wal::files::RealFiles;
use skald_wal::{Options, Sync, Wal, WalError};
use std::path::Path;
use std::sync::{Arc, mpsc};

const RECORD_BYTES: usize = 1 << 20;
/// Records of the log that is read back: four segments.
const REPLAYED_RECORDS: usize = 256;

fn open(folder: &Path, sync: Sync) -> (Wal, u64) {
    let options = Options {
        sync,
        ..Options::default()
    };
    let mut bytes = 0;
    let opened = Wal::open::<WalError>(Arc::new(RealFiles), folder, options, |record| {
        bytes += record.payload.len() as u64;
        Ok(())
    });
    (opened.expect("the folder is ours").0, bytes)
}

/// Appends records and waits until all are acknowledged.
fn append(wal: &Wal, records: usize, payload: &[u8]) {
    let tenant: Arc<str> = Arc::from("fake");
    let (sender, receiver) = mpsc::channel();
    for _ in 0..records {
        let sender = sender.clone();
        let encoded = wal.encode(&tenant, |out| out.extend_from_slice(payload));
        let done = Box::new(move |result| sender.send(result).expect("the bench waits"));
        wal.append(encoded, done).expect("the log takes records");
    }
    for _ in 0..records {
        receiver
            .recv()
            .expect("each record is answered")
            .expect("the disk takes it");
    }
}

fn durable(criterion: &mut Criterion) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder can be made");
    let payload = vec![b'x'; RECORD_BYTES];
    let mut group = criterion.benchmark_group("wal/append and sync");
    for records in [1, 4, 16] {
        let (wal, _) = open(folder.path(), Sync::Group);
        group.throughput(Throughput::Bytes((records * RECORD_BYTES) as u64));
        group.bench_function(BenchmarkId::from_parameter(records), |b| {
            b.iter(|| {
                append(&wal, records, &payload);
                wal.truncate(&|_| u64::MAX)
                    .expect("covered segments can be removed");
            });
        });
    }
    group.finish();
}

fn replay(criterion: &mut Criterion) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder can be made");
    let payload = vec![b'x'; RECORD_BYTES];
    append(
        &open(folder.path(), Sync::None).0,
        REPLAYED_RECORDS,
        &payload,
    );
    let mut group = criterion.benchmark_group("wal/replay");
    group.sample_size(10);
    group.throughput(Throughput::Bytes((REPLAYED_RECORDS * RECORD_BYTES) as u64));
    group.bench_function("whole log", |b| {
        b.iter(|| open(folder.path(), Sync::None).1)
    });
    group.finish();
}

criterion_group!(benches, durable, replay);
criterion_main!(benches);

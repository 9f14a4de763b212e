//! What does mining templates add to the flush of a block of 1 MB, when 512 of its rows are looked
//! at?
//!
//! Baseline: encoding the block (`--bench block`), which is what a flush does anyway.
//! Run: `cargo bench -p skald-benches --bench patterns`

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use skald_benches::lines::{Kind, block};
use skald_block::Encoder;
use skald_patterns::StreamMiner;

/// Rows of a block that the store looks at.
const ROWS: usize = 512;

fn mine(criterion: &mut Criterion) {
    for kind in [Kind::Json, Kind::Logfmt, Kind::Text] {
        let batch = block(kind, 1 << 20, 1);
        let mut group = criterion.benchmark_group(format!("patterns/{kind:?}"));
        group.throughput(Throughput::Bytes(batch.lines.len() as u64));
        let (mut encoder, mut bytes) = (Encoder::default(), Vec::new());
        group.bench_function("encode alone", |b| {
            b.iter(|| {
                bytes.clear();
                encoder
                    .encode(&batch, &mut bytes)
                    .expect("the batch is well formed")
            });
        });
        let stride = batch.len().div_ceil(ROWS);
        group.bench_function("mine", |b| {
            b.iter(|| {
                let mut miner = StreamMiner::default();
                for row in (0..batch.len() as u32).step_by(stride) {
                    miner.add(i64::from(row), "info", batch.line(row), stride as u64);
                }
                let found = miner.finish();
                // Messages of fewer than four words, as the JSON lines have, make no template.
                assert_eq!(found.is_empty(), matches!(kind, Kind::Json));
                found
            });
        });
        group.finish();
    }
}

criterion_group!(benches, mine);
criterion_main!(benches);

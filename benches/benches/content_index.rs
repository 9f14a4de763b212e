//! What does a block cost to index, and a question to 256 blocks to answer?
//!
//! Baseline: docs/decisions/0001-content-index.md, about 3 s per GB to build and 30 to 100 µs to
//! ask 308 blocks. Run: `cargo bench -p skald-benches --bench content_index`

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use skald_benches::lines::{Kind, block};
use skald_index::{ContentIndex, ContentIndexBuilder};
use skald_model::{ContentQuery, Literal};

/// Blocks asked; three kinds in turn.
const BLOCKS: usize = 256;

fn build(criterion: &mut Criterion) {
    for kind in [Kind::Json, Kind::Logfmt, Kind::Text] {
        let batch = block(kind, 1 << 20, 1);
        let mut group = criterion.benchmark_group(format!("content index/{kind:?}"));
        group.throughput(Throughput::Bytes(batch.lines.len() as u64));
        let mut builder = ContentIndexBuilder::default();
        group.bench_function("add block", |b| b.iter(|| builder.add_block(&batch)));
        group.finish();
    }
}

fn probe(criterion: &mut Criterion) {
    let mut builder = ContentIndexBuilder::default();
    for i in 0..BLOCKS {
        let kind = [Kind::Json, Kind::Logfmt, Kind::Text][i % 3];
        builder.add_block(&block(kind, 1 << 18, i as u64 + 1));
    }
    let index = ContentIndex::open(builder.finish()).expect("was just written");
    let mut group = criterion.benchmark_group("content index/probe");
    for (name, literal, most) in [
        ("absent id", "4f3a9b2c71d0", BLOCKS / 4),
        ("absent word", "zoology", 1),
        ("absent address", "10.77.211.93", BLOCKS),
        ("common phrase", "payment accepted", BLOCKS),
    ] {
        let literal = Literal {
            bytes: literal.as_bytes().to_vec(),
            ignore_case: false,
        };
        let query = ContentQuery {
            lines: vec![vec![literal]],
            ..ContentQuery::default()
        };
        let left = index
            .candidates(&query)
            .iter()
            .filter(|flag| **flag)
            .count();
        assert!(left <= most, "{name} leaves {left} blocks");
        group.bench_function(name, |b| b.iter(|| index.candidates(&query)));
    }
    group.finish();
}

criterion_group!(benches, build, probe);
criterion_main!(benches);

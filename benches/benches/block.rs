//! What does a block of 1 MB cost to write and to read, whole and by column?
//!
//! Baseline: zstd level 1 alone on the lines of the benchmark corpus, 2.0 s per GB to write and 0.6
//! to read. Run: `cargo bench -p skald-benches --bench block`

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use skald_benches::lines::{Kind, block};
use skald_block::{BlockMeta, Encoder, ReadSpec, decode};
use skald_model::{Batch, Columns, MetadataWanted};

fn read(meta: &BlockMeta, bytes: &[u8], columns: &Columns) -> Batch {
    let spec = ReadSpec::all(columns);
    decode(meta, &spec, Batch::default(), &mut |range| {
        Ok(bytes[range.start as usize..range.end as usize].to_vec())
    })
    .expect("was just written")
}

fn encode_and_decode(criterion: &mut Criterion) {
    for kind in [Kind::Json, Kind::Logfmt, Kind::Text] {
        let batch = block(kind, 1 << 20, 1);
        let mut group = criterion.benchmark_group(format!("block/{kind:?}"));
        group.throughput(Throughput::Bytes(batch.lines.len() as u64));
        let (mut encoder, mut bytes) = (Encoder::default(), Vec::new());
        group.bench_function("encode", |b| {
            b.iter(|| {
                bytes.clear();
                encoder
                    .encode(&batch, &mut bytes)
                    .expect("the batch is well formed")
            });
        });
        bytes.clear();
        let meta = encoder
            .encode(&batch, &mut bytes)
            .expect("the batch is well formed");
        let level = MetadataWanted::Names(vec!["detected_level".to_owned()]);
        for (name, columns) in [
            ("all", Columns::ALL),
            (
                "lines",
                Columns {
                    lines: true,
                    line_lengths: true,
                    metadata: MetadataWanted::None,
                },
            ),
            (
                "lengths",
                Columns {
                    lines: false,
                    line_lengths: true,
                    metadata: MetadataWanted::None,
                },
            ),
            (
                "level",
                Columns {
                    lines: false,
                    line_lengths: false,
                    metadata: level,
                },
            ),
            ("times", Columns::TIMES),
        ] {
            group.bench_function(format!("decode {name}"), |b| {
                b.iter(|| assert_eq!(read(&meta, &bytes, &columns).len(), batch.len()));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, encode_and_decode);
criterion_main!(benches);

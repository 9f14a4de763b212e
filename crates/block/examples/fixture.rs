//! Writes `fixtures/v<version>.block` (directory entry, then block) and `.rows` (what it must
//! give), and the same of shredded lines as `v<version>-fields`.
//!
//! Run once for each format version: `cargo run -p skald-block --example fixture`. The files of
//! older versions stay as they are.

use skald_block::{Encoder, FORMAT_VERSION, ReadSpec, decode};
use skald_model::{Batch, BatchBuilder, Columns};
use std::fmt::Write;

/// Rows that make every column and text encoding occur.
fn sample() -> Batch {
    let mut builder = BatchBuilder::default();
    let mix = |i: u64| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for i in 0..160u64 {
        let id = format!("{:016x}{:016x}", mix(i), mix(i * 7));
        let uuid = format!("{}-{}-4000-8000-{}", &id[..8], &id[8..12], &id[12..24]);
        let address = std::net::Ipv4Addr::from((mix(i) >> 32) as u32).to_string();
        let number = (mix(i) as i64 >> 40).to_string();
        let text = format!("request {} of {}", i * i, mix(i) % 1000);
        let mut pairs = vec![
            ("address", address.as_str()),
            ("constant", "x"),
            ("detected_level", ["info", "error", "warn"][i as usize % 3]),
        ];
        let ratio = format!("{}.{:03}", mix(i) % 90, i * 37 % 1000);
        pairs.extend([("id", id.as_str()), ("number", number.as_str())]);
        pairs.push(("ratio", ratio.as_str()));
        if i % 5 == 0 {
            pairs.push(("sparse", "here"));
        }
        pairs.extend([("text", text.as_str()), ("uuid", uuid.as_str())]);
        let line =
            format!("no pairs at all in {i}: {text} from {address}, known as {id} or {uuid}");
        let time = 1_700_000_000_000_000_000 + i * 1_000_000_000 + mix(i) % 1_000_000;
        builder.push(
            (i / 60) as u32 * 3,
            time as i64,
            line.as_bytes(),
            pairs.into_iter(),
        );
    }
    builder.push(9, -5, b"\xff\x00 not text", std::iter::empty());
    builder.push(10, i64::MAX, b"", [("id", "")].into_iter());
    // A run long enough for anchors.
    for i in 0..1_200u64 {
        let time = 1_700_000_000_000_000_000 + i * 10_000_000 + mix(i) % 3_000_000;
        builder.push(
            11,
            time as i64,
            &b"tick tock"[..(i % 9) as usize],
            std::iter::empty(),
        );
    }
    builder.finish()
}

/// Runs of which some are long enough that their newest lines get a column of their own.
fn long_runs() -> Batch {
    let mut builder = BatchBuilder::default();
    for (stream, rows) in [(0, 700), (1, 40), (4, 900)] {
        for i in 0..rows {
            let line = format!("tick {} of {} in {stream}", i % 7, i / 50);
            builder.push(
                stream,
                1_700_000_000_000_000_000 + i * 1_000_000,
                line.as_bytes(),
                std::iter::empty(),
            );
        }
    }
    builder.finish()
}

/// Lines whose values are columns, in both forms, and two that stay whole.
fn fields() -> Batch {
    let mut builder = BatchBuilder::default();
    let mix = |i: u64| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for i in 0..120u64 {
        let (took, user, text) = (
            mix(i) % 100_000,
            mix(i) % 500,
            format!("request {} of {}", i * i, mix(i) % 1000),
        );
        let took = format!("{}.{:02}ms", took / 100, took % 100);
        let line = match i {
            17 | 90 => format!("panic: {text}"),
            0..60 => format!(
                r#"{{"level":"info","took":"{took}","user":{user},"path":"/v{}/carts/{}","at":{{"id":"{:016x}"}},"tags":[{i}],"msg":"{text}"}}"#,
                i % 3,
                mix(i) % 1000,
                mix(i)
            ),
            _ => format!(
                r#"level=warn took={took} user={user} id={:016x} msg="say \"{text}\"" done"#,
                mix(i)
            ),
        };
        builder.push(
            i as u32 / 60,
            1_700_000_000_000_000_000 + i as i64 * 1_000_000,
            line.as_bytes(),
            std::iter::empty(),
        );
    }
    builder.finish()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    write("", &sample())?;
    write("-tail", &long_runs())?;
    write("-fields", &fields())
}

fn write(kind: &str, batch: &Batch) -> Result<(), Box<dyn std::error::Error>> {
    let mut block = Vec::new();
    let meta = Encoder::default().encode(batch, &mut block)?;
    let all = ReadSpec::all(&Columns::ALL);
    let batch = decode(&meta, &all, Batch::default(), &mut |range| {
        Ok(block[range.start as usize..range.end as usize].to_vec())
    })?;
    let mut rows = String::new();
    for run in &batch.runs {
        for row in run.rows.clone() {
            let metadata: Vec<_> = batch.metadata_of(row).collect();
            let line = batch.line(row).escape_ascii();
            writeln!(
                rows,
                "{} {} \"{line}\" {metadata:?}",
                run.stream, batch.timestamps[row as usize]
            )?;
        }
    }
    let mut file = Vec::new();
    meta.encode(&mut file);
    file.extend_from_slice(&block);
    let base = format!(
        "{}/fixtures/v{FORMAT_VERSION}{kind}",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::write(format!("{base}.block"), file)?;
    std::fs::write(format!("{base}.rows"), rows)?;
    Ok(())
}

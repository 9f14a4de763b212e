//! Rewrite: one part without the entries that are deleted or have expired.
//!
//! Streams of which nothing is left are dropped from its table too, so that no trace of them stays.

use crate::StoreError;
use crate::deletes::drop_filter::DropFilter;
use crate::part::block_builder::BlockBuilder;
use crate::part::stream_table::StreamTable;
use crate::part::writer::{NewPart, PartWriter};
use crate::part::{Part, PartMeta};
use crate::tenant_dir::TenantDir;
use crate::throttle::Throttle;
use skald_block::ReadSpec;
use skald_model::{Batch, Columns};
use std::sync::Arc;

/// How a rewrite ended.
pub(crate) enum Rewritten {
    /// The part that stands for it.
    Part(PartMeta),
    /// Nothing is left of it.
    Nothing,
    /// The throttle stopped it.
    Abandoned,
}

/// Writes part `id`: what `filter` leaves of `part`.
pub(crate) fn rewrite(
    dir: &TenantDir<'_>,
    part: &Arc<Part>,
    id: u64,
    filter: &DropFilter,
    throttle: Throttle<'_>,
) -> Result<Rewritten, StoreError> {
    let begin = NewPart {
        id,
        day: part.meta.day,
        sequence: part.meta.sequence,
    };
    let mut writer = PartWriter::begin(*dir, begin)?;
    writer.supersedes(std::slice::from_ref(part));
    writer.mine(part.meta.rows);
    let dropped = filter.of_part(part);
    let line_bytes = part.stream_line_bytes();
    let mut builder = BlockBuilder::default();
    // Numbers of the streams of which something is left, in the old part; their places are the new
    // ones.
    let mut kept: Vec<u32> = Vec::new();
    let mut sink = |batch: &Batch| writer.add_block(batch);
    for block in 0..part.blocks.len() {
        if !throttle() {
            return Ok(Rewritten::Abandoned);
        }
        let batch = part.read_block(
            block as u32,
            &ReadSpec::all(&Columns::ALL),
            Batch::default(),
        )?;
        let batch = match &dropped {
            Some(dropped) => dropped.apply(batch),
            None => batch,
        };
        for run in &batch.runs {
            if kept.last() != Some(&run.stream) {
                builder.begin_stream(line_bytes[run.stream as usize] as usize, &mut sink)?;
                kept.push(run.stream);
            }
            for row in run.rows.clone() {
                let entry = (
                    batch.timestamps[row as usize],
                    &batch.lines[batch.line_range(row)],
                );
                builder.push(
                    kept.len() as u32 - 1,
                    entry,
                    batch.metadata_of(row),
                    &mut sink,
                )?;
            }
        }
    }
    builder.finish(&mut sink)?;
    if kept.is_empty() {
        return Ok(Rewritten::Nothing);
    }
    let labels: Vec<_> = kept
        .iter()
        .map(|stream| part.table.labels(*stream))
        .collect();
    let table = StreamTable::build(labels.iter().map(|labels| labels.as_bytes()));
    writer.finish(&table).map(Rewritten::Part)
}

//! Writing one part anew without entries that are deleted or have expired.
//!
//! Streams of which nothing is left are left out of its table too, so that no trace of them stays.

use crate::StoreError;
use crate::compaction::merge::Pace;
use crate::deletes::drop_filter::Dropping;
use crate::files::Files;
use crate::layout::Layout;
use crate::part::block_builder::BlockCutter;
use crate::part::stream_table::StreamTable;
use crate::part::writer::PartWriter;
use crate::part::{Part, PartMeta};
use skald_block::ReadSpec;
use skald_model::{Batch, Columns, TenantId};
use std::sync::Arc;

/// How a rewrite ended.
pub(crate) enum Rewritten {
    /// The part that stands for it.
    Part(PartMeta),
    /// Nothing is left of it.
    Nothing,
    /// It was told to stop.
    Abandoned,
}

/// Writes a part anew as part `id`, without what `dropping` leaves out.
pub(crate) fn rewrite(
    files: &dyn Files,
    layout: &Layout,
    tenant: &TenantId,
    (part, id): (&Arc<Part>, u64),
    dropping: &Dropping,
    pace: Pace<'_>,
) -> Result<Rewritten, StoreError> {
    let mut writer = PartWriter::begin(
        files,
        layout,
        tenant,
        (part.meta.day, id, part.meta.sequence),
    )?;
    writer.replace(std::slice::from_ref(part));
    writer.mine(part.meta.rows);
    let dropped = dropping.of_part(part);
    let line_bytes = line_bytes(part);
    let mut cutter = BlockCutter::default();
    // Numbers of the streams of which something is left, in the old part; their places are the new ones.
    let mut kept: Vec<u32> = Vec::new();
    let mut sink = |batch: &Batch| writer.add_block(batch);
    for block in 0..part.blocks.len() {
        if !pace() {
            return Ok(Rewritten::Abandoned);
        }
        let batch = part.read_block(
            block as u32,
            &ReadSpec::all(&Columns::ALL),
            Batch::default(),
        )?;
        let batch = match &dropped {
            Some(dropped) => dropped.keep(batch),
            None => batch,
        };
        for run in &batch.runs {
            if kept.last() != Some(&run.stream) {
                cutter.begin_stream(line_bytes[run.stream as usize] as usize, &mut sink)?;
                kept.push(run.stream);
            }
            for row in run.rows.clone() {
                let entry = (
                    batch.timestamps[row as usize],
                    &batch.lines[batch.line_range(row)],
                );
                cutter.push(
                    kept.len() as u32 - 1,
                    entry,
                    batch.metadata_of(row),
                    &mut sink,
                )?;
            }
        }
    }
    cutter.finish(&mut sink)?;
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

/// Bytes of lines of each stream, before anything is left out.
fn line_bytes(part: &Part) -> Vec<u64> {
    let mut bytes = vec![0; part.table.len()];
    for run in part.blocks.iter().flat_map(|block| &block.meta.runs) {
        bytes[run.stream as usize] += run.line_bytes;
    }
    bytes
}

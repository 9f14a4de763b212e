//! What holds for every batch and for every damage to its bytes.

use crate::support::{assert_same, batch_of, batches, decoded, encoded, reader};
use proptest::collection::vec;
use proptest::prelude::*;
use skald_block::{BlockError, BlockMeta, Count, Encoder, ReadSpec, RunCounter, decode, verify};
use skald_model::{Batch, BatchBuilder, Columns, Literal};
use std::collections::BTreeSet;

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(batch in batches()) {
        let (meta, bytes) = encoded(&batch);
        assert_eq!(meta.block_bytes(), bytes.len() as u64);
        let mut entry = Vec::new();
        meta.encode(&mut entry);
        let again = BlockMeta::decode(&mut &entry[..]).expect("was just written");
        assert_eq!(again, meta);
        let read = decoded(&again, &Columns::ALL, &bytes).expect("was just written");
        assert_same(&read, &batch);
        verify(&again, &read).expect("the entry describes the rows");
    }

    #[test]
    fn the_batch_read_before_does_not_show(batch in batches(), before in batches()) {
        let (meta, bytes) = encoded(&batch);
        let mut read = reader(&bytes);
        for columns in [Columns::ALL, Columns::TIMES] {
            let over = decode(&meta, &ReadSpec::all(&columns), before.clone(), &mut read).expect("was just written");
            assert_same(&over, &decoded(&meta, &columns, &bytes).expect("was just written"));
        }
    }

    #[test]
    fn lines_of_some_rows_are_those_of_all(batch in batches(), picks in vec(any::<prop::sample::Index>(), 0..20)) {
        let (meta, bytes) = encoded(&batch);
        let mut read = reader(&bytes);
        let mut rows: Vec<u32> = picks.iter().filter(|_| !batch.is_empty()).map(|pick| pick.index(batch.len()) as u32).collect();
        rows.sort_unstable();
        rows.dedup();
        let spec = ReadSpec { rows: Some(&rows), ..ReadSpec::all(&Columns::ALL) };
        let some = decode(&meta, &spec, Batch::default(), &mut read).expect("was just written");
        for row in rows {
            prop_assert_eq!(some.line(row), batch.line(row));
        }
    }

    #[test]
    fn rows_picked_by_their_times_are_whole(
        batch in batches(),
        picks in vec(any::<prop::sample::Index>(), 0..20),
        wanted_too in vec(any::<prop::sample::Index>(), 0..20),
        narrowed in any::<bool>(),
    ) {
        let (meta, bytes) = encoded(&batch);
        let mut read = reader(&bytes);
        let row = |pick: &prop::sample::Index| pick.index(batch.len()) as u32;
        let of = |picks: &[prop::sample::Index]| picks.iter().filter(|_| !batch.is_empty()).map(row).collect::<BTreeSet<_>>();
        let picked: Vec<u32> = of(&picks).into_iter().collect();
        let wanted: Vec<u32> = (&of(&picks) | &of(&wanted_too)).into_iter().collect();
        let pick = |times: &[i64]| {
            assert_eq!(times, batch.timestamps);
            picked.clone()
        };
        let spec = ReadSpec { rows: narrowed.then_some(&wanted[..]), pick: Some(&pick), ..ReadSpec::all(&Columns::ALL) };
        let some = decode(&meta, &spec, Batch::default(), &mut read).expect("was just written");
        for &row in &picked {
            prop_assert_eq!(some.line(row), batch.line(row));
            prop_assert!(some.metadata_of(row).eq(batch.metadata_of(row)), "metadata of row {}", row);
        }
    }

    #[test]
    fn lines_that_contain_a_text_are_those_of_all(batch in batches(), pick in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        if batch.lines.is_empty() {
            return Ok(());
        }
        let (meta, bytes) = encoded(&batch);
        let line = batch.line(pick.index(batch.len()) as u32);
        let text = &line[at.index(line.len() + 1)..];
        let literal = Literal { bytes: text[..text.len().min(5)].to_vec(), ignore_case: false };
        let must_contain = [vec![literal.clone()]];
        let spec = ReadSpec { must_contain: &must_contain, ..ReadSpec::all(&Columns::ALL) };
        let mut read = reader(&bytes);
        let some = decode(&meta, &spec, Batch::default(), &mut read).expect("was just written");
        for row in 0..batch.len() as u32 {
            let line = batch.line(row);
            let holds = literal.bytes.is_empty() || line.windows(literal.bytes.len()).any(|window| window == literal.bytes);
            prop_assert!(some.line(row) == line || (!holds && some.line(row).is_empty()));
        }
    }

    #[test]
    fn figures_of_the_directory_are_those_of_the_rows(batch in batches()) {
        let (meta, _) = encoded(&batch);
        for (run, described) in batch.runs.iter().zip(&meta.runs) {
            let rows = run.rows.clone();
            let lines: usize = rows.clone().map(|row| batch.line(row).len()).sum();
            let metadata: usize = rows.clone().flat_map(|row| batch.metadata_of(row)).map(|(n, v)| n.len() + v.len()).sum();
            assert_eq!((described.rows as usize, described.line_bytes, described.metadata_bytes), (rows.len(), lines as u64, metadata as u64));
            assert_eq!(described.min_time, batch.timestamps[rows.start as usize]);
            assert_eq!(described.max_time, batch.timestamps[rows.end as usize - 1]);
        }
    }

    #[test]
    fn damaged_bytes_are_refused(batch in batches(), at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        let (meta, mut bytes) = encoded(&batch);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        assert!(matches!(decoded(&meta, &Columns::ALL, &bytes), Err(BlockError::Damaged(_))));
    }

    /// Checksums catch damage before decoders do; this lets the decoders see it.
    #[test]
    fn decoders_survive_bytes_with_a_right_checksum(batch in batches(), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let (mut meta, mut bytes) = encoded(&batch);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for column in &mut meta.columns {
            column.crc = crc32fast::hash(&bytes[column.offset as usize..column.bytes().end as usize]);
        }
        if let Ok(read) = decoded(&meta, &Columns::ALL, &bytes) {
            for row in 0..read.len() as u32 {
                let _ = (read.line(row), read.metadata_of(row).count());
            }
        }
    }

    #[test]
    fn damaged_directory_entries_never_panic(batch in batches(), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let (meta, bytes) = encoded(&batch);
        let mut entry = Vec::new();
        meta.encode(&mut entry);
        for (at, byte) in damage {
            let at = at.index(entry.len());
            entry[at] = byte;
        }
        if let Ok(meta) = BlockMeta::decode(&mut &entry[..]) {
            let _ = decoded(&meta, &Columns::ALL, &bytes).map(|batch| verify(&meta, &batch));
            let mut read = reader(&bytes);
            let mut counter = RunCounter::new(&meta, Count::RowsAndBytes);
            for (number, run) in meta.runs.iter().enumerate() {
                let _ = counter.before(number, run.min_time.wrapping_add(run.max_time.wrapping_sub(run.min_time) / 2), &mut read);
            }
        }
    }

    #[test]
    fn any_bytes_are_no_reason_to_panic(entry in vec(any::<u8>(), 0..200)) {
        let _ = BlockMeta::decode(&mut &entry[..]);
        let mut versioned = vec![skald_block::FORMAT_VERSION];
        versioned.extend(entry);
        let _ = BlockMeta::decode(&mut &versioned[..]);
    }
}

#[test]
fn levels_are_counted_in_the_directory() {
    let mut builder = BatchBuilder::default();
    for (i, level) in ["info", "error", "info", "info"].into_iter().enumerate() {
        builder.push(0, i as i64, b"x", [("detected_level", level)].into_iter());
    }
    builder.push(0, 9, b"x", std::iter::empty());
    let (meta, _) = encoded(&builder.finish());
    assert_eq!(
        meta.levels,
        [("info".to_owned(), 3), ("error".to_owned(), 1)]
    );
}

#[test]
fn malformed_batches_are_refused() {
    let mut batch = batch_of(&[(0, vec![(1, b"line".to_vec(), Vec::new())])]);
    batch.line_ends[0] = 3;
    assert!(matches!(
        Encoder::default().encode(&batch, &mut Vec::new()),
        Err(BlockError::Unencodable(_))
    ));
    batch.line_ends[0] = 4;
    batch.runs.clear();
    assert!(matches!(
        Encoder::default().encode(&batch, &mut Vec::new()),
        Err(BlockError::Unencodable(_))
    ));
}

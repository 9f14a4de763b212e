//! Metadata columns store a dictionary with a code a row, or the values in order of rows. Fields
//! are stored alike.

use crate::codecs::ints::{self, IntBuffers};
use crate::codecs::text::{self, TextBuffers};
use crate::codecs::texts::Texts;
use crate::codecs::varint;
use crate::error::BlockError;
use crate::rows::holds_any;
use hashbrown::HashTable;
use skald_model::MetadataColumn;
use std::ops::Range;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// How a column is laid out. The numbers are the tags on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Layout {
    Dictionary = 0,
    Direct = 1,
}

/// Buffers that [`encode`] reuses.
#[derive(Debug, Default)]
pub(crate) struct MetadataBuffers {
    /// By value of the batch: its number among the distinct ones, plus one; zero while unknown.
    distinct_of: Vec<u32>,
    table: HashTable<u32>,
    codes: Vec<u64>,
    ends: Vec<u32>,
    values: Vec<u8>,
    ints: IntBuffers,
    text: TextBuffers,
}

/// What the directory keeps of a column.
pub(crate) struct Written {
    /// Layout times sixteen plus form of the texts.
    pub(crate) encoding: u8,
    pub(crate) range: Option<(i64, i64)>,
}

/// Most distinct values that are counted for the directory.
const COUNTED_VALUES_MAX: usize = 16;

/// Present values that are looked at before all are told apart.
const SAMPLE_VALUES: usize = 256;
/// With this many distinct ones among them most values of the column are distinct: a dictionary
/// would save nothing.
const SAMPLE_DISTINCT: usize = SAMPLE_VALUES * 3 / 4;

/// Appends the column.
pub(crate) fn encode(
    column: &MetadataColumn,
    buffers: &mut MetadataBuffers,
    out: &mut Vec<u8>,
) -> Result<Written, BlockError> {
    let layout = if mostly_distinct(column, buffers) {
        Layout::Direct
    } else {
        let present = number_distinct(column, buffers);
        choose_layout(present, buffers)
    };
    out.push(layout as u8);
    if layout == Layout::Dictionary {
        varint::put(out, buffers.ends.len() as u64);
        ints::encode(&buffers.codes, &mut buffers.ints, out)?;
    } else {
        buffers.codes.clear();
        buffers
            .codes
            .extend(column.codes.iter().map(|code| u64::from(*code != 0)));
        ints::encode(&buffers.codes, &mut buffers.ints, out)?;
        let present = || column.codes.iter().filter(|code| **code != 0);
        if present().zip(1..).all(|(code, next)| *code == next)
            && present().count() == column.value_ends.len()
        {
            let written = text::encode(texts_of(column), &mut buffers.text, out)?;
            return Ok(Written {
                encoding: layout as u8 * 16 + written.form as u8,
                range: written.range,
            });
        }
        buffers.ends.clear();
        buffers.values.clear();
        for code in present() {
            buffers
                .values
                .extend_from_slice(texts_of(column).get(*code as usize - 1));
            buffers.ends.push(buffers.values.len() as u32);
        }
    }
    let texts = Texts {
        ends: &buffers.ends,
        bytes: &buffers.values,
    };
    let written = text::encode(texts, &mut buffers.text, out)?;
    Ok(Written {
        encoding: layout as u8 * 16 + written.form as u8,
        range: written.range,
    })
}

/// Whether most values of the column differ, judged by the first ones.
fn mostly_distinct(column: &MetadataColumn, buffers: &mut MetadataBuffers) -> bool {
    let values = column
        .codes
        .iter()
        .filter(|code| **code != 0)
        .take(SAMPLE_VALUES);
    buffers.table.clear();
    let (mut seen, mut distinct) = (0, 0);
    for code in values {
        seen += 1;
        let value = texts_of(column).get(*code as usize - 1);
        let of = |code: &u32| texts_of(column).get(*code as usize - 1);
        if buffers
            .table
            .find(xxh3_64(value), |known| of(known) == value)
            .is_none()
        {
            buffers
                .table
                .insert_unique(xxh3_64(value), *code, |known| xxh3_64(of(known)));
            distinct += 1;
        }
    }
    seen == SAMPLE_VALUES && distinct >= SAMPLE_DISTINCT
}

/// Rows by value, in order of first use; nothing when there are more than a few values.
pub(crate) fn count_values(column: &MetadataColumn) -> Vec<(String, u32)> {
    let mut counts: Vec<(String, u32)> = Vec::new();
    let mut by_code: Vec<u32> = vec![0; column.value_ends.len() + 1];
    for code in &column.codes {
        by_code[*code as usize] += 1;
    }
    for (value, rows) in by_code
        .iter()
        .skip(1)
        .enumerate()
        .filter(|(_, rows)| **rows > 0)
    {
        let value = column.value(value as u32);
        match counts.iter().position(|(known, _)| known == value) {
            Some(at) => counts[at].1 += rows,
            None if counts.len() == COUNTED_VALUES_MAX => return Vec::new(),
            None => counts.push((value.to_owned(), *rows)),
        }
    }
    counts
}

fn texts_of(column: &MetadataColumn) -> Texts<'_> {
    Texts {
        ends: &column.value_ends,
        bytes: &column.values,
    }
}

/// Leaves the distinct values in order of first use in `ends` and `values`, and a code a row; gives
/// the number of rows that have the key.
fn number_distinct(column: &MetadataColumn, buffers: &mut MetadataBuffers) -> usize {
    let given = texts_of(column);
    buffers.distinct_of.clear();
    buffers.distinct_of.resize(given.ends.len(), 0);
    buffers.table.clear();
    buffers.codes.clear();
    buffers.ends.clear();
    buffers.values.clear();
    let mut present = 0;
    for code in &column.codes {
        let Some(value) = (*code as usize).checked_sub(1) else {
            buffers.codes.push(0);
            continue;
        };
        present += 1;
        if buffers.distinct_of[value] == 0 {
            buffers.distinct_of[value] = number_of(
                given.get(value),
                &mut buffers.table,
                &mut buffers.ends,
                &mut buffers.values,
            );
        }
        buffers.codes.push(u64::from(buffers.distinct_of[value]));
    }
    present
}

/// The number of `value` among the distinct ones, plus one; adds it when it is new.
fn number_of(
    value: &[u8],
    table: &mut HashTable<u32>,
    ends: &mut Vec<u32>,
    values: &mut Vec<u8>,
) -> u32 {
    let known = table.find(xxh3_64(value), |number| {
        Texts {
            ends,
            bytes: values,
        }
        .get(*number as usize)
            == value
    });
    if let Some(number) = known {
        return number + 1;
    }
    let number = ends.len() as u32;
    values.extend_from_slice(value);
    ends.push(values.len() as u32);
    table.insert_unique(xxh3_64(value), number, |number| {
        xxh3_64(
            Texts {
                ends,
                bytes: values,
            }
            .get(*number as usize),
        )
    });
    number + 1
}

/// A dictionary pays when the values it saves weigh more than the codes it adds. A value is taken
/// to shrink to half when compressed.
fn choose_layout(present: usize, buffers: &MetadataBuffers) -> Layout {
    let distinct = buffers.ends.len();
    let value_bits = (buffers.values.len() / distinct.max(1) / 2).max(1) * 8;
    let code_bits = (usize::BITS - distinct.leading_zeros()) as usize;
    let saved = (present - distinct).saturating_mul(value_bits);
    if distinct <= 1 || saved > present * code_bits {
        Layout::Dictionary
    } else {
        Layout::Direct
    }
}

/// Whether some value of a column may have a byte; `bytes` are all of it.
pub(crate) fn may_hold(mut bytes: &[u8], byte: u8) -> bool {
    // Only direct columns of which each row has a value are looked at: in them the texts are found
    // at once.
    match bytes.split_off(..2) {
        Some([layout, 0]) if *layout == Layout::Direct as u8 => {
            varint::get(&mut bytes).map_or(true, |_| text::may_hold(bytes, byte))
        }
        _ => true,
    }
}

/// Reads a column of `rows` rows back. With `only`, values that no row among these has may be left
/// empty.
pub(crate) fn decode(
    mut bytes: &[u8],
    name: Arc<str>,
    rows: usize,
    only: Option<&[u32]>,
) -> Result<MetadataColumn, BlockError> {
    let mut column = MetadataColumn {
        name,
        codes: Vec::with_capacity(rows),
        value_ends: Vec::new(),
        values: Vec::new(),
    };
    let values = match varint::get_u8(&mut bytes)? {
        tag if tag == Layout::Dictionary as u8 => {
            get_dictionary_codes(&mut bytes, rows, only, &mut column.codes)?
        }
        tag if tag == Layout::Direct as u8 => {
            let mut present = 0u32;
            ints::decode(&mut bytes, rows, |flags| {
                column.codes.extend(flags.iter().map(|flag| {
                    let has = (*flag & 1) as u32;
                    present += has;
                    present * has
                }));
            })?;
            u64::from(present)
        }
        tag => {
            return Err(BlockError::Damaged(format!(
                "metadata has unknown layout {tag}"
            )));
        }
    };
    let wanted = only.map(|only| {
        let mut wanted = vec![false; values as usize];
        for row in only {
            let code = column
                .codes
                .get(*row as usize)
                .map_or(0, |code| *code as usize);
            code.checked_sub(1)
                .and_then(|index| wanted.get_mut(index))
                .into_iter()
                .for_each(|wanted| *wanted = true);
        }
        wanted
    });
    text::decode(
        &mut bytes,
        values as usize,
        wanted.as_deref(),
        &mut column.value_ends,
        &mut column.values,
    )?;
    if !bytes.is_empty() {
        return Err(BlockError::damaged("bytes follow a metadata column"));
    }
    Ok(column)
}

/// Makes empty values absent. They are no longer written, and blocks of earlier programs have them.
pub(crate) fn forget_empty(column: &mut MetadataColumn) {
    let starts = std::iter::once(0).chain(column.value_ends.iter().copied());
    let mut is_empty = starts
        .zip(&column.value_ends)
        .map(|(start, end)| start == *end);
    if !is_empty.clone().any(|empty| empty) {
        return;
    }
    let mut absent = vec![true];
    absent.extend(&mut is_empty);
    for code in &mut column.codes {
        if absent.get(*code as usize).is_some_and(|absent| *absent) {
            *code = 0;
        }
    }
}

/// Reads the codes of the rows, zeros in frames that hold none of the rows `only`; gives the size
/// of the dictionary.
fn get_dictionary_codes(
    bytes: &mut &[u8],
    rows: usize,
    only: Option<&[u32]>,
    out: &mut Vec<u32>,
) -> Result<u64, BlockError> {
    let values = varint::get_at_most(bytes, rows as u64, "the size of a dictionary")?;
    let mut highest = 0;
    let sink = |n, codes: Option<&[u64]>| match codes {
        Some(codes) => {
            highest = codes
                .iter()
                .fold(highest, |highest, code| highest.max(*code));
            out.extend(codes.iter().map(|code| *code as u32));
        }
        None => out.resize(out.len() + n, 0),
    };
    let wants = |frame: Range<usize>| {
        only.is_none_or(|only| holds_any(only, &(frame.start as u32..frame.end as u32)))
    };
    ints::decode_where(bytes, rows, wants, sink)?;
    if highest > values {
        return Err(BlockError::Damaged(format!(
            "code {highest} is outside a dictionary of {values}"
        )));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_model::BatchBuilder;

    fn check(values: &[Option<&str>], layout: Layout) -> usize {
        let mut builder = BatchBuilder::default();
        builder.push(0, 0, b"", [("k", "first")].into_iter());
        for value in values {
            builder.push(0, 0, b"", value.iter().map(|v| ("k", *v)));
        }
        let batch = builder.finish();
        let column = &batch.metadata[0];
        let mut out = Vec::new();
        encode(column, &mut MetadataBuffers::default(), &mut out).expect("memory is enough");
        let back = decode(&out, column.name.clone(), batch.len(), None).expect("was just written");
        for row in 0..batch.len() as u32 {
            assert_eq!(back.get(row), column.get(row));
        }
        assert_eq!(out[0], layout as u8);
        out.len()
    }

    #[test]
    fn few_values_become_a_dictionary_and_many_do_not() {
        assert!(check(&[Some("first"); 5000], Layout::Dictionary) < 20);
        assert!(check(&[None; 5000], Layout::Dictionary) < 120);
        let cycle: Vec<Option<&str>> = (0..5000)
            .map(|i| ["info", "warn", "error"].get(i % 4).copied())
            .collect();
        assert!(check(&cycle, Layout::Dictionary) < 1500);
        let texts: Vec<String> = (0..1000).map(|i| format!("user {i}")).collect();
        check(
            &texts.iter().map(|t| Some(t.as_str())).collect::<Vec<_>>(),
            Layout::Direct,
        );
        check(
            &texts
                .iter()
                .enumerate()
                .map(|(i, t)| (i % 3 == 0).then_some(t.as_str()))
                .collect::<Vec<_>>(),
            Layout::Direct,
        );
    }

    #[test]
    fn empty_values_of_earlier_programs_are_absent() {
        let check = |codes: Vec<u32>, values: &[&str], want: &[Option<&str>]| {
            let mut column = MetadataColumn {
                name: "k".into(),
                codes,
                value_ends: Vec::new(),
                values: Vec::new(),
            };
            for value in values {
                column.values.extend_from_slice(value.as_bytes());
                column.value_ends.push(column.values.len() as u32);
            }
            let mut out = Vec::new();
            encode(&column, &mut MetadataBuffers::default(), &mut out).expect("memory is enough");
            let mut back = decode(&out, "k".into(), want.len(), None).expect("was just written");
            forget_empty(&mut back);
            let got: Vec<_> = (0..want.len() as u32).map(|row| back.get(row)).collect();
            assert_eq!(got, want);
        };
        check(
            vec![1, 2, 0, 3, 1],
            &["a", "", "b"],
            &[Some("a"), None, None, Some("b"), Some("a")],
        );
        check(vec![1, 1], &[""], &[None, None]);
        check(vec![1, 2], &["", "a"], &[None, Some("a")]);
        check(vec![1, 2], &["a", "b"], &[Some("a"), Some("b")]);
        check(vec![0, 0], &[], &[None, None]);
    }

    #[test]
    fn codes_outside_the_dictionary_are_refused() {
        assert!(
            decode(
                &[Layout::Dictionary as u8, 1, 0, 2, 0, 0, 1, 0, 0],
                "k".into(),
                3,
                None
            )
            .is_err()
        );
        assert!(decode(&[7], "k".into(), 3, None).is_err());
    }
}

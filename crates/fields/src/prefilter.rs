//! The prefilter drops rows that can't contain a text, before any line is assembled.
//!
//! A text in a line lies within one literal of its skeleton, or within a value, or it begins in a
//! literal and goes on in the value that follows, or it begins in a value and goes on in the
//! literal that follows. Each case is looked at where the bytes allow it; columns that can't be
//! part of it are not even decoded. A row is never left out wrongly. A few too many do no harm: the
//! caller filters the lines that are left.

use crate::shredded::Skeleton;
use memchr::memmem::Finder;
use skald_model::{Literal, MetadataColumn};
use std::borrow::Cow;

/// Columns that are decoded when they are first looked at.
pub trait LazyColumns {
    /// Why one can't be decoded.
    type Error;

    /// Whether a value of the column may have this byte; small letters are asked for where case is
    /// ignored.
    fn may_hold(&self, column: usize, byte: u8) -> bool;

    /// The column, with as many rows as there are.
    fn get(&mut self, column: usize) -> Result<&MetadataColumn, Self::Error>;
}

/// Tells for each row whether its line may hold at least one literal of each clause; whole lines
/// always may. `skeleton_codes` are those of [`crate::Shredded`].
pub fn prefilter<C: LazyColumns>(
    skeletons: &[Skeleton],
    skeleton_codes: &[u32],
    columns: &mut C,
    clauses: &[Vec<Literal>],
) -> Result<Vec<bool>, C::Error> {
    let mut kept = vec![true; skeleton_codes.len()];
    for clause in clauses {
        let mut found = vec![false; skeleton_codes.len()];
        for literal in clause {
            Search::new(skeletons, literal).mark(skeleton_codes, columns, &mut found)?;
        }
        kept.iter_mut()
            .zip(&found)
            .for_each(|(kept, found)| *kept &= *found);
    }
    Ok(kept)
}

/// A text and the skeletons it is looked for in.
struct Search<'a> {
    text: &'a [u8],
    ignore_case: bool,
    skeletons: Cow<'a, [Skeleton]>,
}

/// A value's place in a skeleton, and how a text may lie across it.
struct Edge<'a> {
    skeleton: &'a Skeleton,
    at: usize,
    across: &'a [Across],
}

/// How a text may lie across an edge between a value and a literal, by the number of its bytes
/// before that edge.
#[derive(Debug, PartialEq, Eq)]
enum Across {
    /// Begins in the literal before: the value begins with the text from this byte on.
    Into(usize),
    /// Begins in the value, which ends with the text up to this byte.
    OutOf(usize),
}

impl<'a> Search<'a> {
    fn new(skeletons: &'a [Skeleton], literal: &'a Literal) -> Search<'a> {
        let mut skeletons = Cow::Borrowed(skeletons);
        if literal.ignore_case {
            for skeleton in skeletons.to_mut() {
                skeleton
                    .slots
                    .iter_mut()
                    .for_each(|slot| slot.literal.make_ascii_lowercase());
                skeleton.suffix.make_ascii_lowercase();
            }
        }
        Search {
            text: &literal.bytes,
            ignore_case: literal.ignore_case,
            skeletons,
        }
    }

    /// Sets `found` for each row whose line may hold the text.
    fn mark<C: LazyColumns>(
        &self,
        skeleton_codes: &[u32],
        columns: &mut C,
        found: &mut [bool],
    ) -> Result<(), C::Error> {
        let finder = Finder::new(self.text);
        let in_literals: Vec<bool> = self
            .skeletons
            .iter()
            .map(|skeleton| holds(skeleton, &finder))
            .collect();
        for (code, found) in skeleton_codes.iter().zip(&mut *found) {
            // Whole lines are left to the caller.
            *found |= code
                .checked_sub(1)
                .is_none_or(|number| in_literals.get(number as usize).is_none_or(|holds| *holds));
        }
        let mut used: Vec<u32> = self
            .skeletons
            .iter()
            .flat_map(|s| s.slots.iter().map(|slot| slot.column))
            .collect();
        used.sort_unstable();
        used.dedup();
        for column in used {
            if self
                .text
                .iter()
                .all(|byte| columns.may_hold(column as usize, *byte))
            {
                self.mark_within(columns.get(column as usize)?, &finder, found);
            }
        }
        for (number, skeleton) in self
            .skeletons
            .iter()
            .enumerate()
            .filter(|(number, _)| !in_literals[*number])
        {
            for at in 0..skeleton.slots.len() {
                let column = skeleton.slots[at].column as usize;
                let across = self.across(skeleton, at, |byte| columns.may_hold(column, byte));
                if !across.is_empty() {
                    let values = columns.get(column)?;
                    let edge = Edge {
                        skeleton,
                        at,
                        across: &across,
                    };
                    self.mark_across(values, &edge, (skeleton_codes, number as u32 + 1), found);
                }
            }
        }
        Ok(())
    }

    /// Marks the rows whose value holds all of the text.
    fn mark_within(&self, column: &MetadataColumn, finder: &Finder<'_>, found: &mut [bool]) {
        let values = self.folded(&column.values);
        let mut hits = vec![false; column.value_ends.len()];
        let (mut from, mut any) = (0, false);
        while let Some(hit) = finder.find(&values[from..]) {
            let at = from + hit;
            let index = column.value_ends.partition_point(|end| *end as usize <= at);
            let Some(end) = column.value_ends.get(index).map(|end| *end as usize) else {
                break;
            };
            if at + self.text.len() <= end {
                (hits[index], any) = (true, true);
                from = end;
            } else {
                from = at + 1;
            }
        }
        if any {
            for (code, found) in column.codes.iter().zip(found) {
                *found |= code
                    .checked_sub(1)
                    .is_some_and(|index| hits.get(index as usize).is_none_or(|hit| *hit));
            }
        }
    }

    /// Marks the rows of a skeleton whose value lets the text lie across its edge.
    fn mark_across(
        &self,
        column: &MetadataColumn,
        edge: &Edge<'_>,
        (skeleton_codes, code): (&[u32], u32),
        found: &mut [bool],
    ) {
        let values = self.folded(&column.values);
        let of = |index: usize| {
            let start = if index == 0 {
                0
            } else {
                column.value_ends[index - 1] as usize
            };
            values.get(start..column.value_ends[index] as usize)
        };
        let crosses = |value: &[u8]| {
            edge.across.iter().any(|across| match across {
                Across::Into(at) => {
                    let rest = &self.text[*at..];
                    value.starts_with(rest)
                        || rest
                            .strip_prefix(value)
                            .is_some_and(|rest| goes_on(edge.skeleton, edge.at, rest))
                }
                Across::OutOf(at) => value.ends_with(&self.text[..*at]),
            })
        };
        for ((_, value), found) in skeleton_codes
            .iter()
            .zip(&column.codes)
            .zip(found)
            .filter(|((of_row, _), _)| **of_row == code)
        {
            let index = (*value as usize)
                .checked_sub(1)
                .filter(|index| *index < column.value_ends.len());
            *found = *found || index.and_then(of).is_none_or(crosses);
        }
    }

    /// How the text may lie across the value of slot `at`, by what stands around it and the bytes
    /// it may have.
    fn across(&self, skeleton: &Skeleton, at: usize, may_hold: impl Fn(u8) -> bool) -> Vec<Across> {
        let before = &skeleton.slots[at].literal;
        let goes_on = |rest: &[u8]| goes_on(skeleton, at, rest);
        let inside = 1..self.text.len();
        let into = inside
            .clone()
            .filter(|k| before.ends_with(&self.text[..*k]));
        let into = into
            .filter(|k| may_hold(self.text[*k]) || goes_on(&self.text[*k..]))
            .map(Across::Into);
        let out_of = inside
            .filter(|j| may_hold(self.text[*j - 1]) && goes_on(&self.text[*j..]))
            .map(Across::OutOf);
        into.chain(out_of).collect()
    }

    fn folded<'v>(&self, values: &'v [u8]) -> Cow<'v, [u8]> {
        if self.ignore_case {
            Cow::Owned(values.to_ascii_lowercase())
        } else {
            Cow::Borrowed(values)
        }
    }
}

/// Whether a text may go on like this after the value of slot `at`: in the literal there, and past
/// it where another value follows.
fn goes_on(skeleton: &Skeleton, at: usize, rest: &[u8]) -> bool {
    match skeleton.slots.get(at + 1) {
        Some(slot) => slot.literal.starts_with(rest) || rest.starts_with(&slot.literal),
        None => skeleton.suffix.starts_with(rest),
    }
}

/// Whether a literal of the skeleton holds the text.
fn holds(skeleton: &Skeleton, finder: &Finder<'_>) -> bool {
    skeleton
        .slots
        .iter()
        .any(|slot| finder.find(&slot.literal).is_some())
        || finder.find(&skeleton.suffix).is_some()
}

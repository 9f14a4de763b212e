//! The size of a compiled regex is estimated before it is compiled, and bounded for all regexes of a
//! query together.
//!
//! The engine bounds one program after it has spent the time and memory to make it; a query of a few
//! kilobytes holds hundreds.

use regex_syntax::hir::{Class, Hir, HirKind};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Largest compiled program, in bytes, and the most that those of one query have together: bounds
/// what hostile regexes may cost.
const BYTES_MAX: usize = 10 << 20;

/// The bound is never lowered further than this.
const BYTES_LEAST: usize = 256 << 10;

/// About what a state takes, in the programs for both directions and while they are made, in bytes.
const STATE_BYTES: usize = 64;

/// The bound that is in force.
static BOUND: AtomicUsize = AtomicUsize::new(BYTES_MAX);

thread_local! {
    /// What the regexes that this thread compiles together may still have.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Lowers the bound, for good, where memory is little.
pub fn bound_programs(bytes: usize) {
    BOUND.fetch_min(bytes.max(BYTES_LEAST), Ordering::Relaxed);
}

/// The bound of one program.
pub fn program_bytes_max() -> usize {
    BOUND.load(Ordering::Relaxed)
}

/// Runs `compile`; all the regexes it compiles on this thread are bounded together. Gives about how
/// many bytes they have, too.
pub fn together<T>(compile: impl FnOnce() -> T) -> (T, usize) {
    let outer = LEFT.get();
    let before = outer.unwrap_or_else(program_bytes_max);
    LEFT.set(Some(before));
    let _restore = Restore(outer);
    let result = compile();
    let bytes = before - LEFT.get().unwrap_or(before);
    (result, bytes)
}

/// What was left before, less what was used, when the outermost `together` is not over yet.
struct Restore(Option<usize>);

impl Drop for Restore {
    fn drop(&mut self) {
        if self.0.is_none() {
            LEFT.set(None);
        }
    }
}

/// Takes what a pattern in Rust's syntax will have; false when that is too much. What can't be
/// parsed takes nothing: compiling it fails.
pub(super) fn take(pattern: &str, depth_max: u32) -> bool {
    let parser = regex_syntax::ParserBuilder::new()
        .utf8(false)
        .nest_limit(depth_max)
        .build()
        .parse(pattern);
    let bytes = parser.map_or(0, |hir| states(&hir).saturating_mul(STATE_BYTES));
    let left = LEFT.get();
    let fits = bytes <= left.unwrap_or_else(program_bytes_max);
    if let (true, Some(left)) = (fits, left) {
        LEFT.set(Some(left - bytes));
    }
    fits
}

/// About how many states a program for it has.
fn states(hir: &Hir) -> usize {
    let all = |parts: &[Hir]| {
        let add = |sum: usize, part| sum.saturating_add(states(part));
        parts.iter().fold(1, add)
    };
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Bytes(_)) => 1,
        HirKind::Class(Class::Unicode(class)) => {
            let wide = class
                .ranges()
                .iter()
                .filter(|range| !range.end().is_ascii());
            1 + 2 * wide.count()
        }
        HirKind::Repetition(repetition) => {
            let times = repetition
                .max
                .unwrap_or(repetition.min)
                .max(repetition.min)
                .max(1);
            states(&repetition.sub).saturating_mul(times as usize)
        }
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => all(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::re2::search;

    #[test]
    fn regexes_that_fit_alone_do_not_fit_together() {
        let hundred = || {
            (0..100)
                .filter(|i| search(&format!("\\pL{{99}}x{i}")).is_ok())
                .count()
        };
        let (outer, bytes) = together(|| {
            let (inner, bytes) = together(hundred);
            (inner, bytes, search("\\pL{99}").is_ok())
        });
        assert_eq!(outer, (1, bytes, false));
        assert!(bytes > BYTES_MAX / 2 && bytes <= BYTES_MAX, "{bytes}");
        assert!(
            search("\\pL{99}").is_ok(),
            "the bound ends with what it is for"
        );
    }

    #[test]
    fn what_people_write_fits_many_times() {
        let (count, _) = together(|| {
            let one = |i: usize| {
                search(&format!(
                    "(?i)error|warn(ing)?|\\w+-[0-9a-f]{{8}}-{i}|timeout.*after \\d+ms"
                ))
            };
            (0..500).filter(|i| one(*i).is_ok()).count()
        });
        assert_eq!(count, 500);
        let names: Vec<String> = (0..5_000).map(|i| format!("pod-{i}-abcdef")).collect();
        assert!(together(|| search(&names.join("|"))).0.is_ok());
    }
}

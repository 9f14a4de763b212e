//! Required literals are taken from a regex's syntax tree: texts without which it can't match.
//!
//! The answer is a conjunction of disjunctions and always a necessary condition: a text that lacks
//! it does not match. It serves to prune blocks and as the first, cheap look before the regex
//! itself.

use regex_syntax::hir::{Class, Hir, HirKind};
use skald_model::Literal;

/// Most literals in one disjunction; beyond it a look costs more than it saves.
const ALTERNATIVES_MAX: usize = 64;

/// Most copies written out for a repeated literal.
const COPIES_MAX: u32 = 32;

/// What every match contains: all of the lists, of each list at least one literal.
pub(super) fn required(hir: &Hir) -> Vec<Vec<Literal>> {
    let mut walk = Walk::default();
    walk.visit(hir);
    walk.flush();
    walk.clauses
}

/// The list that tells most: the one whose shortest literal is longest.
pub(super) fn best(clauses: &[Vec<Literal>]) -> Option<&Vec<Literal>> {
    clauses.iter().max_by_key(|clause| {
        (
            clause.iter().map(|l| l.bytes.len()).min(),
            usize::MAX - clause.len(),
        )
    })
}

/// Collects literals from left to right; `run` is the text that certainly stands together.
#[derive(Default)]
struct Walk {
    clauses: Vec<Vec<Literal>>,
    run: Vec<u8>,
    run_ignores_case: bool,
}

impl Walk {
    fn flush(&mut self) {
        let ignore_case = std::mem::take(&mut self.run_ignores_case);
        let mut bytes = std::mem::take(&mut self.run);
        if bytes.is_empty() {
            return;
        }
        if ignore_case {
            bytes.make_ascii_lowercase();
        }
        self.clauses.push(vec![Literal { bytes, ignore_case }]);
    }

    fn visit(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => self.run.extend_from_slice(&literal.0),
            HirKind::Class(class) => match ascii_case_pair(class) {
                Some(letter) => {
                    self.run.push(letter);
                    self.run_ignores_case = true;
                }
                None => self.flush(),
            },
            HirKind::Capture(capture) => self.visit(&capture.sub),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.visit(part)),
            HirKind::Repetition(repetition) => {
                for _ in 0..repetition.min.min(COPIES_MAX) {
                    self.visit(&repetition.sub);
                    if !matches!(
                        repetition.sub.kind(),
                        HirKind::Literal(_) | HirKind::Class(_)
                    ) {
                        break;
                    }
                }
                if repetition.max != Some(repetition.min) || repetition.min != 1 {
                    self.flush();
                }
            }
            HirKind::Alternation(branches) => {
                self.flush();
                if let Some(clause) = one_of(branches) {
                    self.clauses.push(clause);
                }
            }
        }
    }
}

/// The best literals of every branch; `None` when a branch has none.
fn one_of(branches: &[Hir]) -> Option<Vec<Literal>> {
    let mut clause = Vec::new();
    for branch in branches {
        clause.extend_from_slice(best(&required(branch))?);
        if clause.len() > ALTERNATIVES_MAX {
            return None;
        }
    }
    Some(clause)
}

/// The lower-case letter of a class that is exactly an ASCII letter in both cases.
pub(super) fn ascii_case_pair(class: &Class) -> Option<u8> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => class
            .ranges()
            .iter()
            .map(|r| (r.start() as u32, r.end() as u32))
            .collect(),
        Class::Bytes(class) => class
            .ranges()
            .iter()
            .map(|r| (u32::from(r.start()), u32::from(r.end())))
            .collect(),
    };
    let [(upper, upper_end), (lower, lower_end)] = ranges[..] else {
        return None;
    };
    let upper = u8::try_from(upper)
        .ok()
        .filter(|b| b.is_ascii_uppercase())?;
    let is_pair = u32::from(upper) == upper_end
        && lower == lower_end
        && lower == u32::from(upper.to_ascii_lowercase());
    is_pair.then(|| upper.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: &str) {
        let hir = regex_syntax::ParserBuilder::new()
            .utf8(false)
            .build()
            .parse(pattern)
            .expect("pattern is valid");
        let show = |literal: &Literal| {
            let case = if literal.ignore_case { "~" } else { "" };
            format!("{case}{}", String::from_utf8_lossy(&literal.bytes))
        };
        let clauses: Vec<String> = required(&hir)
            .iter()
            .map(|clause| clause.iter().map(show).collect::<Vec<_>>().join("|"))
            .collect();
        assert_eq!(clauses.join(" & "), expected, "{pattern}");
    }

    #[test]
    fn what_every_match_contains_is_found() {
        check("error", "error");
        check("err.*timeout", "err & timeout");
        check("GET|POST", "GET|POST");
        check(r#"HTTP/1\.1" 50[03]"#, "HTTP/1.1\" 50");
        check(r"^10\.", "10.");
        check(r"\bfoo\b bar", "foo bar");
        check("(?i)error", "~error");
        check("(?i)status", "~tatu");
        check("x{3,}", "xxx");
        check("(abc)+d", "abc & d");
        check("a(b|c)d", "a & d");
        check("(abc|de.*fgh)x", "abc|fgh & x");
    }

    #[test]
    fn what_may_be_absent_is_not_asked_for() {
        check(".*", "");
        check("a?b*", "");
        check("foo|.*", "");
        check("[a-z]+", "");
        check("(foo)?bar", "bar");
    }
}

//! The six line filters test one line, or all lines of a batch at once.
//!
//! How a filter searches is decided when it is compiled ([`Strategy`]). On a batch a literal runs
//! once over the buffer of all lines and its hits are mapped to rows; a regex looks at rows its
//! required literals were found in. A hit that reaches over the end of a line is none.

use super::StageError;
use super::ip::IpMatcher;
use super::line_pattern::LinePattern;
use super::literals::{ascii_case_pair, best, required};
use super::search::{Pass, Searcher};
use super::selection::Selection;
use crate::ast::{LineFilterArg, LineFilterExpr, LineFilterOp};
use regex_syntax::hir::{Hir, HirKind};
use skald_model::steps;
use skald_model::{Batch, Literal, re2};
use skald_template::go::quote::quoted;
use std::sync::Arc;

/// Below one selected row in this many the rows are looked at one by one.
const SPARSE: usize = 16;

/// How one argument, or all of them, is searched for.
#[derive(Debug, Clone)]
enum Strategy {
    /// Every line matches.
    Always,
    /// Literals alone decide.
    Literals(Searcher),
    /// A regex; a line without the literals does not match.
    Regex(regex::bytes::Regex, Option<Searcher>),
    /// An address.
    Ip(IpMatcher),
    /// `|>`
    Pattern(LinePattern),
    /// At least one.
    Any(Vec<Strategy>),
}

/// A compiled line filter.
#[derive(Debug, Clone)]
pub(super) struct LineFilter {
    negated: bool,
    strategy: Arc<Strategy>,
    clauses: Arc<[Vec<Literal>]>,
}

impl LineFilter {
    /// Chooses how to search.
    pub(super) fn compile(expr: &LineFilterExpr) -> Result<LineFilter, StageError> {
        let negated = matches!(
            expr.op,
            LineFilterOp::NotContains | LineFilterOp::NotRegex | LineFilterOp::NotPattern
        );
        let (texts, mut strategies) = (texts(expr), addresses(expr)?);
        let mut clauses = Vec::new();
        if !texts.is_empty() {
            let (strategy, found) = match expr.op {
                LineFilterOp::Contains | LineFilterOp::NotContains => literal_strategy(&texts)?,
                LineFilterOp::Regex | LineFilterOp::NotRegex => regex_strategy(&texts)?,
                LineFilterOp::Pattern | LineFilterOp::NotPattern => pattern_strategy(&texts)?,
            };
            clauses = if strategies.is_empty() {
                found
            } else {
                Vec::new()
            };
            strategies.push(strategy);
        }
        let strategy = match strategies.len() {
            1 => strategies.remove(0),
            _ => Strategy::Any(strategies),
        };
        Ok(LineFilter {
            negated,
            strategy: Arc::new(strategy),
            clauses: if negated {
                Arc::from([])
            } else {
                clauses.into()
            },
        })
    }

    /// What a line must contain to pass.
    pub(super) fn clauses(&self) -> &[Vec<Literal>] {
        &self.clauses
    }

    /// Whether every line passes.
    pub(super) fn passes_all(&self) -> bool {
        !self.negated && matches!(*self.strategy, Strategy::Always)
    }

    /// Whether a line passes.
    pub(super) fn matches(&self, line: &[u8]) -> bool {
        steps::count(line.len());
        self.strategy.matches(line) != self.negated
    }

    /// Leaves out the rows that don't pass; `hits` is a buffer.
    pub(super) fn narrow(&self, batch: &Batch, selection: &mut Selection, hits: &mut Selection) {
        let rows = batch.len() as u32;
        let dense = selection.count() * SPARSE >= batch.len();
        let searcher = match &*self.strategy {
            Strategy::Always if self.negated => return selection.reset(batch.len()),
            Strategy::Always => return,
            Strategy::Literals(searcher) => Some((searcher, None)),
            Strategy::Regex(regex, Some(searcher)) => Some((searcher, Some(regex))),
            _ => None,
        };
        if let (true, Some((searcher, regex))) = (dense, searcher) {
            hits.reset(batch.len());
            for pass in searcher.passes() {
                scan(batch, pass, selection, |row| {
                    if regex.is_none_or(|regex| regex.is_match(batch.line(row))) {
                        hits.insert(row);
                    }
                });
            }
            return if self.negated {
                selection.subtract(hits)
            } else {
                selection.intersect(hits)
            };
        }
        let mut at = 0;
        while let Some(row) = selection.first_in(at..rows) {
            if !self.matches(batch.line(row)) {
                selection.remove(row);
            }
            at = row + 1;
        }
    }
}

/// Calls `found` once for each selected row that has a match.
fn scan(batch: &Batch, pass: &Pass, selection: &Selection, mut found: impl FnMut(u32)) {
    let (mut at, mut row) = (0, 0);
    while let Some((start, end)) = pass.find(&batch.lines, at) {
        row += row_of(&batch.line_ends[row..], start as u32);
        let line_end = batch.line_ends[row] as usize;
        if end > line_end {
            at = start + 1;
            continue;
        }
        if selection.contains(row as u32) {
            found(row as u32);
        }
        at = line_end;
    }
}

/// The first of `ends` past `start`; near ones are tried one by one because hits tend to be close.
fn row_of(ends: &[u32], start: u32) -> usize {
    match ends.iter().take(8).position(|end| *end > start) {
        Some(near) => near,
        None => ends.partition_point(|end| *end <= start),
    }
}

impl Strategy {
    fn matches(&self, line: &[u8]) -> bool {
        match self {
            Strategy::Always => true,
            Strategy::Literals(searcher) => searcher.is_in(line),
            Strategy::Regex(regex, hint) => {
                hint.as_ref().is_none_or(|hint| hint.is_in(line)) && regex.is_match(line)
            }
            Strategy::Ip(matcher) => matcher.found_in(line),
            Strategy::Pattern(pattern) => pattern.matches(line),
            Strategy::Any(any) => any.iter().any(|strategy| strategy.matches(line)),
        }
    }
}

fn texts(expr: &LineFilterExpr) -> Vec<String> {
    let text = |arg: &LineFilterArg| match arg {
        LineFilterArg::Text(text) => Some(text.clone()),
        LineFilterArg::Ip(_) => None,
    };
    expr.args.iter().filter_map(text).collect()
}

fn addresses(expr: &LineFilterExpr) -> Result<Vec<Strategy>, StageError> {
    let mut strategies = Vec::new();
    for arg in &expr.args {
        if let LineFilterArg::Ip(pattern) = arg {
            if !matches!(expr.op, LineFilterOp::Contains | LineFilterOp::NotContains) {
                return Err(StageError("ip: invalid operation".to_owned()));
            }
            let matcher = IpMatcher::parse(pattern);
            let invalid = || StageError(format!("ip: invalid pattern: {}", quoted(pattern)));
            strategies.push(Strategy::Ip(matcher.ok_or_else(invalid)?));
        }
    }
    Ok(strategies)
}

type Chosen = (Strategy, Vec<Vec<Literal>>);

fn literal_strategy(texts: &[String]) -> Result<Chosen, StageError> {
    if texts.iter().any(String::is_empty) {
        return Ok((Strategy::Always, Vec::new()));
    }
    let literals: Vec<Literal> = texts
        .iter()
        .map(|text| Literal {
            bytes: text.as_bytes().to_vec(),
            ignore_case: false,
        })
        .collect();
    Ok((
        Strategy::Literals(Searcher::new(&literals)?),
        vec![literals],
    ))
}

fn regex_strategy(texts: &[String]) -> Result<Chosen, StageError> {
    let mut patterns = Vec::new();
    for text in texts {
        // By itself first: an error names the text as it was written.
        re2::search(text).map_err(|e| StageError(e.to_string()))?;
        patterns.push(format!(
            "(?:{})",
            re2::translate(text).map_err(|e| StageError(e.to_string()))?
        ));
    }
    let pattern = patterns.join("|");
    let regex = regex::bytes::RegexBuilder::new(&pattern)
        .size_limit(re2::program_bytes_max())
        .build()
        .map_err(|e| StageError(format!("error parsing regexp: {e}")))?;
    let Ok(hir) = regex_syntax::ParserBuilder::new()
        .utf8(false)
        .build()
        .parse(&pattern)
    else {
        return Ok((Strategy::Regex(regex, None), Vec::new()));
    };
    let hir = without_idle_edges(&hir);
    if matches!(hir.kind(), HirKind::Empty) {
        return Ok((Strategy::Always, Vec::new()));
    }
    let clauses = required(&hir);
    if let Some(literals) = plain_literals(&hir) {
        return Ok((
            Strategy::Literals(Searcher::new(&literals)?),
            vec![literals],
        ));
    }
    let hint = best(&clauses)
        .map(|literals| Searcher::new(literals))
        .transpose()?;
    Ok((Strategy::Regex(regex, hint), clauses))
}

/// The tree without parts at its edges that may match nothing: a search finds the same lines
/// without them.
fn without_idle_edges(hir: &Hir) -> Hir {
    let idle = |hir: &Hir| match hir.kind() {
        HirKind::Repetition(repetition) => repetition.min == 0,
        kind => matches!(kind, HirKind::Empty),
    };
    if idle(hir) {
        return Hir::empty();
    }
    let HirKind::Concat(parts) = hir.kind() else {
        return hir.clone();
    };
    let first = parts
        .iter()
        .position(|part| !idle(part))
        .unwrap_or(parts.len());
    let last = parts
        .iter()
        .rposition(|part| !idle(part))
        .map_or(first, |last| last + 1);
    Hir::concat(parts[first..last].to_vec())
}

/// The literals that alone decide whether a regex matches; `None` when there is more to it.
fn plain_literals(hir: &Hir) -> Option<Vec<Literal>> {
    if let HirKind::Alternation(branches) = hir.kind() {
        let literals: Option<Vec<Literal>> = branches.iter().map(plain_literal).collect();
        return literals.filter(|literals| {
            literals
                .windows(2)
                .all(|pair| pair[0].ignore_case == pair[1].ignore_case)
        });
    }
    plain_literal(hir).map(|literal| vec![literal])
}

fn plain_literal(hir: &Hir) -> Option<Literal> {
    let parts = match hir.kind() {
        HirKind::Concat(parts) => parts.as_slice(),
        _ => std::slice::from_ref(hir),
    };
    let (mut bytes, mut folded, mut exact_letters) = (Vec::new(), false, false);
    for part in parts {
        match part.kind() {
            HirKind::Literal(literal) => {
                exact_letters |= literal.0.iter().any(u8::is_ascii_alphabetic);
                bytes.extend_from_slice(&literal.0);
            }
            HirKind::Class(class) => {
                bytes.push(ascii_case_pair(class)?);
                folded = true;
            }
            _ => return None,
        }
    }
    let mixed_case = folded && exact_letters;
    (!bytes.is_empty() && !mixed_case).then_some(Literal {
        bytes,
        ignore_case: folded,
    })
}

fn pattern_strategy(texts: &[String]) -> Result<Chosen, StageError> {
    let mut patterns = texts
        .iter()
        .map(|text| LinePattern::compile(text))
        .collect::<Result<Vec<_>, _>>()?;
    if patterns.len() == 1 {
        let pattern = patterns.remove(0);
        let literal = |bytes: &[u8]| {
            vec![Literal {
                bytes: bytes.to_vec(),
                ignore_case: false,
            }]
        };
        let clauses = pattern.literals().map(literal).collect();
        return Ok((Strategy::Pattern(pattern), clauses));
    }
    Ok((
        Strategy::Any(patterns.into_iter().map(Strategy::Pattern).collect()),
        Vec::new(),
    ))
}

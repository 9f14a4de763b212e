//! A parsed query: the text and its syntax tree, made once and passed from the server to the
//! engine.

use crate::error::QueryError;
use skald_logql::ast::{Expr, LogRange, MetricExpr, Selector};
use skald_logql::typed;
use skald_logql::typed::Query;
use skald_model::re2;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A LogQL query that parses. Cheap to clone; two are equal when their texts are.
#[derive(Clone)]
pub struct Parsed {
    text: Arc<str>,
    expr: Arc<Expr>,
}

/// One stream selector of a query.
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    /// Which streams.
    pub selector: &'a Selector,
    /// The range in brackets; `None` for a log query.
    pub window: Option<&'a LogRange>,
}

impl Read<'_> {
    /// How far before the start of the query's range entries are read, nanoseconds.
    pub fn look_back(&self) -> i64 {
        self.window.map_or(0, |window| {
            window.range.saturating_add(window.offset.max(0))
        })
    }
}

impl Parsed {
    /// Parses a query; the error is the user's ([`QueryError::Bad`]).
    pub fn parse(text: &str) -> Result<Parsed, QueryError> {
        let (expr, _) = re2::together(|| skald_logql::parse(text));
        let expr = expr.map_err(|error| QueryError::Bad(error.message))?;
        Ok(Parsed {
            text: Arc::from(text),
            expr: Arc::new(expr),
        })
    }

    /// The text as the user wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its syntax tree.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Whether it gives entries; a metric query gives numbers.
    pub fn is_log(&self) -> bool {
        matches!(self.expr(), Expr::Log(_))
    }

    /// The selectors of the query, in the order of the text.
    pub fn reads(&self) -> Vec<Read<'_>> {
        let mut reads = Vec::new();
        match self.expr() {
            Expr::Log(log) => reads.push(Read {
                selector: &log.selector,
                window: None,
            }),
            Expr::Metric(metric) => collect_reads(metric, &mut reads),
        }
        reads
    }

    /// Compiles regexes and templates and decides which labels are needed; errors are the user's.
    pub(crate) fn compile(&self, on_error: OnError) -> Result<Query, QueryError> {
        let options = typed::Options {
            skip_errors: on_error == OnError::Skip,
        };
        let (query, _) = re2::together(|| typed::compile(&self.expr, &options));
        query.map_err(|error| QueryError::Bad(error.0))
    }
}

/// What a metric query does with entries that a stage failed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnError {
    /// Fails, as Loki does.
    #[default]
    Fail,
    /// Leaves them out, and warns.
    Skip,
}

fn collect_reads<'a>(expr: &'a MetricExpr, reads: &mut Vec<Read<'a>>) {
    match expr {
        MetricExpr::Range(range) => reads.push(Read {
            selector: &range.range.log.selector,
            window: Some(&range.range),
        }),
        MetricExpr::Vector(vector) => collect_reads(&vector.inner, reads),
        MetricExpr::Binary(binary) => {
            collect_reads(&binary.left, reads);
            collect_reads(&binary.right, reads);
        }
        MetricExpr::LabelReplace(replace) => collect_reads(&replace.inner, reads),
        MetricExpr::Literal(_) | MetricExpr::VectorOf(_) => {}
    }
}

impl std::fmt::Debug for Parsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self.text(), f)
    }
}

impl PartialEq for Parsed {
    fn eq(&self, other: &Parsed) -> bool {
        self.text == other.text
    }
}

impl Eq for Parsed {}

impl Hash for Parsed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_what_it_reads_and_how_far_back() {
        let check = |text: &str, expected: &[(&str, i64)]| {
            let parsed = Parsed::parse(text).expect("the query is good");
            let minute = 60_000_000_000;
            let found: Vec<(&str, i64)> = parsed
                .reads()
                .iter()
                .map(|read| {
                    (
                        read.selector.matchers[0].value.as_str(),
                        read.look_back() / minute,
                    )
                })
                .collect();
            assert_eq!(found, expected, "{text}");
        };
        check(r#"{a="b"} |= "x""#, &[("b", 0)]);
        check(
            r#"sum(rate({a="b"}[5m])) / sum(rate({a="c"}[1h] offset 2m))"#,
            &[("b", 5), ("c", 62)],
        );
        check("vector(1)", &[]);
    }

    #[test]
    fn queries_are_equal_by_their_text() {
        let parsed = |text| Parsed::parse(text).expect("the query is good");
        assert_eq!(parsed(r#"{a="b"}"#), parsed(r#"{a="b"}"#));
        assert_ne!(parsed(r#"{a="b"}"#), parsed(r#"{a="b"} "#));
        assert!(matches!(Parsed::parse("{"), Err(QueryError::Bad(_))));
    }
}

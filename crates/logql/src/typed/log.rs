//! Log query compilation takes the selector, the stages, and final ones such as `sort`.

use super::{LogQuery, QueryError, SubQuery};
use crate::ast::{LogExpr, NamedMatcher, Selector, SortKey, StageExpr};
use crate::pipeline::{ColumnPlan, Pipeline, RequiredLabels};
use skald_model::Matcher;
use std::sync::Arc;

/// Compiles a log query whose reader looks at the labels that are `wanted`.
pub(super) fn compile(expr: &LogExpr, wanted: &RequiredLabels) -> Result<LogQuery, QueryError> {
    let (stages, closing) = split_closing(&expr.stages)?;
    let pipeline = Pipeline::compile(stages, wanted).map_err(QueryError::parse)?;
    Ok(LogQuery {
        matchers: matchers(&expr.selector)?,
        pipeline: Arc::new(pipeline),
        subqueries: subqueries(stages)?,
        distinct: closing.distinct,
        sort: closing.sort,
        limit: closing.limit,
        prefilter: ColumnPlan::prefilter(stages),
    })
}

/// Compiles a selector.
pub(super) fn matchers(selector: &Selector) -> Result<Vec<Matcher>, QueryError> {
    let compile = |m: &crate::ast::MatcherExpr| {
        Matcher::new(&m.name, m.op, &m.value).map_err(QueryError::parse)
    };
    selector.matchers.iter().map(compile).collect()
}

/// Inner queries of the stages, in their order.
pub(super) fn subqueries(stages: &[StageExpr]) -> Result<Vec<SubQuery>, QueryError> {
    let mut found = Vec::new();
    for stage in stages {
        if let StageExpr::In { label, query, .. } = stage {
            let label = kept_label(query).unwrap_or(label).to_owned();
            let query = compile(query, &RequiredLabels::Names(vec![label.clone()]))?;
            found.push(SubQuery { label, query });
        }
    }
    Ok(found)
}

/// The one label a query ends in keeping.
fn kept_label(query: &LogExpr) -> Option<&str> {
    match query.stages.iter().rev().find(|stage| !is_closing(stage))? {
        StageExpr::Keep(names) => match names.as_slice() {
            [NamedMatcher::Name(name)] => Some(name),
            [NamedMatcher::Matcher(matcher)] => Some(&matcher.name),
            _ => None,
        },
        _ => None,
    }
}

/// What comes after all entries are found.
#[derive(Debug, Default, PartialEq)]
struct Closing {
    distinct: Option<Vec<String>>,
    sort: Vec<SortKey>,
    limit: Option<u64>,
}

fn is_closing(stage: &StageExpr) -> bool {
    matches!(
        stage,
        StageExpr::Distinct(_) | StageExpr::Sort(_) | StageExpr::Limit(_)
    )
}

/// Tells the closing stages from those before them.
fn split_closing(stages: &[StageExpr]) -> Result<(&[StageExpr], Closing), QueryError> {
    let first = stages.iter().position(is_closing).unwrap_or(stages.len());
    let (stages, rest) = stages.split_at(first);
    let mut closing = Closing::default();
    for stage in rest {
        match stage {
            StageExpr::Distinct(names) if closing == Closing::default() => {
                closing.distinct = Some(names.clone())
            }
            StageExpr::Sort(keys) if closing.sort.is_empty() && closing.limit.is_none() => {
                closing.sort = keys.clone()
            }
            StageExpr::Limit(limit) if closing.limit.is_none() => closing.limit = Some(*limit),
            _ => {
                return Err(QueryError::parse(
                    "'| distinct', '| sort by' and '| limit' end a query, once each and in this order",
                ));
            }
        }
    }
    Ok((stages, closing))
}

/// The stages of a metric query, where closing stages have no place.
pub(super) fn open_stages(stages: &[StageExpr]) -> Result<&[StageExpr], QueryError> {
    let name = stages.iter().find_map(|stage| match stage {
        StageExpr::Distinct(_) => Some("distinct"),
        StageExpr::Sort(_) => Some("sort by"),
        StageExpr::Limit(_) => Some("limit"),
        _ => None,
    });
    match name {
        Some(name) => Err(QueryError::parse(format!(
            "'| {name}' is only allowed in log queries"
        ))),
        None => Ok(stages),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Options, Query, compile};
    use super::*;

    fn query(text: &str) -> Result<LogQuery, String> {
        let expr = crate::parse(text).map_err(|e| e.to_string())?;
        match compile(&expr, &Options::default()) {
            Ok(Query::Log(query)) => Ok(query),
            Ok(Query::Metric(_)) => Err("a metric query".to_owned()),
            Err(error) => Err(error.0),
        }
    }

    #[test]
    fn closing_stages_are_told_from_those_before() {
        let found = query(r#"{a="b"} | json | distinct x, y | sort by (z desc) | limit 5"#)
            .expect("query compiles");
        assert_eq!(found.distinct, Some(vec!["x".to_owned(), "y".to_owned()]));
        assert_eq!(found.limit, Some(5));
        assert_eq!(
            found.sort,
            [SortKey {
                label: "z".to_owned(),
                descending: true
            }]
        );
    }

    #[test]
    fn closing_stages_in_the_middle_are_refused() {
        for text in [
            r#"{a="b"} | limit 5 | json"#,
            r#"{a="b"} | limit 5 | distinct x"#,
            r#"{a="b"} | limit 5 | limit 6"#,
        ] {
            let error = query(text).map(|_| ()).expect_err("query is refused");
            assert!(
                error.starts_with("parse error : '| distinct'"),
                "{text} is refused with {error}"
            );
        }
    }

    #[test]
    fn inner_queries_give_the_label_they_keep() {
        let label = |text| {
            query(text).expect("query compiles").subqueries[0]
                .label
                .clone()
        };
        assert_eq!(label(r#"{a="b"} | x in ({a="c"} |= "y")"#), "x");
        assert_eq!(label(r#"{a="b"} | x in ({a="c"} | json | keep z)"#), "z");
    }

    #[test]
    fn a_bad_regex_is_named() {
        let error = query(r#"{a=~"("}"#)
            .map(|_| ())
            .expect_err("query is refused");
        assert!(
            error.starts_with("parse error : error parsing regexp: "),
            "{error}"
        );
    }
}

//! Column plans replace `| json` and `| logfmt` where the store has the parsed values as columns.
//!
//! A store may keep what `json` or `logfmt` find in lines as columns and hand them out as metadata,
//! named as the parser names them. Metadata and parsed labels give way to labels of the stream
//! alike (`name_extracted`), so the same stages without the parser come to the same samples,
//! provided that no stage before it looks at labels, that none after it asks where a label came
//! from, and that nobody wants labels without naming them.

use crate::ast::StageExpr;
use skald_fields::Form;
use skald_model::MetadataWanted;
use std::sync::Arc;

use super::names::EXTRACTED_SUFFIX;
use super::{Pipeline, RequiredLabels};

/// The form of lines that `stages` parse and the stages without that parser; `None` when they have
/// none, or more.
pub(crate) fn without_parser(stages: &[StageExpr]) -> Option<(Form, Vec<StageExpr>)> {
    let (at, form) = parser(stages)?;
    let mut rest = stages.to_vec();
    rest.remove(at);
    let only_filters = rest.iter().all(|stage| {
        matches!(
            stage,
            StageExpr::LineFilter(_) | StageExpr::LabelFilter(_) | StageExpr::Drop(_)
        )
    });
    only_filters.then_some((form, rest))
}

/// Where the first parser is, if only line filters come before it and it takes all there is in a
/// line.
fn parser(stages: &[StageExpr]) -> Option<(usize, Form)> {
    let at = stages
        .iter()
        .position(|stage| !matches!(stage, StageExpr::LineFilter(_)))?;
    let form = match &stages[at] {
        StageExpr::Json(expressions) if expressions.is_empty() => Form::Json,
        StageExpr::Logfmt {
            strict: false,
            keep_empty: false,
            expressions,
        } if expressions.is_empty() => Form::Logfmt,
        _ => return None,
    };
    Some((at, form))
}

/// What to run over the columns of a block that is shredded in the form a query parses. The program
/// has no parser: it finds the labels as metadata.
#[derive(Debug)]
pub struct ColumnPlan<P> {
    /// How lines have to be written.
    pub form: Form,
    /// Labels that are looked at.
    pub labels: Vec<String>,
    /// A prefilter of a log query's rows ([`Pipeline`]), or what takes a metric query's samples
    /// ([`super::Extractor`]).
    pub program: Arc<P>,
}

// A derived one would want programs that can be cloned.
impl<P> Clone for ColumnPlan<P> {
    fn clone(&self) -> ColumnPlan<P> {
        ColumnPlan {
            form: self.form,
            labels: self.labels.clone(),
            program: Arc::clone(&self.program),
        }
    }
}

impl ColumnPlan<Pipeline> {
    /// The prefilter of a log query: the label filters that follow its parser. Drops no entry that
    /// the whole pipeline keeps.
    pub(crate) fn prefilter(stages: &[StageExpr]) -> Option<ColumnPlan<Pipeline>> {
        let (at, form) = parser(stages)?;
        let filters = stages[at + 1..]
            .iter()
            .take_while(|s| matches!(s, StageExpr::LabelFilter(_) | StageExpr::LineFilter(_)));
        let filters: Vec<StageExpr> = filters
            .filter(|s| matches!(s, StageExpr::LabelFilter(_)))
            .cloned()
            .collect();
        let pipeline = Pipeline::compile(&filters, &RequiredLabels::Names(Vec::new())).ok()?;
        let labels = pipeline.named_labels()?;
        (!filters.is_empty()).then(|| ColumnPlan {
            form,
            labels,
            program: Arc::new(pipeline),
        })
    }
}

impl Pipeline {
    /// The labels that stages and their reader look at; `None` when that may be any, or when one of
    /// them may be found under two names: `a_extracted` is that of a field as well, and of a field
    /// `a` in streams that have `a`. `None` too when `__error__` or `__error_details__` is compared
    /// by its size: metadata of these names is the entry's error, and a field is not.
    pub(crate) fn named_labels(&self) -> Option<Vec<String>> {
        if self.compares_error_by_size() {
            return None;
        }
        match self.metadata_wanted() {
            MetadataWanted::None => Some(Vec::new()),
            MetadataWanted::Names(names) => {
                (!names.iter().any(|name| name.ends_with(EXTRACTED_SUFFIX))).then_some(names)
            }
            MetadataWanted::All => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::Expr;
    use crate::syntax::print_stage;

    fn stages(text: &str) -> Vec<StageExpr> {
        match crate::parse(&format!("{{app=\"x\"}} {text}")) {
            Ok(Expr::Log(log)) => log.stages,
            _ => panic!("{text} is no log query"),
        }
    }

    fn check(text: &str, expected: Option<&str>) {
        let rest = without_parser(&stages(text))
            .map(|(_, rest)| rest.iter().map(print_stage).collect::<Vec<_>>().join(" "));
        assert_eq!(rest.as_deref(), expected, "{text}");
    }

    #[test]
    fn one_parser_before_filters_is_left_out() {
        check("| json", Some(""));
        check(
            r#"|= "x" | logfmt | a="1" | b > 2"#,
            Some(r#"|= "x" | a="1" | b>2"#),
        );
        check(
            r#"| json | a="1" | drop __error__"#,
            Some(r#"| a="1" | drop __error__"#),
        );
        check(r#"| a="1""#, None);
        check(r#"| a="1" | json"#, None);
        check("| json | logfmt", None);
        check(r#"| json x="y""#, None);
        check("| logfmt --strict", None);
        check("| logfmt --keep-empty", None);
        check(r#"| json | line_format "x""#, None);
        check("| json | label_format a=b", None);
        check("| json | keep a", None);
        check("| decolorize | json", None);
    }

    #[test]
    fn a_prefilter_has_the_filters_after_the_parser() {
        let check = |text: &str, expected: Option<&[&str]>| {
            let labels = ColumnPlan::prefilter(&stages(text)).map(|plan| plan.labels);
            let expected = expected.map(|labels| {
                labels
                    .iter()
                    .map(|label| (*label).to_owned())
                    .collect::<Vec<_>>()
            });
            assert_eq!(labels, expected, "{text}");
        };
        check(
            r#"| json | status=503 |= "x" | took > 1s | line_format "y" | z="1""#,
            Some(&["status", "took"]),
        );
        check(r#"| logfmt | a="1""#, Some(&["a"]));
        check(r#"| logfmt | a="1" | __error__="""#, Some(&["a"]));
        check(r#"| logfmt | a="1" | __error__ < 5"#, None);
        check("| json", None);
        check(r#"| json | line_format "y" | a="1""#, None);
        check(r#"| a="1" | json | b="1""#, None);
        check(r#"| json | a_extracted="1" | b="1""#, None);
    }
}

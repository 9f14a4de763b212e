//! Hoisting moves line filters as far to the front as the answer allows.
//!
//! Loki moves line filters to the front of their segment; a segment ends behind a label filter,
//! `line_format` or `unpack`, so `| decolorize |= "x"` looks at the line as it was written. Where
//! nothing before a filter rewrites lines, its place among the other stages can't be seen and it
//! goes to the very front, where it runs on whole batches.

use crate::ast::StageExpr;

/// The stages in the order they run; those the engine handles itself are left out.
pub(super) fn hoist(stages: &[StageExpr]) -> Vec<&StageExpr> {
    let mut front = Vec::new();
    let mut ordered: Vec<&StageExpr> = Vec::new();
    let (mut segment, mut rewritten, mut rewritten_here) = (0, false, false);
    for stage in stages {
        match stage {
            StageExpr::Distinct(_) | StageExpr::Limit(_) | StageExpr::Sort(_) => continue,
            StageExpr::LineFilter(_) if !rewritten => front.push(stage),
            StageExpr::LineFilter(_) => {
                ordered.insert(segment, stage);
                segment += 1;
            }
            _ => ordered.push(stage),
        }
        rewritten_here |= matches!(
            stage,
            StageExpr::Decolorize | StageExpr::LineFormat(_) | StageExpr::Unpack
        );
        if matches!(
            stage,
            StageExpr::LabelFilter(_)
                | StageExpr::LineFormat(_)
                | StageExpr::Unpack
                | StageExpr::In { .. }
        ) {
            segment = ordered.len();
            rewritten |= rewritten_here;
        }
    }
    front.extend(ordered);
    front
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::{
        LabelFilterExpr, LineFilterArg, LineFilterExpr, LineFilterOp, MatcherExpr, Span,
    };
    use skald_model::MatchOp;

    /// Letters stand for stages: `f` line filter, `j` json, `l` label filter, `d` decolorize, `t`
    /// template, `u` unpack.
    fn check(written: &str, expected: &str) {
        let stage = |(at, letter): (usize, char)| match letter {
            'f' => StageExpr::LineFilter(LineFilterExpr {
                op: LineFilterOp::Contains,
                args: vec![LineFilterArg::Text(at.to_string())],
                span: Span::default(),
            }),
            'j' => StageExpr::Json(Vec::new()),
            'd' => StageExpr::Decolorize,
            't' => StageExpr::LineFormat(at.to_string()),
            'u' => StageExpr::Unpack,
            _ => StageExpr::LabelFilter(LabelFilterExpr::Match(MatcherExpr {
                name: "a".to_owned(),
                op: MatchOp::Equal,
                value: at.to_string(),
                span: Span::default(),
            })),
        };
        let stages: Vec<StageExpr> = written.chars().enumerate().map(stage).collect();
        let order: Vec<usize> = hoist(&stages)
            .iter()
            .map(|s| {
                stages
                    .iter()
                    .position(|o| std::ptr::eq(*s, o))
                    .expect("is one of them")
            })
            .collect();
        let order: Vec<String> = order.iter().map(usize::to_string).collect();
        assert_eq!(order.join(" "), expected, "{written}");
    }

    #[test]
    fn filters_move_before_what_does_not_rewrite_the_line() {
        check("jf", "1 0");
        check("jlf", "2 0 1");
        check("fjff", "0 2 3 1");
    }

    #[test]
    fn filters_on_rewritten_lines_stay_behind() {
        check("tf", "0 1");
        check("uf", "0 1");
        check("tjf", "0 2 1");
        check("tjlf", "0 1 2 3");
    }

    #[test]
    fn decolorize_is_seen_only_behind_a_segment() {
        check("df", "1 0");
        check("dlf", "0 1 2");
    }
}

//! Early drops discard a line as soon as a later label filter is certain to reject it.
//!
//! A filter on a label of the stream or of the entry's metadata can be asked at once, wherever it
//! stands, unless a stage before it sets or removes that label on entries that have it. Parsers do
//! that to one kind of label only: what they find under the name `a` of a label becomes
//! `a_extracted`, over metadata of that name. A filter on a label that a parser finds can be asked
//! as soon as it is found, if nothing that comes between changes labels of the line again. Dropping
//! a line early is always safe to leave out: the filters run at their place anyway.

use crate::pipeline::label_filter::{Errors, LabelFilter};
use crate::pipeline::labels::{Columns, LabelSet};
use crate::pipeline::names::{EXTRACTED_SUFFIX, NameId, StaticNames};
use crate::pipeline::stage::Stage;
use skald_model::{Batch, MetadataColumn};
use std::ops::Range;

/// A filter that the value of one label can make fail.
#[derive(Debug, Clone)]
pub(super) struct Refuter {
    stage: usize,
    label: NameId,
    /// No stage before it sets labels: an entry without the label fails as one with an empty label.
    first: bool,
    /// Whether a line may carry an error when it comes to the filter.
    errors: Errors,
}

/// A label filter that is asked as soon as a parser finds its label.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    stage: usize,
    label: NameId,
    errors: Errors,
    filter: LabelFilter,
}

/// The filters among `stages` that can be asked early: about the labels an entry comes with, and
/// about those parsers find.
pub(super) fn early(stages: &[Stage], names: &StaticNames) -> (Vec<Refuter>, Vec<Watch>) {
    let (mut refuters, mut watches) = (Vec::new(), Vec::new());
    let mut overridden = Vec::new();
    let (mut first, mut parsed_stays, mut errors) = (true, true, Errors::None);
    for (at, stage) in stages.iter().enumerate() {
        if stage.can_fail() {
            errors = Errors::Possible;
        }
        for label in stage.filtered_labels() {
            let parsers_take = !first && names.text(label).ends_with(EXTRACTED_SUFFIX);
            if !overridden.contains(&label) && !parsers_take {
                refuters.push(Refuter {
                    stage: at,
                    label,
                    first,
                    errors,
                });
            }
            if let (Stage::LabelFilter(filter), true) = (stage, parsed_stays && !first) {
                watches.push(Watch {
                    stage: at,
                    label,
                    errors,
                    filter: filter.clone(),
                });
            }
        }
        first &= !stage.changes_labels();
        parsed_stays &= !stage.changes_labels() || stage.sets_labels_once();
        match stage.overrides() {
            Some(names) => overridden.extend(names),
            None => break,
        }
    }
    (refuters, watches)
}

impl Refuter {
    fn refutes(&self, stages: &[Stage], value: &[u8]) -> bool {
        match &stages[self.stage] {
            Stage::LabelFilter(filter) => filter.fails_with(self.label, value, self.errors),
            Stage::In(membership) => membership.fails_with(value),
            _ => false,
        }
    }
}

impl Watch {
    /// The label it is about.
    pub(super) fn label(&self) -> NameId {
        self.label
    }

    /// Whether the line is bound to be dropped when stage `at` sets `label` to `value`.
    pub(super) fn refutes(&self, at: usize, label: NameId, value: &[u8]) -> bool {
        self.label == label && self.stage > at && self.filter.fails_with(label, value, self.errors)
    }
}

/// What is known of one code of a metadata column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Unknown,
    Drops,
    Keeps,
}

/// A refuter and the metadata column it looks at in the run at hand.
#[derive(Debug)]
struct Check {
    refuter: usize,
    column: usize,
    /// Whether an entry without the key is dropped.
    drops_lacking: bool,
    /// Where its verdicts start; `None` where values are more than the rows and each is met about
    /// once.
    verdicts: Option<usize>,
}

/// The refuters that look at metadata in the run at hand; reused from run to run.
#[derive(Debug, Default)]
pub(super) struct Checks {
    checks: Vec<Check>,
    verdicts: Vec<Verdict>,
}

impl Checks {
    /// Prepares for a run; false when its stream's labels alone let no line through.
    pub(super) fn begin_run(
        &mut self,
        refuters: &[Refuter],
        stages: &[Stage],
        batch: &Batch,
        rows: &Range<u32>,
        labels: &LabelSet,
        stream: &[u8],
    ) -> bool {
        self.checks.clear();
        self.verdicts.clear();
        if labels.may_come_failed() {
            // An error lets lines through some filters.
            return true;
        }
        for (at, refuter) in refuters.iter().enumerate() {
            let on_stream = labels.stream_value(refuter.label, stream);
            let otherwise = on_stream.or(refuter.first.then_some(&b""[..]));
            let drops_lacking = otherwise.is_some_and(|value| refuter.refutes(stages, value));
            let column = match labels.columns_of(refuter.label) {
                Columns::One(column) => column as usize,
                Columns::None if drops_lacking => return false,
                Columns::None | Columns::Either => continue,
            };
            let values = batch.metadata[column].value_count() as usize;
            let verdicts = (values <= rows.len()).then_some(self.verdicts.len());
            if verdicts.is_some() {
                self.verdicts
                    .resize(self.verdicts.len() + values, Verdict::Unknown);
            }
            self.checks.push(Check {
                refuter: at,
                column,
                drops_lacking,
                verdicts,
            });
        }
        true
    }

    /// Whether the metadata of `row` lets the line pass as far as it can tell.
    pub(super) fn pass(
        &mut self,
        refuters: &[Refuter],
        stages: &[Stage],
        metadata: &[MetadataColumn],
        row: u32,
    ) -> bool {
        let Checks { checks, verdicts } = self;
        checks.iter().all(|check| {
            let column = &metadata[check.column];
            let Some(index) = column.codes[row as usize].checked_sub(1) else {
                return !check.drops_lacking;
            };
            let keeps = || !refuters[check.refuter].refutes(stages, column.value(index).as_bytes());
            let Some(start) = check.verdicts else {
                return keeps();
            };
            let verdict = &mut verdicts[start + index as usize];
            if *verdict == Verdict::Unknown {
                *verdict = if keeps() {
                    Verdict::Keeps
                } else {
                    Verdict::Drops
                };
            }
            *verdict == Verdict::Keeps
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::ast::Expr;
    use crate::pipeline::{Pipeline, RequiredLabels};

    /// Which stage and label are asked early: `m` for metadata, with `!` where lacking it tells as
    /// well; `p` for parsed.
    fn check(stages: &str, expected: &str) {
        let Ok(Expr::Log(log)) = crate::parse(&format!("{{app=\"x\"}} {stages}")) else {
            panic!("{stages} is no log query")
        };
        let pipeline =
            Pipeline::compile(&log.stages, &RequiredLabels::All).expect("stages are valid");
        let name = |label| pipeline.hints.names.text(label);
        let refuters = pipeline.refuters.iter().map(|r| {
            format!(
                "m{}{}:{}",
                if r.first { "!" } else { "" },
                r.stage,
                name(r.label)
            )
        });
        let watches = pipeline
            .watches
            .iter()
            .map(|w| format!("p{}:{}", w.stage, name(w.label)));
        assert_eq!(
            refuters.chain(watches).collect::<Vec<_>>().join(" "),
            expected,
            "{stages}"
        );
    }

    #[test]
    fn filters_are_asked_early_unless_a_stage_between_changes_their_label() {
        check(r#"| a="1""#, "m!0:a");
        check(r#"| json | a="1""#, "m1:a p1:a");
        check(r#"| json | logfmt | a="1" or b="2""#, "m2:a m2:b p2:a p2:b");
        check(r#"| json | drop b | a="1" | b="""#, "m2:a");
        check(
            r#"| json | label_format a=b | a="1" | b="2" | c="3""#,
            "m4:c",
        );
        check(r#"| json a="b" | a="1""#, "m1:a");
        check(r#"| unpack | a="1""#, "m1:a");
        check(r#"| keep a | a="1""#, "");
        check(r#"| a_extracted="1""#, "m!0:a_extracted");
        check(r#"| logfmt | a_extracted="1""#, "p1:a_extracted");
        check(r#"| pattern "<a>" | a_extracted="1""#, "p1:a_extracted");
    }
}

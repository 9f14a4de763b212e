//! Compiled stages are one enum; each variant runs on a line.

use super::StageError;
use super::decolorize::decolorize;
use super::drop_keep::{DropLabels, KeepLabels};
use super::json::JsonParser;
use super::json_path::JsonPathParser;
use super::label_filter::LabelFilter;
use super::label_format::LabelFormatter;
use super::line_filter::LineFilter;
use super::line_format::LineFormatter;
use super::logfmt::LogfmtParser;
use super::membership::Membership;
use super::names::{NameId, StaticNames};
use super::pattern::PatternParser;
use super::regexp::RegexpParser;
use super::unpack::UnpackParser;
use crate::ast::StageExpr;
use crate::pipeline::current_line::Line;
use crate::syntax::print_stage;

/// A compiled stage.
#[derive(Debug, Clone)]
pub(super) enum Stage {
    /// `|= "x"`
    LineFilter(LineFilter),
    /// `| json`
    Json(JsonParser),
    /// `| json a="b.c"`
    JsonPaths(JsonPathParser),
    /// `| logfmt`
    Logfmt(LogfmtParser),
    /// `| regexp "…"`
    Regexp(RegexpParser),
    /// `| pattern "…"`
    Pattern(PatternParser),
    /// `| unpack`
    Unpack(UnpackParser),
    /// `| line_format "…"`
    LineFormat(LineFormatter),
    /// `| label_format a=b`
    LabelFormat(LabelFormatter),
    /// `| decolorize`
    Decolorize,
    /// `| drop a`
    Drop(DropLabels),
    /// `| keep a`
    Keep(KeepLabels),
    /// `| a="x"`
    LabelFilter(LabelFilter),
    /// `| a in ({…})`
    In(Membership),
}

/// What the parsers keep between lines; one a thread.
#[derive(Debug, Default)]
pub(super) struct ParserState {
    /// Keys of json lines.
    pub(super) json: super::keys::Keys,
    /// Keys of logfmt lines.
    pub(super) logfmt: super::keys::Keys,
    /// Capture positions of regexes.
    pub(super) captures: super::regexp::CaptureState,
    /// Unpacked fields that wait for `_entry`.
    pub(super) unpacked: Vec<(u32, super::span::Span)>,
    /// Outputs of a stage's templates.
    pub(super) spans: Vec<Option<super::span::Span>>,
    /// Text being unescaped.
    pub(super) text: Vec<u8>,
    /// Expressions whose key was met on the line.
    pub(super) found: Vec<bool>,
    /// Paths on whose way the scan of a json line is, by level.
    pub(super) same: Vec<u64>,
}

impl ParserState {
    /// Forgets what belongs to one pipeline's numbers.
    pub(super) fn clear(&mut self) {
        self.json.clear();
        self.logfmt.clear();
        self.captures.clear();
    }
}

impl Stage {
    /// Compiles stage number `number`; an error quotes its canonical text where Loki's does.
    pub(super) fn compile(
        expr: &StageExpr,
        number: usize,
        names: &mut StaticNames,
    ) -> Result<Stage, StageError> {
        let quoted = |e: StageError| StageError(format!("stage '{}' : {e}", print_stage(expr)));
        Ok(match expr {
            StageExpr::LineFilter(filter) => {
                Stage::LineFilter(LineFilter::compile(filter).map_err(quoted)?)
            }
            StageExpr::Json(list) if list.is_empty() => Stage::Json(JsonParser),
            StageExpr::Json(list) => {
                Stage::JsonPaths(JsonPathParser::compile(list, names).map_err(quoted)?)
            }
            StageExpr::Logfmt {
                strict,
                keep_empty,
                expressions,
            } => Stage::Logfmt(LogfmtParser::compile(
                *strict,
                *keep_empty,
                expressions,
                names,
            )),
            StageExpr::Regexp(text) => Stage::Regexp(
                RegexpParser::compile(text, number, names)
                    .map_err(|e| StageError(format!("invalid regexp parser: {e}")))?,
            ),
            StageExpr::Pattern(text) => Stage::Pattern(
                PatternParser::compile(text, names)
                    .map_err(|e| StageError(format!("invalid pattern parser: {e}")))?,
            ),
            StageExpr::Unpack => Stage::Unpack(UnpackParser),
            StageExpr::LineFormat(text) => {
                Stage::LineFormat(LineFormatter::compile(text).map_err(quoted)?)
            }
            StageExpr::LabelFormat(list) => {
                Stage::LabelFormat(LabelFormatter::compile(list, names).map_err(quoted)?)
            }
            StageExpr::Decolorize => Stage::Decolorize,
            StageExpr::Drop(list) => Stage::Drop(DropLabels::compile(list, names).map_err(quoted)?),
            StageExpr::Keep(list) => Stage::Keep(KeepLabels::compile(list, names).map_err(quoted)?),
            StageExpr::LabelFilter(filter) => {
                Stage::LabelFilter(LabelFilter::compile(filter, names).map_err(quoted)?)
            }
            StageExpr::In { label, negated, .. } => {
                Stage::In(Membership::new(names.id(label), *negated))
            }
            StageExpr::Distinct(_) | StageExpr::Limit(_) | StageExpr::Sort(_) => {
                return Err(quoted(StageError("has no place in a pipeline".to_owned())));
            }
        })
    }

    /// Whether the stage looks at the text; with nothing to extract most parsers don't run.
    pub(super) fn reads_line(&self, extracts_nothing: bool) -> bool {
        match self {
            Stage::Json(_)
            | Stage::JsonPaths(_)
            | Stage::Logfmt(_)
            | Stage::Regexp(_)
            | Stage::Pattern(_) => !extracts_nothing,
            Stage::LineFilter(_)
            | Stage::Unpack(_)
            | Stage::Decolorize
            | Stage::LineFormat(_)
            | Stage::LabelFormat(_) => true,
            Stage::Drop(_) | Stage::Keep(_) | Stage::LabelFilter(_) | Stage::In(_) => false,
        }
    }

    /// Whether the stage can change the text.
    pub(super) fn rewrites_line(&self) -> bool {
        matches!(
            self,
            Stage::LineFormat(_) | Stage::Decolorize | Stage::Unpack(_)
        )
    }

    /// Whether the stage can set or remove labels, other than marking a failure.
    pub(super) fn changes_labels(&self) -> bool {
        !matches!(
            self,
            Stage::LineFilter(_)
                | Stage::LineFormat(_)
                | Stage::Decolorize
                | Stage::LabelFilter(_)
                | Stage::In(_)
        )
    }

    /// Names the stage may set or remove even when the stream or the entry has them; `None`: any.
    pub(super) fn overrides(&self) -> Option<Vec<NameId>> {
        match self {
            Stage::Keep(_) => None,
            Stage::Drop(drop) => Some(drop.names().collect()),
            Stage::LabelFormat(formatter) => Some(formatter.names().collect()),
            _ => Some(Vec::new()),
        }
    }

    /// Whether the stage sets labels that no stage before it has set on the line, and none twice.
    pub(super) fn sets_labels_once(&self) -> bool {
        match self {
            Stage::Json(_) | Stage::Regexp(_) | Stage::Pattern(_) => true,
            Stage::Logfmt(parser) => parser.sets_labels_once(),
            _ => false,
        }
    }

    /// Labels a filter looks at.
    pub(super) fn filtered_labels(&self) -> Vec<NameId> {
        match self {
            Stage::LabelFilter(filter) => filter.names(),
            Stage::In(membership) => vec![membership.label()],
            _ => Vec::new(),
        }
    }

    /// Whether the stage can mark a line with an error.
    pub(super) fn can_fail(&self) -> bool {
        match self {
            Stage::LabelFilter(filter) => filter.can_fail(),
            Stage::Json(_)
            | Stage::JsonPaths(_)
            | Stage::Logfmt(_)
            | Stage::Unpack(_)
            | Stage::LineFormat(_)
            | Stage::LabelFormat(_) => true,
            Stage::LineFilter(_)
            | Stage::Regexp(_)
            | Stage::Pattern(_)
            | Stage::Decolorize
            | Stage::Drop(_)
            | Stage::Keep(_)
            | Stage::In(_) => false,
        }
    }

    /// Runs the stage; false drops the line.
    pub(super) fn apply(&self, line: &mut Line<'_>, state: &mut ParserState) -> bool {
        match self {
            Stage::LineFilter(filter) => filter.matches(line.bytes()),
            Stage::Json(parser) => parser.apply(line, state),
            Stage::JsonPaths(parser) => parser.apply(line, state),
            Stage::Logfmt(parser) => parser.apply(line, state),
            Stage::Regexp(parser) => parser.apply(line, state),
            Stage::Pattern(parser) => parser.apply(line),
            Stage::Unpack(parser) => parser.apply(line, state),
            Stage::LineFormat(formatter) => formatter.apply(line),
            Stage::LabelFormat(formatter) => formatter.apply(line, state),
            Stage::Decolorize => decolorize(line),
            Stage::Drop(drop) => drop.apply(line),
            Stage::Keep(keep) => keep.apply(line),
            Stage::LabelFilter(filter) => filter.matches(line),
            Stage::In(membership) => membership.matches(line),
        }
    }
}

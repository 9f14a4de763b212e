//! `| unwrap x` takes a label's value as the sample's value; filters may follow.

use super::StageError;
use super::label_filter::LabelFilter;
use super::names::{NameId, StaticNames};
use crate::ast::{Conversion, LabelFilterExpr};
use crate::pipeline::current_line::Line;
use skald_template::go::{bytes, duration, float};

/// `__error__` of a value that is no number.
pub(super) const EXTRACTION_ERROR: &str = "SampleExtractionErr";

const NANOS_A_SECOND: i64 = 1_000_000_000;

/// A compiled unwrap.
#[derive(Debug, Clone)]
pub(super) struct Unwrap {
    /// The label.
    pub(super) label: NameId,
    conversion: Conversion,
    filters: Vec<LabelFilter>,
}

impl Unwrap {
    /// Compiles the filters.
    pub(super) fn compile(
        label: &str,
        conversion: Conversion,
        filters: &[LabelFilterExpr],
        names: &mut StaticNames,
    ) -> Result<Unwrap, StageError> {
        let label = names.id(label);
        let filters = filters
            .iter()
            .map(|filter| LabelFilter::compile(filter, names))
            .collect::<Result<_, _>>()?;
        Ok(Unwrap {
            label,
            conversion,
            filters,
        })
    }

    /// The value of a line; `None` when it has none and is passed over. A value that is no number
    /// is 0 and marks the line.
    pub(super) fn value(&self, line: &mut Line<'_>) -> Option<f64> {
        let (span, _) = line.labels.find(line.input, self.label)?;
        let text = line.labels.text(line.input, span);
        if text.is_empty() {
            return None;
        }
        let value = convert(self.conversion, text).unwrap_or_else(|details| {
            line.labels.set_error(EXTRACTION_ERROR, &details);
            0.0
        });
        self.filters
            .iter()
            .all(|filter| filter.matches(line))
            .then_some(value)
    }
}

fn convert(conversion: Conversion, text: &str) -> Result<f64, String> {
    match conversion {
        Conversion::None => float::parse(text),
        Conversion::Bytes => bytes::parse(text).map(|bytes| bytes as f64),
        Conversion::Duration | Conversion::DurationSeconds => duration::parse(text).map(|nanos| {
            let (seconds, rest) = (nanos / NANOS_A_SECOND, nanos % NANOS_A_SECOND);
            seconds as f64 + rest as f64 / NANOS_A_SECOND as f64
        }),
    }
}

//! Patterns: templates of lines of matching streams, from parts.

use crate::Pattern;
use crate::tenant::View;
use skald_model::{Labels, Matcher, TimeRange};

/// Templates of lines that are stored in parts.
#[derive(Clone, Debug, Default)]
pub struct MinedStreams {
    /// A stream's labels and its templates in one part.
    pub streams: Vec<(Labels, Vec<Pattern>)>,
    /// Trouble the user should know of.
    pub warnings: Vec<String>,
}

/// Templates of matching streams in parts that overlap the range.
pub(crate) fn mined(view: &View, matchers: &[Matcher], range: TimeRange) -> MinedStreams {
    let mut mined = MinedStreams::default();
    for part in view
        .parts
        .iter()
        .filter(|p| range.overlaps(p.meta.min_time, p.meta.max_time))
    {
        let matching = part.table.matching(matchers);
        if !matching.contains(&true) {
            continue;
        }
        match part.read_patterns() {
            Ok(streams) => {
                // Templates of a stream with hidden entries may be made of these.
                let visibility = view.visibility.of_part(&part.meta);
                let whole = |stream| {
                    visibility.is_empty()
                        || visibility.of_stream(&part.table.labels(stream)).is_empty()
                };
                let streams = streams
                    .into_iter()
                    .filter(|s| matching[s.stream as usize] && whole(s.stream));
                mined
                    .streams
                    .extend(streams.map(|s| (part.table.labels(s.stream), s.patterns)));
            }
            Err(error) => mined.warnings.push(error.to_string()),
        }
    }
    mined
}

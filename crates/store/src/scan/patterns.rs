//! Patterns: templates of lines of matching streams, from parts.

use crate::Pattern;
use crate::tenant::View;
use skald_model::{Charge, Labels, Matcher, Stop, TimeRange};

/// Templates of lines that are stored in parts.
#[derive(Clone, Debug, Default)]
pub struct MinedStreams {
    /// A stream's labels and its templates in one part.
    pub streams: Vec<(Labels, Vec<Pattern>)>,
    /// Trouble the user should know of.
    pub warnings: Vec<String>,
}

/// What a template takes beside its samples, roughly: it has some ten words.
const PATTERN_BYTES: usize = size_of::<Pattern>() + 300;

fn stream_bytes((labels, patterns): &(Labels, Vec<Pattern>)) -> usize {
    let pattern = |pattern: &Pattern| PATTERN_BYTES + size_of_val(pattern.samples.as_slice());
    let patterns: usize = patterns.iter().map(pattern).sum();
    size_of::<(Labels, Vec<Pattern>)>() + labels.as_bytes().len() + patterns
}

/// Templates of matching streams in parts that overlap the range, charged part by part.
pub(crate) fn mined(
    view: &View,
    matchers: &[Matcher],
    range: TimeRange,
    charge: &mut Charge,
) -> Result<MinedStreams, Stop> {
    let mut mined = MinedStreams::default();
    for part in view
        .parts
        .iter()
        .filter(|p| range.overlaps(p.meta.min_time, p.meta.max_time))
    {
        charge.check()?;
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
                for stream in streams {
                    let found = (part.table.labels(stream.stream), stream.patterns);
                    charge.add(stream_bytes(&found))?;
                    mined.streams.push(found);
                }
            }
            Err(error) => mined.warnings.push(error.to_string()),
        }
    }
    Ok(mined)
}

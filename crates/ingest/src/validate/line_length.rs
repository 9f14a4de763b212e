//! Long lines are truncated to `max_line_size` when `max_line_size_truncate` is set.

use crate::decode::decoded::Decoded;
use crate::limits::IngestLimits;
use std::borrow::Cow;

/// Truncates lines over `max_line_size`, identifier included; gives how many. Does nothing unless
/// `max_line_size_truncate` is set.
pub(crate) fn truncate(decoded: &mut Decoded<'_>, limits: &IngestLimits) -> u64 {
    let max = limits.max_line_size;
    if !limits.max_line_size_truncate || max == 0 {
        return 0;
    }
    let identifier = limits.max_line_size_truncate_identifier.as_bytes();
    let identifier = &identifier[..identifier.len().min(max)];
    let mut truncated = 0;
    for entry in &mut decoded.entries {
        if entry.line.len() <= max {
            continue;
        }
        truncated += 1;
        match &mut entry.line {
            Cow::Borrowed(line) if identifier.is_empty() => *line = &line[..max],
            line => {
                let line = line.to_mut();
                line.truncate(max - identifier.len());
                line.extend_from_slice(identifier);
            }
        }
    }
    truncated
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::loki::json;
    use crate::room::Room;

    #[test]
    fn a_truncated_line_ends_in_the_identifier() {
        let body = r#"{"streams":[{"stream":{},"values":[["1","0123456789"],["2","01\t3456789"],["3","x"]]}]}"#;
        let check = |max: usize, identifier: &str, expected: [&str; 2], count: u64| {
            let mut decoded = json::decode(body.as_bytes(), Room::default()).expect("body is JSON");
            let limits = IngestLimits {
                max_line_size: max,
                max_line_size_truncate: true,
                max_line_size_truncate_identifier: identifier.to_owned(),
                ..IngestLimits::default()
            };
            assert_eq!(truncate(&mut decoded, &limits), count);
            let lines: Vec<_> = decoded.entries.iter().map(|e| &*e.line).collect();
            let expected = expected.map(str::as_bytes);
            assert_eq!(lines, [expected[0], expected[1], b"x"]);
        };
        check(5, "...", ["01...", "01..."], 2);
        check(2, "...", ["..", ".."], 2);
        check(5, "", ["01234", "01\t34"], 2);
        check(0, "...", ["0123456789", "01\t3456789"], 0);
    }

    #[test]
    fn lines_stay_whole_unless_truncation_is_on() {
        let body = r#"{"streams":[{"stream":{},"values":[["1","0123456789"]]}]}"#;
        let mut decoded = json::decode(body.as_bytes(), Room::default()).expect("body is JSON");
        let limits = IngestLimits {
            max_line_size: 5,
            ..IngestLimits::default()
        };
        assert_eq!(truncate(&mut decoded, &limits), 0);
        assert_eq!(&*decoded.entries[0].line, b"0123456789");
    }
}

//! `| decolorize` strips ANSI control sequences (CSI and OSC) from the line.

use crate::pipeline::current_line::Line;
use memchr::{memchr, memrchr};
use skald_model::steps;

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;

/// Rewrites the line only when it has an escape character at all.
pub(super) fn decolorize(line: &mut Line<'_>) -> bool {
    if memchr(ESCAPE, line.bytes()).is_some() {
        let mut output = std::mem::take(line.output);
        output.clear();
        strip(line.bytes(), &mut output);
        *line.output = output;
        line.take_output();
    }
    true
}

/// Appends `text` without its control sequences.
fn strip(text: &[u8], output: &mut Vec<u8>) {
    let mut rest = text;
    // Sequences that want a bell are not looked for any more once none is left.
    let last_bell = memrchr(BELL, text);
    steps::count(text.len());
    while let Some(at) = memchr(ESCAPE, rest) {
        output.extend_from_slice(&rest[..at]);
        let begins = text.len() - rest.len() + at;
        let length = match rest.get(at + 1) {
            Some(b']') if last_bell.is_none_or(|bell| bell < begins) => 0,
            _ => sequence_length(&rest[at..]),
        };
        steps::count(at + length.max(1));
        if length == 0 {
            output.push(ESCAPE);
        }
        rest = &rest[at + length.max(1)..];
    }
    output.extend_from_slice(rest);
}

/// Bytes of the control sequence `text` starts with; 0 when it is none.
fn sequence_length(text: &[u8]) -> usize {
    match text.get(1) {
        Some(b'[') => {
            let parameters = text[2..]
                .iter()
                .take_while(|b| (0x20..=0x3f).contains(*b))
                .count();
            steps::count(parameters);
            match text.get(2 + parameters) {
                Some(0x40..=0x7e) => 3 + parameters,
                _ => 0,
            }
        }
        Some(b']') => text
            .iter()
            .inspect(|_| steps::count(1))
            .position(|b| *b == BELL)
            .map_or(0, |bell| bell + 1),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::strip;

    fn check(text: &str, expected: &str) {
        let mut output = Vec::new();
        strip(text.as_bytes(), &mut output);
        assert_eq!(String::from_utf8_lossy(&output), expected, "{text:?}");
    }

    #[test]
    fn colours_and_titles_go_and_the_rest_stays() {
        check("\x1b[31mERROR\x1b[0m step 1", "ERROR step 1");
        check("\x1b[1;38;5;196mx\x1b[K", "x");
        check("\x1b]0;title\x07body", "body");
        check("plain", "plain");
    }

    #[test]
    fn an_escape_that_starts_no_sequence_stays() {
        check("a\x1bb", "a\x1bb");
        check("\x1b[31", "\x1b[31");
        check("\x1b", "\x1b");
        check("\x1b]open", "\x1b]open");
    }
}

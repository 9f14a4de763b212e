//! Grams are the substrings of a line that the index keeps, as positions in a filter.
//!
//! Each rule looks at the bytes of the gram alone (or of two neighbours), so that what a literal
//! yields every line with that literal yields too. Rules, measured against each other in
//! docs/decisions/0001-content-index.md and 0005-whole-numbers.md, all with ASCII case folded but
//! the second:
//!
//! - *text*: 3 and 4 bytes without a digit. Words repeat, so they are few and get one and two bits.
//! - *cased text*: the same with at least one capital letter, as it is. `ERROR` is not `error`.
//! - *ids*: 5 letters or digits with at least one digit; of two neighbours only the one with the lesser hash.
//! - *numbers*: 6 bytes that begin with a separator and a digit: `=48213`, `.211.9`. Three bits each.
//! - *whole numbers*: 3, 5 or 6 digits with a separator before and one after: `=48213 `. Three bits each; with
//!   four digits they are six bytes already. Not in indexes of version 1.

use super::gram_window::{DIGIT, SEPARATOR, UPPER, WORD, Window, is};
use super::recent::{Pieces, Recent, insert_piece};
use std::ops::Range;

/// Bits of a position in a sketch: filters are scaled down from it.
pub(super) const POSITION_BITS: u32 = 21;

/// Which rules the filters of an index were built by: the version of its layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Rules {
    /// All but whole numbers.
    One = 1,
    /// All.
    #[default]
    Two = 2,
}

impl Rules {
    /// The rules of a version; `None` when it is not known.
    pub(super) fn of(version: u8) -> Option<Rules> {
        [Rules::One, Rules::Two]
            .into_iter()
            .find(|rules| rules.version() == version)
    }

    pub(super) const fn version(self) -> u8 {
        self as u8
    }
}

/// Odd factors, one a rule, so that equal bytes under two rules lie apart.
const TEXT_3: u64 = 0x9e37_79b9_7f4a_7c15;
const TEXT_4: u64 = 0xc2b2_ae3d_27d4_eb4f;
const CASED_3: u64 = 0x8525_77b1_aca1_d6b5;
const CASED_4: u64 = 0xd6e8_feb8_6659_fd93;
const ID_5: u64 = 0x1656_67b1_9e37_79f9;
const NUMBER_6: u64 = 0x27d4_eb2f_1656_67c5;
const WHOLE_NUMBER: u64 = 0x94d0_49bb_1331_11eb;

/// Digits of numbers that are kept whole. With its separators the longest fills a word.
const WHOLE_DIGITS: [usize; 3] = [3, 5, 6];

/// Bits that a metadata value sets. A look-up of an id goes through every block, so false hits cost
/// much.
const VALUE_BITS: u32 = 6;

/// Pieces shorter than this cost less to go through than to look up.
const PIECE_BYTES_MIN: usize = 8;
/// A piece ends at the first space after this many bytes: words that change leave others alone.
const PIECE_BYTES: usize = 16;
/// Bytes that neighbouring pieces share, so that each text of four lies in one of them.
const PIECE_OVERLAP: usize = 3;

/// Calls `emit` with the filter positions of all grams that `rules` keep of the line at `line`,
/// save for those of texts that `recent` has of these `lines`.
#[inline]
pub(super) fn each(
    rules: Rules,
    lines: &[u8],
    line: Range<usize>,
    recent: &mut Recent,
    mut emit: impl FnMut(u32),
) {
    let (mut at, mut word_end) = (line.start, line.start);
    while at < line.end {
        let digit = next_digit(&lines[..line.end], at);
        each_text(lines, at..digit, recent, &mut emit);
        if digit == line.end {
            return;
        }
        let starts_number = digit > line.start && is(lines[digit - 1], SEPARATOR);
        if starts_number {
            emit_number(&lines[digit - 1..line.end], &mut emit);
        }
        if digit >= word_end {
            word_end = each_id(
                &lines[..line.end],
                line.start,
                digit,
                &mut recent.words,
                &mut emit,
            );
        }
        at = digit + 1;
        while at < line.end && lines[at].is_ascii_digit() {
            at += 1;
        }
        if starts_number && rules == Rules::Two {
            emit_whole_number(&lines[digit - 1..line.end], at - digit, &mut emit);
        }
    }
}

/// Where the next digit stands at or after `from`; the end when there is none.
fn next_digit(bytes: &[u8], mut from: usize) -> usize {
    while let Some(eight) = bytes.get(from..).and_then(|rest| rest.first_chunk()) {
        let found = digits(u64::from_le_bytes(*eight));
        if found != 0 {
            return from + found.trailing_zeros() as usize / 8;
        }
        from += 8;
    }
    bytes[from..]
        .iter()
        .position(u8::is_ascii_digit)
        .map_or(bytes.len(), |at| from + at)
}

/// The highest bit of each of eight bytes that is a digit.
fn digits(eight: u64) -> u64 {
    within(eight, b'0', b'9')
}

/// The highest bit of each of eight bytes that is from `first` to `last`, both ASCII.
fn within(eight: u64, first: u8, last: u8) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low = eight & (ONES * 0x7f);
    let from_first = low + ONES * (0x80 - u64::from(first));
    let beyond_last = low + ONES * (0x80 - (u64::from(last) + 1));
    from_first & !beyond_last & !eight & (ONES * 0x80)
}

/// The texts of a stretch without digits, in pieces.
fn each_text(lines: &[u8], stretch: Range<usize>, recent: &mut Recent, emit: &mut impl FnMut(u32)) {
    let mut start = stretch.start;
    while start + 3 <= stretch.end {
        let space = lines[..stretch.end]
            .get(start + PIECE_BYTES..)
            .and_then(|rest| memchr::memchr(b' ', rest));
        let end = space.map_or(stretch.end, |space| start + PIECE_BYTES + space + 1);
        if end - start < PIECE_BYTES_MIN || insert_piece(&mut recent.pieces, lines, start..end) {
            emit_texts(&lines[start..end], recent, emit);
        }
        if end == stretch.end {
            return;
        }
        start = end - PIECE_OVERLAP;
    }
}

fn emit_texts(piece: &[u8], recent: &mut Recent, emit: &mut impl FnMut(u32)) {
    let mut window = Window::START;
    for (at, &byte) in piece.iter().enumerate() {
        window.push(byte);
        match at {
            0 | 1 => {}
            2 => emit_text_3(&window, emit),
            _ if recent.insert_text(window.exact) => {
                emit_text_3(&window, emit);
                emit_text_4(&window, emit);
            }
            _ => {}
        }
    }
}

/// The ids of the word that has a digit at `digit`; gives where the word ends. Windows of six bytes
/// before that digit's have none.
fn each_id(
    lines: &[u8],
    line_start: usize,
    digit: usize,
    words: &mut Pieces,
    emit: &mut impl FnMut(u32),
) -> usize {
    let first = digit.saturating_sub(5).max(line_start);
    let before = lines[first..digit]
        .iter()
        .rev()
        .take_while(|byte| is(**byte, WORD))
        .count();
    let after = lines[digit..]
        .iter()
        .take_while(|byte| is(**byte, WORD))
        .count();
    let (start, end) = (digit - before, digit + after);
    if end - start < 6 || !insert_piece(words, lines, start..end) {
        return end;
    }
    let mut window = Window::START;
    let mut last = 0;
    for &byte in &lines[start..end] {
        window.push(byte);
        let before = std::mem::replace(&mut last, hash(window.last::<5>(), ID_5));
        if window.all(WORD, 0b11_1111) && window.any(DIGIT, 0b11_1111) {
            let (chosen, bytes) = if order(last) <= order(before) {
                (last, 0b1_1111)
            } else {
                (before, 0b11_1110)
            };
            if window.any(DIGIT, bytes) {
                emit(first_of(chosen));
            }
        }
    }
    end
}

/// A separator, a digit and four bytes more, of a line from that separator on.
fn emit_number(rest: &[u8], emit: &mut impl FnMut(u32)) {
    if rest.len() >= 6 {
        emit_three(hash(folded_front(rest) >> 16, NUMBER_6), emit);
    }
}

/// A separator, `digits` digits and the byte after them, if that is a separator too.
fn emit_whole_number(rest: &[u8], digits: usize, emit: &mut impl FnMut(u32)) {
    if WHOLE_DIGITS.contains(&digits)
        && rest
            .get(digits + 1)
            .is_some_and(|after| is(*after, SEPARATOR))
    {
        emit_three(
            hash(folded_front(rest) >> (8 * (6 - digits)), WHOLE_NUMBER),
            emit,
        );
    }
}

/// The first eight bytes, folded, the first byte highest; zeros for what is not there.
fn folded_front(bytes: &[u8]) -> u64 {
    let eight = u64::from_be_bytes(bytes.first_chunk().copied().unwrap_or_else(|| {
        let mut eight = [0; 8];
        eight[..bytes.len()].copy_from_slice(bytes);
        eight
    }));
    // A capital's highest bit, moved to where small letters differ.
    eight | within(eight, b'A', b'Z') >> 2
}

fn emit_three(hash: u64, emit: &mut impl FnMut(u32)) {
    emit(first_of(hash));
    emit(second(hash));
    emit(third(hash));
}

fn emit_text_3(window: &Window, emit: &mut impl FnMut(u32)) {
    emit(first_of(hash(window.last::<3>(), TEXT_3)));
    if window.any(UPPER, 0b111) {
        emit(first_of(hash(u64::from(window.exact & 0xff_ffff), CASED_3)));
    }
}

fn emit_text_4(window: &Window, emit: &mut impl FnMut(u32)) {
    let mut emit_two = |hash: u64| {
        emit(first_of(hash));
        emit(second(hash));
    };
    emit_two(hash(window.last::<4>(), TEXT_4));
    if window.any(UPPER, 0b1111) {
        emit_two(hash(u64::from(window.exact), CASED_4));
    }
}

/// Calls `emit` with the filter positions of a metadata value as a whole.
pub(super) fn each_of_value(name: &[u8], value: &[u8], mut emit: impl FnMut(u32)) {
    let name = xxhash_rust::xxh3::xxh3_64(name);
    let hash = xxhash_rust::xxh3::xxh3_64_with_seed(value, name);
    // An odd step visits distinct positions.
    let step = (hash >> 32) as u32 | 1;
    for i in 0..VALUE_BITS {
        emit((hash as u32).wrapping_add(step.wrapping_mul(i)) >> (32 - POSITION_BITS));
    }
}

fn hash(gram: u64, rule: u64) -> u64 {
    let hash = (gram ^ rule >> 7).wrapping_mul(rule);
    (hash ^ hash >> 32).wrapping_mul(TEXT_3)
}

/// Which of two neighbours is kept; of other bits than [`first_of`], so that those stay even.
fn order(hash: u64) -> u32 {
    hash as u32
}

fn first_of(hash: u64) -> u32 {
    (hash >> (64 - POSITION_BITS)) as u32
}

fn second(hash: u64) -> u32 {
    (hash >> (64 - 2 * POSITION_BITS)) as u32 & ((1 << POSITION_BITS) - 1)
}

fn third(hash: u64) -> u32 {
    hash as u32 & ((1 << POSITION_BITS) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// The rules as they are written, window by window.
    fn each_by_rule(rules: Rules, line: &[u8], mut emit: impl FnMut(u32)) {
        for bytes in WHOLE_DIGITS
            .iter()
            .flat_map(|digits| line.windows(digits + 2))
            .filter(|_| rules == Rules::Two)
        {
            let [first, digits @ .., last] = bytes else {
                continue;
            };
            if is(*first, SEPARATOR)
                && digits.iter().all(u8::is_ascii_digit)
                && is(*last, SEPARATOR)
            {
                let folded = bytes
                    .iter()
                    .fold(0, |folded, byte| folded << 8 | u64::from(*byte));
                let hash = hash(folded, WHOLE_NUMBER);
                [first_of(hash), second(hash), third(hash)]
                    .into_iter()
                    .for_each(&mut emit);
            }
        }
        let mut window = Window::START;
        for &byte in line {
            window.push(byte);
            if !window.any(DIGIT, 0b111) {
                emit_text_3(&window, &mut emit);
                if !window.any(DIGIT, 0b1000) {
                    emit_text_4(&window, &mut emit);
                }
            }
            if window.all(WORD, 0b11_1111) && window.any(DIGIT, 0b11_1111) {
                let (last, before) = (
                    hash(window.last::<5>(), ID_5),
                    hash(window.last::<6>() >> 8, ID_5),
                );
                let (chosen, bytes) = if order(last) <= order(before) {
                    (last, 0b1_1111)
                } else {
                    (before, 0b11_1110)
                };
                if window.any(DIGIT, bytes) {
                    emit(first_of(chosen));
                }
            }
            if window.all(SEPARATOR, 0b10_0000) && window.all(DIGIT, 0b1_0000) {
                let hash = hash(window.last::<6>(), NUMBER_6);
                [first_of(hash), second(hash), third(hash)]
                    .into_iter()
                    .for_each(&mut emit);
            }
        }
    }

    fn positions_by(rules: Rules, text: &str) -> Vec<u32> {
        let mut all = Vec::new();
        each(
            rules,
            text.as_bytes(),
            0..text.len(),
            &mut Recent::default(),
            |position| all.push(position),
        );
        all
    }

    fn positions(text: &str) -> Vec<u32> {
        positions_by(Rules::Two, text)
    }

    fn count(text: &str) -> usize {
        positions(text).len()
    }

    #[test]
    fn each_rule_keeps_its_grams() {
        assert_eq!(count("ab"), 0);
        assert_eq!(count("abc"), 1, "a text of three");
        assert_eq!(count("abcd"), 2 + 2, "two texts of three, one of four");
        assert_eq!(count("ABCD"), 2 * (2 + 2), "and as they are");
        assert_eq!(count("1234"), 0);
        assert_eq!(
            count("12345"),
            0,
            "an id needs a neighbour to be chosen from"
        );
        assert_eq!(count("123456"), 1);
        assert_eq!(count("=12345"), 3, "a number");
        assert_eq!(count("=1234"), 0);
        assert_eq!(count("=12345 "), 3 + 3, "also as a whole");
        assert_eq!(count("=1234 "), 3, "which is all of its six bytes");
        assert_eq!(count("=123 "), 3, "as a whole only");
        assert_eq!(count("=12 "), 0);
        assert_eq!(count("=123_"), 0, "part of a word");
    }

    #[test]
    fn the_first_version_knows_no_whole_numbers() {
        for text in ["=123 ", "=12345,", "GET /index 10.0.211.93 in 123456 us"] {
            let (one, two) = (positions_by(Rules::One, text), positions(text));
            assert!(
                one.len() < two.len() && one.iter().all(|position| two.contains(position)),
                "{text}"
            );
        }
        assert!(positions_by(Rules::One, "=123 ").is_empty());
    }

    #[test]
    fn lower_case_asks_for_less_than_capitals() {
        let (lower, exact) = (
            positions("get /index 4f3a9b2c"),
            positions("GET /Index 4F3A9B2C"),
        );
        assert!(lower.iter().all(|position| exact.contains(position)));
        assert!(!exact.iter().all(|position| lower.contains(position)));
    }

    #[test]
    fn recent_texts_are_not_given_again() {
        let lines = "the same words ".repeat(10);
        let (mut recent, mut given) = (Recent::default(), 0);
        for line in 0..10 {
            each(
                Rules::Two,
                lines.as_bytes(),
                line * 15..line * 15 + 14,
                &mut recent,
                |_| given += 1,
            );
        }
        assert!(given < 2 * count("the same words"));
    }

    fn lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let words = prop::sample::select(vec![
            "level=info ",
            "the quick brown fox ",
            "Failed password for ",
            "4f3a9b2c",
            "10.0.0.1:",
            "user=48213 ",
            "\u{e4}\u{f6}x",
            "_a1",
            "=123456",
            ".211",
            "-12345\"",
            "  ",
            "\0\0\0\0",
            "0",
            "z",
        ]);
        let texts = vec(words, 0..12).prop_map(|words| words.concat().into_bytes());
        vec(prop_oneof![texts, vec(any::<u8>(), 0..40)], 1..20)
    }

    proptest! {
        #[test]
        fn going_through_lines_gives_what_the_rules_say(
            lines in lines(),
            rules in prop::sample::select(vec![Rules::One, Rules::Two]),
        ) {
            let buffer = lines.concat();
            let (mut recent, mut start) = (Recent::default(), 0);
            let (mut given, mut expected) = (BTreeSet::new(), BTreeSet::new());
            for line in &lines {
                each(rules, &buffer, start..start + line.len(), &mut recent, |position| given.extend([position]));
                each_by_rule(rules, line, |position| expected.extend([position]));
                start += line.len();
            }
            prop_assert_eq!(given, expected);
        }
    }
}

//! Which substrings of a line the index keeps, and where they lie in a filter.
//!
//! Each rule looks at the bytes of the gram alone (or of two neighbours), so that what a literal yields
//! every line with that literal yields too. Rules, measured against each other in
//! docs/decisions/0001-content-index.md, all with ASCII case folded but the second:
//!
//! - *text*: 3 and 4 bytes without a digit. Words repeat, so they are few and get one and two bits.
//! - *cased text*: the same with at least one capital letter, as it is. `ERROR` is not `error`.
//! - *ids*: 5 letters or digits with at least one digit; of two neighbours only the one with the lesser hash.
//! - *numbers*: 6 bytes that begin with a separator and a digit: `=48213`, `.211.9`. Three bits each.

/// Bits of a position in a sketch: filters are scaled down from it.
pub(super) const POSITION_BITS: u32 = 21;

/// For each byte: what it is, and above bit 24 the byte with ASCII case folded. What it is goes into the
/// lowest bit of a lane of [`Window::kinds`]. Letters and digits, `_`, and all that is not ASCII are words;
/// the rest separates them.
const KINDS: [u32; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        let is_word = b.is_ascii_alphanumeric() || b == b'_' || b >= 128;
        kinds[byte] = (b.to_ascii_lowercase() as u32) << 24
            | if is_word { WORD } else { SEPARATOR }
            | if b.is_ascii_digit() { DIGIT } else { 0 }
            | if b.is_ascii_uppercase() { UPPER } else { 0 };
        byte += 1;
    }
    kinds
};

/// Lanes of six bits, one for each of the last six bytes, the last byte lowest.
const DIGIT: u32 = 1;
const WORD: u32 = 1 << 6;
const SEPARATOR: u32 = 1 << 12;
const UPPER: u32 = 1 << 18;
/// All bits but the highest of each lane, before they move up by one.
const OLDER: u32 = 0b011111_011111_011111_011111;

/// The last bytes of a line.
#[derive(Clone, Copy)]
struct Window {
    /// Folded, the last byte lowest.
    folded: u64,
    /// As they are.
    exact: u32,
    kinds: u32,
}

impl Window {
    /// Before the first byte there are neither words nor separators, only digits: no rule takes those for
    /// bytes of a gram.
    const START: Window = Window { folded: 0, exact: 0, kinds: 0b111111 * DIGIT };

    fn push(&mut self, byte: u8) {
        let kind = KINDS[usize::from(byte)];
        self.folded = self.folded << 8 | u64::from(kind >> 24);
        self.exact = self.exact << 8 | u32::from(byte);
        self.kinds = (self.kinds & OLDER) << 1 | kind & 0x00ff_ffff;
    }

    /// The last `N` bytes.
    fn last<const N: u32>(&self) -> u64 {
        self.folded & ((1 << (8 * N)) - 1)
    }

    /// Whether all of the bytes in `mask` (bit 0 the last byte) are of the kind.
    fn all(&self, kind: u32, mask: u32) -> bool {
        self.kinds & (kind * mask) == kind * mask
    }

    fn any(&self, kind: u32, mask: u32) -> bool {
        self.kinds & (kind * mask) != 0
    }
}

/// Odd factors, one a rule, so that equal bytes under two rules lie apart.
const TEXT_3: u64 = 0x9e37_79b9_7f4a_7c15;
const TEXT_4: u64 = 0xc2b2_ae3d_27d4_eb4f;
const CASED_3: u64 = 0x8525_77b1_aca1_d6b5;
const CASED_4: u64 = 0xd6e8_feb8_6659_fd93;
const ID_5: u64 = 0x1656_67b1_9e37_79f9;
const NUMBER_6: u64 = 0x27d4_eb2f_1656_67c5;

/// Bits that a metadata value sets. A look-up of an id goes through every block, so false hits are dear.
const VALUE_BITS: u32 = 6;

/// Texts of four bytes seen lately, so that the hashes of what repeats are not taken again.
#[derive(Debug)]
pub(super) struct Recent {
    exact: Box<[u32; 1 << RECENT_BITS]>,
}

const RECENT_BITS: u32 = 12;

impl Default for Recent {
    /// No text is four zero bytes: see [`Recent::insert`].
    fn default() -> Recent {
        Recent { exact: Box::new([0; 1 << RECENT_BITS]) }
    }
}

impl Recent {
    /// Whether the text was not there. Four zero bytes are always new, as an empty slot looks like them.
    fn insert(&mut self, exact: u32) -> bool {
        let slot = &mut self.exact[(exact.wrapping_mul(0x9e37_79b1) >> (32 - RECENT_BITS)) as usize];
        let is_new = *slot != exact || exact == 0;
        *slot = exact;
        is_new
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.exact.fill(0);
    }
}

/// Calls `emit` with the filter positions of all grams of `line`, save for texts that `recent` has.
#[inline]
pub(super) fn each(line: &[u8], recent: &mut Recent, mut emit: impl FnMut(u32)) {
    let mut window = Window::START;
    for &byte in line {
        window.push(byte);
        if !window.any(DIGIT, 0b111) {
            if window.any(DIGIT, 0b1000) {
                emit_text_3(&window, &mut emit);
            } else if recent.insert(window.exact) {
                emit_text_3(&window, &mut emit);
                emit_text_4(&window, &mut emit);
            }
        }
        if window.all(WORD, 0b11_1111) && window.any(DIGIT, 0b11_1111) {
            let (last, before) = (hash(window.last::<5>(), ID_5), hash(window.last::<6>() >> 8, ID_5));
            let (chosen, bytes) = if order(last) <= order(before) { (last, 0b1_1111) } else { (before, 0b11_1110) };
            if window.any(DIGIT, bytes) {
                emit(first(chosen));
            }
        }
        if window.all(SEPARATOR, 0b10_0000) && window.all(DIGIT, 0b1_0000) {
            let hash = hash(window.last::<6>(), NUMBER_6);
            emit(first(hash));
            emit(second(hash));
            emit(third(hash));
        }
    }
}

fn emit_text_3(window: &Window, emit: &mut impl FnMut(u32)) {
    emit(first(hash(window.last::<3>(), TEXT_3)));
    if window.any(UPPER, 0b111) {
        emit(first(hash(u64::from(window.exact & 0xff_ffff), CASED_3)));
    }
}

fn emit_text_4(window: &Window, emit: &mut impl FnMut(u32)) {
    let mut emit_two = |hash: u64| {
        emit(first(hash));
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

/// Which of two neighbours is kept; of other bits than [`first`], so that those stay even.
fn order(hash: u64) -> u32 {
    hash as u32
}

fn first(hash: u64) -> u32 {
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

    fn positions(text: &str) -> Vec<u32> {
        let mut all = Vec::new();
        each(text.as_bytes(), &mut Recent::default(), |position| all.push(position));
        all
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
        assert_eq!(count("12345"), 0, "an id needs a neighbour to be chosen from");
        assert_eq!(count("123456"), 1);
        assert_eq!(count("=12345"), 3, "a number");
        assert_eq!(count("=1234"), 0);
    }

    #[test]
    fn lower_case_asks_for_less_than_capitals() {
        let (lower, exact) = (positions("get /index 4f3a9b2c"), positions("GET /Index 4F3A9B2C"));
        assert!(lower.iter().all(|position| exact.contains(position)));
        assert!(!exact.iter().all(|position| lower.contains(position)));
    }

    #[test]
    fn texts_seen_lately_are_not_given_again() {
        let (mut recent, mut given) = (Recent::default(), 0);
        for _ in 0..10 {
            each(b"the same words", &mut recent, |_| given += 1);
        }
        assert!(given < 2 * count("the same words"));
    }
}

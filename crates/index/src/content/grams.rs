//! Which substrings of a line the index keeps, and where they lie in a filter.
//!
//! Each rule looks at the bytes of the gram alone (or of two neighbours), so that what a literal yields
//! every line with that literal yields too. ASCII case is folded. Rules, measured against each other in
//! docs/decisions/0001-content-index.md:
//!
//! - *text*: 3 and 4 bytes without a digit. Words repeat, so they are few and get three bits together.
//! - *ids*: 5 letters or digits with at least one digit; of two neighbours only the one with the lesser hash.
//! - *numbers*: 6 bytes that begin with a separator and a digit: `=48213`, `.211.9`. Three bits each.

/// Bits of a position in a sketch: filters are scaled down from it.
pub(super) const POSITION_BITS: u32 = 21;

/// What an index needs to know of a byte.
#[derive(Clone, Copy)]
struct Class {
    folded: u8,
    is_digit: bool,
    is_word: bool,
}

/// Letters and digits, `_`, and all that is not ASCII are words; the rest separates them.
const CLASSES: [Class; 256] = {
    let mut classes = [Class { folded: 0, is_digit: false, is_word: false }; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        classes[byte] = Class {
            folded: b.to_ascii_lowercase(),
            is_digit: b.is_ascii_digit(),
            is_word: b.is_ascii_alphanumeric() || b == b'_' || b >= 128,
        };
        byte += 1;
    }
    classes
};

/// Odd factors, one a rule, so that equal bytes under two rules lie apart.
const TEXT_3: u64 = 0x9e37_79b9_7f4a_7c15;
const TEXT_4: u64 = 0xc2b2_ae3d_27d4_eb4f;
const ID_5: u64 = 0x1656_67b1_9e37_79f9;
const NUMBER_6: u64 = 0x27d4_eb2f_1656_67c5;

/// Bits that a metadata value sets. A look-up of an id goes through every block, so false hits are dear.
const VALUE_BITS: u32 = 6;

/// Calls `emit` with the filter positions of all grams of `line`.
#[inline]
pub(super) fn each(line: &[u8], mut emit: impl FnMut(u32)) {
    // The last eight bytes, and for each of the last bytes (lowest bit first) what it is. Before the first
    // byte there are neither words nor separators, only digits: no rule takes those for bytes of a gram.
    let (mut bytes, mut words, mut separators, mut digits) = (0u64, 0u32, 0u32, u32::MAX);
    let mut previous_id = 0u64;
    for &byte in line {
        let class = CLASSES[usize::from(byte)];
        bytes = bytes << 8 | u64::from(class.folded);
        words = words << 1 | u32::from(class.is_word);
        separators = separators << 1 | u32::from(!class.is_word);
        digits = digits << 1 | u32::from(class.is_digit);
        if digits & 0b111 == 0 {
            emit(first(hash(bytes & 0xff_ffff, TEXT_3)));
            if digits & 0b1111 == 0 {
                let hash = hash(bytes & 0xffff_ffff, TEXT_4);
                emit(first(hash));
                emit(second(hash));
            }
        }
        if words & 0b1_1111 == 0b1_1111 {
            let id = hash(bytes & 0xff_ffff_ffff, ID_5);
            if words & 0b10_0000 != 0 {
                let (chosen, digits) = if order(id) <= order(previous_id) { (id, digits) } else { (previous_id, digits >> 1) };
                if digits & 0b1_1111 != 0 {
                    emit(first(chosen));
                }
            }
            previous_id = id;
        }
        if separators & 0b10_0000 != 0 && digits & 0b1_0000 != 0 {
            let hash = hash(bytes & 0xffff_ffff_ffff, NUMBER_6);
            emit(first(hash));
            emit(second(hash));
            emit(third(hash));
        }
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

    fn count(text: &str) -> usize {
        let mut count = 0;
        each(text.as_bytes(), |_| count += 1);
        count
    }

    #[test]
    fn each_rule_keeps_its_grams() {
        assert_eq!(count("ab"), 0);
        assert_eq!(count("abc"), 1, "a text of three");
        assert_eq!(count("abcd"), 2 + 2, "two texts of three, one of four");
        assert_eq!(count("1234"), 0);
        assert_eq!(count("12345"), 0, "an id needs a neighbour to be chosen from");
        assert_eq!(count("123456"), 1);
        assert_eq!(count("=12345"), 3, "a number");
        assert_eq!(count("=1234"), 0);
    }

    #[test]
    fn case_makes_no_difference() {
        let positions = |text: &str| {
            let mut all = Vec::new();
            each(text.as_bytes(), |position| all.push(position));
            all
        };
        assert_eq!(positions("GET /Index 4F3A9B2C"), positions("get /index 4f3a9b2c"));
    }
}

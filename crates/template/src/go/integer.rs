//! Text to integers by Go's rules: signs, prefixes, underscores.

use super::quote::quoted;

/// Why a text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// It is not written as one.
    Syntax,
    /// It is too large.
    Range,
}

impl NumberError {
    /// The message of Go's `strconv` for function `function` and text `text`.
    pub fn message(self, function: &str, text: &str) -> String {
        let reason = match self {
            NumberError::Syntax => "invalid syntax",
            NumberError::Range => "value out of range",
        };
        format!("strconv.{function}: parsing {}: {reason}", quoted(text))
    }
}

/// A signed integer; base 0 means that a prefix (`0x`, `0o`, `0b`, `0`) decides and `_` may part
/// digits.
pub fn parse_int(text: &str, base: u32) -> Result<i64, NumberError> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = parse_uint(digits, base)?;
    if negative {
        0i64.checked_sub_unsigned(magnitude)
            .ok_or(NumberError::Range)
    } else {
        i64::try_from(magnitude).map_err(|_| NumberError::Range)
    }
}

/// An unsigned integer; base as in [`parse_int`].
pub fn parse_uint(text: &str, base: u32) -> Result<u64, NumberError> {
    let (radix, digits) = match (base, text.as_bytes()) {
        (0, [b'0', b'x' | b'X', _, ..]) => (16, &text[2..]),
        (0, [b'0', b'o' | b'O', _, ..]) => (8, &text[2..]),
        (0, [b'0', b'b' | b'B', _, ..]) => (2, &text[2..]),
        (0, [b'0', _, ..]) => (8, &text[1..]),
        (0, _) => (10, text),
        (base, _) => (base, text),
    };
    if digits.is_empty() || (base == 0 && !underscores_fine(text)) {
        return Err(NumberError::Syntax);
    }
    let mut value = Some(0u64);
    for c in digits.chars() {
        if c == '_' && base == 0 {
            continue;
        }
        let digit = c.to_digit(radix).ok_or(NumberError::Syntax)?;
        value = value.and_then(|v| {
            v.checked_mul(u64::from(radix))?
                .checked_add(u64::from(digit))
        });
    }
    value.ok_or(NumberError::Range)
}

/// Whether each `_` stands between digits, or between a base prefix and a digit.
fn underscores_fine(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text).as_bytes();
    let prefixed = matches!(body, [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', ..]);
    let hex = matches!(body, [b'0', b'x' | b'X', ..]);
    let digits = if prefixed { &body[2..] } else { body };
    let mut before = if prefixed { b'0' } else { b'^' };
    for &byte in digits {
        let kind = match byte {
            b'0'..=b'9' => b'0',
            b'a'..=b'f' | b'A'..=b'F' if hex => b'0',
            b'_' if before != b'0' => return false,
            b'_' => b'_',
            _ if before == b'_' => return false,
            _ => b'!',
        };
        before = kind;
    }
    before != b'_'
}

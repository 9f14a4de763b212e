//! Translates character classes: `[…]`, `\d` and its kin, `\pN`, and single-character escapes.

use super::translate::{Cursor, SyntaxError};
use std::fmt::Write;

/// The names Go knows between `[:` and `:]`.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// `\d`, `\s`, `\w` and their opposites: ASCII in Go.
pub(super) fn perl_class(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\x0C\r ]",
        'S' => r"[^\t\n\x0C\r ]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

/// Writes one character so that it stands for itself everywhere.
pub(super) fn push_literal(out: &mut String, c: char) {
    match c {
        '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$'
        | '#' | '&' | '-' | '~' => out.extend(['\\', c]),
        c if c.is_ascii_control() => {
            write!(out, "\\x{:02X}", c as u32).expect("writing to a string does not fail")
        }
        c => out.push(c),
    }
}

/// `\pN`, `\PN`, `\p{Name}` and `\p{^Name}`; the cursor stands after the `p`.
pub(super) fn unicode_class(
    cursor: &mut Cursor<'_>,
    negated: bool,
    out: &mut String,
) -> Result<(), SyntaxError> {
    let start = cursor.at - 2;
    let name = match cursor.next() {
        Some('{') => {
            let rest = cursor.rest();
            let length = rest
                .find('}')
                .ok_or_else(|| cursor.error_from(start, "invalid character class range"))?;
            cursor.at += length + 1;
            &rest[..length]
        }
        Some(letter) => &cursor.pattern[cursor.at - letter.len_utf8()..cursor.at],
        None => return Err(cursor.error_from(start, "invalid character class range")),
    };
    let (name, negated) = match name.strip_prefix('^') {
        Some(name) => (name, !negated),
        None => (name, negated),
    };
    // Go's "Any" is what Rust calls by the same name; the rest are general categories and scripts.
    let written = format!("\\{}{{{name}}}", if negated { 'P' } else { 'p' });
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty();
    if !plain || regex_syntax::Parser::new().parse(&written).is_err() {
        return Err(cursor.error_from(start, "invalid character class range"));
    }
    out.push_str(&written);
    Ok(())
}

/// `[…]`; the cursor stands after the opening bracket.
pub(super) fn bracketed(cursor: &mut Cursor<'_>, out: &mut String) -> Result<(), SyntaxError> {
    let start = cursor.at - 1;
    out.push('[');
    if cursor.take("^") {
        out.push('^');
    }
    let mut first = true;
    while first || cursor.peek() != Some(']') {
        first = false;
        item(cursor, start, out)?;
    }
    cursor.at += 1;
    out.push(']');
    Ok(())
}

/// One character, range or class between brackets.
fn item(cursor: &mut Cursor<'_>, start: usize, out: &mut String) -> Result<(), SyntaxError> {
    if let Some(after) = cursor.rest().strip_prefix("[:")
        && let Some(length) = after.find(":]")
    {
        let text = &cursor.rest()[..length + 4];
        let name = &after[..length];
        let name = name.strip_prefix('^').unwrap_or(name);
        if !POSIX.contains(&name) {
            return Err(SyntaxError(format!(
                "invalid character class range: `{text}`"
            )));
        }
        out.push_str(text);
        cursor.at += text.len();
        return Ok(());
    }
    let from = cursor.at;
    if cursor.take("\\") {
        match cursor.peek() {
            Some(letter @ ('p' | 'P')) => {
                cursor.at += 1;
                return unicode_class(cursor, letter == 'P', out);
            }
            Some(letter) if perl_class(letter).is_some() => {
                cursor.at += 1;
                out.push_str(perl_class(letter).unwrap_or_default());
                return Ok(());
            }
            _ => cursor.at = from,
        }
    }
    let low = character(cursor, start)?;
    let mut high = low;
    if cursor.rest().starts_with('-') && !cursor.rest().starts_with("-]") {
        cursor.at += 1;
        if cursor.rest().is_empty() {
            return Err(cursor.error_from(start, "missing closing ]"));
        }
        let after_dash = cursor.at;
        let is_class = cursor.take("\\") && cursor.next().is_some_and(|c| perl_class(c).is_some());
        if is_class {
            return Err(SyntaxError(format!(
                "invalid character class range: `{}`",
                &cursor.pattern[from..cursor.at]
            )));
        }
        cursor.at = after_dash;
        high = character(cursor, start)?;
        if high < low {
            return Err(SyntaxError(format!(
                "invalid character class range: `{}`",
                &cursor.pattern[from..cursor.at]
            )));
        }
    }
    push_literal(out, low);
    if high != low {
        out.push('-');
        push_literal(out, high);
    }
    Ok(())
}

fn character(cursor: &mut Cursor<'_>, start: usize) -> Result<char, SyntaxError> {
    match cursor.next() {
        None => Err(cursor.error_from(start, "missing closing ]")),
        Some('\\') => escaped(cursor),
        Some(c) => Ok(c),
    }
}

/// The character an escape stands for; the cursor stands after the backslash.
pub(super) fn escaped(cursor: &mut Cursor<'_>) -> Result<char, SyntaxError> {
    let start = cursor.at - 1;
    let invalid = |cursor: &Cursor<'_>| {
        SyntaxError(format!(
            "invalid escape sequence: `{}`",
            &cursor.pattern[start..cursor.at]
        ))
    };
    let Some(c) = cursor.next() else {
        return Err(SyntaxError(
            "trailing backslash at end of expression: ``".to_owned(),
        ));
    };
    match c {
        'a' => Ok('\x07'),
        'f' => Ok('\x0c'),
        'n' => Ok('\n'),
        'r' => Ok('\r'),
        't' => Ok('\t'),
        'v' => Ok('\x0b'),
        'x' => hexadecimal(cursor).ok_or_else(|| invalid(cursor)),
        '0'..='7' => {
            let mut value = c as u32 - '0' as u32;
            let more = cursor
                .rest()
                .bytes()
                .take(2)
                .take_while(|b| (b'0'..=b'7').contains(b))
                .count();
            if c != '0' && more == 0 {
                return Err(invalid(cursor));
            }
            for digit in cursor.rest()[..more].bytes() {
                value = value * 8 + u32::from(digit - b'0');
            }
            cursor.at += more;
            char::from_u32(value).ok_or_else(|| invalid(cursor))
        }
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok(c),
        _ => Err(invalid(cursor)),
    }
}

/// `41` or `{41}`; the cursor stands after the `x`.
fn hexadecimal(cursor: &mut Cursor<'_>) -> Option<char> {
    let braced = cursor.take("{");
    let (mut value, mut digits) = (0u32, 0);
    while let Some(digit) = cursor.peek().and_then(|c| c.to_digit(16)) {
        if !braced && digits == 2 {
            break;
        }
        cursor.at += 1;
        digits += 1;
        value = value.saturating_mul(16).saturating_add(digit);
        if value > char::MAX as u32 {
            return None;
        }
    }
    let closed = if braced {
        cursor.take("}") && digits > 0
    } else {
        digits == 2
    };
    char::from_u32(value).filter(|_| closed)
}

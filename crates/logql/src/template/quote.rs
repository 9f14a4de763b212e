//! Go's quoting of strings and characters (`%q`, `strconv.Quote`) and its inverse.

use std::sync::LazyLock;

/// What Go calls printable beyond ASCII: letters, marks, numbers, punctuation and symbols.
static PRINTABLE: LazyLock<regex::Regex> =
    LazyLock::new(|| regex::Regex::new(r"^[\pL\pM\pN\pP\pS]$").expect("the class is well formed"));

/// Whether Go prints `c` as itself in a quoted string.
pub(super) fn is_print(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    PRINTABLE.is_match(c.encode_utf8(&mut [0; 4]))
}

/// `text` in double quotes, escaped.
pub(super) fn quoted(text: &[u8]) -> String {
    let mut out = String::new();
    quote_into(&mut out, text, '"', false);
    out
}

/// Appends `text` between `quote`s; with `ascii` everything beyond ASCII is escaped.
pub(super) fn quote_into(out: &mut String, text: &[u8], quote: char, ascii: bool) {
    out.push(quote);
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            escape_char(out, c, quote, ascii);
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push(quote);
}

fn escape_char(out: &mut String, c: char, quote: char, ascii: bool) {
    match c {
        '\\' => out.push_str("\\\\"),
        c if c == quote => {
            out.push('\\');
            out.push(c);
        }
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        c if (c.is_ascii() || !ascii) && is_print(c) => out.push(c),
        c if c < ' ' || c == '\x7f' => out.push_str(&format!("\\x{:02x}", c as u32)),
        c if (c as u32) < 0x10000 => out.push_str(&format!("\\u{:04x}", c as u32)),
        c => out.push_str(&format!("\\U{:08x}", c as u32)),
    }
}

/// What a Go string literal with its quotes stands for; `None` when it is malformed.
pub(super) fn unquote(literal: &str) -> Option<Vec<u8>> {
    let quote = literal.chars().next()?;
    let inner = literal.strip_prefix(quote)?.strip_suffix(quote)?;
    if quote == '`' {
        return (!inner.contains('`')).then(|| inner.replace('\r', "").into_bytes());
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while !rest.is_empty() {
        rest = unescape_one(rest, quote, &mut out)?;
    }
    Some(out)
}

/// The code of the first character of a character literal, and what follows it.
pub(super) fn unquote_char(literal: &str) -> Option<(i64, &str)> {
    let mut bytes = Vec::new();
    let rest = unescape_one(literal.strip_prefix('\'')?, '\'', &mut bytes)?;
    let code = match std::str::from_utf8(&bytes).ok().and_then(|text| text.chars().next()) {
        Some(c) => c as i64,
        None => i64::from(*bytes.first()?),
    };
    Some((code, rest))
}

/// Appends the first character of `text`, unescaped; gives what follows it.
fn unescape_one<'t>(text: &'t str, quote: char, out: &mut Vec<u8>) -> Option<&'t str> {
    let mut chars = text.chars();
    let c = chars.next()?;
    if c == quote || c == '\n' {
        return None;
    }
    if c != '\\' {
        push_char(out, c);
        return Some(chars.as_str());
    }
    let escape = chars.next()?;
    let rest = chars.as_str();
    let digits = match escape {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        '0'..='7' => return unescape_octal(&text[1..], out),
        _ => 0,
    };
    if digits > 0 {
        let value = u32::from_str_radix(hex_digits(rest, digits)?, 16).ok()?;
        if escape == 'x' {
            out.push(value as u8);
        } else {
            push_char(out, char::from_u32(value)?);
        }
        return Some(&rest[digits..]);
    }
    out.push(match escape {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        c if c == quote => c as u8,
        _ => return None,
    });
    Some(rest)
}

fn hex_digits(text: &str, count: usize) -> Option<&str> {
    text.get(..count).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn unescape_octal<'t>(text: &'t str, out: &mut Vec<u8>) -> Option<&'t str> {
    let digits = text.get(..3).filter(|digits| digits.bytes().all(|b| (b'0'..=b'7').contains(&b)))?;
    out.push(u8::try_from(u32::from_str_radix(digits, 8).ok()?).ok()?);
    Some(&text[3..])
}

fn push_char(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

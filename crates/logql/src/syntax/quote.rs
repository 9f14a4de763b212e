//! Go's quoted strings: reading what a query writes and writing what the canonical form shows.

use std::fmt::Write;

/// Why an escape can't be read; the words are those of Go's scanner and unquoter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnquoteError {
    /// A letter that starts no escape, or too few digits.
    #[error("invalid char escape")]
    Escape,
    /// An escape whose value no character has.
    #[error("invalid syntax")]
    Value,
    /// Byte escapes that are not UTF-8 together.
    #[error("invalid UTF-8 rune")]
    Utf8,
}

/// Reads what stands between double quotes.
pub fn unquote(body: &str) -> Result<String, UnquoteError> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = unescape(&rest[at + 1..], &mut out)?;
    }
    out.extend_from_slice(rest.as_bytes());
    String::from_utf8(out).map_err(|_| UnquoteError::Utf8)
}

/// Reads one escape after its backslash and gives what follows it.
fn unescape<'a>(text: &'a str, out: &mut Vec<u8>) -> Result<&'a str, UnquoteError> {
    let first = text.chars().next().ok_or(UnquoteError::Escape)?;
    let simple = match first {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' => b'\\',
        '"' => b'"',
        'x' => return numeric(text, 1, 2, 16, out),
        'u' => return numeric(text, 1, 4, 16, out),
        'U' => return numeric(text, 1, 8, 16, out),
        '0'..='7' => return numeric(text, 0, 3, 8, out),
        _ => return Err(UnquoteError::Escape),
    };
    out.push(simple);
    Ok(&text[1..])
}

/// Reads `len` digits after `skip` letters; escapes of two and three digits are bytes, the others characters.
fn numeric<'a>(text: &'a str, skip: usize, len: usize, radix: u32, out: &mut Vec<u8>) -> Result<&'a str, UnquoteError> {
    let digits = text.get(skip..skip + len).ok_or(UnquoteError::Escape)?;
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(UnquoteError::Escape);
    }
    let value = u32::from_str_radix(digits, radix).map_err(|_| UnquoteError::Escape)?;
    if len <= 3 {
        out.push(u8::try_from(value).map_err(|_| UnquoteError::Value)?);
    } else {
        let c = char::from_u32(value).ok_or(UnquoteError::Value)?;
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Ok(&text[skip + len..])
}

/// `text` between double quotes as Go's `%q` writes it.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote_into(text, &mut out);
    out
}

/// Appends `text` between double quotes.
pub fn quote_into(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{07}' => out.push_str("\\a"),
            '\u{08}' => out.push_str("\\b"),
            '\u{0b}' => out.push_str("\\v"),
            '\u{0c}' => out.push_str("\\f"),
            c if c < ' ' || c == '\u{7f}' => escape(out, 'x', 2, c),
            c if is_printable(c) => out.push(c),
            c if c <= '\u{ffff}' => escape(out, 'u', 4, c),
            c => escape(out, 'U', 8, c),
        }
    }
    out.push('"');
}

fn escape(out: &mut String, letter: char, width: usize, c: char) {
    // Writing to a String can't fail.
    let _ = write!(out, "\\{letter}{:0width$x}", c as u32);
}

/// Whether Go prints the character as itself: letters, marks, numbers, punctuation, symbols and the space.
fn is_printable(c: char) -> bool {
    let format_or_private = matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}'
        | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}' | '\u{e0000}'..='\u{10ffff}');
    c == ' ' || !(c.is_control() || c.is_whitespace() || format_or_private)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_as_go_reads_them() {
        for (body, want) in [
            (r"a\nb\t\\", "a\nb\t\\"),
            (r#"\"x\""#, "\"x\""),
            (r"\x41\101\u00e9\U0001F600", "AA\u{e9}\u{1F600}"),
            (r"\xe2\x82\xac", "€"),
        ] {
            assert_eq!(unquote(body), Ok(want.to_owned()), "{body}");
        }
        for (body, want) in [
            (r"\d", UnquoteError::Escape),
            (r"\'", UnquoteError::Escape),
            (r"\x4", UnquoteError::Escape),
            (r"\u12é4", UnquoteError::Escape),
            (r"\400", UnquoteError::Value),
            (r"\ud800", UnquoteError::Value),
            (r"\xff", UnquoteError::Utf8),
        ] {
            assert_eq!(unquote(body), Err(want), "{body}");
        }
    }

    #[test]
    fn what_is_quoted_reads_back() {
        for text in ["plain", "a\"b\\c\n\r\t\u{7}\u{1}\u{7f}", "é☕日本", "\u{a0}\u{200b}\u{feff}", "\u{e0001}"] {
            let written = quoted(text);
            assert_eq!(unquote(&written[1..written.len() - 1]).as_deref(), Ok(text), "{written}");
        }
        assert_eq!(quoted("\u{200b}é\u{1}"), r#""\u200bé\x01""#);
    }
}

//! Go's quoting of strings and characters (`%q`, `strconv.Quote`) and its inverse.
//!
//! Both work on bytes: Go's strings need not be UTF-8, while what a query says must be.

use std::sync::LazyLock;

/// What Go calls printable beyond ASCII: letters, marks, numbers, punctuation and symbols.
static PRINTABLE: LazyLock<regex::Regex> =
    LazyLock::new(|| regex::Regex::new(r"^[\pL\pM\pN\pP\pS]$").expect("the class is well formed"));

/// Whether Go prints `c` as itself in a quoted string.
pub fn is_print(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    PRINTABLE.is_match(c.encode_utf8(&mut [0; 4]))
}

/// `text` in double quotes, escaped.
pub fn quoted(text: impl AsRef<[u8]>) -> String {
    let mut out = String::new();
    quote_into(&mut out, text.as_ref(), '"', false);
    out
}

/// Appends `text` between `quote`s; with `ascii` everything beyond ASCII is escaped.
pub fn quote_into(out: &mut String, text: &[u8], quote: char, ascii: bool) {
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

/// Why an escape can't be read; the words are those of Go's scanner and unquoter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnquoteError {
    /// A letter that starts no escape, or too few digits.
    #[error("invalid char escape")]
    Escape,
    /// An escape whose value no character has, or a quote or line end that is not escaped.
    #[error("invalid syntax")]
    Value,
    /// Byte escapes that are not UTF-8 together.
    #[error("invalid UTF-8 rune")]
    Utf8,
}

/// What a Go string literal with its quotes stands for; `None` when it is malformed.
pub fn unquote(literal: &str) -> Option<Vec<u8>> {
    let quote = literal.chars().next()?;
    let inner = literal.strip_prefix(quote)?.strip_suffix(quote)?;
    if quote == '`' {
        return (!inner.contains('`')).then(|| inner.replace('\r', "").into_bytes());
    }
    unescape(inner, quote).ok()
}

/// What stands for `body` between double quotes, which must be text.
pub fn unquote_text(body: &str) -> Result<String, UnquoteError> {
    String::from_utf8(unescape(body, '"')?).map_err(|_| UnquoteError::Utf8)
}

/// The code of the first character of a character literal, and what follows it.
pub fn unquote_char(literal: &str) -> Option<(i64, &str)> {
    let mut bytes = Vec::new();
    let rest = unescape_one(literal.strip_prefix('\'')?, '\'', &mut bytes).ok()?;
    let code = match std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| text.chars().next())
    {
        Some(c) => c as i64,
        None => i64::from(*bytes.first()?),
    };
    Some((code, rest))
}

fn unescape(body: &str, quote: char) -> Result<Vec<u8>, UnquoteError> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while !rest.is_empty() {
        rest = unescape_one(rest, quote, &mut out)?;
    }
    Ok(out)
}

/// Appends the first character of `text`, unescaped; gives what follows it.
fn unescape_one<'t>(
    text: &'t str,
    quote: char,
    out: &mut Vec<u8>,
) -> Result<&'t str, UnquoteError> {
    let mut chars = text.chars();
    match chars.next() {
        Some('\\') => {}
        Some(c) if c != quote && c != '\n' => {
            push_char(out, c);
            return Ok(chars.as_str());
        }
        _ => return Err(UnquoteError::Value),
    }
    let escape = chars.next().ok_or(UnquoteError::Escape)?;
    let rest = chars.as_str();
    out.push(match escape {
        'x' => return numeric(rest, 2, 16, out),
        'u' => return numeric(rest, 4, 16, out),
        'U' => return numeric(rest, 8, 16, out),
        '0'..='7' => return numeric(&text[1..], 3, 8, out),
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        c if c == quote => c as u8,
        _ => return Err(UnquoteError::Escape),
    });
    Ok(rest)
}

/// Reads that many digits; escapes of two and three digits are bytes, the others characters.
fn numeric<'t>(
    text: &'t str,
    digits: usize,
    radix: u32,
    out: &mut Vec<u8>,
) -> Result<&'t str, UnquoteError> {
    let written = text.get(..digits).ok_or(UnquoteError::Escape)?;
    if !written.chars().all(|c| c.is_digit(radix)) {
        return Err(UnquoteError::Escape);
    }
    let value = u32::from_str_radix(written, radix).map_err(|_| UnquoteError::Escape)?;
    if digits <= 3 {
        out.push(u8::try_from(value).map_err(|_| UnquoteError::Value)?);
    } else {
        push_char(out, char::from_u32(value).ok_or(UnquoteError::Value)?);
    }
    Ok(&text[digits..])
}

fn push_char(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
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
            assert_eq!(unquote_text(body), Ok(want.to_owned()), "{body}");
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
            assert_eq!(unquote_text(body), Err(want), "{body}");
        }
    }

    #[test]
    fn what_is_quoted_reads_back() {
        for text in [
            "plain",
            "a\"b\\c\n\r\t\u{7}\u{1}\u{7f}",
            "é☕日本",
            "\u{a0}\u{200b}\u{feff}",
            "\u{e0001}",
        ] {
            let written = quoted(text);
            assert_eq!(
                unquote_text(&written[1..written.len() - 1]).as_deref(),
                Ok(text),
                "{written}"
            );
        }
        assert_eq!(quoted("\u{200b}é\u{1}"), r#""\u200bé\x01""#);
    }
}

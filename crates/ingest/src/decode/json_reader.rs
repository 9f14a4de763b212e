//! Scanner of JSON text, in place: strings borrow from the body unless they hold escapes.
//!
//! It is no parser of documents: callers know what they expect. Strings need not be UTF-8, as in
//! the decoder Loki uses. Nothing recurses, so nesting costs no stack.

use std::borrow::Cow;

/// The text is no JSON where the scanner stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JsonError {
    /// Byte at which it was seen.
    pub(crate) at: usize,
}

/// A place in a JSON text.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Scanner<'a> {
        Scanner { text, at: 0 }
    }

    /// The whole text and the place in it.
    pub(crate) fn place(&self) -> (&'a [u8], usize) {
        (self.text, self.at)
    }

    pub(crate) fn error<T>(&self) -> Result<T, JsonError> {
        Err(JsonError { at: self.at })
    }

    /// The next byte that is no space, not taken.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Whether a value follows, past commas and the brackets of a list: some senders join events with
    /// commas, or make a list of them, others write one after another.
    pub(crate) fn has_item(&mut self) -> bool {
        while let Some(next) = self.peek() {
            if !matches!(next, b',' | b'[' | b']') {
                return true;
            }
            self.at += 1;
        }
        false
    }

    /// Takes `byte` if it is next.
    #[inline]
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Takes `byte`, which has to be next.
    #[inline]
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.take(byte) {
            Ok(())
        } else {
            self.error()
        }
    }

    /// Takes `null` if it is next.
    pub(crate) fn take_null(&mut self) -> bool {
        let found = self.peek() == Some(b'n') && self.text[self.at..].starts_with(b"null");
        self.at += if found { 4 } else { 0 };
        found
    }

    /// The key of the next member of an object, `:` taken too; `None` at its end. `first` is set
    /// before the first call.
    pub(crate) fn key(&mut self, first: &mut bool) -> Result<Option<Cow<'a, [u8]>>, JsonError> {
        if !self.next_item(b'}', first)? {
            return Ok(None);
        }
        let key = self.string()?;
        self.expect(b':')?;
        Ok(Some(key))
    }

    /// Whether another item comes before `close`, which is taken. `first` is set before the first
    /// call.
    pub(crate) fn next_item(&mut self, close: u8, first: &mut bool) -> Result<bool, JsonError> {
        if std::mem::take(first) {
            return Ok(!self.take(close));
        }
        if self.take(close) {
            return Ok(false);
        }
        self.expect(b',')?;
        if self.take(close) {
            Ok(false)
        } else {
            Ok(true)
        }
    }

    /// A string without its quotes, escapes read.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, [u8]>, JsonError> {
        let (raw, escaped) = self.raw_string()?;
        if !escaped {
            return Ok(Cow::Borrowed(raw));
        }
        match unescape(raw) {
            Some(text) => Ok(Cow::Owned(text)),
            None => self.error(),
        }
    }

    /// A string as it stands between its quotes, and whether it holds escapes.
    pub(crate) fn raw_string(&mut self) -> Result<(&'a [u8], bool), JsonError> {
        self.expect(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            match memchr::memchr2(b'"', b'\\', &self.text[self.at..]) {
                Some(offset) if self.text[self.at + offset] == b'"' => {
                    let raw = &self.text[start..self.at + offset];
                    self.at += offset + 1;
                    return Ok((raw, escaped));
                }
                Some(offset) if self.at + offset + 1 < self.text.len() => {
                    escaped = true;
                    self.at += offset + 2;
                }
                _ => {
                    self.at = self.text.len();
                    return self.error();
                }
            }
        }
    }

    /// Any value, as it stands. Brackets are counted, not matched by kind.
    pub(crate) fn value(&mut self) -> Result<&'a [u8], JsonError> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'"') => drop(self.raw_string()?),
            Some(b'{' | b'[') => self.skip_nested()?,
            Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => self.skip_word(),
            _ => return self.error(),
        }
        Ok(&self.text[start..self.at])
    }

    fn skip_word(&mut self) {
        let rest = &self.text[self.at..];
        let len = rest
            .iter()
            .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')));
        self.at += len.unwrap_or(rest.len());
    }

    fn skip_nested(&mut self) -> Result<(), JsonError> {
        let mut depth = 0usize;
        loop {
            match self.text.get(self.at) {
                None => return self.error(),
                Some(b'"') => {
                    self.raw_string()?;
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => depth -= 1,
                Some(_) => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

/// Reads JSON escapes; a lone surrogate becomes U+FFFD, as in Go. `None` for an escape there is
/// not.
fn unescape(raw: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let escape = *rest.get(at + 1)?;
        rest = &rest[at + 2..];
        let plain = match escape {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            b'"' | b'\\' | b'/' => escape,
            b'u' => {
                let mut code = hex4(rest)?;
                rest = &rest[4..];
                if (0xd800..0xdc00).contains(&code)
                    && rest.starts_with(b"\\u")
                    && let Some(low) = hex4(&rest[2..]).filter(|low| (0xdc00..0xe000).contains(low))
                {
                    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                    rest = &rest[6..];
                }
                let character = char::from_u32(code).unwrap_or('\u{fffd}');
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            _ => return None,
        };
        out.push(plain);
    }
    out.extend_from_slice(rest);
    Some(out)
}

fn hex4(text: &[u8]) -> Option<u32> {
    text.get(..4)?.iter().try_fold(0, |code, digit| {
        Some(code * 16 + char::from(*digit).to_digit(16)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_string(text: &str, want: Option<&str>) {
        let got = Scanner::new(text.as_bytes()).string().ok();
        assert_eq!(got.as_deref(), want.map(str::as_bytes), "{text}");
    }

    #[test]
    fn strings_are_unescaped() {
        check_string(r#""plain""#, Some("plain"));
        check_string(r#""a\"b\\c\/\n\t\r\b\f""#, Some("a\"b\\c/\n\t\r\u{8}\u{c}"));
        check_string(
            r#""\u00e9\ud83d\ude00\ud83dx""#,
            Some("\u{e9}\u{1f600}\u{fffd}x"),
        );
        check_string(r#""\q""#, None);
        check_string(r#""\u12"#, None);
        check_string(r#""open\"#, None);
        check_string(r#"5"#, None);
    }

    #[test]
    fn values_are_skipped_whole() {
        for (text, want) in [
            (r#" {"a":["}",{"b":1}]} x"#, r#"{"a":["}",{"b":1}]}"#),
            ("-1.5e+3,", "-1.5e+3"),
            ("true]", "true"),
            (r#""a\"b" "#, r#""a\"b""#),
        ] {
            assert_eq!(Scanner::new(text.as_bytes()).value(), Ok(want.as_bytes()));
        }
        assert!(Scanner::new(b"{").value().is_err());
        assert!(Scanner::new(b"]").value().is_err());
        assert!(Scanner::new(&b"[".repeat(1 << 20)).value().is_err());
    }
}

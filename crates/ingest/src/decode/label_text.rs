//! Parser of label texts, `{a="b", c="d"}`, as Prometheus reads them.
//!
//! The words and positions of its errors are those of Prometheus's metric parser, which Loki hands
//! to its clients. Knows nothing of limits: names may repeat here and values may be empty.

use crate::label_name::is_name_start;
use std::borrow::Cow;

/// What a label value is refused with that is no UTF-8, or holds U+FFFD, which stands for what was
/// none.
pub(crate) const INVALID_RUNE: &str = "invalid UTF-8 rune";

/// Where and why the text is no label set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: parse error: {message}")]
pub(crate) struct LabelTextError {
    line: usize,
    column: usize,
    message: String,
}

/// A label as it was written.
pub(crate) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Reads a whole text. A metric name before the braces becomes the label `__name__`.
pub(crate) fn parse(text: &[u8]) -> Result<Vec<Pair<'_>>, LabelTextError> {
    let mut parser = Parser { text, at: 0 };
    let mut pairs = Vec::new();
    parser.skip_space();
    let name = parser.take_while(|b| is_name_start(b) || b == b':' || b.is_ascii_digit());
    if name.first().is_some_and(u8::is_ascii_digit) {
        return Err(parser.error(
            parser.at - name.len(),
            format!("unexpected number {}", quoted(name)),
        ));
    }
    if !name.is_empty() {
        pairs.push((Cow::Borrowed("__name__"), lossy(name)));
    }
    parser.skip_space();
    match parser.peek() {
        Some(b'{') => parser.at += 1,
        None if !name.is_empty() => return Ok(pairs),
        None => return Err(parser.error(parser.at, "unexpected end of input".to_owned())),
        Some(_) => return Err(parser.unexpected_character("unexpected character: ")),
    }
    parser.label_set(&mut pairs)?;
    parser.skip_space();
    match parser.peek() {
        None => Ok(pairs),
        Some(_) => Err(parser.unexpected_character("unexpected character: ")),
    }
}

fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// `bytes` between double quotes with Go's escapes.
fn quoted(bytes: &[u8]) -> String {
    let mut out = String::new();
    skald_model::labels::write_quoted(&mut out, &lossy(bytes))
        .expect("writing to a string succeeds");
    out
}

/// What can stand between the braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Identifier(&'a [u8]),
    /// A string with its quotes.
    Text(&'a [u8]),
    Symbol(&'static str),
}

impl Token<'_> {
    /// Prometheus's words for it.
    fn describe(self) -> String {
        match self {
            Token::Identifier(name) => format!("identifier {}", quoted(name)),
            Token::Text(text) if text.len() > 10 => format!("string {}...", quoted(&text[..10])),
            Token::Text(text) => format!("string {}", quoted(text)),
            Token::Symbol(symbol) => format!("\"{symbol}\""),
        }
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Parser<'a> {
    /// Everything after `{`, the closing brace included.
    fn label_set(&mut self, pairs: &mut Vec<Pair<'a>>) -> Result<(), LabelTextError> {
        loop {
            let name = match self.token()? {
                (_, Token::Identifier(name)) => name,
                (_, Token::Symbol("}")) => return Ok(()),
                found => return Err(self.unexpected(found, "identifier or \"}\"")),
            };
            match self.token()? {
                (_, Token::Symbol("=")) => {}
                found => return Err(self.unexpected(found, "\"=\"")),
            }
            let value = match self.token()? {
                (at, Token::Text(text)) => self.unquote(at, text)?,
                found => return Err(self.unexpected(found, "string")),
            };
            pairs.push((lossy(name), value));
            match self.token()? {
                (_, Token::Symbol("}")) => return Ok(()),
                (_, Token::Symbol(",")) => {}
                found => return Err(self.unexpected(found, "\",\" or \"}\"")),
            }
        }
    }

    fn token(&mut self) -> Result<(usize, Token<'a>), LabelTextError> {
        self.skip_space();
        let start = self.at;
        let symbol = match (self.peek(), self.text.get(self.at + 1)) {
            (None, _) => {
                return Err(self.error(start, "unexpected end of input inside braces".to_owned()));
            }
            (Some(b'"' | b'\'' | b'`'), _) => return Ok((start, Token::Text(self.string()?))),
            (Some(first), _) if is_name_start(first) => {
                return Ok((
                    start,
                    Token::Identifier(self.take_while(|b| is_name_start(b) || b.is_ascii_digit())),
                ));
            }
            (Some(b','), _) => ",",
            (Some(b'}'), _) => "}",
            (Some(b'='), Some(b'~')) => "=~",
            (Some(b'='), _) => "=",
            (Some(b'!'), Some(b'~')) => "!~",
            (Some(b'!'), Some(b'=')) => "!=",
            (Some(b'!'), _) => {
                self.at += 1;
                return Err(
                    self.unexpected_character("unexpected character after '!' inside braces: ")
                );
            }
            (Some(b'{'), _) => return Err(self.unexpected_character("unexpected left brace ")),
            (Some(_), _) => {
                return Err(self.unexpected_character("unexpected character inside braces: "));
            }
        };
        self.at += symbol.len();
        Ok((start, Token::Symbol(symbol)))
    }

    /// A quoted string with its quotes, escapes not yet read.
    fn string(&mut self) -> Result<&'a [u8], LabelTextError> {
        let start = self.at;
        let quote = self.text[start];
        let mut at = start + 1;
        loop {
            match self.text.get(at) {
                Some(&byte) if byte == quote => break,
                Some(b'\\') if quote != b'`' => at += 2,
                Some(b'\n') if quote != b'`' => {
                    return Err(self.error(start, "unterminated quoted string".to_owned()));
                }
                Some(_) => at += 1,
                None if quote == b'`' => {
                    return Err(self.error(start, "unterminated raw string".to_owned()));
                }
                None => return Err(self.error(start, "unterminated quoted string".to_owned())),
            }
        }
        self.at = at + 1;
        Ok(&self.text[start..self.at])
    }

    /// The meaning of a quoted string that starts at `at`.
    fn unquote(&self, at: usize, text: &'a [u8]) -> Result<Cow<'a, str>, LabelTextError> {
        let inner = &text[1..text.len() - 1];
        let plain = if text[0] == b'`' || memchr::memchr(b'\\', inner).is_none() {
            Cow::Borrowed(inner)
        } else {
            Cow::Owned(unescape(inner).ok_or_else(|| {
                self.error(at, format!("unknown escape sequence in {}", quoted(text)))
            })?)
        };
        let text = match plain {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        };
        text.filter(|text| !text.contains(char::REPLACEMENT_CHARACTER))
            .ok_or_else(|| self.error(at, INVALID_RUNE.to_owned()))
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = &self.text[self.at..];
        let len = rest.iter().position(|b| !accept(*b)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    fn skip_space(&mut self) {
        loop {
            self.take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
            if self.peek() != Some(b'#') {
                return;
            }
            self.take_while(|b| b != b'\n');
        }
    }

    fn unexpected(&self, (at, token): (usize, Token<'_>), expected: &str) -> LabelTextError {
        self.error(
            at,
            format!(
                "unexpected {} in label set, expected {expected}",
                token.describe()
            ),
        )
    }

    /// An error about the character at hand, quoted as Go's `%q` quotes a rune.
    fn unexpected_character(&self, words: &str) -> LabelTextError {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let character = lossy(&rest[..rest.len().min(4)])
            .chars()
            .next()
            .unwrap_or('\u{fffd}');
        let character = match character {
            '\'' => "\\'".to_owned(),
            '"' => "\"".to_owned(),
            other => {
                let text = quoted(other.encode_utf8(&mut [0; 4]).as_bytes());
                text[1..text.len() - 1].to_owned()
            }
        };
        self.error(self.at, format!("{words}'{character}'"))
    }

    fn error(&self, at: usize, message: String) -> LabelTextError {
        let before = &self.text[..at.min(self.text.len())];
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let column =
            1 + before.len() - memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        LabelTextError {
            line,
            column,
            message,
        }
    }
}

/// Go's escapes between quotes; `None` for one there is not.
fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&escape, tail) = rest.split_first()?;
        rest = tail;
        let digits = match escape {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            b'0'..=b'7' => {
                let octal =
                    std::str::from_utf8(text.get(text.len() - rest.len() - 1..)?.get(..3)?).ok()?;
                out.push(u8::from_str_radix(octal, 8).ok()?);
                rest = &rest[2..];
                continue;
            }
            _ => {
                out.push(simple_escape(escape)?);
                continue;
            }
        };
        let hex = std::str::from_utf8(rest.get(..digits)?).ok()?;
        let code = u32::from_str_radix(hex, 16).ok()?;
        rest = &rest[digits..];
        match escape {
            b'x' => out.push(code as u8),
            _ => out.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Some(out)
}

fn simple_escape(escape: u8) -> Option<u8> {
    Some(match escape {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' | b'"' | b'\'' => escape,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &[(&str, &str)]) {
        let got = parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text} was refused: {e}"));
        let got: Vec<(&str, &str)> = got.iter().map(|(n, v)| (&**n, &**v)).collect();
        assert_eq!(got, want, "{text}");
    }

    fn check_error(text: &[u8], want: &str) {
        assert_eq!(parse(text).expect_err("text is wrong").to_string(), want);
    }

    #[test]
    fn label_sets_are_read_as_prometheus_reads_them() {
        check("{}", &[]);
        check(
            r#"{a="1",b = '2', c=`\3`,}"#,
            &[("a", "1"), ("b", "2"), ("c", "\\3")],
        );
        check(r#" up:x{a="}"} "#, &[("__name__", "up:x"), ("a", "}")]);
        check(
            r#"{a="q\"\\\n\t\x41\101\u00e9", by=""}"#,
            &[("a", "q\"\\\n\tAA\u{e9}"), ("by", "")],
        );
        check("{a=\"1\", # why\n b=\"2\"}", &[("a", "1"), ("b", "2")]);
    }

    #[test]
    fn errors_have_prometheus_words_and_places() {
        check_error(
            br#"{a-b="c"}"#,
            "1:3: parse error: unexpected character inside braces: '-'",
        );
        check_error(
            br#"{="x"}"#,
            r#"1:2: parse error: unexpected "=" in label set, expected identifier or "}""#,
        );
        check_error(
            b"{app=pushpb}",
            r#"1:6: parse error: unexpected identifier "pushpb" in label set, expected string"#,
        );
        check_error(
            br#"{a"b"}"#,
            r#"1:3: parse error: unexpected string "\"b\"" in label set, expected "=""#,
        );
        check_error(
            br#"{a="b" c="d"}"#,
            r#"1:8: parse error: unexpected identifier "c" in label set, expected "," or "}""#,
        );
        check_error(
            br#"{a="b""#,
            "1:7: parse error: unexpected end of input inside braces",
        );
        check_error(
            b"{a=\"b\n\"}",
            "1:4: parse error: unterminated quoted string",
        );
        check_error(
            br#"{a!"b"}"#,
            "1:4: parse error: unexpected character after '!' inside braces: '\"'",
        );
        check_error(b"{a=\"\xff\"}", "1:4: parse error: invalid UTF-8 rune");
        for value in ["\"a\u{fffd}\"", "'\u{fffd}'", "`\u{fffd}`", r#""\ufffd""#] {
            let text = format!("{{a={value}}}");
            check_error(text.as_bytes(), "1:4: parse error: invalid UTF-8 rune");
        }
        check_error(b"{\n{", "2:1: parse error: unexpected left brace '{'");
        check_error(b"", "1:1: parse error: unexpected end of input");
        check_error(br#"{} x"#, "1:4: parse error: unexpected character: 'x'");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in proptest::collection::vec("[{}=,!~\"'`#\\\\ a-b0-9\n]|\\PC", 0..30)) {
            drop(parse(text.concat().as_bytes()));
        }

        #[test]
        fn what_is_written_is_read(pairs in proptest::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,8}", "\\PC{0,12}", 0..6)) {
            proptest::prop_assume!(!pairs.values().any(|v| v.contains(char::REPLACEMENT_CHARACTER)));
            let labels = skald_model::Labels::from_pairs(&pairs);
            let text = labels.to_string();
            let read = skald_model::Labels::from_pairs(parse(text.as_bytes()).expect("written labels can be read"));
            proptest::prop_assert_eq!(read, labels);
        }
    }
}

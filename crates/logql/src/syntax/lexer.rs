//! The lexer splits text into tokens in one pass and without recursion.
//!
//! The rules are those of Go's text scanner as Loki drives it: what it finds odd but accepts (a
//! lone `!` is an identifier) is accepted here too. The list always ends in [`Kind::End`] or
//! [`Kind::Invalid`]; nothing is read past invalid text, the grammar decides which of its own
//! errors comes first.

use super::duration;
use super::token::{Kind, Payload, Token};
use crate::ast::Span;
use skald_template::go::{bytes, quote};

/// Splits `text` into tokens.
pub(super) fn lex(text: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        text,
        at: 0,
        tokens: Vec::new(),
    };
    loop {
        if let Err(reason) = lexer.skip_blank() {
            lexer.invalid(lexer.at, reason);
            break;
        }
        let start = lexer.at;
        let scanned = lexer.scan();
        match scanned {
            Ok(Kind::End) => {
                lexer.push(start, Kind::End, Payload::None, false);
                break;
            }
            Ok(_) => {}
            Err(reason) => {
                lexer.invalid(start, reason);
                break;
            }
        }
    }
    lexer.tokens
}

struct Lexer<'a> {
    text: &'a str,
    /// Next byte to read; always at a character's start.
    at: usize,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn push(&mut self, start: usize, kind: Kind, payload: Payload, read_ahead: bool) {
        let span = Span {
            start: start as u32,
            end: self.at as u32,
        };
        self.tokens.push(Token {
            kind,
            payload,
            span,
            read_ahead,
        });
    }

    fn invalid(&mut self, start: usize, reason: Reason) {
        // The whole of the rest is the token: where it would have ended is not known.
        self.at = reason.end.unwrap_or(self.text.len());
        self.push(
            start,
            Kind::Invalid,
            Payload::Text(reason.text),
            reason.read_ahead,
        );
    }

    /// Passes white space and comments.
    fn skip_blank(&mut self) -> Result<(), Reason> {
        loop {
            self.at = self.text.len()
                - self
                    .rest()
                    .trim_start_matches([' ', '\t', '\r', '\n'])
                    .len();
            let rest = self.rest();
            if rest.starts_with('#') || rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let end = comment
                    .find("*/")
                    .ok_or_else(|| Reason::new("comment not terminated"))?;
                self.at += end + 4;
            } else {
                return Ok(());
            }
        }
    }

    /// Reads one token and stores it, except for the end.
    fn scan(&mut self) -> Result<Kind, Reason> {
        let Some(first) = self.rest().chars().next() else {
            return Ok(Kind::End);
        };
        match first {
            '\0' => Err(Reason::new("invalid character NUL")),
            '"' => self.string(),
            '`' => self.raw_string(),
            '\'' => self.single_quoted(),
            '[' => self.range(),
            '-' if self.rest()[1..].starts_with(|c: char| c.is_ascii_digit())
                && self.duration_after(1) =>
            {
                Ok(Kind::Duration)
            }
            '-' if self.flag() => Ok(Kind::Flag),
            '.' if self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number(),
            '0'..='9' => self.number(),
            c if c == '_' || c.is_alphabetic() => Ok(self.word()),
            c => Ok(self.symbol(c)),
        }
    }

    fn string(&mut self) -> Result<Kind, Reason> {
        let start = self.at;
        let body = self.quoted_body('"')?;
        let text = quote::unquote_text(body).map_err(|e| Reason {
            end: Some(self.at),
            ..Reason::new(&e.to_string())
        })?;
        self.push(start, Kind::Text, Payload::Text(text), false);
        Ok(Kind::Text)
    }

    /// Passes a literal in `quote`s and gives what stands between them.
    fn quoted_body(&mut self, quote: char) -> Result<&'a str, Reason> {
        let rest = &self.rest()[1..];
        let mut escaped = false;
        for (i, c) in rest.char_indices() {
            match c {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                c if c == quote => {
                    self.at += i + 2;
                    return Ok(&rest[..i]);
                }
                _ => {}
            }
        }
        Err(Reason::new("literal not terminated"))
    }

    fn raw_string(&mut self) -> Result<Kind, Reason> {
        let (start, rest) = (self.at, &self.rest()[1..]);
        let len = rest
            .find('`')
            .ok_or_else(|| Reason::new("literal not terminated"))?;
        self.at += len + 2;
        self.push(
            start,
            Kind::Text,
            Payload::Text(rest[..len].to_owned()),
            false,
        );
        Ok(Kind::Text)
    }

    /// `'x'` is a character to Go's scanner and so an odd identifier; more than one is an error.
    fn single_quoted(&mut self) -> Result<Kind, Reason> {
        let start = self.at;
        let body = self.quoted_body('\'')?;
        if body.chars().count() != 1 && !body.starts_with('\\') {
            return Err(Reason {
                end: Some(self.at),
                ..Reason::new("invalid char literal")
            });
        }
        let spelling = self.text[start..self.at].to_owned();
        self.push(start, Kind::Identifier, Payload::Text(spelling), false);
        Ok(Kind::Identifier)
    }

    fn range(&mut self) -> Result<Kind, Reason> {
        let start = self.at;
        let rest = &self.rest()[1..];
        let missing = || Reason {
            read_ahead: true,
            ..Reason::new("missing closing ']' in duration")
        };
        let len = rest.find(']').ok_or_else(missing)?;
        self.at += len + 2;
        let nanos = duration::parse_prometheus(&rest[..len]).map_err(|e| {
            Reason {
                end: Some(self.at),
                ..missing()
            }
            .saying(e)
        })?;
        self.push(start, Kind::Range, Payload::Nanos(nanos), true);
        Ok(Kind::Range)
    }

    /// Takes a number and, where they make a duration or a size, the letters after it.
    fn number(&mut self) -> Result<Kind, Reason> {
        let start = self.at;
        let len = number_len(self.rest())?;
        if self.duration_after(len) {
            return Ok(Kind::Duration);
        }
        let is_size = |c: char| c.is_ascii_digit() || c == '.' || "BikKMGTP".contains(c);
        let longer = run_len(self.rest(), len, is_size);
        if longer > len
            && let Ok(bytes) = bytes::parse(&self.rest()[..longer])
        {
            self.at += longer;
            self.push(start, Kind::Bytes, Payload::Bytes(bytes), true);
            return Ok(Kind::Bytes);
        }
        self.at += len;
        let spelling = self.text[start..self.at].to_owned();
        self.push(start, Kind::Number, Payload::Text(spelling), false);
        Ok(Kind::Number)
    }

    /// Takes a duration whose first `len` bytes are a number or a sign; tells whether there was
    /// one.
    fn duration_after(&mut self, len: usize) -> bool {
        let is_duration = |c: char| c.is_ascii_digit() || c == '.' || "nuµmshdwy".contains(c);
        let longer = run_len(self.rest(), len, is_duration);
        let text = &self.rest()[..longer];
        match duration::parse(text) {
            // "-0" is a number for anyone who subtracts.
            Some(nanos) if longer > len && text != "-0" => {
                let start = self.at;
                self.at += longer;
                self.push(start, Kind::Duration, Payload::Nanos(nanos), true);
                true
            }
            _ => false,
        }
    }

    /// Takes `--strict` or `--keep-empty`; tells whether there was one.
    fn flag(&mut self) -> bool {
        for flag in ["--strict", "--keep-empty"] {
            let Some(after) = self.rest().strip_prefix(flag) else {
                continue;
            };
            if after.starts_with(|c: char| c == '-' || is_word(c)) {
                continue;
            }
            let start = self.at;
            self.at += flag.len();
            self.push(start, Kind::Flag, Payload::Text(flag.to_owned()), true);
            return true;
        }
        false
    }

    /// Takes an identifier, a keyword or a function's name.
    fn word(&mut self) -> Kind {
        let start = self.at;
        self.at += run_len(self.rest(), 0, is_word);
        let spelling = &self.text[start..self.at];
        let function = Kind::function(spelling).filter(|_| self.is_call());
        let kind = function
            .or_else(|| Kind::keyword(spelling))
            .unwrap_or(Kind::Identifier);
        self.push(start, kind, Payload::Text(spelling.to_owned()), false);
        kind
    }

    /// Whether what follows makes a function's name a function: `(`, or a grouping and `(`.
    fn is_call(&self) -> bool {
        let mut ahead = Lexer {
            text: self.text,
            at: self.at,
            tokens: Vec::new(),
        };
        if ahead.skip_blank().is_err() {
            return false;
        }
        let len = run_len(ahead.rest(), 0, is_word);
        if matches!(
            Kind::keyword(&ahead.rest()[..len]),
            Some(Kind::By | Kind::Without)
        ) {
            ahead.at += len;
            if ahead.skip_blank().is_err() {
                return false;
            }
        }
        ahead.rest().starts_with('(')
    }

    /// Takes an operator; any other character is an identifier, as odd as it looks.
    fn symbol(&mut self, first: char) -> Kind {
        let start = self.at;
        match Kind::symbol(self.rest()) {
            Some((spelling, kind)) => {
                self.at += spelling.len();
                self.push(start, kind, Payload::None, spelling.len() > 1);
                kind
            }
            None => {
                self.at += first.len_utf8();
                self.push(
                    start,
                    Kind::Identifier,
                    Payload::Text(first.to_string()),
                    false,
                );
                Kind::Identifier
            }
        }
    }
}

/// Why text is no token.
struct Reason {
    text: String,
    /// End of the text that is to blame, where it is known.
    end: Option<usize>,
    read_ahead: bool,
}

impl Reason {
    fn new(text: &str) -> Reason {
        Reason {
            text: text.to_owned(),
            end: None,
            read_ahead: false,
        }
    }

    fn saying(self, text: String) -> Reason {
        Reason { text, ..self }
    }
}

/// Whether a character continues an identifier.
pub(super) fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Bytes of `text` up to the first character after `from` that `belongs` refuses.
fn run_len(text: &str, from: usize, belongs: impl Fn(char) -> bool) -> usize {
    text[from..]
        .find(|c: char| !belongs(c))
        .map_or(text.len(), |len| from + len)
}

/// Bytes of the number at the start of `text`, with the complaints of Go's scanner.
fn number_len(text: &str) -> Result<usize, Reason> {
    let lower = text.get(..2).map(str::to_ascii_lowercase);
    let prefixed = match lower.as_deref() {
        Some("0x") => Some(("hexadecimal", 16)),
        Some("0o") => Some(("octal", 8)),
        // "0B" is no bytes, not a binary number without digits.
        Some("0b") if text[2..].starts_with(['0', '1']) => Some(("binary", 2)),
        _ => None,
    };
    if let Some((name, radix)) = prefixed {
        let mut end = run_len(text, 2, |c| {
            c == '_' || c.is_digit(radix) || (radix == 16 && c == '.')
        });
        if end == 2 {
            return Err(Reason::new(&format!("{name} literal has no digits")));
        }
        if radix == 16 && text[end..].starts_with(['p', 'P']) {
            end += 1 + usize::from(text[end + 1..].starts_with(['+', '-']));
            end = run_len(text, end, |c| c.is_ascii_digit());
        }
        return Ok(end);
    }
    let is_digit = |c: char| c == '_' || c.is_ascii_digit();
    let whole = run_len(text, 0, is_digit);
    let mut end = whole;
    if text[end..].starts_with('.') {
        end = run_len(text, end + 1, is_digit);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let digits = run_len(text, end + 1 + sign, |c| c.is_ascii_digit());
        if digits == end + 1 + sign {
            return Err(Reason::new("exponent has no digits"));
        }
        end = digits;
    }
    match text[..whole].find(['8', '9']) {
        Some(at) if end == whole && whole > 1 && text.starts_with('0') => Err(Reason::new(
            &format!("invalid digit '{}' in octal literal", &text[at..=at]),
        )),
        _ => Ok(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::{RangeOp, VectorOp};

    #[track_caller]
    fn check(text: &str, want: &[(Kind, &str)]) {
        let tokens = lex(text);
        let got: Vec<(Kind, &str)> = tokens
            .iter()
            .map(|t| (t.kind, &text[t.span.start as usize..t.span.end as usize]))
            .collect();
        assert_eq!(got, [want, &[(Kind::End, "")]].concat(), "{text}");
    }

    #[test]
    fn the_longest_operator_is_taken() {
        check(
            "|= |~ |> | != !~ !> =~ == = >= > <= <",
            &[
                (Kind::PipeContains, "|="),
                (Kind::PipeRegex, "|~"),
                (Kind::PipePattern, "|>"),
                (Kind::Pipe, "|"),
                (Kind::NotEqual, "!="),
                (Kind::NotRegex, "!~"),
                (Kind::NotPattern, "!>"),
                (Kind::RegexMatch, "=~"),
                (Kind::EqualEqual, "=="),
                (Kind::Equal, "="),
                (Kind::GreaterEqual, ">="),
                (Kind::Greater, ">"),
                (Kind::LessEqual, "<="),
                (Kind::Less, "<"),
            ],
        );
    }

    #[test]
    fn function_names_are_labels_unless_called() {
        check(
            "sum SUM (rate by (ip ip(",
            &[
                (Kind::Identifier, "sum"),
                (Kind::VectorFn(VectorOp::Sum), "SUM"),
                (Kind::OpenParen, "("),
                (Kind::RangeFn(RangeOp::Rate), "rate"),
                (Kind::By, "by"),
                (Kind::OpenParen, "("),
                (Kind::Identifier, "ip"),
                (Kind::Ip, "ip"),
                (Kind::OpenParen, "("),
            ],
        );
    }

    #[test]
    fn numbers_take_the_units_that_fit() {
        check(
            "5m 1.5h 20MB 1.5KiB 0B 5x 20kb -5m -5 1e3 .5 5minutes",
            &[
                (Kind::Duration, "5m"),
                (Kind::Duration, "1.5h"),
                (Kind::Bytes, "20MB"),
                (Kind::Bytes, "1.5KiB"),
                (Kind::Bytes, "0B"),
                (Kind::Number, "5"),
                (Kind::Identifier, "x"),
                (Kind::Bytes, "20k"),
                (Kind::Identifier, "b"),
                (Kind::Duration, "-5m"),
                (Kind::Sub, "-"),
                (Kind::Number, "5"),
                (Kind::Number, "1e3"),
                (Kind::Number, ".5"),
                (Kind::Duration, "5m"),
                (Kind::Identifier, "inutes"),
            ],
        );
    }

    #[test]
    fn comments_of_three_kinds_are_blank() {
        check(
            "{ # x\n} // y\n/* z\n */ | #",
            &[
                (Kind::OpenBrace, "{"),
                (Kind::CloseBrace, "}"),
                (Kind::Pipe, "|"),
            ],
        );
    }

    #[test]
    fn flags_and_odd_characters() {
        check(
            "--strict --keep-empty|--nope ! 'x'",
            &[
                (Kind::Flag, "--strict"),
                (Kind::Flag, "--keep-empty"),
                (Kind::Pipe, "|"),
                (Kind::Sub, "-"),
                (Kind::Sub, "-"),
                (Kind::Identifier, "nope"),
                (Kind::Identifier, "!"),
                (Kind::Identifier, "'x'"),
            ],
        );
    }

    #[test]
    fn invalid_text_says_why() {
        for (text, want) in [
            (r#""abc"#, "literal not terminated"),
            ("\"a\nb\"", "literal not terminated"),
            ("`abc", "literal not terminated"),
            ("'abc'", "invalid char literal"),
            (r#""\d""#, "invalid char escape"),
            ("[5]", r#"not a valid duration string: "5""#),
            ("[5m", "missing closing ']' in duration"),
            ("1e", "exponent has no digits"),
            ("08", "invalid digit '8' in octal literal"),
            ("/* x", "comment not terminated"),
        ] {
            let tokens = lex(text);
            let last = tokens.last().expect("a list is never empty");
            assert_eq!((last.kind, last.text()), (Kind::Invalid, want), "{text}");
        }
    }
}

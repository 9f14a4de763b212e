//! The template lexer splits text outside `{{ }}` from words, constants and marks inside.
//!
//! Trim markers (`{{-`, `-}}`) are applied here, so the parser never sees them, and comments
//! vanish. Tokens borrow the source. An error is the last token of its list, so that the parser
//! reports it only when it gets there, as Go does.

mod token;

pub(crate) use token::{Keyword, Kind, Token};

use crate::go::quote::quoted;

/// Splits `source` into tokens; the last is `Eof` or `Error`.
pub(crate) fn lex(source: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer {
        source,
        pos: 0,
        start: 0,
        line: 1,
        start_line: 1,
        parens: 0,
        tokens: Vec::new(),
    };
    if let Err(Stopped) = lexer.run() {
        debug_assert!(lexer.tokens.last().is_some_and(|t| t.kind == Kind::Error));
    }
    lexer.tokens
}

/// An error token has been pushed; there is nothing more to read.
struct Stopped;

struct Lexer<'s> {
    source: &'s str,
    pos: usize,
    /// Where the token being read began.
    start: usize,
    line: usize,
    start_line: usize,
    parens: usize,
    tokens: Vec<Token<'s>>,
}

impl<'s> Lexer<'s> {
    fn run(&mut self) -> Result<(), Stopped> {
        while self.pos < self.source.len() {
            self.text();
            if self.pos >= self.source.len() {
                break;
            }
            self.action()?;
        }
        self.start = self.pos;
        self.start_line = self.line;
        self.push(Kind::Eof);
        Ok(())
    }

    fn rest(&self) -> &'s str {
        &self.source[self.pos..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    /// Moves over `bytes` without making a token of them.
    fn skip(&mut self, bytes: usize) {
        self.line += count_newlines(&self.rest()[..bytes]);
        self.pos += bytes;
        self.start = self.pos;
        self.start_line = self.line;
    }

    fn push(&mut self, kind: Kind) {
        let text = &self.source[self.start..self.pos];
        self.tokens.push(Token {
            kind,
            pos: self.start,
            line: self.start_line,
            text: text.into(),
        });
        self.start = self.pos;
        self.start_line = self.line;
    }

    fn error<T>(&mut self, message: String) -> Result<T, Stopped> {
        self.tokens.push(Token {
            kind: Kind::Error,
            pos: self.start,
            line: self.start_line,
            text: message.into(),
        });
        Err(Stopped)
    }

    /// Text up to the next action, less the spaces that its left marker trims.
    fn text(&mut self) {
        let end = self
            .rest()
            .find("{{")
            .map_or(self.source.len(), |i| self.pos + i);
        let text = &self.source[self.pos..end];
        let trimmed = if self.source.get(end + 2..).is_some_and(has_left_trim) {
            text.trim_end_matches(is_space)
        } else {
            text
        };
        self.pos += trimmed.len();
        self.line += count_newlines(trimmed);
        if !trimmed.is_empty() {
            self.push(Kind::Text);
        }
        self.skip(text.len() - trimmed.len());
    }

    /// An action or comment from its `{{` to the text after its `}}`.
    fn action(&mut self) -> Result<(), Stopped> {
        self.pos += 2;
        let trim = if has_left_trim(self.rest()) { 2 } else { 0 };
        if self.rest()[trim..].starts_with("/*") {
            self.skip(trim);
            return self.comment();
        }
        self.push(Kind::LeftDelim);
        self.skip(trim);
        self.parens = 0;
        loop {
            if self.right_delim().is_some() {
                if self.parens > 0 {
                    return self.error("unclosed left paren".to_owned());
                }
                self.close();
                return Ok(());
            }
            self.inside()?;
        }
    }

    /// Whether an action ends here, and if so whether it trims.
    fn right_delim(&self) -> Option<bool> {
        let rest = self.rest();
        if has_right_trim(rest) && rest[2..].starts_with("}}") {
            Some(true)
        } else if rest.starts_with("}}") {
            Some(false)
        } else {
            None
        }
    }

    fn close(&mut self) {
        let trims = self.right_delim() == Some(true);
        if trims {
            self.skip(2);
        }
        self.pos += 2;
        self.push(Kind::RightDelim);
        if trims {
            self.skip_spaces();
        }
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.skip(rest.len() - rest.trim_start_matches(is_space).len());
    }

    fn comment(&mut self) -> Result<(), Stopped> {
        let Some(end) = self.rest()[2..].find("*/") else {
            return self.error("unclosed comment".to_owned());
        };
        self.skip(end + 4);
        let Some(trims) = self.right_delim() else {
            return self.error("comment ends before closing delimiter".to_owned());
        };
        self.skip(if trims { 4 } else { 2 });
        if trims {
            self.skip_spaces();
        }
        Ok(())
    }

    /// One token inside an action.
    fn inside(&mut self) -> Result<(), Stopped> {
        let Some(c) = self.peek() else {
            return self.error("unclosed action".to_owned());
        };
        if is_space(c) {
            self.space();
            return Ok(());
        }
        let digit_follows = self
            .rest()
            .as_bytes()
            .get(1)
            .is_some_and(u8::is_ascii_digit);
        if matches!(c, '+' | '-' | '0'..='9') || (c == '.' && digit_follows) {
            return self.number();
        }
        self.next();
        match c {
            '=' => self.push(Kind::Assign),
            ':' => {
                if self.next() != Some('=') {
                    return self.error("expected :=".to_owned());
                }
                self.push(Kind::Declare);
            }
            '|' => self.push(Kind::Pipe),
            '"' => return self.quoted('"', Kind::Str, "unterminated quoted string"),
            '\'' => return self.quoted('\'', Kind::Char, "unterminated character constant"),
            '`' => return self.raw(),
            '$' => return self.name(Kind::Variable, Kind::Variable),
            '.' => return self.name(Kind::Field, Kind::Dot),
            '(' => {
                self.parens += 1;
                self.push(Kind::LeftParen);
            }
            ')' => {
                if self.parens == 0 {
                    return self.error("unexpected right paren".to_owned());
                }
                self.parens -= 1;
                self.push(Kind::RightParen);
            }
            c if is_word(c) => return self.word(),
            c if c.is_ascii_graphic() => self.push(Kind::Other),
            c => {
                return self.error(format!(
                    "unrecognized character in action: {}",
                    show_char(Some(c))
                ));
            }
        }
        Ok(())
    }

    /// A run of spaces, less the one that belongs to a trim marker after it.
    fn space(&mut self) {
        let mut last = self.pos;
        while self.peek().is_some_and(is_space) {
            last = self.pos;
            self.next();
        }
        let tail = &self.source[last..];
        if has_right_trim(tail) && tail[2..].starts_with("}}") {
            if tail.starts_with('\n') {
                self.line -= 1;
            }
            self.pos = last;
            if self.start == last {
                return;
            }
        }
        self.push(Kind::Space);
    }

    fn word(&mut self) -> Result<(), Stopped> {
        self.absorb_name()?;
        let kind = match &self.source[self.start..self.pos] {
            "block" => Kind::Keyword(Keyword::Block),
            "break" => Kind::Keyword(Keyword::Break),
            "continue" => Kind::Keyword(Keyword::Continue),
            "define" => Kind::Keyword(Keyword::Define),
            "else" => Kind::Keyword(Keyword::Else),
            "end" => Kind::Keyword(Keyword::End),
            "if" => Kind::Keyword(Keyword::If),
            "nil" => Kind::Keyword(Keyword::Nil),
            "range" => Kind::Keyword(Keyword::Range),
            "template" => Kind::Keyword(Keyword::Template),
            "with" => Kind::Keyword(Keyword::With),
            "true" | "false" => Kind::Bool,
            _ => Kind::Identifier,
        };
        self.push(kind);
        Ok(())
    }

    /// A field or variable whose first character is read: `named`, or `bare` when no name follows.
    fn name(&mut self, named: Kind, bare: Kind) -> Result<(), Stopped> {
        if self.at_terminator() {
            self.push(bare);
            return Ok(());
        }
        self.absorb_name()?;
        self.push(named);
        Ok(())
    }

    fn absorb_name(&mut self) -> Result<(), Stopped> {
        while self.peek().is_some_and(is_word) {
            self.next();
        }
        if self.at_terminator() {
            return Ok(());
        }
        let shown = show_char(self.peek());
        self.error(format!("bad character {shown}"))
    }

    /// Whether what follows may stand directly after a name.
    fn at_terminator(&self) -> bool {
        match self.peek() {
            None => true,
            Some(c) => is_space(c) || ".,|:)(".contains(c) || self.rest().starts_with("}}"),
        }
    }

    fn quoted(&mut self, quote: char, kind: Kind, unterminated: &str) -> Result<(), Stopped> {
        loop {
            match self.next() {
                Some('\\') if self.peek().is_some_and(|c| c != '\n') => {
                    self.next();
                }
                None | Some('\n' | '\\') => return self.error(unterminated.to_owned()),
                Some(c) if c == quote => break,
                Some(_) => {}
            }
        }
        self.push(kind);
        Ok(())
    }

    fn raw(&mut self) -> Result<(), Stopped> {
        while let Some(c) = self.next() {
            if c == '`' {
                self.push(Kind::RawStr);
                return Ok(());
            }
        }
        self.error("unterminated raw quoted string".to_owned())
    }

    /// Anything that looks like a number; the parser finds out whether it is one.
    fn number(&mut self) -> Result<(), Stopped> {
        let mut fine = self.scan_number();
        if fine && matches!(self.peek(), Some('+' | '-')) {
            // The second half of a complex number, which are not spoken here; messages show it too.
            self.scan_number();
            fine = false;
        }
        if !fine {
            let text = &self.source[self.start..self.pos];
            return self.error(format!("bad number syntax: {}", quoted(text)));
        }
        self.push(Kind::Number);
        Ok(())
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        let exponent = match digits.len() {
            11 => "eE",
            23 => "pP",
            _ => "",
        };
        if self.accept(exponent) {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        // Imaginary numbers are read, so that messages show them whole, and refused by the parser.
        self.accept("i");
        if self.peek().is_some_and(is_word) {
            self.next();
            return false;
        }
        true
    }

    fn accept(&mut self, valid: &str) -> bool {
        let found = self.peek().is_some_and(|c| valid.contains(c));
        if found {
            self.next();
        }
        found
    }

    fn accept_run(&mut self, valid: &str) {
        while self.accept(valid) {}
    }
}

fn count_newlines(text: &str) -> usize {
    memchr::memchr_iter(b'\n', text.as_bytes()).count()
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn has_left_trim(text: &str) -> bool {
    matches!(text.as_bytes(), [b'-', b' ' | b'\t' | b'\r' | b'\n', ..])
}

fn has_right_trim(text: &str) -> bool {
    matches!(text.as_bytes(), [b' ' | b'\t' | b'\r' | b'\n', b'-', ..])
}

/// A character as Go's `%#U` shows it; the end of the text counts as character -1.
fn show_char(c: Option<char>) -> String {
    match c {
        None => "U+FFFFFFFFFFFFFFFF".to_owned(),
        Some(c) if crate::go::quote::is_print(c) => format!("U+{:04X} '{c}'", c as u32),
        Some(c) => format!("U+{:04X}", c as u32),
    }
}

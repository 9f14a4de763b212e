//! Reads a pattern by Go's grammar and writes it in Rust's.

use super::class;

/// What is wrong with a pattern, in Go's words.
#[derive(Debug)]
pub(super) struct SyntaxError(pub(super) String);

impl std::fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Most repetitions Go accepts.
const REPEAT_MAX: u32 = 1000;

/// A place in a pattern.
pub(super) struct Cursor<'p> {
    /// All of it.
    pub(super) pattern: &'p str,
    /// The byte that comes next.
    pub(super) at: usize,
}

impl<'p> Cursor<'p> {
    /// What is left.
    pub(super) fn rest(&self) -> &'p str {
        &self.pattern[self.at..]
    }

    /// The character that comes next.
    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes the character that comes next.
    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Takes `text` if it comes next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    /// An error that quotes everything from `start`.
    pub(super) fn error_from(&self, start: usize, what: &str) -> SyntaxError {
        SyntaxError(format!("{what}: `{}`", &self.pattern[start..]))
    }

    /// An error that quotes what was read since `start`.
    fn error_since(&self, start: usize, what: &str) -> SyntaxError {
        SyntaxError(format!("{what}: `{}`", &self.pattern[start..self.at]))
    }
}

/// The state of a translation.
struct Translation<'p> {
    cursor: Cursor<'p>,
    out: String,
    depth: usize,
    /// Whether something stands before that can be repeated.
    repeatable: bool,
    /// Where the last repetition operator started, if nothing came after it.
    repetition: Option<usize>,
}

/// Translates a whole pattern.
pub(super) fn translate(pattern: &str) -> Result<String, SyntaxError> {
    let mut translation = Translation {
        cursor: Cursor { pattern, at: 0 },
        out: String::with_capacity(pattern.len() + 16),
        depth: 0,
        repeatable: false,
        repetition: None,
    };
    while let Some(c) = translation.cursor.next() {
        translation.step(c)?;
    }
    if translation.depth > 0 {
        return Err(SyntaxError(format!("missing closing ): `{pattern}`")));
    }
    Ok(translation.out)
}

impl Translation<'_> {
    fn step(&mut self, c: char) -> Result<(), SyntaxError> {
        let start = self.cursor.at - c.len_utf8();
        match c {
            '(' => self.group(start)?,
            ')' => {
                self.depth = self
                    .depth
                    .checked_sub(1)
                    .ok_or_else(|| self.cursor.error_from(0, "unexpected )"))?;
                self.out.push(')');
                self.item();
            }
            '|' => {
                self.out.push('|');
                (self.repeatable, self.repetition) = (false, None);
            }
            '^' | '$' | '.' => {
                self.out.push(c);
                self.item();
            }
            '[' => {
                class::bracketed(&mut self.cursor, &mut self.out)?;
                self.item();
            }
            '*' | '+' | '?' => self.repeat(start)?,
            '{' => match repeat_bounds(self.cursor.rest()) {
                Some((length, min, max)) => {
                    self.cursor.at += length;
                    if min > REPEAT_MAX || max.is_some_and(|max| max > REPEAT_MAX || max < min) {
                        return Err(self.cursor.error_since(start, "invalid repeat count"));
                    }
                    self.repeat(start)?;
                }
                None => self.literal('{'),
            },
            '\\' => self.escape(start)?,
            c => self.literal(c),
        }
        Ok(())
    }

    fn item(&mut self) {
        (self.repeatable, self.repetition) = (true, None);
    }

    fn literal(&mut self, c: char) {
        class::push_literal(&mut self.out, c);
        self.item();
    }

    /// A repetition operator that was read from `start` on, and the `?` that makes it lazy.
    fn repeat(&mut self, start: usize) -> Result<(), SyntaxError> {
        let operator = self.cursor.at;
        self.cursor.take("?");
        if let Some(previous) = self.repetition {
            return Err(self
                .cursor
                .error_since(previous, "invalid nested repetition operator"));
        }
        if !self.repeatable {
            let text = &self.cursor.pattern[start..operator];
            return Err(SyntaxError(format!(
                "missing argument to repetition operator: `{text}`"
            )));
        }
        self.out
            .push_str(&self.cursor.pattern[start..self.cursor.at]);
        self.repetition = Some(start);
        Ok(())
    }

    fn escape(&mut self, start: usize) -> Result<(), SyntaxError> {
        match self.cursor.peek() {
            Some('Q') => {
                self.cursor.at += 1;
                let rest = self.cursor.rest();
                let length = rest.find("\\E").unwrap_or(rest.len());
                rest[..length].chars().for_each(|c| self.literal(c));
                self.cursor.at += length;
                self.cursor.take("\\E");
                return Ok(());
            }
            Some(letter @ ('A' | 'z')) => self.out.extend(['\\', letter]),
            Some(letter @ ('b' | 'B')) => self.out.push_str(if letter == 'b' {
                r"(?-u:\b)"
            } else {
                NOT_BORDER
            }),
            Some(letter @ ('p' | 'P')) => {
                self.cursor.at += 1;
                class::unicode_class(&mut self.cursor, letter == 'P', &mut self.out)?;
                self.item();
                return Ok(());
            }
            Some(letter) if class::perl_class(letter).is_some() => {
                self.out
                    .push_str(class::perl_class(letter).unwrap_or_default());
            }
            _ => {
                debug_assert_eq!(start + 1, self.cursor.at);
                let c = class::escaped(&mut self.cursor)?;
                self.literal(c);
                return Ok(());
            }
        }
        self.cursor.at += 1;
        self.item();
        Ok(())
    }

    /// A group or flags; the cursor stands after the parenthesis at `start`.
    fn group(&mut self, start: usize) -> Result<(), SyntaxError> {
        (self.repeatable, self.repetition) = (false, None);
        if !self.cursor.take("?") {
            self.out.push('(');
            self.depth += 1;
            return Ok(());
        }
        if self.cursor.take("P<") || (self.cursor.rest().starts_with('<') && self.cursor.take("<"))
        {
            return self.named_group(start);
        }
        let (mut negative, mut any) = (false, false);
        let mut flags = String::new();
        loop {
            match self.cursor.next() {
                Some(flag @ ('i' | 'm' | 's' | 'U')) => {
                    flags.push(flag);
                    any = true;
                }
                Some('-') if !negative => {
                    flags.push('-');
                    (negative, any) = (true, false);
                }
                Some(end @ (':' | ')')) if any || !negative => {
                    return self.flags(&flags, end);
                }
                _ => {
                    return Err(self
                        .cursor
                        .error_since(start, "invalid or unsupported Perl syntax"));
                }
            }
        }
    }

    fn flags(&mut self, flags: &str, end: char) -> Result<(), SyntaxError> {
        if end == ':' {
            self.depth += 1;
        } else if flags.is_empty() {
            return Ok(());
        }
        self.out.push_str("(?");
        self.out.push_str(&unique(flags));
        self.out.push(end);
        Ok(())
    }

    fn named_group(&mut self, start: usize) -> Result<(), SyntaxError> {
        let rest = self.cursor.rest();
        let Some(length) = rest.find('>') else {
            return Err(self.cursor.error_from(start, "invalid named capture"));
        };
        let name = &rest[..length];
        self.cursor.at += length + 1;
        let valid =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        // Rust's names do not start with a digit; nor do names of labels, so nothing is lost.
        if !valid || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.cursor.error_since(start, "invalid named capture"));
        }
        self.out.push_str("(?P<");
        self.out.push_str(name);
        self.out.push('>');
        self.depth += 1;
        Ok(())
    }
}

/// The opposite of a border between ASCII words.
const NOT_BORDER: &str = r"(?-u:\B)";

/// Flags without repetitions, which Rust refuses and Go does not mind; the last setting of a flag
/// counts.
fn unique(flags: &str) -> String {
    let (on, off) = flags.split_once('-').unwrap_or((flags, ""));
    let kept = |set: &str, without: &str| -> String {
        "imsU"
            .chars()
            .filter(|flag| set.contains(*flag) && !without.contains(*flag))
            .collect()
    };
    let (on, off) = (kept(on, off), kept(off, ""));
    if off.is_empty() {
        on
    } else {
        format!("{on}-{off}")
    }
}

/// Reads `n}`, `n,}` or `n,m}`: its length and bounds; `None` when the brace is text.
fn repeat_bounds(text: &str) -> Option<(usize, u32, Option<u32>)> {
    let inner = &text[..text.find('}')?];
    let number = |digits: &str| -> Option<u32> {
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let plain = plain && (digits.len() == 1 || !digits.starts_with('0'));
        plain.then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let (min, max) = match inner.split_once(',') {
        None => (number(inner)?, Some(number(inner)?)),
        Some((min, "")) => (number(min)?, None),
        Some((min, max)) => (number(min)?, Some(number(max)?)),
    };
    Some((inner.len() + 1, min, max))
}

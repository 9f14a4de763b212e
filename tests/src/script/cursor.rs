//! Reads the small pieces of script lines: labels, strings, times, numbers.

use super::Pairs;

/// The rest of a line being read.
pub(super) struct Cursor<'s> {
    rest: &'s str,
}

/// Why a line can't be read.
pub(super) type Unreadable = String;

impl<'s> Cursor<'s> {
    pub(super) fn new(text: &'s str) -> Cursor<'s> {
        Cursor { rest: text.trim() }
    }

    pub(super) fn rest(&self) -> &'s str {
        self.rest
    }

    pub(super) fn is_done(&self) -> bool {
        self.rest.is_empty() || self.rest.starts_with('#')
    }

    pub(super) fn starts_with(&self, text: &str) -> bool {
        self.rest.starts_with(text)
    }

    /// Takes `text` if it is next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    /// Takes a word if it is next and ends there.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let ends = self
            .rest
            .strip_prefix(word)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        ends && self.take(word)
    }

    pub(super) fn expect(&mut self, text: &str) -> Result<(), Unreadable> {
        if self.take(text) {
            Ok(())
        } else {
            Err(format!("expected {text:?} at {:?}", self.rest))
        }
    }

    /// Everything up to the next white space.
    pub(super) fn word(&mut self) -> &'s str {
        let end = self
            .rest
            .find(char::is_whitespace)
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word
    }

    /// `{a="b", c="d"}`, sorted by name.
    pub(super) fn labels(&mut self) -> Result<Pairs, Unreadable> {
        self.expect("{")?;
        self.pairs("}")
    }

    /// `a="b", c="d"` up to `close`.
    pub(super) fn pairs(&mut self, close: &str) -> Result<Pairs, Unreadable> {
        let mut pairs = Pairs::new();
        while !self.take(close) {
            if !pairs.is_empty() {
                self.expect(",")?;
            }
            let end = self
                .rest
                .find('=')
                .ok_or_else(|| format!("expected a label at {:?}", self.rest))?;
            let name = self.rest[..end].trim().to_owned();
            self.rest = &self.rest[end + 1..];
            let value = String::from_utf8(self.string()?).map_err(|e| e.to_string())?;
            pairs.push((name, value));
        }
        pairs.sort();
        Ok(pairs)
    }

    /// A quoted string: `"…"` with escapes or a raw one in backticks.
    pub(super) fn string(&mut self) -> Result<Vec<u8>, Unreadable> {
        let missing = || format!("expected a string at {:?}", self.rest);
        if let Some(raw) = self.rest.strip_prefix('`') {
            let end = raw.find('`').ok_or_else(missing)?;
            self.rest = raw[end + 1..].trim_start();
            return Ok(raw.as_bytes()[..end].to_vec());
        }
        let mut chars = self.rest.strip_prefix('"').ok_or_else(missing)?.chars();
        let mut out = Vec::new();
        loop {
            match chars.next().ok_or_else(missing)? {
                '"' => break,
                '\\' => out.extend(escape(&mut chars)?),
                c => out.extend_from_slice(c.to_string().as_bytes()),
            }
        }
        self.rest = chars.as_str().trim_start();
        Ok(out)
    }

    /// A time or duration such as `20s`, `1m30s` or `1500ms`, in nanoseconds.
    pub(super) fn time(&mut self) -> Result<i64, Unreadable> {
        let word = self.word();
        duration(word).ok_or_else(|| format!("{word:?} is no time"))
    }
}

fn escape(chars: &mut std::str::Chars<'_>) -> Result<Vec<u8>, Unreadable> {
    let escape = chars.next().ok_or("unfinished escape")?;
    Ok(match escape {
        'n' => vec![b'\n'],
        't' => vec![b'\t'],
        'r' => vec![b'\r'],
        'x' => {
            let digits: String = chars.take(2).collect();
            vec![u8::from_str_radix(&digits, 16).map_err(|e| e.to_string())?]
        }
        'u' => {
            let digits: String = chars.take(4).collect();
            let code = u32::from_str_radix(&digits, 16).map_err(|e| e.to_string())?;
            char::from_u32(code)
                .ok_or("no such character")?
                .to_string()
                .into_bytes()
        }
        c => c.to_string().into_bytes(),
    })
}

fn duration(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total = 0i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let units = [
            ("ns", 1),
            ("us", 1_000),
            ("ms", 1_000_000),
            ("s", 1_000_000_000),
            ("m", 60_000_000_000),
            ("h", 3_600_000_000_000),
            ("d", 86_400_000_000_000),
        ];
        let (unit, scale) = units
            .into_iter()
            .find(|(unit, _)| rest[digits..].starts_with(unit))?;
        total += number * scale;
        rest = &rest[digits + unit.len()..];
    }
    (!text.is_empty()).then_some(total)
}

//! The format reader parses `printf` verbs: flags, width, precision, argument index.

use crate::value::Value;

/// Widest padding and precision that a format may ask for; Go refuses more with `%!(BADWIDTH)`.
const NUMBER_MAX: i64 = 1_000_000;

/// The flags and numbers of one verb.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spec {
    pub(crate) minus: bool,
    pub(crate) plus: bool,
    pub(crate) sharp: bool,
    pub(crate) space: bool,
    pub(crate) zero: bool,
    /// `%#v`
    pub(crate) sharp_v: bool,
    pub(crate) width: Option<usize>,
    pub(crate) precision: Option<usize>,
}

/// A format being read, and its arguments.
pub(crate) struct Verbs<'f, 'a> {
    pub(crate) format: &'f [u8],
    pub(crate) at: usize,
    pub(crate) args: &'f [Value<'a>],
    /// The argument that the next verb takes.
    pub(crate) next: usize,
    /// An explicit index was seen, so unused arguments are not reported.
    pub(crate) reordered: bool,
    pub(crate) good: bool,
    pub(crate) after_index: bool,
}

impl<'f, 'a> Verbs<'f, 'a> {
    pub(crate) fn new(format: &'f [u8], args: &'f [Value<'a>]) -> Verbs<'f, 'a> {
        Verbs {
            format,
            at: 0,
            args,
            next: 0,
            reordered: false,
            good: true,
            after_index: false,
        }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    pub(crate) fn flags(&mut self) -> Spec {
        let mut spec = Spec::default();
        while let Some(byte) = self.peek() {
            match byte {
                b'#' => spec.sharp = true,
                b'0' => spec.zero = true,
                b'+' => spec.plus = true,
                b'-' => spec.minus = true,
                b' ' => spec.space = true,
                _ => break,
            }
            self.at += 1;
        }
        spec
    }

    /// `[n]`, which chooses the next argument.
    pub(crate) fn index(&mut self) {
        if self.peek() != Some(b'[') {
            self.after_index = false;
            return;
        }
        self.reordered = true;
        let rest = &self.format[self.at..];
        let Some(close) = rest
            .iter()
            .position(|b| *b == b']')
            .filter(|_| rest.len() >= 3)
        else {
            self.good = false;
            self.at += 1;
            self.after_index = false;
            return;
        };
        self.at += close + 1;
        let number = std::str::from_utf8(&rest[1..close])
            .ok()
            .and_then(|text| text.parse::<usize>().ok());
        self.after_index = number.is_some();
        match number {
            Some(n) if (1..=self.args.len()).contains(&n) => self.next = n - 1,
            _ => self.good = false,
        }
    }

    pub(crate) fn number(&mut self) -> Option<usize> {
        let mut number = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            if number.is_some_and(|n| n > NUMBER_MAX as usize) {
                // Go gives up on the whole format where a number grows too large.
                self.at = self.format.len();
                return None;
            }
            number = Some(number.unwrap_or(0) * 10 + usize::from(digit - b'0'));
            self.at += 1;
        }
        number
    }

    /// The argument of a `*`.
    pub(crate) fn int_argument(&mut self) -> Option<i64> {
        let arg = self.args.get(self.next)?;
        self.next += 1;
        match arg {
            Value::Int(n, _) if n.unsigned_abs() <= NUMBER_MAX as u64 => Some(*n),
            _ => None,
        }
    }

    pub(crate) fn verb(&mut self) -> Option<char> {
        let rest = &self.format[self.at..];
        let chunk = rest.utf8_chunks().next()?;
        let verb = chunk.valid().chars().next();
        self.at += verb.map_or(1, char::len_utf8);
        Some(verb.unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

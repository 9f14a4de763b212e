//! The JSON writer fills one buffer, with Go's escapes and numbers.
//!
//! Escaping is that of Go's `encoding/json`: safe inside HTML, invalid UTF-8 becomes U+FFFD. The
//! caller writes structure by hand; nothing here builds a tree.

use std::io::Write;

/// JSON being written.
#[derive(Default)]
pub(crate) struct Json {
    out: Vec<u8>,
}

/// Whether a byte ends a stretch that can be copied as it is: quotes, controls, HTML, and 0xE2,
/// which starts U+2028 and U+2029.
const STOPS: [bool; 256] = {
    let mut stops = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        stops[byte] = true;
        byte += 1;
    }
    stops[b'"' as usize] = true;
    stops[b'\\' as usize] = true;
    stops[b'<' as usize] = true;
    stops[b'>' as usize] = true;
    stops[b'&' as usize] = true;
    stops[0xe2] = true;
    stops
};

impl Json {
    /// With memory for `bytes` bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Json {
        Json {
            out: Vec::with_capacity(bytes),
        }
    }

    /// How many bytes are written.
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    /// The bytes written.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }

    /// Structure and literals, as they are.
    pub(crate) fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// A comma, unless `first`, which turns false.
    pub(crate) fn comma(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.push(b',');
        }
    }

    /// A text.
    pub(crate) fn text(&mut self, text: &str) {
        self.out.push(b'"');
        self.escaped(text.as_bytes());
        self.out.push(b'"');
    }

    /// Bytes as a text; what is no UTF-8 becomes U+FFFD, one for each byte as in Go.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        // Nearly all lines are text; telling so whole is much faster than by chunks.
        if let Ok(text) = std::str::from_utf8(bytes) {
            return self.text(text);
        }
        self.out.push(b'"');
        for chunk in bytes.utf8_chunks() {
            self.escaped(chunk.valid().as_bytes());
            for _ in chunk.invalid() {
                self.raw("\\ufffd");
            }
        }
        self.out.push(b'"');
    }

    /// A label's value: U+FFFD stands for bytes that were lost and is shown as a space, as in Loki.
    pub(crate) fn label_value(&mut self, value: &str) {
        if value.contains('\u{fffd}') {
            self.text(&value.replace('\u{fffd}', " "))
        } else {
            self.text(value)
        }
    }

    /// An object of texts.
    pub(crate) fn labels<'a>(&mut self, labels: impl Iterator<Item = (&'a str, &'a str)>) {
        self.out.push(b'{');
        let mut first = true;
        for (name, value) in labels {
            self.comma(&mut first);
            self.text(name);
            self.out.push(b':');
            self.label_value(value);
        }
        self.out.push(b'}');
    }

    /// A whole number.
    pub(crate) fn integer(&mut self, number: impl std::fmt::Display) {
        write!(self.out, "{number}").expect("writing to memory does not fail");
    }

    /// A number as a number: Go's shortest form; what JSON has no number for becomes 0.
    pub(crate) fn float(&mut self, number: f64) {
        self.integer(if number.is_finite() { number } else { 0.0 });
    }

    /// A sample's value: the shortest decimal that reads back, never with an exponent, as a text.
    pub(crate) fn value(&mut self, value: f64) {
        if value.is_nan() {
            self.raw("\"NaN\"");
        } else if value.is_infinite() {
            self.raw(if value > 0.0 { "\"+Inf\"" } else { "\"-Inf\"" });
        } else {
            write!(self.out, "\"{value}\"").expect("writing to memory does not fail");
        }
    }

    /// A time in seconds with up to three decimals.
    pub(crate) fn seconds(&mut self, nanoseconds: i64) {
        let milliseconds = nanoseconds.div_euclid(1_000_000);
        let sign = if milliseconds < 0 { "-" } else { "" };
        let (seconds, rest) = (
            milliseconds.unsigned_abs() / 1000,
            milliseconds.unsigned_abs() % 1000,
        );
        write!(self.out, "{sign}{seconds}").expect("writing to memory does not fail");
        if rest != 0 {
            let decimals = format!(".{rest:03}");
            self.raw(decimals.trim_end_matches('0'));
        }
    }

    fn escaped(&mut self, text: &[u8]) {
        let mut rest = text;
        while let Some(at) = rest.iter().position(|b| STOPS[usize::from(*b)]) {
            self.out.extend_from_slice(&rest[..at]);
            let mut taken = 1;
            match rest[at] {
                b'"' => self.raw("\\\""),
                b'\\' => self.raw("\\\\"),
                b'\n' => self.raw("\\n"),
                b'\r' => self.raw("\\r"),
                b'\t' => self.raw("\\t"),
                0xe2 if matches!(rest[at..], [_, 0x80, 0xa8 | 0xa9, ..]) => {
                    self.raw(if rest[at + 2] == 0xa8 {
                        "\\u2028"
                    } else {
                        "\\u2029"
                    });
                    taken = 3;
                }
                0xe2 => self.out.push(0xe2),
                byte => write!(self.out, "\\u{byte:04x}").expect("writing to memory does not fail"),
            }
            rest = &rest[at + taken..];
        }
        self.out.extend_from_slice(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Json)) -> String {
        let mut json = Json::default();
        write(&mut json);
        String::from_utf8(json.finish()).expect("JSON is UTF-8")
    }

    #[test]
    fn text_is_escaped_as_go_does() {
        assert_eq!(
            written(|j| j.text("a\"\\\n\r\t<b>&\u{1}é–\u{2028}")),
            r#""a\"\\\n\r\t\u003cb\u003e\u0026\u0001é–\u2028""#
        );
        assert_eq!(
            written(|j| j.bytes(b"ok \xff\xfe.")),
            r#""ok \ufffd\ufffd.""#
        );
        assert_eq!(written(|j| j.label_value("a\u{fffd}b")), r#""a b""#);
    }

    #[test]
    fn values_never_have_an_exponent() {
        for (value, expected) in [
            (1e21, "1000000000000000000000"),
            (0.1, "0.1"),
            (2.0, "2"),
            (-0.5, "-0.5"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(written(|j| j.value(value)), format!("\"{expected}\""));
        }
        assert_eq!(written(|j| j.value(f64::INFINITY)), "\"+Inf\"");
        assert_eq!(written(|j| j.value(f64::NEG_INFINITY)), "\"-Inf\"");
    }

    #[test]
    fn times_have_up_to_three_decimals() {
        for (time, expected) in [
            (1_700_000_000_000_000_000, "1700000000"),
            (1_700_000_000_500_000_000, "1700000000.5"),
            (1_234_567, "0.001"),
            (-1_500_000_000, "-1.5"),
        ] {
            assert_eq!(written(|j| j.seconds(time)), expected);
        }
    }
}

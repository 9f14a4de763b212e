//! Frames of a TCP stream (RFC 6587): counted octets, or lines that end in a newline or a zero byte.
//!
//! Which of the two is decided by the first bytes of a connection. A [`Framer`] keeps no bytes: it
//! looks at those that have come and says how many of them are a frame or to be left out.

/// How the messages of a connection are separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `86 <30>1 …`: the length of each message before it.
    Counted,
    /// Each ends in a newline, or a zero byte.
    Lines,
    /// Each ends in a zero byte, and newlines are part of it.
    ZeroBytes,
}

/// Digits of the longest count; a longer one is no count.
const COUNT_DIGITS_MAX: usize = 9;

/// Whether more can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The sender may send more.
    Open,
    /// It has ended: what there is, is all.
    Ended,
}

/// What stands at the start of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes `from..to` are a message; what follows `used` is next.
    Frame {
        /// Where it begins.
        from: usize,
        /// Where it ends.
        to: usize,
        /// Where the next begins.
        used: usize,
        /// Whether it was longer than the limit, or its end never came.
        truncated: bool,
    },
    /// This many bytes are of no use.
    Skip(usize),
    /// More must come first.
    Wait,
}

/// Finds the frames of one connection.
#[derive(Clone, Debug)]
pub struct Framer {
    framing: Option<Framing>,
    /// Whether a newline has ended a message: zero bytes are no framing of their own then.
    has_lines: bool,
    /// Longest message, in bytes.
    bytes_max: usize,
    /// What is left of a message that was longer.
    left_out: LeftOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LeftOut {
    Nothing,
    /// This many bytes.
    Bytes(usize),
    /// All up to the end of the line.
    Line,
}

impl Framer {
    /// For messages of at most `bytes_max`; longer ones are truncated to it.
    pub fn new(bytes_max: usize) -> Framer {
        Framer {
            framing: None,
            has_lines: false,
            bytes_max: bytes_max.max(1),
            left_out: LeftOut::Nothing,
        }
    }

    /// How this connection frames its messages, once that is known.
    pub fn framing(&self) -> Option<Framing> {
        self.framing
    }

    /// What stands at the start of the bytes that have come and were not used.
    pub fn next(&mut self, bytes: &[u8], stream: Stream) -> Step {
        if bytes.is_empty() {
            return Step::Wait;
        }
        match self.left_out {
            LeftOut::Nothing => {}
            LeftOut::Bytes(left) => return self.skip_bytes(left, bytes.len()),
            LeftOut::Line => return self.skip_line(bytes),
        }
        match self.framing {
            None => match detect(bytes, stream) {
                Some(framing) => {
                    self.framing = Some(framing);
                    self.next(bytes, stream)
                }
                None => Step::Wait,
            },
            Some(Framing::Counted) => self.counted(bytes, stream),
            Some(_) => self.line(bytes, stream),
        }
    }

    fn skip_bytes(&mut self, left: usize, there: usize) -> Step {
        let used = left.min(there);
        self.left_out = match left - used {
            0 => LeftOut::Nothing,
            left => LeftOut::Bytes(left),
        };
        Step::Skip(used)
    }

    fn skip_line(&mut self, bytes: &[u8]) -> Step {
        match self.line_end(bytes) {
            Some(end) => {
                self.left_out = LeftOut::Nothing;
                Step::Skip(end + 1)
            }
            None => Step::Skip(bytes.len()),
        }
    }

    fn counted(&mut self, bytes: &[u8], stream: Stream) -> Step {
        // Some senders put a newline behind what they counted.
        let blank = bytes
            .iter()
            .take_while(|byte| matches!(byte, b'\n' | b'\r' | b' '))
            .count();
        if blank > 0 {
            return Step::Skip(blank);
        }
        let (count, from) = match count(bytes) {
            Count::Is(count, from) => (count, from),
            Count::MayBe if stream == Stream::Open => return Step::Wait,
            // A sender that has lost count: each line by itself.
            Count::MayBe | Count::IsNot => {
                self.framing = Some(Framing::Lines);
                return self.line(bytes, stream);
            }
        };
        let (wanted, there) = (count.min(self.bytes_max), bytes.len() - from);
        if there < wanted {
            return match stream {
                Stream::Open => Step::Wait,
                Stream::Ended => frame(from, bytes.len(), bytes.len(), true),
            };
        }
        let to = from + wanted;
        if count > wanted {
            self.left_out = LeftOut::Bytes(count - wanted);
        }
        frame(from, to, to, count > wanted)
    }

    fn line(&mut self, bytes: &[u8], stream: Stream) -> Step {
        let within = &bytes[..bytes.len().min(self.bytes_max + 1)];
        if let Some(end) = self.line_end(within) {
            self.has_lines |= bytes[end] == b'\n';
            if !self.has_lines {
                self.framing = Some(Framing::ZeroBytes);
            }
            return match end {
                0 => Step::Skip(1),
                _ => frame(0, end, end + 1, false),
            };
        }
        if bytes.len() > self.bytes_max {
            self.left_out = LeftOut::Line;
            return frame(0, self.bytes_max, self.bytes_max, true);
        }
        match stream {
            Stream::Open => Step::Wait,
            Stream::Ended => frame(0, bytes.len(), bytes.len(), false),
        }
    }

    fn line_end(&self, bytes: &[u8]) -> Option<usize> {
        match self.framing {
            Some(Framing::ZeroBytes) => memchr::memchr(0, bytes),
            _ => memchr::memchr2(b'\n', 0, bytes),
        }
    }
}

fn frame(from: usize, to: usize, used: usize, truncated: bool) -> Step {
    Step::Frame {
        from,
        to,
        used,
        truncated,
    }
}

/// The framing that the first bytes of a connection show; `None` when more must come.
fn detect(bytes: &[u8], stream: Stream) -> Option<Framing> {
    match count(bytes) {
        Count::Is(_, from) => match bytes.get(from) {
            Some(b'<') => Some(Framing::Counted),
            None if stream == Stream::Open => None,
            _ => Some(Framing::Lines),
        },
        Count::MayBe if stream == Stream::Open => None,
        Count::MayBe | Count::IsNot => Some(Framing::Lines),
    }
}

enum Count {
    /// A count, and where what it counts begins.
    Is(usize, usize),
    /// Digits, and more must come.
    MayBe,
    IsNot,
}

/// `86 ` at the start.
fn count(bytes: &[u8]) -> Count {
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits == 0 || digits > COUNT_DIGITS_MAX || bytes[0] == b'0' {
        return Count::IsNot;
    }
    match bytes.get(digits) {
        None => Count::MayBe,
        Some(b' ') => {
            let value = |total: usize, digit: &u8| total * 10 + usize::from(digit - b'0');
            Count::Is(bytes[..digits].iter().fold(0, value), digits + 1)
        }
        Some(_) => Count::IsNot,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames of a stream that comes in pieces of `size` bytes; a truncated one ends in `…`.
    fn frames_in_pieces(stream: &[u8], bytes_max: usize, size: usize) -> Vec<String> {
        let mut framer = Framer::new(bytes_max);
        let (mut buffer, mut frames) = (Vec::new(), Vec::new());
        let mut pieces = stream.chunks(size);
        loop {
            let piece = pieces.next();
            let state = if piece.is_some() {
                Stream::Open
            } else {
                Stream::Ended
            };
            buffer.extend_from_slice(piece.unwrap_or_default());
            loop {
                match framer.next(&buffer, state) {
                    Step::Frame {
                        from,
                        to,
                        used,
                        truncated,
                    } => {
                        let text = String::from_utf8_lossy(&buffer[from..to]);
                        frames.push(format!("{text}{}", if truncated { "…" } else { "" }));
                        buffer.drain(..used);
                    }
                    Step::Skip(used) => drop(buffer.drain(..used)),
                    Step::Wait => break,
                }
            }
            assert!(buffer.len() <= bytes_max + size + 11, "{}", buffer.len());
            if piece.is_none() {
                assert!(buffer.is_empty(), "nothing is left behind");
                return frames;
            }
        }
    }

    fn check(stream: &[u8], bytes_max: usize, expected: &[&str]) {
        for size in [1, 2, 3, 7, 1000] {
            assert_eq!(
                frames_in_pieces(stream, bytes_max, size),
                expected,
                "pieces of {size}"
            );
        }
    }

    #[test]
    fn counted_frames_follow_one_another_and_may_hold_newlines() {
        check(
            b"5 <1>ab7 <1>a\nbc6 \n<1>ab",
            99,
            &["<1>ab", "<1>a\nbc", "\n<1>ab"],
        );
        check(b"5 <1>ab\n5 <1>cd\n", 99, &["<1>ab", "<1>cd"]);
        check(b"5 <1>ab99 <1>c", 99, &["<1>ab", "<1>c…"]);
    }

    #[test]
    fn lines_end_in_a_newline_or_a_zero_byte() {
        check(b"<1>a\n\n<1>b\r\n<1>c", 99, &["<1>a", "<1>b\r", "<1>c"]);
        check(b"<1>a\0<1>two\nlines\0", 99, &["<1>a", "<1>two\nlines"]);
        check(b"<1>a\n<1>b\0<1>c\n", 99, &["<1>a", "<1>b", "<1>c"]);
    }

    #[test]
    fn digits_alone_are_no_count() {
        check(
            b"2026-11-30 x\n12 monkeys\n",
            99,
            &["2026-11-30 x", "12 monkeys"],
        );
        check(b"12 monkeys\n", 99, &["12 monkeys"]);
        check(b"0 <1>a\n", 99, &["0 <1>a"]);
        check(b"12", 99, &["12"]);
        check(b"1234567890 <1>a\n", 99, &["1234567890 <1>a"]);
    }

    #[test]
    fn a_sender_that_loses_count_is_read_by_lines() {
        check(b"5 <1>abx<1>c\n<1>d\n", 99, &["<1>ab", "x<1>c", "<1>d"]);
    }

    #[test]
    fn long_messages_are_truncated_and_the_next_one_is_whole() {
        check(b"9 <1>abcdef5 <1>gh", 6, &["<1>abc…", "<1>gh"]);
        check(b"<1>abcdef\n<1>gh\n", 6, &["<1>abc…", "<1>gh"]);
        check(b"<1>abc\n<1>gh\n", 6, &["<1>abc", "<1>gh"]);
        check(b"<1>abcdefghi", 6, &["<1>abc…"]);
    }
}

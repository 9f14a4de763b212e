//! The gram window holds the last bytes of a line and the character class of each.

/// For each byte: what it is, and above bit 24 the byte with ASCII case folded. What it is goes
/// into the lowest bit of a lane of [`Window::kinds`]. Letters and digits, `_`, and all that is not
/// ASCII are words; the rest separates them.
const KINDS: [u32; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        let is_word = b.is_ascii_alphanumeric() || b == b'_' || b >= 128;
        kinds[byte] = (b.to_ascii_lowercase() as u32) << 24
            | if is_word { WORD } else { SEPARATOR }
            | if b.is_ascii_digit() { DIGIT } else { 0 }
            | if b.is_ascii_uppercase() { UPPER } else { 0 };
        byte += 1;
    }
    kinds
};

/// Lanes of six bits, one for each of the last six bytes, the last byte lowest.
pub(super) const DIGIT: u32 = 1;
pub(super) const WORD: u32 = 1 << 6;
pub(super) const SEPARATOR: u32 = 1 << 12;
pub(super) const UPPER: u32 = 1 << 18;
/// All bits but the highest of each lane, before they move up by one.
const OLDER: u32 = 0b011111_011111_011111_011111;

/// The last bytes of a line.
#[derive(Clone, Copy)]
pub(super) struct Window {
    /// Folded, the last byte lowest.
    folded: u64,
    /// As they are.
    pub(super) exact: u32,
    kinds: u32,
}

impl Window {
    /// Before the first byte there are neither words nor separators, only digits: no rule takes
    /// those for bytes of a gram.
    pub(super) const START: Window = Window {
        folded: 0,
        exact: 0,
        kinds: 0b111111 * DIGIT,
    };

    pub(super) fn push(&mut self, byte: u8) {
        let kind = KINDS[usize::from(byte)];
        self.folded = self.folded << 8 | u64::from(kind >> 24);
        self.exact = self.exact << 8 | u32::from(byte);
        self.kinds = (self.kinds & OLDER) << 1 | kind & 0x00ff_ffff;
    }

    /// The last `N` bytes.
    pub(super) fn last<const N: u32>(&self) -> u64 {
        self.folded & ((1 << (8 * N)) - 1)
    }

    /// Whether all of the bytes in `mask` (bit 0 the last byte) are of the kind.
    pub(super) fn all(&self, kind: u32, mask: u32) -> bool {
        self.kinds & (kind * mask) == kind * mask
    }

    pub(super) fn any(&self, kind: u32, mask: u32) -> bool {
        self.kinds & (kind * mask) != 0
    }
}

/// Whether a byte is of a kind.
pub(super) fn is(byte: u8, kind: u32) -> bool {
    KINDS[usize::from(byte)] & kind != 0
}

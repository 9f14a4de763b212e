//! Columns in words, for whoever inspects a part.

use crate::encode::{LINES_PLAIN, LINES_ZSTD};
use crate::{ColumnKind, ColumnMeta};
use std::fmt;

impl ColumnMeta {
    /// How its values are written, in the words of README.md.
    pub fn encoding_name(&self) -> &'static str {
        match (&self.kind, self.encoding) {
            (ColumnKind::Times, 0) => "steps",
            (ColumnKind::Lengths, 0) => "integers",
            (ColumnKind::Lines, LINES_PLAIN) => "plain",
            (ColumnKind::Lines, LINES_ZSTD) => "zstd",
            (ColumnKind::Metadata(_), 0x00) => "dictionary of plain texts",
            (ColumnKind::Metadata(_), 0x01) => "dictionary of integers",
            (ColumnKind::Metadata(_), 0x02) => "dictionary of ipv4",
            (ColumnKind::Metadata(_), 0x03) => "dictionary of shapes",
            (ColumnKind::Metadata(_), 0x04) => "dictionary of decimals",
            (ColumnKind::Metadata(_), 0x10) => "plain texts",
            (ColumnKind::Metadata(_), 0x11) => "integers",
            (ColumnKind::Metadata(_), 0x12) => "ipv4",
            (ColumnKind::Metadata(_), 0x13) => "shapes",
            (ColumnKind::Metadata(_), 0x14) => "decimals",
            _ => "unknown",
        }
    }
}

impl fmt::Display for ColumnKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ColumnKind::Times => f.write_str("times"),
            ColumnKind::Lengths => f.write_str("lengths"),
            ColumnKind::Lines => f.write_str("lines"),
            ColumnKind::Metadata(name) => write!(f, "metadata {name}"),
        }
    }
}

impl fmt::Display for ColumnMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, {} bytes", self.kind, self.encoding_name(), self.len)?;
        match self.range {
            Some((min, max)) => write!(f, ", {min} to {max}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_say_what_they_are() {
        let column = |kind, encoding, range| ColumnMeta { kind, encoding, offset: 0, len: 12, crc: 0, range };
        assert_eq!(column(ColumnKind::Lines, 1, None).to_string(), "lines: zstd, 12 bytes");
        assert_eq!(
            column(ColumnKind::Metadata("code".into()), 0x11, Some((200, 503))).to_string(),
            "metadata code: integers, 12 bytes, 200 to 503"
        );
    }
}

//! Column descriptions tell a person who inspects a part what its columns hold and how they are
//! written.

use crate::encoding::{
    FIELD_ESCAPED, LINES_OLDER_NEWEST, LINES_PLAIN, LINES_SHREDDED, LINES_SHREDDED_JSON,
    LINES_SHREDDED_LOGFMT, LINES_ZSTD, NEWEST_FRAMES,
};
use crate::meta::{BlockMeta, ColumnKind, ColumnMeta};
use std::fmt;

impl BlockMeta {
    /// Bytes that the values of a column take in a batch; `None` for metadata and fields.
    pub fn plain_bytes(&self, kind: &ColumnKind) -> Option<u64> {
        let newest = if self.has_newest() {
            self.newest_rows()
        } else {
            None
        };
        let older = newest.map_or(self.line_bytes, |newest| {
            newest.iter().map(|newest| newest.older_bytes).sum()
        });
        match kind {
            ColumnKind::Times => Some(u64::from(self.rows) * 8),
            ColumnKind::Lengths => Some(u64::from(self.rows) * 4),
            ColumnKind::Lines => Some(older),
            ColumnKind::Newest => Some(self.line_bytes.saturating_sub(older)),
            ColumnKind::Metadata(_) | ColumnKind::Field(_) => None,
        }
    }
}

impl ColumnMeta {
    /// How its values are written, in the words of README.md.
    pub fn encoding_name(&self) -> &'static str {
        match (&self.kind, self.encoding) {
            (ColumnKind::Times, 0) => "steps",
            (ColumnKind::Lengths, 0) => "integers",
            (ColumnKind::Lines, LINES_PLAIN) => "plain",
            (ColumnKind::Lines, LINES_ZSTD) => "zstd",
            (ColumnKind::Newest, NEWEST_FRAMES) => "zstd, run by run",
            (ColumnKind::Lines, LINES_OLDER_NEWEST) => "zstd, older and newest",
            (ColumnKind::Lines, LINES_SHREDDED) => "shredded into fields",
            (ColumnKind::Lines, LINES_SHREDDED_JSON) => "all json, shredded into fields",
            (ColumnKind::Lines, LINES_SHREDDED_LOGFMT) => "all logfmt, shredded into fields",
            (ColumnKind::Metadata(_), encoding) => values_name(encoding),
            (ColumnKind::Field(_), encoding) => values_name(encoding & !FIELD_ESCAPED),
            _ => "unknown",
        }
    }
}

/// How the values of a column with a name are written.
fn values_name(encoding: u8) -> &'static str {
    match encoding {
        0x00 => "dictionary of plain texts",
        0x01 => "dictionary of integers",
        0x02 => "dictionary of ipv4",
        0x03 => "dictionary of shapes",
        0x04 => "dictionary of decimals",
        0x05 => "dictionary of affixed texts",
        0x06 => "dictionary of prefixed integers",
        0x10 => "plain texts",
        0x11 => "integers",
        0x12 => "ipv4",
        0x13 => "shapes",
        0x14 => "decimals",
        0x15 => "affixed texts",
        0x16 => "prefixed integers",
        _ => "unknown",
    }
}

impl fmt::Display for ColumnKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ColumnKind::Times => f.write_str("times"),
            ColumnKind::Lengths => f.write_str("lengths"),
            ColumnKind::Lines => f.write_str("lines"),
            ColumnKind::Newest => f.write_str("newest lines"),
            ColumnKind::Metadata(name) => write!(f, "metadata {name}"),
            ColumnKind::Field(name) if name.is_empty() => f.write_str("field"),
            ColumnKind::Field(name) => write!(f, "field {name}"),
        }
    }
}

impl fmt::Display for ColumnMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}, {} bytes",
            self.kind,
            self.encoding_name(),
            self.len
        )?;
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
        let column = |kind, encoding, range| ColumnMeta {
            kind,
            encoding,
            offset: 0,
            len: 12,
            crc: 0,
            range,
        };
        assert_eq!(
            column(ColumnKind::Lines, 1, None).to_string(),
            "lines: zstd, 12 bytes"
        );
        assert_eq!(
            column(ColumnKind::Metadata("code".into()), 0x11, Some((200, 503))).to_string(),
            "metadata code: integers, 12 bytes, 200 to 503"
        );
    }
}

//! The headers of segments and records as bytes; README.md has the layout.
//!
//! A header carries its own checksum, so that a length is believed only when it is what was
//! written, and mixes in the segment's salt, so that log lines which look like a record are never
//! taken for one.

/// Begins every segment.
const SEGMENT_MAGIC: [u8; 4] = *b"SKWL";
/// Begins every record; what a reader looks for after damage.
pub(crate) const RECORD_MAGIC: [u8; 4] = *b"\xf5Rec";
/// Bytes of one copy of the segment header.
const SEGMENT_HEADER_COPY: usize = 24;
/// Bytes before the first record: the header stands there twice, as all records hang on its salt.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 2 * SEGMENT_HEADER_COPY;
/// Bytes before a record's tenant and payload.
pub(crate) const RECORD_HEADER_BYTES: usize = 28;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) version: u32,
    pub(crate) first_sequence: u64,
    pub(crate) salt: u32,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut out = [0; SEGMENT_HEADER_BYTES];
        out[..4].copy_from_slice(&SEGMENT_MAGIC);
        out[4..8].copy_from_slice(&self.version.to_le_bytes());
        out[8..16].copy_from_slice(&self.first_sequence.to_le_bytes());
        out[16..20].copy_from_slice(&self.salt.to_le_bytes());
        let crc = crc32fast::hash(&out[..20]);
        out[20..24].copy_from_slice(&crc.to_le_bytes());
        let (first, second) = out.split_at_mut(SEGMENT_HEADER_COPY);
        second.copy_from_slice(first);
        out
    }

    /// Reads whichever copy is whole.
    pub(crate) fn decode(bytes: &[u8]) -> Option<SegmentHeader> {
        bytes
            .chunks_exact(SEGMENT_HEADER_COPY)
            .take(2)
            .find_map(|copy| {
                let good =
                    copy[..4] == SEGMENT_MAGIC && u32_at(copy, 20) == crc32fast::hash(&copy[..20]);
                good.then(|| SegmentHeader {
                    version: u32_at(copy, 4),
                    first_sequence: u64_at(copy, 8),
                    salt: u32_at(copy, 16),
                })
            })
    }
}

/// What stands before a record's tenant and payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) sequence: u64,
    pub(crate) tenant_bytes: u16,
    pub(crate) payload_bytes: u32,
    /// Checksum of tenant and payload.
    pub(crate) body_crc: u32,
}

impl RecordHeader {
    pub(crate) fn encode(&self, salt: u32) -> [u8; RECORD_HEADER_BYTES] {
        let mut out = [0; RECORD_HEADER_BYTES];
        out[..4].copy_from_slice(&RECORD_MAGIC);
        out[4..12].copy_from_slice(&self.sequence.to_le_bytes());
        out[12..16].copy_from_slice(&self.payload_bytes.to_le_bytes());
        out[16..18].copy_from_slice(&self.tenant_bytes.to_le_bytes());
        out[20..24].copy_from_slice(&self.body_crc.to_le_bytes());
        let crc = salted_crc(salt, &out[..24]);
        out[24..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// `None` unless these are the bytes of a header of the segment with this salt.
    pub(crate) fn decode(bytes: &[u8], salt: u32) -> Option<RecordHeader> {
        let bytes = bytes.get(..RECORD_HEADER_BYTES)?;
        let good =
            bytes[..4] == RECORD_MAGIC && u32_at(bytes, 24) == salted_crc(salt, &bytes[..24]);
        good.then(|| RecordHeader {
            sequence: u64_at(bytes, 4),
            payload_bytes: u32_at(bytes, 12),
            tenant_bytes: u16::from_le_bytes([bytes[16], bytes[17]]),
            body_crc: u32_at(bytes, 20),
        })
    }

    /// Bytes of tenant and payload.
    pub(crate) fn body_bytes(&self) -> usize {
        usize::from(self.tenant_bytes) + self.payload_bytes as usize
    }
}

fn salted_crc(salt: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_header_survives_the_loss_of_either_copy() {
        let header = SegmentHeader {
            version: 1,
            first_sequence: 77,
            salt: 0xdead_beef,
        };
        let good = header.encode();
        for at in 0..SEGMENT_HEADER_BYTES {
            let mut bytes = good;
            bytes[at] ^= 0x40;
            assert_eq!(SegmentHeader::decode(&bytes), Some(header), "byte {at}");
        }
        assert_eq!(SegmentHeader::decode(&[0; SEGMENT_HEADER_BYTES]), None);
        assert_eq!(SegmentHeader::decode(&good[..10]), None);
    }

    #[test]
    fn a_record_header_is_believed_only_whole_and_in_its_segment() {
        let header = RecordHeader {
            sequence: 9,
            tenant_bytes: 4,
            payload_bytes: 1000,
            body_crc: 5,
        };
        let good = header.encode(42);
        assert_eq!(RecordHeader::decode(&good, 42), Some(header));
        assert_eq!(RecordHeader::decode(&good, 43), None);
        for at in 0..RECORD_HEADER_BYTES {
            let mut bytes = good;
            bytes[at] ^= 1;
            assert_eq!(RecordHeader::decode(&bytes, 42), None, "byte {at}");
        }
    }
}

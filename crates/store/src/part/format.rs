//! Part format: footer and directory of a part file; README.md has the layout.

use crate::StoreError;
use crate::codec::{get_varint, put_varint};
use crate::part::block_order::BlockTimes;
use crate::part::lineage::Lineage;
use crate::part::stream_table::StreamTable;
use skald_block::{BlockMeta, ColumnMeta, RunMeta};
use std::ops::Range;
use std::path::Path;

/// Version of the part layout in README.md; older ones are read.
pub(crate) const PART_VERSION: u32 = 3;
/// The first version whose parts name themselves and the parts they replaced.
pub(crate) const WITH_LINEAGE: u32 = 2;
/// Begins the footer.
pub(crate) const PART_MAGIC: [u8; 8] = *b"SKALDPRT";
/// Bytes of the footer.
pub(crate) const FOOTER_BYTES: usize = 64;
/// Bytes read from the end of a part to open it; most directories fit.
const TAIL_BYTES: u64 = 64 * 1024;

/// Bytes of an inflated directory: far above that of a million streams in as many runs (about 60
/// MB), and what a damaged length may make a reader allocate.
const DIRECTORY_BYTES_MAX: u64 = 4 << 30;

/// The fixed end of a part file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) index_at: u64,
    pub(crate) index_bytes: u64,
    pub(crate) index_crc: u32,
    pub(crate) directory_at: u64,
    /// Compressed and plain.
    pub(crate) directory_bytes: u64,
    pub(crate) directory_plain: u64,
    pub(crate) directory_crc: u32,
    pub(crate) version: u32,
}

impl Footer {
    /// A hash of it: its checksums cover the directory and the content index, and the directory has
    /// those of all columns.
    pub(crate) fn content(&self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&self.encode())
    }

    pub(crate) fn encode(&self) -> [u8; FOOTER_BYTES] {
        let mut out = Vec::with_capacity(FOOTER_BYTES);
        out.extend_from_slice(&PART_MAGIC);
        for number in [
            self.index_at,
            self.index_bytes,
            self.directory_at,
            self.directory_bytes,
            self.directory_plain,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.index_crc, self.directory_crc, self.version] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out.try_into().expect("the fields add up to the footer")
    }

    fn decode(bytes: &[u8; FOOTER_BYTES]) -> Result<Footer, String> {
        let u32_at = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        if bytes[..8] != PART_MAGIC || u32_at(60) != crc32fast::hash(&bytes[..60]) {
            return Err("its footer is damaged".to_owned());
        }
        if u32_at(56) > PART_VERSION {
            return Err(format!(
                "its format version {} is newer than {PART_VERSION}",
                u32_at(56)
            ));
        }
        Ok(Footer {
            index_at: u64_at(8),
            index_bytes: u64_at(16),
            directory_at: u64_at(24),
            directory_bytes: u64_at(32),
            directory_plain: u64_at(40),
            index_crc: u32_at(48),
            directory_crc: u32_at(52),
            version: u32_at(56),
        })
    }
}

/// A block: where it lies in the part, and its directory entry.
#[derive(Debug)]
pub(crate) struct BlockAt {
    pub(crate) at: u64,
    pub(crate) bytes: u64,
    pub(crate) meta: BlockMeta,
}

/// Reads bytes of a part, wherever they are.
pub(crate) type ReadRange<'a> = &'a dyn Fn(Range<u64>) -> std::io::Result<Vec<u8>>;

/// What a part says of its blocks, in memory.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) footer: Footer,
    pub(crate) table: StreamTable,
    pub(crate) blocks: Vec<BlockAt>,
    pub(crate) lineage: Lineage,
}

impl Directory {
    /// Reads the directory of a part of `size` bytes from its end: in one read for most parts, two
    /// at most.
    pub(crate) fn read(
        path: &Path,
        size: u64,
        read: ReadRange<'_>,
    ) -> Result<Directory, StoreError> {
        let damaged = |why: String| StoreError::damaged(format!("part {}", path.display()), why);
        let failed = StoreError::at("reading part", path);
        let tail_at = size.saturating_sub(TAIL_BYTES);
        let tail = read(tail_at..size).map_err(&failed)?;
        let footer = tail
            .last_chunk()
            .ok_or_else(|| damaged("it is too short".to_owned()))?;
        let footer = Footer::decode(footer).map_err(damaged)?;
        let inside = |at: u64, bytes: u64| at.checked_add(bytes).is_some_and(|end| end <= size);
        if !inside(footer.directory_at, footer.directory_bytes)
            || !inside(footer.index_at, footer.index_bytes)
        {
            return Err(damaged("its footer points outside".to_owned()));
        }
        let compressed = if footer.directory_at >= tail_at {
            let from = (footer.directory_at - tail_at) as usize;
            tail[from..from + footer.directory_bytes as usize].to_vec()
        } else {
            read(footer.directory_at..footer.directory_at + footer.directory_bytes)
                .map_err(&failed)?
        };
        if crc32fast::hash(&compressed) != footer.directory_crc {
            return Err(damaged("its directory is damaged".to_owned()));
        }
        // The frame and the footer must agree before memory is taken for what they claim.
        let claimed = zstd::zstd_safe::get_frame_content_size(&compressed)
            .ok()
            .flatten();
        if claimed != Some(footer.directory_plain) || footer.directory_plain > DIRECTORY_BYTES_MAX {
            return Err(damaged(format!(
                "its directory claims {} bytes",
                footer.directory_plain
            )));
        }
        let plain = zstd::bulk::decompress(&compressed, footer.directory_plain as usize);
        let plain = plain.map_err(|e| damaged(format!("its directory is damaged: {e}")))?;
        Directory::decode(&plain, footer)
            .ok_or_else(|| damaged("its directory is not in the layout of its version".to_owned()))
    }

    /// The plain bytes of a directory.
    pub(crate) fn encode(table: &StreamTable, blocks: &[BlockAt], lineage: &Lineage) -> Vec<u8> {
        let mut out = Vec::new();
        table.encode(&mut out);
        put_varint(&mut out, blocks.len() as u64);
        for block in blocks {
            put_varint(&mut out, block.at);
            put_varint(&mut out, block.bytes);
            block.meta.encode(&mut out);
        }
        lineage.encode(&mut out);
        out
    }

    /// Reads what [`Directory::encode`] made; blocks lie before the content index and name streams
    /// of the table.
    fn decode(mut bytes: &[u8], footer: Footer) -> Option<Directory> {
        let table = StreamTable::decode(&mut bytes)?;
        let mut blocks = Vec::new();
        for _ in 0..get_varint(&mut bytes)? {
            let at = get_varint(&mut bytes)?;
            let len = get_varint(&mut bytes)?;
            let meta = BlockMeta::decode(&mut bytes).ok()?;
            let fits = at
                .checked_add(len)
                .is_some_and(|end| end <= footer.index_at);
            if !fits || meta.runs.iter().any(|r| r.stream as usize >= table.len()) {
                return None;
            }
            blocks.push(BlockAt {
                at,
                bytes: len,
                meta,
            });
        }
        let lineage = if footer.version < WITH_LINEAGE {
            Lineage::default()
        } else {
            Lineage::decode(&mut bytes, footer.version)?
        };
        bytes.is_empty().then_some(Directory {
            footer,
            table,
            blocks,
            lineage,
        })
    }

    /// Rough bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        let block = |b: &BlockAt| {
            // In memory, and in two orders.
            size_of::<BlockAt>()
                + 2 * size_of::<BlockTimes>()
                + b.meta.runs.len() * size_of::<RunMeta>()
                + b.meta.columns.len() * size_of::<ColumnMeta>()
        };
        self.table.memory_bytes() + self.blocks.iter().map(block).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footer_is_believed_only_whole() {
        let footer = Footer {
            index_at: 1,
            index_bytes: 2,
            index_crc: 3,
            directory_at: 4,
            ..Footer::default()
        };
        let good = footer.encode();
        assert_eq!(Footer::decode(&good), Ok(footer));
        for at in 0..FOOTER_BYTES {
            let mut bytes = good;
            bytes[at] ^= 0x10;
            assert!(Footer::decode(&bytes).is_err(), "byte {at}");
        }
    }
}

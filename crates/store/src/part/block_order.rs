//! Block order: a part's blocks sorted by time, so that newest-first readers visit few of them.

use skald_block::BlockMeta;
use skald_model::Direction;
use std::cmp::Reverse;
use std::sync::OnceLock;

/// Orders of a part's blocks, each made when it is first asked for.
#[derive(Debug, Default)]
pub(crate) struct BlockOrder {
    newest_first: OnceLock<Vec<BlockTimes>>,
    oldest_first: OnceLock<Vec<BlockTimes>>,
}

/// A block and its times: enough to skip it without a look at its directory entry, which lies
/// elsewhere in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockTimes {
    pub(crate) block: u32,
    /// The part's number of the stream, where all of the block is of one.
    pub(crate) only_stream: Option<u32>,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
}

impl BlockOrder {
    /// The blocks by their first time, oldest first, or by their last time, newest first.
    pub(crate) fn of<'a>(
        &self,
        blocks: impl Iterator<Item = &'a BlockMeta>,
        direction: Direction,
    ) -> &[BlockTimes] {
        let order = match direction {
            Direction::Forward => &self.oldest_first,
            Direction::Backward => &self.newest_first,
        };
        order.get_or_init(|| {
            let mut order: Vec<BlockTimes> = (0..)
                .zip(blocks)
                .map(|(block, meta)| BlockTimes::of(block, meta))
                .collect();
            match direction {
                Direction::Forward => order.sort_unstable_by_key(|of| (of.min_time, of.block)),
                Direction::Backward => {
                    order.sort_unstable_by_key(|of| (Reverse(of.max_time), of.block));
                }
            }
            order
        })
    }
}

impl BlockTimes {
    pub(crate) fn of(block: u32, meta: &BlockMeta) -> BlockTimes {
        let only_stream = if let [run] = &meta.runs[..] {
            Some(run.stream)
        } else {
            None
        };
        BlockTimes {
            block,
            only_stream,
            min_time: meta.min_time,
            max_time: meta.max_time,
        }
    }
}

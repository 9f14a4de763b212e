//! The blocks of a part in order of time, found once a part: who reads the newest first then looks at few of many.

use crate::part::BlockAt;
use std::sync::OnceLock;

/// Orders that somebody asked for.
#[derive(Debug, Default)]
pub(crate) struct BlockOrder {
    newest_first: OnceLock<Vec<BlockTimes>>,
    oldest_first: OnceLock<Vec<BlockTimes>>,
}

/// A block and its times: enough to pass over it without a look at its directory entry, which lies elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockTimes {
    pub(crate) block: u32,
    /// The part's number of the stream, where all of the block is of one.
    pub(crate) only_stream: Option<u32>,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
}

impl BlockOrder {
    /// The blocks by their last time, the newest first, or by their first time, the oldest first.
    pub(crate) fn of(&self, blocks: &[BlockAt], newest_first: bool) -> &[BlockTimes] {
        let order = if newest_first {
            &self.newest_first
        } else {
            &self.oldest_first
        };
        order.get_or_init(|| {
            let mut order: Vec<BlockTimes> = (0..)
                .zip(blocks)
                .map(|(block, at)| BlockTimes::of(block, at))
                .collect();
            match newest_first {
                true => order.sort_unstable_by_key(|of| (std::cmp::Reverse(of.max_time), of.block)),
                false => order.sort_unstable_by_key(|of| (of.min_time, of.block)),
            }
            order
        })
    }
}

impl BlockTimes {
    pub(crate) fn of(block: u32, at: &BlockAt) -> BlockTimes {
        let only_stream = if let [run] = &at.meta.runs[..] {
            Some(run.stream)
        } else {
            None
        };
        BlockTimes {
            block,
            only_stream,
            min_time: at.meta.min_time,
            max_time: at.meta.max_time,
        }
    }
}

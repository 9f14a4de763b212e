//! Any bytes as a block and its directory entry: an error or rows, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skald_block::{BlockMeta, decode};
use skald_model::Columns;

fuzz_target!(|input: (Vec<u8>, Vec<u8>)| {
    let (directory, bytes) = input;
    let Ok(meta) = BlockMeta::decode(&mut directory.as_slice()) else { return };
    let mut read = |range: std::ops::Range<u64>| {
        let slice = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok()).and_then(|(a, b)| bytes.get(a..b));
        slice.map(<[u8]>::to_vec).ok_or_else(|| std::io::Error::from(std::io::ErrorKind::UnexpectedEof))
    };
    if let Ok(batch) = decode(&meta, &Columns::ALL, &mut read) {
        assert_eq!(batch.len(), meta.rows as usize);
    }
});

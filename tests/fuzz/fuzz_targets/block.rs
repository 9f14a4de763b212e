//! Bytes as a block and its directory entry, and blocks that were written and then damaged.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| skald_fuzz::block::check(input));

//! A segment of good, damaged and foreign bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| skald_fuzz::wal::check(input));

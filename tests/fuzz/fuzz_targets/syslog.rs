//! Bytes as syslog, of a connection and as a batch.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| skald_fuzz::push::syslog(input));

//! Bytes as bodies for Splunk and Datadog.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| skald_fuzz::push::collectors(input));

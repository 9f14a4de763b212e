//! Bytes as logs of OpenTelemetry, in each encoding.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| skald_fuzz::push::otlp(input));

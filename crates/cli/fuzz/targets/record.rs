//! The record beside a partial file.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| tinyhttp_fuzz::properties::record(input));

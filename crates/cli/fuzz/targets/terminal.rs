//! What a server sends, on a terminal.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| tinyhttp_fuzz::properties::terminal(input));

//! Downloads that break off, from a server that changes the file and mislabels parts.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: tinyhttp_fuzz::properties::ignore_broken_pipes(),
    |input: &[u8]| tinyhttp_fuzz::properties::resume(input)
);

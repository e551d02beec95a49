//! Names that a server or a URL chooses for a file.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| tinyhttp_fuzz::properties::file_name(input));

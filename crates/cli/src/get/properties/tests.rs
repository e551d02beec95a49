//! The properties, for the seeds of their fuzz targets and for random bytes.

use super::*;
use proptest::prelude::*;
use std::fs;
use std::path::Path;

/// Calls a property with every seed of a target.
fn with_seeds(target: &str, holds: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let seeds: Vec<_> = fs::read_dir(folder).unwrap().collect();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    for seed in seeds {
        holds(&fs::read(seed.unwrap().path()).unwrap());
    }
}

#[test]
fn seeds_hold() {
    with_seeds("file_name", file_name);
    with_seeds("netrc", netrc);
    with_seeds("form", form);
    with_seeds("record", record);
    with_seeds("terminal", terminal);
    with_seeds("resume", resume::resume);
}

proptest! {
    #[test]
    fn names_of_files_are_plain(input in prop::collection::vec(any::<u8>(), 0..400)) {
        file_name(&input);
    }

    #[test]
    fn netrc_gives_no_password_to_another_host(input in prop::collection::vec(any::<u8>(), 0..200)) {
        netrc(&input);
    }

    #[test]
    fn forms_have_the_parts_that_were_asked_for(input in "([a-z;=\"\\\\,: \n]|type=|filename=){0,60}") {
        form(input.as_bytes());
    }

    #[test]
    fn nothing_acts_on_a_terminal(input in prop::collection::vec(any::<u8>(), 0..200)) {
        terminal(&input);
    }
}

proptest! {
    // Each of them is several downloads.
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_file_is_one_version(kind in prop::sample::select(vec![1u8, 0x11]), steps in prop::collection::vec(any::<u8>(), 0..48)) {
        resume::resume(&[&[kind], &*steps].concat());
    }
}

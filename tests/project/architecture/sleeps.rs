//! Tests wait for events, and advance the server's clock instead of waiting for a deadline. The few
//! that sleep are counted, and each of them gives its reason in a comment above.

use super::{CRATES, check_allowance, rust_files};
use std::path::PathBuf;

/// Sleeps in tests. The allowance only ever shrinks.
const SLEEPS: usize = 15;

/// The files that hold tests, or parts of them.
fn tests() -> Vec<PathBuf> {
    let mut files = rust_files(&support::root().join("tests"));
    for name in CRATES {
        let folder = support::root().join("crates").join(name);
        let all = ["src", "tests"].map(|part| folder.join(part));
        let all = all.iter().filter(|part| part.is_dir());
        files.extend(all.flat_map(|part| rust_files(part)));
    }
    files
}

/// The part of a file that only tests see.
fn test_part(path: &PathBuf) -> (usize, String) {
    let text = std::fs::read_to_string(path).unwrap();
    let inside = path.strip_prefix(support::root()).unwrap();
    let is_test = inside.components().any(|part| part.as_os_str() == "tests");
    let start = match is_test || path.ends_with("tests.rs") {
        true => Some(0),
        false => text.find("#[cfg(test)]"),
    };
    let start = start.unwrap_or(text.len());
    (text[..start].lines().count(), text[start..].to_owned())
}

#[test]
fn sleeps_are_counted_and_have_a_reason() {
    let mut sleeps = Vec::new();
    let mut without_reason = Vec::new();
    for path in tests() {
        let (skipped, text) = test_part(&path);
        let mut before = "";
        for (number, line) in (skipped + 1..).zip(text.lines()) {
            if line.trim_start().starts_with("std::thread::sleep(") {
                let place = format!("{}:{number}", path.display());
                if !before.trim_start().starts_with("//") {
                    without_reason.push(place.clone());
                }
                sleeps.push(place);
            }
            before = line;
        }
    }
    assert!(
        without_reason.is_empty(),
        "a comment above says why the test sleeps: {without_reason:#?}"
    );
    let problem = check_allowance("sleeps in tests (SLEEPS)", &sleeps, SLEEPS);
    assert_eq!(problem, None);
}

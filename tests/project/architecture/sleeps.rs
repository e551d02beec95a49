//! Tests wait for events, and advance the server's clock instead of waiting for a deadline. The few
//! that sleep give the reason in a comment above.

use super::{CRATES, rust_files};
use std::path::PathBuf;

/// The files that hold tests, or parts of them.
fn tests() -> Vec<PathBuf> {
    let mut files = rust_files(&support::root().join("tests"));
    // Programs with other libraries, beside which ours are counted and measured.
    files.retain(|file| !file.starts_with(support::root().join("tests/bench/libraries")));
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
fn sleeps_have_a_reason() {
    let mut without_reason = Vec::new();
    for path in tests() {
        let (skipped, text) = test_part(&path);
        let mut before = "";
        for (number, line) in (skipped + 1..).zip(text.lines()) {
            let sleeps = line.contains(concat!("thread::sleep", "("));
            if sleeps && !before.trim_start().starts_with("//") {
                without_reason.push(format!("{}:{number}", path.display()));
            }
            before = line;
        }
    }
    assert!(
        without_reason.is_empty(),
        "a comment above says why the test sleeps: {without_reason:#?}"
    );
}

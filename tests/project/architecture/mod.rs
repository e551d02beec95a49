//! The architecture holds: boundaries between crates, layers within them, and how the source reads.
//!
//! | module | holds |
//! |---|---|
//! | `layers` | imports form no cycle and lead downwards; modules are listed in docs |
//! | `language` | the width of comments, person words, results within results |
//! | `sizes` | the sizes of functions, structs and files |
//! | `sleeps` | tests that sleep, and their reasons |
//! | `toolchain` | the oldest Rust that the source keeps to |
//! | `modules` | a crate's modules and imports, read from its source |
//! | `tokens` | Rust source as tokens |

mod language;
mod layers;
mod modules;
mod sizes;
mod sleeps;
mod tokens;
mod toolchain;

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

const CRATES: [&str; 4] = ["message", "server", "client", "cli"];

/// The file that is a crate's root.
fn root_file(name: &str) -> PathBuf {
    let file = if name == "cli" { "main.rs" } else { "lib.rs" };
    let src = support::root().join("crates").join(name).join("src");
    src.join(file)
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn source(name: &str) -> Vec<(PathBuf, String)> {
    let files = rust_files(&support::root().join("crates").join(name).join("src"));
    assert!(!files.is_empty());
    files
        .into_iter()
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect()
}

/// What is wrong with a count that only ever shrinks: it is larger than its allowance, or the
/// allowance is larger than the count.
fn check_allowance(what: &str, found: &[String], allowed: usize) -> Option<String> {
    let count = found.len();
    match count.cmp(&allowed) {
        Ordering::Equal => None,
        Ordering::Less => Some(format!(
            "{what}: the allowance is {allowed}; lower it to {count}"
        )),
        Ordering::Greater => Some(format!(
            "{what}: {count} are found, the allowance is {allowed}:\n{}",
            found.join("\n")
        )),
    }
}

/// The code without its tests and comments, in which a word means what it says.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn crates_depend_on_no_forbidden_crate() {
    let manifest = |name: &str| {
        let path = support::root().join("crates").join(name).join("Cargo.toml");
        let text = std::fs::read_to_string(path).unwrap();
        // Dependencies of tests only do not count.
        text.split("[dev-dependencies]").next().unwrap().to_owned()
    };
    let table = "
        message => tinyhttp-server tinyhttp-client rustix socket2
        server => tinyhttp-client httparse clap
        client => tinyhttp-server httparse clap
        cli => httparse
    ";
    for (name, forbidden) in table::cases(table) {
        let manifest = manifest(name);
        for dependency in forbidden.split(' ') {
            assert!(
                !manifest.contains(&format!("\n{dependency}")),
                "{name} must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn the_message_crate_has_no_input_or_output() {
    for (path, text) in source("message") {
        let code = code(&text);
        for word in [
            "std::net",
            "std::fs",
            "std::thread",
            "Instant::now",
            "SystemTime::now",
            "Utc::now",
        ] {
            assert!(!code.contains(word), "{} mentions {word}", path.display());
        }
    }
}

#[test]
fn only_one_file_knows_httparse_and_only_one_reads_the_framing_fields() {
    let is_code = |path: &Path| !path.ends_with("tests.rs");
    for (path, text) in source("message")
        .into_iter()
        .filter(|(path, _)| is_code(path))
    {
        let (name, code) = (path.file_name().unwrap().to_str().unwrap(), code(&text));
        assert!(
            name == "head.rs" || !code.contains("httparse"),
            "{} mentions httparse",
            path.display()
        );
        if name != "framing.rs" {
            for field in ["content-length", "transfer-encoding", "\"connection\""] {
                assert!(!code.contains(field), "{} reads {field}", path.display());
            }
        }
    }
}

#[test]
fn nothing_is_unsafe() {
    for name in CRATES {
        let root = std::fs::read_to_string(root_file(name)).unwrap();
        assert!(
            root.contains("#![forbid(unsafe_code)]"),
            "{name} does not forbid unsafe"
        );
        for (path, text) in source(name) {
            assert!(
                !code(&text).contains("unsafe "),
                "{} is unsafe",
                path.display()
            );
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for name in CRATES {
        for (path, text) in source(name) {
            assert!(
                text.starts_with("//! "),
                "{} has no first doc line",
                path.display()
            );
        }
    }
}

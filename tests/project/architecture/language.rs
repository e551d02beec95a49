//! How the source reads: the width of comments, and words that make persons of things.
//!
//! The allowances only ever shrink: a change that lowers a count lowers its allowance.

use super::{CRATES, rust_files, source};

/// Lines of comments that are wider than 100 columns, at most, in `crates/NAME/`.
const WIDE: &[(&str, usize)] = &[("message", 0), ("server", 242), ("client", 16), ("cli", 8)];

/// Lines with *who, whoever, nobody, somebody*, at most, in `crates/NAME/src/`.
const PERSONS: &[(&str, usize)] = &[("message", 0), ("server", 21), ("client", 28), ("cli", 3)];

const WIDEST: usize = 100;

fn allowed(table: &[(&str, usize)], name: &str) -> usize {
    table.iter().find(|(known, _)| *known == name).unwrap().1
}

#[test]
fn no_comment_is_wider_than_100_columns() {
    let mut problems = Vec::new();
    for name in CRATES {
        let mut wide = Vec::new();
        for path in rust_files(&support::root().join("crates").join(name)) {
            let text = std::fs::read_to_string(&path).unwrap();
            for (number, line) in (1..).zip(text.lines()) {
                let is_comment = line.trim_start().starts_with("//");
                if is_comment && line.chars().count() > WIDEST {
                    wide.push(format!("{}:{number}", path.display()));
                }
            }
        }
        let most = allowed(WIDE, name);
        if wide.len() > most {
            problems.push(format!(
                "{name}: {} comment lines are wider than {WIDEST} columns, {most} may be:\n{}",
                wide.len(),
                wide.join("\n")
            ));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn things_are_not_persons() {
    let is_person = |word: &str| ["who", "whoever", "nobody", "somebody"].contains(&word);
    let mut problems = Vec::new();
    for name in CRATES {
        let mut found = Vec::new();
        for (path, text) in source(name) {
            for (number, line) in (1..).zip(text.lines()) {
                let line = line.to_lowercase();
                if line
                    .split(|other: char| !other.is_alphanumeric())
                    .any(is_person)
                {
                    found.push(format!("{}:{number}", path.display()));
                }
            }
        }
        let most = allowed(PERSONS, name);
        if found.len() > most {
            problems.push(format!(
                "{name}: {} lines say who, whoever, nobody or somebody, {most} may:\n{}",
                found.len(),
                found.join("\n")
            ));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

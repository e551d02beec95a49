//! How the source reads: the width of comments, words that make persons of things, and results
//! within results.
//!
//! The allowances only ever shrink: a change that lowers a count lowers its allowance, or the test
//! fails.

use super::tokens::{Token, tokens};
use super::{CRATES, check_allowance, rust_files, source};
use std::path::{Path, PathBuf};

/// Lines of comments that are wider than 100 columns in each folder.
const WIDE: &[(&str, usize)] = &[
    ("crates/message", 0),
    ("crates/server", 0),
    ("crates/client", 0),
    ("crates/cli", 0),
    ("tests", 0),
];

/// Words for persons, which a program has none of.
const PERSONS: &[&str] = &[
    "who",
    "whoever",
    "nobody",
    "somebody",
    "someone",
    "anybody",
    "anyone",
    "everybody",
];

/// Files in which such a word names itself, or a user of the system.
const WORDS_THEMSELVES: &[&str] = &[
    "CONTRIBUTING.md",
    "tests/get/help.rs",
    "tests/project/architecture/language.rs",
];

const WIDEST: usize = 100;

#[test]
fn no_comment_is_wider_than_100_columns() {
    let mut problems = Vec::new();
    for (folder, allowed) in WIDE {
        let mut wide = Vec::new();
        for path in rust_files(&support::root().join(folder)) {
            let text = std::fs::read_to_string(&path).unwrap();
            for (number, line) in (1..).zip(text.lines()) {
                let is_comment = line.trim_start().starts_with("//");
                if is_comment && line.chars().count() > WIDEST {
                    wide.push(format!("{}:{number}", path.display()));
                }
            }
        }
        let what = format!("{folder}: comments wider than {WIDEST} columns (WIDE)");
        problems.extend(check_allowance(&what, &wide, *allowed));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The text files of the repository that have prose of ours: everything but the guide, which speaks
/// of persons, too, and data.
fn prose() -> Vec<PathBuf> {
    let root = support::root();
    let mut files: Vec<_> = ["crates", "tests", "docs", "deploy"]
        .iter()
        .flat_map(|folder| all_files(&root.join(folder)))
        .collect();
    files.extend(
        [
            "README.md",
            "SECURITY.md",
            "CONTRIBUTING.md",
            "Makefile",
            "Cargo.toml",
        ]
        .map(|name| root.join(name)),
    );
    let has_prose = |path: &PathBuf| {
        let kind = path.extension().and_then(|extension| extension.to_str());
        let is_prose = matches!(
            kind,
            Some("rs" | "py" | "md" | "toml" | "service" | "socket")
        );
        is_prose || path.ends_with("Makefile")
    };
    let is_data = |path: &PathBuf| {
        let mut parts = path.components();
        parts.any(|part| {
            ["target", "corpus", "seeds"]
                .iter()
                .any(|name| part.as_os_str() == *name)
        })
    };
    files.retain(|path| has_prose(path) && !is_data(path));
    files
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| !path.ends_with("target") && !path.is_symlink())
        .flat_map(|path| match path.is_dir() {
            true => all_files(&path),
            false => vec![path],
        })
        .collect()
}

#[test]
fn things_are_not_persons() {
    let mut found = Vec::new();
    for path in prose() {
        let inside = path.strip_prefix(support::root()).unwrap();
        if WORDS_THEMSELVES
            .iter()
            .any(|name| inside == Path::new(name))
        {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in (1..).zip(text.lines()) {
            // A user of that name exists on every system.
            let line = line.to_lowercase();
            let line = line.replace("\"nobody", "").replace("user = nobody", "");
            let mut words = line.split(|other: char| !other.is_alphanumeric());
            if words.any(|word| PERSONS.contains(&word)) {
                found.push(format!("{}:{number}", inside.display()));
            }
        }
    }
    assert!(
        found.is_empty(),
        "a connection, worker, client, kernel or caller acts, not {PERSONS:?}: {found:#?}"
    );
}

/// Whether a `Result` or an `Option` holds another one of its kind, for which an enum has better
/// names: `Result<io::Result<_>, _>`, `Option<Option<_>>`.
fn is_nested(tokens: &[Token]) -> bool {
    let [kind, less, path @ ..] = tokens else {
        return false;
    };
    let is_kind = matches!(kind.word(), Some("Result" | "Option"));
    // The first argument ends its path where generics begin or end, or the next argument does.
    let end = path
        .iter()
        .position(|token| matches!(token, Token::Sign(_)));
    let inner = path[..end.unwrap_or(path.len())].last();
    is_kind && less.is('<') && inner.and_then(Token::word) == kind.word()
}

#[test]
fn no_result_is_within_a_result() {
    let mut found = Vec::new();
    for name in CRATES {
        for (path, text) in source(name) {
            let tokens = tokens(&text);
            let count = (0..tokens.len())
                .filter(|at| is_nested(&tokens[*at..]))
                .count();
            if count > 0 {
                found.push(format!("{}: {count}", path.display()));
            }
        }
    }
    assert!(
        found.is_empty(),
        "an enum names its cases: {}",
        found.join(", ")
    );
}

#[test]
fn results_within_results_are_recognised() {
    let table = [
        ("Result<Result<(), A>, B>", true),
        ("io::Result<io::Result<u8>>", true),
        ("Result<std::io::Result<()>, B>", true),
        ("Option<Option<u16>>", true),
        ("Option<Result<u8, A>>", false),
        ("Result<Option<u8>, A>", false),
        ("Result<Vec<Result<u8, A>>, B>", false),
        ("Result<(), Result<u8, A>>", false),
        ("a < Option && b", false),
    ];
    for (text, want) in table {
        let tokens = tokens(text);
        let is_found = (0..tokens.len()).any(|at| is_nested(&tokens[at..]));
        assert_eq!(is_found, want, "{text}");
    }
}

//! What the documents name is there: each path in backticks, and each target of `make`.

use std::collections::BTreeSet;
use std::path::Path;
use support::root;

/// Named in `docs/architecture.md`, which says that they don't exist yet.
const NOT_YET: &[&str] = &[];

/// The documents, with their names.
pub(super) fn documents() -> Vec<(String, String)> {
    let mut names: Vec<String> = ["README.md", "CONTRIBUTING.md", "SECURITY.md"]
        .map(str::to_owned)
        .into();
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            names.push(format!("docs/{name}"));
        }
    }
    names
        .into_iter()
        .map(|name| {
            let text = std::fs::read_to_string(root().join(&name)).unwrap();
            (name, text)
        })
        .collect()
}

/// The text in backticks, without blocks of code.
fn spans(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose
        .flat_map(|prose| prose.split('`').skip(1).step_by(2))
        .collect()
}

/// Every file and directory of the repository, relative to its root, but what was built.
fn entries(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("target") || path.ends_with(".git") || path.ends_with("corpus") {
            continue;
        }
        let name = path.strip_prefix(root()).unwrap();
        found.insert(name.to_str().unwrap().to_owned());
        if path.is_dir() {
            entries(&path, found);
        }
    }
}

/// Whether a word in backticks names something of the repository: it has a slash, or is the name of
/// a file that only a repository has. Absolute paths and what is built are not of the repository.
fn is_path(word: &str) -> bool {
    let is_sign = |sign: char| sign.is_ascii_alphanumeric() || "_./*-".contains(sign);
    let kinds = [".rs", ".md", ".toml"];
    word.chars().all(is_sign)
        && !word.starts_with('/')
        && !word.starts_with("target/")
        && (word.contains('/') || kinds.iter().any(|kind| word.ends_with(kind)))
}

/// Whether a path is there: from the root, or below the source of a crate.
fn is_there(path: &str, entries: &BTreeSet<String>) -> bool {
    let want: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let fits = |entry: &[&str]| {
        entry.len() == want.len()
            && entry
                .iter()
                .zip(&want)
                .all(|(entry, want)| *want == "*" || entry == want)
    };
    entries.iter().any(|entry| {
        let parts: Vec<&str> = entry.split('/').collect();
        let below_source = parts.get(2) == Some(&"src") && parts.len() > 2 + want.len();
        fits(&parts) || below_source && fits(&parts[parts.len() - want.len()..])
    })
}

#[test]
fn every_path_exists() {
    let mut entries_found = BTreeSet::new();
    entries(&root(), &mut entries_found);
    let (mut missing, mut count) = (Vec::new(), 0);
    for (document, text) in documents() {
        for span in spans(&text) {
            let words: Vec<&str> = span.split_whitespace().collect();
            for word in &words {
                // Among the words of a command a path begins with a directory of the repository.
                let first = word.split('/').next().unwrap();
                if !is_path(word) || words.len() > 1 && !entries_found.contains(first) {
                    continue;
                }
                count += 1;
                if !NOT_YET.contains(word) && !is_there(word, &entries_found) {
                    missing.push(format!("{document}: {word}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(count > 100, "{count} paths were found");
    for path in NOT_YET {
        assert!(!is_there(path, &entries_found), "{path} exists now");
    }
}

#[test]
fn every_target_of_make_exists() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let is_target = |name: &str| {
        let rule = format!("{name}:");
        makefile.lines().any(|line| line.starts_with(&rule))
    };
    let mut count = 0;
    for (document, text) in documents() {
        let commands = spans(&text).into_iter().chain(text.lines());
        for words in commands.filter_map(|command| command.strip_prefix("make ")) {
            let name = words.split_whitespace().next().unwrap();
            assert!(is_target(name), "{document}: make {name}");
            count += 1;
        }
    }
    assert!(count > 15, "{count} commands were found");
}

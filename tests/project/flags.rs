//! The flags that README, documents and guide name are flags of the program, so that a renamed one
//! is noticed also where its command is not run.

use super::documents::documents;
use std::collections::{BTreeMap, BTreeSet};
use support::{root, tinyhttp};

/// Flags of other programs that prose names: of cargo.
const OF_OTHERS: &[&str] = &["--no-default-features"];

/// The flags of a subcommand, as its help lists them.
fn flags(subcommand: &str) -> BTreeSet<String> {
    let output = tinyhttp().args([subcommand, "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    // A flag is at the beginning of its line, its long name perhaps behind a short one.
    let heads = help
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with('-'));
    let words = heads.flat_map(|line| line.split([' ', ',', '=', '[']));
    words
        .filter(|word| word.starts_with('-'))
        .map(str::to_owned)
        .collect()
}

/// The documents, and the pages of the guide with their tags removed.
fn texts() -> Vec<(String, String)> {
    let mut texts = documents();
    let mut folders = vec![root().join("www")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "html") {
                let text = std::fs::read_to_string(&path).unwrap();
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                texts.push((name, without_tags(&text)));
            }
        }
    }
    texts
}

/// The text of a page. An element for code becomes a span in backticks.
fn without_tags(page: &str) -> String {
    let page = page.replace("<code>", "`").replace("</code>", "`");
    let mut text = String::new();
    let mut pieces = page.split('<');
    text.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        text.push_str(piece.split_once('>').map_or("", |(_, text)| text));
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// The words of a command, up to its comment, its end, or the next command.
fn words(command: &str) -> impl Iterator<Item = &str> {
    let end = command
        .find(['`', '\n', '|', ';', '>'])
        .unwrap_or(command.len());
    let line = command[..end].split(" #").next().unwrap_or_default();
    line.split_whitespace()
}

/// The flag in a word: `--name` of `--name=value`, `-n` of `-nvalue`.
fn flag(word: &str) -> Option<&str> {
    let word = word.trim_matches(|sign| "'\",.:()".contains(sign));
    if let Some(name) = word.strip_prefix("--") {
        let is_sign = |sign: char| sign.is_ascii_alphanumeric() || sign == '-';
        let end = name.find(|sign| !is_sign(sign)).unwrap_or(name.len());
        return (end > 0).then(|| &word[..end + 2]);
    }
    let first = word.strip_prefix('-')?.chars().next()?;
    first.is_ascii_alphabetic().then(|| &word[..2])
}

#[test]
fn commands_have_flags_of_the_program() {
    let known: BTreeMap<&str, BTreeSet<String>> = ["serve", "get"]
        .map(|subcommand| (subcommand, flags(subcommand)))
        .into();
    let mut wrong = BTreeSet::new();
    let mut seen = 0;
    for (name, text) in texts() {
        for (subcommand, known) in &known {
            for command in text.split(&format!("tinyhttp {subcommand} ")).skip(1) {
                for flag in words(command).filter_map(flag) {
                    seen += 1;
                    if !known.contains(flag) {
                        wrong.insert(format!("{name}: tinyhttp {subcommand} {flag}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen > 50, "{seen} flags were found");
}

#[test]
fn flags_in_prose_are_flags_of_the_program() {
    let known: BTreeSet<String> = ["serve", "get"].into_iter().flat_map(flags).collect();
    let mut wrong = BTreeSet::new();
    for (name, text) in texts() {
        let prose = text.split("```").step_by(2);
        for span in prose.flat_map(|prose| prose.split('`').skip(1).step_by(2)) {
            let word = span.split_whitespace().next().unwrap_or_default();
            if let Some(flag) = flag(word).filter(|flag| flag.starts_with("--")) {
                // `--proxy-…` stands for several flags.
                let is_known = match flag.ends_with('-') {
                    true => known.iter().any(|known| known.starts_with(flag)),
                    false => known.contains(flag),
                };
                if !is_known && !OF_OTHERS.contains(&flag) {
                    wrong.insert(format!("{name}: {flag}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

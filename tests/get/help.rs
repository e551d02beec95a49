//! `get -h` fits on a screen, and `get --help` says everything.

use crate::script::{command, run};

fn help(flag: &str) -> String {
    run(command(["get", flag]), b"")
        .succeeds()
        .text()
        .to_owned()
}

#[test]
fn short_help_fits_on_a_screen_and_has_ten_examples() {
    let text = help("-h");
    assert!(text.lines().count() <= 24, "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    let examples: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("  tinyhttp get "))
        .collect();
    assert_eq!(examples.len(), 10, "{text}");
    for example in examples {
        let (line, explanation) = example.split_once("  ").unwrap();
        assert!(!explanation.trim().is_empty(), "{example}");
        // The shell's quotes are the only ones.
        let words = line.split(' ').map(|word| word.trim_matches('\''));
        let words: Vec<_> = words
            .filter(|word| !matches!(*word, "-u" | "ada"))
            .collect();
        let mut command = command(["get", "--dry-run"]);
        let folder = support::Folder::new()
            .with("cat.jpg", "x")
            .with("notes.txt", "x");
        let outcome = run(
            {
                command.args(words).current_dir(folder.path());
                command
            },
            b"",
        );
        assert_eq!(outcome.code, 0, "{example}: {outcome:?}");
    }
    assert!(text.contains("tinyhttp get --help"), "{text}");
}

#[test]
fn long_help_explains_every_flag_on_its_own() {
    let text = help("--help");
    for part in [
        "--max-redirs",
        "--dump-header",
        "Exit codes",
        "--help",
        "--version",
    ] {
        assert!(text.contains(part), "{part}");
    }
    let lower = text.to_lowercase();
    for phrase in [
        "the same", "so many", "so long", "so often", "nobody", "whoever", "somebody", "for ever",
        "told",
    ] {
        assert!(!lower.contains(phrase), "{phrase}");
    }
    // Each flag's text begins with a capital letter, and is not a reply to the one before.
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.windows(2) {
        let name = pair[0].trim_start();
        let is_flag =
            name.starts_with('-') && !name.starts_with("- ") && pair[1].starts_with("          ");
        let begins = pair[1].trim_start().chars().next();
        let is_sentence = begins.is_some_and(char::is_uppercase);
        assert!(!is_flag || is_sentence, "{pair:?}");
    }
}

#[test]
fn the_version_is_printed() {
    for flag in ["-V", "--version"] {
        let text = help(flag);
        assert!(text.starts_with("tinyhttp"), "{text}");
        assert!(text.trim().ends_with(env!("CARGO_PKG_VERSION")), "{text}");
    }
}

//! The hint for a command line without a command: for `tinyhttp dist`, `tinyhttp serve dist`.

use crate::paths::directory_of;
use crate::visible::visible;
use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;
use std::path::Path;

/// Two lines that say what to write instead, where clap's own message would not; otherwise `None`.
/// `parse` returns the error of another command line.
pub(crate) fn explain(
    error: &Error,
    arguments: &[OsString],
    parse: impl Fn(&[OsString]) -> Option<ErrorKind>,
) -> Option<String> {
    match error.kind() {
        ErrorKind::InvalidUtf8 => not_text(arguments, parse),
        _ => command_meant(error, arguments),
    }
}

/// Names the argument that is not UTF-8 and has to be: the one without which the error would be
/// another.
fn not_text(
    arguments: &[OsString],
    parse: impl Fn(&[OsString]) -> Option<ErrorKind>,
) -> Option<String> {
    let as_text = |index: &usize| arguments[*index].to_string_lossy().into_owned();
    let is_the_cause = |index: &usize| {
        let mut changed = arguments.to_vec();
        changed[*index] = as_text(index).into();
        parse(&changed) != Some(ErrorKind::InvalidUtf8)
    };
    let mut others = (0..arguments.len()).filter(|index| arguments[*index].to_str().is_none());
    let first = others.clone().next()?;
    let word = as_text(&others.find(is_the_cause).unwrap_or(first));
    let message = format!(
        "tinyhttp: '{word}' is not UTF-8, and text is needed there\n  \
         paths, data, fields, users and URLs may have any bytes; other arguments may not\n"
    );
    Some(visible(&message).to_string())
}

/// Names the command that was meant, if the first word is a directory, a file or a URL.
fn command_meant(error: &Error, arguments: &[OsString]) -> Option<String> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let is_similar = error.get(ContextKind::SuggestedSubcommand).is_some();
    // Arguments that aren't UTF-8 can't be copied into the hint.
    let words = arguments.iter().map(|word| word.to_str().map(quoted));
    let rest: Vec<String> = words.collect::<Option<_>>()?;
    let rest = rest.join(" ");
    let path = Path::new(word);
    let try_this = if path.exists() && cfg!(not(feature = "serve")) {
        "this program was built without the command that serves directories".to_owned()
    } else if path.is_dir() {
        format!("to serve that directory: tinyhttp serve {rest}")
    } else if is_url(word) && !path.exists() {
        format!("to fetch that URL: tinyhttp get {rest}")
    } else if path.is_file() {
        let dir = quoted(&directory_of(path).to_string_lossy());
        format!("that is a file; to serve its directory: tinyhttp serve {dir}")
    } else if is_similar {
        return None;
    } else if cfg!(not(feature = "serve")) {
        "to fetch a URL: tinyhttp get URL".to_owned()
    } else {
        "to serve a directory: tinyhttp serve DIR; to fetch a URL: tinyhttp get URL".to_owned()
    };
    let message = format!("tinyhttp: '{word}' is not a command\n  {try_this}\n");
    Some(visible(&message).to_string())
}

/// Whether a word looks like a URL: it has a scheme, or a host that only a URL would have.
fn is_url(word: &str) -> bool {
    let host = word.split(['/', '?', '#']).next().unwrap_or_default();
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    word.contains("://")
        || (!host.is_empty() && !port.is_empty() && port.parse::<u16>().is_ok())
        || name == "localhost"
        || name.starts_with('[')
        || name
            .split_once('.')
            .is_some_and(|(first, rest)| !first.is_empty() && !rest.is_empty())
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "-_./:=,@%+~".contains(character);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_look_like_urls() {
        for word in [
            "http://a",
            "https://a/b?c",
            "ftp://x",
            "example.org",
            "example.org/a",
            "localhost",
            "localhost/x",
            "localhost:8080",
            ":8080",
            "a:80",
            "127.0.0.1:8080",
            "[::1]:80",
        ] {
            assert!(is_url(word), "{word}");
        }
        for word in [
            "dist", "./dist", "../dist", ".hidden", "a/b", "", "a:b", "/a.b",
        ] {
            assert!(!is_url(word), "{word}");
        }
    }

    #[test]
    fn words_in_a_shell() {
        let table = [
            ("a-b/c.d", "a-b/c.d"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("*", "'*'"),
        ];
        for (word, want) in table {
            assert_eq!(quoted(word), want);
        }
    }
}

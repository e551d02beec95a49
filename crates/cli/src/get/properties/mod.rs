//! What holds for any input of what `get` reads, as functions that panic where it doesn't. The fuzz
//! targets in `crates/cli/fuzz` call them with the inputs that libFuzzer finds; the tests with
//! random ones, and with the targets' seeds.
//!
//! | function | input | what holds |
//! |---|---|---|
//! | [`file_name`] | Content-Disposition, a URL's path | a visible name of at most 255 bytes |
//! | [`netrc`] | a file, and entries of it | no password goes to another host |
//! | [`form`] | arguments of -F | the content is the parts that were asked for |
//! | [`record`] | the record beside a partial file | one that is read is written the same |
//! | [`terminal`] | heads and JSON | nothing acts on a terminal; no token of JSON is changed |
//! | [`resume::resume`] | what a server does during a download | a file is one version, and whole |
//!
//! `form` and `resume` hold the longer two, and `tests` calls them all.

mod form;
pub(crate) mod resume;
#[cfg(test)]
mod tests;

pub(crate) use form::form;

use super::output::{json, names, terminal as heads, version};
use super::request::netrc::Netrc;
use crate::visible::{is_dangerous, visible};
use http::{HeaderMap, HeaderValue, header};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use url::Url;

/// Names that the server or the URL chooses.
pub(crate) fn file_name(input: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(input) {
        let mut fields = HeaderMap::new();
        fields.insert(header::CONTENT_DISPOSITION, value);
        assert_is_plain(names::from_fields(&fields).as_deref());
    }
    // The whole input as a parameter of its own: few inputs begin with a type.
    for prefix in ["attachment; filename=", "attachment; filename*=UTF-8''"] {
        let value = [prefix.as_bytes(), input].concat();
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            let mut fields = HeaderMap::new();
            fields.insert(header::CONTENT_DISPOSITION, value);
            assert_is_plain(names::from_fields(&fields).as_deref());
        }
    }
    let path = percent_encoding::percent_encode(input, percent_encoding::NON_ALPHANUMERIC);
    let lossy = String::from_utf8_lossy(input);
    for path in [path.to_string(), lossy.into_owned()] {
        if let Ok(url) = Url::parse(&format!("http://h/{path}")) {
            assert_is_plain(names::from_url(&url).as_deref());
        }
    }
}

fn assert_is_plain(name: Option<&OsStr>) {
    let Some(bytes) = name.map(OsStr::as_bytes) else {
        return;
    };
    assert!((1..=255).contains(&bytes.len()), "{} bytes", bytes.len());
    assert!(!bytes.starts_with(b"."), "{bytes:?} is hidden");
    let separates = |byte: &u8| matches!(byte, b'/' | b'\\' | 0);
    assert!(!bytes.iter().any(separates), "{bytes:?} has a separator");
    for chunk in bytes.utf8_chunks() {
        assert!(!chunk.valid().contains(is_dangerous), "{bytes:?}");
        assert!(!chunk.invalid().iter().any(u8::is_ascii_control));
    }
}

/// `~/.netrc`. The first bytes make up entries of three hosts, the others are a file as they are.
pub(crate) fn netrc(input: &[u8]) {
    let hosts = ["a.test", "b.test", "c.test"];
    // A host that the file doesn't name gets a password only from a default entry.
    let plain: Vec<u8> = input.to_ascii_lowercase();
    let plain: Vec<u8> = plain
        .into_iter()
        .filter(|byte| !matches!(byte, b'\\' | b'"'))
        .collect();
    let has = |word: &str| {
        plain
            .windows(word.len())
            .any(|part| part == word.as_bytes())
    };
    for host in hosts {
        let found = Netrc::parse(input).and_then(|netrc| netrc.look_up(host, None));
        assert!(found.is_none() || has(host) || has("default"), "{host}");
    }
    // Entries that are written in quotes are read as they are.
    let words: Vec<&[u8]> = input.splitn(7, |byte| *byte == b'\n').take(6).collect();
    let mut text = Vec::new();
    for (pair, host) in words.chunks_exact(2).zip(hosts) {
        let line = [b"machine ", host.as_bytes(), b" login "].concat();
        text.extend(
            [
                &line,
                &*quoted(pair[0]),
                b" password ",
                &quoted(pair[1]),
                b"\n",
            ]
            .concat(),
        );
    }
    let netrc = Netrc::parse(&text).expect("closed quotes");
    for (pair, host) in words.chunks_exact(2).zip(hosts) {
        let login = netrc.look_up(host, None).expect("an entry");
        assert_eq!(
            (&*login.user, &*login.password),
            (pair[0], pair[1]),
            "{host}"
        );
    }
    assert_eq!(netrc.look_up("other.test", None), None);
}

fn quoted(word: &[u8]) -> Vec<u8> {
    let mut text = vec![b'"'];
    for byte in word {
        if matches!(byte, b'"' | b'\\') {
            text.push(b'\\');
        }
        text.push(*byte);
    }
    text.push(b'"');
    text
}

/// The record beside a partial file.
pub(crate) fn record(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Some(version) = version::Version::parse(text) {
        let again = version::Version::parse(&version.text());
        assert_eq!(again.as_ref(), Some(&version));
        if let Some(total) = version.total {
            assert!(version.present(total) <= total);
        }
    }
}

/// What a server sends, on a terminal: a head, an error message, JSON in pieces.
pub(crate) fn terminal(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let acts = |character: char| !matches!(character, '\n' | '\t') && is_dangerous(character);
    assert!(!visible(&text).to_string().contains(acts));
    assert!(!heads::head(input, false).contains(acts));
    let squeeze = |text: &str| text.replace([' ', '\n', '\t', '\r'], "");
    let whole = indented(&text, usize::MAX);
    assert!(!whole.contains(acts));
    let is_plain = !text.contains(is_dangerous);
    assert!(!is_plain || squeeze(&whole) == squeeze(&text), "{whole:?}");
    let step = 1 + usize::from(input.first().copied().unwrap_or(0) % 7);
    assert_eq!(indented(&text, step), whole, "in pieces of {step}");
}

/// JSON as it is shown, if it comes in pieces of `step` characters.
fn indented(text: &str, step: usize) -> String {
    let mut indenter = json::Indenter::new(false);
    let mut shown = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .char_indices()
            .nth(step)
            .map_or(rest.len(), |(at, _)| at);
        shown += &indenter.indent(&rest[..end]);
        rest = &rest[end..];
    }
    shown + &indenter.finish()
}

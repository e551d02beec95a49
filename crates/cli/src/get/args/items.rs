//! Items behind the URL, as in HTTPie: `PUT h.test/x X-Token:1 name=Ada age:=36 q==term
//! photo@cat.jpg`.
//!
//! | item | becomes |
//! |---|---|
//! | `Name:value` | a field; `Name:` takes it out, as with `-H` |
//! | `name==value` | a parameter in the URL's query |
//! | `name=value`, `name=@FILE` | a string in a JSON value |
//! | `name:=value`, `name:=@FILE` | any value in it |
//! | `name@FILE` | a file in a form, and items with `=` are parts of that form |
//!
//! Names of JSON items may be paths such as `user[name]` and `tags[]`; in a form they are sent as
//! they are. A backslash before a separator makes it text.
//!
//! A word in capitals before the URL is the method, and then all words behind the URL are items.
//! Otherwise there may be further URLs: words that could be one are. A host and a port look like a
//! field; fields begin with a capital letter.

use super::bytes::{self, UNRESERVED, quoted, split_once};
use super::nested::Tree;
use super::{Args, FormPart, Given};
use crate::failure::Failure;
use crate::get::failure::read_failure;
use percent_encoding::percent_encode;
use serde_json::Value;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The longer ones first: where two of them begin at the same place, the longer is meant.
const SEPARATORS: [&str; 5] = [":=", "==", "=", ":", "@"];
/// Characters that a backslash makes text.
const SPECIAL: &[u8] = b":=@;";

struct Item {
    name: Vec<u8>,
    separator: &'static str,
    value: Vec<u8>,
}

/// The value of an item that is part of the content.
enum Content {
    Text(Vec<u8>),
    Json(Value),
}

impl Args {
    /// Takes method and items out of the words that are not flags, and does with them what flags
    /// would.
    pub(super) fn read_items(&mut self) -> Result<(), Failure> {
        let mut words = std::mem::take(&mut self.urls);
        let method = words.first().and_then(|word| word.to_str());
        let method = method.filter(|word| words.len() > 1 && is_method(word));
        let has_method = method.is_some();
        if let Some(method) = method.map(str::to_owned) {
            words.remove(0);
            self.request.request.get_or_insert(method);
        }
        let first = words.len().min(1);
        let mut contents = Vec::new();
        for word in words.split_off(first) {
            let item = Item::read(word.as_bytes());
            match item.filter(|item| has_method || !item.may_be_url(word.as_bytes())) {
                Some(item) => self.add(item, &mut words, &mut contents)?,
                None if has_method => {
                    let what = format!(
                        "{word:?} is none of Name:value, name=value, name:=value, name==value, name@FILE"
                    );
                    return Err(Failure::with_code(2, what));
                }
                None => words.push(word),
            }
        }
        self.urls = words;
        match self.request.form.0.is_empty() {
            true => self.add_json(contents),
            false => {
                self.add_to_form(contents);
                Ok(())
            }
        }
    }

    /// Applies one item. The first of the words is the URL.
    fn add(
        &mut self,
        item: Item,
        words: &mut [OsString],
        contents: &mut Vec<(Vec<u8>, Content)>,
    ) -> Result<(), Failure> {
        let Item {
            name,
            separator,
            value,
        } = item;
        match separator {
            ":" => {
                let space: &[u8] = if value.is_empty() { b"" } else { b" " };
                let line = [&name, &b":"[..], space, &value].concat();
                self.request.header.push(bytes::argument(line));
            }
            "==" => add_parameter(&mut words[0], &name, &value),
            "@" => self.request.form.0.push(file_part(name, &value)),
            "=" => contents.push((name, Content::Text(or_file(value)?))),
            _ => {
                let text = or_file(value)?;
                let json = serde_json::from_slice(&text).map_err(|error| {
                    Failure::with_code(2, format!("{} is not JSON: {error}", quoted(&text)))
                        .hint("a text is written as name=text")
                })?;
                contents.push((name, Content::Json(json)));
            }
        }
        Ok(())
    }

    /// Sends the items as one JSON value.
    fn add_json(&mut self, contents: Vec<(Vec<u8>, Content)>) -> Result<(), Failure> {
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).map_err(|error| {
                let what = format!(
                    "{} is not UTF-8, as JSON has to be",
                    quoted(error.as_bytes())
                );
                Failure::with_code(2, what)
                    .hint("send a file with name@FILE, or any bytes with --data-binary @FILE")
            })
        };
        let mut tree = Tree::default();
        for (name, content) in contents {
            let value = match content {
                Content::Text(bytes) => Value::String(text(bytes)?),
                Content::Json(value) => value,
            };
            tree.insert(&text(name)?, value)?;
        }
        if let Some(value) = tree.into_value() {
            let json = Given::Json(value.to_string().into());
            self.request.data.0.push(json);
        }
        Ok(())
    }

    /// Sends the items as parts of the form that there is.
    fn add_to_form(&mut self, contents: Vec<(Vec<u8>, Content)>) {
        for (name, content) in contents {
            let value = match content {
                Content::Text(bytes) => bytes,
                Content::Json(Value::String(text)) => text.into_bytes(),
                Content::Json(value) => value.to_string().into_bytes(),
            };
            self.request.form.0.push(FormPart::Value { name, value });
        }
    }
}

/// A word in capitals.
fn is_method(word: &str) -> bool {
    word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

impl Item {
    /// Splits at the first separator that has no backslash before it. Other backslashes stay.
    fn read(word: &[u8]) -> Option<Self> {
        let mut name = Vec::new();
        let mut at = 0;
        while let Some((text, next)) = character(word, at) {
            let rest = &word[at..];
            let separator = SEPARATORS
                .iter()
                .find(|separator| rest.starts_with(separator.as_bytes()));
            if let Some(separator) = separator {
                let value = unescaped(&rest[separator.len()..]);
                return (!name.is_empty()).then_some(Item {
                    name,
                    separator,
                    value,
                });
            }
            name.extend(text);
            at = next;
        }
        None
    }

    fn may_be_url(&self, word: &[u8]) -> bool {
        let first_is = |text: &[u8], is: fn(&u8) -> bool| text.first().is_some_and(is);
        let has_port = first_is(&self.value, u8::is_ascii_digit);
        let is_field_name = first_is(&self.name, u8::is_ascii_uppercase);
        let is_host = self.separator == ":" && !is_field_name && has_port;
        let has_scheme = self.separator == ":" && self.value.starts_with(b"//");
        is_host || has_scheme || has_path(&self.name) || begins_with_address(word)
    }
}

/// The byte at that place, or the bytes that a backslash and its neighbour stand for, and the place
/// of the next one.
fn character(word: &[u8], at: usize) -> Option<(&[u8], usize)> {
    match word.get(at..)? {
        [] => None,
        [b'\\', next, ..] if SPECIAL.contains(next) => Some((&word[at + 1..at + 2], at + 2)),
        [b'\\', _, ..] => Some((&word[at..at + 2], at + 2)),
        _ => Some((&word[at..=at], at + 1)),
    }
}

fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(word.len());
    let mut at = 0;
    while let Some((bytes, next)) = character(word, at) {
        text.extend(bytes);
        at = next;
    }
    text
}

/// Whether the name has a path, a query or a fragment, as a URL has. In brackets any character may
/// be part of a key.
fn has_path(name: &[u8]) -> bool {
    let mut depth = 0usize;
    for byte in name {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            b'/' | b'?' | b'#' if depth == 0 => return true,
            _ => {}
        }
    }
    false
}

/// Whether the word begins with brackets that hold an IPv6 address, or something meant as one.
fn begins_with_address(word: &[u8]) -> bool {
    let colons = |text: &[u8]| text.iter().filter(|byte| **byte == b':').count();
    let inner = word
        .strip_prefix(b"[")
        .and_then(|rest| split_once(rest, b']'));
    inner.is_some_and(|(inner, _)| colons(inner) > 1)
}

/// `FILE` or `FILE;type=TYPE`. A file that has the whole text as its name is meant first.
fn file_part(name: Vec<u8>, value: &[u8]) -> FormPart {
    const TYPE: &[u8] = b";type=";
    let whole = expanded(value);
    let split = value.windows(TYPE.len()).rposition(|window| window == TYPE);
    let (path, media_type) = match split {
        Some(at) if !whole.exists() => {
            let media_type = value[at + TYPE.len()..].to_vec();
            (expanded(&value[..at]), Some(media_type))
        }
        _ => (whole, None),
    };
    FormPart::File {
        name,
        path,
        media_type,
    }
}

/// The path, with `~/` at its beginning as the home directory. No shell expands it behind an `@`.
fn expanded(path: &[u8]) -> PathBuf {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    match (path.strip_prefix(b"~/"), home) {
        (Some(rest), Some(home)) => Path::new(&home).join(bytes::path(rest)),
        _ => bytes::path(path).to_owned(),
    }
}

fn or_file(value: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let Some(path) = value.strip_prefix(b"@") else {
        return Ok(value);
    };
    let path = expanded(path);
    std::fs::read(&path).map_err(|error| read_failure(&path, &error))
}

/// Adds the parameter behind the query that is there, and before the fragment.
fn add_parameter(url: &mut OsString, name: &[u8], value: &[u8]) {
    let encode = |text| percent_encode(text, &UNRESERVED);
    let parameter = format!("{}={}", encode(name), encode(value));
    let text = std::mem::take(url).into_vec();
    let fragment = text.iter().position(|byte| *byte == b'#');
    let (base, fragment) = text.split_at(fragment.unwrap_or(text.len()));
    let mark: &[u8] = if base.contains(&b'?') { b"&" } else { b"?" };
    *url = OsString::from_vec([base, mark, parameter.as_bytes(), fragment].concat());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_and_urls() {
        let table = [
            ("X-Token:123", Some(("X-Token", ":", "123"))),
            ("x-token:abc", Some(("x-token", ":", "abc"))),
            ("Accept:", Some(("Accept", ":", ""))),
            ("Referer:https://h/", Some(("Referer", ":", "https://h/"))),
            ("name=Ada", Some(("name", "=", "Ada"))),
            ("name=a=b:c", Some(("name", "=", "a=b:c"))),
            ("age:=36", Some(("age", ":=", "36"))),
            ("q==a b", Some(("q", "==", "a b"))),
            ("cv@~/cv.pdf", Some(("cv", "@", "~/cv.pdf"))),
            (r"a\:b=c", Some(("a:b", "=", "c"))),
            (r"a\=\=b==c\:d", Some(("a==b", "==", "c:d"))),
            (r"a\[b\]=c\d\\", Some((r"a\[b\]", "=", r"c\d\\"))),
            (r"a\\=b", Some((r"a\\", "=", "b"))),
            (r"a=\", Some(("a", "=", r"\"))),
            ("user[name]=x", Some(("user[name]", "=", "x"))),
            ("a[b/c?d#e]=x", Some(("a[b/c?d#e]", "=", "x"))),
            ("[]=x", Some(("[]", "=", "x"))),
            ("[0][a]:=1", Some(("[0][a]", ":=", "1"))),
            ("localhost:8080/a=b", None),
            ("h.test:80", None),
            ("h[1-3].test:80/a", None),
            ("h.test/[1-3]?a=b", None),
            ("{a,b}.test", None),
            (":8080/x", None),
            ("[::1]:8080", None),
            ("[::1]/a=b", None),
            ("[::g]:8080", None),
            ("http://h/?a=b", None),
            ("h.test/?a=b", None),
            ("h.test?a=b", None),
            ("h.test", None),
            (r"a\", None),
        ];
        for (word, want) in table {
            let item = Item::read(word.as_bytes());
            let item = item.filter(|item| !item.may_be_url(word.as_bytes()));
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let got = item.map(|item| (text(&item.name), item.separator, text(&item.value)));
            let want =
                want.map(|(name, separator, value)| (name.to_owned(), separator, value.to_owned()));
            assert_eq!(got, want, "{word}");
        }
    }

    #[test]
    fn parameters() {
        for (url, want) in [
            ("h", "h?a%20b=%26"),
            ("h/x?y", "h/x?y&a%20b=%26"),
            ("h/x#f", "h/x?a%20b=%26#f"),
        ] {
            let mut url = OsString::from(url);
            add_parameter(&mut url, b"a b", b"&");
            assert_eq!(url, want);
        }
    }

    #[test]
    fn methods() {
        for (word, want) in [
            ("PUT", true),
            ("h", false),
            ("Get", false),
            ("h.test", false),
        ] {
            assert_eq!(is_method(word), want, "{word}");
        }
    }
}

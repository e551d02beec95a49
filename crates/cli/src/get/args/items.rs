//! What stands behind the URL in HTTPie's lines: `PUT h.test/x X-Token:1 name=Ada age:=36 q==term photo@cat.jpg`.
//!
//! | item | becomes |
//! |---|---|
//! | `Name:value` | a field; `Name:` takes it out, as with `-H` |
//! | `name==value` | a parameter in the URL's query |
//! | `name=value`, `name=@FILE` | a string in a JSON object |
//! | `name:=value`, `name:=@FILE` | any value in it |
//! | `name@FILE` | a file in a form, and what has `=` is a part of that form |
//!
//! A word in capitals before the URL is the method, and then all that follows the URL are items. Otherwise there may be
//! further URLs: what could be one, is one. A host and a port look like a field; fields begin with a capital letter.

use super::super::data::UNRESERVED;
use super::super::failure::read_failure;
use super::{Args, Given};
use crate::failure::Failure;
use percent_encoding::utf8_percent_encode;
use serde_json::{Map, Value};

/// The longer ones first: where two of them begin at the same place, the longer is meant.
const SEPARATORS: [&str; 5] = [":=", "==", "=", ":", "@"];

struct Item<'t> {
    name: String,
    separator: &'static str,
    value: &'t str,
}

impl Args {
    /// Takes method and items out of what was given beside flags, and does with them what flags would.
    pub(in crate::get) fn read_items(&mut self) -> Result<(), Failure> {
        let mut words = std::mem::take(&mut self.urls);
        let has_method = words.len() > 1 && is_method(&words[0]);
        if has_method {
            let method = words.remove(0);
            self.request.request.get_or_insert(method);
        }
        let first = words.len().min(1);
        let mut object = Map::new();
        let mut fields = Vec::new();
        for word in words.split_off(first) {
            let item = Item::read(&word).filter(|item| has_method || !item.may_be_url(&word));
            let Some(item) = item else {
                if has_method {
                    let what = format!(
                        "{word:?} is none of Name:value, name=value, name:=value, name==value, name@FILE"
                    );
                    return Err(Failure::with_code(2, what));
                }
                words.push(word);
                continue;
            };
            let Item {
                name,
                separator,
                value,
            } = item;
            match separator {
                ":" if value.is_empty() => self.request.header.push(format!("{name}:")),
                ":" => self.request.header.push(format!("{name}: {value}")),
                "==" => add_parameter(&mut words[0], &name, value),
                "@" => self.request.form.push(format!("{name}=@{value}")),
                "=" => fields.push((name, Value::String(or_file(value)?))),
                _ => {
                    let text = or_file(value)?;
                    let json = serde_json::from_str(&text).map_err(|error| {
                        Failure::with_code(2, format!("{text:?} is not JSON: {error}"))
                            .hint("a text is written as name=text")
                    })?;
                    fields.push((name, json));
                }
            }
        }
        self.urls = words;
        for (name, value) in fields {
            match (self.request.form.is_empty(), value) {
                (true, value) => drop(object.insert(name, value)),
                (false, Value::String(text)) => {
                    self.request.form_string.push(format!("{name}={text}"));
                }
                (false, value) => self.request.form_string.push(format!("{name}={value}")),
            }
        }
        if !object.is_empty() {
            let json = Value::Object(object).to_string();
            self.request.data.0.push(Given::Json(json));
        }
        Ok(())
    }
}

/// A word in capitals.
fn is_method(word: &str) -> bool {
    word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

impl<'t> Item<'t> {
    /// Splits at the first separator that has no backslash before it.
    fn read(word: &'t str) -> Option<Self> {
        let mut name = String::new();
        let mut characters = word.char_indices();
        while let Some((index, character)) = characters.next() {
            if character == '\\' {
                name.extend(characters.next().map(|(_, next)| next));
                continue;
            }
            let rest = &word[index..];
            if let Some(separator) = SEPARATORS.iter().find(|s| rest.starts_with(**s)) {
                let value = &rest[separator.len()..];
                return (!name.is_empty()).then_some(Item {
                    name,
                    separator,
                    value,
                });
            }
            name.push(character);
        }
        None
    }

    fn may_be_url(&self, word: &str) -> bool {
        let has_port = self
            .value
            .starts_with(|character: char| character.is_ascii_digit());
        let is_field_name = self
            .name
            .starts_with(|character: char| character.is_ascii_uppercase());
        let is_host = self.separator == ":" && !is_field_name && has_port;
        let has_scheme = self.separator == ":" && self.value.starts_with("//");
        is_host || has_scheme || self.name.contains(['/', '?', '#']) || word.starts_with('[')
    }
}

fn or_file(value: &str) -> Result<String, Failure> {
    match value.strip_prefix('@') {
        None => Ok(value.to_owned()),
        Some(path) => std::fs::read_to_string(path).map_err(|error| read_failure(path, &error)),
    }
}

/// Behind the query that is there, and before the fragment.
fn add_parameter(url: &mut String, name: &str, value: &str) {
    let encode = |text| utf8_percent_encode(text, &UNRESERVED);
    let parameter = format!("{}={}", encode(name), encode(value));
    let (base, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let mark = if base.contains('?') { '&' } else { '?' };
    *url = format!("{base}{mark}{parameter}{fragment}");
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
            ("a\\:b=c", Some(("a:b", "=", "c"))),
            ("localhost:8080/a=b", None),
            ("h.test:80", None),
            (":8080/x", None),
            ("[::1]:8080", None),
            ("http://h/?a=b", None),
            ("h.test/?a=b", None),
            ("h.test?a=b", None),
            ("h.test", None),
        ];
        for (word, want) in table {
            let item = Item::read(word).filter(|item| !item.may_be_url(word));
            let got = item
                .as_ref()
                .map(|item| (item.name.as_str(), item.separator, item.value));
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
            let mut url = url.to_owned();
            add_parameter(&mut url, "a b", "&");
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

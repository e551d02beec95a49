//! What a file is called when somebody else names it: a plain name, in this folder, that hides nothing and overwrites
//! nothing.

use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use std::path::{Path, PathBuf};
use url::Url;

/// Bytes that a name may have on every common file system.
const LONGEST: usize = 200;

/// The last segment of the URL's path.
pub(super) fn from_url(url: &Url) -> Option<String> {
    let segment = url.path_segments()?.next_back()?;
    harmless(&percent_decode_str(segment).decode_utf8_lossy())
}

/// The name in Content-Disposition (RFC 6266); the one with a character set, `filename*`, counts more.
pub(super) fn from_fields(fields: &HeaderMap) -> Option<String> {
    let value = fields.get(header::CONTENT_DISPOSITION)?;
    let text = String::from_utf8_lossy(value.as_bytes());
    let parameters = parameters(&text);
    let find = |name: &str| {
        parameters
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    };
    // charset'language'percent-encoded (RFC 8187)
    let extended = find("filename*").and_then(|value| {
        let mut parts = value.splitn(3, '\'');
        let charset = parts.next()?;
        let encoded = parts.nth(1)?;
        let bytes: Vec<u8> = percent_decode_str(encoded).collect();
        match charset.to_ascii_lowercase().as_str() {
            "utf-8" => String::from_utf8(bytes).ok(),
            "iso-8859-1" => Some(bytes.into_iter().map(char::from).collect()),
            _ => None,
        }
    });
    let name = extended.or_else(|| find("filename").map(str::to_owned))?;
    harmless(&name)
}

/// `type; name=value; name="value"`, without the type.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([';', ' ', '\t']).to_owned();
        let after = after.trim_start();
        let mut value = String::new();
        if let Some(quoted) = after.strip_prefix('"') {
            let mut characters = quoted.char_indices();
            let mut end = quoted.len();
            while let Some((index, character)) = characters.next() {
                match character {
                    '"' => {
                        end = index + 1;
                        break;
                    }
                    '\\' => value.extend(characters.next().map(|(_, next)| next)),
                    other => value.push(other),
                }
            }
            rest = &quoted[end..];
        } else {
            let end = after.find(';').unwrap_or(after.len());
            value.push_str(after[..end].trim_end());
            rest = &after[end..];
        }
        found.push((name, value));
    }
    found
}

/// The last part of what may look like a path, without what would hide it or do something on a terminal.
fn harmless(name: &str) -> Option<String> {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut name: String = base
        .chars()
        .map(|character| match character {
            ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
            other if crate::visible::is_dangerous(other) => '_',
            other => other,
        })
        .collect();
    name = name.trim().trim_start_matches('.').to_owned();
    while name.len() > LONGEST {
        name.pop();
    }
    (!name.is_empty()).then_some(name)
}

/// `NAME.1`, `NAME.2`, …: the first that isn't there.
pub(super) fn unused(path: &Path) -> PathBuf {
    (1..u32::MAX)
        .map(|number| {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        })
        .find(|path| path.symlink_metadata().is_err())
        .unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_urls() {
        let table = [
            ("http://h/a/b.txt?c#d", Some("b.txt")),
            ("http://h/a%20b", Some("a b")),
            ("http://h/", None),
            ("http://h/a/", None),
            ("http://h/%2e%2e%2fetc%2fpasswd", Some("passwd")),
            ("http://h/.bashrc", Some("bashrc")),
            ("http://h/..%5cx", Some("x")),
            ("http://h/%1b%5b2J", Some("_[2J")),
            ("http://h/a%00b", Some("a_b")),
            ("http://h/%2f", None),
        ];
        for (url, want) in table {
            assert_eq!(
                from_url(&Url::parse(url).unwrap()).as_deref(),
                want,
                "{url}"
            );
        }
        let long = format!("http://h/{}", "ü".repeat(300));
        assert_eq!(from_url(&Url::parse(&long).unwrap()).unwrap().len(), 200);
    }

    #[test]
    fn names_of_servers() {
        let table = [
            ("attachment; filename=a.txt", Some("a.txt")),
            ("attachment; filename=\"a b.txt\"", Some("a b.txt")),
            ("attachment;filename=\"a\\\"b;c\" ; x=y", Some("a_b;c")),
            ("attachment; filename=\"/etc/passwd\"", Some("passwd")),
            (
                "attachment; filename=\"..\\\\..\\\\evil.exe\"",
                Some("evil.exe"),
            ),
            ("attachment; filename=.profile", Some("profile")),
            (
                "attachment; filename=\"a\"; filename*=UTF-8''%e2%82%ac%20rates",
                Some("€ rates"),
            ),
            ("attachment; filename*=iso-8859-1'en'%A3", Some("£")),
            ("attachment; filename*=utf-8''..%2f..%2fx", Some("x")),
            ("attachment; filename*=koi8-r''x; filename=y", Some("y")),
            ("attachment; FileName=X", Some("X")),
            ("attachment; filename=\"unfinished", Some("unfinished")),
            ("attachment; filename=", None),
            ("attachment; filename=..", None),
            ("attachment", None),
            ("inline; name=x", None),
        ];
        for (value, want) in table {
            let mut fields = HeaderMap::new();
            let text = http::HeaderValue::from_str(value).unwrap();
            fields.insert(header::CONTENT_DISPOSITION, text);
            assert_eq!(from_fields(&fields).as_deref(), want, "{value}");
        }
    }
}

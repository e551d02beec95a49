//! Names for files that the URL or the server chooses: plain names, in this folder, that hide
//! nothing and overwrite nothing.
//!
//! A name consists of bytes, as on the disk: what is no UTF-8 stays as it was received.

use http::{HeaderMap, header};
use percent_encoding::percent_decode;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use url::Url;

/// Bytes that a name may have on every common file system.
const LONGEST: usize = 255;
/// An ending longer than that, with its dot, is no file type that must be kept when a name is cut.
const LONGEST_ENDING: usize = 32;

/// The last segment of the URL's path.
pub(in crate::get) fn from_url(url: &Url) -> Option<OsString> {
    let segment = url.path_segments()?.next_back()?;
    let name: Vec<u8> = percent_decode(segment.as_bytes()).collect();
    harmless(&name)
}

/// The name in Content-Disposition (RFC 6266). `filename*`, which names its character set, counts
/// more than `filename`.
pub(in crate::get) fn from_fields(fields: &HeaderMap) -> Option<OsString> {
    let value = fields.get(header::CONTENT_DISPOSITION)?;
    let parameters = parameters(value.as_bytes());
    let find = |name: &str| {
        parameters
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.as_slice())
    };
    let extended = find("filename*").and_then(extended);
    let plain = || find("filename").map(<[u8]>::to_vec);
    harmless(&extended.or_else(plain)?)
}

/// `charset'language'percent-encoded` (RFC 8187 §3.2), as UTF-8.
fn extended(value: &[u8]) -> Option<Vec<u8>> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let charset = parts.next()?.to_ascii_lowercase();
    let bytes: Vec<u8> = percent_decode(parts.nth(1)?).collect();
    match charset.as_slice() {
        b"utf-8" | b"utf8" => std::str::from_utf8(&bytes).is_ok().then_some(bytes),
        b"iso-8859-1" => {
            let text: String = bytes.into_iter().map(char::from).collect();
            Some(text.into_bytes())
        }
        _ => None,
    }
}

/// `type; name=value; name="value"`, without the type.
fn parameters(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let split = |bytes: &'_ [u8], at: u8| bytes.iter().position(|byte| *byte == at);
    let mut found = Vec::new();
    let first = split(text, b';').unwrap_or(text.len());
    // Some servers leave the type out.
    let mut rest = match text[..first].contains(&b'=') {
        true => text,
        false => text.get(first + 1..).unwrap_or_default(),
    };
    while let Some(at) = split(rest, b'=') {
        let is_between = |byte: &u8| matches!(byte, b';' | b' ' | b'\t');
        let before = &rest[..at];
        // A parameter without a value ends before the next one begins.
        let start = before.iter().rposition(|byte| *byte == b';');
        let name = &before[start.map_or(0, |at| at + 1)..];
        let name: Vec<u8> = name
            .iter()
            .filter(|byte| !is_between(byte))
            .copied()
            .collect();
        let after = rest[at + 1..].trim_ascii_start();
        let value;
        if let Some(quoted) = after.strip_prefix(b"\"") {
            (value, rest) = unquote(quoted);
        } else {
            let end = split(after, b';').unwrap_or(after.len());
            value = after[..end].trim_ascii_end().to_vec();
            rest = &after[end..];
        }
        found.push((name, value));
    }
    found
}

/// The value up to the closing quote, and what follows that.
fn unquote(quoted: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    let mut at = 0;
    while let Some(byte) = quoted.get(at) {
        at += 1;
        match byte {
            b'"' => break,
            b'\\' => {
                value.extend(quoted.get(at));
                at += 1;
            }
            other => value.push(*other),
        }
    }
    (value, quoted.get(at..).unwrap_or_default())
}

/// The last part of what may look like a path, without what would hide it or do something on a
/// terminal.
fn harmless(name: &[u8]) -> Option<OsString> {
    let base = name.rsplit(|byte| matches!(byte, b'/' | b'\\')).next()?;
    let mut safe = Vec::with_capacity(base.len());
    for chunk in base.utf8_chunks() {
        for character in chunk.valid().chars() {
            let is_forbidden = matches!(character, ':' | '*' | '?' | '"' | '<' | '>' | '|')
                || crate::visible::is_dangerous(character);
            let character = if is_forbidden { '_' } else { character };
            safe.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        safe.extend(chunk.invalid());
    }
    let mut name = safe.trim_ascii();
    while let Some(rest) = name.strip_prefix(b".") {
        name = rest;
    }
    (!name.is_empty()).then(|| cut(OsStr::from_bytes(name), OsStr::new("")))
}

/// The name with `suffix`, cut before its ending if it would be too long.
fn cut(name: &OsStr, suffix: &OsStr) -> OsString {
    let (bytes, most) = (name.as_bytes(), LONGEST - suffix.len());
    let mut kept = bytes.to_vec();
    if bytes.len() > most {
        let is_ending = |at: &usize| *at > 0 && bytes.len() - at <= LONGEST_ENDING;
        let dot = bytes.iter().rposition(|byte| *byte == b'.');
        let ending = &bytes[dot.filter(is_ending).unwrap_or(bytes.len())..];
        let mut end = most - ending.len();
        // No character is cut in two.
        while end > 0 && bytes[end] & 0xc0 == 0x80 && std::str::from_utf8(bytes).is_ok() {
            end -= 1;
        }
        kept.truncate(end);
        kept.extend(ending);
    }
    kept.extend(suffix.as_bytes());
    OsString::from_vec(kept)
}

/// `NAME.1`, `NAME.2`, …: the first that isn't there.
pub(in crate::get) fn unused(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    (1..u32::MAX)
        .map(|number| path.with_file_name(cut(name, OsStr::new(&format!(".{number}")))))
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
            let name = from_url(&Url::parse(url).unwrap());
            assert_eq!(name.as_deref(), want.map(OsStr::new), "{url}");
        }
        let bytes = from_url(&Url::parse("http://h/caf%e9%ff.txt").unwrap());
        assert_eq!(bytes.unwrap().as_bytes(), b"caf\xe9\xff.txt");
    }

    #[test]
    fn long_names_keep_their_ending() {
        let table = [
            ("x".repeat(255), "x".repeat(255)),
            ("x".repeat(300), "x".repeat(255)),
            ("ü".repeat(300), "ü".repeat(127)),
            ("x".repeat(300) + ".iso", "x".repeat(251) + ".iso"),
            ("ü".repeat(300) + ".iso", "ü".repeat(125) + ".iso"),
            (
                "a.".to_owned() + &"x".repeat(300),
                "a.".to_owned() + &"x".repeat(253),
            ),
        ];
        for (given, want) in table {
            let url = Url::parse(&format!("http://h/{given}")).unwrap();
            assert_eq!(from_url(&url).unwrap(), *want, "{given}");
        }
        let folder = std::env::temp_dir().join("no-such-folder");
        let number = unused(&folder.join("x".repeat(251) + ".iso"));
        let want = "x".repeat(249) + ".iso.1";
        assert_eq!(number, folder.join(want));
    }

    #[test]
    fn names_of_servers() {
        let table = r#"
            attachment; filename=a.txt => a.txt
            filename=a.txt; charset=x => a.txt
            filename="a.txt" => a.txt
            filename => -
            attachment; filename="a b.txt" => a b.txt
            attachment;filename="a\"b;c" ; x=y => a_b;c
            attachment; filename="/etc/passwd" => passwd
            attachment; filename="..\\..\\evil.exe" => evil.exe
            attachment; filename=.profile => profile
            attachment; filename="a"; filename*=UTF-8''%e2%82%ac%20rates => € rates
            attachment; filename*=iso-8859-1'en'%A3 => £
            attachment; filename*=utf-8''..%2f..%2fx => x
            attachment; filename*=koi8-r''x; filename=y => y
            attachment; FileName=X => X
            attachment; filename*=UTF8''1.mp4 => 1.mp4
            attachment; filename*=UTF-8''%ff; filename=y => y
            attachment; filename = "spaced" => spaced
            attachment; flag; filename=z => z
            attachment; filename="unfinished => unfinished
            attachment; filename= => -
            attachment; filename=.. => -
            attachment => -
            inline; name=x => -
        "#;
        for (value, want) in table::cases(table) {
            let mut fields = HeaderMap::new();
            let text = http::HeaderValue::from_str(value).unwrap();
            fields.insert(header::CONTENT_DISPOSITION, text);
            let name = from_fields(&fields);
            assert_eq!(name.as_deref().unwrap_or(OsStr::new("-")), want, "{value}");
        }
        let mut fields = HeaderMap::new();
        let latin = http::HeaderValue::from_bytes(b"attachment; filename=\"caf\xe9.txt\"").unwrap();
        fields.insert(header::CONTENT_DISPOSITION, latin);
        assert_eq!(from_fields(&fields).unwrap().as_bytes(), b"caf\xe9.txt");
    }
}

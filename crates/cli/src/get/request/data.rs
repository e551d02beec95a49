//! The content that `-d`, `--json` and the other data flags give.

use crate::failure::Failure;
use crate::get::args::Given;
use crate::get::args::bytes::{self, UNRESERVED};
use crate::get::failure::read_failure;
use percent_encoding::percent_encode;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use tinyhttp_client::{Exactly, file_length};

/// Data is held in memory; -T streams.
const MOST: u64 = 256 * 1024 * 1024;

/// All data, joined.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::get) struct Data {
    pub(in crate::get) bytes: Vec<u8>,
    pub(in crate::get) is_json: bool,
}

/// Joins the pieces: those of a form by `&`, those of JSON as they are.
pub(in crate::get) fn collect(given: &[Given]) -> Result<Option<Data>, Failure> {
    let mut joined: Option<Data> = None;
    for item in given {
        let bytes = match item {
            Given::Text(text) => {
                let text = text.as_bytes();
                let mut bytes = text_or_file(text)?;
                // As curl does, so that a text file can be sent as a form.
                if text.starts_with(b"@") {
                    bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
                }
                bytes
            }
            Given::Raw(text) => text.as_bytes().to_vec(),
            Given::Binary(text) | Given::Json(text) => text_or_file(text.as_bytes())?,
            Given::Urlencode(text) => urlencode(text.as_bytes())?,
        };
        let is_json = matches!(item, Given::Json(_));
        match &mut joined {
            None => joined = Some(Data { bytes, is_json }),
            Some(data) => {
                if !is_json {
                    data.bytes.push(b'&');
                }
                data.bytes.extend(bytes);
                data.is_json |= is_json;
            }
        }
    }
    Ok(joined)
}

fn text_or_file(text: &[u8]) -> Result<Vec<u8>, Failure> {
    match text.strip_prefix(b"@") {
        Some(path) => read(bytes::path(path)),
        None => Ok(text.to_vec()),
    }
}

fn urlencode(text: &[u8]) -> Result<Vec<u8>, Failure> {
    let at = text.iter().position(|byte| matches!(byte, b'=' | b'@'));
    let (name, content) = match at {
        None => (&b""[..], text.to_vec()),
        Some(at) if text[at] == b'=' => (&text[..at], text[at + 1..].to_vec()),
        Some(at) => (&text[..at], read(bytes::path(&text[at + 1..]))?),
    };
    let encoded = percent_encode(&content, &UNRESERVED).to_string();
    // In a form a plus sign stands for a space.
    let encoded = encoded.replace("%20", "+");
    Ok(match name {
        b"" => encoded.into_bytes(),
        name => [name, b"=", encoded.as_bytes()].concat(),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: io::Error| read_failure(path, &error);
    let source: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        // A file that is growing is sent as long as it is now.
        let length = file_length(path).map_err(failed)?;
        Box::new(Exactly::new(File::open(path).map_err(failed)?, length))
    };
    let mut bytes = Vec::new();
    source
        .take(MOST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MOST {
        return Err(Failure::with_code(
            26,
            format!("{} is longer than {MOST} bytes", path.display()),
        )
        .hint("send it with -T, which doesn't hold it in memory"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        let path = std::env::temp_dir().join(format!("tinyhttp-data-{}", std::process::id()));
        std::fs::write(&path, "a b\r\nc\n").unwrap();
        let at = format!("@{}", path.display());
        let named = format!("n{at}");
        let (text, json) = (
            |s: &str| Given::Text(s.into()),
            |s: &str| Given::Json(s.into()),
        );
        let encode = |s: &str| Given::Urlencode(s.into());
        type Row = (Vec<Given>, Option<(&'static str, bool)>);
        let table: Vec<Row> = vec![
            (vec![], None),
            (vec![text("a=1"), text("b=2")], Some(("a=1&b=2", false))),
            (vec![text(&at)], Some(("a bc", false))),
            (
                vec![Given::Binary(at.clone().into())],
                Some(("a b\r\nc\n", false)),
            ),
            (vec![Given::Raw("@x".into())], Some(("@x", false))),
            (vec![encode("a b&c+")], Some(("a+b%26c%2B", false))),
            (vec![encode("=a=b")], Some(("a%3Db", false))),
            (vec![encode("n=ü~")], Some(("n=%C3%BC~", false))),
            (vec![encode(&at)], Some(("a+b%0D%0Ac%0A", false))),
            (vec![encode(&named)], Some(("n=a+b%0D%0Ac%0A", false))),
            (vec![json("{\"a\":"), json("1}")], Some(("{\"a\":1}", true))),
            (vec![json(&at)], Some(("a b\r\nc\n", true))),
        ];
        for (given, want) in table {
            let got = collect(&given).unwrap();
            let want = want.map(|(text, is_json)| Data {
                bytes: text.into(),
                is_json,
            });
            assert_eq!(got, want, "{given:?}");
        }
        std::fs::remove_file(path).unwrap();
        assert!(collect(&[text("@/no/such/file")]).is_err());
    }
}

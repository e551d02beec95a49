//! The content of -F, read by a reader of its own: as many parts as were asked for, each with the
//! content that it was given.

use crate::get::args::FormPart;
use crate::get::request::multipart::Form;
use std::io::Read;

/// Arguments of -F, a line each; after the empty one, arguments of --form-string. No argument that
/// would read a file or begin a part within a part is used.
pub(crate) fn form(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let (parts, literal) = text.split_once("\n\n").unwrap_or((text, ""));
    let lines = |text: &'_ str| -> Vec<String> {
        let lines = text.split('\n').filter(|line| !line.is_empty());
        lines.take(20).map(str::to_owned).collect()
    };
    let parts = lines(parts).into_iter().filter(|part| is_text(part));
    let parts = parts.map(|part| FormPart::Grammar(part.into()));
    let literal = lines(literal).into_iter();
    let literal = literal.map(|part| FormPart::Literal(part.into()));
    let given: Vec<_> = parts.chain(literal).collect();
    let Ok(form) = Form::new(&given) else {
        return;
    };
    let mut body = Vec::new();
    let length = form.body().length();
    let mut content = form.body().into_reader().expect("no file is opened");
    content.read_to_end(&mut body).expect("content in memory");
    assert_eq!(length, Some(body.len() as u64));
    let read = read(&body, form.boundary());
    assert_eq!(read.len(), given.len());
    for (part, (name, content)) in given.iter().zip(&read) {
        let (text, is_literal) = match part {
            FormPart::Literal(text) => (text, true),
            FormPart::Grammar(text) => (text, false),
            other => panic!("{other:?} was not given"),
        };
        let text = text.to_str().expect("a text");
        let (given, value) = text.split_once('=').expect("a part");
        assert_eq!(name, &escaped(given), "{part:?}");
        let has_grammar = !is_literal && value.contains([';', '"']);
        let value = match is_literal {
            true => value.as_bytes(),
            false => value.as_bytes().trim_ascii(),
        };
        assert!(has_grammar || content == value, "{part:?}");
    }
}

fn is_text(part: &str) -> bool {
    let value = part.split_once('=').map_or("", |(_, value)| value);
    !(value.starts_with(['@', '<', '('])
        || part == "=)"
        || value.to_ascii_lowercase().contains("headers"))
}

/// As browsers write it.
fn escaped(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The names and contents of all parts.
fn read(body: &[u8], boundary: &str) -> Vec<(String, Vec<u8>)> {
    let delimiter = format!("\r\n--{boundary}");
    // The first delimiter has no line before it that it could end.
    let body = [b"\r\n", body].concat();
    let mut pieces = split(&body, delimiter.as_bytes()).into_iter();
    assert_eq!(
        pieces.next(),
        Some(&[][..]),
        "nothing is before the first part"
    );
    let mut pieces: Vec<&[u8]> = pieces.collect();
    assert_eq!(
        pieces.pop(),
        Some(&b"--\r\n"[..]),
        "nothing is after the last part"
    );
    pieces.into_iter().map(read_part).collect()
}

fn read_part(piece: &[u8]) -> (String, Vec<u8>) {
    let piece = piece
        .strip_prefix(b"\r\n")
        .expect("the delimiter's line ends");
    let at = split(piece, b"\r\n\r\n")[0].len();
    let head = std::str::from_utf8(&piece[..at]).expect("a head in UTF-8");
    let mut lines = head.split("\r\n");
    let first = lines.next().expect("a line");
    let rest = first
        .strip_prefix("Content-Disposition: form-data")
        .expect("a disposition");
    let (name, behind) = match rest.strip_prefix("; name=\"") {
        Some(rest) => rest.split_once('"').expect("a name in quotes"),
        None => ("", rest),
    };
    let is_file_name = |text: &str| {
        let name = text
            .strip_prefix("; filename=\"")
            .and_then(|text| text.strip_suffix('"'));
        name.is_some_and(|name| !name.contains('"'))
    };
    assert!(behind.is_empty() || is_file_name(behind), "{first:?}");
    for line in std::iter::once(first).chain(lines) {
        assert!(!line.contains(['\r', '\n']), "{line:?}");
        assert!(line.contains(':'), "{line:?} is no field");
    }
    (name.to_owned(), piece[at + 4..].to_vec())
}

fn split<'b>(bytes: &'b [u8], by: &[u8]) -> Vec<&'b [u8]> {
    let (mut pieces, mut rest) = (Vec::new(), bytes);
    while let Some(at) = rest.windows(by.len()).position(|window| window == by) {
        pieces.push(&rest[..at]);
        rest = &rest[at + by.len()..];
    }
    pieces.push(rest);
    pieces
}

//! `-F`: a form as a browser sends one with files in it (RFC 7578).
//!
//! ```text
//! --BOUNDARY
//! Content-Disposition: form-data; name="photo"; filename="cat.jpg"
//! Content-Type: image/jpeg
//!
//! (the file)
//! --BOUNDARY--
//! ```
//!
//! Files are streamed; the content is as long as Content-Length says, or comes in chunks if a part
//! has no length.

use super::encoder::Encoder;
use super::form_grammar::{self, Content, Part};
use crate::failure::Failure;
use crate::get::args::FormPart;
use crate::get::args::bytes::path;
use crate::get::failure::read_failure;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use tinyhttp_client::{Body, Exactly, file_length};

/// A form, ready to be sent, as often as need be.
#[derive(Debug, Clone)]
pub(in crate::get) struct Form {
    boundary: String,
    pieces: Vec<Piece>,
}

/// A stretch of the content.
#[derive(Debug, Clone)]
enum Piece {
    Bytes(Vec<u8>),
    File(PathBuf, Encoder),
}

impl Form {
    /// Reads the parts as they were given on the command line.
    pub(in crate::get) fn new(parts: &[FormPart]) -> Result<Self, Failure> {
        let random = RandomState::new();
        let mut writer = Writer {
            random: format!(
                "{:016x}{:06x}",
                random.hash_one(0),
                random.hash_one(1) >> 40
            ),
            boundaries: 0,
            pieces: Vec::new(),
        };
        let parts = form_grammar::read(parts)?;
        let boundary = writer.boundary();
        writer.write_all(&parts, &boundary, Some("form-data"))?;
        Ok(Form {
            boundary,
            pieces: writer.pieces,
        })
    }

    pub(in crate::get) fn boundary(&self) -> &str {
        &self.boundary
    }

    pub(in crate::get) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Whether it can be sent a second time; standard input can be read once.
    pub(in crate::get) fn is_repeatable(&self) -> bool {
        let is_stdin = |piece: &Piece| matches!(piece, Piece::File(path, _) if is_stdin(path));
        !self.pieces.iter().any(is_stdin)
    }

    /// The content of the request. Files are as long as they are now, even if they grow while they
    /// are sent.
    pub(in crate::get) fn body(&self) -> Body {
        let lengths = self.lengths();
        let pieces = || self.pieces.iter().zip(&lengths);
        let whole = pieces().try_fold(0u64, |sum, (piece, length)| {
            sum.checked_add(piece.encoded_length(*length)?)
        });
        let form = self.clone();
        if !form.is_repeatable() {
            return match form.open(&lengths) {
                Ok(content) => Body::reader(content),
                // The same error comes when the content is asked for.
                Err(_) => Body::reopen(None, move || form.open(&lengths)),
            };
        }
        Body::reopen(whole, move || form.open(&lengths))
    }

    pub(in crate::get) fn lengths(&self) -> Vec<Option<u64>> {
        self.pieces.iter().map(Piece::length).collect()
    }

    pub(in crate::get) fn open(&self, lengths: &[Option<u64>]) -> io::Result<Box<dyn Read + Send>> {
        let mut all: Box<dyn Read + Send> = Box::new(io::empty());
        for (piece, length) in self.pieces.iter().zip(lengths) {
            all = match piece {
                Piece::Bytes(bytes) => Box::new(all.chain(Cursor::new(bytes.clone()))),
                Piece::File(path, encoder) => {
                    let content: Box<dyn Read + Send> = match is_stdin(path) {
                        true => Box::new(io::stdin()),
                        false => Box::new(Exactly::new(File::open(path)?, *length)),
                    };
                    Box::new(all.chain(encoder.encode(content)))
                }
            };
        }
        Ok(all)
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

impl Piece {
    /// The length before it is encoded, if it has one.
    fn length(&self) -> Option<u64> {
        match self {
            Piece::Bytes(bytes) => Some(bytes.len() as u64),
            Piece::File(path, _) if is_stdin(path) => None,
            Piece::File(path, _) => file_length(path).ok().flatten(),
        }
    }

    fn encoded_length(&self, length: Option<u64>) -> Option<u64> {
        match self {
            Piece::Bytes(_) => length,
            Piece::File(_, encoder) => encoder.length(length),
        }
    }
}

/// How curl's boundaries begin; with the random number they have the same length.
const DASHES: &str = "------------------------";

/// Writes parts and what separates them.
struct Writer {
    random: String,
    /// How many boundaries are in use.
    boundaries: usize,
    pieces: Vec<Piece>,
}

impl Writer {
    /// No boundary is the beginning of another one (RFC 2046 §5.1.2).
    fn boundary(&mut self) -> String {
        let number = self.boundaries;
        self.boundaries += 1;
        match number {
            0 => format!("{DASHES}{}", self.random),
            // No digit of the random number is an n. All boundaries are as long as curl's.
            _ => {
                let number = format!("n{number}-");
                let rest = self.random.get(number.len()..).unwrap_or_default();
                format!("{DASHES}{number}{rest}")
            }
        }
    }

    /// Writes parts with that disposition, and the boundary between them.
    fn write_all(
        &mut self,
        parts: &[Part],
        boundary: &str,
        disposition: Option<&str>,
    ) -> Result<(), Failure> {
        for part in parts {
            self.bytes(format!("--{boundary}\r\n").as_bytes());
            self.write(part, disposition)?;
            self.bytes(b"\r\n");
        }
        self.bytes(format!("--{boundary}--\r\n").as_bytes());
        Ok(())
    }

    fn write(&mut self, part: &Part, disposition: Option<&str>) -> Result<(), Failure> {
        let mut media_type = media_type(part);
        match &part.content {
            Content::Parts(parts) => {
                let media_type = media_type.get_or_insert_with(|| b"multipart/mixed".to_vec());
                let is_form = media_type.starts_with(b"multipart/form-data");
                let boundary = self.boundary();
                media_type.extend(format!("; boundary={boundary}").into_bytes());
                self.bytes(&head(part, disposition, Some(media_type)));
                self.write_all(parts, &boundary, is_form.then_some("form-data"))?;
            }
            Content::Text(text) => {
                self.bytes(&head(part, disposition, media_type.as_deref()));
                self.bytes(&encode(text, part.encoder)?);
            }
            Content::File(path) => {
                if !is_stdin(path) {
                    File::open(path).map_err(|error| read_failure(path, &error))?;
                }
                self.bytes(&head(part, disposition, media_type.as_deref()));
                let encoder = part.encoder.unwrap_or(Encoder::Binary);
                self.pieces.push(Piece::File(path.clone(), encoder));
            }
        }
        Ok(())
    }

    /// Adjacent bytes are one piece, and so one chunk where content is sent in chunks.
    fn bytes(&mut self, bytes: &[u8]) {
        match self.pieces.last_mut() {
            Some(Piece::Bytes(last)) => last.extend(bytes),
            _ => self.pieces.push(Piece::Bytes(bytes.to_vec())),
        }
    }
}

/// The fields of a part and the empty line behind them.
fn head(part: &Part, disposition: Option<&str>, media_type: Option<&[u8]>) -> Vec<u8> {
    let mut head = Vec::new();
    let has_name = part.name.is_some() || part.filename.is_some();
    if let Some(disposition) = disposition.or(has_name.then_some("attachment")) {
        if !has_field(part, b"Content-Disposition") {
            head.extend(format!("Content-Disposition: {disposition}").into_bytes());
            for (parameter, value) in [("name", &part.name), ("filename", &part.filename)] {
                if let Some(value) = value {
                    head.extend(format!("; {parameter}=\"").into_bytes());
                    head.extend(escaped(value));
                    head.push(b'"');
                }
            }
            head.extend(b"\r\n");
        }
    }
    if let Some(media_type) = media_type {
        head.extend([b"Content-Type: ", media_type, b"\r\n"].concat());
    }
    if let Some(encoder) = part.encoder {
        if !has_field(part, b"Content-Transfer-Encoding") {
            head.extend(format!("Content-Transfer-Encoding: {}\r\n", encoder.name()).into_bytes());
        }
    }
    for field in &part.fields {
        head.extend([field, &b"\r\n"[..]].concat());
    }
    head.extend(b"\r\n");
    head
}

fn has_field(part: &Part, name: &[u8]) -> bool {
    part.fields.iter().any(|field| {
        field
            .split(|byte| *byte == b':')
            .next()
            .is_some_and(|other| other.eq_ignore_ascii_case(name))
    })
}

/// The type that was given for a part, else what the name of its file suggests.
fn media_type(part: &Part) -> Option<Vec<u8>> {
    if part.media_type.is_some() || has_field(part, b"Content-Type") {
        return part.media_type.clone();
    }
    let guess = |name: &Path| mime_guess::from_path(name).first();
    let named = part.filename.as_deref().map(path);
    let guessed = match &part.content {
        Content::Parts(_) => return None,
        Content::Text(_) => named.and_then(guess),
        Content::File(path) => {
            let known = named.and_then(guess).or_else(|| guess(path));
            known.or_else(|| named.map(|_| mime_guess::mime::APPLICATION_OCTET_STREAM))
        }
    };
    // A part that is not a file is plain text anyway.
    let is_needed = |guess: &mime_guess::Mime| {
        part.filename.is_some() || *guess != mime_guess::mime::TEXT_PLAIN
    };
    let guessed = guessed.filter(is_needed)?;
    Some(guessed.essence_str().as_bytes().to_vec())
}

/// Text in a coding.
fn encode(text: &[u8], encoder: Option<Encoder>) -> Result<Vec<u8>, Failure> {
    let Some(encoder) = encoder else {
        return Ok(text.to_vec());
    };
    let mut encoded = Vec::new();
    encoder
        .encode(Box::new(Cursor::new(text.to_vec())))
        .read_to_end(&mut encoded)
        .map_err(|error| Failure::with_code(26, format!("could not send a part of -F: {error}")))?;
    Ok(encoded)
}

/// What browsers write for the characters that would end the name (HTML, form submission).
fn escaped(name: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(name.len());
    for byte in name {
        match byte {
            b'"' => escaped.extend(b"%22"),
            b'\r' => escaped.extend(b"%0D"),
            b'\n' => escaped.extend(b"%0A"),
            other => escaped.push(*other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole content of a form; its boundary is written as `B`, those within as `B1`, `B2`, …
    fn content(parts: &[FormPart]) -> String {
        let form = Form::new(parts).unwrap();
        let lengths = form.lengths();
        let mut text = String::new();
        form.open(&lengths)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        if let Some(length) = form.body().length() {
            assert_eq!(length, text.len() as u64, "{parts:?}");
        }
        let random = form.boundary.trim_start_matches('-');
        text.replace(&format!("{DASHES}{random}"), "B")
            .replace(&format!("{DASHES}n"), "B")
            .replace(&format!("-{}", &random[3..]), "")
    }

    #[test]
    fn parts() {
        let path = std::env::temp_dir().join(format!("tinyhttp-form-{}.html", std::process::id()));
        std::fs::write(&path, "<p>").unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let file = path.to_str().unwrap();
        let disposition = "Content-Disposition: form-data; name=";
        let html = "Content-Type: text/html\r\n";
        let table = [
            ("a=b".to_owned(), format!("{disposition}\"a\"\r\n"), "b"),
            (
                "a=b;c;type=text/x;charset=utf-8; v=1;filename=n".to_owned(),
                format!(
                    "{disposition}\"a\"; filename=\"n\"\r\nContent-Type: text/x;charset=utf-8; v=1\r\n"
                ),
                "b;c",
            ),
            (
                "a=b;type=t/x; type=y;filename=n;type=t/z ;v=1".to_owned(),
                format!("{disposition}\"a\"; filename=\"n\"\r\nContent-Type: t/z;v=1\r\n"),
                "b",
            ),
            (
                "a=b;type=t/x; type=y".to_owned(),
                format!("{disposition}\"a\"\r\nContent-Type: t/x; type=y\r\n"),
                "b",
            ),
            (
                r#"a="b;type=c\"\\";headers="X: \"y\"""#.to_owned(),
                format!("{disposition}\"a\"\r\nX: \"y\"\r\n"),
                r#"b;type=c"\"#,
            ),
            (
                r#"a="b" c"#.to_owned(),
                format!("{disposition}\"a\"\r\n"),
                r#""b" c"#,
            ),
            (
                r#"a={"b":[1;2]}"#.to_owned(),
                format!("{disposition}\"a\"\r\n"),
                r#"{"b":[1;2]}"#,
            ),
            (
                "= b ".to_owned(),
                "Content-Disposition: form-data\r\n".to_owned(),
                "b",
            ),
            (
                "a=x;filename=b.html".to_owned(),
                format!("{disposition}\"a\"; filename=\"b.html\"\r\n{html}"),
                "x",
            ),
            (
                "a=é;encoder=BASE64;type=a/b".to_owned(),
                format!(
                    "{disposition}\"a\"\r\nContent-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n"
                ),
                "w6k=",
            ),
            (
                format!("f=@\"{file}\";encoder=quoted-printable"),
                format!(
                    "{disposition}\"f\"; filename=\"{name}\"\r\n{html}Content-Transfer-Encoding: quoted-printable\r\n"
                ),
                "<p>",
            ),
            (
                format!("f=@{file};encoder=base64;headers=\"Content-Type: x/y\""),
                format!(
                    "{disposition}\"f\"; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\nContent-Type: x/y\r\n"
                ),
                "PHA+",
            ),
            (
                format!("f=@\"{file}\";type=a/b"),
                format!("{disposition}\"f\"; filename=\"{name}\"\r\nContent-Type: a/b\r\n"),
                "<p>",
            ),
            (
                "q\"\r\n=1".to_owned(),
                format!("{disposition}\"q%22%0D%0A\"\r\n"),
                "1",
            ),
            (
                format!("f=@{file}"),
                format!("{disposition}\"f\"; filename=\"{name}\"\r\n{html}"),
                "<p>",
            ),
            (
                format!("f=@{file};filename=x;type=a/b"),
                format!("{disposition}\"f\"; filename=\"x\"\r\nContent-Type: a/b\r\n"),
                "<p>",
            ),
            (
                format!("f=<{file}"),
                format!("{disposition}\"f\"\r\n{html}"),
                "<p>",
            ),
        ];
        for (part, head, want) in table {
            let got = content(&[FormPart::Grammar(part.clone().into())]);
            assert_eq!(
                got,
                format!("--B\r\n{head}\r\n{want}\r\n--B--\r\n"),
                "{part}"
            );
        }
        std::fs::remove_file(path).unwrap();
        let got = content(&[FormPart::Literal("a=@b;type=c".into())]);
        assert!(got.contains(&format!("{disposition}\"a\"\r\n\r\n@b;type=c\r\n")));
        for wrong in [
            "novalue",
            "a=@/no/such/file",
            "a=b;type=x\r\nEvil: y",
            "a=é;encoder=7bit",
        ] {
            assert!(
                Form::new(&[FormPart::Grammar(wrong.into())]).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn parts_within_parts() {
        let line = [
            "=(;type=multipart/alternative",
            "n=1",
            "= 2;type=text/html",
            "=)",
            "c=3",
        ];
        let parts = line.map(|text| FormPart::Grammar(text.into()));
        let want = "--B\r\nContent-Disposition: form-data\r\n\
            Content-Type: multipart/alternative; boundary=B1\r\n\r\n\
            --B1\r\nContent-Disposition: attachment; name=\"n\"\r\n\r\n1\r\n\
            --B1\r\nContent-Type: text/html\r\n\r\n2\r\n--B1--\r\n\r\n\
            --B\r\nContent-Disposition: form-data; name=\"c\"\r\n\r\n3\r\n--B--\r\n";
        assert_eq!(content(&parts), want);
    }
}

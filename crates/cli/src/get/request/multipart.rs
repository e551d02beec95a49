//! `-F`: which parts and boundaries a form has (RFC 7578). [`Multipart`] writes it.
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
use tinyhttp_client::{self as client, Body, Exactly, Multipart, file_length};

/// A form, ready to be sent, as often as need be.
#[derive(Debug, Clone)]
pub(in crate::get) struct Form {
    boundary: String,
    parts: Vec<Prepared>,
}

/// A part whose head is complete.
#[derive(Debug, Clone)]
struct Prepared {
    name: Option<Vec<u8>>,
    filename: Option<Vec<u8>>,
    media_type: Option<Vec<u8>>,
    lines: Vec<Vec<u8>>,
    piece: Piece,
}

/// The content of a part.
#[derive(Debug, Clone)]
enum Piece {
    Bytes(Vec<u8>),
    File(PathBuf, Encoder),
    /// Parts within the part, and their boundary.
    Parts(String, Vec<Prepared>),
}

impl Form {
    /// Reads the parts as they were given on the command line.
    pub(in crate::get) fn new(parts: &[FormPart]) -> Result<Self, Failure> {
        let mut boundaries = Boundaries::new();
        let boundary = boundaries.next();
        let parts = prepare(form_grammar::read(parts)?, &mut boundaries)?;
        Ok(Form { boundary, parts })
    }

    pub(in crate::get) fn boundary(&self) -> &str {
        &self.boundary
    }

    pub(in crate::get) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Whether it can be sent a second time; standard input can be read once.
    pub(in crate::get) fn is_repeatable(&self) -> bool {
        self.parts.iter().all(Prepared::is_repeatable)
    }

    /// The content of the request. Files are as long as they are now, even if they grow while they
    /// are sent.
    pub(in crate::get) fn body(&self) -> Body {
        multipart(FORM, &self.boundary, &self.parts).into_body()
    }
}

/// The media type of a form.
const FORM: &[u8] = b"multipart/form-data";

/// Parts as the client writes them.
fn multipart(media_type: &[u8], boundary: &str, parts: &[Prepared]) -> Multipart {
    let empty = Multipart::new().media_type(media_type).boundary(boundary);
    // Boundaries consist of dashes, letters and digits.
    let empty = empty.unwrap_or_default();
    parts.iter().fold(empty, |form, part| match &part.name {
        Some(name) => form.part(name, part.to_part()),
        None => form.unnamed(part.to_part()),
    })
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

impl Prepared {
    fn is_repeatable(&self) -> bool {
        match &self.piece {
            Piece::Bytes(_) => true,
            Piece::File(path, _) => !is_stdin(path),
            Piece::Parts(_, parts) => parts.iter().all(Prepared::is_repeatable),
        }
    }

    fn to_part(&self) -> client::Part {
        let mut part = match &self.piece {
            Piece::Bytes(bytes) => client::Part::new(bytes.clone()),
            Piece::File(path, encoder) => client::Part::new(file(path, *encoder)),
            Piece::Parts(boundary, parts) => {
                let media_type = self.media_type.as_deref().unwrap_or(b"multipart/mixed");
                client::Part::multipart(multipart(media_type, boundary, parts))
            }
        };
        if let (Some(media_type), Piece::Bytes(_) | Piece::File(..)) =
            (&self.media_type, &self.piece)
        {
            part = part.content_type(media_type.clone());
        }
        if let Some(name) = &self.filename {
            part = part.file_name(name.clone());
        }
        let lines = self.lines.iter();
        lines.fold(part, |part, line| part.line(line.clone()))
    }
}

/// The content of a file, encoded.
fn file(path: &Path, encoder: Encoder) -> Body {
    if is_stdin(path) {
        return Body::reader(encoder.encode(Box::new(io::stdin())));
    }
    let length = file_length(path).ok().flatten();
    let path = path.to_owned();
    Body::reopen(encoder.length(length), move || {
        let content = Exactly::new(File::open(&path)?, length);
        Ok(encoder.encode(Box::new(content)))
    })
}

/// How curl's boundaries begin; with the random number they have the same length.
const DASHES: &str = "------------------------";

/// Makes boundaries of which none is the beginning of another one (RFC 2046 §5.1.2).
struct Boundaries {
    random: String,
    made: usize,
}

impl Boundaries {
    fn new() -> Self {
        let random = RandomState::new();
        Boundaries {
            random: format!(
                "{:016x}{:06x}",
                random.hash_one(0),
                random.hash_one(1) >> 40
            ),
            made: 0,
        }
    }

    fn next(&mut self) -> String {
        let number = self.made;
        self.made += 1;
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
}

/// Completes the heads of parts, and looks whether files can be read.
fn prepare(parts: Vec<Part>, boundaries: &mut Boundaries) -> Result<Vec<Prepared>, Failure> {
    let complete = |part: Part| {
        let media_type = media_type(&part);
        let mut lines = Vec::new();
        if let Some(encoder) = part.encoder {
            if !has_field(&part, b"Content-Transfer-Encoding") {
                lines.push(format!("Content-Transfer-Encoding: {}", encoder.name()).into_bytes());
            }
        }
        lines.extend(part.fields);
        let piece = match part.content {
            Content::Parts(parts) => {
                let boundary = boundaries.next();
                Piece::Parts(boundary, prepare(parts, boundaries)?)
            }
            Content::Text(text) => Piece::Bytes(encode(&text, part.encoder)?),
            Content::File(path) => {
                if !is_stdin(&path) {
                    File::open(&path).map_err(|error| read_failure(&path, &error))?;
                }
                Piece::File(path, part.encoder.unwrap_or(Encoder::Binary))
            }
        };
        Ok(Prepared {
            name: part.name,
            filename: part.filename,
            media_type,
            lines,
            piece,
        })
    };
    parts.into_iter().map(complete).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole content of a form; its boundary is written as `B`, those within as `B1`, `B2`, …
    fn content(parts: &[FormPart]) -> String {
        let form = Form::new(parts).unwrap();
        let text = io::read_to_string(form.body().into_reader().unwrap()).unwrap();
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

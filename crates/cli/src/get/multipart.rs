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
//! Files are streamed; what is sent is as long as Content-Length says, or comes in chunks if one of them has no length.

use super::failure::read_failure;
use crate::failure::Failure;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use tinyhttp_client::{Body, Exactly, file_length};

/// A form, ready to be sent, as often as need be.
#[derive(Debug, Clone)]
pub(super) struct Form {
    boundary: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Bytes(Vec<u8>),
    File(PathBuf),
}

impl Form {
    /// Reads the parts as they were given on the command line.
    pub(super) fn new(parts: &[String], literal: &[String]) -> Result<Self, Failure> {
        let random = RandomState::new();
        let boundary = format!(
            "----tinyhttp{:016x}{:016x}",
            random.hash_one(0),
            random.hash_one(1)
        );
        let mut pieces = Vec::new();
        let parts = parts.iter().map(|part| read_part(part));
        for part in parts.chain(literal.iter().map(|part| literal_part(part))) {
            let (head, content) = part?;
            let head = format!("--{boundary}\r\n{head}\r\n");
            pieces.push(Piece::Bytes(head.into_bytes()));
            pieces.push(content);
            pieces.push(Piece::Bytes(b"\r\n".to_vec()));
        }
        pieces.push(Piece::Bytes(format!("--{boundary}--\r\n").into_bytes()));
        Ok(Form { boundary, pieces })
    }

    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// The content of the request. Files are as long as they are now, even if they grow while they are sent.
    pub(super) fn body(&self) -> Body {
        let form = self.clone();
        let lengths = self.lengths();
        let whole = lengths
            .iter()
            .try_fold(0u64, |sum, length| sum.checked_add((*length)?));
        Body::reopen(whole, move || form.open(&lengths))
    }

    fn lengths(&self) -> Vec<Option<u64>> {
        self.pieces.iter().map(Piece::length).collect()
    }

    fn open(&self, lengths: &[Option<u64>]) -> io::Result<Box<dyn Read + Send>> {
        let mut all: Box<dyn Read + Send> = Box::new(io::empty());
        for (piece, length) in self.pieces.iter().zip(lengths) {
            all = match piece {
                Piece::Bytes(bytes) => Box::new(all.chain(Cursor::new(bytes.clone()))),
                Piece::File(path) if path.as_os_str() == "-" => Box::new(all.chain(io::stdin())),
                Piece::File(path) => {
                    let file = File::open(path)?;
                    Box::new(all.chain(Exactly::new(file, *length)))
                }
            };
        }
        Ok(all)
    }
}

impl Piece {
    /// The length, if it has one.
    fn length(&self) -> Option<u64> {
        match self {
            Piece::Bytes(bytes) => Some(bytes.len() as u64),
            Piece::File(path) if path.as_os_str() == "-" => None,
            Piece::File(path) => file_length(path).ok().flatten(),
        }
    }
}

/// `NAME=VALUE`, `NAME=@FILE`, `NAME=<FILE`, and behind a semicolon `type=…` or `filename=…`.
fn read_part(part: &str) -> Result<(String, Piece), Failure> {
    let usage = || not_a_part(part);
    let (name, rest) = part.split_once('=').ok_or_else(usage)?;
    let mut options = rest.split(';');
    let mut value = options.next().unwrap_or_default().to_owned();
    let (mut media_type, mut filename) = (None, None);
    for option in options {
        match option.trim_start().split_once('=') {
            Some(("type", given)) => media_type = Some(given.to_owned()),
            Some(("filename", given)) => filename = Some(given.trim_matches('"').to_owned()),
            // Only these two mean something; a semicolon in a value stays one.
            _ => {
                value.push(';');
                value.push_str(option);
            }
        }
    }
    let content = if let Some(path) = value.strip_prefix('@') {
        let base = Path::new(path)
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        filename = filename.or(base);
        let guess = || {
            mime_guess::from_path(path)
                .first_or_octet_stream()
                .to_string()
        };
        media_type = media_type.or_else(|| Some(guess()));
        file(path)?
    } else if let Some(path) = value.strip_prefix('<') {
        file(path)?
    } else {
        Piece::Bytes(value.into_bytes())
    };
    let mut head = disposition(name);
    if let Some(filename) = filename {
        head.push_str(&format!("; filename=\"{}\"", quote(&filename)));
    }
    head.push_str("\r\n");
    if let Some(media_type) = media_type {
        let is_harmless = !media_type.contains(char::is_control);
        head.push_str(&format!(
            "Content-Type: {}\r\n",
            is_harmless.then_some(media_type).ok_or_else(usage)?
        ));
    }
    Ok((head, content))
}

/// `NAME=VALUE`, whatever is in the value.
fn literal_part(part: &str) -> Result<(String, Piece), Failure> {
    let (name, value) = part.split_once('=').ok_or_else(|| not_a_part(part))?;
    let content = Piece::Bytes(value.as_bytes().to_vec());
    Ok((disposition(name) + "\r\n", content))
}

fn disposition(name: &str) -> String {
    format!("Content-Disposition: form-data; name=\"{}\"", quote(name))
}

fn not_a_part(part: &str) -> Failure {
    Failure::with_code(2, format!("-F {part:?} is not NAME=VALUE"))
        .hint("or NAME=@FILE to upload a file")
}

fn file(path: &str) -> Result<Piece, Failure> {
    if path != "-" {
        File::open(path).map_err(|error| read_failure(path, &error))?;
    }
    Ok(Piece::File(path.into()))
}

/// What browsers write for the characters that would end the name (HTML, form submission).
fn quote(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let path = std::env::temp_dir().join(format!("tinyhttp-form-{}.html", std::process::id()));
        std::fs::write(&path, "<p>").unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let file = path.to_str().unwrap();
        let disposition = "Content-Disposition: form-data; name=";
        let table = [
            ("a=b".to_owned(), format!("{disposition}\"a\"\r\n"), "b"),
            (
                "a=b;type=text/x;c".to_owned(),
                format!("{disposition}\"a\"\r\nContent-Type: text/x\r\n"),
                "b;c",
            ),
            (
                "q\"\r\n=1".to_owned(),
                format!("{disposition}\"q%22%0D%0A\"\r\n"),
                "1",
            ),
            (
                format!("f=@{file}"),
                format!("{disposition}\"f\"; filename=\"{name}\"\r\nContent-Type: text/html\r\n"),
                "<p>",
            ),
            (
                format!("f=@{file};filename=x;type=a/b"),
                format!("{disposition}\"f\"; filename=\"x\"\r\nContent-Type: a/b\r\n"),
                "<p>",
            ),
            (
                format!("f=<{file}"),
                format!("{disposition}\"f\"\r\n"),
                "<p>",
            ),
        ];
        for (part, head, content) in table {
            let form = Form::new(std::slice::from_ref(&part), &[]).unwrap();
            let mut text = String::new();
            form.open(&form.lengths())
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            let boundary = &form.boundary;
            assert_eq!(
                text,
                format!("--{boundary}\r\n{head}\r\n{content}\r\n--{boundary}--\r\n"),
                "{part}"
            );
            assert_eq!(form.body().length(), Some(text.len() as u64));
        }
        std::fs::remove_file(path).unwrap();
        let form = Form::new(&[], &["a=@b;type=c".to_owned()]).unwrap();
        let mut text = String::new();
        form.open(&form.lengths())
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert!(text.contains(&format!("{disposition}\"a\"\r\n\r\n@b;type=c\r\n")));
        assert!(Form::new(&["novalue".to_owned()], &[]).is_err());
        assert!(Form::new(&["a=@/no/such/file".to_owned()], &[]).is_err());
        assert!(Form::new(&["a=b;type=x\r\nEvil: y".to_owned()], &[]).is_err());
    }
}

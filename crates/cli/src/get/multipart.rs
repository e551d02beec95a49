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
        let parts = parts.iter().map(|part| read_part(part, &boundary));
        for part in parts.chain(literal.iter().map(|part| literal_part(part))) {
            let (head, content) = part?;
            let head = format!("--{boundary}\r\n{head}\r\n");
            pieces.push(Piece::Bytes(head.into_bytes()));
            pieces.extend(content);
            pieces.push(Piece::Bytes(b"\r\n".to_vec()));
        }
        pieces.push(Piece::Bytes(format!("--{boundary}--\r\n").into_bytes()));
        Ok(Form { boundary, pieces })
    }

    pub(super) fn boundary(&self) -> &str {
        &self.boundary
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

    pub(super) fn lengths(&self) -> Vec<Option<u64>> {
        self.pieces.iter().map(Piece::length).collect()
    }

    pub(super) fn open(&self, lengths: &[Option<u64>]) -> io::Result<Box<dyn Read + Send>> {
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

/// `NAME=VALUE`, `NAME=@FILE,FILE…`, `NAME=<FILE`, and behind semicolons `type=`, `filename=` and `headers=`, as curl reads
/// them: the head of the part and its content, which for several files are parts themselves.
fn read_part(part: &str, boundary: &str) -> Result<(String, Vec<Piece>), Failure> {
    let usage = || not_a_part(part);
    let (name, rest) = part.split_once('=').ok_or_else(usage)?;
    let Some(files) = rest.strip_prefix('@') else {
        let (value, is_file) = match rest.strip_prefix('<') {
            Some(path) => (path, true),
            None => (rest, false),
        };
        let (given, left) = Given::read(value, &[';'], !is_file);
        if !left.is_empty() {
            return Err(usage());
        }
        let fields = given.fields(None, part)?;
        let head = disposition(name) + &given.filename_parameter() + "\r\n" + &fields;
        let content = match is_file {
            true => file(&given.value)?,
            false => Piece::Bytes(given.value.into_bytes()),
        };
        return Ok((head, vec![content]));
    };
    let all = read_files(files);
    if let [given] = &all[..] {
        let fields = given.fields(Some(&guess(&given.value)), part)?;
        let head = disposition(name) + &given.filename_parameter() + "\r\n" + &fields;
        return Ok((head, vec![file(&given.value)?]));
    }
    // Several files of one name are a message of their own (RFC 2388 §4.2).
    let inner = format!("{boundary}-inner");
    let head = format!(
        "{}\r\nContent-Type: multipart/mixed; boundary={inner}\r\n",
        disposition(name)
    );
    let mut pieces = Vec::new();
    for given in &all {
        let fields = given.fields(Some(&guess(&given.value)), part)?;
        let filename = given.filename_parameter();
        let head =
            format!("--{inner}\r\nContent-Disposition: attachment{filename}\r\n{fields}\r\n");
        pieces.push(Piece::Bytes(head.into_bytes()));
        pieces.push(file(&given.value)?);
        pieces.push(Piece::Bytes(b"\r\n".to_vec()));
    }
    pieces.push(Piece::Bytes(format!("--{inner}--").into_bytes()));
    Ok((head, pieces))
}

/// Files behind an `@`, each with its options, between commas.
fn read_files(text: &str) -> Vec<Given> {
    let mut all = Vec::new();
    let mut left = text;
    loop {
        let (mut given, rest) = Given::read(left, &[';', ','], false);
        let base = Path::new(&given.value).file_name();
        let base = base.map(|name| name.to_string_lossy().into_owned());
        given.filename = given.filename.or(base);
        all.push(given);
        match rest.strip_prefix(',') {
            Some(rest) => left = rest,
            None => return all,
        }
    }
}

/// A value or a file, with its options.
#[derive(Default)]
struct Given {
    value: String,
    media_type: Option<String>,
    filename: Option<String>,
    headers: Vec<String>,
}

impl Given {
    /// Reads one up to a comma that ends it, if `ends` has one: it, and what follows. `keeps`: an option that means nothing is
    /// part of the value, for a semicolon in a text stays one.
    fn read<'t>(text: &'t str, ends: &[char], keeps: bool) -> (Self, &'t str) {
        let (value, mut rest) = word(text, ends);
        let mut given = Given {
            value,
            ..Given::default()
        };
        while let Some(option) = rest.strip_prefix(';') {
            let trimmed = option.trim_start();
            let (key, behind) = trimmed.split_once('=').unwrap_or((trimmed, ""));
            let (value, left) = word(behind, ends);
            rest = left;
            match key {
                "type" => given.media_type = Some(value),
                "filename" => given.filename = Some(value),
                "headers" => given.headers.push(value),
                _ => {
                    let (unknown, left) = word(option, ends);
                    rest = left;
                    // Behind a type it is a parameter of that.
                    let extended = match &mut given.media_type {
                        Some(media_type) => Some(media_type),
                        None => Some(&mut given.value).filter(|_| keeps),
                    };
                    if let Some(extended) = extended {
                        extended.push(';');
                        extended.push_str(&unknown);
                    }
                }
            }
        }
        (given, rest)
    }

    fn filename_parameter(&self) -> String {
        let filename = self.filename.as_deref();
        filename.map_or_else(String::new, |name| {
            format!("; filename=\"{}\"", quote(name))
        })
    }

    /// The lines behind Content-Disposition.
    fn fields(&self, guess: Option<&str>, part: &str) -> Result<String, Failure> {
        let media_type = self.media_type.as_deref().or(guess);
        let media_type = media_type.map(|media_type| format!("Content-Type: {media_type}"));
        let mut headers = Vec::new();
        for header in &self.headers {
            let Some(path) = header.strip_prefix('@') else {
                headers.push(header.clone());
                continue;
            };
            let text = std::fs::read_to_string(path).map_err(|error| read_failure(path, &error))?;
            let lines = text.lines().map(str::trim_end);
            let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
            headers.extend(lines.map(str::to_owned));
        }
        let mut fields = String::new();
        for line in media_type.into_iter().chain(headers) {
            if line.contains(char::is_control) || !line.contains(':') {
                return Err(not_a_part(part));
            }
            fields += &line;
            fields += "\r\n";
        }
        Ok(fields)
    }
}

/// A word up to one of `ends`, and the rest: as it stands, or in quotes, in which a backslash stands before a quote or a
/// backslash. A quote that nothing ends is part of the word.
fn word<'t>(text: &'t str, ends: &[char]) -> (String, &'t str) {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut word = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, character)) = characters.next() {
            let behind = &quoted[at + character.len_utf8()..];
            match character {
                '"' if behind.is_empty() || behind.starts_with(ends) => return (word, behind),
                '\\' if behind.starts_with(['"', '\\']) => {
                    word.extend(characters.next().map(|(_, escaped)| escaped));
                }
                other => word.push(other),
            }
        }
    }
    let end = text.find(ends).unwrap_or(text.len());
    (text[..end].to_owned(), &text[end..])
}

fn guess(path: &str) -> String {
    mime_guess::from_path(path)
        .first_or_octet_stream()
        .to_string()
}

/// `NAME=VALUE`, whatever is in the value.
fn literal_part(part: &str) -> Result<(String, Vec<Piece>), Failure> {
    let (name, value) = part.split_once('=').ok_or_else(|| not_a_part(part))?;
    let content = Piece::Bytes(value.as_bytes().to_vec());
    Ok((disposition(name) + "\r\n", vec![content]))
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
                "a=b;c;type=text/x;charset=utf-8; v=1;filename=n".to_owned(),
                format!(
                    "{disposition}\"a\"; filename=\"n\"\r\nContent-Type: text/x;charset=utf-8; v=1\r\n"
                ),
                "b;c",
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

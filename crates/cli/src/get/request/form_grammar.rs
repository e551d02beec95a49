//! The grammar of `-F`, as curl reads it.
//!
//! ```text
//! part    = [NAME] "=" (text / "@" file *("," file) / "<" file / "(" ) / "=)"
//! text    = word *(";" option)
//! option  = "type=" TYPE / "filename=" word / "encoder=" word / "headers=" fields
//! fields  = word / "@" word / "<" word
//! word    = anything up to a semicolon, or in double quotes, with \" for a quote and \\ for \
//! ```
//!
//! `=(` begins a part that consists of the parts up to `=)`.

use super::encoder::Encoder;
use crate::failure::Failure;
use crate::get::args::FormPart;
use crate::get::args::bytes::{path, quoted, split_once};
use crate::get::failure::read_failure;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A part of a form.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::get) struct Part {
    pub(in crate::get) name: Option<Vec<u8>>,
    pub(in crate::get) filename: Option<Vec<u8>>,
    pub(in crate::get) media_type: Option<Vec<u8>>,
    pub(in crate::get) encoder: Option<Encoder>,
    /// Further fields, as lines.
    pub(in crate::get) fields: Vec<Vec<u8>>,
    pub(in crate::get) content: Content,
}

/// What a part consists of.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::get) enum Content {
    Text(Vec<u8>),
    File(PathBuf),
    Parts(Vec<Part>),
}

impl Default for Content {
    fn default() -> Self {
        Content::Text(Vec::new())
    }
}

/// Reads all parts of a command line.
///
/// # Errors
/// Exit code 2 for a part that is malformed, 26 for a file of fields that cannot be read.
pub(in crate::get) fn read(given: &[FormPart]) -> Result<Vec<Part>, Failure> {
    // The parts that are open: those of the form, and those that `=(` has begun.
    let mut open = vec![Part::default()];
    let mut parts = vec![Vec::new()];
    for given in given {
        let part = match given {
            FormPart::Grammar(text) => match read_part(text.as_bytes())? {
                Element::Part(part) => part,
                Element::Begin(part) => {
                    open.push(part);
                    parts.push(Vec::new());
                    continue;
                }
                Element::End => match (open.pop(), parts.pop()) {
                    (Some(part), Some(inner)) if !open.is_empty() => Part {
                        content: Content::Parts(inner),
                        ..part
                    },
                    _ => {
                        let what = "-F '=)' ends a part that no -F '=(' has begun";
                        return Err(Failure::with_code(2, what));
                    }
                },
            },
            FormPart::Literal(text) => {
                let text = text.as_bytes();
                let (name, value) = split_once(text, b'=').ok_or_else(|| not_a_part(text))?;
                Part::new(name, Content::Text(value.to_vec()))
            }
            FormPart::Value { name, value } => Part::new(name, Content::Text(value.clone())),
            FormPart::File {
                name,
                path,
                media_type,
            } => Part {
                filename: base(path),
                media_type: media_type.clone(),
                ..Part::new(name, Content::File(path.clone()))
            },
        };
        if let Some(parts) = parts.last_mut() {
            parts.push(part);
        }
    }
    // As in curl, the end of the command line ends the parts that are open.
    while let (Some(part), Some(inner)) = (open.pop(), parts.pop()) {
        match parts.last_mut() {
            Some(outer) => outer.push(Part {
                content: Content::Parts(inner),
                ..part
            }),
            None => return Ok(inner),
        }
    }
    Ok(Vec::new())
}

impl Part {
    fn new(name: &[u8], content: Content) -> Self {
        Part {
            name: name_of(name),
            content,
            ..Part::default()
        }
    }
}

/// The meaning of one `-F`.
enum Element {
    Part(Part),
    /// `=(`.
    Begin(Part),
    /// `=)`.
    End,
}

fn read_part(text: &[u8]) -> Result<Element, Failure> {
    let (name, rest) = split_once(text, b'=').ok_or_else(|| not_a_part(text))?;
    let part = |options, content| Part {
        name: name_of(name),
        content,
        ..options
    };
    if name.is_empty() && rest == b")" {
        return Ok(Element::End);
    }
    match rest.split_first() {
        Some((b'(', rest)) => {
            let (_, options, _) = read_value(rest, b";", false, text)?;
            if options.encoder.is_some() {
                return Err(bad_option(text, "a part that has parts cannot be encoded"));
            }
            Ok(Element::Begin(part(options, Content::default())))
        }
        Some((b'<', rest)) => {
            let (file, options, _) = read_value(rest, b";", false, text)?;
            let content = Content::File(path(&file).to_owned());
            Ok(Element::Part(part(options, content)))
        }
        Some((b'@', rest)) => {
            let mut files = read_files(rest, text)?;
            // Several files of one name are a message of their own (RFC 2388 §4.2).
            Ok(Element::Part(match files.len() {
                1 => Part {
                    name: name_of(name),
                    ..files.remove(0)
                },
                _ => Part::new(name, Content::Parts(files)),
            }))
        }
        _ => {
            let (value, options, _) = read_value(rest, b";", true, text)?;
            Ok(Element::Part(part(options, Content::Text(value))))
        }
    }
}

/// Files behind an `@`, each with its options, between commas.
fn read_files(files: &[u8], text: &[u8]) -> Result<Vec<Part>, Failure> {
    let mut all = Vec::new();
    let mut rest = files;
    loop {
        let (file, options, behind) = read_value(rest, b";,", false, text)?;
        let file = path(&file);
        all.push(Part {
            filename: options.filename.or_else(|| base(file)),
            content: Content::File(file.to_owned()),
            ..options
        });
        match behind.strip_prefix(b",") {
            Some(behind) => rest = behind,
            None => return Ok(all),
        }
    }
}

fn base(path: &Path) -> Option<Vec<u8>> {
    Some(path.file_name()?.as_bytes().to_vec())
}

/// The name of a part; an empty one is none.
fn name_of(name: &[u8]) -> Option<Vec<u8>> {
    Some(name.to_vec()).filter(|name| !name.is_empty())
}

/// Reads a value and its options up to one of `ends` that is no semicolon. Returns the value, a
/// part that has the options but no name or content, and the text behind. With `keeps` an option
/// that means nothing is part of the value: a semicolon in a text stays one.
fn read_value<'t>(
    text: &'t [u8],
    ends: &[u8],
    keeps: bool,
    whole: &[u8],
) -> Result<(Vec<u8>, Part, &'t [u8]), Failure> {
    let (mut value, mut rest) = word(text, ends);
    let mut options = Part::default();
    // Whether the last option was the type, which may have parameters.
    let mut is_in_type = false;
    while let Some(option) = rest.strip_prefix(b";") {
        let trimmed = option.trim_ascii_start();
        let (key, behind) = split_once(trimmed, b'=').unwrap_or((trimmed, b""));
        let key = key.to_ascii_lowercase();
        let known: &[&[u8]] = &[b"filename", b"encoder", b"headers"];
        is_in_type &= !known.contains(&key.as_slice());
        match key.as_slice() {
            b"filename" => {
                let (filename, left) = word(behind, ends);
                options.filename = Some(filename);
                rest = left;
            }
            b"encoder" => {
                let (name, left) = word(behind, ends);
                let encoder = Encoder::parse(&name);
                options.encoder = Some(encoder.ok_or_else(|| unknown_encoder(&name))?);
                rest = left;
            }
            b"headers" => rest = read_fields(behind, ends, &mut options.fields)?,
            b"type" if !is_in_type => {
                let (media_type, left) = word(behind, ends);
                options.media_type = Some(media_type);
                is_in_type = true;
                rest = left;
            }
            _ => {
                let end = option.iter().position(|byte| ends.contains(byte));
                let (unknown, left) = option.split_at(end.unwrap_or(option.len()));
                rest = left;
                // Behind the type it is a parameter of the type.
                let extended = match &mut options.media_type {
                    Some(media_type) if is_in_type => Some(media_type),
                    _ => Some(&mut value).filter(|_| keeps),
                };
                if let Some(extended) = extended {
                    extended.push(b';');
                    extended.extend(unknown);
                }
            }
        }
    }
    if let Some(media_type) = &mut options.media_type {
        media_type.truncate(media_type.trim_ascii_end().len());
    }
    let lines = options.fields.iter().chain(&options.media_type);
    if lines
        .into_iter()
        .any(|line| line.iter().any(u8::is_ascii_control))
    {
        return Err(bad_option(
            whole,
            "a line break or another control character",
        ));
    }
    if !options.fields.iter().all(|line| line.contains(&b':')) {
        return Err(bad_option(whole, "a field without a colon"));
    }
    Ok((value, options, rest))
}

/// `headers=FIELD`, or the lines of a file: `headers=@FILE`. Returns the text behind.
fn read_fields<'t>(
    text: &'t [u8],
    ends: &[u8],
    fields: &mut Vec<Vec<u8>>,
) -> Result<&'t [u8], Failure> {
    let Some(file) = text.strip_prefix(b"@").or(text.strip_prefix(b"<")) else {
        let (field, rest) = word(text, ends);
        fields.push(field);
        return Ok(rest);
    };
    let (file, rest) = word(file, ends);
    let lines = std::fs::read(path(&file)).map_err(|error| read_failure(path(&file), &error))?;
    let first = fields.len();
    for line in lines.split(|byte| *byte == b'\n') {
        let trimmed = line.trim_ascii_end();
        match trimmed.first() {
            None | Some(b'#') => {}
            // A line that begins with a space continues the one before it.
            Some(b' ') if fields.len() > first => {
                if let Some(field) = fields.last_mut() {
                    field.extend(trimmed);
                }
            }
            Some(_) => fields.push(trimmed.to_vec()),
        }
    }
    Ok(rest)
}

/// A word up to one of `ends`, and the rest: as it stands, without spaces around it, or in quotes,
/// in which a backslash stands before a quote or a backslash. A quote that nothing ends is part of
/// the word.
fn word<'t>(text: &'t [u8], ends: &[u8]) -> (Vec<u8>, &'t [u8]) {
    let text = text.trim_ascii_start();
    if let Some(quoted) = text.strip_prefix(b"\"") {
        let mut word = Vec::new();
        let mut at = 0;
        while let Some(&byte) = quoted.get(at) {
            at += 1;
            let behind = quoted[at..].trim_ascii_start();
            match (byte, quoted.get(at)) {
                (b'"', _) if behind.first().is_none_or(|next| ends.contains(next)) => {
                    return (word, behind);
                }
                (b'\\', Some(&escaped @ (b'"' | b'\\'))) => {
                    word.push(escaped);
                    at += 1;
                }
                (other, _) => word.push(other),
            }
        }
    }
    let end = text.iter().position(|byte| ends.contains(byte));
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    (word.trim_ascii_end().to_vec(), rest)
}

fn not_a_part(text: &[u8]) -> Failure {
    Failure::with_code(2, format!("-F {} is not NAME=VALUE", quoted(text)))
        .hint("or NAME=@FILE to upload a file")
}

fn bad_option(text: &[u8], why: &str) -> Failure {
    Failure::with_code(
        2,
        format!("-F {} is not a part of a form: {why}", quoted(text)),
    )
    .hint("write NAME=VALUE;type=TYPE, or put a value with semicolons in double quotes")
}

fn unknown_encoder(name: &[u8]) -> Failure {
    Failure::with_code(43, format!("-F has no encoder {}", quoted(name)))
        .hint("use base64, quoted-printable, 7bit, 8bit or binary")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_what_follows() {
        let table = [
            ("a", "a", ""),
            ("a;b", "a", ";b"),
            ("  a b  ;c", "a b", ";c"),
            (r#""a;b";c"#, "a;b", ";c"),
            (r#""a\"\\\n""#, r#"a"\\n"#, ""),
            (r#"" a " ;c"#, " a ", ";c"),
            (r#""a" b;c"#, r#""a" b"#, ";c"),
            (r#""a"#, r#""a"#, ""),
            ("a,b", "a", ",b"),
            ("", "", ""),
        ];
        for (text, want, rest) in table {
            let (word, left) = word(text.as_bytes(), b";,");
            let text_of = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            assert_eq!(
                (text_of(&word), text_of(left)),
                (want.into(), rest.into()),
                "{text}"
            );
        }
    }

    #[test]
    fn parts_within_parts() {
        let line = |texts: &[&str]| {
            let given = texts.iter().map(|text| FormPart::Grammar(text.into()));
            read(&given.collect::<Vec<_>>())
        };
        let text = |name: &[u8], value: &[u8]| Part::new(name, Content::Text(value.to_vec()));
        let parts = |name: &[u8], parts| Part::new(name, Content::Parts(parts));
        let got = line(&["a=(", "b=1", "=(", "=2", "=)", "=)", "c=3"]).unwrap();
        let inner = parts(b"", vec![text(b"", b"2")]);
        let outer = parts(b"a", vec![text(b"b", b"1"), inner]);
        assert_eq!(got, [outer, text(b"c", b"3")]);
        let got = line(&["a=(", "b=1"]).unwrap();
        assert_eq!(got, [parts(b"a", vec![text(b"b", b"1")])]);
        for wrong in [
            &["=)"][..],
            &["=(", "=)", "=)"],
            &["a"],
            &["=(;encoder=base64"],
        ] {
            assert_eq!(line(wrong).unwrap_err().code(), 2, "{wrong:?}");
        }
        assert_eq!(line(&["a=b;encoder=rot13"]).unwrap_err().code(), 43);
    }
}

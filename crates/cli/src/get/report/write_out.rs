//! `-w`: a text about a fetch for scripts, with curl's variables.
//!
//! | in the format | stands for |
//! |---|---|
//! | `%{NAME}` | the value of a variable |
//! | `%header{NAME}` | the first value of a field in the last response |
//! | `%header{NAME:all:SEPARATOR}` | all its values, in the responses of redirects too |
//! | `%time{FORMAT}` | the current time |
//! | `%output{FILE}`, `%output{>>FILE}` | from here on, write to FILE, or at its end |
//! | `%{stdout}`, `%{stderr}` | from here on, write there |
//! | `%{onerror}` | what follows is for failures only |
//! | `%%`, `\\n`, `\\r`, `\\t` | a percent sign, line ends, a tab |

use super::facts::{Facts, fields};
use super::strftime;
use super::variables;
use crate::get::args::bytes;
use crate::visible::visible;
use http::HeaderValue;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::ffi::OsStrExt;

/// Writes the format, with every variable filled in.
pub(in crate::get) fn write_out(format: &OsStr, facts: &Facts<'_>) -> io::Result<()> {
    let format = match format.as_bytes().strip_prefix(b"@") {
        Some(b"-") => {
            let mut text = Vec::new();
            io::stdin().read_to_end(&mut text)?;
            text
        }
        Some(path) => std::fs::read(bytes::path(path))?,
        None => format.as_bytes().to_vec(),
    };
    let mut out = Sink::stdout();
    let mut rest = format.as_slice();
    while !rest.is_empty() {
        let (piece, behind) = Piece::first(rest);
        rest = behind;
        match piece {
            // The format is the user's, and may do what it likes to a terminal.
            Piece::Text(text) => out.to.write_all(text)?,
            Piece::Variable("stdout") => out.change(Sink::stdout())?,
            Piece::Variable("stderr") => out.change(Sink::stderr())?,
            Piece::Variable("onerror") if facts.failure.is_none() => break,
            Piece::Variable("onerror") => {}
            Piece::Variable(name) => match variables::value(name, facts) {
                Some(value) => out.show(value.to_string().as_bytes())?,
                None => eprintln!(
                    "tinyhttp: -w: there is no variable {}",
                    visible(&format!("%{{{name}}}"))
                ),
            },
            Piece::Header(text) => header(text, facts, &mut out)?,
            Piece::Time(format) => {
                out.to
                    .write_all(&strftime::format(format, chrono::Utc::now()))?;
            }
            // Where the file can't be written, the output stays where it is, as in curl.
            Piece::Output(path) => {
                if let Ok(sink) = Sink::file(path) {
                    out.change(sink)?;
                }
            }
        }
    }
    out.to.flush()
}

/// A part of a format.
#[derive(Debug, PartialEq)]
enum Piece<'f> {
    Text(&'f [u8]),
    Variable(&'f str),
    Header(&'f [u8]),
    Time(&'f [u8]),
    Output(&'f [u8]),
}

impl<'f> Piece<'f> {
    /// The first piece of a format that is not empty, and what is behind it.
    fn first(format: &'f [u8]) -> (Self, &'f [u8]) {
        let in_braces = |opening: &[u8]| {
            let text = format.strip_prefix(opening)?;
            bytes::split_once(text, b'}')
        };
        if let Some((name, rest)) = in_braces(b"%{") {
            // No variable has a name that is not UTF-8.
            let name = std::str::from_utf8(name).unwrap_or("\u{fffd}");
            return (Piece::Variable(name), rest);
        }
        if let Some(text) = format.strip_prefix(b"%header{") {
            if let Some((text, rest)) = unescaped_brace(text) {
                return (Piece::Header(text), rest);
            }
        }
        if let Some((format, rest)) = in_braces(b"%time{") {
            return (Piece::Time(format), rest);
        }
        if let Some((path, rest)) = in_braces(b"%output{") {
            return (Piece::Output(path), rest);
        }
        let (text, length): (&[u8], usize) = match format {
            [b'%', b'%', ..] => (b"%", 2),
            [b'\\', b'n', ..] => (b"\n", 2),
            [b'\\', b'r', ..] => (b"\r", 2),
            [b'\\', b't', ..] => (b"\t", 2),
            // A backslash before anything else is a backslash, also before another one.
            [b'\\', _, ..] => (&format[..2], 2),
            _ => (&format[..1], 1),
        };
        (Piece::Text(text), &format[length..])
    }
}

/// What is before the first brace without a backslash, and what is behind it.
fn unescaped_brace(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_end = |at: &usize| text[*at] == b'}' && (*at == 0 || text[at - 1] != b'\\');
    let end = (0..text.len()).find(is_end)?;
    Some((&text[..end], &text[end + 1..]))
}

/// Writes the value of a field: the first in the last response, or `NAME:all:SEPARATOR`.
fn header(text: &[u8], facts: &Facts<'_>, out: &mut Sink) -> io::Result<()> {
    let (name, separator) = match bytes::split_once(text, b':') {
        Some((name, rest)) if rest.starts_with(b"all:") => (name, Some(&rest[4..])),
        _ => (text, None),
    };
    let Ok(name) = http::HeaderName::from_bytes(name) else {
        return Ok(());
    };
    let Some(separator) = separator else {
        let fields = fields(facts.trace.hops.last());
        let value = fields.get(name).map(HeaderValue::as_bytes);
        return out.show(value.unwrap_or_default());
    };
    let mut is_first = true;
    for hop in &facts.trace.hops {
        for value in fields(Some(hop)).get_all(&name) {
            if !is_first {
                write_separator(separator, out)?;
            }
            is_first = false;
            out.show(value.as_bytes())?;
        }
    }
    Ok(())
}

/// Writes a separator, in which a backslash may stand before a brace too.
fn write_separator(separator: &[u8], out: &mut Sink) -> io::Result<()> {
    let mut rest = separator;
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix(b"\\}") {
            out.to.write_all(b"}")?;
            rest = behind;
            continue;
        }
        match Piece::first(rest) {
            (Piece::Text(text), behind) if rest[0] == b'\\' => {
                out.to.write_all(text)?;
                rest = behind;
            }
            _ => {
                out.to.write_all(&rest[..1])?;
                rest = &rest[1..];
            }
        }
    }
    Ok(())
}

/// Where the text goes.
struct Sink {
    to: Box<dyn Write>,
    is_terminal: bool,
}

impl Sink {
    fn stdout() -> Self {
        Sink {
            to: Box::new(io::stdout()),
            is_terminal: io::stdout().is_terminal(),
        }
    }

    fn stderr() -> Self {
        Sink {
            to: Box::new(io::stderr()),
            is_terminal: io::stderr().is_terminal(),
        }
    }

    /// A file, which is emptied unless its name begins with `>>`.
    fn file(path: &[u8]) -> io::Result<Self> {
        let file = match path.strip_prefix(b">>") {
            Some(path) => File::options()
                .append(true)
                .create(true)
                .open(bytes::path(path)),
            None => File::create(bytes::path(path)),
        }?;
        Ok(Sink {
            is_terminal: file.is_terminal(),
            to: Box::new(file),
        })
    }

    fn change(&mut self, to: Sink) -> io::Result<()> {
        self.to.flush()?;
        *self = to;
        Ok(())
    }

    /// Writes a value, which comes from elsewhere: a terminal must not obey it.
    fn show(&mut self, value: &[u8]) -> io::Result<()> {
        if self.is_terminal {
            return write!(self.to, "{}", visible(&String::from_utf8_lossy(value)));
        }
        self.to.write_all(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        let table = r"
            a%{b}c => Text a | Variable b | Text c
            %{a => Text % | Text { | Text a
            %header{a:all:{\}}b => Header a:all:{\\} | Text b
            %time{%H} => Time %H
            %output{>>a}%x => Output >>a | Text % | Text x
            %%{a} => Text % | Text { | Text a | Text }
            \n\\n\q\ => Text \n | Text \\\\ | Text n | Text \\q | Text \\
        ";
        for (format, want) in table::cases(table) {
            let mut rest = format.as_bytes();
            let mut got = Vec::new();
            while !rest.is_empty() {
                let (piece, behind) = Piece::first(rest);
                rest = behind;
                let (kind, text) = match piece {
                    Piece::Text(text) => ("Text", text),
                    Piece::Variable(name) => ("Variable", name.as_bytes()),
                    Piece::Header(text) => ("Header", text),
                    Piece::Time(text) => ("Time", text),
                    Piece::Output(text) => ("Output", text),
                };
                got.push(format!("{kind} {}", String::from_utf8_lossy(text)));
            }
            assert_eq!(got.join(" | "), table::unescaped(want), "{format}");
        }
    }
}

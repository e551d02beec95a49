//! Where the content goes: a pipe or file, byte for byte; or a terminal, readable and harmless.

use super::json::Indenter;
use super::partial_file::PartialFile;
use super::received::Received;
use super::terminal::Console;
use crate::failure::Failure;
use crate::get::failure::write_failure;
use crate::visible::visible;
use http::{HeaderMap, header};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use url::Url;

/// Bytes of content that are made readable at a time.
const SHOWN_AT_ONCE: usize = 16 * 1024;

/// An output that has been opened.
pub(in crate::get) enum Output {
    /// Standard output, byte for byte.
    Pipe(File),
    /// Standard output, for people.
    Terminal(Text),
    /// A file that gets its name when it is complete.
    File(PartialFile),
    /// A device, a FIFO or the like: there is nothing to rename.
    Special(File, PathBuf),
    /// Counted, and thrown away.
    Nowhere,
}

impl Output {
    /// Standard output. It is written to directly: the standard library's buffer would look for
    /// lines.
    pub(in crate::get) fn stdout(console: Console, fields: &HeaderMap) -> Result<Self, Failure> {
        let file = stdout_file().map_err(|error| write_failure("to standard output", &error))?;
        Ok(if console.is_readable {
            Output::Terminal(Text::new(file, is_json(fields), console.stdout_colour))
        } else {
            Output::Pipe(file)
        })
    }

    /// A file; until it is complete it is called `NAME.part`.
    pub(in crate::get) fn file(path: &Path, url: &Url, may_replace: bool) -> Result<Self, Failure> {
        PartialFile::create(path, url, may_replace).map(Output::File)
    }

    /// The user's own file, which grows from that byte on.
    pub(in crate::get) fn resumed(path: &Path, offset: u64, url: &Url) -> Result<Self, Failure> {
        PartialFile::in_place(path, offset, url).map(Output::File)
    }

    /// A device, a FIFO or the like.
    pub(in crate::get) fn special(path: &Path) -> Result<Self, Failure> {
        open_special(path)
            .map(|file| Output::Special(file, path.to_owned()))
            .map_err(|error| write_failure(&path.display().to_string(), &error))
    }

    /// Writes a response's head or its trailers, for `-i`.
    pub(in crate::get) fn head(&mut self, received: &Received<Vec<u8>>) -> Result<(), Failure> {
        match self {
            Output::Terminal(text) => text
                .interrupt(&received.readable(text.colour))
                .map_err(|error| write_failure("to standard output", &error)),
            _ => self.write(received.bytes()),
        }
    }

    /// Writes a piece of content.
    pub(in crate::get) fn write(&mut self, piece: &[u8]) -> Result<(), Failure> {
        let result = match self {
            Output::File(part) => return part.write(piece),
            Output::Pipe(file) | Output::Special(file, _) => file.write_all(piece),
            Output::Terminal(text) => text.write(piece),
            Output::Nowhere => Ok(()),
        };
        result.map_err(|error| write_failure(&self.name(), &error))
    }

    /// Removes a file that must not get its name.
    pub(in crate::get) fn discard(self) {
        if let Output::File(part) = self {
            part.discard();
        }
    }

    /// Whether there is no point in reading on, since it won't be shown.
    pub(in crate::get) fn has_seen_enough(&self) -> bool {
        matches!(self, Output::Terminal(text) if text.is_binary)
    }

    /// Ends the output; a file gets its name, which is given back.
    pub(in crate::get) fn finish(self) -> Result<Option<PathBuf>, Failure> {
        match self {
            Output::Terminal(text) => text
                .finish()
                .map(|()| None)
                .map_err(|error| write_failure("to standard output", &error)),
            Output::File(part) => {
                let path = part.path.clone();
                part.finish(None).map(|()| Some(path))
            }
            Output::Special(_, path) => Ok(Some(path)),
            Output::Pipe(_) | Output::Nowhere => Ok(None),
        }
    }

    fn name(&self) -> String {
        match self {
            Output::Special(_, path) => path.display().to_string(),
            _ => "to standard output".to_owned(),
        }
    }
}

/// Standard output as a file without a buffer.
pub(in crate::get) fn stdout_file() -> io::Result<File> {
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

/// Standard error as a file.
pub(in crate::get) fn stderr_file() -> io::Result<File> {
    io::stderr().as_fd().try_clone_to_owned().map(File::from)
}

/// Opens a device, a FIFO or the like for writing.
pub(in crate::get) fn open_special(path: &Path) -> io::Result<File> {
    match path.to_str() {
        // A descriptor that is open has a position; the same file opened anew would be written from
        // its beginning.
        Some("/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1") => stdout_file(),
        Some("/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2") => stderr_file(),
        _ => OpenOptions::new().write(true).open(path),
    }
}

/// Text on its way to a terminal, in pieces that may be cut inside a character.
pub(in crate::get) struct Text {
    file: File,
    /// The beginning of a character whose end is still to come.
    cut: Vec<u8>,
    is_binary: bool,
    has_begun: bool,
    ends_line: bool,
    colour: bool,
    json: Option<Indenter>,
}

impl Text {
    fn new(file: File, is_json: bool, colour: bool) -> Self {
        Text {
            colour,
            json: is_json.then(|| Indenter::new(colour)),
            file,
            cut: Vec::new(),
            is_binary: false,
            has_begun: false,
            ends_line: true,
        }
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        if !self.has_begun {
            self.has_begun = true;
            self.is_binary = is_binary(piece);
        }
        if self.is_binary {
            return Ok(());
        }
        // Indented, content can become a hundred times as long: so only a little of it at a time.
        for piece in piece.chunks(SHOWN_AT_ONCE) {
            self.cut.extend_from_slice(piece);
            let whole = self.cut.len() - unfinished(&self.cut);
            let bytes: Vec<u8> = self.cut.drain(..whole).collect();
            self.show(&bytes)?;
        }
        Ok(())
    }

    /// Writes lines between content, such as trailers behind it.
    fn interrupt(&mut self, lines: &str) -> io::Result<()> {
        if !self.is_binary {
            self.flush()?;
        }
        self.file.write_all(lines.as_bytes())
    }

    fn show(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(last) = bytes.last() {
            self.ends_line = *last == b'\n';
        }
        // CRLF is one end of line; a CR on its own would go back and overwrite.
        let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
        let shown = match &mut self.json {
            Some(indenter) => indenter.indent(&text),
            None => visible(&text).to_string(),
        };
        self.file.write_all(shown.as_bytes())
    }

    fn finish(mut self) -> io::Result<()> {
        if self.is_binary {
            return self.file.write_all(
                b"(this is not text; write it to a file with -o FILE, or into a pipe)\n",
            );
        }
        self.flush()
    }

    /// Writes what is held back, and ends the line: a prompt belongs on a line of its own.
    fn flush(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.cut);
        self.show(&rest)?;
        if let Some(indenter) = &mut self.json {
            self.file.write_all(indenter.finish().as_bytes())?;
        }
        if !self.ends_line {
            self.file.write_all(b"\n")?;
        }
        self.ends_line = true;
        Ok(())
    }
}

/// Whether Content-Type is that of JSON.
fn is_json(fields: &HeaderMap) -> bool {
    let Some(Ok(value)) = fields.get(header::CONTENT_TYPE).map(|value| value.to_str()) else {
        return false;
    };
    let essence = value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence.ends_with("/json") || essence.ends_with("+json") || essence.ends_with("/x-ndjson")
}

/// Whether that is the beginning of something other than text.
fn is_binary(piece: &[u8]) -> bool {
    let sample = &piece[..piece.len().min(1024)];
    let sample = &sample[..sample.len() - unfinished(sample)];
    sample.contains(&0) || std::str::from_utf8(sample).is_err()
}

/// How many bytes at the end are the beginning of a character, or of CRLF.
fn unfinished(bytes: &[u8]) -> usize {
    if bytes.last() == Some(&b'\r') {
        return 1;
    }
    (1..=3.min(bytes.len()))
        .find(|back| {
            let first = bytes[bytes.len() - back];
            let needs = match first {
                0xc0..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf7 => 4,
                _ => 0,
            };
            needs > *back
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_not_cut() {
        let table: &[(&[u8], usize)] = &[
            (b"", 0),
            (b"abc", 0),
            (b"abc\r", 1),
            ("ü".as_bytes(), 0),
            (b"\xc3", 1),
            (b"a\xe2\x82", 2),
            (b"\xf0\x9f\x98", 3),
            (b"\xf0\x9f\x98\x80", 0),
            (b"\x80\x80", 0),
        ];
        for (bytes, want) in table {
            assert_eq!(unfinished(bytes), *want, "{bytes:?}");
        }
    }

    #[test]
    fn text_and_not() {
        for text in [
            &b"hello"[..],
            "ü€".as_bytes(),
            b"",
            b"\xe2\x82",
            b"\x1b[31m",
        ] {
            assert!(!is_binary(text), "{text:?}");
        }
        for binary in [&b"a\0b"[..], b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"] {
            assert!(is_binary(binary), "{binary:?}");
        }
    }
}

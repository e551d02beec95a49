//! `-F …;encoder=`: how the content of a form's part is encoded for transfer (RFC 2045 §6).
//!
//! Content is encoded as it is read, so that a large file takes no memory.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::io::{self, Read};

/// The longest line of encoded content, in bytes (RFC 2045 §6.7 and §6.8).
const LONGEST_LINE: usize = 76;
/// Bytes that base64 makes a whole line of.
const BASE64_LINE: usize = LONGEST_LINE / 4 * 3;
/// How much content is encoded at a time.
const CHUNK: usize = 256 * BASE64_LINE;

/// A coding, as curl names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::get) enum Encoder {
    Base64,
    QuotedPrintable,
    /// Content as it is, which must be ASCII.
    SevenBit,
    EightBit,
    Binary,
}

/// All codings and their names in Content-Transfer-Encoding.
const ALL: [(Encoder, &str); 5] = [
    (Encoder::Base64, "base64"),
    (Encoder::QuotedPrintable, "quoted-printable"),
    (Encoder::SevenBit, "7bit"),
    (Encoder::EightBit, "8bit"),
    (Encoder::Binary, "binary"),
];

impl Encoder {
    pub(in crate::get) fn parse(name: &[u8]) -> Option<Self> {
        let is_meant = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let found = ALL.iter().find(|(_, known)| is_meant(known))?;
        Some(found.0)
    }

    /// The value of Content-Transfer-Encoding.
    pub(in crate::get) fn name(self) -> &'static str {
        ALL.iter()
            .find(|(encoder, _)| *encoder == self)
            .map_or("binary", |(_, name)| name)
    }

    /// The length of encoded content, if it follows from that of the content.
    pub(in crate::get) fn length(self, length: Option<u64>) -> Option<u64> {
        let length = length?;
        match self {
            Encoder::Base64 => {
                let encoded = length.div_ceil(3).checked_mul(4)?;
                let lines = encoded.div_ceil(LONGEST_LINE as u64);
                encoded.checked_add(2 * lines.saturating_sub(1))
            }
            Encoder::QuotedPrintable => (length == 0).then_some(0),
            Encoder::SevenBit | Encoder::EightBit | Encoder::Binary => Some(length),
        }
    }

    /// Encodes what `content` reads.
    pub(in crate::get) fn encode(self, content: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        match self {
            Encoder::EightBit | Encoder::Binary => content,
            Encoder::Base64 | Encoder::QuotedPrintable | Encoder::SevenBit => Box::new(Encoded {
                encoder: self,
                content,
                input: Vec::new(),
                is_end: false,
                output: Vec::new(),
                taken: 0,
                column: 0,
            }),
        }
    }
}

/// Content on its way through an encoder.
struct Encoded {
    encoder: Encoder,
    content: Box<dyn Read + Send>,
    /// Content that is not encoded yet.
    input: Vec<u8>,
    /// Whether all content has been read.
    is_end: bool,
    output: Vec<u8>,
    /// How much of the output has been read.
    taken: usize,
    /// The length of the output's last line.
    column: usize,
}

impl Read for Encoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.output.len() {
            if self.is_end {
                return Ok(0);
            }
            let wanted = (CHUNK - self.input.len()) as u64;
            let read = (&mut self.content)
                .take(wanted)
                .read_to_end(&mut self.input)?;
            self.is_end = (read as u64) < wanted;
            self.output.clear();
            self.taken = 0;
            match self.encoder {
                Encoder::Base64 => self.encode_base64(),
                Encoder::QuotedPrintable => self.encode_quoted_printable(),
                _ => self.check_ascii()?,
            }
        }
        let rest = &self.output[self.taken..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.taken += length;
        Ok(length)
    }
}

impl Encoded {
    /// A chunk is a number of whole lines, but for the last one.
    fn encode_base64(&mut self) {
        for line in self.input.chunks(BASE64_LINE) {
            if self.column > 0 {
                self.output.extend(b"\r\n");
            }
            let line = BASE64_STANDARD.encode(line);
            self.column = line.len();
            self.output.extend(line.into_bytes());
        }
        self.input.clear();
    }

    fn check_ascii(&mut self) -> io::Result<()> {
        if !self.input.is_ascii() {
            let what = "it has bytes above 127, which encoder=7bit cannot send";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        std::mem::swap(&mut self.input, &mut self.output);
        self.input.clear();
        Ok(())
    }

    /// Encodes all but the last bytes, which depend on what follows. Line ends stay, and lines are
    /// broken by `=` at the end.
    fn encode_quoted_printable(&mut self) {
        let input = std::mem::take(&mut self.input);
        let mut at = 0;
        while at < input.len() && (self.is_end || at + 3 < input.len()) {
            let rest = &input[at..];
            if rest.starts_with(b"\r\n") {
                self.output.extend(b"\r\n");
                self.column = 0;
                at += 2;
                continue;
            }
            let ends_line = |at: usize| {
                let rest = rest.get(at..).unwrap_or_default();
                rest.is_empty() || rest.starts_with(b"\r\n")
            };
            let is_plain = match rest[0] {
                b' ' | b'\t' => !ends_line(1),
                byte => byte.is_ascii_graphic() && byte != b'=',
            };
            let length = if is_plain { 1 } else { 3 };
            // The last column is for the `=` that breaks the line, unless the line ends there
            // anyway.
            let room = LONGEST_LINE - usize::from(!ends_line(1));
            if self.column + length > room {
                self.output.extend(b"=\r\n");
                self.column = 0;
            }
            match is_plain {
                true => self.output.push(rest[0]),
                false => self.output.extend(format!("={:02X}", rest[0]).into_bytes()),
            }
            self.column += length;
            at += 1;
        }
        self.input = input[at..].to_vec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(name: &str, content: &[u8]) -> io::Result<String> {
        let encoder = Encoder::parse(name.as_bytes()).unwrap();
        let mut encoded = String::new();
        let source = Box::new(io::Cursor::new(content.to_vec()));
        encoder.encode(source).read_to_string(&mut encoded)?;
        if let Some(length) = encoder.length(Some(content.len() as u64)) {
            assert_eq!(length, encoded.len() as u64, "{name} {content:?}");
        }
        Ok(encoded)
    }

    #[test]
    fn contents() {
        let (a75, a76) = ("a".repeat(75), "a".repeat(76));
        let table: &[(&str, &str, &str)] = &[
            ("BASE64", "", ""),
            ("base64", "a", "YQ=="),
            ("base64", "abc", "YWJj"),
            ("8bit", "é\n", "é\n"),
            ("binary", "é\n", "é\n"),
            ("7bit", "a\n", "a\n"),
            ("quoted-printable", "", ""),
            ("quoted-printable", "a=b é", "a=3Db =C3=A9"),
            ("quoted-printable", "a \r\nb\t\r\n", "a=20\r\nb=09\r\n"),
            ("quoted-printable", "a ", "a=20"),
            ("quoted-printable", "a\nb\rc\0", "a=0Ab=0Dc=00"),
            ("quoted-printable", &a76, &a76),
            (
                "quoted-printable",
                &(a76.clone() + "\r\nb"),
                &(a76.clone() + "\r\nb"),
            ),
            (
                "quoted-printable",
                &(a76.clone() + "b"),
                &(a75.clone() + "=\r\nab"),
            ),
            (
                "quoted-printable",
                &("a".repeat(74) + "é"),
                &("a".repeat(74) + "=\r\n=C3=A9"),
            ),
            (
                "quoted-printable",
                &(a75.clone() + " "),
                &(a75.clone() + "=\r\n=20"),
            ),
        ];
        for (name, content, want) in table {
            assert_eq!(
                encode(name, content.as_bytes()).unwrap(),
                *want,
                "{name} {content:?}"
            );
        }
        assert!(encode("7bit", b"caf\xe9").is_err());
        assert_eq!(Encoder::parse(b"rot13"), None);
    }

    /// Lines are at most 76 bytes, and the content comes back, whatever its length is.
    #[test]
    fn lines_of_every_length() {
        for length in [
            56,
            57,
            58,
            114,
            115,
            CHUNK - 1,
            CHUNK,
            CHUNK + 1,
            2 * CHUNK + 100,
        ] {
            let content: Vec<u8> = (0..length).map(|at| (at * 7 % 256) as u8).collect();
            let encoded = encode("base64", &content).unwrap();
            assert!(encoded.lines().all(|line| line.len() <= LONGEST_LINE));
            let joined = encoded.replace("\r\n", "");
            assert_eq!(BASE64_STANDARD.decode(joined).unwrap(), content);
            let encoded = encode("quoted-printable", &content).unwrap();
            assert!(encoded.lines().all(|line| line.len() <= LONGEST_LINE));
            assert_eq!(decoded(&encoded), content, "{length}");
        }
    }

    /// Content from quoted-printable.
    fn decoded(text: &str) -> Vec<u8> {
        let text = text.replace("=\r\n", "");
        let mut parts = text.split('=');
        let mut bytes = parts.next().unwrap().as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
            bytes.extend(&part.as_bytes()[2..]);
        }
        bytes
    }
}

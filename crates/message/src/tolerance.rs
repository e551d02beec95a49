//! The faults of a response that a user agent forgives (RFC 9112 §2.2, §5, §6.3, §7.1).
//!
//! # Theory
//!
//! A server must refuse a request that two readers could understand differently, since an attacker
//! can hide a second request in the difference. A client is the end of the chain: where RFC 9112
//! specifies how to read a faulty response, it may do so, and reads what browsers read. Requests
//! are never repaired.
//!
//! | fault | reading |
//! |---|---|
//! | a line ends in LF without CR | as if the CR were there (§2.2) |
//! | a field line is folded | the fold becomes a space (§5.2) |
//! | white space before a colon | removed (§5.1) |
//! | `Content-Length: 5, 5` | one length, if all are equal (§6.3) |
//! | Content-Length beside Transfer-Encoding | length removed, connection closed (§6.3) |
//! | `Transfer-Encoding: identity` | removed, as RFC 2616 meant it |
//! | white space after a chunk size | skipped (§7.1.1) |
//! | HTTP/1.2 to HTTP/1.9 | as HTTP/1.1 (RFC 9110 §2.5) |
//!
//! Two faults are refused because they leave the framing ambiguous: a fold that would be a framing
//! field on a line of its own, and, without Content-Length and Transfer-Encoding, an empty line
//! that ends in LF alone after lines that end in CRLF.
//!
//! # Example
//!
//! [`repair`] rewrites a head into one that the strict grammar accepts, and names the faults:
//!
//! ```
//! use tinyhttp_message::tolerance::{Deviation, repair};
//!
//! let (head, deviations) = repair(b"HTTP/1.1 200 OK\nServer : a\n b\n\n")?.unwrap();
//! assert_eq!(head, b"HTTP/1.1 200 OK\r\nServer: a b\r\n\r\n");
//! assert_eq!(deviations.iter().count(), 3);
//! assert!(deviations.contains(Deviation::LineFolding));
//! # Ok::<(), tinyhttp_message::ProtocolError>(())
//! ```

use crate::error::ProtocolError;
use crate::framing::{is_framing_line, repair_framing};
use crate::head::Limits;
use std::fmt;

/// A forgiven fault of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Deviation {
    /// A line ends in LF without CR.
    BareLineFeed,
    /// A field line is continued on the next one.
    LineFolding,
    /// White space lies between a field name and its colon.
    SpaceBeforeColon,
    /// Content-Length is repeated with the same number.
    RepeatedContentLength,
    /// Content-Length stands beside Transfer-Encoding.
    ContentLengthWithTransferEncoding,
    /// The transfer coding is `identity`, which no longer exists.
    IdentityTransferCoding,
    /// White space follows a chunk size.
    SpaceAfterChunkSize,
    /// The minor version is later than 1.1.
    LaterVersion,
}

impl Deviation {
    const ALL: [Deviation; 8] = [
        Deviation::BareLineFeed,
        Deviation::LineFolding,
        Deviation::SpaceBeforeColon,
        Deviation::RepeatedContentLength,
        Deviation::ContentLengthWithTransferEncoding,
        Deviation::IdentityTransferCoding,
        Deviation::SpaceAfterChunkSize,
        Deviation::LaterVersion,
    ];
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Deviation::BareLineFeed => "a line ends in LF without CR",
            Deviation::LineFolding => "a field line is folded",
            Deviation::SpaceBeforeColon => {
                "there is white space between a field name and its colon"
            }
            Deviation::RepeatedContentLength => "Content-Length is repeated",
            Deviation::ContentLengthWithTransferEncoding => {
                "Content-Length is ignored beside Transfer-Encoding"
            }
            Deviation::IdentityTransferCoding => "the transfer coding identity does not exist",
            Deviation::SpaceAfterChunkSize => "white space follows a chunk size",
            Deviation::LaterVersion => "the version is later than HTTP/1.1",
        })
    }
}

/// A set of [`Deviation`]s, in one byte. Its order is that of the enum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deviations(u8);

impl Deviations {
    /// Adds a fault.
    pub fn insert(&mut self, deviation: Deviation) {
        self.0 |= 1 << deviation as u8;
    }

    /// Whether the set contains a fault.
    #[must_use]
    pub fn contains(self, deviation: Deviation) -> bool {
        self.0 & (1 << deviation as u8) != 0
    }

    /// Whether nothing was forgiven.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The faults in the set.
    pub fn iter(self) -> impl Iterator<Item = Deviation> {
        Deviation::ALL
            .into_iter()
            .filter(move |deviation| self.contains(*deviation))
    }

    /// Adds the faults of another set.
    pub fn extend(&mut self, other: Deviations) {
        self.0 |= other.0;
    }
}

impl FromIterator<Deviation> for Deviations {
    fn from_iter<I: IntoIterator<Item = Deviation>>(deviations: I) -> Self {
        let mut set = Deviations::default();
        deviations
            .into_iter()
            .for_each(|deviation| set.insert(deviation));
        set
    }
}

/// Finds the end of a head whose lines may end in LF alone. Between calls it keeps how far it has
/// looked, so each byte is looked at once.
#[derive(Debug, Clone, Copy, Default)]
pub struct HeadEnd {
    scanned: usize,
    line: usize,
}

impl HeadEnd {
    /// Returns the length of the head at the start of `input`, with its empty line; `None` while
    /// its end has not arrived.
    ///
    /// `input` must begin with the input of the call before.
    ///
    /// # Errors
    /// [`ProtocolError::HeadTooLarge`] if the end is not within [`Limits::head`] bytes.
    pub fn find(&mut self, input: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
        let window = &input[..input.len().min(limits.head)];
        while let Some(offset) = memchr::memchr(b'\n', &window[self.scanned..]) {
            let newline = self.scanned + offset;
            let is_blank = matches!(&window[self.line..newline], b"" | b"\r");
            self.scanned = newline + 1;
            self.line = newline + 1;
            if is_blank {
                return Ok(Some(newline + 1));
            }
        }
        self.scanned = window.len();
        if input.len() >= limits.head {
            return Err(ProtocolError::HeadTooLarge { limit: limits.head });
        }
        Ok(None)
    }
}

/// A section that the strict grammar accepts, and the faults that were repaired for it.
pub type Repaired = (Vec<u8>, Deviations);

/// Repairs a whole response head, with its empty line; `None` if there is nothing to repair.
///
/// # Errors
/// [`ProtocolError::RepeatedContentLength`] for Content-Lengths that differ;
/// [`ProtocolError::LineFolding`] and [`ProtocolError::BareLineFeed`] where these leave the framing
/// ambiguous. The parser finds the other faults.
pub fn repair(head: &[u8]) -> Result<Option<Repaired>, ProtocolError> {
    let mut repair = Repair::default();
    let start_line = repair.lines(head, true);
    if repair.hides_framing {
        return Err(ProtocolError::LineFolding);
    }
    let is_framed = repair.lines.iter().any(|line| is_framing_line(line));
    if head.ends_with(b"\r\n\n") && !is_framed {
        return Err(ProtocolError::BareLineFeed);
    }
    let start_line = start_line.map(|line| repair.version(line));
    repair.framing(start_line.as_deref())?;
    Ok(repair.finish(start_line.as_deref()))
}

/// Repairs a trailer section, which has no start line; `None` if there is nothing to repair.
pub(crate) fn repair_trailers(section: &[u8]) -> Option<Repaired> {
    let mut repair = Repair::default();
    repair.lines(section, false);
    repair.finish(None)
}

/// Field lines that are being repaired.
#[derive(Default)]
struct Repair {
    lines: Vec<Vec<u8>>,
    deviations: Deviations,
    /// Whether a folded line would be a framing field if it were a line of its own.
    hides_framing: bool,
}

impl Repair {
    fn note(&mut self, deviation: Deviation) {
        self.deviations.insert(deviation);
    }

    /// Collects the field lines, and returns the start line if there is one.
    fn lines<'h>(&mut self, section: &'h [u8], mut has_start: bool) -> Option<&'h [u8]> {
        let mut start_line = None;
        for line in section.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = match line.strip_suffix(b"\r") {
                Some(line) => line,
                None => {
                    self.note(Deviation::BareLineFeed);
                    line
                }
            };
            if std::mem::take(&mut has_start) {
                start_line = Some(line);
            } else if !line.is_empty() {
                self.field(line);
            }
        }
        start_line
    }

    fn field(&mut self, line: &[u8]) {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            // Before the first field there is nothing to continue (RFC 9112 §2.2); the parser
            // refuses such a line.
            if let Some(last) = self.lines.last_mut() {
                let line = line.trim_ascii();
                self.hides_framing |= is_framing_line(line);
                last.push(b' ');
                last.extend_from_slice(line);
                self.note(Deviation::LineFolding);
                return;
            }
        }
        let mut line = line.to_vec();
        if let Some(colon) = line.iter().position(|byte| *byte == b':') {
            let name = line[..colon].trim_ascii_end().len();
            if (1..colon).contains(&name) {
                line.drain(name..colon);
                self.note(Deviation::SpaceBeforeColon);
            }
        }
        self.lines.push(line);
    }

    fn version(&mut self, line: &[u8]) -> Vec<u8> {
        let mut line = line.to_vec();
        if let [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            minor @ b'2'..=b'9',
            b' ',
            ..,
        ] = &mut line[..]
        {
            *minor = b'1';
            self.note(Deviation::LaterVersion);
        }
        line
    }

    /// Applies RFC 9112 §6.3, rules 3 to 5.
    fn framing(&mut self, start_line: Option<&[u8]>) -> Result<(), ProtocolError> {
        let is_old = start_line.is_some_and(|line| line.starts_with(b"HTTP/1.0"));
        let repaired = repair_framing(&mut self.lines, is_old)?;
        let notes = [
            (repaired.identity, Deviation::IdentityTransferCoding),
            (
                repaired.ignored_length,
                Deviation::ContentLengthWithTransferEncoding,
            ),
            (repaired.repeated_length, Deviation::RepeatedContentLength),
        ];
        for (_, deviation) in notes.into_iter().filter(|(is_so, _)| *is_so) {
            self.note(deviation);
        }
        Ok(())
    }

    fn finish(self, start_line: Option<&[u8]>) -> Option<Repaired> {
        if self.deviations.is_empty() {
            return None;
        }
        let lines = self.lines.iter().map(Vec::as_slice);
        let lines: Vec<_> = start_line
            .into_iter()
            .chain(lines)
            .chain([&b""[..], b""])
            .collect();
        Some((lines.join(&b"\r\n"[..]), self.deviations))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Deviation::LaterVersion;

    #[test]
    fn repaired_and_left_alone() {
        let table = r"
            200 OK\nA: b\n\n => 200 OK\r\nA: b\r\n\r\n | [BareLineFeed]
            200 OK\r\nA: b\n\r\n => 200 OK\r\nA: b\r\n\r\n | [BareLineFeed]
            200\n\n => 200\r\n\r\n | [BareLineFeed]
            200 OK\r\nA: b\r\n  c\r\n\t\td \r\n\r\n => 200 OK\r\nA: b c d\r\n\r\n | [LineFolding]
            200 OK\r\nA:\r\n b\r\n\r\n => 200 OK\r\nA: b\r\n\r\n | [LineFolding]
            200 OK\r\nTransfer-Encoding:\r\n chunked\r\n\r\n => 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n | [LineFolding]
            200 OK\r\nA \t : b\r\n\r\n => 200 OK\r\nA: b\r\n\r\n | [SpaceBeforeColon]
            200 OK\r\nContent-Length: 84, 84\r\n\r\n => 200 OK\r\nContent-Length: 84\r\n\r\n | [RepeatedContentLength]
            200 OK\r\nContent-Length : 84\r\nX: y\r\ncontent-length: 84,84\r\n\r\n => 200 OK\r\nX: y\r\nContent-Length: 84\r\n\r\n | [SpaceBeforeColon, RepeatedContentLength]
            200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n => 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n | [ContentLengthWithTransferEncoding]
            200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 9\r\n\r\n => 200 OK\r\nContent-Length: 9\r\n\r\n | [IdentityTransferCoding]
        ";
        table::check(table, |case| {
            let given = format!("HTTP/1.1 {}", table::unescaped(case));
            let (repaired, deviations) = repair(given.as_bytes()).unwrap().unwrap();
            assert_eq!(repair(&repaired), Ok(None), "{case}");
            let repaired = repaired.escape_ascii().to_string();
            let repaired = repaired.strip_prefix("HTTP/1.1 ").unwrap();
            let deviations: Vec<_> = deviations.iter().collect();
            format!("{repaired} | {deviations:?}")
        });
        let later = repair(b"HTTP/1.9 200 OK\r\n\r\n").unwrap().unwrap();
        assert_eq!(
            later,
            (
                b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
                Deviations::from_iter([LaterVersion])
            )
        );
        for untouched in [
            "HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n",
            "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/2.0 200 OK\r\n\r\n",
        ] {
            assert_eq!(repair(untouched.as_bytes()), Ok(None), "{untouched:?}");
        }
        let differing = repair(b"HTTP/1.1 200 OK\r\nContent-Length: 84, 85\r\n\r\n");
        assert_eq!(differing, Err(ProtocolError::RepeatedContentLength));
    }

    #[test]
    fn ends() {
        let table = [
            ("a\r\n\r\nrest", Some(5)),
            ("a\n\nrest", Some(3)),
            ("a\r\n\nrest", Some(4)),
            ("a\n\r\nrest", Some(4)),
            ("a\r\n", None),
            ("a\n\r", None),
            ("\n", Some(1)),
        ];
        for (input, want) in table {
            for step in [1, 2, input.len()] {
                let mut end = HeadEnd::default();
                let mut found = None;
                let mut have = 0;
                while have < input.len() && found.is_none() {
                    have = (have + step).min(input.len());
                    found = end
                        .find(&input.as_bytes()[..have], &Limits::default())
                        .unwrap();
                }
                assert_eq!(found, want, "{input:?} by {step}");
            }
        }
    }
}

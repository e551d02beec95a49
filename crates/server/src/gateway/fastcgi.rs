//! FastCGI 1.0: the environment, the content and the response of a request as records.
//!
//! ```text
//! version │ type │ request id (2) │ content length (2) │ padding length │ reserved
//! content │ padding
//! ```
//!
//! A stream is a sequence of records of one type. An empty record ends what this side sends; in the
//! other direction it means nothing (PHP-FPM sends some): the response ends with END_REQUEST.

use std::borrow::Cow;
use std::fmt;

const VERSION: u8 = 1;
const BEGIN_REQUEST: u8 = 1;
const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;
const STDERR: u8 = 7;

/// The number of the only request on a connection.
const ID: u16 = 1;

const HEADER: usize = 8;

/// The content of END_REQUEST up to the protocol's status; before it stands the application's.
const STATUS: usize = 5;

/// Bytes that the environment of a request takes, mostly.
const PARAMS_SIZE: usize = 1024;

/// Content of a record, at most: a multiple of eight, so that full records need no padding.
const RECORD: usize = 65_528;

/// Why a response is no FastCGI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FastCgiError {
    Version(u8),
    /// A record of a request has the number 0, which is that of the connection.
    Unnumbered,
    /// END_REQUEST is too short.
    Short,
    /// The application has refused the request.
    Refused(u8),
}

impl fmt::Display for FastCgiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FastCgiError::Version(version) => write!(f, "FastCGI has no version {version}"),
            FastCgiError::Unnumbered => f.write_str("a FastCGI record has no request"),
            FastCgiError::Short => f.write_str("the FastCGI record END_REQUEST is too short"),
            FastCgiError::Refused(1) => {
                f.write_str("FastCGI: the connection has a request already")
            }
            FastCgiError::Refused(2) => f.write_str("FastCGI: the application is overloaded"),
            FastCgiError::Refused(status) => {
                write!(f, "FastCGI: the request was refused: {status}")
            }
        }
    }
}

/// Writes the beginning of a request: its environment, and that the connection is kept.
pub(crate) fn begin<'e>(
    environment: impl Iterator<Item = (&'e [u8], &'e [u8])>,
    out: &mut Vec<u8>,
) {
    // The role is that of a responder, 1; the flag 1 keeps the connection.
    record(BEGIN_REQUEST, &[0, 1, 1, 0, 0, 0, 0, 0], out);
    let mut params = Vec::with_capacity(PARAMS_SIZE);
    for (name, value) in environment {
        length(name.len(), &mut params);
        length(value.len(), &mut params);
        params.extend_from_slice(name);
        params.extend_from_slice(value);
    }
    params
        .chunks(RECORD)
        .for_each(|part| record(PARAMS, part, out));
    record(PARAMS, &[], out);
}

/// Writes a piece of the content.
pub(crate) fn content(piece: &[u8], out: &mut Vec<u8>) {
    piece
        .chunks(RECORD)
        .for_each(|part| record(STDIN, part, out));
}

/// Writes the end of the content.
pub(crate) fn end_of_content(out: &mut Vec<u8>) {
    record(STDIN, &[], out);
}

fn record(kind: u8, content: &[u8], out: &mut Vec<u8>) {
    // Content is at most RECORD bytes.
    let [high, low] = (content.len() as u16).to_be_bytes();
    let padding = content.len().wrapping_neg() % 8;
    let [id_high, id_low] = ID.to_be_bytes();
    let header = [VERSION, kind, id_high, id_low, high, low, padding as u8, 0];
    out.extend_from_slice(&header);
    out.extend_from_slice(content);
    out.extend_from_slice(&[0; 8][..padding]);
}

/// Writes a length in one byte, or in four.
fn length(length: usize, out: &mut Vec<u8>) {
    match u8::try_from(length) {
        Ok(short @ 0..=127) => out.push(short),
        // The head of a request is far shorter.
        _ => out.extend_from_slice(&(length as u32 | 1 << 31).to_be_bytes()),
    }
}

/// Reads the records of a response.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The header of a record that has come in part.
    header: Start<HEADER>,
    /// The record that is being read.
    record: Option<Record>,
    /// The content of END_REQUEST that has come.
    end: Start<STATUS>,
    has_ended: bool,
    /// Bytes came behind the end of the response.
    has_surplus: bool,
}

/// The first bytes of something that may come in parts.
#[derive(Debug)]
struct Start<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Default for Start<N> {
    fn default() -> Self {
        Start {
            bytes: [0; N],
            length: 0,
        }
    }
}

impl<const N: usize> Start<N> {
    /// Takes the bytes that are missing, and returns the others.
    fn take<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let (part, rest) = bytes.split_at(bytes.len().min(N - self.length));
        self.bytes[self.length..][..part.len()].copy_from_slice(part);
        self.length += part.len();
        rest
    }

    /// The bytes, once all have come.
    fn whole(&self) -> Option<[u8; N]> {
        (self.length == N).then_some(self.bytes)
    }
}

#[derive(Debug, Clone, Copy)]
struct Record {
    kind: u8,
    is_ours: bool,
    content: usize,
    padding: usize,
}

/// What was in received bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded<'b> {
    /// A part of the response: the received bytes themselves if they lie in one record.
    pub(crate) output: Cow<'b, [u8]>,
    /// A part of the error messages.
    pub(crate) errors: Vec<u8>,
    /// Bytes behind the end of the response.
    pub(crate) unused: usize,
}

impl Decoder {
    /// Whether the response has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether the next response on the connection begins with the next byte: the response has
    /// ended, and nothing has come behind it.
    pub(crate) fn is_clean(&self) -> bool {
        self.has_ended && !self.has_surplus
    }

    /// Reads received bytes.
    ///
    /// # Errors
    /// The fault of the response. Nothing may be read after it.
    pub(crate) fn decode<'b>(&mut self, mut bytes: &'b [u8]) -> Result<Decoded<'b>, FastCgiError> {
        let mut decoded = Decoded::default();
        while !bytes.is_empty() {
            if self.has_ended && self.record.is_none() {
                decoded.unused = bytes.len();
                self.has_surplus = true;
                break;
            }
            let Some(record) = &mut self.record else {
                bytes = self.header.take(bytes);
                if let Some(header) = self.header.whole() {
                    self.record = Some(read_header(header)?);
                    self.header = Start::default();
                    self.finish_record()?;
                }
                continue;
            };
            let (content, rest) = bytes.split_at(record.content.min(bytes.len()));
            record.content -= content.len();
            match record.kind {
                _ if !record.is_ours => {}
                STDOUT if decoded.output.is_empty() => decoded.output = Cow::Borrowed(content),
                STDOUT => decoded.output.to_mut().extend_from_slice(content),
                STDERR => decoded.errors.extend_from_slice(content),
                END_REQUEST => drop(self.end.take(content)),
                _ => {}
            }
            let padding = record.padding.min(rest.len());
            if record.content == 0 {
                record.padding -= padding;
                bytes = &rest[padding..];
            } else {
                bytes = rest;
            }
            self.finish_record()?;
        }
        Ok(decoded)
    }

    /// Ends a record that has been read whole.
    fn finish_record(&mut self) -> Result<(), FastCgiError> {
        let Some(record) = self.record.filter(|it| it.content == 0 && it.padding == 0) else {
            return Ok(());
        };
        self.record = None;
        if record.kind == END_REQUEST && record.is_ours {
            match self.end.whole() {
                Some([.., 0]) => self.has_ended = true,
                Some([.., status]) => return Err(FastCgiError::Refused(status)),
                None => return Err(FastCgiError::Short),
            }
        }
        Ok(())
    }
}

fn read_header(header: [u8; HEADER]) -> Result<Record, FastCgiError> {
    let [version, kind, id_high, id_low, high, low, padding, _] = header;
    if version != VERSION {
        return Err(FastCgiError::Version(version));
    }
    let id = u16::from_be_bytes([id_high, id_low]);
    if id == 0 && matches!(kind, STDOUT | STDERR | END_REQUEST) {
        return Err(FastCgiError::Unnumbered);
    }
    Ok(Record {
        kind,
        is_ours: id == ID,
        content: usize::from(u16::from_be_bytes([high, low])),
        padding: usize::from(padding),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(records: &[(u8, u16, &[u8], u8)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, id, content, padding) in records {
            let [high, low] = (content.len() as u16).to_be_bytes();
            let [id_high, id_low] = id.to_be_bytes();
            bytes.extend_from_slice(&[1, *kind, id_high, id_low, high, low, *padding, 0]);
            bytes.extend_from_slice(content);
            bytes.extend_from_slice(&vec![0xff; usize::from(*padding)]);
        }
        bytes
    }

    #[test]
    fn a_request_is_written_in_records() {
        let mut out = Vec::new();
        let long = [b'v'; 200];
        begin(
            [(&b"A"[..], &b"b"[..]), (b"LONG", &long)].into_iter(),
            &mut out,
        );
        let mut expected = vec![1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0];
        // 4 and 5 + 4 + 200 bytes, and 3 of padding.
        expected.extend_from_slice(&[1, 4, 0, 1, 0, 213, 3, 0, 1, 1, b'A', b'b']);
        expected.extend_from_slice(&[4, 0x80, 0, 0, 200]);
        expected.extend_from_slice(b"LONG");
        expected.extend_from_slice(&long);
        expected.extend_from_slice(&[0, 0, 0, 1, 4, 0, 1, 0, 0, 0, 0]);
        assert_eq!(out, expected);
        // Content that is longer than a record is split, not truncated.
        let mut out = Vec::new();
        content(&vec![b'x'; 70_000], &mut out);
        end_of_content(&mut out);
        assert_eq!(out[..8], [1, 5, 0, 1, 0xff, 0xf8, 0, 0]);
        let second = 8 + RECORD;
        assert_eq!(out[second..second + 8], [1, 5, 0, 1, 0x11, 0x78, 0, 0]);
        assert_eq!(out[out.len() - 8..], [1, 5, 0, 1, 0, 0, 0, 0]);
        assert_eq!(out.len(), 70_000 + 3 * 8);
    }

    #[test]
    fn a_response_ends_with_its_end_and_not_with_an_empty_record() {
        let bytes = response(&[
            (STDOUT, 1, b"one", 5),
            (STDOUT, 1, b"", 0),
            (STDERR, 1, b"oops", 255),
            (STDOUT, 2, b"other", 0),
            (11, 0, b"unknown", 1),
            (STDOUT, 1, b" two", 0),
            (STDERR, 1, b"", 3),
            (END_REQUEST, 1, &[0, 0, 0, 7, 0, 0, 0, 0], 2),
        ]);
        for size in [1, 2, 3, 7, 8, 9, bytes.len()] {
            let mut decoder = Decoder::default();
            let (mut output, mut errors) = (Vec::new(), Vec::new());
            for (number, part) in bytes.chunks(size).enumerate() {
                let decoded = decoder.decode(part).unwrap();
                output.extend_from_slice(&decoded.output);
                errors.extend(decoded.errors);
                assert_eq!(decoded.unused, 0, "{size} {number}");
            }
            assert!(decoder.has_ended() && decoder.is_clean(), "{size}");
            assert_eq!((&output[..], &errors[..]), (&b"one two"[..], &b"oops"[..]));
            assert_eq!(decoder.decode(b"abc").unwrap().unused, 3);
            assert!(decoder.has_ended() && !decoder.is_clean(), "{size}");
        }
    }

    #[test]
    fn faults() {
        use FastCgiError::{Refused, Short, Unnumbered, Version};
        let table = [
            (b"HTTP/1.1 200 OK".to_vec(), Version(b'H')),
            (response(&[(STDOUT, 0, b"x", 0)]), Unnumbered),
            (response(&[(END_REQUEST, 0, &[0; 8], 0)]), Unnumbered),
            (response(&[(END_REQUEST, 1, &[0; 4], 0)]), Short),
            (response(&[(END_REQUEST, 1, &[], 0)]), Short),
            (
                response(&[(END_REQUEST, 1, &[0, 0, 0, 0, 2, 0, 0, 0], 0)]),
                Refused(2),
            ),
        ];
        for (bytes, expected) in table {
            assert_eq!(
                Decoder::default().decode(&bytes),
                Err(expected),
                "{bytes:?}"
            );
        }
    }

    proptest::proptest! {
        /// However the bytes are cut, they mean the same, and no bytes make it panic.
        #[test]
        fn cuts_change_nothing(bytes: Vec<u8>, parts in proptest::collection::vec((6u8..8, 1u16..3, proptest::collection::vec(0u8.., 0..40), 0u8..), 0..6), size in 1usize..20) {
            let records: Vec<_> = parts.iter().map(|(kind, id, content, padding)| (*kind, *id, &content[..], *padding)).collect();
            let input = [response(&records), bytes].concat();
            let whole = Decoder::default().decode(&input);
            let mut decoder = Decoder::default();
            let mut all = Decoded::default();
            let cut = input.chunks(size).try_for_each(|part| {
                let decoded = decoder.decode(part)?;
                all.output.to_mut().extend_from_slice(&decoded.output);
                all.errors.extend(decoded.errors);
                all.unused += decoded.unused;
                Ok(())
            });
            proptest::prop_assert_eq!(whole, cut.map(|()| all));
        }
    }
}

//! The chunked transfer coding (RFC 9112 §7.1): content whose length is unknown when its head is
//! sent.
//!
//! # Theory
//!
//! ```text
//! 5\r\n          <- size in hexadecimal, perhaps followed by ;extensions
//! hello\r\n      <- that many bytes, and CRLF
//! 0\r\n          <- the last chunk has size 0
//! Digest: x\r\n  <- trailer fields, if any
//! \r\n           <- an empty line ends the message
//! ```
//!
//! Sizes are computed with checked arithmetic, extensions are skipped and bounded, and only CRLF
//! ends a line: each leniency here has been a request-smuggling advisory. Only a client's decoder
//! may be [tolerant](ChunkedDecoder::tolerant), with responses.
//!
//! Trailer fields are returned on their own and never become fields of the head: a recipient that
//! merged them would accept fields, such as Host, after it has decided by them.
//!
//! # Example
//!
//! ```
//! use tinyhttp_message::chunked::{ChunkedDecoder, ChunkedEvent};
//! use tinyhttp_message::head::Limits;
//!
//! let mut decoder = ChunkedDecoder::new();
//! let (used, event) = decoder.decode(b"5\r\nhello\r\n0\r\n\r\n", &Limits::default())?;
//! assert_eq!((used, event), (8, ChunkedEvent::Content(b"hello")));
//! # Ok::<(), tinyhttp_message::ProtocolError>(())
//! ```

use crate::error::ProtocolError;
use crate::head::{HeadScanner, Limits, parse_trailers};
use crate::tolerance::{Deviation, Deviations, HeadEnd, repair_trailers};
use http::HeaderMap;
use std::io::Write;

/// The most bytes that chunk extensions, and zeros before a size, may take in one message.
const EXTENSIONS: u16 = 4096;

/// Decodes the chunked coding from input that may be cut anywhere.
#[derive(Debug, Clone, Default)]
pub struct ChunkedDecoder {
    state: State,
    extensions: u16,
    /// The faults forgiven since the last [`take_deviations`](Self::take_deviations); `None` in a
    /// strict decoder.
    deviations: Option<Deviations>,
    /// The line with the size of this chunk ended in LF alone.
    has_bare_size: bool,
}

/// A piece of decoded input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkedEvent<'b> {
    /// More input is needed.
    NeedMore,
    /// A piece of content, at least one byte. Pieces are cut where the input is cut and where
    /// chunks end.
    Content(&'b [u8]),
    /// The end of the content, with the trailer fields; most messages have none.
    End(HeaderMap),
}

#[derive(Debug, Clone, Copy, Default)]
enum State {
    /// Before the first digit of a size.
    #[default]
    SizeStart,
    Size(u64),
    /// After white space behind the size, where only an extension may follow (§7.1.1).
    BeforeExtension(u64),
    Extension(u64),
    SizeLf(u64),
    Data(u64),
    DataCr,
    DataLf,
    Trailers(TrailerEnd),
    End,
}

#[derive(Debug, Clone, Copy)]
enum TrailerEnd {
    Strict(HeadScanner),
    Tolerant(HeadEnd),
}

impl ChunkedDecoder {
    /// A strict decoder, at the start of the content.
    #[must_use]
    pub fn new() -> Self {
        ChunkedDecoder::default()
    }

    /// A decoder that accepts white space after sizes and lines that end in LF alone; for responses
    /// only.
    #[must_use]
    pub fn tolerant() -> Self {
        ChunkedDecoder {
            deviations: Some(Deviations::default()),
            ..ChunkedDecoder::default()
        }
    }

    /// Returns the faults that were forgiven since the last call.
    pub fn take_deviations(&mut self) -> Deviations {
        self.deviations
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Records a forgiven fault.
    fn forgives(&mut self, deviation: Deviation) {
        if let Some(deviations) = &mut self.deviations {
            deviations.insert(deviation);
        }
    }

    /// Parses the trailer section at the start of `section`, repaired if that is allowed and
    /// needed. Returns its length and its fields; `None` while its end has not arrived.
    fn trailers(
        &mut self,
        section: &[u8],
        scanner: &mut TrailerEnd,
        limits: &Limits,
    ) -> Result<Option<(usize, HeaderMap)>, ProtocolError> {
        let end = match scanner {
            TrailerEnd::Strict(scanner) => scanner.find_end(section, None, limits)?,
            TrailerEnd::Tolerant(scanner) => scanner.find(section, limits)?,
        };
        let Some(end) = end else {
            return Ok(None);
        };
        let repaired = match scanner {
            TrailerEnd::Strict(_) => None,
            TrailerEnd::Tolerant(_) => repair_trailers(&section[..end]),
        };
        let trailers = match &repaired {
            None => parse_trailers(&section[..end], limits)?,
            Some((repaired, deviations)) => {
                for deviation in deviations.iter() {
                    self.forgives(deviation);
                }
                parse_trailers(repaired, limits)?
            }
        };
        Ok(Some((end, trailers)))
    }

    /// Decodes the start of `input`, and returns how many bytes it used. Unused bytes must be at
    /// the start of the next call's input.
    ///
    /// # Errors
    /// [`ProtocolError::InvalidChunkSize`], [`ProtocolError::ChunkExtensionsTooLong`],
    /// [`ProtocolError::MissingChunkEnd`], [`ProtocolError::BareLineFeed`],
    /// [`ProtocolError::BareCarriageReturn`], and for trailers the faults of a head's fields.
    pub fn decode<'b>(
        &mut self,
        input: &'b [u8],
        limits: &Limits,
    ) -> Result<(usize, ChunkedEvent<'b>), ProtocolError> {
        let mut used = 0;
        while let Some(&byte) = input.get(used) {
            if let Some(state) = self.forgiven(byte) {
                self.state = state;
                used += 1;
                continue;
            }
            self.state = match self.state {
                State::SizeStart => {
                    State::Size(hex_digit(byte).ok_or(ProtocolError::InvalidChunkSize)?)
                }
                State::Size(size) | State::BeforeExtension(size) if byte == b';' => {
                    State::Extension(size)
                }
                State::Size(size) if byte == b'\r' => State::SizeLf(size),
                State::Size(size) | State::BeforeExtension(size)
                    if byte == b' ' || byte == b'\t' =>
                {
                    self.count_extension()?;
                    State::BeforeExtension(size)
                }
                State::Size(size) => {
                    let digit = hex_digit(byte).ok_or(ProtocolError::InvalidChunkSize)?;
                    if size == 0 {
                        self.count_extension()?;
                    }
                    State::Size(
                        size.checked_mul(16)
                            .ok_or(ProtocolError::InvalidChunkSize)?
                            | digit,
                    )
                }
                State::BeforeExtension(_) => return Err(ProtocolError::InvalidChunkSize),
                State::Extension(size) => match byte {
                    b'\r' => State::SizeLf(size),
                    b'\n' => return Err(ProtocolError::BareLineFeed),
                    b'\t' | b' '..=b'~' | 0x80.. => {
                        self.count_extension()?;
                        State::Extension(size)
                    }
                    _ => return Err(ProtocolError::InvalidChunkSize),
                },
                State::SizeLf(_) if byte != b'\n' => return Err(ProtocolError::BareCarriageReturn),
                State::SizeLf(size) => {
                    self.has_bare_size = false;
                    self.after_size(size)
                }
                State::Data(left) => {
                    let rest = &input[used..];
                    let length =
                        usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                    let left = left - length as u64;
                    self.state = if left == 0 {
                        State::DataCr
                    } else {
                        State::Data(left)
                    };
                    return Ok((used + length, ChunkedEvent::Content(&rest[..length])));
                }
                State::DataCr if byte == b'\r' => State::DataLf,
                State::DataLf if byte == b'\n' => State::SizeStart,
                State::DataCr | State::DataLf => return Err(ProtocolError::MissingChunkEnd),
                State::Trailers(mut scanner) => {
                    let found = self.trailers(&input[used..], &mut scanner, limits)?;
                    let Some((length, trailers)) = found else {
                        self.state = State::Trailers(scanner);
                        return Ok((used, ChunkedEvent::NeedMore));
                    };
                    self.state = State::End;
                    return Ok((used + length, ChunkedEvent::End(trailers)));
                }
                State::End => break,
            };
            used += 1;
        }
        let event = if matches!(self.state, State::End) {
            ChunkedEvent::End(HeaderMap::new())
        } else {
            ChunkedEvent::NeedMore
        };
        Ok((used, event))
    }

    /// Returns the state after a byte that a strict decoder refuses and this one forgives.
    fn forgiven(&mut self, byte: u8) -> Option<State> {
        self.deviations.as_ref()?;
        let (deviation, state) = match (self.state, byte) {
            (State::BeforeExtension(size), b'\r') => {
                (Deviation::SpaceAfterChunkSize, State::SizeLf(size))
            }
            (State::Size(size) | State::BeforeExtension(size) | State::Extension(size), b'\n') => {
                self.has_bare_size = true;
                (Deviation::BareLineFeed, self.after_size(size))
            }
            // Behind a size line with CRLF, the CR is the last byte of a chunk whose size is one too large.
            (State::DataCr, b'\n') if self.has_bare_size => {
                (Deviation::BareLineFeed, State::SizeStart)
            }
            _ => return None,
        };
        self.forgives(deviation);
        Some(state)
    }

    /// Returns the state after a size line.
    fn after_size(&self, size: u64) -> State {
        match (size, &self.deviations) {
            (0, None) => State::Trailers(TrailerEnd::Strict(HeadScanner::default())),
            (0, Some(_)) => State::Trailers(TrailerEnd::Tolerant(HeadEnd::default())),
            (size, _) => State::Data(size),
        }
    }

    fn count_extension(&mut self) -> Result<(), ProtocolError> {
        self.extensions += 1;
        if self.extensions > EXTENSIONS {
            Err(ProtocolError::ChunkExtensionsTooLong)
        } else {
            Ok(())
        }
    }
}

fn hex_digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

/// Writes `content` as one chunk. Writes nothing for empty content, whose chunk would be the last
/// one.
pub fn encode_chunk(content: &[u8], out: &mut Vec<u8>) {
    if content.is_empty() {
        return;
    }
    encode_chunk_size(content.len() as u64, out);
    out.extend_from_slice(content);
    out.extend_from_slice(CHUNK_END);
}

/// Writes the size line of a chunk. The caller writes its content, and then [`CHUNK_END`].
pub fn encode_chunk_size(size: u64, out: &mut Vec<u8>) {
    // Writing to a Vec does not fail.
    let _ = write!(out, "{size:x}\r\n");
}

/// The bytes after the content of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk and an empty trailer section.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decodes input that arrives in pieces of `step` bytes: content, trailers, and the bytes used.
    fn decode(
        input: &[u8],
        step: usize,
    ) -> Result<Option<(Vec<u8>, HeaderMap, usize)>, ProtocolError> {
        let mut decoder = ChunkedDecoder::new();
        let (mut content, mut used, mut have) = (Vec::new(), 0, 0);
        while have < input.len() {
            have = (have + step).min(input.len());
            loop {
                let (taken, event) = decoder.decode(&input[used..have], &Limits::default())?;
                used += taken;
                match event {
                    ChunkedEvent::NeedMore => break,
                    ChunkedEvent::Content(bytes) => content.extend_from_slice(bytes),
                    ChunkedEvent::End(trailers) => return Ok(Some((content, trailers, used))),
                }
            }
        }
        Ok(None)
    }

    #[test]
    fn whole_bytewise_and_with_trailing_bytes() {
        let table: &[(&str, Result<Option<&str>, ProtocolError>)] = &[
            ("0\r\n\r\n", Ok(Some(""))),
            ("000\r\n\r\n", Ok(Some(""))),
            ("5\r\nhello\r\n0\r\n\r\n", Ok(Some("hello"))),
            (
                "5\r\nhello\r\nA\r\n0123456789\r\n00\r\n\r\n",
                Ok(Some("hello0123456789")),
            ),
            (
                "a;x=y;z=\"q\"\r\n0123456789\r\n0;last\r\n\r\n",
                Ok(Some("0123456789")),
            ),
            ("1 ;a\r\nx\r\n0\r\n\r\n", Ok(Some("x"))),
            ("1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n", Ok(Some("x"))),
            ("5\r\nhel", Ok(None)),
            ("5\r\nhello\r\n", Ok(None)),
            ("5\r\nhello\r\n0\r\n", Ok(None)),
            ("5\r\nhello\r\n0\r\nA: b\r\n", Ok(None)),
            ("\r\n", Err(ProtocolError::InvalidChunkSize)),
            ("x\r\n", Err(ProtocolError::InvalidChunkSize)),
            ("+5\r\nhello\r\n", Err(ProtocolError::InvalidChunkSize)),
            ("-1\r\n", Err(ProtocolError::InvalidChunkSize)),
            ("0x5\r\nhello\r\n", Err(ProtocolError::InvalidChunkSize)),
            ("5_\r\n", Err(ProtocolError::InvalidChunkSize)),
            ("5 \r\nhello\r\n", Err(ProtocolError::InvalidChunkSize)),
            (" 5\r\nhello\r\n", Err(ProtocolError::InvalidChunkSize)),
            ("ffffffffffffffff\r\n", Ok(None)),
            ("0ffffffffffffffff\r\n", Ok(None)),
            (
                "10000000000000000\r\n",
                Err(ProtocolError::InvalidChunkSize),
            ),
            ("5\nhello\r\n", Err(ProtocolError::InvalidChunkSize)),
            ("5;a\nhello\r\n", Err(ProtocolError::BareLineFeed)),
            ("5\rxhello", Err(ProtocolError::BareCarriageReturn)),
            ("5;\0\r\n", Err(ProtocolError::InvalidChunkSize)),
            ("5\r\nhelloxx0\r\n\r\n", Err(ProtocolError::MissingChunkEnd)),
            ("5\r\nhello\n0\r\n\r\n", Err(ProtocolError::MissingChunkEnd)),
            (
                "5\r\nhello\rx0\r\n\r\n",
                Err(ProtocolError::MissingChunkEnd),
            ),
            ("5\r\nhello0\r\n\r\n", Err(ProtocolError::MissingChunkEnd)),
            ("0\r\nA: b\n\r\n", Err(ProtocolError::BareLineFeed)),
            ("0\r\nA : b\r\n\r\n", Err(ProtocolError::SpaceBeforeColon)),
            ("0\r\n A: b\r\n\r\n", Err(ProtocolError::LineFolding)),
        ];
        for (input, want) in table {
            let want = want.map(|content| content.map(|text| text.as_bytes().to_vec()));
            for step in [input.len(), 1, 3] {
                let got = decode(input.as_bytes(), step);
                assert_eq!(
                    got.clone().map(|done| done.map(|(content, ..)| content)),
                    want,
                    "{input:?} by {step}"
                );
                if let Ok(Some((_, _, used))) = got {
                    assert_eq!(used, input.len(), "{input:?}");
                    let longer = [input.as_bytes(), b"GET / HTTP/1.1\r\n"].concat();
                    assert_eq!(
                        decode(&longer, step).unwrap().unwrap().2,
                        used,
                        "{input:?} with trailing bytes"
                    );
                }
            }
        }
    }

    #[test]
    fn a_tolerant_decoder_forgives_padding_and_bare_line_feeds() {
        let table: &[(&str, Result<&str, ProtocolError>, &[Deviation])] = &[
            ("5\r\nhello\r\n0\r\n\r\n", Ok("hello"), &[]),
            (
                "5  \r\nhello\r\n0 \t\r\n\r\n",
                Ok("hello"),
                &[Deviation::SpaceAfterChunkSize],
            ),
            ("5\nhello\n0\n\n", Ok("hello"), &[Deviation::BareLineFeed]),
            (
                "5;a=b\nhello\r\n0\r\nA: b\n\r\n",
                Ok("hello"),
                &[Deviation::BareLineFeed],
            ),
            (
                "5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n",
                Ok("hello"),
                &[Deviation::LineFolding],
            ),
            (
                "5\r\nhello\r\n0\r\nA : b\r\n\r\n",
                Ok("hello"),
                &[Deviation::SpaceBeforeColon],
            ),
            (" 5\r\nhello\r\n", Err(ProtocolError::InvalidChunkSize), &[]),
            (
                "5 x\r\nhello\r\n",
                Err(ProtocolError::InvalidChunkSize),
                &[],
            ),
            ("5\r\nhelloxx", Err(ProtocolError::MissingChunkEnd), &[]),
            ("5\rhello", Err(ProtocolError::BareCarriageReturn), &[]),
        ];
        for (input, want, deviations) in table {
            let mut decoder = ChunkedDecoder::tolerant();
            let (mut content, mut used) = (Vec::new(), 0);
            let got = loop {
                match decoder.decode(&input.as_bytes()[used..], &Limits::default()) {
                    Err(error) => break Err(error),
                    Ok((_, ChunkedEvent::End(_))) => break Ok(&content[..]),
                    Ok((_, ChunkedEvent::NeedMore)) => panic!("{input:?} ends early"),
                    Ok((taken, ChunkedEvent::Content(piece))) => {
                        used += taken;
                        content.extend_from_slice(piece);
                    }
                }
            };
            assert_eq!(got, want.map(str::as_bytes), "{input:?}");
            if want.is_ok() {
                assert_eq!(
                    decoder.take_deviations(),
                    deviations.iter().copied().collect(),
                    "{input:?}"
                );
            }
        }
    }

    #[test]
    fn trailers_are_returned() {
        let (_, trailers, _) = decode(b"0\r\nDigest: x\r\ndigest: y\r\n\r\n", 2)
            .unwrap()
            .unwrap();
        assert_eq!(
            trailers.get_all("digest").iter().collect::<Vec<_>>(),
            ["x", "y"]
        );
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let endless = format!("1;{}", "x".repeat(5000));
        assert_eq!(
            decode(endless.as_bytes(), 100),
            Err(ProtocolError::ChunkExtensionsTooLong)
        );
        // Leading zeros, which have no value, must not be endless.
        let zeros = "0".repeat(5000);
        assert_eq!(
            decode(zeros.as_bytes(), 100),
            Err(ProtocolError::ChunkExtensionsTooLong)
        );
        let many = "1;abc\r\nx\r\n".repeat(2000);
        assert_eq!(
            decode(many.as_bytes(), many.len()),
            Err(ProtocolError::ChunkExtensionsTooLong)
        );
        let trailers = format!("0\r\nA: {}", "x".repeat(40_000));
        assert_eq!(
            decode(trailers.as_bytes(), 100),
            Err(ProtocolError::HeadTooLarge { limit: 32 * 1024 })
        );
        let trailers = format!("0\r\n{}\r\n", "A: b\r\n".repeat(101));
        assert_eq!(
            decode(trailers.as_bytes(), 100),
            Err(ProtocolError::TooManyFields { limit: 100 })
        );
    }

    proptest! {
        #[test]
        fn encoded_content_decodes(chunks in proptest::collection::vec(".{0,40}", 0..8), step in 1usize..50) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                encode_chunk(chunk.as_bytes(), &mut wire);
            }
            wire.extend_from_slice(LAST_CHUNK);
            let (content, trailers, used) = decode(&wire, step).unwrap().unwrap();
            prop_assert_eq!(content, chunks.concat().into_bytes());
            prop_assert!(trailers.is_empty());
            prop_assert_eq!(used, wire.len());
        }

        #[test]
        fn every_split_decodes_alike(input in "([05aF;x \r\n:]|\r\n|5\r\nhello\r\n|0\r\n\r\n){0,30}", step in 1usize..7) {
            prop_assert_eq!(decode(input.as_bytes(), step), decode(input.as_bytes(), input.len().max(1)));
        }
    }
}

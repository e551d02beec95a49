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

#[cfg(test)]
mod tests;

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
    /// Whether the size line of this chunk ended in LF alone.
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
                _ => self.within_size_line(byte)?,
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

    /// Returns the state after a byte of a size line.
    fn within_size_line(&mut self, byte: u8) -> Result<State, ProtocolError> {
        Ok(match self.state {
            State::SizeStart => {
                State::Size(hex_digit(byte).ok_or(ProtocolError::InvalidChunkSize)?)
            }
            State::Size(size) | State::BeforeExtension(size) if byte == b';' => {
                State::Extension(size)
            }
            State::Size(size) if byte == b'\r' => State::SizeLf(size),
            State::Size(size) | State::BeforeExtension(size) if byte == b' ' || byte == b'\t' => {
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
            State::Data(_) | State::DataCr | State::DataLf => {
                return Err(ProtocolError::MissingChunkEnd);
            }
            state @ (State::Trailers(_) | State::End) => state,
        })
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
            // After a size line with CRLF, the CR is the last byte of a chunk whose size is one too
            // large.
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

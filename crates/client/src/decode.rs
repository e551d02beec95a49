//! Content codings undone: gzip, deflate, br and zstd (RFC 9110 §8.4), while the content is being
//! read.
//!
//! A few bytes can unfold into gigabytes. Decoding takes little memory however much comes out, but
//! a caller that collects or stores the content may run out of it, so content that has grown beyond
//! [`FREE`] and beyond [`RATIO`] times the bytes on the wire is refused.

use crate::coding;
use crate::error::Error;
use http::{HeaderMap, HeaderValue};
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tinyhttp_message::negotiate::Coding;

/// Content up to this many bytes may have any ratio: 64 MiB.
const FREE: u64 = 64 * 1024 * 1024;
/// How many times longer than what was sent longer content may be. gzip reaches 1032, with nothing
/// but zeros.
const RATIO: u64 = 1100;
/// Codings on top of each other; more than one is rare already.
const LAYERS: usize = 4;
/// Each decoder's input.
const BUFFER: usize = 32 * 1024;
/// The largest window of zstd content, 8 MiB (RFC 9659 §3), as a power of two.
#[cfg(feature = "zstd")]
const WINDOW: u32 = 23;

/// A coding that can be undone. Servers of this workspace apply those of the message crate;
/// deflate is only decoded.
#[cfg_attr(
    not(any(feature = "gzip", feature = "brotli", feature = "zstd")),
    expect(dead_code, reason = "no coding is compiled in")
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decoding {
    Of(Coding),
    Deflate,
}

/// The codings that are compiled in, with the names under which servers know them.
const DECODED: &[(&str, Decoding)] = &[
    #[cfg(feature = "gzip")]
    ("gzip", Decoding::Of(Coding::Gzip)),
    #[cfg(feature = "gzip")]
    ("deflate", Decoding::Deflate),
    #[cfg(feature = "brotli")]
    ("br", Decoding::Of(Coding::Br)),
    #[cfg(feature = "zstd")]
    ("zstd", Decoding::Of(Coding::Zstd)),
];

/// The value of `Accept-Encoding`; `None` if no coding is compiled in.
pub(crate) fn accepted() -> Option<HeaderValue> {
    let names: Vec<&str> = DECODED.iter().map(|(name, _)| *name).collect();
    HeaderValue::try_from(names.join(", "))
        .ok()
        .filter(|value| !value.is_empty())
}

/// The codings of that content, in the order in which they were applied.
///
/// # Errors
/// [`Error::Decode`] if one of them can't be undone.
pub(crate) fn codings(fields: &HeaderMap) -> Result<Vec<Decoding>, Error> {
    let refused = |reason: String| Error::Decode {
        source: io::Error::other(reason),
    };
    let mut found = Vec::new();
    for name in coding::names(fields) {
        match DECODED.iter().find(|(known, _)| *known == name) {
            Some((_, coding)) => found.push(*coding),
            None => {
                let name: String = name.chars().take(60).collect();
                let feature = match name.as_str() {
                    "gzip" | "deflate" => Some("gzip"),
                    "br" => Some("brotli"),
                    "zstd" => Some("zstd"),
                    _ => None,
                };
                return Err(refused(match feature {
                    Some(feature) => {
                        format!("the coding {name:?} needs the feature {feature:?} of this client")
                    }
                    None => format!("the coding {name:?} is not known here"),
                }));
            }
        }
    }
    if found.len() > LAYERS {
        let count = found.len();
        return Err(refused(format!("{count} codings lie on top of each other")));
    }
    Ok(found)
}

/// Content with its codings undone.
pub(crate) struct Decoder {
    state: State,
    codings: Vec<Decoding>,
    encoded: Arc<AtomicU64>,
    decoded: u64,
}

type Layer = Box<dyn BufRead + Send>;

enum State {
    /// Nothing has been read, so it is unknown whether there is content.
    Start(Layer),
    Running(Layer),
    Ended,
}

impl Decoder {
    pub(crate) fn new(content: impl Read + Send + 'static, codings: Vec<Decoding>) -> Self {
        let encoded = Arc::new(AtomicU64::new(0));
        let metered = Metered {
            content,
            read: encoded.clone(),
        };
        Decoder {
            state: State::Start(Box::new(BufReader::with_capacity(BUFFER, metered))),
            codings,
            encoded,
            decoded: 0,
        }
    }

    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let State::Start(layer) = &mut self.state {
            // No content at all is no content in any coding.
            let is_empty = layer.fill_buf()?.is_empty();
            let start = std::mem::replace(&mut self.state, State::Ended);
            if let State::Start(layer) = start {
                if !is_empty {
                    // The coding that was applied last is undone first.
                    let layers = self.codings.iter().rev();
                    self.state =
                        State::Running(layers.fold(layer, |layer, coding| undo(*coding, layer)));
                }
            }
        }
        match &mut self.state {
            State::Running(layer) => layer.read(buffer),
            State::Start(_) | State::Ended => Ok(0),
        }
    }

    /// Whether more has come out than honest content unfolds into.
    fn is_bomb(&self) -> bool {
        let encoded = self.encoded.load(Ordering::Relaxed);
        self.decoded > FREE && self.decoded / RATIO > encoded
    }
}

impl Read for Decoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let failure = match self.try_read(buffer) {
            Ok(read) => {
                self.decoded += read as u64;
                if !self.is_bomb() {
                    return Ok(read);
                }
                Error::Bomb {
                    decoded: self.decoded,
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => match Error::from_io(error) {
                // A fault of the network, not of the coding.
                Ok(error) => error,
                Err(source) => Error::Decode { source },
            },
        };
        self.state = State::Ended;
        Err(failure.into_io())
    }
}

fn undo(coding: Decoding, layer: Layer) -> Layer {
    match coding {
        #[cfg(feature = "gzip")]
        Decoding::Of(Coding::Gzip) => buffered(Gunzip::new(layer)),
        #[cfg(feature = "gzip")]
        Decoding::Deflate => buffered(Inflate::new(layer)),
        #[cfg(feature = "brotli")]
        Decoding::Of(Coding::Br) => buffered(brotli_decompressor::Decompressor::new(layer, BUFFER)),
        #[cfg(feature = "zstd")]
        Decoding::Of(Coding::Zstd) => match zstd::stream::read::Decoder::with_buffer(layer)
            .and_then(|mut decoder| decoder.window_log_max(WINDOW).map(|()| decoder))
        {
            Ok(decoder) => buffered(decoder),
            Err(error) => buffered(Failing(Some(error))),
        },
        // Identity, which is left out, and codings that are not compiled in and thus refused.
        _ => layer,
    }
}

#[cfg(any(feature = "gzip", feature = "brotli", feature = "zstd"))]
fn buffered(decoder: impl Read + Send + 'static) -> Layer {
    Box::new(BufReader::with_capacity(BUFFER, decoder))
}

/// Gives its error, once.
#[cfg(feature = "zstd")]
struct Failing(Option<io::Error>);

#[cfg(feature = "zstd")]
impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Counts what comes over the wire.
struct Metered<R> {
    content: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// `gzip`: members, one after the other (RFC 1952 §2.2), and perhaps NUL bytes that fill up a
/// block, as `gzip` itself lets them pass. Anything else after the last member is an error.
#[cfg(feature = "gzip")]
struct Gunzip {
    /// `None` between two members.
    member: Option<flate2::bufread::GzDecoder<Layer>>,
    /// What follows a member; `None` within one.
    rest: Option<Layer>,
    is_padding: bool,
}

#[cfg(feature = "gzip")]
impl Gunzip {
    fn new(input: Layer) -> Self {
        Gunzip {
            member: Some(flate2::bufread::GzDecoder::new(input)),
            rest: None,
            is_padding: false,
        }
    }

    /// Looks at what follows a member: another one (true), the end or padding (false).
    fn next_member(&mut self) -> io::Result<bool> {
        let Some(rest) = &mut self.rest else {
            return Ok(true);
        };
        loop {
            let bytes = rest.fill_buf()?;
            let Some(first) = bytes.first() else {
                return Ok(false);
            };
            if *first == 0 {
                self.is_padding = true;
                let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
                rest.consume(zeros);
            } else if self.is_padding || *first != 0x1f {
                let what = "something that isn't gzip follows its end";
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            } else {
                break;
            }
        }
        self.member = self.rest.take().map(flate2::bufread::GzDecoder::new);
        Ok(true)
    }
}

#[cfg(feature = "gzip")]
impl Read for Gunzip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.next_member()? {
            let Some(member) = &mut self.member else {
                break;
            };
            match member.read(buffer)? {
                0 => {
                    let member = self.member.take();
                    self.rest = member.map(flate2::bufread::GzDecoder::into_inner);
                }
                read => return Ok(read),
            }
        }
        Ok(0)
    }
}

/// `deflate`: the zlib format, or, as some servers understood it, bare deflate (RFC 9110 §8.4.1.2).
/// Unlike the readers of flate2 it takes neither a stream that is cut short nor bytes after its
/// end.
#[cfg(feature = "gzip")]
struct Inflate {
    input: Layer,
    inflater: Option<flate2::Decompress>,
    has_ended: bool,
}

#[cfg(feature = "gzip")]
impl Inflate {
    fn new(input: Layer) -> Self {
        Inflate {
            input,
            inflater: None,
            has_ended: false,
        }
    }
}

#[cfg(feature = "gzip")]
impl Read for Inflate {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use flate2::{Decompress, FlushDecompress, Status};
        loop {
            let input = self.input.fill_buf()?;
            if self.has_ended {
                return match input.is_empty() {
                    true => Ok(0),
                    false => Err(io::Error::other("something follows the end of its stream")),
                };
            }
            let Some(first) = input.first() else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            // The first byte of zlib names its method, 8, and a window of at most 7.
            let is_zlib = first & 0x8f == 0x08;
            let inflater = self
                .inflater
                .get_or_insert_with(|| Decompress::new(is_zlib));
            let before = (inflater.total_in(), inflater.total_out());
            let status = inflater.decompress(input, buffer, FlushDecompress::None)?;
            // Both differences are at most as long as the slices.
            let used = (inflater.total_in() - before.0) as usize;
            let made = (inflater.total_out() - before.1) as usize;
            self.input.consume(used);
            self.has_ended = status == Status::StreamEnd;
            if made > 0 {
                return Ok(made);
            }
        }
    }
}

#[cfg(all(test, feature = "gzip", feature = "brotli", feature = "zstd"))]
mod tests;

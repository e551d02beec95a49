//! Compressed content of each kind: in memory, read, written by a closure, sent through a channel.

use super::encoder::Encoder;
use crate::body::{Body, Content, Producer, StreamWriter, Transform};
use crate::gate::GATE;
use crate::semaphore::Permit;
use std::io::{self, Read, Write};

/// Bytes that are read and compressed at once.
const PIECE: usize = 32 * 1024;

/// Content in memory; `None` if that would make it longer, or others have the processor for now.
pub(super) fn whole(bytes: &[u8], mut encoder: Encoder) -> Option<Vec<u8>> {
    let _pass = GATE.admit()?;
    let mut compressed = encoder.piece(bytes).ok()?;
    compressed.extend(encoder.finish().ok()?);
    (compressed.len() < bytes.len()).then_some(compressed)
}

/// The same content, compressed while it is sent.
pub(super) fn lasting(content: Content, encoder: Encoder, permit: Permit) -> Content {
    match content {
        Content::Channel(mut receiver) => {
            receiver.transform(Box::new(Pieces {
                encoder,
                _permit: permit,
            }));
            Content::Channel(receiver)
        }
        Content::Stream(produce) => Content::Stream(stream(produce, encoder, permit)),
        content => {
            let flushes = matches!(content, Content::Reader { .. });
            let reader = Compressed {
                content: content.into(),
                flushes,
                encoder: Some(encoder),
                ready: io::Cursor::default(),
                _permit: permit,
            };
            Content::Reader {
                reader: Box::new(reader),
                length: None,
            }
        }
    }
}

/// A closure whose writes are compressed. Each of them is sent, as it would be without.
fn stream(produce: Producer, mut encoder: Encoder, permit: Permit) -> Producer {
    Box::new(move |out: &mut StreamWriter<'_>| {
        let _permit = permit;
        let mut send = |piece: &[u8]| {
            let compressed = {
                let _pass = GATE.pass();
                encoder.flushed(piece)?
            };
            out.write_all(&compressed)?;
            out.flush()
        };
        let mut writer = StreamWriter::new(&mut send);
        produce(&mut writer)?;
        writer.flush()?;
        drop(writer);
        out.write_all(&encoder.finish()?)
    })
}

/// Compresses the pieces of a channel.
struct Pieces {
    encoder: Encoder,
    _permit: Permit,
}

impl Transform for Pieces {
    fn piece(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        self.encoder.flushed(piece)
    }

    fn end(self: Box<Self>) -> io::Result<Vec<u8>> {
        self.encoder.finish()
    }
}

/// Compresses what it reads.
struct Compressed {
    content: Body,
    /// What was read can be decoded before more is read.
    flushes: bool,
    /// `None` at the end.
    encoder: Option<Encoder>,
    ready: io::Cursor<Vec<u8>>,
    _permit: Permit,
}

impl Read for Compressed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.ready.read(into)?;
            if length > 0 || into.is_empty() {
                return Ok(length);
            }
            let Some(encoder) = &mut self.encoder else {
                return Ok(0);
            };
            let mut piece = vec![0; PIECE];
            let length = self.content.read(&mut piece)?;
            let _pass = GATE.pass();
            let compressed = match (&piece[..length], self.flushes) {
                ([], _) => match self.encoder.take() {
                    Some(encoder) => encoder.finish()?,
                    None => Vec::new(),
                },
                (piece, true) => encoder.flushed(piece)?,
                (piece, false) => encoder.piece(piece)?,
            };
            self.ready = io::Cursor::new(compressed);
        }
    }
}

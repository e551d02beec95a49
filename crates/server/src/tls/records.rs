//! Records in, content out, and back: what both sides of a TLS connection have in common.

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use std::io;

/// The most content of one record (RFC 8446 §5.1).
pub(crate) const RECORD: usize = 16 * 1024;

/// The most that a record adds to its content: header, nonce or content type, padding of 0 bytes,
/// and tag.
const OVERHEAD: usize = 64;

/// A connection of rustls, whichever side it is.
pub(super) trait Side {
    type Data;

    fn step<'c, 'i>(&'c mut self, received: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;

    /// Whether it has queued something to be sent.
    fn has_queued(&self) -> bool;
}

impl Side for UnbufferedServerConnection {
    type Data = rustls::server::ServerConnectionData;

    fn step<'c, 'i>(&'c mut self, received: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(received)
    }

    fn has_queued(&self) -> bool {
        self.wants_write()
    }
}

impl Side for UnbufferedClientConnection {
    type Data = rustls::client::ClientConnectionData;

    fn step<'c, 'i>(&'c mut self, received: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(received)
    }

    fn has_queued(&self) -> bool {
        self.wants_write()
    }
}

/// What processing received bytes has led to.
pub(super) struct Processed {
    /// Bytes that were used.
    pub(super) used: usize,
    /// The other side has said that it sends nothing more.
    pub(super) is_closed: bool,
    /// The other side has broken the protocol.
    pub(super) error: Option<io::Error>,
}

/// Processes received bytes: gives their content to `content`, and appends to `output` what has to
/// be sent, also the alert of an error.
pub(super) fn process(
    side: &mut impl Side,
    received: &mut [u8],
    output: &mut Vec<u8>,
    mut content: impl FnMut(&[u8]),
) -> Processed {
    let (mut used, mut is_closed) = (0, false);
    let error = loop {
        let UnbufferedStatus { mut discard, state } = side.step(&mut received[used..]);
        let mut is_done = false;
        match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                let mut failed = None;
                while let Some(record) = traffic.next_record() {
                    match record {
                        Ok(record) => {
                            discard += record.discard;
                            content(record.payload);
                        }
                        Err(error) => {
                            failed = Some(broken(error));
                            break;
                        }
                    }
                }
                if failed.is_some() {
                    break failed;
                }
            }
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                if let Err(error) = append(output, |room| data.encode(room).map_err(encode_size)) {
                    break Some(error);
                }
            }
            // The caller sends it.
            Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
            Ok(ConnectionState::PeerClosed) => is_closed = true,
            Ok(_) => is_done = true,
            Err(error) => {
                append_alert(side, &mut received[used + discard..], output);
                break Some(broken(error));
            }
        }
        used += discard;
        if is_done {
            break None;
        }
    };
    Processed {
        used,
        is_closed,
        error,
    }
}

/// Appends what rustls has queued before an error: messages of the handshake, and the alert.
fn append_alert(side: &mut impl Side, received: &mut [u8], output: &mut Vec<u8>) {
    // What is queued comes first, so the received bytes are not processed again.
    while side.has_queued() {
        let Ok(ConnectionState::EncodeTlsData(mut data)) = side.step(received).state else {
            return;
        };
        // If it can't be written, the connection ends without.
        if append(output, |room| data.encode(room).map_err(encode_size)).is_err() {
            return;
        }
    }
}

/// Encrypts content and appends its records to `output`. `incomplete` are the bytes that were
/// received and not used. Returns whether the other side has said that it sends nothing more.
///
/// # Errors
/// If the handshake is not complete, or the keys are used up.
pub(super) fn encrypt(
    side: &mut impl Side,
    incomplete: &mut [u8],
    content: &[u8],
    output: &mut Vec<u8>,
) -> io::Result<bool> {
    let mut is_closed = false;
    loop {
        match side.step(incomplete).state.map_err(broken)? {
            ConnectionState::WriteTraffic(mut traffic) => {
                let records = content.len().div_ceil(RECORD);
                let at = output.len();
                output.resize(at + content.len() + records * OVERHEAD, 0);
                let mut written = traffic.encrypt(content, &mut output[at..]);
                if let Err(EncryptError::InsufficientSize(needed)) = &written {
                    // A KeyUpdate, or an alert, comes before the content.
                    output.resize(at + needed.required_size, 0);
                    written = traffic.encrypt(content, &mut output[at..]);
                }
                output.truncate(at + *written.as_ref().unwrap_or(&0));
                written.map_err(io::Error::other)?;
                return Ok(is_closed);
            }
            ConnectionState::EncodeTlsData(mut data) => {
                append(output, |room| data.encode(room).map_err(encode_size))?;
            }
            ConnectionState::TransmitTlsData(data) => data.done(),
            ConnectionState::PeerClosed => is_closed = true,
            _ => return Err(io::Error::other("nothing can be sent during a handshake")),
        }
    }
}

/// Appends the alert after which this side sends nothing more.
pub(super) fn close_notify(side: &mut impl Side, incomplete: &mut [u8], output: &mut Vec<u8>) {
    if let Ok(ConnectionState::WriteTraffic(mut traffic)) = side.step(incomplete).state {
        // If it does not fit, the connection ends without.
        let _ = append(output, |room| {
            traffic
                .queue_close_notify(room)
                .map_err(|error| match error {
                    EncryptError::InsufficientSize(needed) => needed.required_size,
                    EncryptError::EncryptExhausted => 0,
                })
        });
    }
}

/// Appends what `write` writes into room that is as large as it asks for: its error is the length.
fn append(
    output: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, usize>,
) -> io::Result<()> {
    let at = output.len();
    let mut room = 1024;
    loop {
        output.resize(at + room, 0);
        match write(&mut output[at..]) {
            Ok(written) => {
                output.truncate(at + written);
                return Ok(());
            }
            Err(needed) if needed > room => room = needed,
            Err(_) => {
                output.truncate(at);
                return Err(io::Error::other("TLS can't write its own messages"));
            }
        }
    }
}

// By value, as `map_err` has it.
#[allow(clippy::needless_pass_by_value)]
fn encode_size(error: EncodeError) -> usize {
    match error {
        EncodeError::InsufficientSize(needed) => needed.required_size,
        EncodeError::AlreadyEncoded => 0,
    }
}

fn broken(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

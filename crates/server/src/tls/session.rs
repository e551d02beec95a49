//! The TLS of one connection, without a socket: records in, content out, and back.

use super::challenges::ACME_TLS_1;
use super::client::ClientCertificate;
use super::config::TlsHandle;
use super::facts::normal;
use super::names::take_asked;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use std::io;

/// The most content of one record (RFC 8446 §5.1).
pub(crate) const RECORD: usize = 16 * 1024;

/// The most that a record adds to its content: header, nonce or content type, padding of 0 bytes,
/// and tag.
const OVERHEAD: usize = 64;

/// One side of a TLS connection: the server's.
pub(crate) struct Session {
    connection: UnbufferedServerConnection,
    /// The name that the client asked for (SNI), normalised.
    server_name: Option<Box<str>>,
    certificate: Option<ClientCertificate>,
    /// The beginning of a record, or the records of half a handshake message. The connection knows
    /// positions in it, so that each call must get these bytes.
    incomplete: Vec<u8>,
    is_closed: bool,
    /// The client has broken the protocol. rustls then has positions in bytes that are gone.
    is_broken: bool,
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Handshaking,
    Open,
    /// The client has said that it sends nothing more (`close_notify`).
    Closed,
}

impl Session {
    /// A session that waits for the client's first bytes.
    ///
    /// # Errors
    /// If rustls refuses its own settings.
    pub(crate) fn new(tls: &TlsHandle) -> io::Result<Self> {
        let connection = UnbufferedServerConnection::new(tls.config()).map_err(io::Error::other)?;
        Ok(Session {
            connection,
            server_name: None,
            certificate: None,
            incomplete: Vec::new(),
            is_closed: false,
            is_broken: false,
        })
    }

    /// The bytes that were received and not used. They belong in front of what is received next.
    pub(crate) fn incomplete(&self) -> &[u8] {
        &self.incomplete
    }

    /// Processes the incomplete bytes and those received behind them: gives their content to
    /// `content`, and appends to `output` what has to be sent.
    ///
    /// # Errors
    /// [`InvalidData`](io::ErrorKind::InvalidData) if the client breaks the protocol. `output` then
    /// ends with the alert that says so.
    pub(crate) fn process(
        &mut self,
        received: &mut [u8],
        output: &mut Vec<u8>,
        mut content: impl FnMut(&[u8]),
    ) -> io::Result<Status> {
        if self.is_broken {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let was_handshaking = self.connection.is_handshaking();
        let mut used = 0;
        loop {
            let UnbufferedStatus { mut discard, state } =
                self.connection.process_tls_records(&mut received[used..]);
            let mut is_done = false;
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(broken)?;
                        discard += record.discard;
                        content(record.payload);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    append(output, |room| data.encode(room).map_err(encode_size))?;
                }
                // The caller sends it.
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.is_closed = true,
                Ok(_) => is_done = true,
                Err(error) => {
                    self.is_broken = true;
                    self.append_alert(&mut received[used + discard..], output);
                    return Err(broken(error));
                }
            }
            used += discard;
            if is_done {
                break;
            }
        }
        if was_handshaking {
            self.note_handshake();
        }
        if used > 0 || received.len() > self.incomplete.len() {
            self.incomplete = received[used..].to_vec();
        }
        Ok(self.status())
    }

    fn status(&self) -> Status {
        match self.connection.is_handshaking() {
            _ if self.is_closed => Status::Closed,
            true => Status::Handshaking,
            false => Status::Open,
        }
    }

    /// Keeps what a step of the handshake has told.
    fn note_handshake(&mut self) {
        if let Some(name) = take_asked() {
            self.server_name = Some(name);
        }
        if !self.connection.is_handshaking() {
            let chain = self.connection.peer_certificates();
            self.certificate = chain.and_then(ClientCertificate::of);
        }
    }

    /// Appends what rustls has queued before an error: messages of the handshake, and the alert.
    fn append_alert(&mut self, received: &mut [u8], output: &mut Vec<u8>) {
        // What is queued comes first, so the received bytes are not processed again.
        while self.connection.wants_write() {
            let state = self.connection.process_tls_records(received).state;
            let Ok(ConnectionState::EncodeTlsData(mut data)) = state else {
                return;
            };
            // If it can't be written, the connection ends without.
            if append(output, |room| data.encode(room).map_err(encode_size)).is_err() {
                return;
            }
        }
    }

    /// Encrypts content and appends its records to `output`.
    ///
    /// # Errors
    /// If the handshake is not complete, or the keys are used up.
    pub(crate) fn encrypt(&mut self, content: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        if self.is_broken {
            return Err(io::ErrorKind::InvalidData.into());
        }
        loop {
            let state = self
                .connection
                .process_tls_records(&mut self.incomplete)
                .state;
            match state.map_err(broken)? {
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
                    return Ok(());
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    append(output, |room| data.encode(room).map_err(encode_size))?;
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => self.is_closed = true,
                _ => return Err(io::Error::other("nothing can be sent during a handshake")),
            }
        }
    }

    /// Appends the alert after which this side sends nothing more (RFC 8446 §6.1). Without it, the
    /// client must take the end for a truncation.
    pub(crate) fn close_notify(&mut self, output: &mut Vec<u8>) {
        if self.is_broken {
            return;
        }
        let state = self
            .connection
            .process_tls_records(&mut self.incomplete)
            .state;
        if let Ok(ConnectionState::WriteTraffic(mut traffic)) = state {
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

    /// Whether a request for `host`, the authority without a port, may come over this connection:
    /// if the client named a server in the handshake, it has to be that one (RFC 9110 §7.4).
    pub(crate) fn is_for(&self, host: &str) -> bool {
        self.server_name
            .as_deref()
            .is_none_or(|name| name == normal(host))
    }

    /// Whether the handshake only verified a name, so that no request may follow (RFC 8737 §3).
    pub(crate) fn is_challenge(&self) -> bool {
        self.connection.alpn_protocol() == Some(ACME_TLS_1)
    }

    /// The verified certificate of the client.
    pub(crate) fn certificate(&self) -> Option<&ClientCertificate> {
        self.certificate.as_ref()
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

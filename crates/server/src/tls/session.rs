//! The TLS of one connection, without a socket: records in, content out, and back.

use super::challenges::{ACME_TLS_1, Undecided};
use super::client::ClientCertificate;
use super::facts::normal;
use super::names::take_asked;
use super::records;
use rustls::ProtocolVersion;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::{ClientConfig, ServerConfig};
use std::io;
use std::sync::Arc;

/// One side of a TLS connection.
pub(crate) struct Session {
    end: End,
    /// The name that the client asked for (SNI), normalised.
    server_name: Option<Arc<str>>,
    certificate: Option<ClientCertificate>,
    /// The beginning of a record, or the records of half a handshake message. The connection knows
    /// positions in it, so that each call must get these bytes.
    incomplete: Vec<u8>,
    is_closed: bool,
    /// The other side has broken the protocol. rustls then has positions in bytes that are gone.
    is_broken: bool,
}

/// Which side this is. Most are the server's, which need no memory but that of their sockets.
#[allow(clippy::large_enum_variant)]
enum End {
    /// A server's whose settings the client's first message decides.
    Undecided(Undecided),
    Server(UnbufferedServerConnection),
    /// Only gateways connect to servers.
    #[cfg_attr(not(feature = "gateway"), allow(dead_code))]
    Client(Box<UnbufferedClientConnection>),
}

/// What a handshake has agreed on.
#[derive(Debug, Clone)]
pub(crate) struct Agreed {
    pub(crate) version: &'static str,
    /// The cipher suite, in the words of IANA.
    pub(crate) cipher: &'static str,
    pub(crate) server_name: Option<Arc<str>>,
    /// The subject of the client's certificate.
    pub(crate) client: Option<Arc<str>>,
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Handshaking,
    Open,
    /// The other side has said that it sends nothing more (`close_notify`).
    Closed,
}

impl Session {
    /// The server's side, which waits for the client's first bytes.
    ///
    /// # Errors
    /// If rustls refuses its own settings.
    pub(super) fn server(config: Arc<ServerConfig>) -> io::Result<Self> {
        let connection = UnbufferedServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Session::new(End::Server(connection)))
    }

    /// The server's side, while some handshakes verify a name.
    pub(super) fn undecided(settings: Undecided) -> Self {
        Session::new(End::Undecided(settings))
    }

    /// The client's side, and the bytes that begin the handshake.
    ///
    /// # Errors
    /// If rustls refuses its own settings.
    #[cfg_attr(not(feature = "gateway"), allow(dead_code))]
    pub(super) fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<(Self, Vec<u8>)> {
        let connection = UnbufferedClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut session = Session::new(End::Client(Box::new(connection)));
        let mut output = Vec::new();
        session.process(&mut [], &mut output, |_| {})?;
        Ok((session, output))
    }

    fn new(end: End) -> Self {
        Session {
            end,
            server_name: None,
            certificate: None,
            incomplete: Vec::new(),
            is_closed: false,
            is_broken: false,
        }
    }

    /// The bytes that were received and not used. They belong in front of what is received next.
    pub(crate) fn incomplete(&self) -> &[u8] {
        &self.incomplete
    }

    /// Processes the incomplete bytes and those received behind them: gives their content to
    /// `content`, and appends to `output` what has to be sent.
    ///
    /// # Errors
    /// [`InvalidData`](io::ErrorKind::InvalidData) if the other side breaks the protocol. `output`
    /// then ends with the alert that says so.
    pub(crate) fn process(
        &mut self,
        received: &mut [u8],
        output: &mut Vec<u8>,
        content: impl FnMut(&[u8]),
    ) -> io::Result<Status> {
        if self.is_broken {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if let End::Undecided(settings) = &self.end {
            let Some(config) = settings.choose(received) else {
                self.incomplete = received.to_vec();
                return Ok(self.status());
            };
            let connection = UnbufferedServerConnection::new(Arc::clone(config));
            self.end = End::Server(connection.map_err(io::Error::other)?);
        }
        let was_handshaking = self.is_handshaking();
        let processed = match &mut self.end {
            End::Undecided(_) => return Err(undecided()),
            End::Server(server) => records::process(server, received, output, content),
            End::Client(client) => records::process(&mut **client, received, output, content),
        };
        self.is_closed |= processed.is_closed;
        if let Some(error) = processed.error {
            self.is_broken = true;
            return Err(error);
        }
        if was_handshaking {
            self.note_handshake();
        }
        if processed.used > 0 || received.len() > self.incomplete.len() {
            self.incomplete = received[processed.used..].to_vec();
        }
        Ok(self.status())
    }

    fn is_handshaking(&self) -> bool {
        match &self.end {
            End::Undecided(_) => true,
            End::Server(server) => server.is_handshaking(),
            End::Client(client) => client.is_handshaking(),
        }
    }

    fn status(&self) -> Status {
        match self.is_handshaking() {
            _ if self.is_closed => Status::Closed,
            true => Status::Handshaking,
            false => Status::Open,
        }
    }

    /// Keeps what a step of the handshake has told of the client.
    fn note_handshake(&mut self) {
        let End::Server(server) = &self.end else {
            return;
        };
        if let Some(name) = take_asked() {
            self.server_name = Some(name.into());
        }
        if !server.is_handshaking() {
            let chain = server.peer_certificates();
            self.certificate = chain.and_then(ClientCertificate::of);
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
        let incomplete = &mut self.incomplete;
        self.is_closed |= match &mut self.end {
            End::Undecided(_) => return Err(undecided()),
            End::Server(server) => records::encrypt(server, incomplete, content, output)?,
            End::Client(client) => records::encrypt(&mut **client, incomplete, content, output)?,
        };
        Ok(())
    }

    /// Appends the alert after which this side sends nothing more (RFC 8446 §6.1). Without it, the
    /// other side must take the end for a truncation.
    pub(crate) fn close_notify(&mut self, output: &mut Vec<u8>) {
        if self.is_broken {
            return;
        }
        let incomplete = &mut self.incomplete;
        match &mut self.end {
            End::Undecided(_) => {}
            End::Server(server) => records::close_notify(server, incomplete, output),
            End::Client(client) => records::close_notify(&mut **client, incomplete, output),
        }
    }

    /// Whether a request for `host`, the authority without a port, may come over this connection:
    /// if the client named a server in the handshake, it has to be that one (RFC 9110 §7.4).
    pub(crate) fn is_for(&self, host: &str) -> bool {
        self.server_name
            .as_deref()
            .is_none_or(|name| name == normal(host))
    }

    /// What the handshake with a client has agreed on; `None` before that.
    pub(crate) fn agreed(&self) -> Option<Agreed> {
        let End::Server(connection) = &self.end else {
            return None;
        };
        let version = match connection.protocol_version()? {
            ProtocolVersion::TLSv1_2 => "1.2",
            _ => "1.3",
        };
        let cipher = connection.negotiated_cipher_suite()?.suite();
        let certificate = self.certificate.as_ref();
        Some(Agreed {
            version,
            cipher: cipher.as_str().unwrap_or_default(),
            server_name: self.server_name.clone(),
            client: certificate.map(ClientCertificate::shared_subject),
        })
    }

    /// Whether the handshake only verified a name, so that no request may follow (RFC 8737 §3).
    pub(crate) fn is_challenge(&self) -> bool {
        matches!(&self.end, End::Server(server) if server.alpn_protocol() == Some(ACME_TLS_1))
    }

    /// The verified certificate of the client.
    pub(crate) fn certificate(&self) -> Option<&ClientCertificate> {
        self.certificate.as_ref()
    }
}

fn undecided() -> io::Error {
    io::Error::other("nothing can be sent before the client's first message")
}

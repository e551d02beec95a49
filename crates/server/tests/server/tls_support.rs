//! A client that speaks TLS, and an authority that it trusts.

use crate::support::{LONG, Running};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use tinyhttp_server::{Authority, Builder, Handler, SelfSigned, Tls};

pub(crate) type Client = StreamOwned<ClientConnection, TcpStream>;

/// An authority that the clients of a test trust.
pub(crate) struct Trusted(pub(crate) Authority);

impl Trusted {
    pub(crate) fn new() -> Self {
        Trusted(Authority::new("test authority", &[""; 0]).unwrap())
    }

    pub(crate) fn sign(&self, names: &[&str]) -> SelfSigned {
        self.0.sign(names).unwrap()
    }

    /// A server for `localhost`.
    pub(crate) fn tls(&self) -> Tls {
        Tls::from(self.sign(&["localhost", "127.0.0.1"]).identity().clone())
    }

    fn builder(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(self.0.pem().as_bytes()).unwrap();
        roots.add(authority).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
    }

    pub(crate) fn config(&self) -> ClientConfig {
        self.builder(rustls::ALL_VERSIONS).with_no_client_auth()
    }

    pub(crate) fn config_1_2(&self) -> ClientConfig {
        self.builder(&[&rustls::version::TLS12])
            .with_no_client_auth()
    }

    /// A client that has a certificate.
    pub(crate) fn config_with(&self, own: &SelfSigned) -> ClientConfig {
        let chain = CertificateDer::pem_slice_iter(own.pem().as_bytes());
        let key = PrivateKeyDer::from_pem_slice(own.key_pem().as_bytes()).unwrap();
        self.builder(rustls::ALL_VERSIONS)
            .with_client_auth_cert(chain.map(Result::unwrap).collect(), key)
            .unwrap()
    }
}

/// Starts a server that speaks HTTPS.
pub(crate) fn start(
    tls: &Tls,
    set: impl FnOnce(Builder) -> Builder,
    handler: impl Handler,
) -> Running {
    Running::with(|builder| set(builder.tls(tls).unwrap()), handler)
}

/// Connects a client that asks for `name`.
pub(crate) fn connect_as(server: &Running, config: &ClientConfig, name: &str) -> Client {
    connect_over(server.connect(), config, name)
}

pub(crate) fn connect_over(stream: TcpStream, config: &ClientConfig, name: &str) -> Client {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::new(config.clone()), name).unwrap();
    StreamOwned::new(connection, stream)
}

pub(crate) fn connect(server: &Running, trusted: &Trusted) -> Client {
    connect_as(server, &trusted.config(), "localhost")
}

/// Reads up to the end of the server's side. The second part is whether it ended with
/// `close_notify`.
pub(crate) fn rest(client: &mut Client) -> (Vec<u8>, bool) {
    let mut all = Vec::new();
    let ended = client.read_to_end(&mut all);
    (all, ended.is_ok())
}

/// Reads until what has come ends so.
pub(crate) fn read_until(client: &mut Client, end: &str) -> String {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(end.as_bytes()) {
        client.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
    String::from_utf8(seen).unwrap()
}

/// Sends a request and reads up to the end.
pub(crate) fn ask(client: &mut Client, request: &str) -> String {
    client.write_all(request.as_bytes()).unwrap();
    String::from_utf8(rest(client).0).unwrap()
}

/// A stream on which nothing lasts longer than anything here takes.
pub(crate) fn patient(stream: &TcpStream) {
    stream.set_read_timeout(Some(LONG)).unwrap();
}

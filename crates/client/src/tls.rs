//! HTTPS: the same bytes through TLS, with a server that has proved its name (RFC 9110 §4.2.2, RFC 8446).
//!
//! The cryptography is rustls's. Here is what the client has to decide: whom to trust ([`TlsOptions`]), how the records
//! travel over a [`Transport`] that never blocks, and how a refused certificate is explained to a person. Reading the
//! machine's certificates takes milliseconds, so it is put off until the first https URL.

use crate::deadline::Deadline;
use crate::error::TlsFailure;
use crate::trace::TlsFacts;
use crate::transport::{Patient, Transport};
use rustix::event::PollFlags;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme, SupportedProtocolVersion,
};
use sha2::{Digest, Sha256};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tinyhttp_message::date::HttpDate;

/// Room for records read from the socket: enough for four of the largest.
const RECORDS: usize = 64 * 1024;

/// Whom an https client trusts, and who it is itself.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// Trust the certificates in this PEM file instead of the machine's. One that is the server's own is taken as it is.
    pub ca_file: Option<PathBuf>,
    /// Trust any certificate: the connection is secret, but nobody knows from whom.
    pub insecure: bool,
    /// This client's certificate chain and private key, PEM files; they may be the same file.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// SHA-256 of the public keys (SubjectPublicKeyInfo) of which the server has to have one; none: any.
    pub pins: Vec<[u8; 32]>,
    /// The lowest version to speak.
    pub min_version: Option<TlsVersion>,
    /// The highest version to speak.
    pub max_version: Option<TlsVersion>,
}

/// A version of TLS. Older ones are broken, and not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    V1_2,
    /// TLS 1.3 (RFC 8446).
    V1_3,
}

/// What went wrong, in one of the ways that callers tell apart.
#[derive(Debug)]
pub(crate) struct NotSecured {
    pub(crate) failure: TlsFailure,
    pub(crate) reason: String,
}

impl NotSecured {
    fn new(failure: TlsFailure, reason: impl Into<String>) -> Self {
        NotSecured {
            failure,
            reason: reason.into(),
        }
    }
}

/// The options, carried out.
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    pins: Vec<[u8; 32]>,
    is_verified: bool,
}

/// The options, carried out when they are first needed.
#[derive(Default)]
pub(crate) struct LazyTls {
    options: TlsOptions,
    ready: Mutex<Option<Arc<Tls>>>,
}

impl LazyTls {
    pub(crate) fn new(options: TlsOptions) -> Self {
        LazyTls {
            options,
            ready: Mutex::default(),
        }
    }

    pub(crate) fn get(&self) -> Result<Arc<Tls>, NotSecured> {
        // Nothing is half done in there when somebody panics.
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tls) = &*ready {
            return Ok(tls.clone());
        }
        let tls = Arc::new(Tls::new(&self.options)?);
        Ok(ready.insert(tls).clone())
    }
}

impl Tls {
    fn new(options: &TlsOptions) -> Result<Self, NotSecured> {
        let provider = Arc::new(ring::default_provider());
        let usage = |error: rustls::Error| NotSecured::new(TlsFailure::Options, error.to_string());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions(options))
            .map_err(usage)?
            .dangerous()
            .with_custom_certificate_verifier(verifier(options, provider)?);
        let mut config = match &options.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let bad = |path: &PathBuf, error: &dyn std::fmt::Display| {
                    let reason = format!("{}: {error}", path.display());
                    NotSecured::new(TlsFailure::Identity, reason)
                };
                let chain = certificates(certificate).map_err(|e| bad(certificate, &e))?;
                let secret = PrivateKeyDer::from_pem_file(key).map_err(|e| bad(key, &e))?;
                builder
                    .with_client_auth_cert(chain, secret)
                    .map_err(|e| bad(key, &e))?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls {
            config: Arc::new(config),
            pins: options.pins.clone(),
            is_verified: !options.insecure,
        })
    }

    /// Shakes hands with the server of that name over a connected transport.
    pub(crate) fn secure(
        &self,
        host: &url::Host<String>,
        transport: Box<dyn Transport>,
        deadline: Deadline,
    ) -> Result<(TlsTransport, TlsFacts), NotSecured> {
        let name = match host {
            url::Host::Domain(name) => ServerName::try_from(name.clone())
                .map_err(|error| NotSecured::new(TlsFailure::Certificate, error.to_string()))?,
            url::Host::Ipv4(address) => ServerName::from(std::net::IpAddr::V4(*address)),
            url::Host::Ipv6(address) => ServerName::from(std::net::IpAddr::V6(*address)),
        };
        let tls = ClientConnection::new(self.config.clone(), name).map_err(|e| explain(&e))?;
        let mut transport = TlsTransport {
            tls,
            below: Buffered::new(transport),
        };
        transport.shake_hands(deadline)?;
        self.check_pins(&transport.tls)?;
        let facts = self.facts(&transport.tls);
        Ok((transport, facts))
    }

    /// Whatever else is trusted: if keys were named, the server has to have one of them.
    fn check_pins(&self, tls: &ClientConnection) -> Result<(), NotSecured> {
        if self.pins.is_empty() {
            return Ok(());
        }
        let key = tls
            .peer_certificates()
            .and_then(<[_]>::first)
            .and_then(|certificate| ParsedCertificate::try_from(certificate).ok())
            .map(|parsed| <[u8; 32]>::from(Sha256::digest(parsed.subject_public_key_info())));
        if key.is_some_and(|key| self.pins.contains(&key)) {
            return Ok(());
        }
        Err(NotSecured::new(
            TlsFailure::Pin,
            "the server's public key is none of those that were named",
        ))
    }

    fn facts(&self, tls: &ClientConnection) -> TlsFacts {
        let suite = tls.negotiated_cipher_suite().map(|suite| suite.suite());
        let group = tls
            .negotiated_key_exchange_group()
            .map(rustls::crypto::SupportedKxGroup::name);
        let version = match tls.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
            _ => "TLS 1.2",
        };
        let text = |name: Option<&str>| name.unwrap_or("unknown").to_owned();
        TlsFacts {
            version: version.to_owned(),
            cipher: text(suite.and_then(|suite| suite.as_str())),
            group: text(group.and_then(|group| group.as_str())),
            alpn: tls
                .alpn_protocol()
                .map(|name| String::from_utf8_lossy(name).into_owned()),
            certificates: tls
                .peer_certificates()
                .unwrap_or_default()
                .iter()
                .map(|certificate| certificate.to_vec())
                .collect(),
            is_resumed: tls.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
            is_verified: self.is_verified,
        }
    }
}

fn versions(options: &TlsOptions) -> Vec<&'static SupportedProtocolVersion> {
    let table = [
        (TlsVersion::V1_2, &rustls::version::TLS12),
        (TlsVersion::V1_3, &rustls::version::TLS13),
    ];
    table
        .into_iter()
        .filter(|(version, _)| options.min_version.is_none_or(|min| *version >= min))
        .filter(|(version, _)| options.max_version.is_none_or(|max| *version <= max))
        .map(|(_, version)| version)
        .collect()
}

fn certificates(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, String> {
    let list: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| error.to_string());
    match list {
        Ok(list) if list.is_empty() => Err("there is no certificate in it".to_owned()),
        other => other,
    }
}

fn verifier(
    options: &TlsOptions,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, NotSecured> {
    if options.insecure {
        return Ok(Arc::new(TrustAnything(provider)));
    }
    let mut roots = RootCertStore::empty();
    let mut named = Vec::new();
    match &options.ca_file {
        Some(path) => {
            named = certificates(path).map_err(|error| {
                NotSecured::new(TlsFailure::Roots, format!("{}: {error}", path.display()))
            })?;
            roots.add_parsable_certificates(named.iter().cloned());
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    if roots.is_empty() {
        let reason = "this machine has no trusted certificates (package ca-certificates)";
        return Err(NotSecured::new(TlsFailure::Roots, reason));
    }
    let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| NotSecured::new(TlsFailure::Roots, error.to_string()))?;
    Ok(Arc::new(TrustNamed { chain, named }))
}

/// Trusts what the roots have signed, and a certificate that was itself named as trusted.
#[derive(Debug)]
struct TrustNamed {
    chain: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for TrustNamed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let result = self.chain.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        // `openssl req -x509` makes an authority even where a server was meant, and as such it can't be a server's. Its
        // dates have been checked by then; its name hasn't. The error has no type of its own, only its name.
        let is_authority = matches!(&result, Err(rustls::Error::InvalidCertificate(CertificateError::Other(error)))
            if format!("{error:?}").contains("CaUsedAsEndEntity"));
        if is_authority && self.named.contains(end_entity) {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Trusts every certificate whose key the server has (`-k`).
#[derive(Debug)]
struct TrustAnything(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAnything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A refusal in words that a person understands.
fn explain(error: &rustls::Error) -> NotSecured {
    let date = |time: &UnixTime| {
        HttpDate::from_unix_seconds(time.as_secs().try_into().unwrap_or(i64::MAX)).to_string()
    };
    let rustls::Error::InvalidCertificate(problem) = error else {
        let reason = match error {
            rustls::Error::InvalidMessage(_) => {
                "what the server speaks there is not TLS".to_owned()
            }
            rustls::Error::AlertReceived(alert) => {
                format!("the server refused: {alert:?}")
            }
            other => other.to_string(),
        };
        return NotSecured::new(TlsFailure::Handshake, reason);
    };
    let reason = match problem {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("the server's certificate expired on {}", date(not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!(
                "the server's certificate is not valid before {}",
                date(not_before)
            )
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            // rustls names them as `DnsName("h")`.
            let names: Vec<_> = presented
                .iter()
                .map(|name| name.split('"').nth(1).unwrap_or(name))
                .collect();
            format!(
                "the server's certificate is for {}, not for {}",
                names.join(", "),
                expected.to_str()
            )
        }
        CertificateError::UnknownIssuer => {
            "nobody whom this client trusts has signed the server's certificate".to_owned()
        }
        CertificateError::Revoked => "the server's certificate has been revoked".to_owned(),
        CertificateError::BadSignature => {
            "the signature on the server's certificate is wrong".to_owned()
        }
        other => format!("the server's certificate is not acceptable: {other}"),
    };
    NotSecured::new(TlsFailure::Certificate, reason)
}

/// TLS over another transport.
pub(crate) struct TlsTransport {
    tls: ClientConnection,
    below: Buffered,
}

impl TlsTransport {
    fn shake_hands(&mut self, deadline: Deadline) -> Result<(), NotSecured> {
        while self.tls.is_handshaking() {
            let mut patient = Patient::new(&mut self.below, deadline);
            if let Err(error) = self.tls.complete_io(&mut patient) {
                return Err(match error.downcast::<rustls::Error>() {
                    Ok(error) => explain(&error),
                    Err(error) => NotSecured {
                        failure: match error.kind() {
                            io::ErrorKind::TimedOut => TlsFailure::TimedOut,
                            _ => TlsFailure::Handshake,
                        },
                        reason: match error.kind() {
                            io::ErrorKind::UnexpectedEof => {
                                "the server closed the connection instead of answering".to_owned()
                            }
                            _ => error.to_string(),
                        },
                    },
                });
            }
        }
        Ok(())
    }

    /// Hands records on to the transport below, as far as it takes them.
    fn send_records(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.below)?;
        }
        Ok(())
    }
}

impl Read for TlsTransport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
            self.tls.read_tls(&mut self.below)?;
            self.tls.process_new_packets().map_err(io::Error::other)?;
            // An answer to what was read, such as new keys, may wait until there is something to send.
            match self.send_records() {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
    }
}

impl Write for TlsTransport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.tls.writer().write(bytes)?;
        match self.send_records() {
            // What was taken will go out later; if nothing was, the caller has to wait.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock || taken == 0 => Err(error),
            _ => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_records()?;
        self.below.flush()
    }
}

impl Transport for TlsTransport {
    fn wait(&mut self, mut interest: PollFlags, timeout: Option<Duration>) -> io::Result<bool> {
        if self.tls.wants_write() {
            interest |= PollFlags::OUT;
        }
        self.below.wait(interest, timeout)
    }
}

/// Reads from the transport in large pieces: rustls asks for few bytes at a time.
struct Buffered {
    below: Box<dyn Transport>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffered {
    fn new(below: Box<dyn Transport>) -> Self {
        Buffered {
            below,
            bytes: vec![0; RECORDS],
            start: 0,
            end: 0,
        }
    }
}

impl Read for Buffered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end {
            self.end = 0;
            self.start = 0;
            self.end = self.below.read(&mut self.bytes)?;
        }
        let length = buffer.len().min(self.end - self.start);
        buffer[..length].copy_from_slice(&self.bytes[self.start..self.start + length]);
        self.start += length;
        Ok(length)
    }
}

impl Write for Buffered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.below.write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.below.write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.below.flush()
    }
}

impl Transport for Buffered {
    fn wait(&mut self, interest: PollFlags, timeout: Option<Duration>) -> io::Result<bool> {
        // What has been read already needs no waiting for.
        if interest.contains(PollFlags::IN) && self.start < self.end {
            return Ok(true);
        }
        self.below.wait(interest, timeout)
    }
}

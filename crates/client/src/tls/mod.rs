//! HTTPS: the same bytes through TLS, with a server that has proved its name (RFC 9110 §4.2.2, RFC
//! 8446).
//!
//! The cryptography is rustls's. Here is what the client has to decide: which servers to trust
//! ([`TlsOptions`]), how the records travel over a [`Transport`] that never blocks, and how a
//! refused certificate is explained to a person. Reading the machine's certificates takes
//! milliseconds, so it is put off until the first https URL.
//!
//! | file | what it holds |
//! |---|---|
//! | `options` | what the client trusts, and its own certificate |
//! | `trust` | judges the server's certificate |
//! | `roots` | finds the chain from a certificate to an authority |
//! | `transport` | carries records over another transport |
//! | `failure` | explains what failed |

mod failure;
mod options;
mod roots;
mod transport;
mod trust;

pub(crate) use failure::TlsError;
pub use options::{TlsOptions, TlsVersion};
pub(crate) use transport::TlsTransport;

use crate::deadline::Deadline;
use crate::error::TlsFailure;
use crate::lock::Lock;
use crate::trace::TlsFacts;
use crate::transport::Transport;
use failure::explain;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, ClientConnection, SupportedProtocolVersion};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::Arc;
use trust::{Trust, certificates};

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
    ready: Lock<Option<Arc<Tls>>>,
}

impl LazyTls {
    pub(crate) fn new(options: TlsOptions) -> Self {
        LazyTls {
            options,
            ready: Lock::default(),
        }
    }

    pub(crate) fn get(&self) -> Result<Arc<Tls>, TlsError> {
        let mut ready = self.ready.lock();
        if let Some(tls) = &*ready {
            return Ok(tls.clone());
        }
        let tls = Arc::new(Tls::new(&self.options)?);
        Ok(ready.insert(tls).clone())
    }
}

impl Tls {
    fn new(options: &TlsOptions) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let usage = |error: rustls::Error| TlsError::new(TlsFailure::Options, error.to_string());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions(options))
            .map_err(usage)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trust::new(options, provider)?));
        let mut config = match &options.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let bad = |path: &PathBuf, error: &dyn std::fmt::Display| {
                    let reason = format!("{}: {error}", path.display());
                    TlsError::new(TlsFailure::Identity, reason)
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
    ) -> Result<(TlsTransport, TlsFacts), TlsError> {
        let name = match &*crate::zone::without(host) {
            url::Host::Domain(name) => ServerName::try_from(name.clone())
                .map_err(|error| TlsError::new(TlsFailure::Certificate, error.to_string()))?,
            url::Host::Ipv4(address) => ServerName::from(std::net::IpAddr::V4(*address)),
            url::Host::Ipv6(address) => ServerName::from(std::net::IpAddr::V6(*address)),
        };
        let tls = ClientConnection::new(self.config.clone(), name).map_err(|e| explain(&e))?;
        let mut transport = TlsTransport::new(tls, transport);
        transport.shake_hands(deadline)?;
        self.check_pins(&transport.tls)?;
        let facts = self.facts(&transport.tls);
        Ok((transport, facts))
    }

    /// Whatever else is trusted: if keys were named, the server has to have one of them.
    fn check_pins(&self, tls: &ClientConnection) -> Result<(), TlsError> {
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
        Err(TlsError::new(
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

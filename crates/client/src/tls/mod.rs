//! HTTPS: the same bytes through TLS, with a server that has proved its name (RFC 9110 §4.2.2, RFC
//! 8446).
//!
//! The cryptography is rustls's. Here is what the client has to decide: which servers to trust
//! ([`TlsOptions`]), how the records travel over a [`Transport`] that never blocks, and how a
//! refused certificate is explained to a person. Reading the machine's certificates takes
//! milliseconds, so it is put off until the first https URL.

mod roots;
mod transport;
mod trust;

pub(crate) use transport::TlsTransport;

use crate::deadline::Deadline;
use crate::error::TlsFailure;
use crate::trace::TlsFacts;
use crate::transport::Transport;
use roots::Unfit;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, ClientConnection, SupportedProtocolVersion};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tinyhttp_message::date::HttpDate;
use trust::{Trust, certificates};

/// The certificates that an https client trusts, and its own certificate.
///
/// ```
/// use tinyhttp_client::{Client, TlsOptions, TlsVersion};
///
/// let client = Client::builder()
///     .tls(TlsOptions {
///         ca_file: Some("authority.pem".into()),
///         min_version: Some(TlsVersion::V1_3),
///         ..TlsOptions::default()
///     })
///     .build();
/// ```
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// Trust the certificates in this PEM file instead of the machine's: authorities, and the
    /// certificates of servers themselves.
    pub ca_file: Option<PathBuf>,
    /// Trust any certificate: the connection is encrypted, but the server is not authenticated.
    pub insecure: bool,
    /// This client's certificate chain and private key, PEM files; they may be the same file.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// SHA-256 of the public keys (SubjectPublicKeyInfo) of which the server has to have one; none:
    /// any.
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
        // A panic leaves nothing half done in there.
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
            .with_custom_certificate_verifier(Arc::new(Trust::new(options, provider)?));
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
        let name = match &*crate::zone::without(host) {
            url::Host::Domain(name) => ServerName::try_from(name.clone())
                .map_err(|error| NotSecured::new(TlsFailure::Certificate, error.to_string()))?,
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

/// A refusal in words that a person understands.
fn explain(error: &rustls::Error) -> NotSecured {
    let (failure, reason) = match error {
        rustls::Error::InvalidCertificate(problem) => explain_certificate(problem),
        rustls::Error::InvalidMessage(_) => (
            TlsFailure::Handshake,
            "what the server speaks there is not TLS".to_owned(),
        ),
        rustls::Error::AlertReceived(alert) => (
            TlsFailure::Refused,
            format!("the server refused: {alert:?}"),
        ),
        other => (TlsFailure::Handshake, other.to_string()),
    };
    NotSecured { failure, reason }
}

fn explain_certificate(problem: &CertificateError) -> (TlsFailure, String) {
    let date = |time: &UnixTime| {
        HttpDate::from_unix_seconds(time.as_secs().try_into().unwrap_or(i64::MAX)).to_string()
    };
    match problem {
        CertificateError::ExpiredContext { not_after, .. } => (
            TlsFailure::Dates,
            format!("the server's certificate expired on {}", date(not_after)),
        ),
        CertificateError::Expired => (
            TlsFailure::Dates,
            "the server's certificate has expired".to_owned(),
        ),
        CertificateError::NotValidYetContext { not_before, .. } => (
            TlsFailure::Dates,
            format!(
                "the server's certificate is not valid before {}",
                date(not_before)
            ),
        ),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            // rustls names them as `DnsName("h")`.
            let names: Vec<_> = presented
                .iter()
                .map(|name| name.split('"').nth(1).unwrap_or(name))
                .collect();
            let names = match names.is_empty() {
                true => "no name at all".to_owned(),
                false => names.join(", "),
            };
            let reason = format!(
                "the server's certificate is for {names}, not for {}",
                expected.to_str()
            );
            (TlsFailure::Name, reason)
        }
        CertificateError::UnknownIssuer => (
            TlsFailure::Certificate,
            "nobody whom this client trusts has signed the server's certificate".to_owned(),
        ),
        CertificateError::Revoked => (
            TlsFailure::Certificate,
            "the server's certificate has been revoked".to_owned(),
        ),
        CertificateError::BadSignature => (
            TlsFailure::Certificate,
            "the signature on the server's certificate is wrong".to_owned(),
        ),
        CertificateError::Other(rustls::OtherError(reason)) if reason.is::<Unfit>() => (
            TlsFailure::Certificate,
            format!("the server's certificate is not acceptable: {reason}"),
        ),
        other if trust::is_authority(other) => (
            TlsFailure::Certificate,
            "the server's certificate has signed itself, and nobody whom this client trusts has"
                .to_owned(),
        ),
        other => (
            TlsFailure::Certificate,
            format!("the server's certificate is not acceptable: {other}"),
        ),
    }
}

//! The options of https: trusted certificates, the client's own, and versions.

use std::path::PathBuf;

/// The certificates that an https client trusts, and its own certificate.
///
/// ```
/// use tinyhttp_client::{Client, TlsOptions, TlsVersion};
///
/// let mut options = TlsOptions::default();
/// options.ca_file = Some("authority.pem".into());
/// options.min_version = Some(TlsVersion::V1_3);
/// let client = Client::builder().tls(options).build();
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TlsOptions {
    /// Trust the certificates in this PEM file instead of the machine's: authorities, and the
    /// certificates of servers themselves.
    pub ca_file: Option<PathBuf>,
    /// Trust any certificate: the connection is encrypted, but the server is not authenticated.
    pub insecure: bool,
    /// This client's certificate chain and private key, PEM files; they may be the same file.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// SHA-256 of the public keys (SubjectPublicKeyInfo) that are accepted; empty: any key.
    pub pins: Vec<[u8; 32]>,
    /// The lowest version to offer.
    pub min_version: Option<TlsVersion>,
    /// The highest version to offer.
    pub max_version: Option<TlsVersion>,
}

/// A version of TLS. Older ones are broken and not implemented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    V1_2,
    /// TLS 1.3 (RFC 8446).
    V1_3,
}

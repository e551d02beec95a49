//! Why TLS can't be set up, in one plain line each.

use std::fmt;

/// Why certificates, keys or settings can't be used. Reads as one line, without the name of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsError {
    /// The PEM text holds none of what is needed; the strings name what is needed and what is
    /// there.
    Missing {
        /// What is needed.
        wanted: &'static str,
        /// What is there instead.
        found: String,
    },
    /// The PEM text is damaged.
    Damaged(String),
    /// The private key is encrypted with a passphrase.
    EncryptedKey,
    /// The key is of a kind that TLS servers can't use, or damaged.
    UnusableKey(String),
    /// The key does not belong to the certificate.
    KeyMismatch,
    /// The certificate can't be read.
    UnusableCertificate(String),
    /// The certificate has expired: when.
    Expired(String),
    /// There is no certificate at all.
    NoIdentity,
    /// The certificate authorities of clients can't be used.
    ClientAuthorities(String),
    /// The certificate authorities of servers can't be used.
    Authorities(String),
    /// The ticket keys can't be used.
    TicketKeys(String),
    /// A certificate can't be made.
    NotMade(String),
    /// The system has no randomness, or rustls refuses the settings.
    Settings(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::Missing { wanted, found } => {
                write!(f, "expected {wanted} in PEM, and found {found}")
            }
            TlsError::Damaged(why) => write!(f, "the PEM text is damaged: {why}"),
            TlsError::EncryptedKey => f.write_str(
                "the private key is encrypted; decrypt it with: openssl pkey -in KEY -out NEW-KEY",
            ),
            TlsError::UnusableKey(why) => write!(
                f,
                "the private key can't be used ({why}); keys are ECDSA P-256 or P-384, Ed25519, or RSA of 2048 to 8192 bits"
            ),
            TlsError::KeyMismatch => {
                f.write_str("the private key does not belong to the certificate")
            }
            TlsError::UnusableCertificate(why) => write!(f, "the certificate can't be used: {why}"),
            TlsError::Expired(when) => write!(f, "the certificate expired on {when}"),
            TlsError::NoIdentity => f.write_str("there is no certificate"),
            TlsError::ClientAuthorities(why) => {
                write!(
                    f,
                    "the authorities of client certificates can't be used: {why}"
                )
            }
            TlsError::Authorities(why) => {
                write!(f, "the certificate authorities can't be used: {why}")
            }
            TlsError::TicketKeys(why) => write!(f, "the ticket keys can't be used: {why}"),
            TlsError::NotMade(why) => write!(f, "a certificate can't be made: {why}"),
            TlsError::Settings(why) => write!(f, "TLS can't be set up: {why}"),
        }
    }
}

impl std::error::Error for TlsError {}

//! A certificate chain with its private key: what a server proves its name with.

use super::error::TlsError;
use super::facts::{Facts, written};
use super::{pem, provider};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

/// A certificate chain with its private key. A clone refers to the same one.
#[derive(Clone)]
pub struct Identity {
    pub(super) key: Arc<CertifiedKey>,
    facts: Arc<Facts>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the key.
        f.debug_struct("Identity")
            .field("names", &self.facts.names)
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// Reads a certificate, followed by its intermediates, and its private key, each in PEM. Both
    /// may be in the same text.
    ///
    /// # Errors
    /// If one of them is missing, damaged, of a kind that can't be used, encrypted or expired, or
    /// if they don't belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let identity = Identity::from_der(pem::certificates(chain)?, &pem::private_key(key)?)?;
        if identity.not_after() < SystemTime::now() {
            return Err(TlsError::Expired(written(identity.not_after())));
        }
        Ok(identity)
    }

    pub(super) fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> Result<Self, TlsError> {
        let first = chain.first().ok_or(TlsError::NoIdentity)?;
        let facts = Facts::of(first)?;
        let key = provider()
            .key_provider
            .load_private_key(key.clone_key())
            .map_err(|error| TlsError::UnusableKey(plain(&error)))?;
        let key = CertifiedKey::new(chain, key);
        match key.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                return Err(TlsError::KeyMismatch);
            }
            Err(error) => return Err(TlsError::UnusableCertificate(plain(&error))),
        }
        Ok(Identity {
            key: Arc::new(key),
            facts: Arc::new(facts),
        })
    }

    /// The same identity with an OCSP response in DER, which handshakes then include.
    #[must_use]
    pub fn with_ocsp(self, response: Vec<u8>) -> Self {
        let mut key = CertifiedKey::new(self.key.cert.clone(), Arc::clone(&self.key.key));
        key.ocsp = Some(response);
        Identity {
            key: Arc::new(key),
            ..self
        }
    }

    /// The DNS names of the certificate, in lower case.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.facts.names
    }

    /// The IP addresses of the certificate.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.facts.addresses
    }

    /// The certificate's subject.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.facts.subject
    }

    /// From when on clients accept the certificate.
    #[must_use]
    pub fn not_before(&self) -> SystemTime {
        self.facts.not_before
    }

    /// Until when clients accept the certificate.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.facts.not_after
    }

    /// Whether the certificate is signed with its own key, so that no client trusts it unasked.
    #[must_use]
    pub fn is_self_signed(&self) -> bool {
        self.facts.is_self_signed
    }

    /// The SHA-256 of the certificate, as browsers show it: `AB:CD:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let bytes = self.facts.digest.iter();
        let bytes: Vec<String> = bytes.map(|byte| format!("{byte:02X}")).collect();
        bytes.join(":")
    }

    /// The SHA-256 of the public key, in the notation of curl's `--pinnedpubkey`: `sha256//…`.
    #[must_use]
    pub fn public_key_pin(&self) -> String {
        format!("sha256//{}", STANDARD.encode(self.facts.key_digest))
    }
}

/// An error of rustls, as a reader of logs understands it.
pub(super) fn plain(error: &Error) -> String {
    match error {
        Error::General(why) => why.clone(),
        other => other.to_string(),
    }
}

//! Certificates of clients (mutual TLS). Whatever is wrong with them, the answer is no.

use super::error::TlsError;
use super::facts::Facts;
use super::{pem, provider};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use std::sync::Arc;

/// The certificate that a client has proved to own. Requests have it in their extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    subject: Arc<str>,
    der: Arc<[u8]>,
}

impl ClientCertificate {
    pub(super) fn of(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let first = chain.first()?;
        // It was verified, so it can be read.
        let facts = Facts::of(first).ok()?;
        Some(ClientCertificate {
            subject: facts.subject.into(),
            der: Arc::from(&first[..]),
        })
    }

    /// The verified subject, such as `CN=alice, O=Example`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    pub(super) fn shared_subject(&self) -> Arc<str> {
        Arc::clone(&self.subject)
    }

    /// The whole certificate, in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

/// What is asked of clients.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Asked {
    #[default]
    Nothing,
    /// A certificate that one of these authorities has signed. With `optional`, clients without any
    /// certificate are served, too.
    Certificate {
        authorities: Vec<CertificateDer<'static>>,
        optional: bool,
    },
}

impl Asked {
    /// What is asked, as bytes that differ wherever it does.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let Asked::Certificate {
            authorities,
            optional,
        } = self
        else {
            return Vec::new();
        };
        let mut bytes = vec![u8::from(*optional)];
        for authority in authorities {
            bytes.extend_from_slice(&(authority.len() as u64).to_be_bytes());
            bytes.extend_from_slice(authority);
        }
        bytes
    }

    /// Reads the authorities, in PEM.
    ///
    /// # Errors
    /// [`TlsError::ClientAuthorities`] if there is none, or one is damaged.
    pub(super) fn certificate(authorities: &[u8], optional: bool) -> Result<Self, TlsError> {
        let failed = |why: String| TlsError::ClientAuthorities(why);
        let authorities =
            pem::certificates(authorities).map_err(|error| failed(error.to_string()))?;
        let asked = Asked::Certificate {
            authorities,
            optional,
        };
        asked.verifier()?;
        Ok(asked)
    }

    /// What judges the certificates of clients; `None` if nothing is asked.
    ///
    /// # Errors
    /// [`TlsError::ClientAuthorities`].
    pub(super) fn verifier(&self) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
        let Asked::Certificate {
            authorities,
            optional,
        } = self
        else {
            return Ok(None);
        };
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots
                .add(authority.clone())
                .map_err(|error| TlsError::ClientAuthorities(error.to_string()))?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        let builder = match optional {
            true => builder.allow_unauthenticated(),
            false => builder,
        };
        let verifier = builder
            .build()
            .map_err(|error| TlsError::ClientAuthorities(error.to_string()))?;
        Ok(Some(verifier))
    }
}

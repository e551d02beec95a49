//! Whom a client believes that it is who it says.

use super::{NotSecured, TlsOptions};
use crate::error::TlsFailure;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::PathBuf;
use std::sync::Arc;

/// Judges the certificates of servers.
#[derive(Debug)]
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    whom: Whom,
}

#[derive(Debug)]
enum Whom {
    /// Whoever has the key that belongs to the certificate (`-k`).
    Anybody,
    /// Whom the roots vouch for, and a certificate that was itself named as trusted.
    Signed {
        chain: Arc<WebPkiServerVerifier>,
        named: Vec<CertificateDer<'static>>,
    },
}

impl Trust {
    /// What the options say.
    pub(super) fn new(
        options: &TlsOptions,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, NotSecured> {
        let whom = match options.insecure {
            true => Whom::Anybody,
            false => Whom::signed(options, provider.clone())?,
        };
        Ok(Trust { provider, whom })
    }
}

impl Whom {
    fn signed(options: &TlsOptions, provider: Arc<CryptoProvider>) -> Result<Self, NotSecured> {
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
        Ok(Whom::Signed { chain, named })
    }
}

/// The certificates in a PEM file.
pub(super) fn certificates(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, String> {
    let list: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| error.to_string());
    match list {
        Ok(list) if list.is_empty() => Err("there is no certificate in it".to_owned()),
        other => other,
    }
}

/// `openssl req -x509` makes an authority even where a server was meant, and as such it can't be a server's. The error has
/// no type of its own, only its name.
pub(super) fn is_authority(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(error) if format!("{error:?}").contains("CaUsedAsEndEntity"))
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Whom::Signed { chain, named } = &self.whom else {
            return Ok(ServerCertVerified::assertion());
        };
        let result =
            chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let is_authority =
            matches!(&result, Err(rustls::Error::InvalidCertificate(error)) if is_authority(error));
        // Its dates have been checked by then; its name hasn't.
        if is_authority && named.contains(end_entity) {
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
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

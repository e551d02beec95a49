//! Which certificates prove that a server is the one that the URL names.

use super::failure::TlsError;
use super::options::TlsOptions;
use super::roots::{self, Roots};
use crate::error::TlsFailure;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, SignatureScheme};
use std::path::PathBuf;
use std::sync::Arc;

/// Judges the certificates of servers.
#[derive(Debug)]
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    accepted: Accepted,
}

#[derive(Debug)]
enum Accepted {
    /// Any holder of the key that belongs to the certificate (`-k`).
    Any,
    /// Holders of certificates that a root has signed, and of those that are named themselves.
    Signed {
        roots: Roots,
        named: Vec<CertificateDer<'static>>,
    },
}

impl Trust {
    /// The trust that the options describe.
    pub(super) fn new(
        options: &TlsOptions,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let accepted = match options.insecure {
            true => Accepted::Any,
            false => Accepted::signed(options, &provider)?,
        };
        Ok(Trust { provider, accepted })
    }
}

impl Accepted {
    fn signed(options: &TlsOptions, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let (certificates, named) = match &options.ca_file {
            Some(path) => {
                let named = certificates(path).map_err(|error| {
                    TlsError::new(TlsFailure::Roots, format!("{}: {error}", path.display()))
                })?;
                (named.clone(), named)
            }
            None => (rustls_native_certs::load_native_certs().certs, Vec::new()),
        };
        let roots = Roots::new(certificates, provider.signature_verification_algorithms);
        if roots.is_empty() {
            let reason = "this machine has no trusted certificates (package ca-certificates)";
            return Err(TlsError::new(TlsFailure::Roots, reason));
        }
        Ok(Accepted::Signed { roots, named })
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

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Accepted::Signed { roots, named } = &self.accepted else {
            return Ok(ServerCertVerified::assertion());
        };
        // A certificate that is named itself needs no issuer (X509_V_FLAG_PARTIAL_CHAIN of OpenSSL,
        // which curl sets).
        if named.contains(end_entity) {
            roots::check_server(end_entity, now)?;
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let fit = roots.find_chain(end_entity, intermediates, now);
        // An unfit issuer is reported only if nothing else is wrong: rustls's own error for the
        // chain comes first, then a wrong name.
        if fit.is_err() {
            roots.find_any_chain(&certificate, intermediates, now)?;
        }
        verify_server_name(&certificate, server_name)?;
        fit?;
        Ok(ServerCertVerified::assertion())
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

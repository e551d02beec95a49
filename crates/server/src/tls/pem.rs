//! Certificates and private keys out of PEM text (RFC 7468).

use super::error::TlsError;
use rustls::pki_types::pem::{self, PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificates in a text, in order.
///
/// # Errors
/// [`TlsError::Missing`] if there is none, [`TlsError::Damaged`].
pub(super) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match certificates {
        Ok(none) if none.is_empty() => Err(missing("a certificate", text)),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(damaged(&error)),
    }
}

/// The first private key in a text.
///
/// # Errors
/// [`TlsError::Missing`] if there is none, [`TlsError::EncryptedKey`], [`TlsError::Damaged`].
pub(super) fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    match PrivateKeyDer::from_pem_slice(text) {
        _ if is_encrypted(text) => Err(TlsError::EncryptedKey),
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(missing("a private key", text)),
        Err(error) => Err(damaged(&error)),
    }
}

/// The first section of a text with this label, and nothing else.
pub(super) fn section<'t>(text: &'t str, label: &str) -> Option<&'t str> {
    let start = text.find(&format!("-----BEGIN {label}-----"))?;
    let end = format!("-----END {label}-----");
    let length = text[start..].find(&end)? + end.len();
    Some(&text[start..start + length])
}

/// Whether a key is encrypted, in the notation of PKCS #8 or in OpenSSL's older one (RFC 1421).
fn is_encrypted(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("4,ENCRYPTED")
}

fn damaged(error: &pem::Error) -> TlsError {
    TlsError::Damaged(match error {
        pem::Error::MissingSectionEnd { end_marker } => {
            let marker = String::from_utf8_lossy(end_marker);
            format!("the line -----END {}----- is missing", marker.trim())
        }
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line has no end".to_owned(),
        pem::Error::Base64Decode(_) => "a line is not base64".to_owned(),
        other => other.to_string(),
    })
}

/// The error for a text that holds nothing of the wanted kind.
fn missing(wanted: &'static str, text: &[u8]) -> TlsError {
    let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(text);
    let kind = sections.flatten().next().map(|(kind, _)| kind);
    let found = match kind {
        Some(SectionKind::Certificate) => "a certificate".to_owned(),
        Some(
            SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey,
        ) => "a private key".to_owned(),
        Some(SectionKind::PublicKey) => "a public key".to_owned(),
        Some(SectionKind::Csr) => "a certificate signing request".to_owned(),
        Some(SectionKind::Crl) => "a revocation list".to_owned(),
        _ => label(text).unwrap_or_else(|| match text {
            [] => "an empty file".to_owned(),
            [0x30, ..] => "what looks like DER; convert it with openssl x509 -inform der or openssl pkey -inform der".to_owned(),
            _ => "no PEM".to_owned(),
        }),
    };
    TlsError::Missing { wanted, found }
}

/// What the first BEGIN line of a text names.
fn label(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, _) = rest.split_once("-----")?;
    let is_label = label.len() <= 64 && label.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    is_label.then(|| format!("only {label}"))
}

//! What a certificate has to be in order to vouch for others, beyond what webpki checks (RFC 5280
//! §4.2.1.3, §6.1.4).
//!
//! webpki takes a trust anchor for a name and a key and ignores the rest of its certificate, as
//! browsers do for the roots that they ship. A file of `--cacert` can hold anything, so its
//! certificates get the checks of OpenSSL, and thus of curl:
//!
//! | certificate | as an issuer | as the server's own |
//! |---|---|---|
//! | keyUsage without keyCertSign | refused | trusted |
//! | basicConstraints with CA:FALSE | refused | trusted |
//! | no basicConstraints in version 3 | refused, unless keyUsage has keyCertSign | trusted |
//! | version 1, which has no extensions | trusted | trusted |
//! | extendedKeyUsage without serverAuth | refused | refused |
//! | not valid now | refused | refused |
//! | more CAs below it than its path length allows | refused | |
//!
//! Intermediate certificates get the check of keyUsage too, which webpki leaves out.

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, RootCertStore};
use std::fmt;
use std::sync::Arc;
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate, X509Version};

/// Certificates that are trusted to issue others.
#[derive(Debug)]
pub(super) struct Roots {
    /// The name and key of each certificate, as webpki sees them.
    anchors: RootCertStore,
    /// In the order of `anchors`.
    certificates: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Why a certificate can't be trusted for what it is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    NoAuthority,
    NoCertSign,
    Purpose,
    Expired,
    TooLong,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unfit::NoAuthority => "its issuer is not a certificate authority",
            Unfit::NoCertSign => "its issuer may not sign certificates (keyUsage)",
            Unfit::Purpose => "it or its issuer is not for servers (extendedKeyUsage)",
            Unfit::Expired => "the certificate of its issuer is not valid now",
            Unfit::TooLong => "there are more authorities than the first one allows (path length)",
        })
    }
}

impl std::error::Error for Unfit {}

impl Unfit {
    fn error(self) -> rustls::Error {
        CertificateError::Other(rustls::OtherError(Arc::new(self))).into()
    }
}

impl Roots {
    /// Roots from certificates; those that can't be parsed are left out.
    pub(super) fn new(
        certificates: Vec<CertificateDer<'static>>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Self {
        let mut anchors = RootCertStore::empty();
        let parsed = certificates
            .into_iter()
            .filter(|certificate| anchors.add(certificate.clone()).is_ok())
            .collect();
        Roots {
            anchors,
            certificates: parsed,
            algorithms,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// Looks for a chain to a root whose signatures, dates and purposes are right, and in which
    /// every issuer may issue. The error names an unfit issuer, even if there is no chain at all.
    pub(super) fn find_chain(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let refusal = std::cell::Cell::new(Unfit::NoAuthority);
        let check = |path: &VerifiedPath<'_>| {
            self.check_path(path, now).map_err(|unfit| {
                refusal.set(unfit);
                webpki::Error::UnknownIssuer
            })
        };
        let found = EndEntityCert::try_from(end_entity).and_then(|certificate| {
            certificate
                .verify_for_usage(
                    self.algorithms.all,
                    &self.anchors.roots,
                    intermediates,
                    now,
                    KeyUsage::server_auth(),
                    None,
                    Some(&check),
                )
                .map(|_| ())
        });
        found.map_err(|_| refusal.get().error())
    }

    /// Looks for a chain to a root without the checks of issuers that
    /// [`find_chain`](Self::find_chain) adds. The error is that of rustls.
    pub(super) fn find_any_chain(
        &self,
        end_entity: &ParsedCertificate<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        verify_server_cert_signed_by_trust_anchor(
            end_entity,
            &self.anchors,
            intermediates,
            now,
            self.algorithms.all,
        )
    }

    fn check_path(&self, path: &VerifiedPath<'_>, now: UnixTime) -> Result<(), Unfit> {
        let mut below = 0;
        for intermediate in path.intermediate_certificates() {
            let der = intermediate.der();
            let (_, certificate) =
                X509Certificate::from_der(&der).map_err(|_| Unfit::NoAuthority)?;
            if !may_sign(&certificate) {
                return Err(Unfit::NoCertSign);
            }
            below += usize::from(certificate.subject() != certificate.issuer());
        }
        let anchor = path.anchor();
        let same = self
            .anchors
            .roots
            .iter()
            .zip(&self.certificates)
            .filter(|(other, _)| {
                other.subject == anchor.subject
                    && other.subject_public_key_info == anchor.subject_public_key_info
            });
        let mut result = Err(Unfit::NoAuthority);
        for (_, der) in same {
            let (_, root) = X509Certificate::from_der(der).map_err(|_| Unfit::NoAuthority)?;
            result = check_root(&root, below, now);
            if result.is_ok() {
                break;
            }
        }
        result
    }
}

/// Whether a certificate can vouch for a chain with `below` authorities under it.
fn check_root(root: &X509Certificate<'_>, below: usize, now: UnixTime) -> Result<(), Unfit> {
    let constraints = root.basic_constraints().map_err(|_| Unfit::NoAuthority)?;
    let key_usage = root.key_usage().map_err(|_| Unfit::NoCertSign)?;
    let is_authority = match constraints {
        Some(ref constraints) => constraints.value.ca,
        // Certificates from before there were extensions say nothing else.
        None => root.version() == X509Version::V1 || key_usage.is_some(),
    };
    if !may_sign(root) {
        return Err(Unfit::NoCertSign);
    }
    if !is_authority {
        return Err(Unfit::NoAuthority);
    }
    if !is_for_servers(root) {
        return Err(Unfit::Purpose);
    }
    if !is_valid(root, now) {
        return Err(Unfit::Expired);
    }
    let limit = constraints.and_then(|constraints| constraints.value.path_len_constraint);
    match limit {
        Some(limit) if below > limit as usize => Err(Unfit::TooLong),
        _ => Ok(()),
    }
}

/// Checks a server's certificate that is trusted because it was named.
pub(super) fn check_server(
    certificate: &CertificateDer<'_>,
    now: UnixTime,
) -> Result<(), rustls::Error> {
    let parsed = X509Certificate::from_der(certificate);
    let (_, certificate) = parsed.map_err(|_| CertificateError::BadEncoding)?;
    let time = |time: ASN1Time| {
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(
            time.timestamp().max(0) as u64
        ))
    };
    let (not_before, not_after) = (
        time(certificate.validity().not_before),
        time(certificate.validity().not_after),
    );
    if now < not_before {
        return Err(CertificateError::NotValidYetContext {
            time: now,
            not_before,
        }
        .into());
    }
    if now > not_after {
        return Err(CertificateError::ExpiredContext {
            time: now,
            not_after,
        }
        .into());
    }
    match is_for_servers(&certificate) {
        true => Ok(()),
        false => Err(Unfit::Purpose.error()),
    }
}

/// Whether keyUsage, if there is one, has keyCertSign.
fn may_sign(certificate: &X509Certificate<'_>) -> bool {
    match certificate.key_usage() {
        Ok(usage) => usage.is_none_or(|usage| usage.value.key_cert_sign()),
        Err(_) => false,
    }
}

/// Whether extendedKeyUsage, if there is one, has serverAuth.
fn is_for_servers(certificate: &X509Certificate<'_>) -> bool {
    match certificate.extended_key_usage() {
        Ok(usage) => usage.is_none_or(|usage| usage.value.server_auth || usage.value.any),
        Err(_) => false,
    }
}

fn is_valid(certificate: &X509Certificate<'_>, now: UnixTime) -> bool {
    let now = i64::try_from(now.as_secs()).ok();
    let now = now.and_then(|seconds| ASN1Time::from_timestamp(seconds).ok());
    now.is_some_and(|now| certificate.validity().is_valid_at(now))
}

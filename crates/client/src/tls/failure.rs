//! Why a TLS connection failed, in words for users.

use super::roots::Unfit;
use crate::error::TlsFailure;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;
use tinyhttp_message::date::HttpDate;

/// Why there is no TLS connection.
#[derive(Debug)]
pub(crate) struct TlsError {
    pub(crate) failure: TlsFailure,
    pub(crate) reason: String,
}

impl TlsError {
    pub(super) fn new(failure: TlsFailure, reason: impl Into<String>) -> Self {
        TlsError {
            failure,
            reason: reason.into(),
        }
    }
}

/// `openssl req -x509` makes an authority even where a server was meant, and as such it can't be a
/// server's. The error has no type of its own, only its name.
fn is_authority(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(error) if format!("{error:?}").contains("CaUsedAsEndEntity"))
}

/// Explains an error of rustls in words for users.
pub(super) fn explain(error: &rustls::Error) -> TlsError {
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
    TlsError { failure, reason }
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
            "no authority that this client trusts has signed the server's certificate".to_owned(),
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
        other if is_authority(other) => (
            TlsFailure::Certificate,
            "the server's certificate has signed itself, and no authority that this client trusts has"
                .to_owned(),
        ),
        other => (
            TlsFailure::Certificate,
            format!("the server's certificate is not acceptable: {other}"),
        ),
    }
}

//! What a certificate says of itself: names, validity, subject, public key (RFC 5280).

use super::error::TlsError;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tinyhttp_message::date::HttpDate;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The facts of one certificate.
#[derive(Debug)]
pub(super) struct Facts {
    /// The DNS names, in lower case, without trailing dots.
    pub(super) names: Vec<String>,
    pub(super) addresses: Vec<IpAddr>,
    /// In the notation of RFC 4514.
    pub(super) subject: String,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
    pub(super) is_self_signed: bool,
    /// The SHA-256 of the whole certificate, and of its public key.
    pub(super) digest: [u8; 32],
    pub(super) key_digest: [u8; 32],
}

impl Facts {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// [`TlsError::UnusableCertificate`].
    pub(super) fn of(der: &[u8]) -> Result<Self, TlsError> {
        let (_, certificate) = X509Certificate::from_der(der)
            .map_err(|error| TlsError::UnusableCertificate(error.to_string()))?;
        let (mut names, mut addresses) = (Vec::new(), Vec::new());
        if let Ok(Some(alternatives)) = certificate.subject_alternative_name() {
            for name in &alternatives.value.general_names {
                match name {
                    GeneralName::DNSName(name) => names.push(normal(name)),
                    GeneralName::IPAddress(bytes) => addresses.extend(address(bytes)),
                    _ => {}
                }
            }
        }
        let validity = certificate.validity();
        Ok(Facts {
            names,
            addresses,
            subject: certificate.subject().to_string(),
            not_before: time(validity.not_before.timestamp()),
            not_after: time(validity.not_after.timestamp()),
            is_self_signed: certificate.subject() == certificate.issuer(),
            digest: Sha256::digest(der).into(),
            key_digest: Sha256::digest(certificate.public_key().raw).into(),
        })
    }
}

/// What an authority may vouch for (RFC 5280 §4.2.1.10).
#[derive(Debug, Default)]
pub(super) struct Permitted {
    /// These names and all below them.
    names: Vec<String>,
    /// Addresses and their masks.
    networks: Vec<Vec<u8>>,
}

impl Permitted {
    /// Reads the constraints of an authority's certificate in DER.
    ///
    /// # Errors
    /// [`TlsError::UnusableCertificate`].
    pub(super) fn of(der: &[u8]) -> Result<Self, TlsError> {
        let (_, certificate) = X509Certificate::from_der(der)
            .map_err(|error| TlsError::UnusableCertificate(error.to_string()))?;
        let mut permitted = Permitted::default();
        if let Ok(Some(constraints)) = certificate.name_constraints() {
            for subtree in constraints.value.permitted_subtrees.iter().flatten() {
                match subtree.base {
                    GeneralName::DNSName(name) => permitted.names.push(normal(name)),
                    GeneralName::IPAddress(network) => permitted.networks.push(network.to_vec()),
                    _ => {}
                }
            }
        }
        Ok(permitted)
    }

    /// Whether a DNS name or an IP address is permitted.
    pub(super) fn allows(&self, name: &str) -> bool {
        let bytes = match name.parse() {
            Ok(IpAddr::V4(address)) => address.octets().to_vec(),
            Ok(IpAddr::V6(address)) => address.octets().to_vec(),
            Err(_) => {
                let name = normal(name);
                let is_below = |parent: &String| {
                    let start = name.strip_suffix(parent.as_str());
                    start.is_some_and(|start| start.is_empty() || start.ends_with('.'))
                };
                return self.names.iter().any(is_below);
            }
        };
        self.networks.iter().any(|network| {
            let (address, mask) = network.split_at(network.len() / 2);
            let masked = |bytes: &[u8]| -> Vec<u8> {
                bytes
                    .iter()
                    .zip(mask)
                    .map(|(byte, mask)| byte & mask)
                    .collect()
            };
            address.len() == bytes.len() && masked(address) == masked(&bytes)
        })
    }
}

/// A DNS name as names are compared: in lower case, without a trailing dot.
pub(super) fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// A time in the notation of HTTP.
pub(super) fn written(time: SystemTime) -> String {
    HttpDate::from(time).to_string()
}

fn time(seconds: i64) -> SystemTime {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}

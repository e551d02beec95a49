//! Certificates made here: signed with their own key, or by a local certificate authority.

use super::error::TlsError;
use super::identity::Identity;
use chrono::{Datelike, Days, NaiveDate, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use std::net::IpAddr;

/// The lifetime of a server's certificate: browsers accept 398 days at most.
const DAYS: u64 = 397;

/// The lifetime of an authority.
const AUTHORITY_DAYS: u64 = 3650;

/// How far the clocks of clients may be behind.
const SKEW_DAYS: u64 = 1;

/// Names that no public DNS server resolves, and the zones of local networks.
const PRIVATE_NAMES: [&str; 6] = ["localhost", "local", "lan", "home.arpa", "internal", "test"];

/// Addresses of this machine and of private networks: IPv4 with the length of the prefix.
const PRIVATE_V4: [([u8; 4], u8); 5] = [
    ([127, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([172, 16, 0, 0], 12),
    ([192, 168, 0, 0], 16),
    ([169, 254, 0, 0], 16),
];

/// A certificate that was made here, with its key: to be used, and to be kept.
#[derive(Debug)]
pub struct SelfSigned {
    identity: Identity,
    pem: String,
    key_pem: String,
}

impl SelfSigned {
    /// Makes a key (ECDSA P-256) and a certificate for these DNS names and IP addresses, signed
    /// with the key itself.
    ///
    /// # Errors
    /// If a name is not one, or the system has no randomness.
    pub fn new(names: &[impl AsRef<str>]) -> Result<Self, TlsError> {
        let key = KeyPair::generate().map_err(not_made)?;
        let certificate = leaf(names)?.self_signed(&key).map_err(not_made)?;
        SelfSigned::made(certificate.pem(), &key)
    }

    fn made(pem: String, key: &KeyPair) -> Result<Self, TlsError> {
        let key_pem = key.serialize_pem();
        Ok(SelfSigned {
            identity: Identity::from_pem(pem.as_bytes(), key_pem.as_bytes())?,
            pem,
            key_pem,
        })
    }

    /// The certificate with its key.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The certificate in PEM, followed by the authority's if there is one.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The private key in PEM (PKCS #8).
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }
}

/// A local certificate authority, which can only vouch for private names and addresses: a client
/// that trusts it trusts it for nothing on the Internet.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes an authority with this name. `host` is the name of this machine, which it may vouch
    /// for beside the private names.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn new(name: &str, host: Option<&str>) -> Result<Self, TlsError> {
        let key = KeyPair::generate().map_err(not_made)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: permitted(host),
            excluded_subtrees: Vec::new(),
        });
        validity(&mut params, AUTHORITY_DAYS);
        let pem = params.self_signed(&key).map_err(not_made)?.pem();
        let issuer = Issuer::new(params, key);
        Ok(Authority { issuer, pem })
    }

    /// Reads an authority that was made earlier: its certificate and its key, in PEM.
    ///
    /// # Errors
    /// If one of them is missing or damaged, or they don't belong together.
    pub fn from_pem(pem: &str, key_pem: &str) -> Result<Self, TlsError> {
        Identity::from_pem(pem.as_bytes(), key_pem.as_bytes())?;
        let key = KeyPair::from_pem(key_pem).map_err(not_made)?;
        let issuer = Issuer::from_ca_cert_pem(pem, key).map_err(not_made)?;
        let pem = pem.to_owned();
        Ok(Authority { issuer, pem })
    }

    /// The authority's certificate in PEM: what clients are to trust.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The authority's key in PEM (PKCS #8).
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Makes a key and a certificate for these names and addresses, signed by this authority.
    ///
    /// # Errors
    /// As [`SelfSigned::new`].
    pub fn sign(&self, names: &[impl AsRef<str>]) -> Result<SelfSigned, TlsError> {
        let key = KeyPair::generate().map_err(not_made)?;
        let mut params = leaf(names)?;
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(not_made)?;
        SelfSigned::made(format!("{}{}", certificate.pem(), self.pem), &key)
    }
}

/// What an authority may vouch for.
fn permitted(host: Option<&str>) -> Vec<GeneralSubtree> {
    let names = PRIVATE_NAMES.into_iter().chain(host);
    let names = names.map(|name| GeneralSubtree::DnsName(name.to_owned()));
    let v4 = PRIVATE_V4.map(|(address, prefix)| CidrSubnet::from_v4_prefix(address, prefix));
    let v6 = [("::1", 128), ("fc00::", 7), ("fe80::", 10)];
    let v6 = v6.into_iter().filter_map(|(address, prefix)| {
        let address: IpAddr = address.parse().ok()?;
        Some(CidrSubnet::from_addr_prefix(address, prefix))
    });
    let networks = v4.into_iter().chain(v6).map(GeneralSubtree::IpAddress);
    names.chain(networks).collect()
}

/// The certificate of a server.
fn leaf(names: &[impl AsRef<str>]) -> Result<CertificateParams, TlsError> {
    let names: Vec<String> = names.iter().map(|name| name.as_ref().to_owned()).collect();
    let subject = names.first().cloned().ok_or(TlsError::NoIdentity)?;
    let mut params = CertificateParams::new(names).map_err(not_made)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    validity(&mut params, DAYS);
    Ok(params)
}

fn validity(params: &mut CertificateParams, days: u64) {
    let today = Utc::now().date_naive();
    let day = |date: NaiveDate| date_time_ymd(date.year(), date.month() as u8, date.day() as u8);
    let from = today
        .checked_sub_days(Days::new(SKEW_DAYS))
        .unwrap_or(today);
    let until = today.checked_add_days(Days::new(days)).unwrap_or(today);
    (params.not_before, params.not_after) = (day(from), day(until));
}

// By value, as `map_err` has it.
#[allow(clippy::needless_pass_by_value)]
fn not_made(error: rcgen::Error) -> TlsError {
    TlsError::NotMade(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_certificate_can_be_kept_and_read_again() {
        let made = SelfSigned::new(&["localhost", "127.0.0.1", "::1"]).unwrap();
        let identity = made.identity();
        assert_eq!(identity.names(), ["localhost"]);
        let addresses: [IpAddr; 2] = ["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        assert_eq!(identity.addresses(), addresses);
        assert!(identity.is_self_signed());
        let again = Identity::from_pem(made.pem().as_bytes(), made.key_pem().as_bytes()).unwrap();
        assert_eq!(again.fingerprint(), identity.fingerprint());
        assert_eq!(again.fingerprint().len(), 32 * 3 - 1);
        assert_eq!(again.public_key_pin(), identity.public_key_pin());
        assert!(SelfSigned::new(&[""; 0]).is_err());
        assert!(SelfSigned::new(&["näme"]).is_err());
    }

    #[test]
    fn an_authority_signs_after_it_was_read_again() {
        let made = Authority::new("test", Some("box")).unwrap();
        let read = Authority::from_pem(made.pem(), &made.key_pem()).unwrap();
        for authority in [&made, &read] {
            let signed = authority.sign(&["box", "10.0.0.1"]).unwrap();
            assert!(!signed.identity().is_self_signed());
            assert!(signed.pem().ends_with(made.pem()));
        }
        let other = Authority::new("test", None).unwrap();
        assert!(Authority::from_pem(made.pem(), &other.key_pem()).is_err());
    }
}

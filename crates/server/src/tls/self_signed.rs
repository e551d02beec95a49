//! Certificates made here: signed with their own key, or by a local certificate authority.

use super::error::TlsError;
use super::facts::Permitted;
use super::identity::Identity;
use super::pem;
use chrono::{Datelike, Days, NaiveDate, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use rustls::pki_types::DnsName;
use std::net::IpAddr;

/// The lifetime of a server's certificate: browsers accept 398 days at most.
const DAYS: u64 = 397;

/// The lifetime of an authority.
const AUTHORITY_DAYS: u64 = 3650;

/// How long before the end of a certificate its successor begins.
const OVERLAP_DAYS: u64 = 30;

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
        let certificate = leaf(names, 0)?.self_signed(&key).map_err(not_made)?;
        SelfSigned::made(certificate.pem(), &key)
    }

    /// Certificates with the same key for these names, each of which begins 30 days before the one
    /// before it ends: for servers that run for more than a year.
    ///
    /// # Errors
    /// As [`SelfSigned::new`].
    pub fn successors(
        &self,
        names: &[impl AsRef<str>],
        count: u32,
    ) -> Result<Vec<Identity>, TlsError> {
        let key = read_key(&self.key_pem)?;
        let make = |number| {
            let params = leaf(names, number)?;
            let certificate = params.self_signed(&key).map_err(not_made)?;
            Ok(SelfSigned::made(certificate.pem(), &key)?.identity)
        };
        (1..=count).map(make).collect()
    }

    /// As [`SelfSigned::new`], with the first key in a text in PEM: a new certificate, whose
    /// [pin](Identity::public_key_pin) is that of earlier ones with this key.
    ///
    /// # Errors
    /// As [`SelfSigned::new`], and if there is no key of this kind.
    pub fn with_key(key: &str, names: &[impl AsRef<str>]) -> Result<Self, TlsError> {
        let key = read_key(key)?;
        let certificate = leaf(names, 0)?.self_signed(&key).map_err(not_made)?;
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
    permitted: Permitted,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes an authority with this name. `hosts` are the names of this machine, which it may vouch
    /// for beside the private names.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn new(name: &str, hosts: &[impl AsRef<str>]) -> Result<Self, TlsError> {
        let key = KeyPair::generate().map_err(not_made)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: permitted(hosts),
            excluded_subtrees: Vec::new(),
        });
        validity(&mut params, AUTHORITY_DAYS, 0);
        let certificate = params.self_signed(&key).map_err(not_made)?;
        Ok(Authority {
            pem: certificate.pem(),
            permitted: Permitted::of(certificate.der())?,
            issuer: Issuer::new(params, key),
        })
    }

    /// Reads an authority that was made earlier: its certificate and its key, in PEM. Both may be
    /// in the same text.
    ///
    /// # Errors
    /// If one of them is missing or damaged, or they don't belong together.
    pub fn from_pem(pem: &str, key_pem: &str) -> Result<Self, TlsError> {
        Identity::from_pem(pem.as_bytes(), key_pem.as_bytes())?;
        let key = read_key(key_pem)?;
        // Without the key, which may be in the same text: this part is published.
        let pem = pem::section(pem, "CERTIFICATE").unwrap_or_default();
        let issuer = Issuer::from_ca_cert_pem(pem, key).map_err(not_made)?;
        let pem = format!("{pem}\n");
        let certificates = pem::certificates(pem.as_bytes())?;
        let permitted = Permitted::of(certificates.first().ok_or(TlsError::NoIdentity)?)?;
        Ok(Authority {
            issuer,
            pem,
            permitted,
        })
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

    /// Whether this authority may vouch for a DNS name or an IP address. Clients refuse a
    /// certificate with any other.
    #[must_use]
    pub fn may_sign(&self, name: &str) -> bool {
        self.permitted.allows(name)
    }

    /// Makes a key and a certificate for those of these names and addresses that this authority
    /// [may sign](Authority::may_sign).
    ///
    /// # Errors
    /// As [`SelfSigned::new`].
    pub fn sign(&self, names: &[impl AsRef<str>]) -> Result<SelfSigned, TlsError> {
        self.sign_successor(names, 0)
    }

    /// Certificates as [`Authority::sign`] makes them, each of which begins 30 days before the one
    /// before it ends: a server that has them needs the authority's key no more.
    ///
    /// # Errors
    /// As [`SelfSigned::new`].
    pub fn successors(
        &self,
        names: &[impl AsRef<str>],
        count: u32,
    ) -> Result<Vec<Identity>, TlsError> {
        let make = |number| Ok(self.sign_successor(names, number)?.identity);
        (1..=count).map(make).collect()
    }

    fn sign_successor(
        &self,
        names: &[impl AsRef<str>],
        number: u32,
    ) -> Result<SelfSigned, TlsError> {
        let key = KeyPair::generate().map_err(not_made)?;
        let all = names.iter().map(AsRef::as_ref);
        let names: Vec<&str> = all.clone().filter(|name| self.may_sign(name)).collect();
        if let (true, Some(first)) = (names.is_empty(), all.clone().next()) {
            let why = format!("the authority may not sign for {first:?}");
            return Err(TlsError::NotMade(why));
        }
        let mut params = leaf(&names, number)?;
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(not_made)?;
        SelfSigned::made(format!("{}{}", certificate.pem(), self.pem), &key)
    }
}

/// The first private key in a text.
fn read_key(text: &str) -> Result<KeyPair, TlsError> {
    let key = pem::section(text, "PRIVATE KEY").unwrap_or_default();
    KeyPair::from_pem(key).map_err(not_made)
}

/// What an authority may vouch for.
fn permitted(hosts: &[impl AsRef<str>]) -> Vec<GeneralSubtree> {
    let hosts = hosts.iter().map(AsRef::as_ref);
    let names = PRIVATE_NAMES.into_iter().chain(hosts);
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

/// The certificate of a server: the first one, or the one with this number among its successors.
fn leaf(names: &[impl AsRef<str>], number: u32) -> Result<CertificateParams, TlsError> {
    let names: Vec<String> = names.iter().map(|name| name.as_ref().to_owned()).collect();
    let subject = names.first().cloned();
    let subject = subject.ok_or_else(|| TlsError::NotMade("it needs a name".to_owned()))?;
    if let Some(name) = names.iter().find(|name| !is_name(name)) {
        let why = format!("{name:?} is neither a DNS name nor an IP address");
        return Err(TlsError::NotMade(why));
    }
    let mut params = CertificateParams::new(names).map_err(not_made)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    validity(&mut params, DAYS, u64::from(number) * (DAYS - OVERLAP_DAYS));
    Ok(params)
}

/// Whether a certificate can be for this name: a DNS name, whose first label may be a star, or an
/// IP address.
fn is_name(name: &str) -> bool {
    let host = name.strip_prefix("*.").unwrap_or(name);
    name.parse::<IpAddr>().is_ok() || DnsName::try_from(host).is_ok()
}

/// Sets a lifetime that begins in as many days as `later`.
fn validity(params: &mut CertificateParams, days: u64, later: u64) {
    let today = Utc::now().date_naive();
    let today = today.checked_add_days(Days::new(later)).unwrap_or(today);
    let day = |date: NaiveDate| date_time_ymd(date.year(), date.month() as u8, date.day() as u8);
    let from = today
        .checked_sub_days(Days::new(SKEW_DAYS))
        .unwrap_or(today);
    let until = today.checked_add_days(Days::new(days)).unwrap_or(today);
    (params.not_before, params.not_after) = (day(from), day(until));
}

// By value, as `map_err` has it.
#[allow(clippy::needless_pass_by_value)]
pub(super) fn not_made(error: rcgen::Error) -> TlsError {
    TlsError::NotMade(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_for_names() {
        let message = |made: Result<SelfSigned, TlsError>| made.unwrap_err().to_string();
        let bad = ["a b", "", "a..b", "*", "*.", "a.*.b", "a:80", "[::1]", "-a"];
        for name in bad {
            let message = message(SelfSigned::new(&["localhost", name]));
            assert!(
                message.contains(&format!("{name:?} is neither")),
                "{message}"
            );
        }
        let good = [
            "a",
            "a_b.example",
            "*.example.org",
            "127.0.0.1",
            "::1",
            "xn--bcher-kva.example",
        ];
        for name in good {
            assert!(SelfSigned::new(&[name]).is_ok(), "{name}");
        }
        let none: [&str; 0] = [];
        assert!(message(SelfSigned::new(&none)).contains("needs a name"));
        let authority = Authority::new("test", &none).unwrap();
        let refused = message(authority.sign(&["example.org"]));
        assert!(refused.contains("\"example.org\""), "{refused}");
        assert!(authority.sign(&["example.org", "localhost"]).is_ok());
    }

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
        let text = format!("{}{}", made.key_pem(), made.pem());
        let renewed = SelfSigned::with_key(&text, &["other"]).unwrap();
        assert_eq!(
            renewed.identity().public_key_pin(),
            identity.public_key_pin()
        );
        assert_eq!(renewed.identity().names(), ["other"]);
        assert!(SelfSigned::with_key("", &["other"]).is_err());
        assert!(SelfSigned::new(&[""; 0]).is_err());
        assert!(SelfSigned::new(&["näme"]).is_err());
    }

    #[test]
    fn an_authority_signs_after_it_was_read_again() {
        let made = Authority::new("test", &["box", "pi.example"]).unwrap();
        let read = Authority::from_pem(made.pem(), &made.key_pem()).unwrap();
        let together = format!("{}{}", made.pem(), made.key_pem());
        let together = Authority::from_pem(&together, &together).unwrap();
        for published in [made.pem(), read.pem(), together.pem()] {
            assert_eq!(published.trim(), made.pem().trim());
            assert!(!published.contains("PRIVATE"));
        }
        for authority in [&made, &read, &together] {
            let names = [
                "box",
                "10.0.0.1",
                "192.0.2.1",
                "a.box",
                "fd00::1",
                "2001:db8::1",
                "x.org",
            ];
            let signed = authority.sign(&names).unwrap();
            assert_eq!(signed.identity().names(), ["box", "a.box"]);
            assert_eq!(signed.identity().addresses().len(), 2);
            for (name, may) in [
                ("pi.example", true),
                ("api.example", false),
                ("a.LOCAL.", true),
                ("localhost", true),
                ("example", false),
                ("127.1.2.3", true),
                ("128.0.0.1", false),
            ] {
                assert_eq!(authority.may_sign(name), may, "{name}");
            }
            assert!(authority.sign(&["x.org"]).is_err());
            assert!(!signed.identity().is_self_signed());
            assert!(signed.pem().trim().ends_with(made.pem().trim()));
        }
        let other = Authority::new("test", &[""; 0]).unwrap();
        assert!(Authority::from_pem(made.pem(), &other.key_pem()).is_err());
    }
}

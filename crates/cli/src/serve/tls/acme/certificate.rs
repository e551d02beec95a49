//! Signing requests and certificates: what is ordered, and what was issued.

use super::error::AcmeError;
use super::jws::base64url;
use super::names::Identifier;
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use sha2::{Digest, Sha256};
use std::time::SystemTime;
use tinyhttp_server::{Identity, TlsError};
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, ParsedExtension, X509Certificate};

/// A key and its signing request (RFC 8555 §7.4).
pub(super) struct Request {
    pub(super) key_pem: String,
    pub(super) der: Vec<u8>,
}

impl Request {
    /// Makes a key (ECDSA P-256), and a request for one name.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub(super) fn new(name: &Identifier) -> Result<Self, AcmeError> {
        let make = || -> Result<Self, rcgen::Error> {
            let key = KeyPair::generate()?;
            let mut params = CertificateParams::new([name.to_string()])?;
            params.distinguished_name = DistinguishedName::new();
            let request = params.serialize_request(&key)?;
            Ok(Request {
                key_pem: key.serialize_pem(),
                der: request.der().to_vec(),
            })
        };
        make().map_err(|error| AcmeError::of_name(format!("no key can be made: {error}"), ""))
    }
}

/// A certificate that was issued.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) identity: Identity,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
    /// The SHA-256 of its DER.
    pub(super) digest: [u8; 32],
    /// How it is named in renewal information (RFC 9773 §4.1); `None` if it names no issuer.
    pub(super) id: Option<String>,
}

impl Issued {
    /// Reads a key and its chain, in PEM, which must be for this name.
    ///
    /// # Errors
    /// Why they can't be used.
    pub(super) fn read(name: &Identifier, text: &str) -> Result<Self, String> {
        let identity = Identity::from_pem(text.as_bytes(), text.as_bytes());
        let identity = identity.map_err(|error: TlsError| error.to_string())?;
        let has_name = match name {
            Identifier::Dns(name) => identity.names().contains(name),
            Identifier::Ip(address) => identity.addresses().contains(address),
        };
        if !has_name {
            return Err(format!("it is not for {name}"));
        }
        let certificate = Pem::iter_from_buffer(text.as_bytes()).flatten();
        let certificate = certificate
            .into_iter()
            .find(|section| section.label == "CERTIFICATE");
        let der = certificate.ok_or("there is no certificate in it")?.contents;
        Ok(Issued {
            not_before: identity.not_before(),
            not_after: identity.not_after(),
            digest: Sha256::digest(&der).into(),
            id: id(&der),
            identity,
        })
    }
}

/// The name of a certificate in renewal information: its issuer's key identifier, and its serial
/// number (RFC 9773 §4.1).
fn id(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let issuer = certificate.extensions().iter().find_map(|extension| {
        match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(issuer) => issuer.key_identifier.as_ref(),
            _ => None,
        }
    })?;
    let serial = certificate.raw_serial();
    Some(format!("{}.{}", base64url(issuer.0), base64url(serial)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tinyhttp_server::SelfSigned;

    /// RFC 9773 appendix A.
    const EXAMPLE: &str = "-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
";

    #[test]
    fn the_name_of_the_rfc_in_renewal_information() {
        let (_, pem) = x509_parser::pem::parse_x509_pem(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(
            id(&pem.contents).as_deref(),
            Some("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
        );
        assert_eq!(id(b"nonsense"), None);
    }

    #[test]
    fn a_signing_request_has_the_name_and_no_subject() {
        for (name, expected) in [("a.example", "a.example"), ("192.0.2.1", "192.0.2.1")] {
            let name: Identifier = name.parse().unwrap();
            let request = Request::new(&name).unwrap();
            use x509_parser::certification_request::X509CertificationRequest;
            let (_, read) = X509CertificationRequest::from_der(&request.der).unwrap();
            let info = &read.certification_request_info;
            assert_eq!(info.subject.to_string(), "");
            let shown = format!(
                "{:?}",
                read.requested_extensions().unwrap().collect::<Vec<_>>()
            );
            let is_there = shown.contains(expected) || shown.contains("IPAddress([192, 0, 2, 1])");
            assert!(is_there, "{shown}");
            assert!(request.key_pem.contains("PRIVATE KEY"));
        }
    }

    #[test]
    fn what_was_issued_must_be_for_the_name() {
        let made = SelfSigned::new(&["a.example", "192.0.2.1"]).unwrap();
        let text = format!("{}{}", made.key_pem(), made.pem());
        for (name, is_for) in [
            ("a.example", true),
            ("192.0.2.1", true),
            ("b.example", false),
            ("192.0.2.2", false),
        ] {
            let read = Issued::read(&name.parse().unwrap(), &text);
            assert_eq!(read.is_ok(), is_for, "{name}");
        }
        let other = SelfSigned::new(&["a.example"]).unwrap();
        let name: Identifier = "a.example".parse().unwrap();
        for wrong in [
            format!("{}{}", other.key_pem(), made.pem()),
            made.pem().to_owned(),
            made.key_pem().to_owned(),
            String::new(),
        ] {
            assert!(Issued::read(&name, &wrong).is_err());
        }
    }
}

//! Challenges of an ACME server, which prove that this server is the one that a name leads to: a
//! response at a path that the ACME server chooses (http-01, RFC 8555 §8.3), or a certificate in a
//! handshake for the protocol `acme-tls/1` (tls-alpn-01, RFC 8737).
//!
//! That protocol is spoken only while such a challenge is pending. A handshake for it has settings
//! of its own: no certificate of the client is asked for, since ACME servers have none, and nothing
//! that could be resumed is issued. A connection that has chosen it carries nothing else, so that
//! its certificate never stands for content.

use super::error::TlsError;
use super::facts::normal;
use super::identity::plain;
use super::provider;
use super::self_signed::not_made;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{Acceptor, ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The application protocol of handshakes that verify a name (RFC 8737 §3).
pub(super) const ACME_TLS_1: &[u8] = b"acme-tls/1";

/// The path below which an ACME server looks for responses.
const PATH: &str = "/.well-known/acme-challenge/";

/// What the challenges that are pending are answered with.
#[derive(Clone, Default)]
pub struct Challenges {
    /// The key authorisations of http-01, by their tokens.
    responses: HashMap<String, String>,
    /// The certificates of tls-alpn-01, by the server names of the handshakes.
    certificates: HashMap<String, Arc<CertifiedKey>>,
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenges")
            .field("tokens", &self.responses.len())
            .field("names", &self.certificates.keys())
            .finish()
    }
}

impl Challenges {
    /// Answers requests for `/.well-known/acme-challenge/TOKEN` with this response, over HTTP and
    /// HTTPS.
    #[must_use]
    pub fn http(mut self, token: impl Into<String>, response: impl Into<String>) -> Self {
        self.responses.insert(token.into(), response.into());
        self
    }

    /// Answers handshakes that verify this DNS name or IP address: those for the protocol
    /// `acme-tls/1`, with a certificate that is bound to this key authorisation.
    ///
    /// # Errors
    /// If it is no name, or the system has no randomness.
    pub fn tls_alpn(mut self, name: &str, key_authorization: &str) -> Result<Self, TlsError> {
        let certificate = certificate(name, key_authorization)?;
        self.certificates
            .insert(server_name(name), Arc::new(certificate));
        Ok(self)
    }

    /// Whether requests are to be compared with [`response`](Challenges::response).
    pub(super) fn has_responses(&self) -> bool {
        !self.responses.is_empty()
    }

    /// The response to a request for this path.
    pub(super) fn response(&self, path: &str) -> Option<&str> {
        let token = path.strip_prefix(PATH)?;
        self.responses.get(token).map(String::as_str)
    }

    /// The settings of handshakes that verify a name; `None` if no such challenge is pending.
    pub(super) fn config(self: &Arc<Self>) -> Option<Arc<ServerConfig>> {
        if self.certificates.is_empty() {
            return None;
        }
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions();
        let builder = builder.inspect_err(|error| log::error!("tls-alpn-01: {}", plain(error)));
        let mut config = builder
            .ok()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Answering(Arc::clone(self))));
        config.alpn_protocols = vec![ACME_TLS_1.to_vec()];
        // A resumed session would count as one whose client has been verified.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Some(Arc::new(config))
    }
}

/// Chooses the certificate of a challenge.
#[derive(Debug)]
struct Answering(Arc<Challenges>);

impl ResolvesServerCert for Answering {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = normal(hello.server_name()?);
        self.0.certificates.get(&name).cloned()
    }
}

/// A handshake whose first message decides which settings it has.
pub(super) struct Undecided {
    pub(super) usual: Arc<ServerConfig>,
    pub(super) challenge: Arc<ServerConfig>,
}

impl Undecided {
    /// The settings for a client that has sent these bytes; `None` if its first message is not
    /// complete. Garbage is left to the usual settings, which respond with an alert.
    pub(super) fn choose(&self, mut received: &[u8]) -> Option<&Arc<ServerConfig>> {
        let mut acceptor = Acceptor::default();
        while !received.is_empty() {
            if acceptor.read_tls(&mut received).is_err() {
                return Some(&self.usual);
            }
            match acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => {
                    let hello = accepted.client_hello();
                    let mut protocols = hello.alpn().into_iter().flatten();
                    // A handshake that verifies a name offers no other protocol (RFC 8737 §3).
                    let verifies = protocols.next() == Some(ACME_TLS_1);
                    let verifies = verifies && protocols.next().is_none();
                    return Some(match verifies {
                        true => &self.challenge,
                        false => &self.usual,
                    });
                }
                Err(_) => return Some(&self.usual),
            }
        }
        None
    }
}

/// The certificate for a name that is bound to a key authorisation (RFC 8737 §3).
fn certificate(name: &str, key_authorization: &str) -> Result<CertifiedKey, TlsError> {
    let key = KeyPair::generate().map_err(not_made)?;
    let mut params = CertificateParams::new([name.to_owned()]).map_err(not_made)?;
    params.distinguished_name = DistinguishedName::new();
    let digest = Sha256::digest(key_authorization);
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(&digest)];
    let certificate = params.self_signed(&key).map_err(not_made)?;
    let secret = PrivateKeyDer::try_from(key.serialize_der());
    let secret = secret.map_err(|error| TlsError::UnusableKey(error.to_owned()))?;
    let loaded = provider().key_provider.load_private_key(secret);
    let loaded = loaded.map_err(|error| TlsError::UnusableKey(plain(&error)))?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], loaded))
}

/// The server name of handshakes that verify a name (RFC 8737 §3) or an address (RFC 8738 §6).
fn server_name(name: &str) -> String {
    match name.parse() {
        Ok(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        Ok(IpAddr::V6(address)) => {
            let bytes = address.octets().into_iter().rev();
            let nibbles = bytes.map(|byte| format!("{:x}.{:x}.", byte & 15, byte >> 4));
            nibbles.collect::<String>() + "ip6.arpa"
        }
        Err(_) => normal(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

    #[test]
    fn the_server_names_of_challenges() {
        let table = [
            ("A.Example.", "a.example"),
            ("192.0.2.1", "1.2.0.192.in-addr.arpa"),
            (
                "2001:db8::1",
                "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            ),
        ];
        for (name, expected) in table {
            assert_eq!(server_name(name), expected);
        }
    }

    /// RFC 8737 §3: the name, and the digest of the key authorisation in a critical extension.
    #[test]
    fn the_certificate_of_a_challenge() {
        for (name, expected) in [
            ("a.example", GeneralName::DNSName("a.example")),
            ("192.0.2.1", GeneralName::IPAddress(&[192, 0, 2, 1])),
        ] {
            let made = certificate(name, "token.thumbprint").unwrap();
            let (_, read) = X509Certificate::from_der(&made.cert[0]).unwrap();
            let names = read.subject_alternative_name().unwrap().unwrap();
            assert_eq!(names.value.general_names, [expected]);
            let extensions = read.extensions();
            let is_acme = |oid: &str| oid == "1.3.6.1.5.5.7.1.31";
            let mut extensions = extensions.iter();
            let extension = extensions
                .find(|it| is_acme(&it.oid.to_id_string()))
                .unwrap();
            assert!(extension.critical);
            let digest = Sha256::digest("token.thumbprint");
            assert_eq!(extension.value, [&[4, 32], &digest[..]].concat());
        }
        assert!(certificate("näme", "token.thumbprint").is_err());
    }

    #[test]
    fn only_whole_tokens_have_responses() {
        let challenges = Challenges::default().http("token", "token.thumbprint");
        for (path, expected) in [
            (
                "/.well-known/acme-challenge/token",
                Some("token.thumbprint"),
            ),
            ("/.well-known/acme-challenge/token/", None),
            ("/.well-known/acme-challenge/token?x", None),
            ("/.well-known/acme-challenge/tok", None),
            ("/.well-known/acme-challenge/", None),
            ("/token", None),
        ] {
            assert_eq!(challenges.response(path), expected, "{path}");
        }
    }
}

//! Which servers are believed to be the ones that their names say: for connections that this
//! program makes.

use super::error::TlsError;
use super::facts::Facts;
use super::session::Session;
use super::{pem, provider};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme, StreamOwned,
};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// Sessions that are kept of one server, to be resumed.
const SESSIONS: usize = 16;

/// Which certificates prove that an upstream server is the one that its target names.
///
/// ```no_run
/// use tinyhttp_server::gateway::{Trust, Upstream};
///
/// let authority = std::fs::read("authority.pem")?;
/// let application = Upstream::builder(["https://app.example:8443".parse()?])
///     .trust(Trust::authorities(&authority)?)
///     .build();
/// # let _ = application;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Trust {
    verifier: Arc<Verifier>,
    /// The name of all servers, in the place of those that their targets have.
    name: Option<ServerName<'static>>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").finish_non_exhaustive()
    }
}

impl Trust {
    /// Certificates for the server's name that one of these authorities has signed, in PEM, and
    /// those that are in the text themselves, such as a self-signed one. The authorities of the
    /// system don't count.
    ///
    /// # Errors
    /// [`TlsError::Authorities`] if there is no certificate in the text, or one is damaged.
    pub fn authorities(pem: &[u8]) -> Result<Self, TlsError> {
        let failed = |error: &dyn fmt::Display| TlsError::Authorities(error.to_string());
        let named = pem::certificates(pem).map_err(|error| failed(&error))?;
        let mut roots = RootCertStore::empty();
        for certificate in &named {
            roots
                .add(certificate.clone())
                .map_err(|error| failed(&error))?;
        }
        Trust::signed(roots, named)
    }

    /// Certificates for the server's name that an authority of the system has signed.
    ///
    /// # Errors
    /// [`TlsError::Authorities`] if the system has none.
    pub fn system() -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            let why = "this machine has no trusted certificates (package ca-certificates)";
            return Err(TlsError::Authorities(why.to_owned()));
        }
        Trust::signed(roots, Vec::new())
    }

    /// Any certificate: anything on the way can read and change what is sent.
    #[must_use]
    pub fn anything() -> Self {
        Trust::new(Accepted::Anything)
    }

    /// No certificate.
    pub(crate) fn nothing() -> Self {
        Trust::new(Accepted::Nothing)
    }

    /// Expects certificates for this name, and asks for it in the handshake (SNI), instead of the
    /// name or IP address of each target.
    ///
    /// # Errors
    /// [`TlsError::Settings`] if it is no host name.
    pub fn named(mut self, name: &str) -> Result<Self, TlsError> {
        self.name = Some(server_name(name)?);
        Ok(self)
    }

    fn new(accepted: Accepted) -> Self {
        let provider = provider();
        Trust {
            verifier: Arc::new(Verifier { provider, accepted }),
            name: None,
        }
    }

    fn signed(roots: RootCertStore, named: Vec<CertificateDer<'static>>) -> Result<Self, TlsError> {
        let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| TlsError::Authorities(error.to_string()))?;
        Ok(Trust::new(Accepted::Signed { chains, named }))
    }
}

/// Judges the certificates of servers.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    accepted: Accepted,
}

#[derive(Debug)]
enum Accepted {
    Nothing,
    Anything,
    Signed {
        chains: Arc<WebPkiServerVerifier>,
        /// Certificates that need no issuer.
        named: Vec<CertificateDer<'static>>,
    },
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (chains, named) = match &self.accepted {
            Accepted::Nothing => return Err(CertificateError::UnknownIssuer.into()),
            Accepted::Anything => return Ok(ServerCertVerified::assertion()),
            Accepted::Signed { chains, named } => (chains, named),
        };
        // As X509_V_FLAG_PARTIAL_CHAIN of OpenSSL does.
        if named.contains(end_entity) {
            check_validity(end_entity, now)?;
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        chains.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
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

/// Returns why a server's certificate was not accepted, if that is the error.
pub(crate) fn refusal(error: &io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let rustls::Error::InvalidCertificate(reason) = error else {
        return None;
    };
    Some(match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, .. } => {
            format!("its certificate is not for {}", expected.to_str())
        }
        CertificateError::UnknownIssuer => {
            "no authority that is trusted here has signed its certificate".to_owned()
        }
        CertificateError::BadSignature => {
            "the signature on its certificate is not that of the authority it names".to_owned()
        }
        other => format!("its certificate is not acceptable: {other}"),
    })
}

/// Reads a host name or an IP address.
///
/// # Errors
/// [`TlsError::Settings`] if it is neither.
pub(crate) fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    let why = |_| TlsError::Settings(format!("{name} is no host name"));
    ServerName::try_from(name.to_owned()).map_err(why)
}

fn check_validity(certificate: &[u8], now: UnixTime) -> Result<(), rustls::Error> {
    let facts = Facts::of(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let now = UNIX_EPOCH + Duration::from_secs(now.as_secs());
    if now < facts.not_before {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > facts.not_after {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

/// How connections to one server are secured. Its sessions are resumed.
#[derive(Clone)]
pub(crate) struct Securing {
    config: Arc<ClientConfig>,
    /// What the server's certificate has to be for, and what it is asked for (SNI).
    name: ServerName<'static>,
}

impl fmt::Debug for Securing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Securing")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Securing {
    /// Connections to the server with this name or IP address.
    ///
    /// # Errors
    /// [`TlsError::Settings`] if it is neither.
    pub(crate) fn new(trust: &Trust, name: &str) -> Result<Self, TlsError> {
        let failed = |error: &dyn fmt::Display| TlsError::Settings(error.to_string());
        let name = match &trust.name {
            Some(name) => name.clone(),
            None => server_name(name)?,
        };
        let verifier = Arc::clone(&trust.verifier);
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = vec![super::HTTP_1_1.to_vec()];
        // Each server has a store of its own, as each has other tickets.
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(Securing {
            config: Arc::new(config),
            name,
        })
    }

    /// A new session, and the bytes that begin its handshake.
    ///
    /// # Errors
    /// As [`Session::client`].
    pub(crate) fn session(&self) -> io::Result<(Session, Vec<u8>)> {
        Session::client(Arc::clone(&self.config), self.name.clone())
    }

    /// The same for a thread that may block.
    ///
    /// # Errors
    /// If rustls refuses its settings.
    pub(crate) fn blocking<S: io::Read + io::Write>(
        &self,
        socket: S,
    ) -> io::Result<impl io::Read + io::Write + use<S>> {
        let session = ClientConnection::new(Arc::clone(&self.config), self.name.clone())
            .map_err(io::Error::other)?;
        Ok(StreamOwned::new(session, socket))
    }
}

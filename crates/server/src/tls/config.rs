//! A server's TLS: what handshakes are answered with, and its replacement while the server runs.

use super::challenges::{Challenges, Undecided};
use super::client::Asked;
use super::error::TlsError;
use super::identity::{Identity, plain};
use super::names::{Names, ResolveIdentity};
use super::self_signed::SelfSigned;
use super::session::Session;
use super::tickets::{BoundTickets, SharedKeys};
use super::{HTTP_1_1, provider};
use crate::lock::Lock;
use rustls::ServerConfig;
use rustls::crypto::ring::Ticketer;
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a server proves its names with, and what it asks of clients. Versions 1.2 and 1.3 are
/// spoken; early data is refused, because it can be replayed (RFC 8446 §8).
///
/// ```
/// use tinyhttp_server::{Request, Server, Tls};
///
/// let tls = Tls::self_signed(&["localhost", "127.0.0.1"])?;
/// let server = Server::bind("127.0.0.1:0")?
///     .tls(tls)?
///     .start(|request: Request<'_>| format!("hello {}\n", request.path()))?;
/// # drop(server);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Tls {
    identities: Vec<Identity>,
    resolver: Option<Arc<dyn ResolveIdentity>>,
    asked: Asked,
    ticket_keys: Option<Arc<SharedKeys>>,
    protocols: Vec<Vec<u8>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("identities", &self.identities)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// A certificate, followed by its intermediates, and its private key, each in PEM.
    ///
    /// # Errors
    /// As [`Identity::from_pem`].
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        Ok(Tls::from(Identity::from_pem(chain, key)?))
    }

    /// A new key and a certificate for these DNS names and IP addresses, signed with the key
    /// itself. No client trusts it unasked; [`Identity::public_key_pin`] is what clients can be
    /// told.
    ///
    /// # Errors
    /// As [`SelfSigned::new`].
    pub fn self_signed(names: &[impl AsRef<str>]) -> Result<Self, TlsError> {
        Ok(Tls::from(SelfSigned::new(names)?.identity().clone()))
    }

    /// Adds an identity. A client gets the one with the most specific name, the first one if
    /// several have it, and the first one of all if none has it.
    #[must_use]
    pub fn with(mut self, identity: Identity) -> Self {
        self.identities.push(identity);
        self
    }

    /// Asks the resolver first.
    #[must_use]
    pub fn resolver(mut self, resolver: impl ResolveIdentity) -> Self {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// Requires that clients have a certificate of one of these authorities, in PEM. Requests have
    /// it in their extensions, as a [`ClientCertificate`](crate::ClientCertificate).
    ///
    /// # Errors
    /// [`TlsError::ClientAuthorities`].
    pub fn require_client_certificate(mut self, authorities: &[u8]) -> Result<Self, TlsError> {
        self.asked = Asked::certificate(authorities, false)?;
        Ok(self)
    }

    /// As [`require_client_certificate`](Tls::require_client_certificate), but clients without any
    /// certificate are served, too.
    ///
    /// # Errors
    /// [`TlsError::ClientAuthorities`].
    pub fn accept_client_certificate(mut self, authorities: &[u8]) -> Result<Self, TlsError> {
        self.asked = Asked::certificate(authorities, true)?;
        Ok(self)
    }

    /// Encrypts tickets with these keys, 48 random bytes each, so that other servers with the same
    /// keys resume the sessions of this one. The first one encrypts, all of them decrypt. Without
    /// this, the keys are random and change every six hours.
    ///
    /// # Errors
    /// [`TlsError::TicketKeys`].
    pub fn ticket_keys(mut self, keys: &[u8]) -> Result<Self, TlsError> {
        self.ticket_keys = Some(Arc::new(SharedKeys::read(keys)?));
        Ok(self)
    }

    /// The identities, in the order in which they were given.
    #[must_use]
    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// The settings of rustls. Tickets are those of `earlier` settings if these ask the same of
    /// clients: whatever a ticket resumes must have been verified as it would be now.
    fn build(&self, earlier: Option<&Current>) -> Result<Current, TlsError> {
        let failed = |error: &rustls::Error| TlsError::Settings(plain(error));
        let names = Names::new(&self.identities, self.resolver.clone());
        let names = names.ok_or(TlsError::NoIdentity)?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?;
        let builder = match self.asked.verifier()? {
            None => builder.with_no_client_auth(),
            Some(verifier) => builder.with_client_cert_verifier(verifier),
        };
        let mut config = builder.with_cert_resolver(Arc::new(names));
        config.ignore_client_order = true;
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        config.alpn_protocols.extend(self.protocols.iter().cloned());
        let same = earlier.filter(|earlier| earlier.asked == self.asked);
        let tickets: Arc<dyn ProducesTickets> = match (&self.ticket_keys, same) {
            (Some(keys), _) => Arc::new(BoundTickets::new(Arc::clone(keys), &self.asked)),
            (None, Some(earlier)) if !earlier.has_ticket_keys => Arc::clone(&earlier.tickets),
            (None, _) => Ticketer::new().map_err(|error| failed(&error))?,
        };
        config.ticketer = Arc::clone(&tickets);
        // Tickets need no memory here.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Current {
            config: Arc::new(config),
            asked: self.asked.clone(),
            tickets,
            has_ticket_keys: self.ticket_keys.is_some(),
        })
    }
}

impl From<Identity> for Tls {
    fn from(identity: Identity) -> Self {
        Tls::default().with(identity)
    }
}

/// The settings for new connections.
struct Current {
    config: Arc<ServerConfig>,
    asked: Asked,
    tickets: Arc<dyn ProducesTickets>,
    has_ticket_keys: bool,
}

/// A running server's TLS, to be replaced. A clone refers to the same server.
#[derive(Clone)]
pub struct TlsHandle(Arc<Shared>);

/// What handles and connections share.
struct Shared {
    offer: Lock<Offer>,
    /// Whether some requests are challenges: what requests look at before they take the lock.
    has_responses: AtomicBool,
}

/// What new connections get.
struct Offer {
    current: Arc<Current>,
    challenges: Arc<Challenges>,
    /// The settings of handshakes that verify a name.
    challenge: Option<Arc<ServerConfig>>,
}

impl Offer {
    fn new(current: Arc<Current>, challenges: Arc<Challenges>) -> Self {
        Offer {
            challenge: challenges.config(),
            current,
            challenges,
        }
    }
}

impl fmt::Debug for TlsHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsHandle").finish_non_exhaustive()
    }
}

impl TlsHandle {
    pub(crate) fn new(tls: &Tls) -> Result<Self, TlsError> {
        let current = Arc::new(tls.build(None)?);
        Ok(TlsHandle(Arc::new(Shared {
            offer: Lock::new(Offer::new(current, Arc::default())),
            has_responses: AtomicBool::new(false),
        })))
    }

    /// Replaces what new connections get. Connections that are there keep what they have.
    ///
    /// # Errors
    /// As [`Builder::tls`](crate::Builder::tls). Then nothing is replaced.
    pub fn replace(&self, tls: &Tls) -> Result<(), TlsError> {
        let earlier = Arc::clone(&self.0.offer.lock().current);
        // Without the lock, as it takes long.
        let built = Arc::new(tls.build(Some(&earlier))?);
        let mut offer = self.0.offer.lock();
        *offer = Offer::new(built, Arc::clone(&offer.challenges));
        Ok(())
    }

    /// Replaces the answers to the challenges of an ACME server. Connections that begin from now on
    /// get them.
    pub fn answer_challenges(&self, challenges: Challenges) {
        let challenges = Arc::new(challenges);
        let mut offer = self.0.offer.lock();
        let has_responses = challenges.has_responses();
        *offer = Offer::new(Arc::clone(&offer.current), challenges);
        self.0.has_responses.store(has_responses, Ordering::Relaxed);
    }

    /// The response to a request for this path, if it is a challenge of an ACME server.
    pub(crate) fn challenge_response(&self, path: &str) -> Option<String> {
        if !self.0.has_responses.load(Ordering::Relaxed) {
            return None;
        }
        let challenges = Arc::clone(&self.0.offer.lock().challenges);
        challenges.response(path).map(str::to_owned)
    }

    /// The server's side of a new connection.
    ///
    /// # Errors
    /// As [`Session::server`].
    pub(crate) fn session(&self) -> io::Result<Session> {
        let offer = self.0.offer.lock();
        let usual = Arc::clone(&offer.current.config);
        match &offer.challenge {
            None => {
                // The lock is not held while rustls works.
                drop(offer);
                Session::server(usual)
            }
            Some(challenge) => Ok(Session::undecided(Undecided {
                usual,
                challenge: Arc::clone(challenge),
            })),
        }
    }
}

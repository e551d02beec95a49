//! Which identity a client gets: the most specific name first.

use super::facts::normal;
use super::identity::Identity;
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

thread_local! {
    /// The name that the last ClientHello on this thread asked for. An unbuffered connection of
    /// rustls does not tell it, and a session processes its handshake within one call.
    static ASKED: RefCell<Option<Box<str>>> = const { RefCell::new(None) };
}

/// Takes the name that the client asked for in the handshake step that was just processed.
pub(super) fn take_asked() -> Option<Box<str>> {
    ASKED.take()
}

/// The beginning of a handshake, as far as the choice of a certificate needs it.
#[derive(Debug)]
pub struct ClientHello<'a> {
    name: Option<&'a str>,
    protocols: Vec<&'a [u8]>,
}

impl ClientHello<'_> {
    /// The DNS name that the client wants to reach (SNI, RFC 6066 §3), in lower case. Clients that
    /// connect to an IP address send none.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.name
    }

    /// The application protocols that the client offers (ALPN, RFC 7301).
    #[must_use]
    pub fn protocols(&self) -> &[&[u8]] {
        &self.protocols
    }
}

/// Chooses the identity that a client gets. Called by a worker during a handshake, so it must not
/// block.
pub trait ResolveIdentity: Send + Sync + 'static {
    /// The identity for a client; `None` for the one that the names choose.
    fn resolve(&self, hello: &ClientHello<'_>) -> Option<Identity>;
}

/// Identities by their names.
pub(super) struct Names {
    /// The identities for each name, the first one given first. `*.example.org` stands for the
    /// names with one label more than `example.org`.
    by_name: HashMap<String, Vec<Identity>>,
    /// For unknown names, and clients that send none.
    default: Identity,
    resolver: Option<Arc<dyn ResolveIdentity>>,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").finish_non_exhaustive()
    }
}

impl Names {
    /// Sorts identities by their names. `None` without any.
    pub(super) fn new(
        identities: &[Identity],
        resolver: Option<Arc<dyn ResolveIdentity>>,
    ) -> Option<Self> {
        let mut by_name: HashMap<String, Vec<Identity>> = HashMap::new();
        for identity in identities {
            for name in identity.names() {
                by_name
                    .entry(name.clone())
                    .or_default()
                    .push(identity.clone());
            }
        }
        Some(Names {
            by_name,
            default: identities.first()?.clone(),
            resolver,
        })
    }

    /// The identities for a name: those that have it, then those with a wildcard in the place of
    /// its first label.
    fn of(&self, name: &str) -> &[Identity] {
        let exact = self.by_name.get(name);
        let found = exact.or_else(|| {
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        });
        found.map_or(std::slice::from_ref(&self.default), Vec::as_slice)
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(normal);
        ASKED.set(name.as_deref().map(Box::from));
        if let Some(resolver) = &self.resolver {
            let hello = ClientHello {
                name: name.as_deref(),
                protocols: hello.alpn().into_iter().flatten().collect(),
            };
            if let Some(identity) = resolver.resolve(&hello) {
                return Some(identity.key);
            }
        }
        let candidates = match &name {
            Some(name) => self.of(name),
            None => std::slice::from_ref(&self.default),
        };
        // One name may have an ECDSA and an RSA certificate.
        let schemes = hello.signature_schemes();
        let fits = |identity: &&Identity| identity.key.key.choose_scheme(schemes).is_some();
        let chosen = candidates.iter().find(fits).or(candidates.first())?;
        Some(Arc::clone(&chosen.key))
    }
}

#[cfg(test)]
mod tests {
    use super::super::SelfSigned;
    use super::*;

    #[test]
    fn the_most_specific_name_wins_and_then_the_first_one_given() {
        let make = |names: &[&str]| SelfSigned::new(names).unwrap().identity().clone();
        let identities = [
            make(&["default.example"]),
            make(&["*.example.org", "example.org"]),
            make(&["www.example.org", "*.www.example.org"]),
            make(&["www.example.org", "Other.Example."]),
        ];
        let names = Names::new(&identities, None).unwrap();
        let table = [
            ("default.example", 0),
            ("unknown.example", 0),
            ("org", 0),
            ("example.org", 1),
            ("a.example.org", 1),
            ("a.b.example.org", 0),
            ("www.example.org", 2),
            ("a.www.example.org", 2),
            ("other.example", 3),
        ];
        for (name, expected) in table {
            let got = &names.of(name)[0];
            assert!(Arc::ptr_eq(&got.key, &identities[expected].key), "{name}");
        }
        assert!(Names::new(&[], None).is_none());
    }
}

//! The certificates that the server has now: those that were issued, and one that is made here for
//! the names that have none yet.

use super::certificate::Issued;
use super::names::Identifier;
use super::store::Store;
use crate::lock::Lock;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;
use tinyhttp_server::{Identity, SelfSigned, TlsError};

/// The certificates of all names.
pub(in crate::serve) struct Served {
    names: Vec<Identifier>,
    store: Store,
    made: Identity,
    /// The last certificate of each name that could be used. It stays when its file vanishes.
    latest: Lock<HashMap<Identifier, Identity>>,
    /// Whether each name has one.
    is_complete: AtomicBool,
}

impl Served {
    /// Makes the certificate for names that have none yet.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub(super) fn new(names: &[Identifier], store: Store) -> Result<Self, TlsError> {
        let texts: Vec<String> = names.iter().map(Identifier::to_string).collect();
        Ok(Served {
            names: names.to_vec(),
            store,
            made: SelfSigned::new(&texts)?.identity().clone(),
            latest: Lock::default(),
            is_complete: AtomicBool::new(false),
        })
    }

    /// Reads the files: the certificates for all names, the issued ones first.
    pub(in crate::serve) fn identities(&self) -> Vec<Identity> {
        let mut latest = self.latest.lock();
        for name in &self.names {
            if let Some(Issued { identity, .. }) = self.store.read_certificate(name) {
                latest.insert(name.clone(), identity);
            }
        }
        let now = SystemTime::now();
        latest.retain(|_, identity| identity.not_after() > now);
        let mut identities: Vec<Identity> = self
            .names
            .iter()
            .filter_map(|name| latest.get(name).cloned())
            .collect();
        let is_complete = identities.len() == self.names.len();
        if !is_complete {
            identities.push(self.made.clone());
        }
        self.is_complete.store(is_complete, Ordering::Relaxed);
        identities
    }

    /// Whether each name had a certificate when the files were read last.
    pub(in crate::serve) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Relaxed)
    }

    /// The names that have no certificate yet.
    pub(in crate::serve) fn missing(&self) -> Vec<String> {
        let latest = self.latest.lock();
        let names = self.names.iter();
        let missing = names.filter(|name| !latest.contains_key(name));
        missing.map(Identifier::to_string).collect()
    }

    /// The files that certificates come from.
    pub(in crate::serve) fn files(&self) -> Vec<PathBuf> {
        let names = self.names.iter();
        names.map(|name| self.store.certificate(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::state;
    use super::*;

    #[test]
    fn issued_certificates_come_first_and_stay() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("server"));
        state::make_private(&store.certificates()).unwrap();
        let names: Vec<Identifier> = ["a.example", "b.example"]
            .map(|it| it.parse().unwrap())
            .into();
        let served = Served::new(&names, store.clone()).unwrap();
        let of = |identities: &[Identity]| -> Vec<String> {
            identities.iter().map(|it| it.names().join(" ")).collect()
        };
        assert_eq!(of(&served.identities()), ["a.example b.example"]);
        assert_eq!(served.missing(), ["a.example", "b.example"]);
        assert!(!served.is_complete());
        let write = |name: &Identifier, of: &str| {
            let made = SelfSigned::new(&[of]).unwrap();
            let text = format!("{}{}", made.key_pem(), made.pem());
            store.write_certificate(name, &text).unwrap();
        };
        write(&names[1], "b.example");
        assert_eq!(
            of(&served.identities()),
            ["b.example", "a.example b.example"]
        );
        assert_eq!(served.missing(), ["a.example"]);
        // For another name, it is not used.
        write(&names[0], "c.example");
        assert_eq!(served.missing(), ["a.example"]);
        write(&names[0], "a.example");
        assert_eq!(of(&served.identities()), ["a.example", "b.example"]);
        assert!(served.missing().is_empty() && served.is_complete());
        for damage in ["", "damaged"] {
            std::fs::write(store.certificate(&names[0]), damage).unwrap();
            assert_eq!(of(&served.identities()), ["a.example", "b.example"]);
        }
        std::fs::remove_file(store.certificate(&names[1])).unwrap();
        assert_eq!(of(&served.identities()), ["a.example", "b.example"]);
    }
}

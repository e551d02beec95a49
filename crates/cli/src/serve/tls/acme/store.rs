//! What is kept in the user's state directory: the account, the certificates, and when to try
//! again.
//!
//! | path below `acme/SERVER/` | content |
//! |---|---|
//! | `account.json` | the account's key and its URL |
//! | `state.json` | failures, and when to try again |
//! | `lock` | locked by the process that orders |
//! | `certificates/NAME.pem` | a key and its certificate: all that the server itself reads |
//!
//! Each ACME server has a directory of its own, so that a certificate for tests is never taken for
//! another one. A key and its certificate share a file, which is replaced at once.

use super::super::state;
use super::certificate::Issued;
use super::jws::{AccountKey, base64url, from_base64url};
use super::names::Identifier;
use super::session::Account;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use url::Url;

/// The directory of one ACME server.
#[derive(Debug, Clone)]
pub(in crate::serve) struct Store(PathBuf);

impl Store {
    /// Makes the directories for the ACME server at this URL.
    ///
    /// # Errors
    /// If they can't be made, or others can write to them.
    pub(super) fn make(directory: &Url) -> io::Result<Self> {
        let store = Store::of(directory)?;
        state::make_private(&store.certificates())?;
        Ok(store)
    }

    /// Where the directories for the ACME server at this URL are.
    ///
    /// # Errors
    /// If there is no state directory.
    pub(super) fn of(directory: &Url) -> io::Result<Self> {
        let path = state::directory()?.join("acme");
        Ok(Store(path.join(folder(directory))))
    }

    /// The directory that another process has made.
    pub(super) fn at(path: PathBuf) -> Self {
        Store(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The directory that the server itself reads.
    pub(super) fn certificates(&self) -> PathBuf {
        self.0.join("certificates")
    }

    /// The file of a name.
    pub(super) fn certificate(&self, name: &Identifier) -> PathBuf {
        self.certificates()
            .join(format!("{}.pem", name.file_name()))
    }

    /// Locks the directory for this process. `None` if another one has locked it.
    ///
    /// # Errors
    /// If that is not possible.
    pub(super) fn try_lock(&self) -> io::Result<Option<File>> {
        self.lock_with(FlockOperation::NonBlockingLockExclusive)
    }

    /// Waits until no other process has locked the directory, and locks it.
    ///
    /// # Errors
    /// If that is not possible.
    pub(super) fn lock(&self) -> io::Result<Option<File>> {
        self.lock_with(FlockOperation::LockExclusive)
    }

    fn lock_with(&self, operation: FlockOperation) -> io::Result<Option<File>> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(state::NO_FOLLOW)
            .open(self.0.join("lock"))?;
        match flock(&file, operation) {
            Ok(()) => Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the certificate of a name; `None` if there is none that can be used.
    pub(super) fn read_certificate(&self, name: &Identifier) -> Option<Issued> {
        let path = self.certificate(name);
        match state::read(&path) {
            Ok(text) => Issued::read(name, &text?)
                .map_err(|why| log::warn!("{} can't be used: {why}", path.display()))
                .ok(),
            Err(error) => {
                log::warn!("{} can't be read: {error}", path.display());
                None
            }
        }
    }

    /// Keeps a key and its chain.
    ///
    /// # Errors
    /// If that is not possible.
    pub(super) fn write_certificate(&self, name: &Identifier, text: &str) -> io::Result<()> {
        state::write(&self.certificate(name), text)
    }

    /// Reads the account. `None` if there is none, or it is damaged.
    ///
    /// # Errors
    /// If it can't be read.
    pub(super) fn read_account(&self) -> io::Result<Option<Account>> {
        let path = self.0.join("account.json");
        let Some(text) = state::read(&path)? else {
            return Ok(None);
        };
        let object: Value = serde_json::from_str(&text).unwrap_or_default();
        let key = object["key"].as_str().and_then(from_base64url);
        let Some(key) = key.and_then(|der| AccountKey::from_pkcs8(&der)) else {
            log::warn!("{} is damaged: another account is made", path.display());
            return Ok(None);
        };
        let text = |name: &str| object[name].as_str().map(str::to_owned);
        Ok(Some(Account {
            key,
            url: text("url"),
            email: text("email"),
        }))
    }

    /// Keeps the account.
    ///
    /// # Errors
    /// If that is not possible.
    pub(super) fn write_account(&self, account: &Account) -> io::Result<()> {
        let object = json!({
            "key": base64url(account.key.pkcs8()),
            "url": account.url,
            "email": account.email,
        });
        state::write(&self.0.join("account.json"), &format!("{object}\n"))
    }

    /// Reads what failed, and when to try again. What is damaged counts as nothing.
    pub(super) fn read_attempts(&self) -> Attempts {
        let text = state::read(&self.0.join("state.json"));
        let text = text.ok().flatten().unwrap_or_default();
        let object: Value = serde_json::from_str(&text).unwrap_or_default();
        let entries = object.as_object().into_iter().flatten();
        let read = |(name, object): (&String, &Value)| {
            let next = object["next"].as_u64()?;
            let attempt = Attempt {
                failures: u32::try_from(object["failures"].as_u64()?).unwrap_or(u32::MAX),
                next: UNIX_EPOCH.checked_add(Duration::from_secs(next))?,
                kind: object["challenge"].as_str().map(str::to_owned),
            };
            Some((name.clone(), attempt))
        };
        Attempts(entries.filter_map(read).collect())
    }

    /// Keeps what failed, and when to try again.
    ///
    /// # Errors
    /// If that is not possible.
    pub(super) fn write_attempts(&self, attempts: &Attempts) -> io::Result<()> {
        let mut object = Map::new();
        for (name, attempt) in &attempts.0 {
            let next = attempt.next.duration_since(UNIX_EPOCH).unwrap_or_default();
            let value = json!({
                "failures": attempt.failures,
                "next": next.as_secs(),
                "challenge": attempt.kind,
            });
            object.insert(name.clone(), value);
        }
        let text = format!("{}\n", Value::Object(object));
        state::write(&self.0.join("state.json"), &text)
    }
}

/// What was tried in vain for one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) failures: u32,
    /// When to try again.
    pub(super) next: SystemTime,
    /// The challenge that failed last.
    pub(super) kind: Option<String>,
}

/// What was tried in vain, by name. The empty name stands for the ACME server itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Attempts(pub(super) std::collections::BTreeMap<String, Attempt>);

/// The name of an ACME server's directory: its host, and a digest of the URL.
fn folder(directory: &Url) -> String {
    let digest = Sha256::digest(directory.as_str());
    let digest: String = digest
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let host = directory
        .host_str()
        .unwrap_or_default()
        .replace([':', '[', ']'], "_");
    format!("{host}-{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn store(name: &str) -> (Store, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join(name));
        state::make_private(&store.certificates()).unwrap();
        (store, folder)
    }

    #[test]
    fn what_is_written_is_read_again_and_damage_is_nothing() {
        let (store, _folder) = store("server");
        assert!(store.read_account().unwrap().is_none());
        let account = Account {
            key: AccountKey::generate().unwrap(),
            url: Some("https://a/1".to_owned()),
            email: None,
        };
        store.write_account(&account).unwrap();
        let read = store.read_account().unwrap().unwrap();
        assert_eq!(read.key.jwk(), account.key.jwk());
        assert_eq!((read.url, read.email), (account.url, None));
        let attempt = Attempt {
            failures: 3,
            next: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
            kind: Some("http-01".to_owned()),
        };
        let attempts = Attempts([("a.example".to_owned(), attempt)].into());
        store.write_attempts(&attempts).unwrap();
        assert_eq!(store.read_attempts(), attempts);
        for name in ["account.json", "state.json"] {
            let path = store.path().join(name);
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            for damage in ["", "{", "[]", "{\"a\": 5, \"key\": \"x\"}", "\u{0}"] {
                std::fs::write(&path, damage).unwrap();
                assert!(store.read_account().unwrap().is_none() || name == "state.json");
                if name == "state.json" {
                    assert_eq!(store.read_attempts(), Attempts::default(), "{damage}");
                }
            }
        }
    }

    #[test]
    fn only_one_process_orders() {
        let (store, _folder) = store("server");
        let first = store.try_lock().unwrap().unwrap();
        // Another open file is as another process.
        assert!(store.try_lock().unwrap().is_none());
        drop(first);
        assert!(store.lock().unwrap().is_some());
    }

    #[test]
    fn each_acme_server_has_a_directory() {
        let names = [
            "https://acme-v02.api.letsencrypt.org/directory",
            "https://acme-staging-v02.api.letsencrypt.org/directory",
            "https://a.example/one",
            "https://a.example/two",
            "https://[::1]:14000/dir",
        ];
        let folders: Vec<String> = names.map(|url| folder(&url.parse().unwrap())).into();
        assert!(
            folders[0].starts_with("acme-v02.api.letsencrypt.org-"),
            "{folders:?}"
        );
        let mut unique = folders.clone();
        unique.dedup();
        assert_eq!(unique.len(), names.len());
        assert!(
            folders.iter().all(|name| !name.contains(['/', ':'])),
            "{folders:?}"
        );
    }
}

//! The users, and what is remembered of credentials that were checked against them.

use super::users::Users;
use crate::basic::Basic;
use crate::lock::Lock;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// How many right and how many wrong credentials are remembered.
const REMEMBERED: usize = 1024;

/// Replaces the users of an [`Auth`](super::Auth) while it runs. Clones refer to the same users.
#[derive(Clone)]
pub struct UsersHandle(Arc<Lock<Checked>>);

/// The users, and digests of credentials that have been checked against them.
struct Checked {
    users: Arc<Users>,
    right: HashMap<Digested, Arc<str>>,
    wrong: HashMap<Digested, ()>,
}

/// What is remembered of credentials.
pub(super) enum Remembered {
    /// They are right. The name as the log shows it.
    Right(Arc<str>),
    Wrong,
}

/// A keyed hash of a name and a password.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Digested([u8; 32]);

impl Digested {
    pub(super) fn of(key: &[u8; 32], credentials: &Basic) -> Self {
        // The name contains no colon, so different pairs yield different bytes.
        let hasher = Sha256::new()
            .chain_update(key)
            .chain_update(&credentials.name);
        let hasher = hasher
            .chain_update(b":")
            .chain_update(&credentials.password);
        Digested(hasher.finalize().into())
    }
}

impl UsersHandle {
    pub(super) fn new(users: Users) -> Self {
        UsersHandle(Arc::new(Lock::new(Checked::against(users))))
    }

    /// Accepts these users from now on, and no others. Requests that were accepted before are
    /// completed.
    pub fn replace(&self, users: Users) {
        *self.0.lock() = Checked::against(users);
    }

    /// The users now.
    pub(super) fn current(&self) -> Arc<Users> {
        Arc::clone(&self.0.lock().users)
    }

    /// What is remembered of these credentials.
    pub(super) fn remembered(&self, digest: &Digested) -> Option<Remembered> {
        let checked = self.0.lock();
        if let Some(name) = checked.right.get(digest) {
            return Some(Remembered::Right(Arc::clone(name)));
        }
        checked.wrong.get(digest).map(|()| Remembered::Wrong)
    }

    /// Remembers a verdict, unless `users`, on which it is, were replaced meanwhile.
    pub(super) fn remember(&self, digest: Digested, verdict: Remembered, users: &Arc<Users>) {
        let mut checked = self.0.lock();
        if !Arc::ptr_eq(&checked.users, users) {
            return;
        }
        match verdict {
            Remembered::Right(name) => insert(&mut checked.right, digest, name),
            Remembered::Wrong => insert(&mut checked.wrong, digest, ()),
        }
    }

    /// How many wrong credentials are remembered.
    #[cfg(test)]
    pub(super) fn remembered_wrong(&self) -> usize {
        self.0.lock().wrong.len()
    }
}

impl Checked {
    fn against(users: Users) -> Self {
        Checked {
            users: Arc::new(users),
            right: HashMap::new(),
            wrong: HashMap::new(),
        }
    }
}

impl std::fmt::Debug for UsersHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("UsersHandle")
            .field(&self.0.lock().users)
            .finish()
    }
}

/// Adds an entry. A full table evicts an arbitrary one.
fn insert<T>(table: &mut HashMap<Digested, T>, digest: Digested, value: T) {
    if table.len() >= REMEMBERED {
        if let Some(any) = table.keys().next().copied() {
            table.remove(&any);
        }
    }
    table.insert(digest, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded() {
        let mut table = HashMap::new();
        for number in 0..3 * REMEMBERED {
            let mut digest = Digested::default();
            digest.0[..8].copy_from_slice(&number.to_ne_bytes());
            insert(&mut table, digest, ());
        }
        assert_eq!(table.len(), REMEMBERED);
    }
}

//! Tickets for resumption (RFC 5077, RFC 8446 §4.6.1), encrypted with keys from a file, so that
//! several servers accept each other's.

use super::client::Asked;
use super::error::TlsError;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{Digest, SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::server::ProducesTickets;
use std::fmt;
use std::sync::Arc;

/// The length of one key in the file: its name, and the key of AES-256-GCM.
const LENGTH: usize = NAME + 32;

/// The length of a key's name, which stands at the beginning of each ticket.
const NAME: usize = 16;

/// How long a ticket is accepted, in seconds.
const LIFETIME: u32 = 12 * 60 * 60;

/// The longest ticket that is decrypted: with a chain of client certificates it is a few KiB.
const LONGEST: usize = 32 * 1024;

/// The keys of a file: the first one encrypts, all of them decrypt.
pub(super) struct SharedKeys(Vec<Key>);

struct Key {
    name: [u8; NAME],
    key: LessSafeKey,
}

impl fmt::Debug for SharedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedKeys").finish_non_exhaustive()
    }
}

impl SharedKeys {
    /// Reads keys of 48 random bytes each.
    ///
    /// # Errors
    /// [`TlsError::TicketKeys`] if the length is not a multiple of that.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, TlsError> {
        let keys = bytes.chunks_exact(LENGTH);
        if bytes.is_empty() || !keys.remainder().is_empty() {
            return Err(TlsError::TicketKeys(format!(
                "expected {LENGTH} random bytes for each key (openssl rand {LENGTH} > FILE), and found {}",
                bytes.len()
            )));
        }
        let key = |bytes: &[u8]| {
            let (name, secret) = bytes.split_at(NAME);
            let key = UnboundKey::new(&AES_256_GCM, secret).ok()?;
            Some(Key {
                name: name.try_into().ok()?,
                key: LessSafeKey::new(key),
            })
        };
        let keys: Option<Vec<Key>> = keys.map(key).collect();
        let refused = || TlsError::TicketKeys("a key is refused".to_owned());
        Ok(SharedKeys(keys.ok_or_else(refused)?))
    }
}

/// Tickets that resume only what was verified alike: they are bound to what was asked of clients.
/// A resumed handshake verifies no certificate again, so a ticket from a server that asked for less
/// would be a way around it.
pub(super) struct BoundTickets {
    keys: Arc<SharedKeys>,
    asked: Digest,
}

impl BoundTickets {
    pub(super) fn new(keys: Arc<SharedKeys>, asked: &Asked) -> Self {
        let asked = digest(&SHA256, &asked.to_bytes());
        BoundTickets { keys, asked }
    }

    fn bound_to(&self, name: [u8; NAME]) -> Aad<Vec<u8>> {
        Aad::from([&name[..], self.asked.as_ref()].concat())
    }
}

impl fmt::Debug for BoundTickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.keys.fmt(f)
    }
}

impl ProducesTickets for BoundTickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    /// Name, nonce, ciphertext, tag.
    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let key = self.keys.0.first()?;
        // Random, because a counter would tell how many tickets there were.
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut sealed = plain.to_vec();
        let aad = self.bound_to(key.name);
        key.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .ok()?;
        Some([&key.name[..], &nonce, &sealed].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        if ticket.len() > LONGEST {
            return None;
        }
        let (name, rest) = ticket.split_at_checked(NAME)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        let key = self.keys.0.iter().find(|key| key.name == name)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let aad = self.bound_to(key.name);
        let plain = key.key.open_in_place(nonce, aad, &mut sealed);
        Some(plain.ok()?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Authority;

    fn tickets(keys: &[u8], asked: &Asked) -> BoundTickets {
        BoundTickets::new(Arc::new(SharedKeys::read(keys).unwrap()), asked)
    }

    #[test]
    fn a_ticket_resumes_only_what_was_verified_alike() {
        let authority = || {
            Authority::new("test", &["localhost"])
                .unwrap()
                .pem()
                .as_bytes()
                .to_vec()
        };
        let (one, other) = (authority(), authority());
        let asked = [
            Asked::Nothing,
            Asked::certificate(&one, true).unwrap(),
            Asked::certificate(&one, false).unwrap(),
            Asked::certificate(&other, false).unwrap(),
            Asked::certificate(&[one, other].concat(), false).unwrap(),
        ];
        for (from, issued) in asked.iter().enumerate() {
            let ticket = tickets(&[1; LENGTH], issued).encrypt(b"secret").unwrap();
            for (to, now) in asked.iter().enumerate() {
                let resumed = tickets(&[1; LENGTH], now).decrypt(&ticket);
                assert_eq!(resumed.is_some(), from == to, "{from} {to}");
            }
        }
    }

    #[test]
    fn each_key_decrypts_and_the_first_one_encrypts() {
        let (old, new) = ([1; LENGTH], [2; LENGTH]);
        let old_only = tickets(&old, &Asked::Nothing);
        let both = tickets(&[new, old].concat(), &Asked::Nothing);
        let ticket = old_only.encrypt(b"secret").unwrap();
        assert_eq!(both.decrypt(&ticket).unwrap(), b"secret");
        let ticket = both.encrypt(b"secret").unwrap();
        assert_eq!(old_only.decrypt(&ticket), None, "it has another name");
        assert_eq!(both.decrypt(&ticket).unwrap(), b"secret");
        for at in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[at] ^= 1;
            assert_eq!(both.decrypt(&changed), None, "{at}");
            assert_eq!(both.decrypt(&ticket[..at]), None, "{at}");
        }
    }

    #[test]
    fn files_of_other_lengths_are_refused() {
        for length in [0, 1, LENGTH - 1, LENGTH + 1, 80] {
            assert!(SharedKeys::read(&vec![0; length]).is_err(), "{length}");
        }
    }
}

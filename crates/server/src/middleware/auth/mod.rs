//! Basic authentication (RFC 7617): a name and a password with each request.
//!
//! **What it costs.** A good password hash takes a tenth of a second on purpose, which is too long for every request, and long
//! enough to keep a server busy with guesses. So credentials that were right once are remembered, as a keyed hash that
//! is of no use to anybody else; only one pair at a time is checked, and if too many wait, the next is told to come
//! back later. The workers are free meanwhile ([`Handler::may_wait`]).
//!
//! **What it doesn't tell.** A name that isn't known takes as long as one that is. Passwords are compared in constant time. Basic
//! authentication hides nothing from whoever can listen, so it belongs behind TLS, or on this machine.

mod users;

pub use users::{InvalidUser, Users};

use crate::body::Body;
use crate::files::error_page::error_page;
use crate::handler::{Handler, Prepared};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Request, Response, StatusCode};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tinyhttp_message::RequestHead;

/// How many may wait for their password to be checked; with hashes that take 0.1 s, the last of them waits for 3 s.
const WAITING: usize = 32;

/// How many right credentials are remembered.
const REMEMBERED: usize = 1024;

/// Asks for a name and a password. Those who have none get 401.
pub struct Auth<H> {
    inner: H,
    users: Users,
    challenge: HeaderValue,
    /// Random, so that what is remembered says nothing about passwords to whoever doesn't have it.
    key: [u8; 32],
    right: Mutex<HashMap<[u8; 32], Arc<str>>>,
    checking: Mutex<()>,
    waiting: AtomicUsize,
}

/// Who sent the request; an extension of the request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct User(pub Arc<str>);

/// A name and a password, as they were sent.
struct Credentials {
    name: String,
    password: Vec<u8>,
}

/// What became of a request's credentials.
enum Verdict {
    Right(Arc<str>),
    Wrong,
    /// Too many others are being checked.
    Busy,
}

impl<H> Auth<H> {
    /// Lets these users through. `realm` is what browsers show when they ask for a password.
    pub fn new(inner: H, users: Users, realm: &str) -> Self {
        let realm: String = realm
            .chars()
            .filter(|char| (' '..='~').contains(char) && !"\"\\".contains(*char))
            .collect();
        let challenge = format!("Basic realm=\"{realm}\", charset=\"UTF-8\"");
        let mut key = [0; 32];
        for part in key.chunks_exact_mut(8) {
            // Seeded by the system's random source.
            part.copy_from_slice(&RandomState::new().build_hasher().finish().to_ne_bytes());
        }
        Auth {
            inner,
            users,
            challenge: HeaderValue::try_from(challenge)
                .unwrap_or(HeaderValue::from_static("Basic")),
            key,
            right: Mutex::default(),
            checking: Mutex::new(()),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Whose credentials these are, if they have been found right before.
    fn remembered(&self, digest: &[u8; 32]) -> Option<Arc<str>> {
        self.right().get(digest).cloned()
    }

    fn check(&self, credentials: &Credentials) -> Verdict {
        let digest = self.digest(credentials);
        if let Some(name) = self.remembered(&digest) {
            return Verdict::Right(name);
        }
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= WAITING {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Verdict::Busy;
        }
        let is_right = {
            let _one_at_a_time = self.checking.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever was checked meanwhile may have sent the same.
            self.remembered(&digest).is_some()
                || self.users.verify(&credentials.name, &credentials.password)
        };
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        if !is_right {
            return Verdict::Wrong;
        }
        let name: Arc<str> = credentials.name.as_str().into();
        let mut right = self.right();
        if right.len() >= REMEMBERED {
            right.clear();
        }
        right.insert(digest, Arc::clone(&name));
        Verdict::Right(name)
    }

    fn digest(&self, credentials: &Credentials) -> [u8; 32] {
        // The name has no colon in it, so that no other pair gives the same bytes.
        let hasher = Sha256::new()
            .chain_update(self.key)
            .chain_update(&credentials.name);
        hasher
            .chain_update(b":")
            .chain_update(&credentials.password)
            .finalize()
            .into()
    }

    fn right(&self) -> MutexGuard<'_, HashMap<[u8; 32], Arc<str>>> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unauthorized(&self) -> Response<Body> {
        let explanation = "This takes a name and a password.";
        let mut response = error_page(StatusCode::UNAUTHORIZED, explanation);
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, self.challenge.clone());
        response
    }
}

impl Credentials {
    /// What an Authorization field says, if it is Basic.
    fn parse(field: &[u8]) -> Option<Self> {
        let (scheme, encoded) = field.split_at_checked(b"Basic ".len())?;
        if !scheme.eq_ignore_ascii_case(b"Basic ") {
            return None;
        }
        let decoded = BASE64_STANDARD.decode(encoded.trim_ascii()).ok()?;
        let colon = decoded.iter().position(|byte| *byte == b':')?;
        let name = String::from_utf8(decoded[..colon].to_vec()).ok()?;
        Some(Credentials {
            name,
            password: decoded[colon + 1..].to_vec(),
        })
    }

    fn of(request: &Request<Body>) -> Option<Self> {
        let mut lines = request.headers().get_all(AUTHORIZATION).iter();
        let line = lines.next().filter(|_| lines.next().is_none())?;
        Credentials::parse(line.as_bytes())
    }
}

impl<H: Handler> Handler for Auth<H> {
    fn handle(&self, mut request: Request<Body>) -> Response<Body> {
        let Some(credentials) = Credentials::of(&request) else {
            return self.unauthorized();
        };
        match self.check(&credentials) {
            Verdict::Right(name) => {
                request.extensions_mut().insert(User(name));
                self.inner.handle(request)
            }
            Verdict::Wrong => {
                log::warn!("a wrong password for {:?}", credentials.name);
                self.unauthorized()
            }
            Verdict::Busy => {
                let explanation =
                    "Too many passwords are being checked. Please try again in a moment.";
                let mut response = error_page(StatusCode::SERVICE_UNAVAILABLE, explanation);
                response
                    .headers_mut()
                    .insert(RETRY_AFTER, HeaderValue::from_static("1"));
                response
            }
        }
    }

    fn prepared(&self, head: &RequestHead<'_>, arrived: Instant) -> Option<Prepared> {
        let mut lines = head.fields.get_all("authorization");
        let line = lines.next().filter(|_| lines.next().is_none())?;
        self.remembered(&self.digest(&Credentials::parse(line)?))?;
        self.inner.prepared(head, arrived)
    }

    fn may_wait(&self, request: &Request<Body>) -> bool {
        let known =
            Credentials::of(request).map(|credentials| self.remembered(&self.digest(&credentials)));
        match known {
            // No credentials: there is nothing to check.
            None => false,
            Some(None) => true,
            Some(Some(_)) => self.inner.may_wait(request),
        }
    }
}

impl<H> std::fmt::Debug for Auth<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth")
            .field("users", &self.users)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{field, send};
    use super::*;

    fn auth() -> Auth<impl Handler> {
        let whoami = |request: Request<Body>| {
            let User(name) = request.extensions().get::<User>().unwrap();
            Response::new(Body::from(name.to_string()))
        };
        let users = Users::new()
            .plain("ann:open sesame")
            .unwrap()
            .plain("böb:p:ä")
            .unwrap();
        Auth::new(whoami, users, "a \"place\"")
    }

    fn basic(pair: &str) -> String {
        format!("Authorization: Basic {}", BASE64_STANDARD.encode(pair))
    }

    #[test]
    fn who_may_come_in() {
        let auth = auth();
        let table = [
            (basic("ann:open sesame"), 200),
            (basic("böb:p:ä"), 200),
            (basic("ann:open sesame").replace("Basic", "BASIC"), 200),
            (String::new(), 401),
            (basic("ann:"), 401),
            (basic("ann:open sesame "), 401),
            (basic("Ann:open sesame"), 401),
            (basic("eve:open sesame"), 401),
            (basic(":"), 401),
            (basic("ann"), 401),
            ("Authorization: Basic".to_owned(), 401),
            ("Authorization: Basic !!!".to_owned(), 401),
            ("Authorization: Bearer x".to_owned(), 401),
            (format!("{0} | {0}", basic("ann:open sesame")), 401),
        ];
        // Twice, since right ones are remembered.
        for (fields, status) in table.iter().chain(&table) {
            let response = send(&auth, "GET", "/", fields);
            assert_eq!(response.status(), *status, "{fields}");
            let challenge = field(&response, "www-authenticate");
            assert_eq!(challenge.is_empty(), *status == 200);
            assert!(
                challenge.is_empty() || challenge == "Basic realm=\"a place\", charset=\"UTF-8\""
            );
        }
        let mut response = send(&auth, "GET", "/", &basic("böb:p:ä"));
        assert_eq!(std::io::read_to_string(response.body_mut()).unwrap(), "böb");
    }

    #[test]
    fn only_what_has_to_be_checked_may_wait() {
        let auth = auth();
        let may_wait = |fields: &str| {
            let (name, value) = fields.split_once(": ").unwrap_or(("x", "y"));
            let request = Request::get("/")
                .header(name, value)
                .body(Body::empty())
                .unwrap();
            auth.may_wait(&request)
        };
        assert!(!may_wait(""));
        assert!(may_wait(&basic("ann:open sesame")));
        assert_eq!(
            send(&auth, "GET", "/", &basic("ann:open sesame")).status(),
            200
        );
        assert!(
            may_wait(&basic("ann:open sesame")),
            "the handler inside may"
        );
        assert!(may_wait(&basic("ann:wrong")));
    }

    #[test]
    fn without_users_nobody_comes_in() {
        let auth = Auth::new(
            |_: Request<Body>| Response::new(Body::empty()),
            Users::new(),
            "",
        );
        for pair in [":", "a:b"] {
            assert_eq!(send(&auth, "GET", "/", &basic(pair)).status(), 401);
        }
    }

    #[test]
    fn too_many_at_once_are_told_to_come_back() {
        let auth = auth();
        auth.waiting.store(WAITING, Ordering::Release);
        let response = send(&auth, "GET", "/", &basic("ann:open sesame"));
        assert_eq!(
            (
                response.status().as_u16(),
                field(&response, "retry-after").as_str()
            ),
            (503, "1")
        );
        auth.waiting.store(0, Ordering::Release);
        assert_eq!(
            send(&auth, "GET", "/", &basic("ann:open sesame")).status(),
            200
        );
    }
}

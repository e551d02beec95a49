//! Basic authentication (RFC 7617): a name and a password with each request.
//!
//! **Cost.** A good password hash takes a tenth of a second on purpose. That is too long for every
//! request, and long enough to keep a server busy with guesses. Therefore:
//!
//! 1. Verdicts on credentials are remembered (`verdicts`), under a keyed hash that is useless
//!    elsewhere.
//! 2. A password over 512 bytes is wrong without a check, because SHA-crypt takes time quadratic in
//!    the length.
//! 3. A client that guesses is throttled (`throttle`).
//! 4. One password is checked at a time, and clients take turns (`queue`), so that guesses from one
//!    network (`origin`) or at one name never lock other users out. Workers are free meanwhile,
//!    because the check is a [`Reply::Deferred`].
//!
//! **Secrets.** A request for an unknown name costs as much as one for a known name, whatever
//! hashes are in use (`users`). Passwords are compared in constant time. Basic authentication sends
//! the password in clear text, so it belongs behind TLS, or on loopback.

mod origin;
mod users;
mod verdicts;
mod throttle;
mod queue;

pub use users::{InvalidUser, Users};
pub use verdicts::UsersHandle;

use crate::basic::Basic;
use crate::body::Body;
use crate::handler::{Handler, Reply, call};
use crate::intake::Intake;
use crate::page::error_page;
use crate::random;
use crate::request::{Peer, Request};
use crate::router::{Layer, Next};
use crate::user::User;
use http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use origin::Network;
use queue::Queue;
use std::sync::Arc;
use std::time::{Duration, Instant};
use throttle::Throttle;
use verdicts::{Digested, Remembered};

/// The longest password that is checked, in bytes.
const LONGEST_PASSWORD: usize = 512;

/// Requires a name and a password. A request without them gets 401; after too many wrong ones, 429.
///
/// Handlers behind it find the [`User`] in the extensions of the request.
///
/// ```
/// use tinyhttp_server::middleware::{Auth, User, Users};
/// use tinyhttp_server::{Request, Router};
///
/// let users = Users::new().plain("ann:open sesame")?;
/// let app = Router::new()
///     .with(Auth::layer(users, "notes"))
///     .get("/", |request: Request| {
///         let user = request.extensions().get::<User>();
///         format!("hello {}\n", user.map_or("?", |user| &user.0))
///     });
///
/// assert_eq!(app.call(Request::get("/")).status(), 401);
/// // "ann:open sesame" in Base64.
/// let request = Request::get("/").with_header("authorization", "Basic YW5uOm9wZW4gc2VzYW1l");
/// assert_eq!(app.call(request).into_text()?, "hello ann\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Auth<H> {
    inner: Arc<H>,
    challenge: HeaderValue,
    /// Random, so that remembered digests reveal nothing about passwords without it.
    key: [u8; 32],
    users: UsersHandle,
    queue: Queue,
    throttle: Throttle,
}

/// The result of checking a request's credentials.
enum Verdict {
    Right(Arc<str>),
    Wrong,
    /// Too many checks are waiting.
    Busy,
    /// The client has sent too many wrong passwords. It may send the next one after this time.
    Throttled(Duration),
}

impl<H> Auth<H> {
    /// Accepts these users. `realm` is the text that browsers show in the password dialog.
    pub fn new(inner: H, users: Users, realm: &str) -> Self {
        let realm: String = realm
            .chars()
            .filter(|char| (' '..='~').contains(char) && !"\"\\".contains(*char))
            .collect();
        let challenge = format!("Basic realm=\"{realm}\", charset=\"UTF-8\"");
        Auth {
            inner: Arc::new(inner),
            challenge: HeaderValue::try_from(challenge)
                .unwrap_or(HeaderValue::from_static("Basic")),
            key: random::bytes(),
            users: UsersHandle::new(users),
            queue: Queue::default(),
            throttle: Throttle::default(),
        }
    }

    /// A handle that replaces the users while the server runs.
    #[must_use]
    pub fn users(&self) -> UsersHandle {
        self.users.clone()
    }

    /// The verdict on credentials that were checked before.
    fn remembered(&self, digest: &Digested) -> Option<Verdict> {
        Some(match self.users.remembered(digest)? {
            Remembered::Right(name) => Verdict::Right(name),
            Remembered::Wrong => Verdict::Wrong,
        })
    }

    fn check(&self, credentials: &Basic, network: Network) -> Verdict {
        let digest = Digested::of(&self.key, credentials);
        if let Some(verdict) = self.remembered(&digest) {
            return verdict;
        }
        if credentials.password.len() > LONGEST_PASSWORD {
            return Verdict::Wrong;
        }
        let name: Arc<str> = users::shown(&credentials.name).into();
        let share = (network, Arc::clone(&name));
        let wait = self.throttle.wait(&share, Instant::now());
        if !wait.is_zero() {
            return Verdict::Throttled(wait);
        }
        let Some(_turn) = self.queue.turn(&share) else {
            return Verdict::Busy;
        };
        // The same credentials may have been checked while this request waited.
        if let Some(verdict) = self.remembered(&digest) {
            return verdict;
        }
        let users = self.users.current();
        if users.verify(&credentials.name, &credentials.password) {
            let right = Remembered::Right(Arc::clone(&name));
            self.users.remember(digest, right, &users);
            return Verdict::Right(name);
        }
        self.users.remember(digest, Remembered::Wrong, &users);
        self.throttle.failed(&share, Instant::now());
        Verdict::Wrong
    }

    fn unauthorized(&self) -> Response<Body> {
        let explanation = "This page requires a name and a password.";
        let mut response = error_page(StatusCode::UNAUTHORIZED, explanation);
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, self.challenge.clone());
        response
    }
}

/// The name and the password that came with a request.
fn credentials(request: &Request<'_>) -> Option<Basic> {
    request.authorization().and_then(Basic::parse)
}

/// A refusal with Retry-After, in whole seconds.
fn try_later(status: StatusCode, explanation: &str, wait: Duration) -> Response<Body> {
    let mut response = error_page(status, explanation);
    let seconds = wait.as_millis().div_ceil(1000).max(1);
    if let Ok(seconds) = HeaderValue::try_from(seconds.to_string()) {
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}

/// As a layer of a [`Router`](crate::Router).
impl Auth<()> {
    /// A layer that accepts these users, as [`Auth::new`].
    pub fn layer(users: Users, realm: &str) -> Self {
        Auth::new((), users, realm)
    }
}

impl Layer for Auth<()> {
    fn handle<'a>(&'a self, request: Request<'a>, next: Next<'a>) -> Reply<'a> {
        self.apply(request, move |request| next.handle(request))
    }
}

impl<H> Auth<H> {
    /// The reply that a verdict leads to.
    fn decide<'a>(
        &'a self,
        verdict: Verdict,
        credentials: &Basic,
        mut request: Request<'a>,
        inner: impl FnOnce(Request<'a>) -> Reply<'a>,
    ) -> Reply<'a> {
        let refused = match verdict {
            Verdict::Right(name) => {
                request.extensions_mut().insert(User(name));
                return inner(request);
            }
            Verdict::Wrong => {
                let Peer { remote, .. } = request.peer();
                let client = remote.host();
                let name = users::shown(&credentials.name);
                log::warn!("{client}: wrong password for {name:?}");
                self.unauthorized()
            }
            Verdict::Busy => try_later(
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many passwords are being checked. Please try again in a moment.",
                Duration::from_secs(1),
            ),
            Verdict::Throttled(wait) => try_later(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many wrong passwords. Please try again later.",
                wait,
            ),
        };
        Reply::Ready(refused.into())
    }
}

impl<H: Handler> Handler for Auth<H> {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        self.apply(request, |request| call(&self.inner, request))
    }

    fn intake(&self, request: &mut Request<'_>) -> Option<Intake> {
        let credentials = credentials(request)?;
        match self.remembered(&Digested::of(&self.key, &credentials)) {
            Some(Verdict::Wrong) => None,
            _ => self.inner.intake(request),
        }
    }
}

impl<H> Auth<H> {
    fn apply<'a>(
        &'a self,
        request: Request<'a>,
        inner: impl FnOnce(Request<'a>) -> Reply<'a> + 'a,
    ) -> Reply<'a> {
        // Without credentials there is nothing to check.
        let Some(credentials) = credentials(&request) else {
            return Reply::Ready(self.unauthorized().into());
        };
        if let Some(verdict) = self.remembered(&Digested::of(&self.key, &credentials)) {
            return self.decide(verdict, &credentials, request, inner);
        }
        // The inner handler may still want content, or an upstream server's response.
        Reply::deferred(move || {
            let verdict = self.check(&credentials, Network::of(Some(&request.peer())));
            self.decide(verdict, &credentials, request, inner)
        })
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
    use crate::response::IntoResponse;
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;

    fn auth() -> Auth<impl Handler> {
        let whoami = |request: Request<'_>| {
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
    fn credentials_and_their_responses() {
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

    /// Only a check that has not been made blocks.
    #[test]
    fn a_remembered_verdict_does_not_block() {
        struct Ready;
        impl Handler for Ready {
            fn handle<'a>(&'a self, _: Request<'a>) -> Reply<'a> {
                Reply::Ready(StatusCode::OK.into_response())
            }
        }
        let auth = Auth::new(Ready, Users::new().plain("ann:x").unwrap(), "");
        let blocks = |fields: &str| {
            let (name, value) = fields.split_once(": ").unwrap_or(("x", "y"));
            let request = http::Request::get("/").header(name, value).body(());
            let reply = auth.handle(request.unwrap().into());
            let blocks = matches!(reply, Reply::Deferred(_));
            let _ = reply.response();
            blocks
        };
        let (right, wrong) = (basic("ann:x"), basic("ann:y"));
        let table = [
            ("", false),
            (&right, true),
            (&right, false),
            (&wrong, true),
            (&wrong, false),
        ];
        for (fields, expected) in table {
            assert_eq!(blocks(fields), expected, "{fields}");
        }
    }

    #[test]
    fn without_users_all_requests_are_refused() {
        let auth = Auth::new(
            |_: Request<'_>| Response::new(Body::empty()),
            Users::new(),
            "",
        );
        for pair in [":", "a:b"] {
            assert_eq!(send(&auth, "GET", "/", &basic(pair)).status(), 401);
        }
    }

    /// A guess at a name is refused before it is hashed once there were too many; other names and
    /// remembered users are not.
    #[test]
    fn a_client_that_guesses_is_throttled() {
        let auth = auth();
        let status = |pair: &str| send(&auth, "GET", "/", &basic(pair)).status().as_u16();
        assert_eq!(status("ann:open sesame"), 200);
        let mut guesses = (0..100).map(|number| format!("ann:{number}"));
        assert!(guesses.any(|guess| status(&guess) == 429));
        let response = send(&auth, "GET", "/", &basic("ann:next"));
        assert_eq!(response.status(), 429);
        assert!((1..=3).contains(&field(&response, "retry-after").parse::<u64>().unwrap()));
        assert_eq!(status("ann:open sesame"), 200);
        assert_eq!(status("böb:p:ä"), 200);
    }

    /// SHA-crypt takes time quadratic in the password's length, so one that is longer than people
    /// type is not hashed.
    #[test]
    fn a_password_over_512_bytes_is_wrong() {
        for (length, status) in [(512, 200), (513, 401), (60_000, 401)] {
            let password = "x".repeat(length);
            let users = Users::new().plain(format!("ann:{password}")).unwrap();
            let auth = Auth::new(|_: Request<'_>| Response::new(Body::empty()), users, "");
            let response = send(&auth, "GET", "/", &basic(&format!("ann:{password}")));
            assert_eq!(response.status(), status, "{length}");
        }
    }

    #[test]
    fn a_wrong_password_is_checked_once() {
        let auth = auth();
        for _ in 0..100 {
            assert_eq!(send(&auth, "GET", "/", &basic("ann:wrong")).status(), 401);
        }
        assert_eq!(auth.users.remembered_wrong(), 1);
    }

    #[test]
    fn replaced_users_are_let_in_and_no_others() {
        let auth = auth();
        let status = |pair: &str| send(&auth, "GET", "/", &basic(pair)).status().as_u16();
        // Both verdicts are remembered.
        assert_eq!([status("ann:open sesame"), status("ann:new")], [200, 401]);
        auth.users().replace(Users::new().plain("ann:new").unwrap());
        assert_eq!([status("ann:open sesame"), status("ann:new")], [401, 200]);
    }
}

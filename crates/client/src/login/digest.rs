//! Answers challenges of the scheme Digest (RFC 7616): proves that the client knows the password
//! without sending it.
//!
//! ```text
//! client                              server
//! GET /                    ──▶
//!                          ◀──        401, WWW-Authenticate: Digest realm="r", nonce="n", …
//! GET /                    ──▶        H(H(user:r:password):n:00000001:cnonce:auth:H(GET:/))
//!   Authorization: Digest  ◀──        200
//! GET /b                   ──▶        the same nonce, counted: 00000002
//! ```
//!
//! The algorithms are MD5, SHA-256 and SHA-512-256, each also with `-sess`. Of several challenges
//! the first one with a known algorithm counts (§3.7). The quality of protection is `auth`, or none
//! for servers of RFC 2069; `auth-int` alone is not supported. Only HTTP servers are answered, not
//! proxies.

use super::challenge::{self, challenges};
use crate::credentials::Credentials;
use crate::lock::Lock;
use crate::origin::Origin;
use crate::random;
use http::{HeaderMap, HeaderValue, Method};
use md5::Md5;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512_256};
use std::collections::HashMap;

/// The most origins whose challenges are remembered.
const CAPACITY: usize = 64;

/// The answered challenges of a client's origins, so that later requests need no challenge.
#[derive(Default)]
pub(crate) struct Sessions(Lock<HashMap<Origin, Session>>);

impl Sessions {
    /// The value of `Authorization` for a request, if the origin has sent a challenge before.
    pub(crate) fn authorize(
        &self,
        origin: &Origin,
        credentials: &Credentials,
        request: &Request<'_>,
    ) -> Option<HeaderValue> {
        self.0
            .lock()
            .get_mut(origin)?
            .authorize(credentials, request)
    }

    /// Remembers a challenge.
    pub(crate) fn insert(&self, origin: Origin, session: Session) {
        let mut sessions = self.0.lock();
        if sessions.len() >= CAPACITY {
            sessions.clear();
        }
        sessions.insert(origin, session);
    }

    /// Forgets the challenge of an origin.
    pub(crate) fn remove(&self, origin: &Origin) {
        self.0.lock().remove(origin);
    }
}

/// The parts of a request that an answer covers.
pub(crate) struct Request<'r> {
    pub(crate) method: &'r Method,
    pub(crate) target: &'r str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Md5,
    Sha256,
    Sha512256,
}

impl Hash {
    /// The lower-case hexadecimal digits of the hash of some parts with colons between them.
    fn of(self, parts: &[&[u8]]) -> String {
        let bytes = parts.join(&b':');
        match self {
            Hash::Md5 => hex(&Md5::digest(bytes)),
            Hash::Sha256 => hex(&Sha256::digest(bytes)),
            Hash::Sha512256 => hex(&Sha512_256::digest(bytes)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A challenge, and the number of its answers.
#[derive(Debug)]
pub(crate) struct Session {
    realm: Vec<u8>,
    nonce: Vec<u8>,
    opaque: Option<Vec<u8>>,
    /// As the server wrote it; `None`: MD5.
    algorithm: Option<String>,
    hash: Hash,
    is_session: bool,
    /// Whether the server offers the quality of protection `auth`; otherwise none.
    has_auth: bool,
    hashes_user: bool,
    is_stale: bool,
    client_nonce: String,
    count: u32,
}

impl Session {
    /// The first challenge of a response that can be answered.
    pub(crate) fn of(fields: &HeaderMap) -> Option<Self> {
        let client_nonce = format!("{:016x}{:016x}", random::number(), random::number());
        challenges(fields)
            .iter()
            .find_map(|challenge| Session::new(challenge, client_nonce.clone()))
    }

    fn new(challenge: &challenge::Challenge, client_nonce: String) -> Option<Self> {
        if challenge.scheme != "digest" || challenge.is_ambiguous() {
            return None;
        }
        let owned = |name| challenge.parameter(name).map(<[u8]>::to_vec);
        let is_true = |name| {
            let value = challenge.parameter(name);
            value.is_some_and(|value| value.eq_ignore_ascii_case(b"true"))
        };
        let algorithm = match owned("algorithm") {
            Some(name) => Some(String::from_utf8(name).ok()?),
            None => None,
        };
        let name = algorithm.as_deref().unwrap_or("MD5").to_ascii_lowercase();
        let (plain, is_session) = match name.strip_suffix("-sess") {
            Some(plain) => (plain, true),
            None => (name.as_str(), false),
        };
        let hash = match plain {
            "md5" => Hash::Md5,
            "sha-256" => Hash::Sha256,
            "sha-512-256" => Hash::Sha512256,
            _ => return None,
        };
        let offered = challenge.parameter("qop");
        let has_auth = offered.is_some_and(|list| {
            let mut options = list.split(|byte| *byte == b',');
            options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"auth"))
        });
        if offered.is_some() && !has_auth {
            return None;
        }
        Some(Session {
            realm: owned("realm")?,
            nonce: owned("nonce")?,
            opaque: owned("opaque"),
            algorithm,
            hash,
            is_session,
            has_auth,
            hashes_user: is_true("userhash"),
            is_stale: is_true("stale"),
            client_nonce,
            count: 0,
        })
    }

    /// Whether the password was right and only the nonce is too old (§3.3).
    pub(crate) fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Answers the challenge once more. Returns the value of `Authorization` (§3.4); `None` if user
    /// or realm have control characters, which no field can carry.
    pub(crate) fn authorize(
        &mut self,
        credentials: &Credentials,
        request: &Request<'_>,
    ) -> Option<HeaderValue> {
        self.count = self.count.wrapping_add(1);
        let count = format!("{:08x}", self.count);
        let (user, target) = (credentials.user.as_slice(), request.target.as_bytes());
        let client_nonce = self.client_nonce.as_bytes();
        let mut secret = self.hash.of(&[user, &self.realm, &credentials.password]);
        if self.is_session {
            let parts = [secret.as_bytes(), &self.nonce, client_nonce];
            secret = self.hash.of(&parts);
        }
        let subject = self.hash.of(&[request.method.as_str().as_bytes(), target]);
        let (secret, subject) = (secret.as_bytes(), subject.as_bytes());
        let response = if self.has_auth {
            let parts = [
                secret,
                &self.nonce,
                count.as_bytes(),
                client_nonce,
                b"auth",
                subject,
            ];
            self.hash.of(&parts)
        } else {
            self.hash.of(&[secret, &self.nonce, subject])
        };
        let mut value = b"Digest ".to_vec();
        self.push_user(user, &mut value);
        push_quoted(&mut value, ", realm", &self.realm);
        push_quoted(&mut value, ", nonce", &self.nonce);
        push_quoted(&mut value, ", uri", target);
        push_quoted(&mut value, ", response", response.as_bytes());
        if let Some(algorithm) = &self.algorithm {
            value.extend_from_slice(format!(", algorithm={algorithm}").as_bytes());
        }
        if let Some(opaque) = &self.opaque {
            push_quoted(&mut value, ", opaque", opaque);
        }
        if self.has_auth || self.is_session {
            push_quoted(&mut value, ", cnonce", client_nonce);
        }
        if self.has_auth {
            value.extend_from_slice(format!(", qop=auth, nc={count}").as_bytes());
        }
        if self.hashes_user {
            value.extend_from_slice(b", userhash=true");
        }
        let mut value = HeaderValue::from_bytes(&value).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The user: hashed, or as it is; a name beyond ASCII in the form of RFC 8187 (§3.4).
    fn push_user(&self, user: &[u8], value: &mut Vec<u8>) {
        if self.hashes_user {
            let hashed = self.hash.of(&[user, &self.realm]);
            return push_quoted(value, "username", hashed.as_bytes());
        }
        match std::str::from_utf8(user) {
            Ok(text) if !text.is_ascii() => {
                const SET: &percent_encoding::AsciiSet = percent_encoding::NON_ALPHANUMERIC;
                let encoded = percent_encoding::utf8_percent_encode(text, SET);
                value.extend_from_slice(format!("username*=UTF-8''{encoded}").as_bytes());
            }
            _ => push_quoted(value, "username", user),
        }
    }
}

fn push_quoted(value: &mut Vec<u8>, name: &str, text: &[u8]) {
    value.extend_from_slice(name.as_bytes());
    value.extend_from_slice(b"=\"");
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            value.push(b'\\');
        }
        value.push(*byte);
    }
    value.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header;

    fn session(challenge: &str, client_nonce: &str) -> Option<Session> {
        let mut fields = HeaderMap::new();
        let value = HeaderValue::from_bytes(challenge.as_bytes()).unwrap();
        fields.insert(header::WWW_AUTHENTICATE, value);
        let mut found = Session::of(&fields)?;
        found.client_nonce = client_nonce.to_owned();
        Some(found)
    }

    fn answer(challenge: &str, client_nonce: &str, user: &str, password: &str) -> String {
        let request = Request {
            method: &Method::GET,
            target: "/dir/index.html",
        };
        let credentials = Credentials::new(user, password);
        let mut session = session(challenge, client_nonce).unwrap();
        let value = session.authorize(&credentials, &request).unwrap();
        value.to_str().unwrap().to_owned()
    }

    /// RFC 7616 §3.9.1, and the example of RFC 2617 §3.5.
    #[test]
    fn the_examples_of_the_rfcs() {
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let opaque = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS";
        let client_nonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            (
                "SHA-256",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let challenge = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
                 algorithm={algorithm}, nonce=\"{nonce}\", opaque=\"{opaque}\""
            );
            let mut session = session(&challenge, client_nonce).unwrap();
            let credentials = Credentials::new("Mufasa", "Circle of Life");
            let request = Request {
                method: &Method::GET,
                target: "/dir/index.html",
            };
            let value = session.authorize(&credentials, &request).unwrap();
            assert_eq!(
                value.to_str().unwrap(),
                format!(
                    "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", \
                     nonce=\"{nonce}\", uri=\"/dir/index.html\", response=\"{response}\", \
                     algorithm={algorithm}, opaque=\"{opaque}\", cnonce=\"{client_nonce}\", \
                     qop=auth, nc=00000001"
                )
            );
            let next = session.authorize(&credentials, &request).unwrap();
            assert!(next.to_str().unwrap().ends_with("nc=00000002"));
        }
        let old = answer(
            "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
             nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
             opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
            "0a4f113b",
            "Mufasa",
            "Circle Of Life",
        );
        assert!(
            old.contains("response=\"6629fae49393a05397450978507c4ef1\""),
            "{old}"
        );
        assert!(!old.contains("algorithm"), "{old}");
        // RFC 2069 without qop, as its erratum 749 has it.
        let oldest = answer(
            "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"",
            "x",
            "Mufasa",
            "Circle Of Life",
        );
        assert!(
            oldest.contains("response=\"670fd8c2df070c60b045671b8b24ff02\"")
                && !oldest.contains("nc="),
            "{oldest}"
        );
    }

    #[test]
    fn variants() {
        let md5 = |text: &str| Hash::Md5.of(&[text.as_bytes()]);
        let tail = format!(":{}", md5("GET:/dir/index.html"));
        let session_secret = md5(&format!("{}:n:c", md5("u:r:p")));
        let response = md5(&format!("{session_secret}:n:00000001:c:auth{tail}"));
        let got = answer(
            "Digest realm=r,nonce=n,qop=auth,algorithm=md5-SESS",
            "c",
            "u",
            "p",
        );
        assert!(got.contains(&format!("response=\"{response}\"")), "{got}");
        assert!(got.contains("algorithm=md5-SESS"), "{got}");
        // The hash replaces the name on the wire, not in the secret.
        let got = answer(
            "Digest realm=r,nonce=n,qop=auth,userhash=true",
            "c",
            "u",
            "p",
        );
        let response = md5(&format!("{}:n:00000001:c:auth{tail}", md5("u:r:p")));
        assert!(
            got.starts_with(&format!("Digest username=\"{}\"", md5("u:r"))),
            "{got}"
        );
        assert!(
            got.contains(&response) && got.ends_with("userhash=true"),
            "{got}"
        );
        let got = answer("Digest realm=\"a\\\"b\",nonce=n", "c", "Jäsøn \"D\"", "p");
        assert!(
            got.starts_with("Digest username*=UTF-8''J%C3%A4s%C3%B8n%20%22D%22"),
            "{got}"
        );
        assert!(got.contains("realm=\"a\\\"b\""), "{got}");
        let got = answer("Digest realm=r,nonce=n", "c", "a\"b\\c", "p");
        assert!(got.starts_with("Digest username=\"a\\\"b\\\\c\""), "{got}");
    }

    #[test]
    fn some_challenges_are_not_answered() {
        for challenge in [
            "Basic realm=r",
            "Digest realm=r",
            "Digest nonce=n",
            "Digest realm=r, nonce=n, qop=auth-int",
            "Digest realm=r, nonce=n, qop=\"\"",
            "Digest realm=r, nonce=n, algorithm=SHA-1",
            "Digest realm=r, nonce=n, algorithm=MD5-sess-sess",
            "Digest realm=r, nonce=n, nonce=m",
        ] {
            assert!(session(challenge, "c").is_none(), "{challenge}");
        }
        let first = "Digest realm=a, nonce=n, algorithm=SHA-1, \
                     Digest realm=b, nonce=n, algorithm=SHA-512-256, Digest realm=c, nonce=n";
        let found = session(first, "c").unwrap();
        assert_eq!(
            (found.realm.as_slice(), found.hash),
            (&b"b"[..], Hash::Sha512256)
        );
        assert!(
            session("Digest realm=r, nonce=n, stale=TRUE", "c")
                .unwrap()
                .is_stale()
        );
    }
}

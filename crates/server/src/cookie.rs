//! Cookies (RFC 6265): what a server asks a browser to send back.
//!
//! # Theory
//!
//! A cookie is a name and a value that the browser sends with each request to the same site. Its
//! attributes say when: [`Cookie::new`] chooses the careful ones, `HttpOnly` (scripts can't read
//! it), `SameSite=Lax` (other sites' forms don't send it) and `Path=/`. Over HTTPS,
//! [`secure`](Cookie::secure) belongs there, too.
//!
//! A browser's user can send whatever they like, so a cookie's value is untrusted. With a
//! `CookieKey` (feature `signed-cookies`) a value is signed with HMAC-SHA-256 over its name and
//! itself; a value that was changed, or belongs to another name, is not there. Signing hides
//! nothing, and a value that was valid once stays valid: put a time or a session's number into it.
//!
//! ```
//! use tinyhttp_server::{Cookie, Request, Response};
//!
//! let response = Response::text("welcome\n").with_cookie(&Cookie::new("theme", "dark"));
//! let set = &response.headers()["set-cookie"];
//! assert_eq!(set, "theme=dark; Path=/; HttpOnly; SameSite=Lax");
//! let request = Request::get("/").with_header("cookie", "theme=dark");
//! assert_eq!(request.cookie("theme"), Some("dark"));
//! ```

use std::fmt::{self, Write};
use std::time::Duration;

/// A cookie to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    name: String,
    value: String,
    path: String,
    domain: Option<String>,
    max_age: Option<u64>,
    same_site: SameSite,
    is_secure: bool,
    is_http_only: bool,
}

/// Which requests that come from other sites a browser sends a cookie with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// None of them.
    Strict,
    /// Those that follow a link.
    Lax,
    /// All of them. Browsers demand [`Cookie::secure`] then.
    None,
}

impl Cookie {
    /// A cookie until the browser is closed, for all paths, hidden from scripts, and not sent with
    /// requests that other sites make.
    ///
    /// A value may have any visible ASCII character but quotes, commas, semicolons and backslashes
    /// (RFC 6265 §4.1.1). A response with another one becomes a 500.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Cookie {
            name: name.into(),
            value: value.into(),
            path: "/".to_owned(),
            domain: None,
            max_age: None,
            same_site: SameSite::Lax,
            is_secure: false,
            is_http_only: true,
        }
    }

    /// A cookie that makes the browser forget the one with this name.
    pub fn removal(name: impl Into<String>) -> Self {
        Cookie::new(name, "").max_age(Duration::ZERO)
    }

    /// Sets the path that it is for.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Sets a domain, so that its subdomains get the cookie, too.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sets how long the browser keeps it, in whole seconds.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age.as_secs());
        self
    }

    /// Sets which requests from other sites it is sent with.
    #[must_use]
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Has it sent over HTTPS only.
    #[must_use]
    pub fn secure(mut self) -> Self {
        self.is_secure = true;
        self
    }

    /// Lets scripts read it.
    #[must_use]
    pub fn readable_by_scripts(mut self) -> Self {
        self.is_http_only = false;
        self
    }

    /// The value of Set-Cookie; `None` if a part has characters that it may not have.
    pub(crate) fn render(&self) -> Option<String> {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let is_value = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
        let is_attribute = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b';';
        let is_valid = !self.name.is_empty()
            && self.name.bytes().all(is_token)
            && self.value.bytes().all(is_value)
            && self.path.bytes().all(is_attribute)
            && self
                .domain
                .iter()
                .all(|domain| domain.bytes().all(is_attribute));
        if !is_valid {
            return None;
        }
        self.write().ok()
    }

    fn write(&self) -> Result<String, fmt::Error> {
        let mut line = format!("{}={}; Path={}", self.name, self.value, self.path);
        if let Some(domain) = &self.domain {
            write!(line, "; Domain={domain}")?;
        }
        if let Some(age) = self.max_age {
            write!(line, "; Max-Age={age}")?;
        }
        if self.is_secure {
            line.push_str("; Secure");
        }
        if self.is_http_only {
            line.push_str("; HttpOnly");
        }
        let same_site = match self.same_site {
            SameSite::Strict => "Strict",
            SameSite::Lax => "Lax",
            SameSite::None => "None",
        };
        write!(line, "; SameSite={same_site}")?;
        Ok(line)
    }
}

/// The value of a cookie in a line of Cookie.
pub(crate) fn named<'l>(line: &'l [u8], name: &str) -> Option<&'l str> {
    let line = std::str::from_utf8(line).ok()?;
    let mut pairs = line
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    let quoted = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    Some(quoted.unwrap_or(value))
}

/// A key that signs the values of cookies. All servers of a site share it.
#[cfg(feature = "signed-cookies")]
#[derive(Clone)]
pub struct CookieKey(Vec<u8>);

#[cfg(feature = "signed-cookies")]
mod signed {
    use super::{Cookie, CookieKey};
    use crate::random;
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;
    use std::fmt;

    impl CookieKey {
        /// A key of at least 32 random bytes, from a file for example.
        ///
        /// # Panics
        /// If it is shorter.
        #[must_use]
        pub fn new(key: &[u8]) -> Self {
            assert!(key.len() >= 32, "a key for cookies has at least 32 bytes");
            CookieKey(key.to_vec())
        }

        /// A random key. Cookies that were signed with it are worth nothing after a restart.
        #[must_use]
        pub fn generate() -> Self {
            CookieKey(random::bytes::<32>().to_vec())
        }

        /// The same cookie with its value signed.
        ///
        /// ```
        /// use tinyhttp_server::{Cookie, CookieKey, Request};
        ///
        /// let key = CookieKey::generate();
        /// let cookie = key.sign(Cookie::new("user", "ann"));
        /// # let line = format!("user={}", cookie.value());
        /// let request = Request::get("/").with_header("cookie", line);
        /// assert_eq!(key.verify("user", request.cookie("user")).as_deref(), Some("ann"));
        /// let forged = Request::get("/").with_header("cookie", "user=eve");
        /// assert_eq!(key.verify("user", forged.cookie("user")), None);
        /// ```
        #[must_use]
        pub fn sign(&self, mut cookie: Cookie) -> Cookie {
            let value = BASE64_URL_SAFE_NO_PAD.encode(&cookie.value);
            let tag = self.mac(&cookie.name, &value).finalize().into_bytes();
            cookie.value = format!("{value}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag));
            cookie
        }

        /// The value that was signed; `None` if the cookie of this name is missing, or its
        /// signature is wrong.
        #[must_use]
        pub fn verify(&self, name: &str, value: Option<&str>) -> Option<String> {
            let (value, tag) = value?.split_once('.')?;
            let tag = BASE64_URL_SAFE_NO_PAD.decode(tag).ok()?;
            // In constant time.
            self.mac(name, value).verify_slice(&tag).ok()?;
            String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(value).ok()?).ok()
        }

        fn mac(&self, name: &str, value: &str) -> Hmac<Sha256> {
            let mut mac =
                Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
            // A name has no equals sign, so different pairs give different bytes.
            for part in [name, "=", value] {
                mac.update(part.as_bytes());
            }
            mac
        }
    }

    impl Cookie {
        /// The value.
        #[must_use]
        pub fn value(&self) -> &str {
            &self.value
        }
    }

    impl fmt::Debug for CookieKey {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("CookieKey")
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_changed_value_is_not_there() {
            let key = CookieKey::new(&[7; 32]);
            let signed = key.sign(Cookie::new("user", "ann; \"é")).value;
            let verify = |name: &str, value: &str| key.verify(name, Some(value));
            assert_eq!(verify("user", &signed).as_deref(), Some("ann; \"é"));
            assert_eq!(verify("admin", &signed), None);
            for at in 0..signed.len() {
                let mut changed = signed.clone().into_bytes();
                changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
                let changed = String::from_utf8(changed).unwrap();
                // The last character has bits that say nothing.
                let is_last = at + 1 == signed.len();
                assert!(is_last || verify("user", &changed).is_none(), "{changed}");
            }
            for other in ["", ".", "ann", "ann.", "YW5u.AAAA"] {
                assert_eq!(verify("user", other), None, "{other}");
            }
            let other = CookieKey::generate();
            assert_eq!(other.verify("user", Some(&signed)), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_written_and_lines_are_not_split() {
        let cookie = Cookie::new("a", "b")
            .path("/x")
            .domain("example.org")
            .max_age(Duration::from_secs(60))
            .same_site(SameSite::None)
            .secure()
            .readable_by_scripts();
        let want = "a=b; Path=/x; Domain=example.org; Max-Age=60; Secure; SameSite=None";
        assert_eq!(cookie.render().as_deref(), Some(want));
        let removal = Cookie::removal("a").render().unwrap();
        assert_eq!(removal, "a=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        let invalid = [
            Cookie::new("", "b"),
            Cookie::new("a b", "b"),
            Cookie::new("a=", "b"),
            Cookie::new("a", "b; Domain=evil"),
            Cookie::new("a", "b\r\nSet-Cookie: x=y"),
            Cookie::new("a", "ä"),
            Cookie::new("a", "b").path("/; Secure"),
            Cookie::new("a", "b").domain("x\n"),
        ];
        for cookie in invalid {
            assert_eq!(cookie.render(), None, "{cookie:?}");
        }
    }
}

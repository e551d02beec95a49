//! A user and a password, and the field that carries them (RFC 7617).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use std::fmt;
use url::Url;

/// A user and a password, as bytes: no charset is known for them. Printing it doesn't show the
/// password.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The user, without a colon.
    pub user: Vec<u8>,
    /// The password.
    pub password: Vec<u8>,
    /// Whether they answer a challenge (RFC 7616) instead of being sent.
    #[cfg(feature = "digest")]
    is_digest: bool,
}

impl Credentials {
    /// Credentials of a user for Basic authentication (RFC 7617). The bytes are sent as they are,
    /// so a text is sent in UTF-8. The user must not contain a colon, which ends it (§2).
    pub fn new(user: impl Into<Vec<u8>>, password: impl Into<Vec<u8>>) -> Self {
        Credentials {
            user: user.into(),
            password: password.into(),
            #[cfg(feature = "digest")]
            is_digest: false,
        }
    }

    /// Makes them answer the server's challenge (RFC 7616), so that the password is never sent.
    ///
    /// The first request of a client goes out without credentials; the server's 401 response holds
    /// the challenge, and the request is made again with the answer. Later requests to the same
    /// origin carry an answer at once. Content that can be read only once can't be sent again, so
    /// its 401 response is returned. MD5, SHA-256 and SHA-512-256 are known, also with `-sess`.
    #[cfg(feature = "digest")]
    #[must_use]
    pub fn with_digest(mut self) -> Self {
        self.is_digest = true;
        self
    }

    #[cfg(feature = "digest")]
    pub(crate) fn is_digest(&self) -> bool {
        self.is_digest
    }

    /// The credentials in a URL (`http://user:password@host/`), percent-decoded.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        if url.username().is_empty() && url.password().is_none() {
            return None;
        }
        let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
        Some(Credentials::new(
            decode(url.username()),
            decode(url.password().unwrap_or_default()),
        ))
    }

    /// The value of `Authorization` or `Proxy-Authorization`: `Basic` and the base64 of both.
    #[must_use]
    pub fn basic(&self) -> String {
        let pair = [self.user.as_slice(), b":", &self.password].concat();
        format!("Basic {}", STANDARD.encode(pair))
    }

    /// The same as a field's value, which is not shown when it is printed.
    pub(crate) fn basic_value(&self) -> HeaderValue {
        let mut value = HeaderValue::try_from(self.basic())
            // Base64 has no character that a field value may not have.
            .unwrap_or(HeaderValue::from_static("Basic"));
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user.escape_ascii().to_string())
            .finish_non_exhaustive()
    }
}

/// Takes the passwords out of URLs and references to them, so that the text can be shown:
/// `http://me:secret@host/` becomes `http://me@host/`.
#[must_use]
pub fn hide_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = authority(rest) {
        shown.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        if let Some(at) = rest[..end].rfind('@') {
            let user = rest[..at].split(':').next().unwrap_or_default();
            shown.push_str(user);
            rest = &rest[at..];
        }
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        shown.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    shown.push_str(rest);
    shown
}

/// Where the next authority of a URL may begin: behind two slashes, of either kind, or behind
/// `http:` and `https:`, which need none.
fn authority(text: &str) -> Option<usize> {
    let is_slash = |byte: Option<&u8>| matches!(byte, Some(b'/' | b'\\'));
    let bytes = text.as_bytes();
    let ends_scheme = |at: usize| {
        let before = &bytes[..at];
        [&b"http:"[..], b"https:"].iter().any(|scheme| {
            before.len() >= scheme.len()
                && before[before.len() - scheme.len()..].eq_ignore_ascii_case(scheme)
        })
    };
    let start = (0..bytes.len())
        .find(|at| (is_slash(bytes.get(*at)) && is_slash(bytes.get(at + 1))) || ends_scheme(*at))?;
    let slashes = bytes[start..]
        .iter()
        .take_while(|byte| is_slash(Some(byte)));
    Some(start + slashes.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic() {
        let url = Url::parse("http://Aladdin:open%20sesame@h/").unwrap();
        let credentials = Credentials::of(&url).unwrap();
        // The example of RFC 7617 §2.
        assert_eq!(credentials.basic(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(!format!("{credentials:?}").contains("sesame"));
        assert_eq!(Credentials::of(&Url::parse("http://h/").unwrap()), None);
    }

    #[test]
    fn bytes_that_are_no_text() {
        let url = Url::parse("http://caf%E9:p%FCss@h/").unwrap();
        let credentials = Credentials::of(&url).unwrap();
        assert_eq!(credentials, Credentials::new(*b"caf\xe9", *b"p\xfcss"));
        assert_eq!(
            credentials.basic(),
            "Basic Y2Fm6TpwXHNz".replace("XHNz", "/HNz")
        );
    }

    #[test]
    fn passwords_are_hidden() {
        let table = [
            ("http://me:secret@h:80/a:b@c", "http://me@h:80/a:b@c"),
            ("http://:secret@h", "http://@h"),
            ("http://me@h/", "http://me@h/"),
            ("http://h/", "http://h/"),
            ("HTTPS://a:b:secret@h?x", "HTTPS://a@h?x"),
            ("http://me:sec@ret@h/", "http://me@h/"),
            ("//me:secret@h/", "//me@h/"),
            ("\\\\me:secret@h\\", "\\\\me@h\\"),
            ("http:/me:secret@h/", "http:/me@h/"),
            ("http:me:secret@h/", "http:me@h/"),
            ("ftp:////me:secret@h/", "ftp:////me@h/"),
            ("http://me:se cret@h/", "http://me@h/"),
            ("http://mé:sécret@h/é", "http://mé@h/é"),
            ("/go?to=http://me:secret@h/&x", "/go?to=http://me@h/&x"),
            ("0; url=http://me:secret@h/", "0; url=http://me@h/"),
            ("http://a:x@h/ http://b:y@i/", "http://a@h/ http://b@i/"),
            ("mailto:me@h", "mailto:me@h"),
            ("/a:b@c", "/a:b@c"),
            ("", ""),
        ];
        for (text, want) in table {
            assert_eq!(hide_passwords(text), want, "{text}");
        }
    }
}

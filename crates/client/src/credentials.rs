//! A user and a password, and the field that carries them (RFC 7617).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use std::fmt;
use url::Url;

/// A user and a password. Printing it doesn't show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user, without a colon.
    pub user: String,
    /// The password.
    pub password: String,
}

impl Credentials {
    /// Those in a URL (`http://user:password@host/`), percent-decoded.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        if url.username().is_empty() && url.password().is_none() {
            return None;
        }
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Some(Credentials {
            user: decode(url.username()),
            password: decode(url.password().unwrap_or_default()),
        })
    }

    /// The value of `Authorization` or `Proxy-Authorization`: `Basic` and the base64 of both.
    #[must_use]
    pub fn basic(&self) -> String {
        let encoded = STANDARD.encode(format!("{}:{}", self.user, self.password));
        format!("Basic {encoded}")
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
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
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
}

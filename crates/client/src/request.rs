//! A request, as it was put together.

use crate::body::Body;
#[cfg(feature = "cookies")]
use crate::cookies::is_trustworthy;
use crate::credentials::{Credentials, hide_passwords};
use crate::error::{Error, NotRetried, Phase};
use crate::login::Login;
use crate::retry::RetryPolicy;
use crate::timeouts::Timeouts;
use crate::trace::Observer;
use crate::zone;
#[cfg(feature = "cookies")]
use http::header;
use http::{HeaderMap, HeaderValue, Method, Version};
#[cfg(feature = "cookies")]
use std::borrow::Cow;
use std::sync::Arc;
use tinyhttp_message::MisuseError;
use url::{Position, Url};

/// A request to an http or https URL.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// The zone of the URL's address.
    pub(crate) zone: Option<String>,
    /// The target on the request line.
    pub(crate) target: Target,
    pub(crate) version: Version,
    pub(crate) fields: HeaderMap,
    /// The value of `Authorization`, unless `fields` has one.
    pub(crate) login: Option<Login>,
    pub(crate) body: Body,
    pub(crate) close: bool,
    pub(crate) expect_continue: bool,
    /// The protocol to switch to (RFC 9110 §7.8).
    pub(crate) upgrade: Option<HeaderValue>,
    /// Another policy than the client's.
    pub(crate) retry: Option<RetryPolicy>,
    /// Other timeouts than the client's.
    pub(crate) timeouts: Option<Timeouts>,
    /// Another observer than the client's.
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

/// The request target (RFC 9112 §3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The URL's path and query.
    OfUrl,
    /// Another path and query. A proxy gets it behind the URL's scheme and host.
    Path(String),
    /// A text that goes out as it is, to servers and proxies.
    Verbatim(String),
}

/// Fields of every request that does not have them itself; or what is wrong with one of them.
pub(crate) struct DefaultFields(pub(crate) Result<HeaderMap, MisuseError>);

impl Default for DefaultFields {
    fn default() -> Self {
        DefaultFields(Ok(HeaderMap::new()))
    }
}

/// Finds the credentials for a URL.
pub(crate) type Logins = Arc<dyn Fn(&Url) -> Option<Credentials> + Send + Sync>;

/// The login that was configured for a URL.
pub(crate) fn login(logins: Option<&Logins>, url: &Url) -> Option<Login> {
    logins?(url).as_ref().map(Login::of)
}

impl Request {
    /// A request to a URL as text, with the login that was configured for it.
    pub(crate) fn parse(method: Method, url: &str, logins: Option<&Logins>) -> Result<Self, Error> {
        let (text, zone) = zone::split_url(url);
        let parsed = Url::parse(&text).map_err(|source| Error::Url {
            url: hide_passwords(url),
            source,
        })?;
        let login = login(logins, &parsed);
        let mut request = Request::new(method, parsed);
        request.zone = zone;
        request.login = login.or(request.login);
        Ok(request)
    }

    /// Adds the fields that it does not have.
    ///
    /// # Errors
    /// [`Error::Request`] if one of them is invalid.
    pub(crate) fn add_defaults(&mut self, defaults: &DefaultFields) -> Result<(), Error> {
        let defaults = match &defaults.0 {
            Ok(fields) => fields,
            Err(source) => return Err(Error::Request { source: *source }),
        };
        for name in defaults.keys() {
            if !self.fields.contains_key(name) {
                for value in defaults.get_all(name) {
                    self.fields.append(name, value.clone());
                }
            }
        }
        Ok(())
    }

    pub(crate) fn new(method: Method, mut url: Url) -> Self {
        let login = take_credentials(&mut url);
        Request {
            method,
            url,
            zone: None,
            login,
            target: Target::OfUrl,
            version: Version::HTTP_11,
            fields: HeaderMap::new(),
            body: Body::empty(),
            close: false,
            expect_continue: false,
            upgrade: None,
            retry: None,
            timeouts: None,
            observer: None,
        }
    }

    /// The request target for the server, in origin-form unless the caller chose another: never a
    /// fragment, never credentials (RFC 9112 §3.2.1).
    pub(crate) fn target(&self) -> &str {
        match &self.target {
            Target::Path(target) | Target::Verbatim(target) => target,
            Target::OfUrl => &self.url[Position::BeforePath..Position::AfterQuery],
        }
    }

    /// The request target for a proxy: in absolute-form (RFC 9112 §3.2.2), unless the caller chose
    /// a text of their own.
    pub(crate) fn target_for_proxy(&self) -> String {
        if let Target::Verbatim(target) = &self.target {
            return target.clone();
        }
        let url = &self.url;
        let host = &url[Position::BeforeHost..Position::AfterPort];
        format!("{}://{host}{}", url.scheme(), self.target())
    }

    /// The URL whose cookies go with the request: the request's own, with the host of a Host field
    /// that was given. A name that makes plain http look like this machine does not count, since
    /// Secure cookies would leave it.
    #[cfg(feature = "cookies")]
    pub(crate) fn url_for_cookies(&self) -> Cow<'_, Url> {
        let named = self.fields.get(header::HOST).and_then(|host| {
            let authority = host.to_str().ok()?;
            let url = format!("{}://{authority}{}", self.url.scheme(), self.url.path());
            Url::parse(&url)
                .ok()
                .filter(|url| url.username().is_empty())
        });
        match named {
            Some(named) if !is_trustworthy(&named) || is_trustworthy(&self.url) => {
                Cow::Owned(named)
            }
            _ => Cow::Borrowed(&self.url),
        }
    }

    /// Whether a policy may make it again. `error` is why it failed, if it did: a request that
    /// reached no server was not carried out.
    pub(crate) fn can_be_retried(&self, policy: &RetryPolicy, error: Option<&Error>) -> bool {
        let reached_server = error.is_none_or(|error| {
            !matches!(
                error.phase(),
                Phase::Resolve | Phase::Connect | Phase::Handshake
            )
        });
        let is_safe = self.is_idempotent() || policy.retries_any_method() || !reached_server;
        is_safe && self.body.can_be_sent()
    }

    /// Whether twice is the same as once (RFC 9110 §9.2.2).
    fn is_idempotent(&self) -> bool {
        let idempotent = [
            Method::GET,
            Method::HEAD,
            Method::OPTIONS,
            Method::TRACE,
            Method::PUT,
            Method::DELETE,
        ];
        idempotent.contains(&self.method)
    }

    /// Why it must not be made twice: the method is not idempotent (RFC 9110 §9.2.2), or the
    /// content can't be read again.
    pub(crate) fn why_not_retried(&self) -> Option<NotRetried> {
        if !self.is_idempotent() {
            return Some(NotRetried::NotIdempotent(self.method.clone()));
        }
        (!self.body.can_be_sent()).then_some(NotRetried::ContentIsGone)
    }
}

/// Takes user and password out of a URL, so that it can be shown and sent on.
pub(crate) fn take_credentials(url: &mut Url) -> Option<Login> {
    let credentials = Credentials::of(url)?;
    // These fail for URLs without a host only.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(Login::of(&credentials))
}

#[cfg(all(test, feature = "cookies"))]
mod tests {
    use super::*;

    #[test]
    fn a_given_host_chooses_the_cookies() {
        let table = "
            http://127.0.0.1:81/a?b => http://127.0.0.1:81/a?b
            http://127.0.0.1:81/a | www.foo.test => http://www.foo.test/a
            https://h/a | Foo.test:8443 => https://foo.test:8443/a
            http://127.0.0.1/a | localhost => http://localhost/a
            # Secure cookies of this machine don't leave it.
            http://evil.test/a | localhost => http://evil.test/a
            http://evil.test/a | 127.0.0.1 => http://evil.test/a
            https://evil.test/a | localhost => https://localhost/a
            http://h/a | not a host => http://h/a
            http://h/a | me@foo.test => http://h/a
        ";
        for (case, want) in table::cases(table) {
            let host = case.split_once(" | ");
            let (url, host) = host.map_or((case, None), |(url, host)| (url, Some(host)));
            let mut request = Request::new(Method::GET, Url::parse(url).unwrap());
            if let Some(host) = host {
                let host = HeaderValue::from_static(host);
                request.fields.insert(header::HOST, host);
            }
            assert_eq!(request.url_for_cookies().as_str(), want, "{url} {host:?}");
        }
    }
}

//! Where a redirect leads, with which method, and which credentials come along (RFC 9110 §15.4).
//!
//! | status | method | content |
//! |---|---|---|
//! | 301, 302 | POST becomes GET, others stay | dropped with the POST |
//! | 303 | HEAD stays, others become GET | dropped |
//! | 307, 308 | stays | sent again |
//!
//! Credentials are for the origin they were given for: `Authorization`, `Cookie` and
//! `Proxy-Authorization` don't cross to another one, and never come back on the way. Only http and
//! https are followed.

use crate::body::Body;
use crate::credentials::hide_passwords;
use crate::error::{Error, InvalidRedirect};
use crate::login::Login;
use crate::origin::Origin;
use crate::request::{Request, Target, take_credentials};
use crate::zone;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use url::{Host, Url};

/// Which redirects are followed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RedirectPolicy {
    /// The number of redirects after which one more is an error.
    pub(crate) limit: u32,
    /// Whether redirects are followed at all; `None`: unless the limit is 0.
    pub(crate) are_followed: Option<bool>,
    /// Credentials cross origins: dangerous, and sometimes asked for.
    pub(crate) trusts_location: bool,
    /// A redirect to http is not followed.
    pub(crate) https_only: bool,
    /// The request that follows a redirect names the URL that led there, in Referer.
    pub(crate) sets_referer: bool,
}

impl Default for RedirectPolicy {
    fn default() -> Self {
        RedirectPolicy {
            limit: 10,
            are_followed: None,
            trusts_location: false,
            https_only: false,
            sets_referer: false,
        }
    }
}

impl RedirectPolicy {
    /// Whether a redirect is followed, or an error, rather than a response like any other.
    pub(crate) fn follows(&self) -> bool {
        self.are_followed.unwrap_or(self.limit > 0)
    }
}

/// Where a redirect leads.
#[derive(Debug)]
pub(crate) struct Location {
    pub(crate) url: Url,
    /// The zone of the URL's address.
    pub(crate) zone: Option<String>,
}

/// Where a response points, if it is a redirect that could be followed.
pub(crate) fn location(
    request: &Request,
    status: StatusCode,
    fields: &HeaderMap,
    policy: RedirectPolicy,
) -> Option<Result<Location, Error>> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = fields.get(header::LOCATION)?;
    let text = ascii(location.as_bytes());
    let refused = |reason| Error::Redirect {
        location: hide_passwords(&text),
        reason,
    };
    let base = &request.url;
    let (reference, zone) = zone::split_url(&text);
    Some(match base.join(&reference) {
        Err(_) => Err(refused(InvalidRedirect::NotUrl)),
        Ok(url) if Origin::of(&url).is_none() => Err(refused(InvalidRedirect::Scheme)),
        Ok(url) if policy.https_only && url.scheme() != "https" => {
            Err(refused(InvalidRedirect::Plain))
        }
        Ok(mut url) => {
            // A fragment that the redirect doesn't replace is still meant (RFC 9110 §10.2.2).
            if url.fragment().is_none() {
                url.set_fragment(base.fragment());
            }
            let zone = zone.or_else(|| kept_zone(request, &url));
            Ok(Location { url, zone })
        }
    })
}

/// The zone that a redirect without one leads to. No server knows the zones of its clients: what it
/// calls `fe80::1` is on the link that connects both.
fn kept_zone(request: &Request, url: &Url) -> Option<String> {
    let zone = request.zone.as_ref()?;
    let is_on_link =
        matches!(url.host(), Some(Host::Ipv6(address)) if zone::is_link_local(address));
    (is_on_link || url.host() == request.url.host()).then(|| zone.clone())
}

/// A reference as it was received. Bytes beyond ASCII are percent-encoded one by one: in which
/// charset they were meant, only the server knows, and it gets the same bytes back.
fn ascii(reference: &[u8]) -> String {
    match std::str::from_utf8(reference) {
        // The URL parser does the same with UTF-8, and can make a host of it.
        Ok(text) => text.to_owned(),
        Err(_) => percent_encoding::percent_encode(reference, &BEYOND_ASCII).to_string(),
    }
}

/// Nothing in ASCII; whatever is beyond is encoded anyway.
const BEYOND_ASCII: percent_encoding::AsciiSet = percent_encoding::AsciiSet::EMPTY;

/// Turns a request into the one that follows the redirect.
pub(crate) fn follow(
    request: &mut Request,
    status: StatusCode,
    location: Location,
    login: Option<Login>,
    policy: RedirectPolicy,
) -> Result<(), Error> {
    let Location { mut url, zone } = location;
    let becomes_get = match status.as_u16() {
        301 | 302 => request.method == Method::POST,
        303 => request.method != Method::HEAD,
        _ => false,
    };
    let mut dropped = Vec::new();
    if becomes_get {
        request.method = Method::GET;
        request.body = Body::empty();
        dropped.extend([
            header::CONTENT_TYPE,
            header::CONTENT_ENCODING,
            header::CONTENT_LANGUAGE,
            header::CONTENT_LOCATION,
            header::CONTENT_RANGE,
        ]);
    } else if !request.body.can_be_sent() {
        return Err(Error::Redirect {
            location: hide_passwords(url.as_str()),
            reason: InvalidRedirect::Content,
        });
    }
    let from = Origin::in_zone(&request.url, request.zone.as_deref());
    let is_other = from != Origin::in_zone(&url, zone.as_deref());
    if is_other {
        // The field names the host of the URL it was written for.
        dropped.push(header::HOST);
        // A user in a URL is for that URL's server, whichever others are trusted.
        request.login = None;
        if !policy.trusts_location {
            dropped.extend([
                header::AUTHORIZATION,
                header::COOKIE,
                header::PROXY_AUTHORIZATION,
            ]);
        }
    }
    if !dropped.is_empty() {
        request.fields = without(&request.fields, &dropped);
    }
    if policy.sets_referer {
        set_referer(&mut request.fields, &request.url, &url);
    }
    request.target = Target::OfUrl;
    let written = take_credentials(&mut url);
    // Within an origin, a URL without a user is for the one of the request.
    let login = login.filter(|_| is_other || written.is_some());
    if let Some(credentials) = login.or(written) {
        request.login = Some(credentials);
    }
    request.url = url;
    request.zone = zone;
    Ok(())
}

/// Sets Referer to the URL that a redirect came from, without its fragment. It has no user anymore.
/// Nothing tells a server on plain http what was asked for over https (RFC 9110 §10.1.3).
fn set_referer(fields: &mut HeaderMap, from: &Url, to: &Url) {
    let mut from = from.clone();
    from.set_fragment(None);
    let is_told = from.scheme() != "https" || to.scheme() == "https";
    match HeaderValue::from_str(from.as_str()) {
        Ok(value) if is_told => drop(fields.insert(header::REFERER, value)),
        _ => *fields = without(fields, &[header::REFERER]),
    }
}

/// The fields but those with these names, in their order. `HeaderMap::remove` moves the last field
/// to the place of a removed one.
fn without(fields: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let kept = fields.iter().filter(|(name, _)| !names.contains(name));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RedirectPolicy = RedirectPolicy {
        limit: 10,
        are_followed: None,
        trusts_location: false,
        https_only: false,
        sets_referer: false,
    };

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn to(text: &str) -> Location {
        Location {
            url: url(text),
            zone: None,
        }
    }

    #[test]
    fn locations() {
        let base = Request::new(Method::GET, url("http://h:8080/a/b?c#f"));
        let table: &[(u16, &str, Option<&str>)] = &[
            (301, "/x", Some("http://h:8080/x#f")),
            (302, "x", Some("http://h:8080/a/x#f")),
            (303, "../x?y", Some("http://h:8080/x?y#f")),
            (307, "?q", Some("http://h:8080/a/b?q#f")),
            (308, "//other/x", Some("http://other/x#f")),
            (301, "https://other/#g", Some("https://other/#g")),
            (301, "", Some("http://h:8080/a/b?c#f")),
            (301, "/ü b", Some("http://h:8080/%C3%BC%20b#f")),
            (301, "http://", None),
            (301, "file:///etc/passwd", None),
            (301, "gopher://h/", None),
            (301, "javascript:alert(1)", None),
            (301, "http://h:99999/", None),
        ];
        for (status, text, want) in table {
            let status = StatusCode::from_u16(*status).unwrap();
            let mut fields = HeaderMap::new();
            let value = HeaderValue::from_bytes(text.as_bytes()).unwrap();
            fields.insert(header::LOCATION, value);
            let got = location(&base, status, &fields, POLICY).unwrap();
            let got = got.ok().map(|location| location.url);
            assert_eq!(got.as_ref().map(Url::as_str), *want, "{text}");
        }
        for status in [200, 300, 304, 305, 306, 404] {
            let status = StatusCode::from_u16(status).unwrap();
            let mut fields = HeaderMap::new();
            fields.insert(header::LOCATION, HeaderValue::from_static("/x"));
            assert!(
                location(&base, status, &fields, POLICY).is_none(),
                "{status}"
            );
        }
        assert!(location(&base, StatusCode::FOUND, &HeaderMap::new(), POLICY).is_none());
    }

    #[test]
    fn methods() {
        let table: &[(u16, Method, Method, bool)] = &[
            (301, Method::GET, Method::GET, true),
            (301, Method::POST, Method::GET, false),
            (302, Method::POST, Method::GET, false),
            (302, Method::PUT, Method::PUT, true),
            (302, Method::HEAD, Method::HEAD, true),
            (303, Method::POST, Method::GET, false),
            (303, Method::PUT, Method::GET, false),
            (303, Method::HEAD, Method::HEAD, true),
            (307, Method::POST, Method::POST, true),
            (308, Method::PUT, Method::PUT, true),
        ];
        for (status, before, after, content) in table {
            let mut request = Request::new(before.clone(), url("http://h/"));
            request.body = "x".into();
            let status = StatusCode::from_u16(*status).unwrap();
            follow(&mut request, status, to("http://h/y"), None, POLICY).unwrap();
            assert_eq!(
                (&request.method, !request.body.is_empty()),
                (after, *content),
                "{status} {before}"
            );
        }
    }

    #[test]
    fn content_that_is_gone_is_not_sent_again() {
        let mut request = Request::new(Method::POST, url("http://h/"));
        request.body = Body::reader(&b"x"[..]);
        request.body.open().unwrap();
        let status = StatusCode::TEMPORARY_REDIRECT;
        let error = follow(&mut request, status, to("http://h/y"), None, POLICY).unwrap_err();
        assert!(matches!(
            error,
            Error::Redirect {
                reason: InvalidRedirect::Content,
                ..
            }
        ));
    }

    #[test]
    fn credentials_stay_with_their_origin() {
        for (to, trusts_location, kept) in [
            ("http://h/y", false, true),
            ("http://h:81/y", false, false),
            ("https://h/y", false, false),
            ("http://evil/y", false, false),
            ("http://evil/y", true, true),
        ] {
            let mut request = Request::new(Method::GET, url("http://me:secret@h/"));
            assert_eq!(request.url.as_str(), "http://h/");
            for name in [header::AUTHORIZATION, header::COOKIE, header::ACCEPT] {
                request.fields.insert(name, HeaderValue::from_static("x"));
            }
            let policy = RedirectPolicy {
                trusts_location,
                ..POLICY
            };
            follow(&mut request, StatusCode::FOUND, self::to(to), None, policy).unwrap();
            let has = |name| request.fields.contains_key(name);
            assert_eq!(
                (
                    request.login.is_some(),
                    has(header::AUTHORIZATION),
                    has(header::COOKIE),
                    has(header::ACCEPT)
                ),
                (kept && to == "http://h/y", kept, kept, true),
                "{to}"
            );
        }
    }

    #[test]
    fn referers_name_the_url_that_led_here() {
        let policy = RedirectPolicy {
            sets_referer: true,
            ..POLICY
        };
        let table = [
            ("http://me:pw@h/a?b#c", "http://i/", Some("http://h/a?b")),
            ("http://h/a", "https://i/", Some("http://h/a")),
            ("https://h/a", "https://i/", Some("https://h/a")),
            ("https://h/a", "http://h/", None),
        ];
        for (from, to, want) in table {
            let mut request = Request::new(Method::GET, url(from));
            let first = HeaderValue::from_static("first");
            request.fields.insert(header::REFERER, first.clone());
            follow(&mut request, StatusCode::FOUND, self::to(to), None, policy).unwrap();
            let got = request.fields.get(header::REFERER);
            assert_eq!(got.map(|value| value.to_str().unwrap()), want, "{from}");
            let mut request = Request::new(Method::GET, url(from));
            request.fields.insert(header::REFERER, first.clone());
            follow(&mut request, StatusCode::FOUND, self::to(to), None, POLICY).unwrap();
            assert_eq!(request.fields.get(header::REFERER), Some(&first), "{from}");
        }
    }

    #[test]
    fn https_may_be_insisted_on() {
        let policy = RedirectPolicy {
            https_only: true,
            ..POLICY
        };
        for (to, followed) in [("http://h/", false), ("https://i/", true), ("/x", true)] {
            let mut fields = HeaderMap::new();
            fields.insert(header::LOCATION, HeaderValue::from_static(to));
            let request = Request::new(Method::GET, url("https://h/"));
            let got = location(&request, StatusCode::FOUND, &fields, policy).unwrap();
            assert_eq!(got.is_ok(), followed, "{to}");
        }
    }

    #[test]
    fn zones_stay_on_their_link() {
        let table = [
            ("/x", Some("a")),
            ("http://[fe80::1]/", Some("a")),
            ("http://[fe80::2]:81/", Some("a")),
            ("http://[fe80::1%25b]/", Some("b")),
            ("http://[fe80::1%b]/", Some("b")),
            ("http://[2001:db8::1]/", None),
            ("http://h/", None),
        ];
        for (to, zone) in table {
            let mut request = Request::new(Method::GET, url("http://me:secret@[fe80::1]/"));
            request.zone = Some("a".to_owned());
            let mut fields = HeaderMap::new();
            fields.insert(header::LOCATION, HeaderValue::from_static(to));
            let found = location(&request, StatusCode::FOUND, &fields, POLICY).unwrap();
            follow(
                &mut request,
                StatusCode::FOUND,
                found.unwrap(),
                None,
                POLICY,
            )
            .unwrap();
            assert_eq!(request.zone.as_deref(), zone, "{to}");
            let is_same = to == "/x" || to == "http://[fe80::1]/";
            assert_eq!(request.login.is_some(), is_same, "{to}");
        }
    }

    #[test]
    fn errors_hide_passwords() {
        for to in [
            "ftp://me:secret@h/",
            "http://me:secret@h:x/",
            "//me:secret@h:x",
        ] {
            let mut fields = HeaderMap::new();
            fields.insert(header::LOCATION, HeaderValue::from_static(to));
            let request = Request::new(Method::GET, url("http://h/"));
            let found = location(&request, StatusCode::FOUND, &fields, POLICY).unwrap();
            let error = found.unwrap_err().to_string();
            assert!(
                error.contains("me@h") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}

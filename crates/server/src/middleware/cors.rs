//! Cross-origin resource sharing (Fetch Standard §3.3): lets scripts of other sites read responses.
//!
//! A browser shows a response to a script of `https://a.example` only if the response permits it in
//! Access-Control-Allow-Origin. Before requests that a form could not send, the browser asks with
//! OPTIONS (a *preflight*). The response permits every method and field: the handler decides what
//! they do. Passwords and cookies are never shared with other sites.

use crate::body::Body;
use crate::handler::{Handler, Reply, call};
use crate::intake::Intake;
use crate::request::Request;
use crate::router::{Layer, Next};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use http::{Method, Response, StatusCode};
use std::fmt;
use std::sync::Arc;

/// How long a browser may cache the response to a preflight, in seconds: the largest value that
/// browsers accept.
const REMEMBER: HeaderValue = HeaderValue::from_static("7200");

/// Response fields that scripts may read, beyond those that they always may.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("Accept-Ranges, Content-Encoding, Content-Range, ETag, Location");

/// Lets scripts of other sites read responses.
///
/// ```
/// use tinyhttp_server::{Cors, Request, Router};
///
/// let app = Router::new()
///     .with(Cors::origins(["https://app.example"])?)
///     .get("/", |_: Request| "hello\n");
/// let ask = |origin: &str| app.call(Request::get("/").with_header("origin", origin));
/// let allowed = "access-control-allow-origin";
/// assert_eq!(ask("https://app.example").headers()[allowed], "https://app.example");
/// assert!(!ask("https://evil.example").headers().contains_key(allowed));
/// # Ok::<(), tinyhttp_server::middleware::InvalidOrigin>(())
/// ```
#[derive(Debug)]
pub struct Cors<H> {
    inner: Arc<H>,
    origins: Origins,
}

#[derive(Debug)]
enum Origins {
    Any,
    These(Vec<HeaderValue>),
}

/// Text that is not an origin, such as `https://example.org` or `http://localhost:3000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidOrigin(String);

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvalidOrigin(text) = self;
        write!(
            f,
            "{text:?} is not an origin: write scheme, host and optional port, like \
             https://example.org, or * for all"
        )
    }
}

impl std::error::Error for InvalidOrigin {}

impl<H> Cors<H> {
    /// Lets scripts of these origins read responses; `*` stands for all origins. Without origins,
    /// scripts of no other site can.
    ///
    /// # Errors
    /// [`InvalidOrigin`].
    pub fn new(
        inner: H,
        origins: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, InvalidOrigin> {
        let mut these = Vec::new();
        let mut any = false;
        for origin in origins {
            match origin.as_ref() {
                "*" => any = true,
                origin => {
                    these.push(parse(origin).ok_or_else(|| InvalidOrigin(origin.to_owned()))?);
                }
            }
        }
        let origins = if any {
            Origins::Any
        } else {
            Origins::These(these)
        };
        Ok(Cors {
            inner: Arc::new(inner),
            origins,
        })
    }

    /// The Access-Control-Allow-Origin for a request with this Origin; `None` if it may not see
    /// anything.
    fn allowed(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        match &self.origins {
            Origins::Any => Some(HeaderValue::from_static("*")),
            Origins::These(these) => these.iter().find(|known| Some(*known) == origin).cloned(),
        }
    }

    fn depends_on_origin(&self) -> bool {
        matches!(&self.origins, Origins::These(these) if !these.is_empty())
    }
}

/// An origin as browsers write it: in lower case, without a path and without the scheme's default
/// port.
fn parse(text: &str) -> Option<HeaderValue> {
    let text = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://")?;
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme || authority.is_empty() || !tinyhttp_message::target::is_authority(authority) {
        return None;
    }
    let authority = authority.strip_suffix(default_port).unwrap_or(authority);
    HeaderValue::try_from(format!("{scheme}://{authority}")).ok()
}

/// As a layer of a [`Router`](crate::Router).
impl Cors<()> {
    /// Lets scripts of all sites read responses.
    #[must_use]
    pub fn any() -> Self {
        Cors {
            inner: Arc::new(()),
            origins: Origins::Any,
        }
    }

    /// Lets scripts of these origins read responses.
    ///
    /// # Errors
    /// [`InvalidOrigin`].
    pub fn origins(
        origins: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, InvalidOrigin> {
        Cors::new((), origins)
    }
}

impl Layer for Cors<()> {
    fn handle<'a>(&'a self, request: Request<'a>, next: Next<'a>) -> Reply<'a> {
        self.apply(request, |request| next.handle(request))
    }
}

impl<H: Handler> Handler for Cors<H> {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        self.apply(request, |request| call(&self.inner, request))
    }

    fn intake(&self, request: &mut Request<'_>) -> Option<Intake> {
        self.inner.intake(request)
    }
}

impl<H> Cors<H> {
    fn apply<'a>(
        &'a self,
        request: Request<'a>,
        inner: impl FnOnce(Request<'a>) -> Reply<'a>,
    ) -> Reply<'a> {
        if matches!(&self.origins, Origins::These(these) if these.is_empty()) {
            return inner(request);
        }
        let origin = request.headers().get(ORIGIN);
        let is_preflight = *request.method() == Method::OPTIONS
            && origin.is_some()
            && request
                .headers()
                .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let allowed = self.allowed(origin);
        let reply = if is_preflight && allowed.is_some() {
            Reply::Ready(preflight(request.headers()).into())
        } else {
            inner(request)
        };
        let depends_on_origin = self.depends_on_origin();
        reply.map(move |mut response| {
            let fields = response.headers_mut();
            if let Some(allowed) = allowed {
                if !is_preflight {
                    fields.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
                }
                fields.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            }
            if depends_on_origin {
                fields.append(VARY, HeaderValue::from_static("Origin"));
            }
            response
        })
    }
}

/// The response to a preflight, which permits everything that it asks for.
fn preflight(asked: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let fields = response.headers_mut();
    for (asked_in, granted_in) in [
        (ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_ALLOW_METHODS),
        (ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_ALLOW_HEADERS),
    ] {
        if let Some(wanted) = asked.get(asked_in) {
            fields.insert(granted_in, wanted.clone());
        }
    }
    fields.insert(ACCESS_CONTROL_MAX_AGE, REMEMBER);
    let vary = "Access-Control-Request-Method, Access-Control-Request-Headers";
    fields.insert(VARY, HeaderValue::from_static(vary));
    response
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{echo, field, send};
    use super::*;

    const PREFLIGHT: &str = "Origin: https://a.example | Access-Control-Request-Method: PUT | Access-Control-Request-Headers: x-a, authorization";

    #[test]
    fn origins() {
        let table = "
            * | Origin: https://a.example => * -
            * | => * -
            https://a.example | Origin: https://a.example => https://a.example Origin
            HTTPS://A.example:443/ | Origin: https://a.example => https://a.example Origin
            http://b https://a.example | Origin: https://a.example => https://a.example Origin
            http://a.example | Origin: https://a.example => - Origin
            https://a.example:8443 | Origin: https://a.example => - Origin
            https://a.example | Origin: https://a.example.evil => - Origin
            https://a.example | Origin: null => - Origin
            https://a.example | => - Origin
            | Origin: https://a.example => - -
        ";
        for (case, outcome) in table::cases(table) {
            let (origins, fields) = case.split_once('|').unwrap();
            let ([allowed, vary], _) = table::words(outcome);
            let [allowed, vary] = [allowed, vary].map(|value| value.trim_start_matches('-'));
            let cors = Cors::new(echo, origins.split_whitespace()).unwrap();
            let response = send(&cors, "GET", "/x", fields.trim_start());
            assert_eq!(response.status(), 200);
            let got = (
                field(&response, "access-control-allow-origin"),
                field(&response, "vary"),
            );
            assert_eq!(
                got,
                (allowed.to_owned(), vary.to_owned()),
                "{origins:?} {fields}"
            );
            assert_eq!(
                field(&response, "access-control-expose-headers").is_empty(),
                allowed.is_empty()
            );
        }
    }

    #[test]
    fn preflights_are_answered_here() {
        let cors = Cors::new(echo, ["*"]).unwrap();
        let response = send(&cors, "OPTIONS", "/x", PREFLIGHT);
        assert_eq!(response.status(), 204);
        assert_eq!(field(&response, "access-control-allow-origin"), "*");
        assert_eq!(field(&response, "access-control-allow-methods"), "PUT");
        assert_eq!(
            field(&response, "access-control-allow-headers"),
            "x-a, authorization"
        );
        assert_eq!(
            send(&cors, "OPTIONS", "/x", "Origin: https://a.example").status(),
            200
        );
        assert_eq!(send(&cors, "GET", "/x", PREFLIGHT).status(), 200);
        let other = Cors::new(echo, ["https://b.example"]).unwrap();
        let response = send(&other, "OPTIONS", "/x", PREFLIGHT);
        assert_eq!(field(&response, "access-control-allow-origin"), "");
        assert_eq!(field(&response, "access-control-allow-methods"), "");
    }

    #[test]
    fn invalid_origins_are_refused() {
        for text in [
            "",
            "example.org",
            "https://",
            "https://a/b",
            "https://a b",
            "://a",
            "https://u@a",
            "1s://a",
        ] {
            assert_eq!(
                Cors::new((), [text]).unwrap_err(),
                InvalidOrigin(text.to_owned()),
                "{text}"
            );
        }
    }
}

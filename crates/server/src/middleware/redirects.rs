//! Redirects from old paths to new ones.

use crate::handler::{Handler, Reply, call};
use crate::intake::Intake;
use crate::page::{encode_path, error_page};
use crate::request::Request;
use crate::response::Response;
use crate::router::{Layer, Next};
use http::StatusCode;
use http::header::{HeaderValue, LOCATION};
use std::fmt;
use std::sync::Arc;
use tinyhttp_message::Path;

/// Redirects paths with 307, which is temporary and keeps the method: a permanent redirect that
/// browsers remember can't be withdrawn.
///
/// ```
/// use tinyhttp_server::middleware::Redirects;
/// use tinyhttp_server::{Request, Router};
///
/// let redirects = Redirects::layer().with("/old/*", "/new/*")?;
/// let app = Router::new().with(redirects).get("/new/{page}", |_: Request| "hello\n");
/// let moved = app.call(Request::get("/old/a?b"));
/// assert_eq!(moved.status(), 307);
/// assert_eq!(moved.headers()["location"], "/new/a?b");
/// # Ok::<(), tinyhttp_server::middleware::InvalidRedirect>(())
/// ```
#[derive(Debug)]
pub struct Redirects<H> {
    inner: Arc<H>,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    /// A normalised path, like that of the request.
    from: Vec<u8>,
    /// Whether `from` is a prefix of the path.
    is_prefix: bool,
    /// The target before and after its star. Without a star, the second part is empty.
    to: (String, String),
    takes_rest: bool,
}

/// A redirect that is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRedirect {
    /// The path is malformed, or has a star that is not at its end after a slash.
    From(String),
    /// The target is neither a path nor a URL, or its star could change the host.
    To(String),
    /// With the redirects before it, it leads back to itself.
    Circle(String),
}

impl fmt::Display for InvalidRedirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidRedirect::From(text) => {
                write!(
                    f,
                    "{text:?} can't be redirected: write a path like /old, or /old/* for all paths below it"
                )
            }
            InvalidRedirect::To(text) => write!(
                f,
                "{text:?} can't be a redirect's target: write a path like /new or a URL like \
                 https://example.org/, and * for the part that the star stands for"
            ),
            InvalidRedirect::Circle(text) => write!(f, "{text:?} would be redirected in a circle"),
        }
    }
}

impl std::error::Error for InvalidRedirect {}

impl<H> Redirects<H> {
    /// No redirects yet.
    pub fn new(inner: H) -> Self {
        Redirects {
            inner: Arc::new(inner),
            rules: Vec::new(),
        }
    }

    /// Redirects a path, written as in a URL, to another path or URL. `/old/*` stands for all paths
    /// that begin with `/old/`, and a star in the target for the rest of the path. The query is
    /// kept, unless the target has one. The first matching rule counts.
    ///
    /// # Errors
    /// [`InvalidRedirect`].
    pub fn with(mut self, from: &str, to: &str) -> Result<Self, InvalidRedirect> {
        let (path, is_prefix) = match from.strip_suffix("/*") {
            Some(path) => (format!("{path}/"), true),
            None => (from.to_owned(), false),
        };
        // What follows the path in a URL, or is not sent as it is, never matches.
        let is_path = |byte: u8| !b"?#".contains(&byte) && !byte.is_ascii_control();
        let path = Path::normalize(&path)
            .ok()
            .filter(|_| path.bytes().all(is_path))
            .filter(|path| !path.as_bytes().contains(&b'*') && !path.has_encoded_slash());
        let from_path = path.ok_or_else(|| InvalidRedirect::From(from.to_owned()))?;
        let invalid = || InvalidRedirect::To(to.to_owned());
        let (before, after) = to.split_once('*').unwrap_or((to, ""));
        let is_target =
            begins_as_target(before) && HeaderValue::from_str(to).is_ok() && to.is_ascii();
        if !is_target || after.contains('*') || (to.contains('*') && !is_prefix) {
            return Err(invalid());
        }
        let rule = Rule {
            from: from_path.as_bytes().to_vec(),
            is_prefix,
            to: (before.to_owned(), after.to_owned()),
            takes_rest: to.contains('*'),
        };
        self.rules.push(rule);
        match self.ends() {
            true => Ok(self),
            false => Err(InvalidRedirect::Circle(from.to_owned())),
        }
    }

    /// Whether following the redirects from a path of each rule comes to an end.
    fn ends(&self) -> bool {
        self.rules.iter().all(|rule| {
            let mut path = rule.from.clone();
            if rule.is_prefix {
                path.push(b'-');
            }
            // A redirect may take a prefix off, so one rule may apply more than once.
            (0..=2 * self.rules.len()).any(|_| {
                let location = self.location(&path, false).unwrap_or_default();
                let next = location.split(['?', '#']).next().unwrap_or_default();
                match Path::normalize(next) {
                    Ok(next) if next.as_bytes().starts_with(b"/") => {
                        path = next.as_bytes().to_vec();
                        false
                    }
                    _ => true,
                }
            })
        })
    }

    /// Where a path is redirected to; `None` if no rule matches.
    fn location(&self, path: &[u8], has_encoded_slash: bool) -> Option<String> {
        let fits = |rule: &&Rule| {
            if rule.is_prefix {
                path.starts_with(&rule.from)
            } else {
                path == rule.from
            }
        };
        let rule = self.rules.iter().find(fits)?;
        let mut location = rule.to.0.clone();
        if rule.takes_rest {
            let rest = encode_path(&path[rule.from.len()..]);
            // A slash that was sent as %2F stays encoded; `encode_path` has escaped its percent
            // sign.
            match has_encoded_slash {
                true => location.push_str(&rest.replace("%252F", "%2F")),
                false => location.push_str(&rest),
            }
            location.push_str(&rule.to.1);
        }
        Some(location)
    }

    /// The Location of the response; `None` if no rule matches.
    fn target(&self, request: &Request<'_>) -> Option<HeaderValue> {
        if self.rules.is_empty() {
            return None;
        }
        let path = request.normal_path().ok()?;
        let mut location = self.location(path.as_bytes(), path.has_encoded_slash())?;
        let uri = request.uri();
        if let Some(query) = uri.query().filter(|_| !location.contains('?')) {
            location.push('?');
            location.push_str(query);
        }
        HeaderValue::try_from(location).ok()
    }
}

/// Whether a target, up to its star, determines the host: a path with one slash at its beginning,
/// or a URL with a slash after the authority.
fn begins_as_target(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('/') {
        return !rest.starts_with(['/', '\\']);
    }
    let authority = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    authority.is_some_and(|rest| rest.find('/').is_some_and(|end| end > 0))
}

/// As a layer of a [`Router`](crate::Router).
impl Redirects<()> {
    /// A layer without redirects yet.
    #[must_use]
    pub fn layer() -> Self {
        Redirects::new(())
    }
}

impl Layer for Redirects<()> {
    fn handle<'a>(&'a self, request: Request<'a>, next: Next<'a>) -> Reply<'a> {
        self.apply(request, |request| next.handle(request))
    }
}

impl<H: Handler> Handler for Redirects<H> {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        self.apply(request, |request| call(&self.inner, request))
    }

    fn intake(&self, request: &mut Request<'_>) -> Option<Intake> {
        match self.target(request) {
            Some(_) => None,
            None => self.inner.intake(request),
        }
    }
}

impl<H> Redirects<H> {
    fn apply<'a>(
        &'a self,
        request: Request<'a>,
        inner: impl FnOnce(Request<'a>) -> Reply<'a>,
    ) -> Reply<'a> {
        let Some(location) = self.target(&request) else {
            return inner(request);
        };
        let explanation = "The content of this address has moved.";
        let mut response = error_page(StatusCode::TEMPORARY_REDIRECT, explanation);
        response.headers_mut().insert(LOCATION, location);
        Response::from(response).into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{echo, field, send};
    use super::*;

    #[test]
    fn old_paths_lead_to_new_ones() {
        let rules = [
            ("/a", "/b"),
            ("/a%20b", "/c?fixed"),
            ("/old/special", "/special"),
            ("/old/*", "/new/*"),
            ("/docs/*", "https://docs.example/v2/*.html"),
            ("/all/*", "https://example.org/"),
        ];
        let redirects = rules
            .iter()
            .fold(Redirects::new(echo), |redirects, (from, to)| {
                redirects.with(from, to).unwrap()
            });
        let table = [
            ("/a", "/b"),
            ("/a?q=1", "/b?q=1"),
            ("/x/../a", "/b"),
            ("//a", "/b"),
            ("/%61", "/b"),
            ("/a/", ""),
            ("/a%20b?q", "/c?fixed"),
            ("/old/special", "/special"),
            ("/old/x/y%20z%0d%0a?q", "/new/x/y%20z%0D%0A?q"),
            ("/old/", "/new/"),
            ("/old//evil.example", "/new/evil.example"),
            ("/old", ""),
            ("/docs/a/b", "https://docs.example/v2/a/b.html"),
            ("/all/x?q", "https://example.org/?q"),
            ("/other", ""),
        ];
        for (target, location) in table {
            let response = send(&redirects, "GET", target, "");
            assert_eq!(field(&response, "location"), location, "{target}");
            assert_eq!(
                response.status(),
                if location.is_empty() { 200 } else { 307 }
            );
        }
    }

    #[test]
    fn dangerous_redirects_are_refused() {
        let table = [
            ("a", "/b"),
            ("/a*", "/b"),
            ("/*/b", "/c"),
            ("/../a", "/b"),
            ("/a", ""),
            ("/a", "b"),
            ("/a", "//evil.example/"),
            ("/a", "/\\evil.example/"),
            ("/a", "javascript:alert(1)"),
            ("/a", "https://"),
            ("/a", "https://example.org"),
            ("/a/*", "https://example.org*"),
            ("/a/*", "https://*/"),
            ("/a/*", "*"),
            ("/a/*", "/b/*/*"),
            ("/a", "/b/*"),
            ("/a", "/b\r\nX: y"),
            ("/a?b", "/c"),
            ("/a#b", "/c"),
            ("/a\r\n", "/c"),
        ];
        for (from, to) in table {
            assert!(Redirects::new(()).with(from, to).is_err(), "{from} {to}");
        }
    }

    #[test]
    fn redirects_in_a_circle_are_refused() {
        let table: &[&[(&str, &str)]] = &[
            &[("/a", "/a")],
            &[("/a", "/a?b")],
            &[("/a", "/%61")],
            &[("/a", "/b/../a")],
            &[("/a/*", "/a/*")],
            &[("/a/*", "/a/b/*")],
            &[("/a/*", "/a/b")],
            &[("/*", "/b/*")],
            &[("/*", "/b")],
            &[("/a", "/b"), ("/b", "/a")],
            &[("/a/*", "/b/*"), ("/b/*", "/a/*")],
            &[("/a", "/b"), ("/b", "/c"), ("/c/*", "/d"), ("/c", "/a")],
        ];
        for rules in table {
            let mut redirects = Ok(Redirects::new(()));
            for (at, (from, to)) in rules.iter().enumerate() {
                redirects = redirects.unwrap().with(from, to);
                assert_eq!(redirects.is_err(), at + 1 == rules.len(), "{rules:?}");
            }
            assert!(matches!(redirects, Err(InvalidRedirect::Circle(_))));
        }
        // These end.
        let fine: &[&[(&str, &str)]] = &[
            &[("/a", "/b"), ("/b", "/c")],
            &[("/b", "/c"), ("/a", "/b")],
            &[("/a/*", "/*")],
            &[("/a", "https://example.org/a")],
            &[("/a", "/"), ("/b/*", "/a")],
        ];
        for rules in fine {
            let mut redirects = Redirects::new(());
            for (from, to) in *rules {
                redirects = redirects.with(from, to).unwrap();
            }
        }
    }
}

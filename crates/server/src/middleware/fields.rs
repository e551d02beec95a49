//! Fields of every response.

use crate::handler::{Handler, Reply, call};
use crate::intake::Intake;
use crate::request::Request;
use crate::router::{Layer, Next};
use http::header::{HeaderMap, HeaderName, HeaderValue, VARY};
use std::fmt;
use std::sync::Arc;
use tinyhttp_message::hop_by_hop::{is_framing_field, is_hop_by_hop};

/// Adds fields to every response. They replace fields of the same name from the handler inside,
/// except for Vary, which is appended.
///
/// ```
/// use tinyhttp_server::middleware::Fields;
/// use tinyhttp_server::{Request, Router};
///
/// let fields = Fields::layer().with("X-Frame-Options: DENY")?.with("Vary: Cookie")?;
/// let app = Router::new().with(fields).get("/", |_: Request| "hello\n");
/// assert_eq!(app.call(Request::get("/")).headers()["x-frame-options"], "DENY");
/// // What has no route has them, too.
/// assert_eq!(app.call(Request::get("/missing")).headers()["vary"], "Cookie");
/// # Ok::<(), tinyhttp_server::middleware::InvalidField>(())
/// ```
#[derive(Debug)]
pub struct Fields<H> {
    inner: Arc<H>,
    fields: Arc<HeaderMap>,
}

/// A line that can't be added to responses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidField {
    /// It isn't `Name: value`, or contains characters that a field can't have.
    Malformed(String),
    /// The field describes the length of the message or the connection, and only the server can set
    /// it.
    Framing(HeaderName),
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidField::Malformed(line) => {
                write!(f, "{line:?} is not a field: write 'Name: value'")
            }
            InvalidField::Framing(name) => {
                write!(f, "only the server can set the field {name}")
            }
        }
    }
}

impl std::error::Error for InvalidField {}

impl<H> Fields<H> {
    /// No fields yet.
    pub fn new(inner: H) -> Self {
        Fields {
            inner: Arc::new(inner),
            fields: Arc::default(),
        }
    }

    /// Adds a line `Name: value`. Two lines with the same name become two lines of the response.
    ///
    /// # Errors
    /// [`InvalidField`].
    pub fn with(mut self, line: &str) -> Result<Self, InvalidField> {
        let malformed = || InvalidField::Malformed(line.to_owned());
        let (name, value) = line.split_once(':').ok_or_else(malformed)?;
        let name: HeaderName = name.parse().map_err(|_| malformed())?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| malformed())?;
        if is_hop_by_hop(&name) || is_framing_field(&name) {
            return Err(InvalidField::Framing(name));
        }
        Arc::make_mut(&mut self.fields).append(name, value);
        Ok(self)
    }
}

/// As a layer of a [`Router`](crate::Router).
impl Fields<()> {
    /// A layer that adds no fields yet.
    #[must_use]
    pub fn layer() -> Self {
        Fields::new(())
    }
}

impl Layer for Fields<()> {
    fn handle<'a>(&'a self, request: Request<'a>, next: Next<'a>) -> Reply<'a> {
        self.add_to(next.handle(request))
    }
}

impl<H: Handler> Handler for Fields<H> {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        self.add_to(call(&self.inner, request))
    }

    fn intake(&self, request: &mut Request<'_>) -> Option<Intake> {
        self.inner.intake(request)
    }
}

impl<H> Fields<H> {
    fn add_to<'a>(&self, reply: Reply<'a>) -> Reply<'a> {
        if self.fields.is_empty() {
            return reply;
        }
        let added = Arc::clone(&self.fields);
        reply.map(move |mut response| {
            let fields = response.headers_mut();
            for name in added.keys().filter(|name| **name != VARY) {
                fields.remove(name);
            }
            for (name, value) in &*added {
                fields.append(name.clone(), value.clone());
            }
            response
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{field, send};
    use super::*;
    use crate::body::Body;
    use http::Response;

    #[test]
    fn fields_are_added_and_replaced() {
        let inner = |_: Request<'_>| {
            let response = Response::builder()
                .header("cache-control", "no-cache")
                .header("vary", "Accept");
            response.body(Body::empty()).unwrap()
        };
        let fields = [
            "X-A: 1",
            "X-A:  2 ",
            "Cache-Control: max-age=60",
            "Vary: Cookie",
            "X-Empty:",
            "X-Colon: a:b",
        ];
        let handler = fields.iter().fold(Fields::new(inner), |handler, line| {
            handler.with(line).unwrap()
        });
        let response = send(&handler, "GET", "/", "");
        let table = [
            ("x-a", "1 | 2"),
            ("cache-control", "max-age=60"),
            ("vary", "Accept | Cookie"),
            ("x-colon", "a:b"),
        ];
        for (name, want) in table {
            assert_eq!(field(&response, name), want, "{name}");
        }
        assert!(response.headers().contains_key("x-empty"));
    }

    #[test]
    fn some_lines_are_refused() {
        let add = |line: &str| Fields::new(()).with(line).unwrap_err();
        for line in ["", "X-A", "X A: b", ": b", "X-A: b\r\nX-B: c", "Ü: b"] {
            assert_eq!(add(line), InvalidField::Malformed(line.to_owned()));
        }
        for line in [
            "Content-Length: 5",
            "transfer-encoding: chunked",
            "CONNECTION: close",
        ] {
            assert!(matches!(add(line), InvalidField::Framing(_)), "{line}");
        }
    }
}

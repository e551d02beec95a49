//! Handlers around handlers: each looks at a request before the one inside does, or at its response afterwards.
//!
//! They can be stacked in any order; this is the one in which they make sense, from the outside to the inside:
//!
//! 1. [`HostCheck`] refuses requests for names that the server doesn't go by.
//! 2. [`Fields`] adds fields to every response.
//! 3. [`Cors`] lets scripts of other sites read the responses. It comes before `Auth`, since browsers ask without a password
//!    whether they may ask.
//! 4. `Auth` (feature `auth`) asks for a name and a password.
//! 5. [`Redirects`] sends old addresses to new ones.
//!
//! ```
//! use tinyhttp_server::middleware::{Fields, HostCheck, Redirects};
//! use tinyhttp_server::{Body, Handler};
//! use http::{Request, Response};
//!
//! let hello = |_: Request<Body>| Response::new(Body::from("hello\n"));
//! let redirects = Redirects::new(hello).with("/old/*", "/new/*")?;
//! let fields = Fields::new(redirects).with("X-Frame-Options: DENY")?;
//! let site = HostCheck::new(fields, ["example.org"]);
//!
//! let request = |host: &str, path: &str| Request::get(path).header("Host", host).body(Body::empty()).unwrap();
//! assert_eq!(site.handle(request("example.org", "/")).headers()["x-frame-options"], "DENY");
//! assert_eq!(site.handle(request("localhost:8080", "/old/a")).headers()["location"], "/new/a");
//! assert_eq!(site.handle(request("evil.example", "/")).status(), 421);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "auth")]
mod auth;
mod cors;
mod fields;
mod host_check;
mod redirects;

#[cfg(feature = "auth")]
pub use auth::{Auth, InvalidUser, User, Users, UsersHandle};
pub use cors::{Cors, InvalidOrigin};
pub use fields::{Fields, InvalidField};
pub use host_check::HostCheck;
pub use redirects::{InvalidRedirect, Redirects};

#[cfg(test)]
mod test_support {
    use crate::body::Body;
    use crate::handler::Handler;
    use http::{Request, Response};

    /// A handler that answers with the request's path.
    pub(super) fn echo(request: Request<Body>) -> Response<Body> {
        let (head, _) = request.into_parts();
        Response::new(Body::from(head.uri.path().to_owned()))
    }

    /// Sends a request with fields, as text: `Name: value | Name: value`.
    pub(super) fn send(
        handler: &impl Handler,
        method: &str,
        target: &str,
        fields: &str,
    ) -> Response<Body> {
        let request = fields
            .split(" | ")
            .filter_map(|field| field.split_once(": "))
            .fold(
                Request::builder().method(method).uri(target),
                |request, (name, value)| request.header(name, value),
            );
        handler.handle(request.body(Body::empty()).unwrap())
    }

    /// A field's value; empty if it isn't there.
    pub(super) fn field(response: &Response<Body>, name: &str) -> String {
        let values = response.headers().get_all(name).iter();
        values
            .map(|value| value.to_str().unwrap())
            .collect::<Vec<_>>()
            .join(" | ")
    }
}

//! Handlers around handlers: each acts on a request before the handler inside it, or on its
//! response afterwards.
//!
//! Each is a handler around another one ([`Fields::new`]), and a layer of a
//! [`Router`](crate::Router) ([`Fields::layer`]). They can be nested in any order. The usual
//! order, from the outside to the inside, is:
//!
//! 1. [`HostCheck`] refuses requests for names that aren't the server's (`host_check`).
//! 2. [`Fields`] adds fields to every response (`fields`).
//! 3. `Compression` (feature `compression`) compresses generated content.
//! 4. [`Cors`] lets scripts of other sites read responses (`cors`). It comes before `Auth`, because
//!    browsers send preflights without a password.
//! 5. `Auth` (feature `auth`) requires a name and a password (`auth`).
//! 6. [`Redirects`] redirects old paths to new ones (`redirects`).
//!
//! ```
//! use tinyhttp_server::middleware::{Fields, HostCheck, Redirects};
//! use tinyhttp_server::{Handler, Request};
//!
//! let hello = |_: Request<'_>| "hello\n";
//! let redirects = Redirects::new(hello).with("/old/*", "/new/*")?;
//! let fields = Fields::new(redirects).with("X-Frame-Options: DENY")?;
//! let site = HostCheck::new(fields, ["example.org"]);
//!
//! let ask = |host: &str, path: &str| {
//!     let request = http::Request::get(path).header("Host", host).body(()).unwrap();
//!     site.handle(request.into()).response()
//! };
//! assert_eq!(ask("example.org", "/").headers()["x-frame-options"], "DENY");
//! assert_eq!(ask("localhost:8080", "/old/a").headers()["location"], "/new/a");
//! assert_eq!(ask("evil.example", "/").status(), 421);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "auth")]
mod auth;
#[cfg(feature = "compression")]
mod compression;
mod cors;
mod fields;
mod host_check;
mod redirects;

#[cfg(feature = "auth")]
pub use auth::{Auth, InvalidUser, Users, UsersHandle};
#[cfg(feature = "compression")]
pub use compression::Compression;
pub use cors::{Cors, InvalidOrigin};
pub use fields::{Fields, InvalidField};
pub use host_check::HostCheck;
pub use redirects::{InvalidRedirect, Redirects};

pub use crate::user::User;

#[cfg(test)]
mod test_support {
    use crate::handler::Handler;
    use crate::request::Request;
    use crate::response::Response;

    /// A handler that responds with the request's path.
    pub(super) fn echo(request: Request<'_>) -> Vec<u8> {
        request.into_http().uri().path().into()
    }

    /// Sends a request with fields as text: `Name: value | Name: value`.
    pub(super) fn send(
        handler: &impl Handler,
        method: &str,
        target: &str,
        fields: &str,
    ) -> Response {
        let request = fields
            .split(" | ")
            .filter_map(|field| field.split_once(": "))
            .fold(
                http::Request::builder().method(method).uri(target),
                |request, (name, value)| request.header(name, value),
            );
        handler.handle(request.body(()).unwrap().into()).response()
    }

    /// A field's value; empty if the field is missing.
    pub(super) fn field(response: &Response, name: &str) -> String {
        let values = response.headers().get_all(name).iter();
        values
            .map(|value| value.to_str().unwrap())
            .collect::<Vec<_>>()
            .join(" | ")
    }
}

#[cfg(all(test, feature = "auth"))]
mod tests {
    use super::*;
    use crate::Files;
    use crate::handler::Handler;
    use crate::request::{NORMALIZED, Request};

    /// Every rule sees the same path, because there is only one.
    #[test]
    fn the_path_of_a_request_is_normalised_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a b.txt"), "a").unwrap();
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        let files = crate::files::Options::new().spa(true).open(folder.path());
        let redirects = Redirects::new(files.unwrap()).with("/old/*", "/new/*");
        let users = Users::new().plain("ann:x").unwrap();
        let auth = Auth::new(redirects.unwrap(), users, "");
        let cors = Cors::new(auth, ["*"]).unwrap();
        let site = HostCheck::new(Fields::new(cors).with("A: b").unwrap(), ["h"]);
        let table = [
            ("/a%20b.txt", 200),
            ("/x/.././a%20b.txt", 200),
            ("/old/%61", 307),
            ("/folder", 301),
            ("/folder/", 404),
            ("/missing.html", 404),
            ("/../a", 400),
        ];
        // The first time, the password is checked, which blocks.
        for (path, status) in [("/folder", 301)].into_iter().chain(table) {
            let request = http::Request::get(path)
                .header("host", "h")
                .header("authorization", "Basic YW5uOng=");
            let before = NORMALIZED.get();
            let request = Request::from(request.body(()).unwrap());
            let response = site.handle(request).response();
            assert_eq!(response.status(), status, "{path}");
            assert_eq!(NORMALIZED.get() - before, 1, "{path}");
        }
        // Nothing else normalises paths but rules that are made when the server starts.
        let _ = Files::open(folder.path());
    }
}

//! The request target and the path in it (RFC 9112 §3.2, RFC 3986).
//!
//! # Theory
//!
//! | form | example | methods |
//! |---|---|---|
//! | origin-form | `/where?q=now` | every method but CONNECT |
//! | absolute-form | `http://example.org/where?q=now` | every method but CONNECT |
//! | authority-form | `example.org:443` | CONNECT only |
//! | asterisk-form | `*` | OPTIONS only |
//!
//! [`Path`] is the path decoded and normalised **once**: code that looks for a file, protects a
//! directory or matches a rule works on this one value, so that `%2e%2e`, `//` and `/./` mean the
//! same to all of it.
//!
//! # Example
//!
//! ```
//! use tinyhttp_message::target::{Form, Path, Target};
//!
//! let target = Target::parse(&http::Method::GET, "/img/../a%20b.txt?x=1")?;
//! assert_eq!((target.form(), target.query()), (Form::Origin, Some("x=1")));
//! assert_eq!(Path::normalize(target.path())?.as_bytes(), b"/a b.txt");
//! assert!(Path::normalize("/../etc/passwd").is_err());
//! # Ok::<(), tinyhttp_message::ProtocolError>(())
//! ```

mod authority;
mod form;
mod path;
#[cfg(test)]
mod tests;

pub(crate) use authority::are_authority;
pub use authority::is_authority;
pub use form::{Form, Target};
pub use path::Path;

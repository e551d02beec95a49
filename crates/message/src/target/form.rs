//! The request target and its form (RFC 9112 §3.2).

use super::authority::is_authority;
use crate::error::ProtocolError;
use http::{Method, Uri};
use std::fmt;

/// The four forms of a request target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// A path and perhaps a query: what a client sends to an origin server.
    Origin,
    /// A whole URI: what a client sends to a proxy; an origin server must understand it too.
    Absolute,
    /// Host and port: where CONNECT wants a tunnel to.
    Authority,
    /// `*`: the server itself, for OPTIONS.
    Asterisk,
}

/// A request target that has a form its method may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'t> {
    form: Form,
    raw: &'t str,
    authority: Option<&'t str>,
    path: &'t str,
    query: Option<&'t str>,
}

impl<'t> Target<'t> {
    /// Parses the target of a request with that method.
    ///
    /// Bytes above 0x7F are let through in paths and queries, because people type them into command lines; spaces,
    /// control bytes and `#` are not.
    ///
    /// # Errors
    /// [`ProtocolError::MalformedTarget`]; [`ProtocolError::MalformedHost`] for the authority of an absolute-form.
    pub fn parse(method: &Method, raw: &'t str) -> Result<Self, ProtocolError> {
        if raw
            .bytes()
            .any(|byte| byte <= b' ' || byte == 0x7f || byte == b'#')
        {
            return Err(ProtocolError::MalformedTarget);
        }
        let target = |form, authority, path, query| Target {
            form,
            raw,
            authority,
            path,
            query,
        };
        if method == Method::CONNECT {
            let port = raw.rsplit_once(':').map(|(_, port)| port);
            if !is_authority(raw) || port.is_none_or(str::is_empty) {
                return Err(ProtocolError::MalformedTarget);
            }
            return Ok(target(Form::Authority, Some(raw), "", None));
        }
        if raw.starts_with('/') {
            let (path, query) = split_query(raw);
            return Ok(target(Form::Origin, None, path, query));
        }
        if raw == "*" && method == Method::OPTIONS {
            return Ok(target(Form::Asterisk, None, "*", None));
        }
        let (scheme, rest) = raw
            .split_once("://")
            .ok_or(ProtocolError::MalformedTarget)?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return Err(ProtocolError::MalformedTarget);
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        // A URI of these schemes has a host, which is not empty (RFC 9110 §4.2.1).
        if authority.is_empty() || authority.starts_with(':') || !is_authority(authority) {
            return Err(ProtocolError::MalformedHost);
        }
        let (path, query) = split_query(rest);
        Ok(target(
            Form::Absolute,
            Some(authority),
            if path.is_empty() { "/" } else { path },
            query,
        ))
    }

    /// The target as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &'t str {
        self.raw
    }

    /// Which form it has.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// Whether it is a whole URI of the scheme `https`, which must not be served over a connection that isn't secured
    /// (RFC 9110 §7.4).
    #[must_use]
    pub fn is_https(&self) -> bool {
        let scheme = self.raw.get(.."https:".len());
        self.form == Form::Absolute && scheme.is_some_and(|s| s.eq_ignore_ascii_case("https:"))
    }

    /// Host and perhaps port, of an absolute-form or an authority-form. It outranks the Host field (RFC 9112 §3.2.2).
    #[must_use]
    pub fn authority(&self) -> Option<&'t str> {
        self.authority
    }

    /// The path as it was sent; `*` for the asterisk-form, empty for the authority-form.
    #[must_use]
    pub fn path(&self) -> &'t str {
        self.path
    }

    /// What follows the first `?`, if there is one.
    #[must_use]
    pub fn query(&self) -> Option<&'t str> {
        self.query
    }

    /// The target as a [`Uri`]. Characters that may not stand in one are percent-encoded if [`Uri`] doesn't take them, so that they
    /// mean in it what they mean in [`Path`].
    ///
    /// # Errors
    /// [`ProtocolError::MalformedTarget`] for an authority that [`Uri`] does not take.
    pub fn to_uri(&self) -> Result<Uri, ProtocolError> {
        let uri = self.raw.parse();
        uri.or_else(|_| encode_delimiters(self.raw).parse())
            .map_err(|_| ProtocolError::MalformedTarget)
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.raw)
    }
}

/// Encodes what delimits URIs in text and has no place in them (RFC 3986 appendix C), as far as targets may have it.
fn encode_delimiters(raw: &str) -> String {
    let encode = |character: char| match character {
        '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' => {
            format!("%{:02X}", u32::from(character))
        }
        other => other.to_string(),
    };
    raw.chars().map(encode).collect()
}

fn split_query(rest: &str) -> (&str, Option<&str>) {
    match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    }
}

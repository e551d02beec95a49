//! The request target and its form (RFC 9112 §3.2).

use super::authority::is_authority;
use crate::error::ProtocolError;
use http::{Method, Uri};
use std::fmt;

/// The four forms of a request target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// A path and perhaps a query, as sent to an origin server.
    Origin,
    /// A whole URI, as sent to a proxy; an origin server must accept it too.
    Absolute,
    /// A host and a port: the other end of the tunnel that CONNECT requests.
    Authority,
    /// `*`: the server itself, for OPTIONS.
    Asterisk,
}

/// A request target in a form that its method allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'t> {
    form: Form,
    raw: &'t str,
    authority: Option<&'t str>,
    path: &'t str,
    query: Option<&'t str>,
}

impl<'t> Target<'t> {
    /// Parses the target of a request with this method.
    ///
    /// Bytes above 0x7F are accepted in paths and queries, because people type them into command
    /// lines; spaces, control bytes and `#` are not.
    ///
    /// # Errors
    /// [`ProtocolError::MalformedTarget`]; [`ProtocolError::MalformedHost`] for the authority of an
    /// absolute-form.
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

    /// The form of the target.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// Whether the target is a whole URI of the scheme `https`, which must not be served over an
    /// unsecured connection (RFC 9110 §7.4).
    #[must_use]
    pub fn is_https(&self) -> bool {
        let scheme = self.raw.get(.."https:".len());
        self.form == Form::Absolute && scheme.is_some_and(|s| s.eq_ignore_ascii_case("https:"))
    }

    /// The host and perhaps the port of an absolute-form or an authority-form. It replaces the Host
    /// field (RFC 9112 §3.2.2).
    #[must_use]
    pub fn authority(&self) -> Option<&'t str> {
        self.authority
    }

    /// The path as it was sent; `*` for the asterisk-form, empty for the authority-form.
    #[must_use]
    pub fn path(&self) -> &'t str {
        self.path
    }

    /// The text after the first `?`; `None` without one.
    #[must_use]
    pub fn query(&self) -> Option<&'t str> {
        self.query
    }

    /// Returns the target as a [`Uri`]. Characters that [`Uri`] refuses are percent-encoded, so
    /// that they mean the same there as in [`Path`](super::Path).
    ///
    /// # Errors
    /// [`ProtocolError::MalformedTarget`] for an authority that [`Uri`] refuses.
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

/// Percent-encodes the characters that delimit URIs in text and may not stand in them (RFC 3986
/// appendix C), as far as targets may have them.
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

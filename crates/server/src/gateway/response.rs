//! The fields of a relayed response.

use super::request::{connection_options, is_of_connection, speaks_of_files};
use tinyhttp_message::MisuseError;
use tinyhttp_message::encode::HeadWriter;

/// A prefix that was replaced on the way to the upstream: redirects get it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Renamed {
    /// What the upstream calls itself: `http://127.0.0.1:9000`.
    pub(crate) origin: String,
    /// The path that stands in the place of the prefix.
    pub(crate) path: String,
    /// The prefix.
    pub(crate) prefix: String,
}

impl Renamed {
    /// The Location that the client has to follow in the place of the upstream's.
    pub(crate) fn location(&self, value: &[u8]) -> Option<Vec<u8>> {
        let path = value.strip_prefix(self.origin.as_bytes()).unwrap_or(value);
        // A reference to another host begins with two slashes.
        if path.starts_with(b"//") {
            return None;
        }
        let rest = path.strip_prefix(self.path.as_bytes())?;
        // The prefix covers whole segments: `/v1` is no part of `/v10`.
        let is_whole =
            self.path.ends_with('/') || !matches!(rest, [byte, ..] if !b"/?#".contains(byte));
        if !is_whole {
            return None;
        }
        Some([self.prefix.as_bytes(), rest].concat())
    }
}

/// Writes the fields of a response that are relayed: all but those of the upstream's connection,
/// and those that speak to the proxy alone. Returns whether there is a Date.
///
/// # Errors
/// None for fields that were received: they are valid.
pub(crate) fn write_fields<'f>(
    head: &mut HeadWriter<'_>,
    received: impl Iterator<Item = (&'f str, &'f [u8])> + Clone,
    renamed: Option<&Renamed>,
) -> Result<bool, MisuseError> {
    let listed: Vec<&[u8]> = connection_options(received.clone()).collect();
    let mut has_date = false;
    for (name, value) in received {
        if !is_relayed(name, &listed) {
            continue;
        }
        has_date |= name.eq_ignore_ascii_case("date");
        let location = match renamed {
            Some(renamed) if name.eq_ignore_ascii_case("location") => renamed.location(value),
            _ => None,
        };
        head.field(name, location.as_deref().unwrap_or(value))?;
    }
    Ok(has_date)
}

/// Whether a response's field is relayed.
pub(crate) fn is_relayed(name: &str, listed: &[&[u8]]) -> bool {
    !speaks_of_files(name) && !is_of_connection(name, listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_connection_are_not_relayed() {
        let given: [(&str, &[u8]); 11] = [
            ("Date", b"x"),
            ("Connection", b"close, X-Trace"),
            ("x-trace", b"1"),
            ("Content-Length", b"5"),
            ("Transfer-Encoding", b"chunked"),
            ("Set-Cookie", b"a"),
            ("set-cookie", b"b"),
            ("X-Accel-Redirect", b"/secret"),
            ("x-sendfile", b"/srv/secret"),
            ("X-LIGHTTPD-send-file", b"/srv/secret"),
            ("Keep-Alive", b"timeout=5"),
        ];
        let mut out = Vec::new();
        let mut head = HeadWriter::response(&mut out, http::StatusCode::OK);
        assert!(write_fields(&mut head, given.into_iter(), None).unwrap());
        head.finish();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "HTTP/1.1 200 OK\r\nDate: x\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n"
        );
    }

    #[test]
    fn redirects_get_the_prefix_back() {
        let table = [
            ("/", "/api/", "http://127.0.0.1:9000/x", Some("/api/x")),
            ("/", "/api/", "/x", Some("/api/x")),
            ("/", "/api/", "http://other/x", None),
            ("/", "/api/", "http://127.0.0.1:90001/x", None),
            ("/", "/api/", "//other/x", None),
            ("/", "/api/", "x", None),
            ("/v1", "/api", "/v1", Some("/api")),
            ("/v1", "/api", "/v1/x", Some("/api/x")),
            ("/v1", "/api", "/v1?x", Some("/api?x")),
            ("/v1", "/api", "/v1#x", Some("/api#x")),
            ("/v1", "/api", "/v10/x", None),
            ("/v1", "/api", "/v1.html", None),
            ("/v1/", "/api/", "/v1/x", Some("/api/x")),
            ("/v1/", "/api/", "/v1", None),
        ];
        for (path, prefix, given, expected) in table {
            let renamed = Renamed {
                origin: "http://127.0.0.1:9000".to_owned(),
                path: path.to_owned(),
                prefix: prefix.to_owned(),
            };
            let location = renamed.location(given.as_bytes());
            let location = location.map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(location.as_deref(), expected, "{path} {given}");
        }
    }
}

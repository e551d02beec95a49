//! The fields of a relayed response.

use super::request::{connection_options, is_of_connection, speaks_of_files};
use tinyhttp_message::MisuseError;
use tinyhttp_message::encode::HeadWriter;

/// A prefix that was replaced on the way to the upstream: redirects get it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Renamed {
    /// What the servers call themselves: `http://127.0.0.1:9000`.
    pub(crate) origins: Vec<String>,
    /// The host that the client asked for. Servers that know it build URLs with it.
    pub(crate) host: Option<Vec<u8>>,
    /// The path that stands in the place of the prefix.
    pub(crate) path: String,
    /// The prefix.
    pub(crate) prefix: String,
}

impl Renamed {
    /// The value that a field of the upstream's response has for the client: that of Location,
    /// Content-Location or Refresh, if it leads to a path with the prefix.
    pub(crate) fn value(&self, name: &str, value: &[u8]) -> Option<Vec<u8>> {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        match name.len() {
            8 if is("location") => self.location(value),
            16 if is("content-location") => self.location(value),
            7 if is("refresh") => self.refresh(value),
            _ => None,
        }
    }

    /// The value of Refresh, as in `5; url=/x`, of which browsers understand quotes, too.
    fn refresh(&self, value: &[u8]) -> Option<Vec<u8>> {
        let mark = b"url=";
        let at = value
            .windows(mark.len())
            .position(|part| part.eq_ignore_ascii_case(mark))?;
        let (start, rest) = value.split_at(at + mark.len());
        let quotes = rest
            .iter()
            .take_while(|byte| b"\"'".contains(byte))
            .count()
            .min(1);
        let (quote, rest) = rest.split_at(quotes);
        let end = rest.iter().position(|byte| quote.contains(byte));
        let (url, end) = rest.split_at(end.unwrap_or(rest.len()));
        Some([start, quote, &self.location(url)?, end].concat())
    }

    /// The reference that the client has to follow in the place of the upstream's.
    fn location(&self, value: &[u8]) -> Option<Vec<u8>> {
        let origins = self.origins.iter();
        if let Some(path) = origins
            .filter_map(|origin| value.strip_prefix(origin.as_bytes()))
            .find(|path| ends_origin(path))
        {
            return self.with_prefix(path);
        }
        let (origin, path) = value.split_at(self.length_of_origin(value)?);
        // An application that has been told of the prefix has it in its URLs already.
        let prefix = self.prefix.strip_suffix('/').unwrap_or(&self.prefix);
        if let Some(rest) = path.strip_prefix(prefix.as_bytes()) {
            if !prefix.is_empty() && matches!(rest, [] | [b'/' | b'?' | b'#', ..]) {
                return None;
            }
        }
        Some([origin, &self.with_prefix(path)?].concat())
    }

    /// The length of what stands before the path in a reference to this host. `None`: it leads to
    /// another one.
    fn length_of_origin(&self, value: &[u8]) -> Option<usize> {
        let schemes = [&b"http://"[..], b"https://"];
        let Some(scheme) = schemes.iter().find(|scheme| value.starts_with(scheme)) else {
            // A reference to another host begins with two slashes.
            return (!value.starts_with(b"//")).then_some(0);
        };
        let host = self.host.as_deref().filter(|host| !host.is_empty())?;
        let named = value.get(scheme.len()..scheme.len() + host.len())?;
        let end = scheme.len() + host.len();
        (named.eq_ignore_ascii_case(host) && ends_origin(&value[end..])).then_some(end)
    }

    /// The prefix, and what stands behind the path that has replaced it.
    fn with_prefix(&self, path: &[u8]) -> Option<Vec<u8>> {
        let rest = path.strip_prefix(self.path.as_bytes())?;
        // The prefix covers whole segments: `/v1` is no part of `/v10`.
        let is_whole =
            self.path.ends_with('/') || !matches!(rest, [byte, ..] if !b"/?#".contains(byte));
        let prefix = self.prefix.as_bytes();
        // One slash stands between them, wherever the path and the prefix end.
        let joined = match rest {
            [] | [b'?' | b'#', ..] => [prefix, rest].concat(),
            [b'/', rest @ ..] | rest => {
                [prefix.strip_suffix(b"/").unwrap_or(prefix), b"/", rest].concat()
            }
        };
        is_whole.then_some(joined)
    }
}

/// Whether a reference's origin ends here: `http://h:80` is no part of `http://h:8080/`.
fn ends_origin(rest: &[u8]) -> bool {
    matches!(rest, [] | [b'/' | b'?' | b'#', ..])
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
        let renamed = renamed.and_then(|renamed| renamed.value(name, value));
        head.field(name, renamed.as_deref().unwrap_or(value))?;
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
            ("/", "/api/", "http://127.0.0.1:9001/x", Some("/api/x")),
            (
                "/",
                "/api/",
                "http://127.0.0.1:9000/api/x",
                Some("/api/api/x"),
            ),
            ("/", "/api/", "/x", Some("/api/x")),
            ("/", "/api/", "http://other/x", None),
            ("/", "/api/", "http://127.0.0.1:90001/x", None),
            ("/", "/api/", "//other/x", None),
            ("/", "/api/", "x", None),
            ("/", "/api/", "http://h:80/x", Some("http://h:80/api/x")),
            ("/", "/api/", "https://H:80/", Some("https://H:80/api/")),
            ("/", "/api/", "http://h:8080/x", None),
            ("/", "/api/", "http://h/x", None),
            ("/", "/api/", "http://h:80@evil/x", None),
            ("/", "/api/", "http://h:80", None),
            ("/", "/api/", "http://h:80/api/x", None),
            ("/", "/api/", "/api/x", None),
            ("/", "/api/", "/api", None),
            ("/", "/api/", "/api?x", None),
            ("/", "/api/", "/apix", Some("/api/apix")),
            ("/v1", "/", "/v1/x", Some("/x")),
            ("/v1", "/", "/v1", Some("/")),
            ("/v1", "/", "/v1?x", Some("/?x")),
            ("/", "/api", "/x", Some("/api/x")),
            ("/", "/api", "/", Some("/api")),
            ("/v1/", "/", "/v1/x", Some("/x")),
            ("/v1", "/api", "/v1", Some("/api")),
            ("/v1", "/api", "/v1/x", Some("/api/x")),
            ("/v1", "/api", "/v1?x", Some("/api?x")),
            ("/v1", "/api", "/v1#x", Some("/api#x")),
            ("/v1", "/api", "/v10/x", None),
            ("/v1", "/api", "/v1.html", None),
            ("/v1", "/api", "http://h:80/v1/x", Some("http://h:80/api/x")),
            ("/v1/", "/api/", "/v1/x", Some("/api/x")),
            ("/v1/", "/api/", "/v1", None),
        ];
        for (path, prefix, given, expected) in table {
            let renamed = Renamed {
                origins: ["http://127.0.0.1:9000", "http://127.0.0.1:9001"]
                    .map(str::to_owned)
                    .to_vec(),
                host: Some(b"h:80".to_vec()),
                path: path.to_owned(),
                prefix: prefix.to_owned(),
            };
            let value = |name: &str, value: &str| {
                let renamed = renamed.value(name, value.as_bytes());
                renamed.map(|bytes| String::from_utf8(bytes).unwrap())
            };
            for name in ["Location", "content-location"] {
                assert_eq!(value(name, given).as_deref(), expected, "{path} {given}");
            }
            assert_eq!(value("X-Location", given), None);
            for (start, end) in [("0;url=", ""), ("5; URL='", "'"), ("5; Url=\"", "\" ")] {
                assert_eq!(
                    value("Refresh", &format!("{start}{given}{end}")),
                    expected.map(|it| format!("{start}{it}{end}")),
                    "{path} {given}"
                );
            }
            assert_eq!(value("Refresh", "5"), None);
        }
    }
}

//! Reading a request's content whole, with a limit.
//!
//! # Theory
//!
//! A client chooses how much it sends, so each reader here takes a limit in bytes. Behind a
//! [`Router`](crate::Router) the content has been received before the handler runs, and reading it
//! does not wait; elsewhere it waits for the client.
//!
//! | what is wrong | status |
//! |---|---|
//! | the content is longer than the limit | 413 |
//! | its Content-Type is another one | 415 |
//! | its syntax is malformed, or the client broke off | 400 |
//! | it is well-formed, and not what was expected | 422 |
//! | it came too slowly | 408 |
//!
//! ```
//! use tinyhttp_server::{Error, Request, Router};
//!
//! fn greet(request: Request<'_>) -> Result<String, Error> {
//!     let form = request.into_form(4096)?;
//!     Ok(format!("hello {}\n", form.get("name").unwrap_or("you")))
//! }
//!
//! let app = Router::new().post("/greet", greet);
//! let form = Request::post("/greet", "name=A+%26+B")
//!     .with_header("content-type", "application/x-www-form-urlencoded");
//! assert_eq!(app.call(form).into_text()?, "hello A & B\n");
//! assert_eq!(app.call(Request::post("/greet", "{}")).status(), 415);
//! # Ok::<(), std::io::Error>(())
//! ```

use crate::error::Error;
use crate::form::Form;
use crate::request::Request;
use bytes::Bytes;
use http::StatusCode;
use std::io::{self, Read};

impl Request<'_> {
    /// The content, up to `limit` bytes.
    ///
    /// # Errors
    /// 413 for more, 400 if the client breaks off, 408 if it is too slow.
    pub fn into_bytes(self, limit: u64) -> Result<Bytes, Error> {
        let body = self.into_body();
        if body.length().is_some_and(|length| length > limit) {
            return Err(too_long(limit));
        }
        let mut content = Vec::new();
        let read = body.take(limit.saturating_add(1)).read_to_end(&mut content);
        read.map_err(unreadable)?;
        if content.len() as u64 > limit {
            return Err(too_long(limit));
        }
        Ok(content.into())
    }

    /// The content as text, up to `limit` bytes, whatever its media type is.
    ///
    /// # Errors
    /// As [`into_bytes`](Self::into_bytes); 415 if it has a charset other than UTF-8, 400 if it is
    /// not UTF-8.
    pub fn into_text(self, limit: u64) -> Result<String, Error> {
        let charset = self
            .media_type()
            .and_then(|kind| parameter(&kind, "charset"));
        let is_utf8 = |charset: &String| {
            charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("us-ascii")
        };
        if charset.is_some_and(|charset| !is_utf8(&charset)) {
            return Err(unsupported("Send text in UTF-8."));
        }
        let content = self.into_bytes(limit)?;
        String::from_utf8(content.into()).map_err(|error| {
            Error::new(StatusCode::BAD_REQUEST, "The content is not UTF-8.").with_cause(error)
        })
    }

    /// The content as a value of type `T`, from JSON (RFC 8259) of up to `limit` bytes.
    ///
    /// # Errors
    /// As [`into_bytes`](Self::into_bytes); 415 unless its media type is `application/json` or ends
    /// in `+json`, 400 if it is not JSON, 422 if it is no `T`.
    #[cfg(feature = "json")]
    pub fn into_json<T: serde::de::DeserializeOwned>(self, limit: u64) -> Result<T, Error> {
        let kind = self.media_type().unwrap_or_default();
        let (essence, _) = kind.split_once(';').unwrap_or((&kind, ""));
        let essence = essence.trim().to_ascii_lowercase();
        if essence != "application/json" && !essence.ends_with("+json") {
            return Err(unsupported("Send JSON, with its media type."));
        }
        let content = self.into_bytes(limit)?;
        serde_json::from_slice(&content).map_err(|error| {
            let status = match error.classify() {
                serde_json::error::Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
                _ => StatusCode::BAD_REQUEST,
            };
            // It says what was expected, and where.
            Error::new(status, error.to_string()).with_cause(error)
        })
    }

    /// The pairs of a form that was sent as `application/x-www-form-urlencoded`, of up to `limit`
    /// bytes.
    ///
    /// # Errors
    /// As [`into_bytes`](Self::into_bytes); 415 for another media type, 400 if it is malformed or
    /// not UTF-8.
    pub fn into_form(self, limit: u64) -> Result<Form, Error> {
        if !self.has_media_type("application/x-www-form-urlencoded") {
            return Err(unsupported("Send a form, as browsers do."));
        }
        let content = self.into_bytes(limit)?;
        Form::parse(&content).ok_or(Error::new(
            StatusCode::BAD_REQUEST,
            "The form is malformed.",
        ))
    }

    /// The value of Content-Type; `None` if it is missing or not text.
    fn media_type(&self) -> Option<String> {
        let value = self.field("content-type")?;
        Some(std::str::from_utf8(value).ok()?.to_owned())
    }

    /// Whether the content has this media type, with whatever parameters.
    pub(crate) fn has_media_type(&self, wanted: &str) -> bool {
        self.media_type().is_some_and(|kind| {
            let essence = kind.split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case(wanted)
        })
    }
}

/// The value of a media type's parameter (RFC 9110 §5.6.6).
pub(crate) fn parameter(media_type: &str, name: &str) -> Option<String> {
    let (_, mut rest) = media_type.split_once(';')?;
    loop {
        let (key, value) = rest.split_once('=')?;
        let (value, behind) = match value.strip_prefix('"') {
            Some(quoted) => {
                let mut text = String::new();
                let mut chars = quoted.char_indices();
                let end = loop {
                    match chars.next()? {
                        (_, '\\') => text.push(chars.next()?.1),
                        (at, '"') => break at,
                        (_, char) => text.push(char),
                    }
                };
                (text, &quoted[end + 1..])
            }
            None => {
                let end = value.find(';').unwrap_or(value.len());
                (value[..end].trim().to_owned(), &value[end..])
            }
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = behind.trim_start().strip_prefix(';')?;
    }
}

pub(crate) fn too_long(limit: u64) -> Error {
    let explanation = format!("The content of this request is longer than {limit} bytes.");
    Error::new(StatusCode::PAYLOAD_TOO_LARGE, explanation)
}

pub(crate) fn unsupported(explanation: &'static str) -> Error {
    Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, explanation)
}

pub(crate) fn unreadable(error: io::Error) -> Error {
    let status = match error.kind() {
        io::ErrorKind::TimedOut => StatusCode::REQUEST_TIMEOUT,
        _ => StatusCode::BAD_REQUEST,
    };
    Error::new(status, "The content of this request can't be read.").with_cause(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_media_types() {
        let table = [
            ("a/b", None),
            ("a/b; x=1", Some("1")),
            ("a/b;y=2; X = 1 ", Some("1")),
            ("a/b; y=\"a;x=2\\\"\"; x=\"1 \\\" 2\"", Some("1 \" 2")),
            ("a/b; x=\"1", None),
            ("a/b; x", None),
        ];
        for (media_type, value) in table {
            assert_eq!(parameter(media_type, "x").as_deref(), value, "{media_type}");
        }
    }

    #[test]
    fn limits_and_media_types() {
        let request = |kind: &str, content: &str| {
            Request::post("/", content.to_owned()).with_header("content-type", kind)
        };
        assert_eq!(request("a/b", "12345").into_bytes(5).unwrap(), "12345");
        assert_eq!(
            request("a/b", "12345").into_bytes(4).unwrap_err().status(),
            413
        );
        assert_eq!(request("a/b", "1").into_bytes(u64::MAX).unwrap(), "1");
        let table = [
            ("text/plain", 200),
            ("text/plain; charset=UTF-8", 200),
            ("text/plain; charset=\"utf-8\"", 200),
            ("text/plain; charset=latin1", 415),
        ];
        for (kind, status) in table {
            let text = request(kind, "ä").into_text(10);
            let got = text.map_or_else(|error| error.status().as_u16(), |_| 200);
            assert_eq!(got, status, "{kind}");
        }
        let invalid = Request::post("/", vec![0xff]).into_text(10).unwrap_err();
        assert_eq!(invalid.status(), 400);
        let form = "application/x-www-form-urlencoded";
        let table = [
            (form, "a=%zz", 400),
            (form, "a=%ff", 400),
            ("text/plain", "a=b", 415),
        ];
        for (kind, content, status) in table {
            let error = request(kind, content).into_form(100).unwrap_err();
            assert_eq!(error.status(), status, "{content}");
        }
    }

    #[test]
    fn a_reader_without_a_length_is_bounded() {
        let endless = crate::Body::reader(io::repeat(b'x'), None);
        let request = Request::post("/", endless);
        assert_eq!(request.into_bytes(1000).unwrap_err().status(), 413);
    }

    #[cfg(feature = "json")]
    #[test]
    fn json_has_a_status_for_each_fault() {
        let table = [
            ("application/json", "[1, 2]", 200),
            ("application/problem+json; charset=utf-8", "[1, 2]", 200),
            ("text/json", "[1, 2]", 415),
            ("application/json", "[1, 2", 400),
            ("application/json", "[1, \"2\"]", 422),
            ("application/json", "{}", 422),
        ];
        for (kind, content, status) in table {
            let request = Request::post("/", content).with_header("content-type", kind);
            let read = request.into_json::<Vec<u32>>(100);
            let got = read.map_or_else(|error| error.status().as_u16(), |_| 200);
            assert_eq!(got, status, "{kind} {content}");
        }
    }
}

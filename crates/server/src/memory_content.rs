//! Content that a handler has in memory, sent whole, in parts, or not at all, as the request asks.

use crate::body::Body;
use crate::random;
use crate::request::Request;
use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use std::time::SystemTime;
use tinyhttp_message::conditional::{EntityTag, Validators};
use tinyhttp_message::date::HttpDate;
use tinyhttp_message::range::{ByteRange, MultipartByteranges};
use tinyhttp_message::selection::{Representation, Selection, select};

/// Content that a handler has produced, and what identifies this version of it.
///
/// [`respond`](Self::respond) applies the request's preconditions and ranges (RFC 9110 §13, §14),
/// so that a client can revalidate its copy, resume a download, and seek in a video, as with files.
/// Without a tag and a date it applies ranges alone.
///
/// The whole content is in memory. For content from elsewhere, call
/// [`select`](crate::message::selection::select) and build the response from its outcome.
///
/// ```
/// use http::header::HeaderValue;
/// use tinyhttp_server::MemoryContent;
///
/// let report = MemoryContent::new(HeaderValue::from_static("text/csv"), "year,sum\n2026,17\n")
///     .with_etag(HeaderValue::from_static("\"2026-17\""));
///
/// let request = http::Request::get("/report").header("range", "bytes=0-7").body(())?;
/// let response = report.clone().respond(&request.into());
/// assert_eq!(response.status(), 206);
/// assert_eq!(response.headers()["content-range"], "bytes 0-7/17");
/// assert_eq!(std::io::read_to_string(response.into_body())?, "year,sum");
///
/// let request = http::Request::get("/report").header("if-none-match", "\"2026-17\"");
/// let response = report.respond(&request.body(())?.into());
/// assert_eq!(response.status(), 304);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct MemoryContent {
    bytes: Bytes,
    content_type: HeaderValue,
    etag: Option<HeaderValue>,
    modified: Option<SystemTime>,
}

impl MemoryContent {
    /// Content of a media type, without validators.
    pub fn new(content_type: HeaderValue, bytes: impl Into<Bytes>) -> Self {
        MemoryContent {
            bytes: bytes.into(),
            content_type,
            etag: None,
            modified: None,
        }
    }

    /// Sets the entity tag, quotes included, which must change whenever the content does. A value
    /// that is not an entity tag (RFC 9110 §8.8.3) is neither sent nor compared.
    #[must_use]
    pub fn with_etag(mut self, etag: HeaderValue) -> Self {
        self.etag = Some(etag);
        self
    }

    /// Sets the time of the last change, which is sent in whole seconds.
    #[must_use]
    pub fn with_modified(mut self, modified: SystemTime) -> Self {
        self.modified = Some(modified);
        self
    }

    /// Responds to a GET or HEAD: 200, 206, 304, 412 or 416. For other methods it responds with the
    /// whole content, or 412 if a precondition fails.
    ///
    /// The caller may add fields that belong to any of these, such as Cache-Control and Vary.
    #[must_use]
    pub fn respond(self, request: &Request<'_>) -> Response<Body> {
        let now = HttpDate::from(SystemTime::now());
        let etag = self.etag.as_ref();
        let etag = etag.and_then(|etag| EntityTag::parse(etag.as_bytes()));
        let representation = Representation {
            length: Some(self.bytes.len() as u64),
            validators: Validators::new(etag, self.modified.map(HttpDate::from), now),
        };
        let selection = select(request.method(), request.headers(), &representation, now);
        let (body, content_type) = match &selection {
            Selection::Whole => (self.bytes.clone(), Some(self.content_type.clone())),
            Selection::Part(range) => {
                let part = self.bytes.slice(range.indices());
                (part, Some(self.content_type.clone()))
            }
            Selection::Parts(ranges) => {
                let (body, content_type) = self.parts(ranges);
                (body, Some(content_type))
            }
            Selection::NotModified
            | Selection::PreconditionFailed
            | Selection::RangeNotSatisfiable => (Bytes::new(), None),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = selection.status();
        let fields = response.headers_mut();
        fields.extend(selection.fields(&representation));
        if let Some(content_type) = content_type {
            fields.insert(CONTENT_TYPE, content_type);
        }
        response
    }

    /// A `multipart/byteranges` body and its Content-Type. The parts are disjoint, so it is at most
    /// as long as the content and the heads of the parts.
    fn parts(&self, ranges: &[ByteRange]) -> (Bytes, HeaderValue) {
        let length = self.bytes.len() as u64;
        let multipart =
            MultipartByteranges::new(random::boundary(), Some(&self.content_type), ranges, length);
        let mut body = Vec::new();
        for part in multipart.parts() {
            body.extend_from_slice(&part.head);
            body.extend_from_slice(&self.bytes[part.range.indices()]);
        }
        body.extend_from_slice(&multipart.closing_delimiter());
        (body.into(), multipart.content_type())
    }
}

impl Request<'_> {
    /// Responds with content that the handler has in memory, or with what this request asks of it
    /// (RFC 9110 §13, §14): a part, or that the client's copy is fresh.
    ///
    /// ```
    /// use tinyhttp_server::{HeaderValue, MemoryContent, Request};
    ///
    /// let csv = HeaderValue::from_static("text/csv");
    /// let report = MemoryContent::new(csv, "year,sum\n2026,17\n");
    /// let request = Request::get("/").with_header("range", "bytes=-8");
    /// let response = request.serve(report);
    /// assert_eq!(response.status(), 206);
    /// assert_eq!(response.into_text()?, "2026,17\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn serve(&self, content: MemoryContent) -> crate::response::Response {
        content.respond(self).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::read_to_string;
    use std::time::{Duration, UNIX_EPOCH};

    fn respond(method: &str, fields: &str) -> (u16, Response<Body>) {
        let mut request = http::Request::builder().method(method);
        for (name, value) in fields.split(" | ").filter_map(|line| line.split_once(": ")) {
            request = request.header(name, value);
        }
        let content = MemoryContent::new(HeaderValue::from_static("text/plain"), "0123456789")
            .with_etag(HeaderValue::from_static("\"v2\""))
            .with_modified(UNIX_EPOCH + Duration::from_millis(784_111_777_900));
        let response = content.respond(&request.body(()).unwrap().into());
        (response.status().as_u16(), response)
    }

    #[test]
    fn responses() {
        // Method, fields => status, content, Content-Range.
        let table = r#"
            GET => 200 0123456789
            HEAD => 200 0123456789
            GET range: bytes=2-4 => 206 234 bytes 2-4/10
            GET range: bytes=-3 => 206 789 bytes 7-9/10
            GET range: bytes=10- => 416 - bytes */10
            GET if-none-match: "v2" => 304 -
            GET if-modified-since: Sun, 06 Nov 1994 08:49:37 GMT => 304 -
            GET if-match: "v1" => 412 -
            GET range: bytes=2-4 | if-range: "v1" => 200 0123456789
            POST if-match: "v2" => 200 0123456789
        "#;
        for (case, outcome) in table::cases(table) {
            let ([method], fields) = table::words(case);
            let ([status, content], content_range) = table::words(outcome);
            let status: u16 = status.parse().unwrap();
            let (got, response) = respond(method, fields);
            assert_eq!(got, status, "{method} {fields}");
            let headers = response.headers();
            let range = headers
                .get("content-range")
                .map_or("", |v| v.to_str().unwrap());
            assert_eq!(range, content_range, "{method} {fields}");
            let has_content = status < 300;
            assert_eq!(
                headers.contains_key("content-type"),
                has_content,
                "{fields}"
            );
            assert_eq!(
                headers.contains_key("last-modified"),
                has_content,
                "{fields}"
            );
            assert_eq!(headers.contains_key("etag"), status < 400, "{fields}");
            let got = read_to_string(response.into_body()).unwrap();
            assert_eq!(got, content.trim_start_matches('-'), "{case}");
        }
    }

    #[test]
    fn several_parts_are_framed() {
        let content = vec![b'x'; 1000];
        let content = MemoryContent::new(HeaderValue::from_static("text/plain"), content);
        let request = http::Request::get("/").header("range", "bytes=0-1,-2");
        let response = content.respond(&request.body(()).unwrap().into());
        assert_eq!(response.status(), 206);
        let content_type = response.headers()["content-type"].to_str().unwrap();
        assert!(content_type.starts_with("multipart/byteranges; boundary="));
        assert!(!response.headers().contains_key("content-range"));
        let body = read_to_string(response.into_body()).unwrap();
        assert!(body.contains("Content-Range: bytes 0-1/1000\r\n\r\nxx\r\n"));
        assert!(body.contains("Content-Range: bytes 998-999/1000\r\n\r\nxx\r\n"));
        assert!(body.contains("Content-Type: text/plain\r\n") && body.ends_with("--\r\n"));
    }

    #[test]
    fn a_malformed_tag_is_not_sent() {
        let content = MemoryContent::new(HeaderValue::from_static("text/plain"), "x")
            .with_etag(HeaderValue::from_static("unquoted"));
        let request = http::Request::get("/").header("if-none-match", "unquoted");
        let response = content.respond(&request.body(()).unwrap().into());
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("etag"));
    }
}

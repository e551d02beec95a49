//! What to send for a GET or HEAD: all of a representation, parts of it, or none (RFC 9110 §13,
//! §14).
//!
//! # Theory
//!
//! A handler that has produced content can leave three decisions to the request. The order is that
//! of RFC 9110 §13.2.2:
//!
//! ```text
//!   If-Match, If-Unmodified-Since ── false ──▶ 412  the client's assumption is wrong
//!        │
//!   If-None-Match, If-Modified-Since ─ known ─▶ 304  the client has this content already
//!        │
//!   Range, with If-Range ── outside ──────────▶ 416  the content is shorter than that
//!        │            └─── inside ────────────▶ 206  one part, or several
//!        └────────────────────────────────────▶ 200  all of it
//! ```
//!
//! [`select`] makes these decisions from the method, the request's fields, and what the handler
//! knows of its content: its length and its validators. It is asked only about a request that would
//! otherwise succeed: a 404 stays a 404. For other methods than GET and HEAD it evaluates the
//! preconditions alone, so [`Selection::Whole`] means that the method may be performed.
//!
//! A selection names its [status](Selection::status) and [its fields](Selection::fields). The
//! caller adds those that describe the content: Content-Type, Cache-Control, Vary.
//!
//! # Example
//!
//! ```
//! use http::{HeaderMap, Method, StatusCode};
//! use tinyhttp_message::conditional::{EntityTag, Validators};
//! use tinyhttp_message::date::HttpDate;
//! use tinyhttp_message::selection::{Representation, Selection, select};
//!
//! let now = HttpDate::from_unix_seconds(1_750_000_000);
//! let content = b"0123456789";
//! let representation = Representation {
//!     length: Some(content.len() as u64),
//!     validators: Validators::new(EntityTag::parse(b"\"v1\""), None, now),
//! };
//!
//! let mut fields = HeaderMap::new();
//! fields.insert("range", "bytes=2-4".parse()?);
//! let selection = select(&Method::GET, &fields, &representation, now);
//! let Selection::Part(range) = selection else { panic!("{selection:?}") };
//! assert_eq!(&content[range.indices()], b"234");
//! assert_eq!(selection.status(), StatusCode::PARTIAL_CONTENT);
//!
//! let written: HeaderMap = selection.fields(&representation).collect();
//! assert_eq!(written["content-range"], "bytes 2-4/10");
//! assert_eq!(written["etag"], "\"v1\"");
//!
//! fields.insert("if-none-match", "\"v1\"".parse()?);
//! assert_eq!(select(&Method::GET, &fields, &representation, now), Selection::NotModified);
//! # Ok::<(), http::header::InvalidHeaderValue>(())
//! ```

use crate::conditional::{Outcome, Preconditions, Validators};
use crate::date::HttpDate;
use crate::range::{ByteRange, ContentRange, Parts, Resolved, resolve};
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, StatusCode};

/// What a handler knows of its content.
#[derive(Clone, Copy, Debug, Default)]
pub struct Representation<'a> {
    /// The length in bytes; `None` if it is not known or parts can't be sent, so that Range is
    /// ignored.
    pub length: Option<u64>,
    /// The entity tag and the date of the last change, as far as they are known.
    pub validators: Validators<'a>,
}

/// What to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// 200: all of the content. For other methods than GET and HEAD: perform the method.
    Whole,
    /// 206: one part.
    Part(ByteRange),
    /// 206: 2 to [`MAX_PARTS`](crate::range::MAX_PARTS) parts, disjoint, in the client's order.
    /// They are sent as [`MultipartByteranges`](crate::range::MultipartByteranges); sending the
    /// whole content is right, too.
    Parts(Vec<ByteRange>),
    /// 304: the client's copy is current.
    NotModified,
    /// 412: the content is not what the client assumes.
    PreconditionFailed,
    /// 416: every range begins after the end.
    RangeNotSatisfiable,
}

/// Decides what a request gets of a representation at `now`, which is the response's Date.
///
/// `fields` are `(name, value)` pairs: `&http::HeaderMap`, or names as `&str` and values as
/// `&[u8]`. Range is applied to GET alone (§14.2), and ignored if it comes in several lines.
pub fn select<'f, N, V>(
    method: &Method,
    fields: impl IntoIterator<Item = (N, &'f V)>,
    representation: &Representation<'_>,
    now: HttpDate,
) -> Selection
where
    N: AsRef<[u8]>,
    V: AsRef<[u8]> + ?Sized + 'f,
{
    let (mut range, mut ranges) = (None, 0);
    let fields = fields.into_iter().inspect(|(name, value)| {
        let name = name.as_ref();
        if name.len() == 5 && name.eq_ignore_ascii_case(b"range") {
            range = Some((*value).as_ref());
            ranges += 1;
        }
    });
    let preconditions = Preconditions::from_fields(fields);
    let validators = &representation.validators;
    match preconditions.evaluate(method, Some(validators), now) {
        Outcome::Proceed => {}
        Outcome::NotModified => return Selection::NotModified,
        Outcome::PreconditionFailed => return Selection::PreconditionFailed,
    }
    let applies = *method == Method::GET && ranges == 1;
    let range = range.filter(|_| applies && preconditions.if_range(validators, now));
    let Some((range, length)) = range.zip(representation.length) else {
        return Selection::Whole;
    };
    match resolve(range, length) {
        Resolved::Whole => Selection::Whole,
        Resolved::Partial(Parts::One(range)) => Selection::Part(range),
        Resolved::Partial(Parts::Many(ranges)) => Selection::Parts(ranges),
        Resolved::Unsatisfiable => Selection::RangeNotSatisfiable,
    }
}

impl Selection {
    /// The status code of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Selection::Whole => StatusCode::OK,
            Selection::Part(_) | Selection::Parts(_) => StatusCode::PARTIAL_CONTENT,
            Selection::NotModified => StatusCode::NOT_MODIFIED,
            Selection::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Selection::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        }
    }

    /// The fields that follow from the selection: Accept-Ranges, Content-Range, ETag and
    /// Last-Modified, each where it belongs. A 304 has Last-Modified only in the place of a missing
    /// ETag (§15.4.5). The Content-Type of several parts is the caller's to write.
    pub fn fields(
        &self,
        representation: &Representation<'_>,
    ) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let validators = &representation.validators;
        let has_content = matches!(
            self,
            Selection::Whole | Selection::Part(_) | Selection::Parts(_)
        );
        let is_current = has_content || *self == Selection::NotModified;
        let etag = validators
            .etag
            .filter(|_| is_current)
            .and_then(|etag| HeaderValue::try_from(etag.to_bytes()).ok());
        let date = has_content || (is_current && etag.is_none());
        let last_modified = validators
            .last_modified
            .filter(|_| date)
            .and_then(|date| HeaderValue::from_bytes(&date.write()).ok());
        let accept_ranges = has_content.then(|| {
            HeaderValue::from_static(if representation.length.is_some() {
                "bytes"
            } else {
                "none"
            })
        });
        let content_range = self
            .content_range(representation)
            .and_then(|range| HeaderValue::try_from(range.to_string()).ok());
        [
            (header::ACCEPT_RANGES, accept_ranges),
            (header::CONTENT_RANGE, content_range),
            (header::ETAG, etag),
            (header::LAST_MODIFIED, last_modified),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }

    /// The Content-Range of the response: of one part, and of a 416. Several parts have one each.
    fn content_range(&self, representation: &Representation<'_>) -> Option<ContentRange> {
        match self {
            Selection::Part(range) => Some(ContentRange::Satisfied {
                range: *range,
                complete_length: representation.length,
            }),
            Selection::RangeNotSatisfiable => Some(ContentRange::Unsatisfied {
                complete_length: representation.length?,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditional::EntityTag;
    use http::HeaderMap;

    const NOW: HttpDate = HttpDate::from_unix_seconds(1_750_000_000);
    // Sat, 29 Oct 1994 19:43:31 GMT
    const CHANGED: HttpDate = HttpDate::from_unix_seconds(783_459_811);

    /// The selection in one line: the status, and the fields that follow from it.
    fn show(method: &str, fields: &str, representation: &Representation<'_>) -> String {
        let method: Method = method.parse().unwrap();
        let fields = table::fields(fields).map(|(name, value)| (name, value.as_bytes()));
        let selection = select(&method, fields, representation, NOW);
        let written = selection.fields(representation).map(|(name, value)| {
            let value = value.to_str().unwrap().to_owned();
            match name.as_str() {
                "accept-ranges" => format!("accepts {value}"),
                "content-range" => value,
                "etag" => "tag".to_owned(),
                _ => "date".to_owned(),
            }
        });
        let status = selection.status().as_u16().to_string();
        let parts = match &selection {
            Selection::Parts(parts) => Some(format!("{} parts", parts.len())),
            _ => None,
        };
        let words: Vec<_> = [status].into_iter().chain(parts).chain(written).collect();
        words.join(", ")
    }

    #[test]
    fn selections() {
        // Method, fields, and the selection of 10,000 bytes with the tag "v2".
        let table = r#"
            GET => 200, accepts bytes, tag, date
            HEAD => 200, accepts bytes, tag, date
            GET Range: bytes=0-9 => 206, accepts bytes, bytes 0-9/10000, tag, date
            GET RANGE: bytes=-1 => 206, accepts bytes, bytes 9999-9999/10000, tag, date
            GET Range: bytes=0-0,-1 => 206, 2 parts, accepts bytes, tag, date
            GET Range: bytes=10000- => 416, bytes */10000
            GET Range: lines=1-2 => 200, accepts bytes, tag, date
            GET Range: bytes=0-9 | Range: bytes=0-9 => 200, accepts bytes, tag, date
            HEAD Range: bytes=0-9 => 200, accepts bytes, tag, date
            PUT Range: bytes=0-9 => 200, accepts bytes, tag, date
            GET If-None-Match: "v2" => 304, tag
            HEAD If-None-Match: "v2" | Range: bytes=0-9 => 304, tag
            PUT If-None-Match: "v2" => 412
            GET If-Match: "v1" | Range: bytes=0-9 => 412
            GET If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT => 304, tag
            GET Range: bytes=0-9 | If-Range: "v2" => 206, accepts bytes, bytes 0-9/10000, tag, date
            GET Range: bytes=0-9 | If-Range: "v1" => 200, accepts bytes, tag, date
            GET Range: bytes=10000- | If-Range: "v1" => 200, accepts bytes, tag, date
        "#;
        let known = Representation {
            length: Some(10_000),
            validators: Validators::new(EntityTag::parse(b"\"v2\""), Some(CHANGED), NOW),
        };
        table::check(table, |case| {
            let ([method], fields) = table::words(case);
            show(method, fields, &known)
        });
    }

    #[test]
    fn selections_of_content_that_little_is_known_of() {
        let untagged = Representation {
            length: None,
            validators: Validators::new(None, Some(CHANGED), NOW),
        };
        let nothing = Representation::default();
        // Fields, and the selection of content with a date alone, and of content with neither.
        let table = "
            => 200, accepts none, date or 200, accepts none
            Range: bytes=0-9 => 200, accepts none, date or 200, accepts none
            If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT => 304, date or 200, accepts none
            If-None-Match: * => 304, date or 304
        ";
        table::check(table, |fields| {
            let of = |content| show("GET", fields, content);
            format!("{} or {}", of(&untagged), of(&nothing))
        });
    }

    #[test]
    fn fields_come_from_a_header_map() {
        let mut fields = HeaderMap::new();
        fields.insert("range", HeaderValue::from_static("bytes=1-1"));
        let representation = Representation {
            length: Some(2),
            ..Representation::default()
        };
        let selection = select(&Method::GET, &fields, &representation, NOW);
        assert_eq!(selection, Selection::Part(ByteRange::new(1, 1).unwrap()));
    }
}

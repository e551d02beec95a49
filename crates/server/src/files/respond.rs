//! The answer to a request for a representation: 200, 206, 304, 412 or 416.

use super::Failure;
use crate::body::Body;
use crate::body::{Concat, Segment};
use crate::files::content::representation::Representation;
use crate::memory_content::boundary;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, RANGE};
use http::{Method, Response, StatusCode};
use tinyhttp_message::date::HttpDate;
use tinyhttp_message::range::{ByteRange, ContentRange, MultipartByteranges};
use tinyhttp_message::selection::{Representation as Known, Selection, select};

/// Answers GET or HEAD in the order of RFC 9110 §13.2.2: first the preconditions, then the range.
pub(crate) fn respond(
    representation: &Representation,
    method: &Method,
    fields: &HeaderMap,
    now: HttpDate,
) -> Result<Response<Body>, Failure> {
    let known = Known {
        length: representation.divisible_length(),
        validators: representation.validators(now),
    };
    let selection = select(method, fields, &known, now);
    let length = known.length.unwrap_or_default();
    match selection {
        Selection::Whole => Ok(whole(representation, now)),
        Selection::Part(range) => Ok(part(representation, range, length, now)),
        // Each part would take a walk of its own through the directory.
        Selection::Parts(_) if representation.is_archive() => Ok(whole(representation, now)),
        Selection::Parts(ranges) => Ok(parts(representation, &ranges, length, now)),
        Selection::NotModified => Ok(not_modified(representation)),
        Selection::PreconditionFailed => Err(Failure::PreconditionFailed),
        Selection::RangeNotSatisfiable => Err(Failure::RangeNotSatisfiable {
            complete_length: length,
        }),
    }
}

/// The Range field of a GET, if there is one; several are as good as none.
pub(crate) fn range_field<'f>(method: &Method, fields: &'f HeaderMap) -> Option<&'f HeaderValue> {
    if *method != Method::GET {
        return None;
    }
    let mut lines = fields.get_all(RANGE).iter();
    lines.next().filter(|_| lines.next().is_none())
}

fn whole(representation: &Representation, now: HttpDate) -> Response<Body> {
    let mut response = Response::new(representation.whole());
    representation.write_fields(now, response.headers_mut());
    response
}

fn part(
    representation: &Representation,
    range: ByteRange,
    length: u64,
    now: HttpDate,
) -> Response<Body> {
    let mut response = Response::new(representation.part(range).into());
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    representation.write_fields(now, response.headers_mut());
    let content_range = ContentRange::Satisfied {
        range,
        complete_length: Some(length),
    };
    response
        .headers_mut()
        .insert(CONTENT_RANGE, content_range_field(content_range));
    response
}

/// Several parts, streamed: whatever they add up to, only a buffer of it is in memory.
fn parts(
    representation: &Representation,
    ranges: &[ByteRange],
    length: u64,
    now: HttpDate,
) -> Response<Body> {
    let content_type = Some(&representation.metadata().content_type);
    let multipart = MultipartByteranges::new(boundary(), content_type, ranges, length);
    let mut pieces = Vec::with_capacity(2 * ranges.len() + 1);
    for part in multipart.parts() {
        pieces.push(Ok(Segment::Bytes(part.head.clone().into())));
        pieces.push(Ok(representation.part(part.range)));
    }
    pieces.push(Ok(Segment::Bytes(multipart.closing_delimiter().into())));
    let body = Body::reader(Concat::new(pieces), Some(multipart.content_length()));
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    representation.write_fields(now, response.headers_mut());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, multipart.content_type());
    response
}

/// 304 says what the client's copy needs to stay fresh, and nothing that it knows already.
fn not_modified(representation: &Representation) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    representation.write_not_modified_fields(response.headers_mut());
    response
}

pub(crate) fn content_range_field(content_range: ContentRange) -> HeaderValue {
    // `bytes`, digits and a few signs: always a field value.
    HeaderValue::try_from(content_range.to_string())
        .unwrap_or(HeaderValue::from_static("bytes */*"))
}

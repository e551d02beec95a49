//! The response to a request for a representation: 200, 206, 304, 412 or 416.

use super::content::representation::Representation;
use super::failure::Failure;
use crate::body::{Body, Concat, Segment};
use crate::random;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};
use tinyhttp_message::date::HttpDate;
use tinyhttp_message::range::{ByteRange, ContentRange, MultipartByteranges};
use tinyhttp_message::selection::{self, Selection, select};

/// Responds to GET or HEAD: first the preconditions, then the range (RFC 9110 §13.2.2).
pub(crate) fn respond(
    representation: &Representation,
    method: &Method,
    fields: &HeaderMap,
    now: HttpDate,
) -> Result<Response<Body>, Failure> {
    let known = selection::Representation {
        length: representation.divisible_length(),
        validators: representation.validators(now),
    };
    let length = known.length.unwrap_or(0);
    match select(method, fields, &known, now) {
        Selection::Part(range) => Ok(part(representation, range, length, now)),
        Selection::Parts(ranges) if representation.seeks() => {
            Ok(parts(representation, &ranges, length, now))
        }
        Selection::Whole | Selection::Parts(_) => Ok(whole(representation, now)),
        Selection::NotModified => Ok(not_modified(representation)),
        Selection::PreconditionFailed => Err(Failure::PreconditionFailed),
        Selection::RangeNotSatisfiable => Err(Failure::RangeNotSatisfiable {
            complete_length: length,
        }),
    }
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
    // `bytes`, digits and punctuation are always a field value.
    if let Ok(value) = HeaderValue::try_from(content_range.to_string()) {
        response.headers_mut().insert(CONTENT_RANGE, value);
    }
    response
}

/// Several parts as multipart/byteranges, streamed: only a buffer is in memory, whatever they add
/// up to.
fn parts(
    representation: &Representation,
    ranges: &[ByteRange],
    length: u64,
    now: HttpDate,
) -> Response<Body> {
    let content_type = Some(&representation.metadata().content_type);
    let multipart = MultipartByteranges::new(random::boundary(), content_type, ranges, length);
    let mut segments = Vec::with_capacity(2 * ranges.len() + 1);
    for part in multipart.parts() {
        segments.push(Ok(Segment::Bytes(part.head.clone().into())));
        segments.push(Ok(representation.part(part.range)));
    }
    segments.push(Ok(Segment::Bytes(multipart.closing_delimiter().into())));
    let body = Body::reader(Concat::new(segments), Some(multipart.content_length()));
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    representation.write_fields(now, response.headers_mut());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, multipart.content_type());
    response
}

/// A 304 has the fields that the client's copy needs to stay fresh, and no others.
fn not_modified(representation: &Representation) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    representation.write_not_modified_fields(response.headers_mut());
    response
}

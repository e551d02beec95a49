//! Whether a response fits what a download has so far.

use crate::failure::Failure;
use crate::get::output::version::{Version, range_length};
use http::{StatusCode, header};
use tinyhttp_client::{BodyLength, Response};

/// Whether a 206 has the rest of that version: the same validator, coding and length, and as many
/// bytes as it says.
pub(super) fn is_rest(response: &Response, version: &Version) -> bool {
    let is_honest = match response.length() {
        BodyLength::Known(length) => range_length(response.fields()) == Some(length),
        _ => true,
    };
    is_honest && !response.is_decoded() && version.is_that_of(response.fields())
}

/// Whether a 416 means that the part is the whole of that version. Its length alone could be that
/// of another version.
pub(super) fn is_end(response: &Response, version: &Version, length: u64) -> bool {
    let is_whole = version.total == Some(length);
    let has_tag = response.field(header::ETAG.as_str()).is_some();
    match (&version.validator, has_tag) {
        (None, _) => version.total.is_none() || is_whole,
        (Some(_), true) => version.is_that_of(response.fields()),
        (Some(_), false) => is_whole,
    }
}

/// How many bytes of content the response has to have. A part that is not as long as its range is
/// refused.
pub(super) fn announced(response: &Response) -> Result<Option<u64>, Failure> {
    let length = match response.length() {
        BodyLength::Known(length) if !response.is_decoded() => Some(length),
        _ => None,
    };
    if response.status() != StatusCode::PARTIAL_CONTENT || response.is_decoded() {
        return Ok(length);
    }
    match (length, range_length(response.fields())) {
        (Some(length), Some(range)) if length != range => Err(Failure::with_code(
            33,
            format!("the server announced a part of {range} bytes, and sends {length}"),
        )),
        (length, range) => Ok(range.or(length)),
    }
}

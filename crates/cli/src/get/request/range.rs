//! `-r` and `-C` in the request: the part of the response that is asked for, or the part of a file
//! that is sent.
//!
//! | flags | with | field |
//! |---|---|---|
//! | `-r 2-4` | no content | `Range: bytes=2-4` |
//! | `-r 2-4` | `-T`, `-d` | `Content-Range: bytes 2-4/LENGTH` |
//! | `-C 5` | no content | `Range: bytes=5-` |
//! | `-C 5` | `-T` | `Content-Range: bytes 5-LAST/TOTAL`, and the rest of the file |
//! | `-C -` | no content | `Range` from the end of the output file |
//! | `-C -` | `-T` | `Content-Range: bytes 0-LAST/TOTAL`, and all of it |
//! | `-C` | `-d`, `-F` | refused |
//!
//! These are curl's requests. The `Range` of a download that resumes is in `download`.

use super::content::Content;
use crate::failure::Failure;
use crate::get::args::Args;
use crate::get::failure::read_failure;
use http::{StatusCode, header};
use std::path::Path;
use tinyhttp_client::{BodyLength, Response, file_length};

/// `-C`: a byte, or `-` for where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::get) enum Start {
    Byte(u64),
    WhereItEnds,
}

/// The value of `-C`.
pub(in crate::get) fn start(args: &Args) -> Result<Option<Start>, Failure> {
    let Some(given) = &args.download.continue_at else {
        return Ok(None);
    };
    if given == "-" {
        return Ok(Some(Start::WhereItEnds));
    }
    let byte = given.parse().map_err(|_| {
        Failure::with_code(
            2,
            format!("-C {given:?} is neither a number of bytes nor -"),
        )
    });
    byte.map(|byte| Some(Start::Byte(byte)))
}

/// The first byte of an uploaded file that is sent. What the server has of it is unknown, so `-C -`
/// sends all of it.
pub(in crate::get) fn upload_offset(args: &Args) -> Result<u64, Failure> {
    Ok(match start(args)? {
        Some(Start::Byte(byte)) => byte,
        Some(Start::WhereItEnds) | None => 0,
    })
}

/// The field that says which part is asked for, or sent.
pub(in crate::get) fn field(
    args: &Args,
    content: &Content,
) -> Result<Option<(&'static str, String)>, Failure> {
    if let Some(start) = start(args)? {
        return resumed_upload(start, content);
    }
    let Some(range) = &args.request.range else {
        return Ok(None);
    };
    // A number alone is where the part begins, as with curl.
    let is_start = !range.is_empty() && range.bytes().all(|byte| byte.is_ascii_digit());
    let to_the_end = if is_start { "-" } else { "" };
    let range = format!("{range}{to_the_end}");
    Ok(match content {
        Content::None => Some(("Range", format!("bytes={range}"))),
        Content::Bytes(bytes) => sent(&range, Some(bytes.len() as u64)),
        Content::File { path, .. } => sent(&range, length(path)?),
        Content::Stdin => sent(&range, None),
        // What is sent of a form is no part of anything.
        Content::Form(_) => None,
    })
}

fn sent(range: &str, length: Option<u64>) -> Option<(&'static str, String)> {
    let length = length.map_or("*".to_owned(), |length| length.to_string());
    Some(("Content-Range", format!("bytes {range}/{length}")))
}

/// `-C` with content: the rest of a file. Without content it is about the response, and `download`
/// sees to it.
fn resumed_upload(
    start: Start,
    content: &Content,
) -> Result<Option<(&'static str, String)>, Failure> {
    let usage = |what: &str| {
        Failure::with_code(2, what).hint("-C resumes a download, or an upload with -T FILE")
    };
    let path = match content {
        Content::None => return Ok(None),
        Content::File { path, .. } => path,
        Content::Stdin => return Err(usage("-C can't resume what is read from standard input")),
        Content::Bytes(_) => return Err(usage("-C can't be combined with -d or --json")),
        Content::Form(_) => return Err(usage("-C can't be combined with -F")),
    };
    let Some(total) = length(path)? else {
        let what = format!(
            "-C needs a file of known length, and {} has none",
            path.display()
        );
        return Err(Failure::with_code(2, what));
    };
    let first = match start {
        Start::Byte(0) => return Ok(None),
        Start::Byte(first) => first,
        Start::WhereItEnds => 0,
    };
    if total <= first {
        if first == 0 {
            return Ok(None);
        }
        let what = format!(
            "{} has {total} bytes: there is nothing to send from byte {first} on",
            path.display()
        );
        return Err(Failure::with_code(18, what).hint("the upload may be complete already"));
    }
    let last = total - 1;
    Ok(Some((
        "Content-Range",
        format!("bytes {first}-{last}/{total}"),
    )))
}

/// Whether the response to a request for everything from `offset` on, which is not the rest, shows
/// that there is no rest, so that what -C resumes is complete. As with curl, the length decides:
/// that of a whole which came in place of a part, or the one that a 416 names, if it names any.
pub(in crate::get) fn is_complete(response: &Response, offset: u64) -> bool {
    if response.status() == StatusCode::OK {
        return response.length() == BodyLength::Known(offset) && !response.is_decoded();
    }
    let range = response.field(header::CONTENT_RANGE.as_str());
    let total = range.and_then(|range| range.rsplit('/').next()?.trim().parse::<u64>().ok());
    response.status() == StatusCode::RANGE_NOT_SATISFIABLE
        && total.is_none_or(|total| total == offset)
}

fn length(path: &Path) -> Result<Option<u64>, Failure> {
    file_length(path).map_err(|error| read_failure(path, &error))
}

//! Whether a 206 response is the part that was asked for, and how many bytes it announces (RFC 9110
//! §15.3.7).
//!
//! | request | 206 response | verdict |
//! |---|---|---|
//! | without Range | any | refused: a part would pass for the whole |
//! | `bytes=5-9` | `bytes 5-9/20`, or `bytes 5-7/8`: the representation ends there | accepted |
//! | `bytes=5-9` | `bytes 0-4/20`, `bytes 5-7/20`, multipart, or none | refused |
//! | `bytes=0-0,-1` | one part or multipart | taken as it is |
//!
//! The content of a single part has to be exactly as long as its Content-Range says, whatever
//! frames it.

use crate::error::{Error, WrongPart};
use http::{HeaderMap, StatusCode, header};
use tinyhttp_message::range::{ByteRange, ContentRange};
use tinyhttp_message::{BodyLength, decimal};

/// One range of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// `first-last`
    Between(u64, u64),
    /// `first-`
    From(u64),
    /// `-length`
    Last(u64),
    /// Several ranges, or something that isn't counted in bytes.
    Other,
}

/// The number of bytes that the content of a response must have, if it is a single part.
///
/// # Errors
/// [`Error::Part`] for a 206 response that doesn't belong to the request.
pub(crate) fn announced(
    request: &HeaderMap,
    status: StatusCode,
    fields: &HeaderMap,
    length: BodyLength,
) -> Result<Option<u64>, Error> {
    if status != StatusCode::PARTIAL_CONTENT || length == BodyLength::Empty {
        return Ok(None);
    }
    let wrong = |reason| Err(Error::Part { reason });
    let asked = match request.get(header::RANGE) {
        None => return wrong(WrongPart::NotAsked),
        Some(value) => asked(value.as_bytes()),
    };
    let text = fields.get(header::CONTENT_RANGE);
    let range = text.and_then(|value| ContentRange::parse(value.as_bytes()));
    let Some(ContentRange::Satisfied {
        range,
        complete_length,
    }) = range
    else {
        return match asked {
            Asked::Other => Ok(None),
            _ => wrong(WrongPart::Unlabelled),
        };
    };
    if !asked.fits(range, complete_length) {
        let got = ContentRange::Satisfied {
            range,
            complete_length,
        };
        return wrong(WrongPart::Another {
            got: got.to_string(),
        });
    }
    match length {
        BodyLength::Known(length) if length != range.length() => wrong(WrongPart::Length {
            announced: range.length(),
            sent: Some(length),
        }),
        _ => Ok(Some(range.length())),
    }
}

fn asked(value: &[u8]) -> Asked {
    let spec = std::str::from_utf8(value).ok().and_then(|text| {
        let (unit, spec) = text.split_once('=')?;
        unit.eq_ignore_ascii_case("bytes").then_some(spec.trim())
    });
    let Some((first, last)) = spec.and_then(|spec| spec.split_once('-')) else {
        return Asked::Other;
    };
    let number = |text: &str| decimal(text.as_bytes());
    match (first, number(first), last, number(last)) {
        (_, Some(first), _, Some(last)) => Asked::Between(first, last),
        (_, Some(first), "", _) => Asked::From(first),
        ("", _, _, Some(last)) => Asked::Last(last),
        _ => Asked::Other,
    }
}

impl Asked {
    /// Whether that part of a representation is what was asked for.
    fn fits(self, got: ByteRange, complete: Option<u64>) -> bool {
        let ends_it = complete.is_none_or(|complete| got.last() + 1 == complete);
        match self {
            Asked::Between(first, last) => {
                got.first() == first
                    && (got.last() == last || got.last() < last && complete.is_some() && ends_it)
            }
            Asked::From(first) => got.first() == first && ends_it,
            Asked::Last(length) => {
                let length = complete.map_or(length, |complete| complete.min(length));
                ends_it && got.length() == length
            }
            Asked::Other => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_to_be_the_one_that_was_asked_for() {
        let table: &[(&str, &str, bool)] = &[
            ("bytes=5-9", "bytes 5-9/20", true),
            ("Bytes=5-9", "bytes 5-9/*", true),
            ("bytes=5-9", "bytes 5-7/8", true),
            ("bytes=5-9", "bytes 5-7/*", false),
            ("bytes=5-9", "bytes 5-7/20", false),
            ("bytes=5-9", "bytes 5-10/20", false),
            ("bytes=5-9", "bytes 0-4/20", false),
            ("bytes=5-9", "bytes 4-9/20", false),
            ("bytes=5-", "bytes 5-19/20", true),
            ("bytes=5-", "bytes 5-19/*", true),
            ("bytes=5-", "bytes 5-18/20", false),
            ("bytes=5-", "bytes 0-19/20", false),
            ("bytes=-5", "bytes 15-19/20", true),
            ("bytes=-5", "bytes 0-2/3", true),
            ("bytes=-5", "bytes 14-18/20", false),
            ("bytes=-5", "bytes 0-19/20", false),
            ("bytes=5-9", "bytes */20", false),
            ("bytes=5-9", "junk", false),
            ("bytes=0-0,-1", "bytes 0-0/20", true),
            ("lines=5-9", "lines 5-9/20", true),
            ("bytes=+5-9", "bytes 0-0/20", true),
        ];
        for (range, content_range, want) in table {
            let mut request = HeaderMap::new();
            request.insert(header::RANGE, range.parse().unwrap());
            let mut fields = HeaderMap::new();
            fields.insert(header::CONTENT_RANGE, content_range.parse().unwrap());
            let part = StatusCode::PARTIAL_CONTENT;
            let got = announced(&request, part, &fields, BodyLength::UntilClose);
            assert_eq!(got.is_ok(), *want, "{range} {content_range} {got:?}");
        }
    }

    #[test]
    fn lengths() {
        let mut request = HeaderMap::new();
        request.insert(header::RANGE, "bytes=5-9".parse().unwrap());
        let mut fields = HeaderMap::new();
        fields.insert(header::CONTENT_RANGE, "bytes 5-9/20".parse().unwrap());
        let part = StatusCode::PARTIAL_CONTENT;
        let table = [
            (BodyLength::Known(5), Some(Some(5))),
            (BodyLength::Known(4), None),
            (BodyLength::Known(6), None),
            (BodyLength::Known(0), None),
            (BodyLength::Chunked, Some(Some(5))),
            (BodyLength::UntilClose, Some(Some(5))),
            // The response to HEAD.
            (BodyLength::Empty, Some(None)),
        ];
        for (length, want) in table {
            let got = announced(&request, part, &fields, length).ok();
            assert_eq!(got, want, "{length:?}");
        }
        let unasked = announced(&HeaderMap::new(), part, &fields, BodyLength::Chunked);
        assert!(matches!(
            unasked,
            Err(Error::Part {
                reason: WrongPart::NotAsked
            })
        ));
        let whole = announced(&request, StatusCode::OK, &fields, BodyLength::Known(20));
        assert_eq!(whole.ok(), Some(None));
    }
}

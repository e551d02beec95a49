//! Resuming a download without ever joining two versions of it.

use super::Validator;
use http::{HeaderMap, StatusCode, header};
use tinyhttp_message::range::ContentRange;

/// What to do with the response to a request for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Continuation {
    /// It is the rest: append it.
    Append {
        /// Bytes of the whole representation.
        total: Option<u64>,
    },
    /// It is the whole representation, of this version or another: replace everything by it.
    Restart,
    /// Nothing is missing: the caller has the whole representation.
    Complete,
    /// It does not continue the caller's part: discard that, and request the whole.
    Mismatch,
    /// It is another response, most likely an error.
    Other,
}

/// Judges the response to a request for everything from `first` on, up to `last` if that is given,
/// of the version that `validator` names.
#[must_use]
pub fn continuation(
    status: StatusCode,
    fields: &HeaderMap,
    first: u64,
    last: Option<u64>,
    validator: Option<&Validator>,
) -> Continuation {
    let content_range = fields
        .get(header::CONTENT_RANGE)
        .and_then(|value| ContentRange::parse(value.as_bytes()));
    match (status, content_range) {
        (StatusCode::OK, _) => Continuation::Restart,
        (
            StatusCode::PARTIAL_CONTENT,
            Some(ContentRange::Satisfied {
                range,
                complete_length,
            }),
        ) => {
            // A server that doesn't know If-Range sends the rest of whatever it has now.
            let is_same = validator.is_none_or(|old| old.names_version_of(fields));
            let end = last.or(complete_length.map(|total| total - 1));
            let is_rest = end.is_none_or(|end| range.last() == end);
            if range.first() == first && is_rest && is_same {
                Continuation::Append {
                    total: complete_length,
                }
            } else {
                Continuation::Mismatch
            }
        }
        (StatusCode::PARTIAL_CONTENT, _) => Continuation::Mismatch,
        (
            StatusCode::RANGE_NOT_SATISFIABLE,
            Some(ContentRange::Unsatisfied { complete_length }),
        ) => {
            if complete_length == first {
                Continuation::Complete
            } else {
                Continuation::Mismatch
            }
        }
        (StatusCode::RANGE_NOT_SATISFIABLE, _) => Continuation::Mismatch,
        _ => Continuation::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{coding, fields};
    use super::*;

    #[test]
    fn continuations() {
        let table = r#"
            200 => Restart
            # Without its tag it may be of any version.
            206 Content-Range: bytes 5-9/10 => Mismatch
            206 Content-Range: bytes 5-9/* | ETag: "v1" => Append { total: None }
            206 Content-Range: bytes 5-9/10 | ETag: W/"v1" => Mismatch
            206 Content-Range: bytes 5-9/10 | ETag: "v1" => Append { total: Some(10) }
            206 Content-Range: bytes 5-9/10 | ETag: "v2" => Mismatch
            206 Content-Range: bytes 0-9/10 => Mismatch
            206 Content-Range: bytes 5-8/10 => Mismatch
            206 Content-Range: bytes 6-9/10 => Mismatch
            206 Content-Range: junk => Mismatch
            206 => Mismatch
            416 Content-Range: bytes */5 => Complete
            416 Content-Range: bytes */4 => Mismatch
            416 => Mismatch
            404 => Other
            503 => Other
        "#;
        let validator = Validator::from_text("\"v1\"");
        table::check(table, |case| {
            let ([status], lines) = table::words(case);
            let status = status.parse().unwrap();
            let got = continuation(status, &fields(lines), 5, None, validator.as_ref());
            format!("{got:?}")
        });
        let partial = StatusCode::PARTIAL_CONTENT;
        let date = Validator::from_text("Sun, 06 Nov 1994 08:49:37 GMT");
        let table = "
            => Append { total: Some(10) }
            Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT => Append { total: Some(10) }
            Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT => Mismatch
            Last-Modified: yesterday => Mismatch
        ";
        table::check(table, |lines| {
            let fields = fields(&format!("Content-Range: bytes 5-9/10 | {lines}"));
            format!(
                "{:?}",
                continuation(partial, &fields, 5, None, date.as_ref())
            )
        });
        // A segment that ends with byte 6.
        let table = "
            Content-Range: bytes 5-6/10 => Append { total: Some(10) }
            Content-Range: bytes 5-9/10 => Mismatch
            Content-Range: bytes 5-5/10 => Mismatch
        ";
        table::check(table, |lines| {
            format!(
                "{:?}",
                continuation(partial, &fields(lines), 5, Some(6), None)
            )
        });
    }

    /// A range counts the bytes of one coding, so the rest has to be in that of the first response.
    #[test]
    fn the_rest_is_in_the_same_coding() {
        let append = "Append { total: Some(10) }";
        // Content-Encoding of the first response / of the one with the rest.
        let table = "
            / => Append { total: Some(10) }
            / identity => Append { total: Some(10) }
            / gzip => Mismatch
            gzip / GZIP => Append { total: Some(10) }
            gzip / => Mismatch
            gzip / br => Mismatch
            br, gzip / br | Content-Encoding: gzip => Append { total: Some(10) }
            br, gzip / gzip, br => Mismatch
            gzip / gzip, identity => Append { total: Some(10) }
        ";
        table::check(table, |case| {
            let (first, rest) = case.split_once('/').unwrap();
            let encoded = |codings: &str| match codings.trim() {
                "" => fields("ETag: \"v1\" | Content-Range: bytes 5-9/10"),
                codings => fields(&format!(
                    "ETag: \"v1\" | Content-Range: bytes 5-9/10 | Content-Encoding: {codings}"
                )),
            };
            let (first, rest) = (encoded(first), encoded(rest));
            let follow = |validator: &Validator| {
                let partial = StatusCode::PARTIAL_CONTENT;
                format!(
                    "{:?}",
                    continuation(partial, &rest, 5, None, Some(validator))
                )
            };
            let validator = Validator::of(&first).unwrap();
            let got = follow(&validator);
            let stored = Validator::from_text(validator.as_str()).unwrap();
            assert_eq!(follow(&stored), append, "a coding that was not stored");
            let stored = stored.with_coding(coding(&first));
            assert_eq!(follow(&stored), got, "{case}");
            got
        });
    }
}

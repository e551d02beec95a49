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
    use http::HeaderName;

    #[test]
    fn continuations() {
        use Continuation::*;
        let (r, e) = (header::CONTENT_RANGE, header::ETAG);
        type Row = (u16, Vec<(HeaderName, &'static str)>, Continuation);
        let table: Vec<Row> = vec![
            (200, vec![], Restart),
            // Without its tag it may be of any version.
            (206, vec![(r.clone(), "bytes 5-9/10")], Mismatch),
            (
                206,
                vec![(r.clone(), "bytes 5-9/*"), (e.clone(), "\"v1\"")],
                Append { total: None },
            ),
            (
                206,
                vec![(r.clone(), "bytes 5-9/10"), (e.clone(), "W/\"v1\"")],
                Mismatch,
            ),
            (
                206,
                vec![(r.clone(), "bytes 5-9/10"), (e.clone(), "\"v1\"")],
                Append { total: Some(10) },
            ),
            (
                206,
                vec![(r.clone(), "bytes 5-9/10"), (e.clone(), "\"v2\"")],
                Mismatch,
            ),
            (206, vec![(r.clone(), "bytes 0-9/10")], Mismatch),
            (206, vec![(r.clone(), "bytes 5-8/10")], Mismatch),
            (206, vec![(r.clone(), "bytes 6-9/10")], Mismatch),
            (206, vec![(r.clone(), "junk")], Mismatch),
            (206, vec![], Mismatch),
            (416, vec![(r.clone(), "bytes */5")], Complete),
            (416, vec![(r.clone(), "bytes */4")], Mismatch),
            (416, vec![], Mismatch),
            (404, vec![], Other),
            (503, vec![], Other),
        ];
        let validator = Validator::from_text("\"v1\"");
        for (status, list, want) in table {
            let status = StatusCode::from_u16(status).unwrap();
            let got = continuation(status, &fields(&list), 5, None, validator.as_ref());
            assert_eq!(got, want, "{status} {list:?}");
        }
        let partial = StatusCode::PARTIAL_CONTENT;
        let date = Validator::from_text("Sun, 06 Nov 1994 08:49:37 GMT");
        let m = header::LAST_MODIFIED;
        for (list, want) in [
            (vec![], Append { total: Some(10) }),
            (
                vec![(m.clone(), "Sun, 06 Nov 1994 08:49:37 GMT")],
                Append { total: Some(10) },
            ),
            (vec![(m.clone(), "Sun, 06 Nov 1994 08:49:38 GMT")], Mismatch),
            (vec![(m, "yesterday")], Mismatch),
        ] {
            let list = [&list[..], &[(r.clone(), "bytes 5-9/10")]].concat();
            let got = continuation(partial, &fields(&list), 5, None, date.as_ref());
            assert_eq!(got, want, "{list:?}");
        }
        for (value, last, want) in [
            ("bytes 5-6/10", 6, Append { total: Some(10) }),
            ("bytes 5-9/10", 6, Mismatch),
            ("bytes 5-5/10", 6, Mismatch),
        ] {
            let got = continuation(partial, &fields(&[(r.clone(), value)]), 5, Some(last), None);
            assert_eq!(got, want, "{value}");
        }
    }

    /// A range counts the bytes of one coding, so the rest has to be in that of the first response.
    #[test]
    fn the_rest_is_in_the_same_coding() {
        let (r, e, c) = (
            header::CONTENT_RANGE,
            header::ETAG,
            header::CONTENT_ENCODING,
        );
        let append = Continuation::Append { total: Some(10) };
        let table: &[(&[&'static str], &[&'static str], Continuation)] = &[
            (&[], &[], append),
            (&[], &["identity"], append),
            (&[], &["gzip"], Continuation::Mismatch),
            (&["gzip"], &["GZIP"], append),
            (&["gzip"], &[], Continuation::Mismatch),
            (&["gzip"], &["br"], Continuation::Mismatch),
            (&["br, gzip"], &["br", "gzip"], append),
            (&["br, gzip"], &["gzip, br"], Continuation::Mismatch),
            (&["gzip"], &["gzip, identity"], append),
        ];
        for (first, rest, want) in table {
            let encoded = |codings: &[&'static str]| {
                let mut list = vec![(e.clone(), "\"v1\"")];
                list.extend(codings.iter().map(|coding| (c.clone(), *coding)));
                list
            };
            let validator = Validator::of(&fields(&encoded(first))).unwrap();
            let list = [&encoded(rest)[..], &[(r.clone(), "bytes 5-9/10")]].concat();
            let partial = StatusCode::PARTIAL_CONTENT;
            let got = continuation(partial, &fields(&list), 5, None, Some(&validator));
            assert_eq!(got, *want, "{first:?} {rest:?}");
            let stored = Validator::from_text(validator.as_str()).unwrap();
            let got = continuation(partial, &fields(&list), 5, None, Some(&stored));
            assert_eq!(got, append, "a coding that was not stored");
            let stored = stored.with_coding(coding(&fields(&encoded(first))));
            let got = continuation(partial, &fields(&list), 5, None, Some(&stored));
            assert_eq!(got, *want, "{first:?} {rest:?}");
        }
    }
}

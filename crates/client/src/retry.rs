//! Trying again: which failures may pass, how long to wait, and how to go on where a download
//! stopped without ever gluing two versions together.
//!
//! A download goes on like this (RFC 9110 §13.1.5, §14):
//!
//! ```text
//! GET /file                    200  ETag: "v1"   … 3,000 of 9,000 bytes, and the connection breaks
//! GET /file                    206  ETag: "v1"   the rest: append it
//!   Range: bytes=3000-         200  ETag: "v2"   another version, whole: begin anew
//!   If-Range: "v1"             416               nothing is there: it was complete, or has shrunk
//! ```
//!
//! [`continuation`] is that judgement:
//!
//! ```
//! use http::{HeaderMap, StatusCode, header};
//! use tinyhttp_client::retry::{Continuation, Validator, continuation};
//!
//! let mut fields = HeaderMap::new();
//! fields.insert(header::ETAG, "\"v1\"".parse().unwrap());
//! let version = Validator::of(&fields).unwrap();
//!
//! fields.insert(header::CONTENT_RANGE, "bytes 3000-8999/9000".parse().unwrap());
//! let rest = continuation(StatusCode::PARTIAL_CONTENT, &fields, 3000, None, Some(&version));
//! assert_eq!(rest, Continuation::Append { total: Some(9000) });
//! let whole = continuation(StatusCode::OK, &fields, 3000, None, Some(&version));
//! assert_eq!(whole, Continuation::Restart);
//! ```

use crate::error::Error;
use http::{HeaderMap, StatusCode, header};
use std::time::Duration;
use tinyhttp_message::date::HttpDate;
use tinyhttp_message::range::ContentRange;

/// The longest that waits between tries get by doubling.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// The longest that a server can make a client wait: six hours, as in curl.
const LONGEST_ASKED: Duration = Duration::from_secs(6 * 3600);
/// How much older than the response a Last-Modified has to be, so that two versions can't share it
/// (RFC 9110 §8.8.2.2).
const SETTLED: i64 = 60;

impl Error {
    /// Whether the same request may well succeed a little later: the network's or the server's
    /// trouble, not the request's.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Error::Resolve { .. }
                | Error::Connect { .. }
                | Error::ConnectUnix { .. }
                | Error::Timeout { .. }
                | Error::Send { .. }
                | Error::Receive { .. }
                | Error::NoResponse { .. }
                | Error::Incomplete { .. }
        )
    }
}

/// Whether a response with that status code may well be another one a little later.
#[must_use]
pub fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// How long the server asks to wait: seconds, or until a date (RFC 9110 §10.2.3); at most six
/// hours.
#[must_use]
pub fn retry_after(fields: &HeaderMap, now: HttpDate) -> Option<Duration> {
    let value = fields.get(header::RETRY_AFTER)?.as_bytes();
    if let Some(date) = HttpDate::parse(value, now) {
        let seconds = date.unix_seconds() - now.unix_seconds();
        return Some(Duration::from_secs(seconds.max(0) as u64).min(LONGEST_ASKED));
    }
    let text = std::str::from_utf8(value).ok()?;
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)).min(LONGEST_ASKED))
}

/// The wait before each further try: 1 s, 2 s, 4 s, … up to ten minutes.
#[must_use]
pub fn backoff(tries: u32) -> Duration {
    let seconds = 1u64.checked_shl(tries).unwrap_or(u64::MAX);
    Duration::from_secs(seconds).min(LONGEST_WAIT)
}

/// What tells one version of a representation from every other: a strong entity tag, or a date of
/// last modification that is old enough. It is the value of `If-Range`.
///
/// A validator that was taken from a response also knows the content coding: ranges count the bytes
/// of one coding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validator {
    text: String,
    /// In lower case, separated by commas; empty for identity.
    coding: Option<String>,
}

impl Validator {
    /// The response's validator, if it has one that is strong enough.
    #[must_use]
    pub fn of(fields: &HeaderMap) -> Option<Self> {
        let text = |name| fields.get(name).and_then(|value| value.to_str().ok());
        if let Some(tag) = text(header::ETAG)
            && tag.len() >= 2
            && tag.starts_with('"')
            && tag.ends_with('"')
        {
            return Some(Validator::new(tag.to_owned(), fields));
        }
        let far = HttpDate::MAX;
        let modified = HttpDate::parse(text(header::LAST_MODIFIED)?.as_bytes(), far)?;
        let date = HttpDate::parse(text(header::DATE)?.as_bytes(), far)?;
        let is_settled = date.unix_seconds() - modified.unix_seconds() >= SETTLED;
        is_settled.then(|| Validator::new(modified.to_string(), fields))
    }

    fn new(text: String, fields: &HeaderMap) -> Self {
        Validator {
            text,
            coding: Some(coding(fields)),
        }
    }

    /// A validator that was stored as text. It matches any content coding, unless
    /// [`Validator::with_coding`] names one.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let is_plain = !text.is_empty() && !text.contains(char::is_control);
        is_plain.then(|| Validator {
            text: text.to_owned(),
            coding: None,
        })
    }

    /// The same validator for content in that coding, as [`coding`] returns it.
    #[must_use]
    pub fn with_coding(mut self, coding: impl Into<String>) -> Self {
        self.coding = Some(coding.into());
        self
    }

    /// Whether a 206 response is of this version. Its entity tag has to be there, if this is one
    /// (RFC 9110 §15.3.7); a date may be missing, since a server sends it to be on the safe side
    /// only.
    fn names_version_of(&self, fields: &HeaderMap) -> bool {
        if self
            .coding
            .as_ref()
            .is_some_and(|own| *own != coding(fields))
        {
            return false;
        }
        let is_tag = self.text.starts_with('"');
        match fields.get(header::ETAG) {
            Some(tag) if is_tag => tag.as_bytes() == self.text.as_bytes(),
            None if is_tag => false,
            _ => fields.get(header::LAST_MODIFIED).is_none_or(|date| {
                HttpDate::parse(date.as_bytes(), HttpDate::MAX)
                    .is_some_and(|date| date.to_string() == self.text)
            }),
        }
    }

    /// The value of `If-Range`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The content codings of a representation as one list in lower case; empty for identity.
#[must_use]
pub fn coding(fields: &HeaderMap) -> String {
    let names: Vec<String> = fields
        .get_all(header::CONTENT_ENCODING)
        .iter()
        // A value that isn't text differs from every coding's name.
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !matches!(name.as_str(), "" | "identity"))
        .collect();
    names.join(",")
}

/// What to do with the response to a request for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuation {
    /// It is the rest: append it. The whole is so long, if that is known.
    Append {
        /// Bytes of the whole representation.
        total: Option<u64>,
    },
    /// It is the whole representation, of this version or another: begin anew with it.
    Restart,
    /// There is nothing more: what is there is the whole.
    Complete,
    /// It fits nothing that is there: throw that away, and ask for the whole.
    Mismatch,
    /// It is something else: an error, most likely.
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
    use super::*;
    use http::HeaderName;

    fn fields(list: &[(HeaderName, &'static str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn validators() {
        let old = "Sun, 06 Nov 1994 08:49:37 GMT";
        let later = "Sun, 06 Nov 1994 08:50:37 GMT";
        let soon = "Sun, 06 Nov 1994 08:50:36 GMT";
        use header::{DATE, ETAG, LAST_MODIFIED};
        type List<'l> = &'l [(HeaderName, &'static str)];
        let table: &[(List<'_>, Option<&str>)] = &[
            (&[], None),
            (&[(ETAG, "\"v1\"")], Some("\"v1\"")),
            (&[(ETAG, "W/\"v1\"")], None),
            (&[(ETAG, "v1")], None),
            (&[(ETAG, "\"")], None),
            (&[(LAST_MODIFIED, old), (DATE, later)], Some(old)),
            (&[(LAST_MODIFIED, old), (DATE, soon)], None),
            (&[(LAST_MODIFIED, old)], None),
            (&[(LAST_MODIFIED, "yesterday"), (DATE, later)], None),
            (
                &[(ETAG, "W/\"v1\""), (LAST_MODIFIED, old), (DATE, later)],
                Some(old),
            ),
        ];
        for (list, want) in table {
            let got = Validator::of(&fields(list));
            assert_eq!(got.as_ref().map(Validator::as_str), *want, "{list:?}");
        }
    }

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

    #[test]
    fn waits() {
        let now = HttpDate::from_unix_seconds(784_111_777);
        let table = [
            ("120", Some(120)),
            ("0", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("86400", Some(21_600)),
            ("9223372036854775808", Some(21_600)),
            ("99999999999999999999999999", Some(21_600)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(21_600)),
            ("Sat, 01 Jan 0000 00:00:00 GMT", Some(0)),
            ("-5", None),
            ("+5", None),
            ("", None),
            ("soon", None),
        ];
        for (value, want) in table {
            let fields = fields(&[(header::RETRY_AFTER, value)]);
            let got = retry_after(&fields, now).map(|wait| wait.as_secs());
            assert_eq!(got, want, "{value}");
        }
        let waits: Vec<_> = [0, 1, 2, 5, 10, 100]
            .map(|tries| backoff(tries).as_secs())
            .into();
        assert_eq!(waits, [1, 2, 4, 32, 600, 600]);
    }
}

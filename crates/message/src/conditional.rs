//! Conditional requests: entity tags (RFC 9110 §8.8.3) and the `If-*` fields (§13), pure.
//!
//! A representation has up to two *validators*: an entity tag, which names its bytes, and the date they last changed. A client
//! that holds a copy sends a validator back in one of five fields, and so makes its request depend on what is there now:
//!
//! | field | says | else |
//! |---|---|---|
//! | `If-Match` | go on only if it is still one of these (tags compared strongly) | 412 |
//! | `If-Unmodified-Since` | the same by date; ignored beside `If-Match` | 412 |
//! | `If-None-Match` | go on only if it is none of these (tags compared weakly) | 304, or 412 if not GET or HEAD |
//! | `If-Modified-Since` | the same by date, for GET and HEAD; ignored beside `If-None-Match` | 304 |
//! | `If-Range` | apply `Range` only if it is still this one (exactly, and strongly) | the whole representation |
//!
//! [`Preconditions::evaluate`] climbs the first four in the order of §13.2.2, [`Preconditions::if_range`] is the fifth. They are
//! asked only about a request that would otherwise succeed: a 404 stays a 404, and OPTIONS, CONNECT and TRACE know no
//! preconditions (§13.2.1).
//!
//! **Malformed input.** A member of a tag list that isn't an entity tag (unquoted, unterminated, a space inside) matches nothing
//! and leaves the other members standing; members are told apart first, at commas outside quotes, each line by itself. `*`
//! counts if the field holds nothing else. A date that doesn't parse, or several of them, is no condition at all (§13.1.3,
//! §13.1.4); an `If-Range` that doesn't parse is one that fails, since the whole representation is always right.
//!
//! **Dates have one-second resolution.** A file that is written twice in one second has one `Last-Modified` and two contents, so a
//! date counts as a *strong* validator only once its second is over (§8.8.2.2): no later change can share it then. A client must
//! have seen a `Date` later than the `Last-Modified` for the same reason. A date after the present would be worse still, as
//! it would stay put while the file changes; it is replaced by the present ([`last_modified`]).
//!
//! ```
//! use tinyhttp_message::conditional::{EntityTag, Outcome, Preconditions, Validators};
//! use tinyhttp_message::date::HttpDate;
//! use http::Method;
//!
//! let now = HttpDate::from_unix_seconds(1_750_000_000);
//! let mtime = HttpDate::from_unix_seconds(1_700_000_000);
//! let current = Validators::new(EntityTag::parse(br#""v2""#), Some(mtime), now);
//!
//! let fields = [("Host", &b"a.example"[..]), ("If-None-Match", br#""v1", W/"v2""#)];
//! let preconditions = Preconditions::from_fields(fields);
//! assert_eq!(preconditions.evaluate(&Method::GET, Some(&current), now), Outcome::NotModified);
//! assert_eq!(preconditions.evaluate(&Method::PUT, Some(&current), now), Outcome::PreconditionFailed);
//! assert_eq!(preconditions.evaluate(&Method::PUT, None, now), Outcome::Proceed);
//! ```

use http::Method;

use crate::date::HttpDate;
pub use entity_tag::EntityTag;
use entity_tag::members;

mod entity_tag;

/// What the server knows of the selected representation, as it would send it in `ETag` and `Last-Modified`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Validators<'a> {
    /// The entity tag, if there is one.
    pub etag: Option<EntityTag<'a>>,
    /// The date of the last change, not after the present.
    pub last_modified: Option<HttpDate>,
    /// Whether the second of the last change is over, so that the date names one content.
    pub last_modified_is_strong: bool,
}

impl<'a> Validators<'a> {
    /// Validators from a tag and the time of the last change as stored, which may lie in the future or in the present second.
    pub fn new(etag: Option<EntityTag<'a>>, mtime: Option<HttpDate>, now: HttpDate) -> Self {
        Self {
            etag,
            last_modified: mtime.map(|mtime| last_modified(mtime, now)),
            last_modified_is_strong: mtime.is_some_and(|mtime| mtime < now),
        }
    }
}

/// The `Last-Modified` to send at `now`, which is the response's `Date`: never later than that (§8.8.2.1).
pub fn last_modified(mtime: HttpDate, now: HttpDate) -> HttpDate {
    mtime.min(now)
}

/// What the preconditions decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every condition holds, or there is none: perform the method.
    Proceed,
    /// 304: the client's copy is current.
    NotModified,
    /// 412: the method must not be performed.
    PreconditionFailed,
}

/// The five precondition fields of a request, as they came.
#[derive(Clone, Debug, Default)]
pub struct Preconditions<'a> {
    if_match: Lines<'a>,
    if_none_match: Lines<'a>,
    if_modified_since: Lines<'a>,
    if_unmodified_since: Lines<'a>,
    if_range: Lines<'a>,
}

impl<'a> Preconditions<'a> {
    /// Picks the five out of a request's fields in one pass. Allocates only if one of them comes in several lines.
    ///
    /// Takes `(name, value)` pairs of whatever is at hand: `&http::HeaderMap`, or names as `&str` and values as `&[u8]`.
    pub fn from_fields<N, V>(fields: impl IntoIterator<Item = (N, &'a V)>) -> Self
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]> + ?Sized + 'a,
    {
        let mut found = Self::default();
        for (name, value) in fields {
            if let Some(lines) = found.lines_of(name.as_ref()) {
                lines.push(value.as_ref());
            }
        }
        found
    }

    /// Whether the request is unconditional.
    pub fn is_empty(&self) -> bool {
        let tags = self.if_match.is_present() || self.if_none_match.is_present();
        let dates = self.if_modified_since.is_present() || self.if_unmodified_since.is_present();
        !(tags || dates || self.if_range.is_present())
    }

    /// Steps 1 to 4 of §13.2.2. `current` is `None` where the target has no representation yet, as before a first PUT.
    ///
    /// `now` only places two-digit years: a date in the future is compared like any other. (RFC 2616 declared it invalid;
    /// RFC 9110 §13.1.3 doesn't.)
    pub fn evaluate(
        &self,
        method: &Method,
        current: Option<&Validators<'_>>,
        now: HttpDate,
    ) -> Outcome {
        let reading = method == Method::GET || method == Method::HEAD;
        let modified_since = |lines: &Lines<'_>| {
            let date = HttpDate::parse(lines.sole()?, now)?;
            Some(current?.last_modified? > date)
        };

        // 1 and 2: does the client act upon what it has seen?
        let unseen = if self.if_match.is_present() {
            !self.if_match.names(current, EntityTag::matches_strongly)
        } else {
            modified_since(&self.if_unmodified_since) == Some(true)
        };
        if unseen {
            return Outcome::PreconditionFailed;
        }

        // 3 and 4: does the client have it already?
        if self.if_none_match.is_present() {
            let known = self.if_none_match.names(current, EntityTag::matches_weakly);
            match (known, reading) {
                (true, true) => return Outcome::NotModified,
                (true, false) => return Outcome::PreconditionFailed,
                (false, _) => {}
            }
        } else if reading && modified_since(&self.if_modified_since) == Some(false) {
            return Outcome::NotModified;
        }
        Outcome::Proceed
    }

    /// Step 5 of §13.2.2: whether `Range` is to be applied. True if there is no `If-Range`.
    ///
    /// Has a meaning only for a GET with `Range`, after [`evaluate`](Self::evaluate) said [`Outcome::Proceed`].
    pub fn if_range(&self, current: &Validators<'_>, now: HttpDate) -> bool {
        if !self.if_range.is_present() {
            return true;
        }
        let Some(value) = self.if_range.sole() else {
            return false;
        };
        // §13.1.5: a quote among the first three bytes tells a tag from a date.
        if value.iter().take(3).any(|byte| *byte == b'"') {
            let tags = EntityTag::parse(value).zip(current.etag);
            tags.is_some_and(|(theirs, ours)| theirs.matches_strongly(ours))
        } else {
            let dates = HttpDate::parse(value, now).zip(current.last_modified);
            current.last_modified_is_strong && dates.is_some_and(|(theirs, ours)| theirs == ours)
        }
    }

    fn lines_of(&mut self, name: &[u8]) -> Option<&mut Lines<'a>> {
        // The length alone rules out most fields.
        let (expected, lines) = match name.len() {
            8 if name[3] | 0x20 == b'm' => ("if-match", &mut self.if_match),
            8 => ("if-range", &mut self.if_range),
            13 => ("if-none-match", &mut self.if_none_match),
            17 => ("if-modified-since", &mut self.if_modified_since),
            19 => ("if-unmodified-since", &mut self.if_unmodified_since),
            _ => return None,
        };
        name.eq_ignore_ascii_case(expected.as_bytes())
            .then_some(lines)
    }
}

/// The lines of one field. Nearly always none or one, so the first needs no allocation.
#[derive(Clone, Debug, Default)]
struct Lines<'a> {
    first: Option<&'a [u8]>,
    more: Vec<&'a [u8]>,
}

impl<'a> Lines<'a> {
    fn push(&mut self, line: &'a [u8]) {
        match self.first {
            None => self.first = Some(line),
            Some(_) => self.more.push(line),
        }
    }

    fn is_present(&self) -> bool {
        self.first.is_some()
    }

    /// The value of a field that is no list: exactly one line.
    fn sole(&self) -> Option<&'a [u8]> {
        self.first.filter(|_| self.more.is_empty())
    }

    /// Whether the list names the current representation: by `*`, or by a tag that `equal` finds the same as its own.
    fn names(&self, current: Option<&Validators<'_>>, equal: Comparison<'a>) -> bool {
        let Some(current) = current else { return false };
        let lines = self.first.iter().chain(&self.more);
        let (mut asterisk, mut other) = (false, false);
        for member in lines.flat_map(|line| members(line)) {
            if member == b"*" {
                asterisk = true;
                continue;
            }
            other = true;
            let tags = EntityTag::parse(member).zip(current.etag);
            if tags.is_some_and(|(theirs, ours)| equal(theirs, ours)) {
                return true;
            }
        }
        asterisk && !other
    }
}

type Comparison<'a> = fn(EntityTag<'a>, EntityTag<'_>) -> bool;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: HttpDate = HttpDate::from_unix_seconds(1_750_000_000);
    // Sat, 29 Oct 1994 19:43:31 GMT
    const CHANGED: HttpDate = HttpDate::from_unix_seconds(783_459_811);

    fn tag(text: &str) -> EntityTag<'_> {
        EntityTag::parse(text.as_bytes()).unwrap()
    }

    /// Fields as text: `Name: value | Name: value`.
    fn preconditions(fields: &str) -> Preconditions<'_> {
        let fields = fields
            .split(" | ")
            .filter_map(|field| field.split_once(':'));
        Preconditions::from_fields(fields.map(|(name, value)| (name, value.trim().as_bytes())))
    }

    /// The status that follows for a request which would otherwise succeed.
    fn status(fields: &str, method: &Method, current: Option<&Validators<'_>>) -> u16 {
        match preconditions(fields).evaluate(method, current, NOW) {
            Outcome::Proceed => 200,
            Outcome::NotModified => 304,
            Outcome::PreconditionFailed => 412,
        }
    }

    /// The rows of a table: two expected statuses, then fields. A line that starts with # is a remark.
    fn rows(table: &str) -> impl Iterator<Item = (u16, u16, &str)> {
        let rows = table
            .lines()
            .map(str::trim_start)
            .filter(|row| !row.is_empty());
        rows.filter(|row| !row.starts_with('#')).map(|row| {
            let (first, row) = row.split_once(' ').unwrap();
            let (second, fields) = row.split_once(' ').unwrap();
            (first.parse().unwrap(), second.parse().unwrap(), fields)
        })
    }

    #[test]
    fn which_tag_lists_name_the_current_representation() {
        // Of GET: the status with F = If-Match, and with F = If-None-Match. The current tag is "xyzzy".
        let table = r#"
            # The examples of §13.1.1 and §13.1.2.
            200 304 F: "xyzzy"
            200 304 F: "xyzzy", "r2d2xxxx", "c3piozzzz"
            200 304 F: *
            412 304 F: W/"xyzzy"
            412 304 F: W/"xyzzy", W/"r2d2xxxx", W/"c3piozzzz"
            # Lists in several lines, and empty members.
            200 304 F: "r2d2xxxx" | F: "xyzzy"
            412 200 F: "r2d2xxxx" | F: "c3piozzzz"
            200 304 F: , ,"c3piozzzz" ,, "xyzzy",,
            200 304 F: "c3piozzzz","xyzzy"
            412 200 F:
            412 200 F: ,
            # Commas within quotes part nothing.
            412 200 F: "a,"xyzzy",b"
            200 304 F: "a,b", "xyzzy"
            # Malformed members match nothing, and the others stand.
            412 200 F: xyzzy
            200 304 F: xyzzy, "xyzzy"
            200 304 F: "xy zzy, b", "xyzzy"
            412 200 F: "xyzzy" x, "b"
            412 200 F: "xyzzy
            412 200 F: "open, "xyzzy"
            200 304 F: "open | F: "xyzzy"
            # An asterisk stands alone.
            412 200 F: *, "b"
            200 304 F: *, "xyzzy"
            200 304 F: * | F: *
        "#;
        let current = Validators::new(Some(tag(r#""xyzzy""#)), None, NOW);
        for (if_match, if_none_match, lines) in rows(table) {
            for (name, expected) in [("If-Match:", if_match), ("If-None-Match:", if_none_match)] {
                let fields = lines.replace("F:", name);
                assert_eq!(
                    status(&fields, &Method::GET, Some(&current)),
                    expected,
                    "{fields}"
                );
            }
        }
    }

    #[test]
    fn the_ladder_of_13_2_2() {
        // The status of GET and HEAD, and of PUT. The current tag is "v2", the second of the change 19:43:31.
        let table = r#"
            200 200 Host: a | If-Mutch: "z" | Of-Match: "z" | If-None-Mitch: "v2"
            # By date alone.
            304 200 If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT
            304 200 If-Modified-Since: Sat, 29 Oct 1994 19:43:32 GMT
            200 200 If-Modified-Since: Sat, 29 Oct 1994 19:43:30 GMT
            304 200 If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT
            304 200 If-Modified-Since: Saturday, 29-Oct-94 19:43:31 GMT
            304 200 If-Modified-Since: Sat Oct 29 19:43:31 1994
            200 200 If-Modified-Since: yesterday
            200 200 If-Modified-Since:
            200 200 If-Modified-Since: Sat Oct 29 19:43:31 1994 | If-Modified-Since: Sat Oct 29 19:43:31 1994
            200 200 If-Unmodified-Since: Sat, 29 Oct 1994 19:43:31 GMT
            200 200 If-Unmodified-Since: Sat, 29 Oct 1994 19:43:32 GMT
            412 412 If-Unmodified-Since: Sat, 29 Oct 1994 19:43:30 GMT
            200 200 If-Unmodified-Since: 0
            200 200 If-Unmodified-Since: Sat Oct 29 19:43:30 1994 | If-Unmodified-Since: Sat Oct 29 19:43:30 1994
            # By tag alone.
            304 412 If-None-Match: "v2"
            200 200 If-None-Match: "v1"
            304 412 IF-NONE-MATCH: *
            200 200 if-match: *
            412 412 If-Match: "v1"
            # A tag field silences its date field, even if the tag list is malformed.
            200 200 If-Modified-Since: Sat Oct 29 19:43:31 1994 | If-None-Match: "v1"
            200 200 If-Modified-Since: Sat Oct 29 19:43:31 1994 | If-None-Match: v1
            304 412 If-Modified-Since: Sat Oct 29 19:43:30 1994 | If-None-Match: "v2"
            200 200 If-Unmodified-Since: Sat Oct 29 19:43:30 1994 | If-Match: "v2"
            412 412 If-Unmodified-Since: Sat Oct 29 19:43:32 1994 | If-Match: v2
            # 412 comes before 304, and a condition that holds hands over to the next step.
            412 412 If-None-Match: "v2" | If-Match: "v1"
            304 412 If-None-Match: "v2" | If-Match: "v2"
            412 412 If-None-Match: "v2" | If-Unmodified-Since: Sat Oct 29 19:43:30 1994
            304 412 If-None-Match: "v2" | If-Unmodified-Since: Sat Oct 29 19:43:31 1994
            304 200 If-Modified-Since: Sat Oct 29 19:43:31 1994 | If-Match: "v2"
        "#;
        let current = Validators::new(Some(tag(r#""v2""#)), Some(CHANGED), NOW);
        for (reading, writing, fields) in rows(table) {
            assert_eq!(
                status(fields, &Method::GET, Some(&current)),
                reading,
                "GET {fields}"
            );
            assert_eq!(
                status(fields, &Method::HEAD, Some(&current)),
                reading,
                "HEAD {fields}"
            );
            assert_eq!(
                status(fields, &Method::PUT, Some(&current)),
                writing,
                "PUT {fields}"
            );
        }
    }

    #[test]
    fn without_validators_or_without_a_representation() {
        // The status of PUT where nothing is known of the representation, and where there is none.
        let table = r#"
            200 412 If-Match: *
            412 412 If-Match: "a"
            412 200 If-None-Match: *
            200 200 If-None-Match: "a"
            200 200 If-Unmodified-Since: Sat Oct 29 19:43:31 1994
        "#;
        let unknown = Validators::default();
        for (of_unknown, of_none, fields) in rows(table) {
            assert_eq!(
                status(fields, &Method::PUT, Some(&unknown)),
                of_unknown,
                "{fields}"
            );
            assert_eq!(status(fields, &Method::PUT, None), of_none, "{fields}");
        }
    }

    #[test]
    fn if_range_is_exact_and_strong() {
        // The status of a GET with Range where the tag is "v2", and where it is W/"v2".
        let table = r#"
            206 206 Host: a
            206 200 If-Range: "v2"
            200 200 If-Range: W/"v2"
            200 200 If-Range: "v1"
            200 200 If-Range: "v2", "v1"
            200 200 If-Range: *
            200 200 If-Range:
            206 206 If-Range: Sat, 29 Oct 1994 19:43:31 GMT
            206 206 If-Range: Saturday, 29-Oct-94 19:43:31 GMT
            200 200 If-Range: Sat, 29 Oct 1994 19:43:30 GMT
            200 200 If-Range: Sat, 29 Oct 1994 19:43:32 GMT
            200 200 If-Range: "v2" | If-Range: "v2"
        "#;
        for (strong, weak, fields) in rows(table) {
            for (etag, expected) in [(r#""v2""#, strong), (r#"W/"v2""#, weak)] {
                let current = Validators::new(Some(tag(etag)), Some(CHANGED), NOW);
                let applies = preconditions(fields).if_range(&current, NOW);
                assert_eq!(applies, expected == 206, "{fields} {etag}");
            }
        }
    }

    #[test]
    fn a_date_is_strong_once_its_second_is_over_and_never_after_the_present() {
        let at = |offset| HttpDate::from_unix_seconds(NOW.unix_seconds() + offset);
        // (mtime, Last-Modified, strong), in seconds from the present
        for (mtime, date, strong) in [(-1, -1, true), (0, 0, false), (1, 0, false), (99, 0, false)]
        {
            let current = Validators::new(None, Some(at(mtime)), NOW);
            assert_eq!(current.last_modified, Some(at(date)), "{mtime}");
            let if_range = format!("If-Range: {}", at(date));
            assert_eq!(
                preconditions(&if_range).if_range(&current, NOW),
                strong,
                "{mtime}"
            );
        }
        // A file dated in the future counts as changed at every look, not as unchanged until then.
        let current = Validators::new(None, Some(at(99)), NOW);
        let fields = format!("If-Modified-Since: {}", at(-1));
        assert_eq!(status(&fields, &Method::GET, Some(&current)), 200);
    }

    #[test]
    fn collects_from_a_header_map_and_knows_emptiness() {
        let mut map = http::HeaderMap::new();
        map.insert("host", http::HeaderValue::from_static("a"));
        assert!(Preconditions::from_fields(&map).is_empty());
        let names = "if-match if-none-match if-modified-since if-unmodified-since if-range";
        for name in names.split(' ') {
            let mut map = map.clone();
            map.insert(name, http::HeaderValue::from_static(""));
            assert!(!Preconditions::from_fields(&map).is_empty(), "{name}");
        }
    }

    #[test]
    fn a_long_list_takes_one_pass() {
        // A quadratic reading of a megabyte would take minutes.
        let current = Validators::new(Some(tag(r#""b""#)), None, NOW);
        for pattern in [",", "\"", "\",", "\"a\",", "*,a,", "W/"] {
            let long = pattern.repeat((1 << 20) / pattern.len());
            let fields = format!("If-None-Match: {long}");
            assert_eq!(
                status(&fields, &Method::GET, Some(&current)),
                200,
                "{pattern}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(fields: Vec<(prop::sample::Index, Vec<u8>)>, now: i64) {
            let names = ["If-Match", "If-None-Match", "If-Modified-Since", "If-Range", "", "Host"];
            let fields = fields.iter().map(|(name, value)| (name.get(&names), value));
            let preconditions = Preconditions::from_fields(fields);
            let now = HttpDate::from_unix_seconds(now);
            let current = Validators::new(Some(tag(r#""a""#)), Some(CHANGED), now);
            preconditions.evaluate(&Method::GET, Some(&current), now);
            preconditions.if_range(&current, now);
        }
    }
}

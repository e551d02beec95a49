//! Tests of preconditions: fields as text, and the status that follows.

use super::*;
use crate::date::HttpDate;
use http::Method;
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

/// The rows of a table: two expected statuses, then fields. A line that starts with # is a comment.
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
fn tag_lists_that_name_the_current_representation() {
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
    // The status of GET and HEAD, and of PUT. The current tag is "v2", the second of the change
    // 19:43:31.
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
    for (mtime, date, strong) in [(-1, -1, true), (0, 0, false), (1, 0, false), (99, 0, false)] {
        let current = Validators::new(None, Some(at(mtime)), NOW);
        assert_eq!(current.last_modified, Some(at(date)), "{mtime}");
        let if_range = format!("If-Range: {}", at(date));
        assert_eq!(
            preconditions(&if_range).if_range(&current, NOW),
            strong,
            "{mtime}"
        );
    }
    // A file dated in the future counts as changed each time, not as unchanged until then.
    let current = Validators::new(None, Some(at(99)), NOW);
    let fields = format!("If-Modified-Since: {}", at(-1));
    assert_eq!(status(&fields, &Method::GET, Some(&current)), 200);
}

#[test]
fn fields_from_a_header_map() {
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

//! The five `If-*` fields: no input panics, and the outcome follows the order of RFC 9110 §13.2.2.
#![no_main]

use http::Method;
use libfuzzer_sys::fuzz_target;
use tinyhttp_message::conditional::{EntityTag, Outcome, Preconditions, Validators};
use tinyhttp_message::date::HttpDate;

const NOW: HttpDate = HttpDate::from_unix_seconds(1_750_000_000);
const CHANGED: HttpDate = HttpDate::from_unix_seconds(784_111_777);
const NAMES: [&str; 5] = [
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "If-Range",
];

/// The fields of these names.
fn of<'f>(fields: &[(&str, &'f [u8])], names: &[&str]) -> Preconditions<'f> {
    let fields = fields.iter().copied();
    Preconditions::from_fields(fields.filter(|(name, _)| names.contains(name)))
}

fn get(preconditions: &Preconditions<'_>, current: Option<&Validators<'_>>) -> Outcome {
    preconditions.evaluate(&Method::GET, current, NOW)
}

fuzz_target!(|input: &[u8]| {
    // A line: which field it is, and its value.
    let lines = input
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split_first());
    let fields: Vec<(&str, &[u8])> = lines
        .map(|(which, value)| (NAMES[usize::from(*which) % 5], value.trim_ascii()))
        .collect();
    let has = |name: &str| fields.iter().any(|(other, _)| *other == name);
    let all = of(&fields, &NAMES);
    assert_eq!(all.is_empty(), fields.is_empty());

    for tag in [
        None,
        EntityTag::parse(b"\"a\""),
        EntityTag::parse(b"W/\"a\""),
    ] {
        let current = Validators::new(tag, Some(CHANGED), NOW);
        let outcome = get(&all, Some(&current));
        // A field is ignored beside the one that outranks it.
        let mut heard = vec!["If-Range"];
        heard.push(if has("If-Match") {
            "If-Match"
        } else {
            "If-Unmodified-Since"
        });
        heard.push(if has("If-None-Match") {
            "If-None-Match"
        } else {
            "If-Modified-Since"
        });
        assert_eq!(get(&of(&fields, &heard), Some(&current)), outcome);
        // The first pair decides before the second.
        let first = get(&of(&fields, &heard[1..2]), Some(&current));
        let second = get(&of(&fields, &heard[2..3]), Some(&current));
        let both = if first == Outcome::Proceed {
            second
        } else {
            first
        };
        assert_eq!(outcome, both);
        assert_ne!(first, Outcome::NotModified);
        assert_ne!(second, Outcome::PreconditionFailed);
        // Only GET and HEAD get a 304.
        let put = all.evaluate(&Method::PUT, Some(&current), NOW);
        assert_ne!(put, Outcome::NotModified);
        if first != Outcome::Proceed || (has("If-None-Match") && second == Outcome::NotModified) {
            assert_eq!(put, Outcome::PreconditionFailed);
        }
        // Tags that are strongly equal are weakly equal.
        if has("If-Match") && first == Outcome::Proceed {
            let same: Vec<_> = fields
                .iter()
                .filter(|(name, _)| *name == "If-Match")
                .collect();
            let same = Preconditions::from_fields(
                same.into_iter().map(|(_, value)| ("If-None-Match", *value)),
            );
            assert_eq!(get(&same, Some(&current)), Outcome::NotModified);
        }
        if has("If-Range") && tag.is_none_or(EntityTag::is_weak) && all.if_range(&current, NOW) {
            let value = fields
                .iter()
                .find(|(name, _)| *name == "If-Range")
                .expect("it is there")
                .1;
            assert_eq!(HttpDate::parse(value, NOW), Some(CHANGED));
        }
    }
    let nothing = get(&all, None);
    assert_eq!(nothing == Outcome::PreconditionFailed, has("If-Match"));
    assert_ne!(nothing, Outcome::NotModified);
});

//! Request heads: the strict reader accepts each accepted head, and its printed form parses to the
//! same head.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyhttp_message::framing::request_framing;
use tinyhttp_message::{FieldStorage, Limits, RequestHead};
use tinyhttp_message_fuzz::strict;

fuzz_target!(|input: &[u8]| {
    let limits = Limits::default();
    let mut storage = FieldStorage::new();
    let Ok(head) = RequestHead::parse(input, &mut storage, &limits) else {
        return;
    };
    let framing = request_framing(head.version, head.fields.iter());
    // The strict reader needs the content, too.
    if framing.is_ok() {
        let theirs = strict::request(head.raw());
        assert!(
            !matches!(theirs, Err(strict::Not::Allowed(_))),
            "{theirs:?}"
        );
    }
    // Bytes that are not UTF-8 are printed as replacement characters.
    if std::str::from_utf8(input).is_ok() {
        let printed = head.to_string();
        let mut storage = FieldStorage::new();
        let again =
            RequestHead::parse(printed.as_bytes(), &mut storage, &limits).expect("it was a head");
        assert_eq!(
            (&again.method, again.target, again.version),
            (&head.method, head.target, head.version)
        );
        assert!(again.fields.iter().eq(head.fields.iter()));
    }
    if let Ok(request) = head.to_http() {
        assert_eq!(request.headers().len(), head.fields.len());
        for (name, value) in head.fields.iter() {
            assert!(
                request
                    .headers()
                    .get_all(name)
                    .iter()
                    .any(|other| other.as_bytes() == value)
            );
        }
        // Characters that `Uri` refuses are percent-encoded there.
        let (theirs, ours) = (request.uri().query(), head.target.query());
        assert_eq!(theirs.is_some(), ours.is_some());
        assert!(theirs.map(str::len) >= ours.map(str::len));
    }
});

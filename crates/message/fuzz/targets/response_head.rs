//! Response heads: the strict reader accepts each accepted head, and its printed form parses to the
//! same head.
#![no_main]

use http::Method;
use libfuzzer_sys::fuzz_target;
use tinyhttp_message::framing::response_framing;
use tinyhttp_message::{FieldStorage, Limits, ResponseHead};
use tinyhttp_message_fuzz::strict;

fuzz_target!(|input: &[u8]| {
    let limits = Limits::default();
    let mut storage = FieldStorage::new();
    let Ok(head) = ResponseHead::parse(input, &mut storage, &limits) else {
        return;
    };
    if response_framing(&Method::GET, head.status, head.version, head.fields.iter()).is_ok() {
        let theirs = strict::response(b"GET", head.raw(), true);
        assert!(
            !matches!(theirs, Err(strict::Not::Allowed(_))),
            "{theirs:?}"
        );
    }
    if std::str::from_utf8(input).is_ok() {
        let printed = head.to_string();
        let mut storage = FieldStorage::new();
        let again =
            ResponseHead::parse(printed.as_bytes(), &mut storage, &limits).expect("it was a head");
        assert_eq!(
            (again.status, again.reason, again.version),
            (head.status, head.reason, head.version)
        );
        assert!(again.fields.iter().eq(head.fields.iter()));
    }
});

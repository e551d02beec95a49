//! Accept-Encoding and Accept: the choice is on offer and acceptable, nothing on offer is preferred
//! to it, and it does not depend on how a list is spread over lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyhttp_message::negotiate::{Accept, AcceptEncoding, Coding, Quality};

const CODINGS: [Coding; 4] = [Coding::Br, Coding::Zstd, Coding::Gzip, Coding::Identity];
const TYPES: [&str; 4] = ["text/html", "application/json", "text/html;level=1", "a/b"];

fuzz_target!(|input: &[u8]| {
    let lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();

    let codings = AcceptEncoding::from_fields(lines.iter().copied());
    match codings.choose(&CODINGS) {
        Some(coding) => assert!(codings.accepts(coding)),
        None => assert!(!CODINGS.iter().any(|coding| codings.accepts(*coding))),
    }
    for coding in CODINGS {
        assert_eq!(codings.choose(&[coding]).is_some(), codings.accepts(coding));
    }

    let types = Accept::from_fields(lines.iter().copied());
    match types.choose(&TYPES) {
        Some(chosen) => {
            let quality = types.quality(chosen);
            assert!(quality > Quality::ZERO);
            assert!(TYPES.iter().all(|other| types.quality(other) <= quality));
        }
        None => assert!(
            TYPES
                .iter()
                .all(|other| types.quality(other) == Quality::ZERO)
        ),
    }

    if !input.contains(&b'"') {
        let joined = lines.join(&b","[..]);
        assert_eq!(AcceptEncoding::from_fields([&joined[..]]), codings);
        let joined = Accept::from_fields([&joined[..]]);
        assert!(
            TYPES
                .iter()
                .all(|media_type| joined.quality(media_type) == types.quality(media_type))
        );
    }
});

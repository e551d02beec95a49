//! Requests on one connection: the events do not depend on cuts, memory is bounded, and the
//! boundaries are those of the strict reader.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyhttp_message::{Limits, ProtocolError};
use tinyhttp_message_fuzz::{Cut, TIGHT, compare, serve, strict};

fuzz_target!(|input: &[u8]| {
    let Some((seed, input)) = input.split_first() else {
        return;
    };
    let limits = if seed & 1 == 0 {
        Limits::default()
    } else {
        TIGHT
    };
    let whole = serve(input, Cut::Whole, limits);
    for cut in [Cut::Bytewise, Cut::From(u32::from(*seed))] {
        assert_eq!(serve(input, cut, limits), whole, "{cut:?}");
    }
    compare(&whole, input, strict::request, |error| {
        use ProtocolError::*;
        match error {
            RequestLineTooLong { .. } | HeadTooLarge { .. } | TooManyFields { .. } => true,
            ChunkExtensionsTooLong | UnknownExpectation => true,
            _ => false,
        }
    });
});

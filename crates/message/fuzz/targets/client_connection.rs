//! Responses on one connection: the events do not depend on cuts, memory is bounded, and the
//! boundaries are those of the strict reader.
#![no_main]

use http::Method;
use libfuzzer_sys::fuzz_target;
use tinyhttp_message::{Limits, ProtocolError};
use tinyhttp_message_fuzz::{Cut, TIGHT, compare, receive, strict};

fuzz_target!(|input: &[u8]| {
    let Some((seed, input)) = input.split_first() else {
        return;
    };
    let limits = if seed & 1 == 0 {
        Limits::default()
    } else {
        TIGHT
    };
    let method = if seed & 2 == 0 {
        Method::GET
    } else {
        Method::HEAD
    };
    let whole = receive(&method, input, Cut::Whole, limits);
    for cut in [Cut::Bytewise, Cut::From(u32::from(*seed))] {
        assert_eq!(receive(&method, input, cut, limits), whole, "{cut:?}");
    }
    let read = |input: &[u8]| strict::response(method.as_str().as_bytes(), input, true);
    compare(&whole, input, read, |error| {
        use ProtocolError::*;
        match error {
            HeadTooLarge { .. } | TooManyFields { .. } | ChunkExtensionsTooLong => true,
            TooManyInterimResponses | UnexpectedUpgrade => true,
            _ => false,
        }
    });
});

//! The records of a FastCGI response: however they are cut, they mean the same, and what comes out
//! is no longer than what came in.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../src/gateway/fastcgi.rs"]
mod fastcgi;

use fastcgi::{Decoded, Decoder, FastCgiError};

/// Decodes pieces, up to the first fault.
fn decode<'p>(
    pieces: impl Iterator<Item = &'p [u8]>,
) -> (Result<Decoded<'p>, FastCgiError>, bool) {
    let mut decoder = Decoder::default();
    let mut all = Decoded::default();
    for piece in pieces {
        match decoder.decode(piece) {
            Ok(decoded) => {
                assert!(decoded.output.len() + decoded.errors.len() <= piece.len());
                assert!(decoded.unused <= piece.len());
                all.output.to_mut().extend_from_slice(&decoded.output);
                all.errors.extend(decoded.errors);
                all.unused += decoded.unused;
            }
            Err(error) => return (Err(error), false),
        }
    }
    (Ok(all), decoder.has_ended())
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let whole = decode(std::iter::once(bytes));
    assert_eq!(decode(bytes.chunks(usize::from(size) + 1)), whole);
    assert_eq!(decode(bytes.chunks(1)), whole);
    if let (Ok(decoded), has_ended) = whole {
        assert!(has_ended || decoded.unused == 0);
    }
});

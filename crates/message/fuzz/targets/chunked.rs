//! The chunked coding: the result does not depend on cuts, and decoded content survives another
//! round.
#![no_main]

use http::HeaderMap;
use libfuzzer_sys::fuzz_target;
use tinyhttp_message::chunked::{ChunkedDecoder, ChunkedEvent, LAST_CHUNK, encode_chunk};
use tinyhttp_message::{Limits, ProtocolError};

type Decoded = (Vec<u8>, Option<(HeaderMap, usize)>);

fn decode(input: &[u8], steps: &[u8]) -> Result<Decoded, ProtocolError> {
    let limits = Limits::default();
    let mut decoder = ChunkedDecoder::new();
    let (mut content, mut used, mut have) = (Vec::new(), 0, 0);
    let mut steps = steps.iter().cycle();
    while have < input.len() {
        let step = steps
            .next()
            .map_or(input.len(), |step| usize::from(*step).max(1));
        have = (have + step).min(input.len());
        loop {
            let (taken, event) = decoder.decode(&input[used..have], &limits)?;
            used += taken;
            match event {
                ChunkedEvent::NeedMore => break,
                ChunkedEvent::Content(bytes) => content.extend_from_slice(bytes),
                ChunkedEvent::End(trailers) => return Ok((content, Some((trailers, used)))),
            }
        }
    }
    Ok((content, None))
}

fuzz_target!(|input: &[u8]| {
    let (steps, input) = input.split_at(input.len().min(3));
    let whole = decode(input, &[]);
    assert_eq!(decode(input, &[1]), whole);
    assert_eq!(decode(input, steps), whole);
    if let Ok((content, Some((_, used)))) = whole {
        assert!(used <= input.len());
        let mut encoded = Vec::new();
        encode_chunk(&content, &mut encoded);
        encoded.extend_from_slice(LAST_CHUNK);
        let (again, end) = decode(&encoded, steps).expect("it was encoded");
        assert_eq!(again, content);
        assert_eq!(end.map(|(_, used)| used), Some(encoded.len()));
    }
});

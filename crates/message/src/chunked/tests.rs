//! Tests of the chunked coding: every input whole and in pieces, and bounds.

use super::*;
use proptest::prelude::*;

/// Decodes input that arrives in pieces of `step` bytes: content, trailers, and the bytes used.
fn decode(input: &[u8], step: usize) -> Result<Option<(Vec<u8>, HeaderMap, usize)>, ProtocolError> {
    let mut decoder = ChunkedDecoder::new();
    let (mut content, mut used, mut have) = (Vec::new(), 0, 0);
    while have < input.len() {
        have = (have + step).min(input.len());
        loop {
            let (taken, event) = decoder.decode(&input[used..have], &Limits::default())?;
            used += taken;
            match event {
                ChunkedEvent::NeedMore => break,
                ChunkedEvent::Content(bytes) => content.extend_from_slice(bytes),
                ChunkedEvent::End(trailers) => return Ok(Some((content, trailers, used))),
            }
        }
    }
    Ok(None)
}

#[test]
fn whole_bytewise_and_with_trailing_bytes() {
    let table = r#"
        0\r\n\r\n => read
        000\r\n\r\n => read
        5\r\nhello\r\n0\r\n\r\n => read hello
        5\r\nhello\r\nA\r\n0123456789\r\n00\r\n\r\n => read hello0123456789
        a;x=y;z="q"\r\n0123456789\r\n0;last\r\n\r\n => read 0123456789
        1 ;a\r\nx\r\n0\r\n\r\n => read x
        1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n => read x
        5\r\nhel => unfinished
        5\r\nhello\r\n => unfinished
        5\r\nhello\r\n0\r\n => unfinished
        5\r\nhello\r\n0\r\nA: b\r\n => unfinished
        \r\n => InvalidChunkSize
        x\r\n => InvalidChunkSize
        +5\r\nhello\r\n => InvalidChunkSize
        -1\r\n => InvalidChunkSize
        0x5\r\nhello\r\n => InvalidChunkSize
        5_\r\n => InvalidChunkSize
        5 \r\nhello\r\n => InvalidChunkSize
        \x205\r\nhello\r\n => InvalidChunkSize
        ffffffffffffffff\r\n => unfinished
        0ffffffffffffffff\r\n => unfinished
        10000000000000000\r\n => InvalidChunkSize
        5\nhello\r\n => InvalidChunkSize
        5;a\nhello\r\n => BareLineFeed
        5\rxhello => BareCarriageReturn
        5;\0\r\n => InvalidChunkSize
        5\r\nhelloxx0\r\n\r\n => MissingChunkEnd
        5\r\nhello\n0\r\n\r\n => MissingChunkEnd
        5\r\nhello\rx0\r\n\r\n => MissingChunkEnd
        5\r\nhello0\r\n\r\n => MissingChunkEnd
        0\r\nA: b\n\r\n => BareLineFeed
        0\r\nA : b\r\n\r\n => SpaceBeforeColon
        0\r\n A: b\r\n\r\n => LineFolding
    "#;
    table::check(table, |case| {
        let input = table::bytes(case);
        let whole = decode(&input, input.len());
        for step in [1, 3] {
            assert_eq!(decode(&input, step), whole, "{case} by {step}");
        }
        match whole {
            Err(error) => format!("{error:?}"),
            Ok(None) => "unfinished".to_owned(),
            Ok(Some((content, _, used))) => {
                assert_eq!(used, input.len(), "{case}");
                let longer = [&input, &b"GET / HTTP/1.1\r\n"[..]].concat();
                for step in [longer.len(), 1, 3] {
                    let (.., end) = decode(&longer, step).unwrap().unwrap();
                    assert_eq!(end, used, "{case} with trailing bytes");
                }
                format!("read {}", String::from_utf8_lossy(&content))
                    .trim_end()
                    .to_owned()
            }
        }
    });
}

#[test]
fn a_tolerant_decoder_forgives_padding_and_bare_line_feeds() {
    let table = r"
        5\r\nhello\r\n0\r\n\r\n => hello []
        5  \r\nhello\r\n0 \t\r\n\r\n => hello [SpaceAfterChunkSize]
        5\nhello\n0\n\n => hello [BareLineFeed]
        5;a=b\nhello\r\n0\r\nA: b\n\r\n => hello [BareLineFeed]
        5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n => hello [LineFolding]
        5\r\nhello\r\n0\r\nA : b\r\n\r\n => hello [SpaceBeforeColon]
        \x205\r\nhello\r\n => InvalidChunkSize
        5 x\r\nhello\r\n => InvalidChunkSize
        5\r\nhelloxx => MissingChunkEnd
        5\rhello => BareCarriageReturn
    ";
    table::check(table, |case| {
        let input = table::bytes(case);
        let mut decoder = ChunkedDecoder::tolerant();
        let (mut content, mut used) = (Vec::new(), 0);
        loop {
            match decoder.decode(&input[used..], &Limits::default()) {
                Err(error) => return format!("{error:?}"),
                Ok((_, ChunkedEvent::End(_))) => break,
                Ok((_, ChunkedEvent::NeedMore)) => panic!("{case} ends early"),
                Ok((taken, ChunkedEvent::Content(piece))) => {
                    used += taken;
                    content.extend_from_slice(piece);
                }
            }
        }
        let deviations: Vec<_> = decoder.take_deviations().iter().collect();
        format!("{} {deviations:?}", String::from_utf8_lossy(&content))
    });
}

#[test]
fn trailers_are_returned() {
    let (_, trailers, _) = decode(b"0\r\nDigest: x\r\ndigest: y\r\n\r\n", 2)
        .unwrap()
        .unwrap();
    assert_eq!(
        trailers.get_all("digest").iter().collect::<Vec<_>>(),
        ["x", "y"]
    );
}

#[test]
fn extensions_and_trailers_are_bounded() {
    let endless = format!("1;{}", "x".repeat(5000));
    assert_eq!(
        decode(endless.as_bytes(), 100),
        Err(ProtocolError::ChunkExtensionsTooLong)
    );
    // Leading zeros, which have no value, must not be endless.
    let zeros = "0".repeat(5000);
    assert_eq!(
        decode(zeros.as_bytes(), 100),
        Err(ProtocolError::ChunkExtensionsTooLong)
    );
    let many = "1;abc\r\nx\r\n".repeat(2000);
    assert_eq!(
        decode(many.as_bytes(), many.len()),
        Err(ProtocolError::ChunkExtensionsTooLong)
    );
    let trailers = format!("0\r\nA: {}", "x".repeat(40_000));
    assert_eq!(
        decode(trailers.as_bytes(), 100),
        Err(ProtocolError::HeadTooLarge { limit: 32 * 1024 })
    );
    let trailers = format!("0\r\n{}\r\n", "A: b\r\n".repeat(101));
    assert_eq!(
        decode(trailers.as_bytes(), 100),
        Err(ProtocolError::TooManyFields { limit: 100 })
    );
}

proptest! {
    #[test]
    fn encoded_content_decodes(chunks in proptest::collection::vec(".{0,40}", 0..8), step in 1usize..50) {
        let mut wire = Vec::new();
        for chunk in &chunks {
            encode_chunk(chunk.as_bytes(), &mut wire);
        }
        wire.extend_from_slice(LAST_CHUNK);
        let (content, trailers, used) = decode(&wire, step).unwrap().unwrap();
        prop_assert_eq!(content, chunks.concat().into_bytes());
        prop_assert!(trailers.is_empty());
        prop_assert_eq!(used, wire.len());
    }

    #[test]
    fn every_split_decodes_alike(input in "([05aF;x \r\n:]|\r\n|5\r\nhello\r\n|0\r\n\r\n){0,30}", step in 1usize..7) {
        prop_assert_eq!(decode(input.as_bytes(), step), decode(input.as_bytes(), input.len().max(1)));
    }
}

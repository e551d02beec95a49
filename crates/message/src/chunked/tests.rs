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
    let table: &[(&str, Result<Option<&str>, ProtocolError>)] = &[
        ("0\r\n\r\n", Ok(Some(""))),
        ("000\r\n\r\n", Ok(Some(""))),
        ("5\r\nhello\r\n0\r\n\r\n", Ok(Some("hello"))),
        (
            "5\r\nhello\r\nA\r\n0123456789\r\n00\r\n\r\n",
            Ok(Some("hello0123456789")),
        ),
        (
            "a;x=y;z=\"q\"\r\n0123456789\r\n0;last\r\n\r\n",
            Ok(Some("0123456789")),
        ),
        ("1 ;a\r\nx\r\n0\r\n\r\n", Ok(Some("x"))),
        ("1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n", Ok(Some("x"))),
        ("5\r\nhel", Ok(None)),
        ("5\r\nhello\r\n", Ok(None)),
        ("5\r\nhello\r\n0\r\n", Ok(None)),
        ("5\r\nhello\r\n0\r\nA: b\r\n", Ok(None)),
        ("\r\n", Err(ProtocolError::InvalidChunkSize)),
        ("x\r\n", Err(ProtocolError::InvalidChunkSize)),
        ("+5\r\nhello\r\n", Err(ProtocolError::InvalidChunkSize)),
        ("-1\r\n", Err(ProtocolError::InvalidChunkSize)),
        ("0x5\r\nhello\r\n", Err(ProtocolError::InvalidChunkSize)),
        ("5_\r\n", Err(ProtocolError::InvalidChunkSize)),
        ("5 \r\nhello\r\n", Err(ProtocolError::InvalidChunkSize)),
        (" 5\r\nhello\r\n", Err(ProtocolError::InvalidChunkSize)),
        ("ffffffffffffffff\r\n", Ok(None)),
        ("0ffffffffffffffff\r\n", Ok(None)),
        (
            "10000000000000000\r\n",
            Err(ProtocolError::InvalidChunkSize),
        ),
        ("5\nhello\r\n", Err(ProtocolError::InvalidChunkSize)),
        ("5;a\nhello\r\n", Err(ProtocolError::BareLineFeed)),
        ("5\rxhello", Err(ProtocolError::BareCarriageReturn)),
        ("5;\0\r\n", Err(ProtocolError::InvalidChunkSize)),
        ("5\r\nhelloxx0\r\n\r\n", Err(ProtocolError::MissingChunkEnd)),
        ("5\r\nhello\n0\r\n\r\n", Err(ProtocolError::MissingChunkEnd)),
        (
            "5\r\nhello\rx0\r\n\r\n",
            Err(ProtocolError::MissingChunkEnd),
        ),
        ("5\r\nhello0\r\n\r\n", Err(ProtocolError::MissingChunkEnd)),
        ("0\r\nA: b\n\r\n", Err(ProtocolError::BareLineFeed)),
        ("0\r\nA : b\r\n\r\n", Err(ProtocolError::SpaceBeforeColon)),
        ("0\r\n A: b\r\n\r\n", Err(ProtocolError::LineFolding)),
    ];
    for (input, want) in table {
        let want = want.map(|content| content.map(|text| text.as_bytes().to_vec()));
        for step in [input.len(), 1, 3] {
            let got = decode(input.as_bytes(), step);
            assert_eq!(
                got.clone().map(|done| done.map(|(content, ..)| content)),
                want,
                "{input:?} by {step}"
            );
            if let Ok(Some((_, _, used))) = got {
                assert_eq!(used, input.len(), "{input:?}");
                let longer = [input.as_bytes(), b"GET / HTTP/1.1\r\n"].concat();
                assert_eq!(
                    decode(&longer, step).unwrap().unwrap().2,
                    used,
                    "{input:?} with trailing bytes"
                );
            }
        }
    }
}

#[test]
fn a_tolerant_decoder_forgives_padding_and_bare_line_feeds() {
    let table: &[(&str, Result<&str, ProtocolError>, &[Deviation])] = &[
        ("5\r\nhello\r\n0\r\n\r\n", Ok("hello"), &[]),
        (
            "5  \r\nhello\r\n0 \t\r\n\r\n",
            Ok("hello"),
            &[Deviation::SpaceAfterChunkSize],
        ),
        ("5\nhello\n0\n\n", Ok("hello"), &[Deviation::BareLineFeed]),
        (
            "5;a=b\nhello\r\n0\r\nA: b\n\r\n",
            Ok("hello"),
            &[Deviation::BareLineFeed],
        ),
        (
            "5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n",
            Ok("hello"),
            &[Deviation::LineFolding],
        ),
        (
            "5\r\nhello\r\n0\r\nA : b\r\n\r\n",
            Ok("hello"),
            &[Deviation::SpaceBeforeColon],
        ),
        (" 5\r\nhello\r\n", Err(ProtocolError::InvalidChunkSize), &[]),
        (
            "5 x\r\nhello\r\n",
            Err(ProtocolError::InvalidChunkSize),
            &[],
        ),
        ("5\r\nhelloxx", Err(ProtocolError::MissingChunkEnd), &[]),
        ("5\rhello", Err(ProtocolError::BareCarriageReturn), &[]),
    ];
    for (input, want, deviations) in table {
        let mut decoder = ChunkedDecoder::tolerant();
        let (mut content, mut used) = (Vec::new(), 0);
        let got = loop {
            match decoder.decode(&input.as_bytes()[used..], &Limits::default()) {
                Err(error) => break Err(error),
                Ok((_, ChunkedEvent::End(_))) => break Ok(&content[..]),
                Ok((_, ChunkedEvent::NeedMore)) => panic!("{input:?} ends early"),
                Ok((taken, ChunkedEvent::Content(piece))) => {
                    used += taken;
                    content.extend_from_slice(piece);
                }
            }
        };
        assert_eq!(got, want.map(str::as_bytes), "{input:?}");
        if want.is_ok() {
            assert_eq!(
                decoder.take_deviations(),
                deviations.iter().copied().collect(),
                "{input:?}"
            );
        }
    }
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

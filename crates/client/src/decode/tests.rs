//! Tests of the decoders: every coding, cut short, padded and too large.

use super::*;
use flate2::Compression;
use flate2::read::{DeflateEncoder, GzEncoder, ZlibEncoder};

fn all(mut reader: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

fn text() -> Vec<u8> {
    "hello, hello, hello! ".repeat(5000).into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    all(GzEncoder::new(bytes, Compression::fast()))
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 3,
        ..Default::default()
    };
    brotli::BrotliCompress(&mut &bytes[..], &mut encoded, &parameters).unwrap();
    encoded
}

fn decode(bytes: &[u8], codings: &[Decoding]) -> Result<Vec<u8>, Error> {
    let mut decoded = Vec::new();
    Decoder::new(io::Cursor::new(bytes.to_vec()), codings.to_vec())
        .read_to_end(&mut decoded)
        .map(|_| decoded)
        .map_err(|error| Error::from_io(error).unwrap())
}

#[test]
fn every_coding_is_undone_and_none_is_cut_short_in_silence() {
    let text = text();
    let table = [
        (Decoding::Of(Coding::Gzip), gzip(&text)),
        (
            Decoding::Of(Coding::Gzip),
            [gzip(&text[..999]), gzip(&text[999..])].concat(),
        ),
        (
            Decoding::Deflate,
            all(ZlibEncoder::new(&text[..], Compression::fast())),
        ),
        (
            Decoding::Deflate,
            all(DeflateEncoder::new(&text[..], Compression::fast())),
        ),
        (Decoding::Of(Coding::Br), brotli(&text)),
        (
            Decoding::Of(Coding::Zstd),
            zstd::encode_all(&text[..], 1).unwrap(),
        ),
    ];
    for (coding, encoded) in table {
        assert!(decode(&encoded, &[coding]).unwrap() == text, "{coding:?}");
        for cut in [1, 5, encoded.len() / 2, encoded.len() - 1] {
            let result = decode(&encoded[..cut], &[coding]);
            assert!(
                matches!(result, Err(Error::Decode { .. })),
                "{coding:?} cut at {cut}"
            );
        }
        if coding != Decoding::Of(Coding::Br) {
            let surplus = [&encoded[..], b"surplus"].concat();
            let result = decode(&surplus, &[coding]);
            assert!(
                matches!(result, Err(Error::Decode { .. })),
                "{coding:?} with surplus"
            );
        }
        let result = decode(b"this is not encoded at all", &[coding]);
        assert!(matches!(result, Err(Error::Decode { .. })), "{coding:?}");
        assert_eq!(
            decode(b"", &[coding]).unwrap(),
            b"",
            "no content is no content"
        );
    }
}

#[test]
fn what_follows_gzip() {
    let (text, two) = (text(), [gzip(b"one "), gzip(b"two")].concat());
    let padded = |zeros: usize| [gzip(&text), vec![0; zeros]].concat();
    for zeros in [1, 3, 512, 100_000] {
        assert!(
            decode(&padded(zeros), &[Decoding::Of(Coding::Gzip)]).unwrap() == text,
            "{zeros}"
        );
    }
    assert_eq!(
        decode(&two, &[Decoding::Of(Coding::Gzip)]).unwrap(),
        b"one two"
    );
    let layers = [Decoding::Of(Coding::Br), Decoding::Of(Coding::Gzip)];
    let inner = [gzip(&brotli(&text)), vec![0; 9]].concat();
    assert!(decode(&inner, &layers).unwrap() == text);
    for surplus in [
        &b"garbage"[..],
        b"\0\0\0x",
        b"\0\x1f\x8b",
        b"\x1f",
        b"\x1f\x8bgarbage",
        b"\n",
    ] {
        let result = decode(
            &[&gzip(&text)[..], surplus].concat(),
            &[Decoding::Of(Coding::Gzip)],
        );
        assert!(matches!(result, Err(Error::Decode { .. })), "{surplus:?}");
    }
    let result = decode(
        &[&gzip(&text)[..], b"garbage"].concat(),
        &[Decoding::Of(Coding::Gzip)],
    );
    assert!(result.unwrap_err().to_string().contains("follows its end"));
}

#[test]
fn layers() {
    let encoded = gzip(&brotli(&text()));
    assert!(
        decode(
            &encoded,
            &[Decoding::Of(Coding::Br), Decoding::Of(Coding::Gzip)]
        )
        .unwrap()
            == text()
    );
}

#[test]
fn bombs_are_stopped() {
    let zeros = vec![0; 72 << 20];
    let bomb = brotli(&zeros);
    assert!(bomb.len() < 10_000);
    assert!(matches!(
        decode(&bomb, &[Decoding::Of(Coding::Br)]),
        Err(Error::Bomb { .. })
    ));
    let honest = gzip(&zeros);
    assert_eq!(
        decode(&honest, &[Decoding::Of(Coding::Gzip)])
            .unwrap()
            .len(),
        zeros.len()
    );
}

#[test]
fn fields() {
    let table = "
        =>
        Content-Encoding: gzip => Of(Gzip)
        Content-Encoding: X-GZIP => Of(Gzip)
        Content-Encoding: br, gzip => Of(Br) Of(Gzip)
        Content-Encoding: deflate | Content-Encoding: zstd => Deflate Of(Zstd)
        Content-Encoding: identity =>
        Content-Encoding: identity, Identity | Content-Encoding: =>
        Content-Encoding: exotic => refused
        Content-Encoding: gzip, exotic => refused
        Content-Encoding: gzip,gzip,gzip,gzip,gzip => refused
        Content-Encoding: gzip;q=1 => refused
        Content-Encoding: g zip => refused
    ";
    table::check(table, |lines| {
        let mut fields = HeaderMap::new();
        for (_, value) in table::fields(lines) {
            fields.append(http::header::CONTENT_ENCODING, value.parse().unwrap());
        }
        match codings(&fields) {
            Ok(codings) => {
                let codings = codings.iter().map(|coding| format!("{coding:?}"));
                codings.collect::<Vec<_>>().join(" ")
            }
            Err(Error::Decode { .. }) => "refused".to_owned(),
            Err(other) => other.to_string(),
        }
    });
}

//! Requests in FastCGI, SCGI and uwsgi: a reader by the letter of the protocol finds the variables
//! and the content that were written, and nothing else.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../src/gateway/fastcgi.rs"]
mod fastcgi;
#[allow(dead_code)]
#[path = "../../src/gateway/scgi.rs"]
mod scgi;

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn split<'b>(bytes: &mut &'b [u8], length: usize) -> &'b [u8] {
    let (part, rest) = bytes.split_at(length);
    *bytes = rest;
    part
}

/// Reads FastCGI records of a request: types and contents.
fn records(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let header = split(&mut bytes, 8);
        assert_eq!((header[0], &header[2..4]), (1, &[0, 1][..]));
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        found.push((header[1], split(&mut bytes, length)));
        split(&mut bytes, usize::from(header[6]));
    }
    found
}

/// Reads a length of one byte, or four.
fn length(bytes: &mut &[u8]) -> usize {
    match bytes[0] {
        0..=127 => usize::from(split(bytes, 1)[0]),
        _ => {
            let four: [u8; 4] = split(bytes, 4).try_into().expect("four bytes");
            (u32::from_be_bytes(four) & 0x7fff_ffff) as usize
        }
    }
}

fn check_fastcgi(pairs: &Pairs, content: &[u8]) {
    let mut out = Vec::new();
    fastcgi::begin(pairs.iter().map(|(name, value)| (&name[..], &value[..])), &mut out);
    fastcgi::content(content, &mut out);
    fastcgi::end_of_content(&mut out);
    let all = records(&out);
    let of = |kind: u8| -> Vec<&[u8]> {
        let parts = all.iter().filter(|(it, _)| *it == kind);
        parts.map(|(_, content)| *content).collect()
    };
    assert_eq!(of(1).len(), 1);
    for stream in [of(4), of(5)] {
        // Only the last record is empty: that is the end.
        let (last, others) = stream.split_last().expect("an end");
        assert!(last.is_empty() && others.iter().all(|part| !part.is_empty()));
    }
    assert_eq!(all.len(), 1 + of(4).len() + of(5).len());
    assert_eq!(of(5).concat(), content);
    let variables = of(4).concat();
    let mut rest = &variables[..];
    for (name, value) in pairs {
        let (names, values) = (length(&mut rest), length(&mut rest));
        assert_eq!(split(&mut rest, names), name);
        assert_eq!(split(&mut rest, values), value);
    }
    assert!(rest.is_empty());
}

fn check_scgi(pairs: &Pairs, content: u64) {
    let mut out = Vec::new();
    let given = pairs.iter().map(|(name, value)| (&name[..], &value[..]));
    scgi::scgi(content, given, &mut out);
    let colon = out.iter().position(|byte| *byte == b':').expect("a netstring");
    let length: usize = std::str::from_utf8(&out[..colon]).expect("digits").parse().expect("a number");
    let mut rest = &out[colon + 1..];
    let body = split(&mut rest, length);
    assert_eq!(rest, b",");
    let mut texts: Vec<&[u8]> = body.split(|byte| *byte == 0).collect();
    assert_eq!(texts.pop(), Some(&b""[..]));
    assert_eq!(texts.len() % 2, 0, "{}", out.escape_ascii());
    let first = content.to_string();
    assert_eq!(texts[..4], [b"CONTENT_LENGTH", first.as_bytes(), b"SCGI", b"1"]);
    // Neither a second length nor what NUL would cut is written.
    let is_written = |(name, value): &&(Vec<u8>, Vec<u8>)| {
        name != b"CONTENT_LENGTH" && !name.contains(&0) && !value.contains(&0)
    };
    let expected = pairs.iter().filter(is_written);
    let expected = expected.flat_map(|(name, value)| [&name[..], &value[..]]);
    assert!(texts[4..].iter().copied().eq(expected), "{}", out.escape_ascii());
}

fuzz_target!(|input: (Pairs, &[u8], u64)| {
    let (pairs, content, announced) = input;
    check_fastcgi(&pairs, content);
    check_fastcgi(&pairs, &content.repeat(200));
    check_scgi(&pairs, announced);
    let mut out = Vec::new();
    let given = pairs.iter().map(|(name, value)| (&name[..], &value[..]));
    if scgi::uwsgi(given, &mut out).is_err() {
        assert!(out.is_empty());
        return;
    }
    let mut rest = &out[..];
    let header = split(&mut rest, 4);
    assert_eq!((header[0], header[3]), (0, 0));
    assert_eq!(usize::from(u16::from_le_bytes([header[1], header[2]])), rest.len());
    for (name, value) in &pairs {
        for text in [name, value] {
            let length = split(&mut rest, 2);
            let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
            assert_eq!(split(&mut rest, length), text);
        }
    }
    assert!(rest.is_empty());
});

//! Compressed content that isn't, is cut short, goes on behind its end, or unfolds without one.

use crate::script::{Server, get};
use support::Folder;

/// `hello`, in gzip.
const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x07,
    0x00, 0x86, 0xa6, 0x10, 0x36, 0x05, 0x00, 0x00, 0x00,
];

/// Zeros in zstd, 128 KiB for every four bytes (RFC 8878 §3.1.1: blocks of type RLE).
fn bomb(bytes: usize) -> Vec<u8> {
    const BLOCK: usize = 128 * 1024;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    let blocks = bytes / BLOCK;
    for block in 1..=blocks {
        let header = BLOCK << 3 | 1 << 1 | usize::from(block == blocks);
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

fn answer(coding: &str, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), content].concat()
}

#[test]
fn bad_content() {
    let half = &GZIP[..GZIP.len() - 9];
    let surplus = [GZIP, b"garbage"].concat();
    let table: &[(&str, &[u8], i32, &str)] = &[
        ("gzip", GZIP, 0, ""),
        ("gzip", b"this is not gzip at all", 61, "can't be decoded"),
        ("gzip", half, 61, "can't be decoded"),
        ("gzip", &surplus, 61, "follows its end"),
        ("x-gzip", GZIP, 0, ""),
        ("exotic", b"raw", 61, "\"exotic\" is not known"),
        ("gzip, exotic", GZIP, 61, "\"exotic\" is not known"),
        ("exotic, gzip", GZIP, 61, "\"exotic\" is not known"),
        ("compress", b"\x1f\x9d", 61, "\"compress\" is not known"),
        ("identity", b"raw", 0, ""),
        ("br", b"nor is this brotli", 61, "can't be decoded"),
        (
            "zstd",
            b"nor zstd, whatever it says",
            61,
            "can't be decoded",
        ),
        ("deflate", &[0x78, 0x9c, 0xff], 61, "can't be decoded"),
        ("zstd", &bomb(1 << 20), 0, ""),
        ("zstd", &bomb(72 << 20), 63, "unfolds without end"),
    ];
    for (coding, content, code, words) in table {
        let server = Server::answering([answer(coding, content)]);
        let folder = Folder::new();
        let file = folder.join("file");
        let outcome = get(["--compressed", "-o", &file, &server.url("/")]).fails(*code);
        assert!(outcome.stderr.contains(words), "{coding}: {outcome:?}");
        // What isn't whole doesn't get the name.
        assert_eq!(
            folder.names().contains(&"file".to_owned()),
            *code == 0,
            "{coding}"
        );
        if *code != 0 {
            assert!(outcome.stderr.contains("--no-compressed"), "{outcome:?}");
        }
    }
}

#[test]
fn a_coding_that_was_not_asked_for_is_left() {
    let server = Server::answering([answer("gzip", GZIP)]);
    assert_eq!(get([server.url("/")]).succeeds().stdout, GZIP);
    assert!(!server.request().contains("Accept-Encoding"));
}

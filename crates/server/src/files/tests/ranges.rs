//! Preconditions and ranges.

use super::*;
use proptest::prelude::*;
use tinyhttp_message::range::ContentRange;

#[test]
fn preconditions_and_ranges() {
    let site = Site::new(&[("file", "0123456789"), ("empty", "")]);
    let whole = site.get("/file");
    let (etag, date) = (whole.field("etag"), whole.field("last-modified"));
    // The status, the range, and the content; E stands for the file's tag, and D for its date.
    let table = r#"
        If-None-Match: E => 304
        If-None-Match: W/E => 304
        If-None-Match: "a", E => 304
        If-None-Match: * => 304
        If-None-Match: "a" => 200: 0123456789
        If-None-Match: "a" | If-Modified-Since: D => 200: 0123456789
        If-Modified-Since: D => 304
        If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT => 200: 0123456789
        If-Match: E => 200: 0123456789
        If-Match: * => 200: 0123456789
        If-Match: "a" => 412
        If-Match: W/E => 412
        If-Unmodified-Since: D => 200: 0123456789
        If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT => 412
        Range: bytes=2-4 => 206 2-4/10: 234
        Range: bytes=-3 => 206 7-9/10: 789
        Range: bytes=8- => 206 8-9/10: 89
        Range: bytes=8-99 => 206 8-9/10: 89
        Range: bytes=0-1,3-4 => 206 0-4/10: 01234
        Range: bytes=10- => 416 */10
        Range: bytes=18446744073709551616- => 416 */10
        Range: lines=1-2 => 200: 0123456789
        Range: bytes=4-2 => 200: 0123456789
        Range: bytes=0-1 | Range: bytes=2-3 => 200: 0123456789
        Range: bytes=2-4 | If-Range: E => 206 2-4/10: 234
        Range: bytes=2-4 | If-Range: W/E => 200: 0123456789
        Range: bytes=2-4 | If-Range: "a" => 200: 0123456789
        Range: bytes=99- | If-Range: "a" => 200: 0123456789
        Range: bytes=2-4 | If-None-Match: E => 304
        Range: bytes=99- | If-Match: "a" => 412
    "#;
    table::check(table, |fields| {
        let fields = fields
            .replace(": D", &format!(": {date}"))
            .replace('E', etag);
        let answer = site.get_with("/file", &fields);
        let mut seen = answer.status.to_string();
        if let Some(range) = answer.field("content-range").strip_prefix("bytes ") {
            seen += &format!(" {range}");
        }
        match seen.starts_with('4') {
            true => assert!(
                answer
                    .text()
                    .contains(&format!("<title>{} ", answer.status))
            ),
            false => assert_eq!(answer.field("etag"), etag, "{fields}"),
        }
        if answer.status / 100 == 2 {
            seen += &format!(": {}", answer.text());
        }
        seen
    });
    let head = site.answer(http::Request::head("/file").header("range", "bytes=99-"));
    assert_eq!(head.status, 200);
    assert_eq!(site.get_with("/missing", "If-None-Match: *").status, 404);
    let table = [
        ("bytes=0-", 200),
        ("bytes=0-0", 200),
        ("bytes=0-499", 200),
        ("bytes=-1", 200),
        ("bytes=1-", 416),
        ("bytes=-0", 416),
    ];
    for (range, status) in table {
        let answer = site.get_with("/empty", &format!("Range: {range}"));
        assert_eq!(answer.status, status, "{range}");
        let content_range = if status == 416 { "bytes */0" } else { "" };
        assert_eq!(answer.field("content-range"), content_range, "{range}");
    }
}

#[test]
fn positions_beyond_32_and_63_bits() {
    use std::os::unix::fs::FileExt;

    let site = Site::new(&[]);
    let file = File::create(site.path("file")).unwrap();
    file.set_len(5 << 30).unwrap();
    file.write_all_at(b"here", 5_000_000_000).unwrap();
    let table = "
        5000000000-5000000003 => 206 bytes 5000000000-5000000003/5368709120
        -368709120 => 206 bytes 5000000000-5368709119/5368709120
        5368709120- => 416 bytes */5368709120
        9223372036854775808- => 416 bytes */5368709120
        99999999999999999999- => 416 bytes */5368709120
    ";
    for (range, outcome) in table::cases(table) {
        let ([status], content_range) = table::words(outcome);
        let status: u16 = status.parse().unwrap();
        let request = http::Request::get("/file").header("range", format!("bytes={range}"));
        let response = site.files.respond_to(request.body(Body::empty()).unwrap());
        assert_eq!(
            (
                response.status().as_u16(),
                &response.headers()["content-range"]
            ),
            (status, &HeaderValue::from_static(content_range))
        );
        if status == 206 {
            let mut start = [0; 4];
            response.into_body().read_exact(&mut start).unwrap();
            assert_eq!(&start, b"here");
        }
    }
}

/// The parts of a multipart/byteranges response: Content-Range and content.
fn parts(answer: &Answer, media_type: &str) -> Vec<(String, Vec<u8>)> {
    let content_type = answer.field("content-type");
    let boundary = content_type
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    let delimiter = format!("\r\n--{boundary}");
    let content = [b"\r\n", &answer.content[..]].concat();
    let mut parts = Vec::new();
    let mut at = 0;
    loop {
        let rest = &content[at..];
        let rest = rest.strip_prefix(delimiter.as_bytes()).unwrap();
        if rest == b"--\r\n" {
            return parts;
        }
        let end = rest
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n")
            .unwrap();
        let head = std::str::from_utf8(&rest[2..end]).unwrap();
        let (content_type, content_range) = head.split_once("\r\nContent-Range: ").unwrap();
        assert_eq!(content_type, format!("Content-Type: {media_type}"));
        let ContentRange::Satisfied { range, .. } =
            ContentRange::parse(content_range.as_bytes()).unwrap()
        else {
            panic!("{content_range}")
        };
        let (start, length) = (end + 4, range.length() as usize);
        parts.push((
            content_range.to_owned(),
            rest[start..start + length].to_vec(),
        ));
        at = content.len() - rest.len() + start + length;
    }
}

#[test]
fn several_ranges_come_as_multipart() {
    let content: String = (0..1000)
        .map(|number| char::from(b'a' + (number % 26) as u8))
        .collect();
    let site = Site::new(&[("file", &content)]);
    let answer = site.get_with("/file", "Range: bytes=0-1, 500-599, -3");
    assert_eq!((answer.status, answer.field("content-range")), (206, ""));
    let want = [(0, 1), (500, 599), (997, 999)].map(|(first, last)| {
        (
            format!("bytes {first}-{last}/1000"),
            content.as_bytes()[first..=last].to_vec(),
        )
    });
    assert_eq!(parts(&answer, "text/plain; charset=utf-8"), want);
    assert_eq!(answer.field("etag"), site.get("/file").field("etag"));

    let again = site.get_with("/file", "Range: bytes=0-1, 500-599, -3");
    assert_ne!(
        answer.field("content-type"),
        again.field("content-type"),
        "each boundary is new"
    );
}

proptest! {
    #[test]
    fn ranges_of_a_file_are_the_bytes_of_a_model(specs in prop::collection::vec((0..600_usize, 0..600_usize, 0..3), 1..4)) {
        let content: Vec<u8> = (0..500_u32).map(|number| (number * 7 % 251) as u8).collect();
        let binary = HeaderValue::from_static("application/octet-stream");
        let site = Site::with(Options::new().media_type("", binary), &[]);
        fs::write(site.path("file"), &content).unwrap();
        let spec = |(first, more, kind): &(usize, usize, i32)| match kind {
            0 => format!("{first}-{}", first + more),
            1 => format!("{first}-"),
            _ => format!("-{more}"),
        };
        let set: Vec<String> = specs.iter().map(spec).collect();
        let wanted = |at: usize| specs.iter().any(|(first, more, kind)| match kind {
            0 => (*first..=first + more).contains(&at),
            1 => *first <= at,
            _ => content.len() - at <= *more,
        });
        let answer = site.get_with("/file", &format!("Range: bytes={}", set.join(",")));
        let parts = match (answer.status, answer.field("content-range")) {
            (206, "") => parts(&answer, "application/octet-stream"),
            (206, content_range) => vec![(content_range.to_owned(), answer.content.clone())],
            (status, _) => {
                prop_assert_eq!(status, 416);
                prop_assert!(!(0..content.len()).any(wanted));
                return Ok(());
            }
        };
        let mut sent = vec![false; content.len()];
        for (content_range, bytes) in parts {
            let ContentRange::Satisfied { range, complete_length } = ContentRange::parse(content_range.as_bytes()).unwrap() else {
                panic!("{content_range}")
            };
            let positions = range.first() as usize..range.last() as usize + 1;
            prop_assert_eq!(complete_length, Some(500));
            prop_assert_eq!(&content[positions.clone()], &bytes[..]);
            for position in positions {
                prop_assert!(!std::mem::replace(&mut sent[position], true), "no byte is sent twice");
            }
        }
        for (at, sent) in sent.into_iter().enumerate() {
            prop_assert!(sent || !wanted(at));
        }
    }
}

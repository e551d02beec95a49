//! Content codings.

use super::*;
use crate::body::FileVersion;
use std::time::Duration;

fn decode(coding: &str, content: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    match coding {
        "br" => brotli::Decompressor::new(content, 4096).read_to_end(&mut decoded),
        "zstd" => zstd::stream::read::Decoder::new(content)
            .unwrap()
            .read_to_end(&mut decoded),
        "gzip" => flate2::read::GzDecoder::new(content).read_to_end(&mut decoded),
        _ => {
            decoded = content.to_vec();
            Ok(0)
        }
    }
    .unwrap();
    decoded
}

/// Text that compresses well, and varies.
fn text(length: usize) -> String {
    let mut text = String::new();
    for number in 0.. {
        text.push_str(&format!("{number} bottles of beer on the wall, "));
        if text.len() >= length {
            break;
        }
    }
    text.truncate(length);
    text
}

/// Waits until the cache accepts a file.
fn settle(path: &Path) {
    loop {
        let file = File::open(path).unwrap();
        if FileVersion::of_open(&file)
            .unwrap()
            .is_settled(SystemTime::now())
        {
            return;
        }
        // The kernel's clock ticks, which no event announces.
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_client_chooses() {
    let content = text(5000);
    let site = Site::new(&[("a.html", &content)]);
    let table = "
        =>
        Accept-Encoding: gzip, deflate, br, zstd => br
        Accept-Encoding: gzip, zstd => zstd
        Accept-Encoding: gzip => gzip
        Accept-Encoding: x-gzip => gzip
        Accept-Encoding: GZIP => gzip
        Accept-Encoding: gzip;q=0.9, br;q=0.8 => gzip
        Accept-Encoding: gzip;q=0 =>
        Accept-Encoding: * => br
        Accept-Encoding: *, br;q=0 => zstd
        Accept-Encoding: deflate =>
        Accept-Encoding: identity =>
        Accept-Encoding: identity, gzip;q=0.5 =>
        Accept-Encoding: gzip;q=0.5, identity;q=0 => gzip
        # Better something that the client doesn't like than nothing.
        Accept-Encoding: identity;q=0 =>
        Accept-Encoding: gzip | Range: bytes=0-9 =>
        Accept-Encoding: gzip, identity;q=0 | Range: bytes=0-9 => gzip
    ";
    let mut tags = std::collections::BTreeSet::new();
    for (fields, coding) in table::cases(table) {
        let answer = site.get_with("/a.html", fields);
        assert_eq!(answer.field("content-encoding"), coding, "{fields}");
        assert_eq!(answer.field("vary"), "Accept-Encoding", "{fields}");
        assert_eq!(answer.field("content-type"), "text/html; charset=utf-8");
        if fields.contains("Range") && coding.is_empty() {
            assert_eq!((answer.status, answer.text()), (206, &content[..10]));
            continue;
        }
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.field("accept-ranges"),
            if coding.is_empty() { "bytes" } else { "none" }
        );
        assert_eq!(
            decode(coding, &answer.content),
            content.as_bytes(),
            "{fields}"
        );
        assert_eq!(
            answer.content.len() < content.len() / 2,
            !coding.is_empty(),
            "{fields}"
        );
        tags.insert((coding, answer.field("etag").to_owned()));
    }
    let codings: Vec<_> = tags.iter().map(|(coding, _)| *coding).collect();
    assert_eq!(
        codings,
        ["", "br", "gzip", "zstd"],
        "one tag for each coding"
    );
}

#[test]
fn each_coding_has_its_own_validator() {
    let site = Site::new(&[("a.html", &text(5000))]);
    let plain = site.get("/a.html").field("etag").to_owned();
    let gzip = site
        .get_with("/a.html", "Accept-Encoding: gzip")
        .field("etag")
        .to_owned();
    let table = "
        If-None-Match: GZIP | Accept-Encoding: gzip => 304
        If-None-Match: PLAIN | Accept-Encoding: gzip => 200
        If-None-Match: GZIP => 200
        If-None-Match: PLAIN, GZIP => 304
        If-Match: GZIP | Accept-Encoding: gzip => 200
        If-Match: PLAIN | Accept-Encoding: gzip => 412
        If-Range: GZIP | Accept-Encoding: gzip | Range: bytes=0-9 => 200
        If-Range: PLAIN | Accept-Encoding: gzip | Range: bytes=0-9 => 206
        Accept-Encoding: gzip | Range: bytes=9999- => 416
    ";
    for (fields, status) in table::cases(table) {
        let status: u16 = status.parse().unwrap();
        let fields = fields.replace("PLAIN", &plain).replace("GZIP", &gzip);
        let answer = site.get_with("/a.html", &fields);
        assert_eq!(answer.status, status, "{fields}");
        if status < 400 {
            assert_eq!(answer.field("vary"), "Accept-Encoding", "{fields}");
            assert!(!answer.field("etag").is_empty(), "{fields}");
        }
    }
}

#[test]
fn some_things_are_not_worth_it() {
    let site = Site::new(&[
        ("short.html", &text(100)),
        ("a.png", &text(5000)),
        ("a.svg", &text(5000)),
    ]);
    let mut noise = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 24) as u8
    })
    .take(2000)
    .collect();
    fs::write(site.path("noise.txt"), noise).unwrap();
    let table = [
        ("/short.html", "", "Accept-Encoding"),
        ("/a.png", "", ""),
        ("/a.svg", "br", "Accept-Encoding"),
        ("/noise.txt", "", "Accept-Encoding"),
    ];
    for (target, coding, vary) in table {
        let answer = site.get_with(target, "Accept-Encoding: br");
        let got = (answer.field("content-encoding"), answer.field("vary"));
        assert_eq!(got, (coding, vary), "{target}");
    }
    let site = Site::with(Options::new().compress(false), &[("a.html", &text(5000))]);
    let answer = site.get_with("/a.html", "Accept-Encoding: br");
    assert_eq!(answer.field("content-encoding"), "");
}

#[test]
fn sidecars_take_precedence() {
    let site = Site::new(&[
        ("a.js", "original"),
        ("a.png", "original"),
        ("a.png.gz", "gzip"),
    ]);
    fs::write(site.path("a.js.gz"), gzip("gzip")).unwrap();
    let original = File::open(site.path("a.js")).unwrap();
    let modified = original.metadata().unwrap().modified().unwrap();
    let age = |name: &str, age: Duration| {
        let file = File::open(site.path(name)).unwrap();
        file.set_modified(modified - age).unwrap();
    };
    let get = |target: &str, codings: &str| {
        let answer = site.get_with(target, &format!("Accept-Encoding: {codings}"));
        (
            answer.field("content-encoding").to_owned(),
            match answer.field("content-encoding") {
                "gzip" => String::from_utf8(decode("gzip", &answer.content)).unwrap(),
                _ => answer.text().to_owned(),
            },
        )
    };
    let pair = |coding: &str, content: &str| (coding.to_owned(), content.to_owned());
    age("a.js.gz", Duration::ZERO);
    assert_eq!(get("/a.js", "gzip, br"), pair("gzip", "gzip"));
    assert_eq!(
        get("/a.js", "br"),
        pair("", "original"),
        "too short to be compressed"
    );
    assert_eq!(get("/a.png", "gzip"), pair("", "original"));
    fs::write(site.path("a.js.br"), "brotli").unwrap();
    assert_eq!(get("/a.js", "gzip, br"), pair("br", "brotli"));
    assert_eq!(get("/a.js", "gzip, br;q=0.5"), pair("gzip", "gzip"));
    fs::write(site.path("a.js.br"), "better").unwrap();
    assert_eq!(get("/a.js", "gzip, br"), pair("br", "better"));
    age("a.js.br", Duration::from_nanos(1));
    assert_eq!(
        get("/a.js", "gzip, br"),
        pair("gzip", "gzip"),
        "older than the original"
    );
    fs::remove_file(site.path("a.js.gz")).unwrap();
    assert_eq!(get("/a.js", "gzip, br"), pair("", "original"));
    fs::create_dir(site.path("a.js.gz")).unwrap();
    assert_eq!(get("/a.js", "gzip, br"), pair("", "original"));
}

fn gzip(content: &str) -> Vec<u8> {
    let mut compressed = Vec::new();
    let content = std::io::Cursor::new(content.to_owned());
    content::coding::compress(content, Coding::Gzip)
        .read_to_end(&mut compressed)
        .unwrap();
    compressed
}

/// A sidecar from an interrupted build, or one by accident: the next best takes its place.
#[test]
fn sidecars_that_are_no_streams_are_ignored() {
    let content = text(5000);
    let table = r"
        gz => gzip
        gz <!doctype html>, not compressed at all => gzip
        gz \x1f\x8b\x08\0 => gzip
        zst => zstd
        zst \x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0 => zstd
        br => br
        br \x06 => br
    ";
    for (case, coding) in table::cases(table) {
        let (ending, sidecar) = case.split_once(' ').unwrap_or((case, ""));
        let site = Site::new(&[("a.js", &content)]);
        fs::write(site.path(&format!("a.js.{ending}")), table::bytes(sidecar)).unwrap();
        for _ in 0..2 {
            let answer = site.get_with("/a.js", &format!("Accept-Encoding: {coding}"));
            assert_eq!(answer.field("content-encoding"), coding, "{ending}");
            assert_eq!(
                decode(coding, &answer.content),
                content.as_bytes(),
                "{ending}"
            );
        }
        // Another sidecar that is one is better than none.
        if ending == "br" {
            fs::write(site.path("a.js.gz"), gzip("beforehand")).unwrap();
            let answer = site.get_with("/a.js", "Accept-Encoding: br, gzip");
            assert_eq!(answer.field("content-encoding"), "gzip");
        }
    }
}

#[test]
fn a_sidecar_added_later_is_found() {
    let site = Site::new(&[("a.js", &text(5000))]);
    settle(&site.path("a.js"));
    settle(&site.path("."));
    let get = || site.get_with("/a.js", "Accept-Encoding: gzip, br");
    for _ in 0..3 {
        assert_eq!(get().field("content-encoding"), "br");
    }
    let beforehand = gzip("beforehand");
    fs::write(site.path("a.js.gz"), &beforehand).unwrap();
    assert_eq!(
        (get().field("content-encoding"), get().content),
        ("gzip", beforehand)
    );
    fs::remove_file(site.path("a.js.gz")).unwrap();
    assert_eq!(get().field("content-encoding"), "br");
}

#[test]
fn large_files_are_compressed_while_sent_and_then_cached() {
    let content = text(600 * 1024);
    let site = Site::new(&[("a.txt", &content)]);
    settle(&site.path("a.txt"));
    for coding in ["br", "zstd", "gzip"] {
        let fields = format!("Accept-Encoding: {coding}");
        let request = || http::Request::get("/a.txt").header("accept-encoding", coding);
        let respond = || {
            site.files
                .respond_to(request().body(Body::empty()).unwrap())
        };
        assert_eq!(respond().body().length(), None);
        let first = site.get_with("/a.txt", &fields);
        assert_eq!(decode(coding, &first.content), content.as_bytes());
        assert_eq!(respond().body().length(), Some(first.content.len() as u64));
        let second = site.get_with("/a.txt", &fields);
        assert_eq!(
            (second.content, second.fields),
            (first.content, first.fields)
        );
    }
    let other = text(600 * 1024 - 1);
    fs::write(site.path("a.txt"), &other).unwrap();
    let changed = site.get_with("/a.txt", "Accept-Encoding: gzip");
    assert_eq!(decode("gzip", &changed.content), other.as_bytes());
}

#[test]
fn a_worker_has_room_enough_for_it() {
    // A worker's stack is smaller than most.
    let thread = std::thread::Builder::new().stack_size(256 * 1024);
    let compress = || {
        let content = text(300 * 1024);
        let site = Site::new(&[("a.txt", &content), ("b.txt", &content[..100_000])]);
        for (target, coding) in [
            ("/a.txt", "br"),
            ("/b.txt", "zstd"),
            ("/a.txt", "gzip"),
            ("/b.txt", "br"),
        ] {
            let answer = site.get_with(target, &format!("Accept-Encoding: {coding}"));
            assert_eq!(answer.field("content-encoding"), coding);
        }
    };
    thread.spawn(compress).unwrap().join().unwrap();
}

#[test]
fn only_so_many_are_compressed_at_a_time() {
    let site = Site::new(&[("a.txt", &text(300 * 1024))]);
    let coding = |target: &str| {
        let answer = site.get_with(target, "Accept-Encoding: zstd");
        assert!(answer.field("vary").contains("Accept-Encoding"));
        answer.field("content-encoding").to_owned()
    };
    let budget = site.files.store.budget();
    let slots = budget.take(budget.left() - 1024 * 1024).unwrap();
    assert_eq!(
        (coding("/a.txt"), coding("/")),
        (String::new(), String::new())
    );
    drop(slots);
    for _ in 0..100 {
        assert_eq!(
            (coding("/a.txt"), coding("/")),
            ("zstd".to_owned(), "zstd".to_owned())
        );
    }
}

#[test]
fn compression_is_announced_as_blocking() {
    let text = text(5000);
    let site = Site::new(&[
        ("page.html", &text),
        ("short.html", "short"),
        ("a.bin", &text),
    ]);
    let blocks = |path: &str, coding: &str| {
        let request = http::Request::get(path).header("accept-encoding", coding);
        let request = request.body(()).unwrap();
        matches!(site.files.handle(request.into()), Reply::Blocking(_))
    };
    for (path, coding, want) in [
        ("/page.html", "gzip", true),
        ("/page.html", "identity", false),
        ("/a.bin", "gzip", false),
        ("/none.html", "gzip", false),
    ] {
        assert_eq!(blocks(path, coding), want, "{path} {coding}");
    }
    settle(&site.path("page.html"));
    let (_, version) = site.files.store.stat(b"page.html").unwrap();
    let is_ready = |coding: &str| {
        let accepted = AcceptEncoding::from_fields([coding.as_bytes()]);
        let ready = site.files.store.ready(b"page.html", &version, &accepted);
        ready.unwrap().is_some()
    };
    assert!(is_ready("identity") && !is_ready("gzip") && !is_ready("br"));
    site.get_with("/page.html", "Accept-Encoding: gzip");
    assert!(is_ready("gzip") && !is_ready("br"));
    fs::write(site.path("page.html.br"), "compressed").unwrap();
    assert!(is_ready("br"), "by another request");
}

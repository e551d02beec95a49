//! How other servers fell, each lesson a test. Advisories are named by their numbers (RUSTSEC,
//! CVE), other bugs by their project.

use std::io::Write;
use std::net::Shutdown;
use support::must::{check, check_index, serve};
use support::{Folder, Raw, Serve};

/// Lessons whose tests stand elsewhere. Those that remain are about what isn't here: TLS, writing,
/// and other systems' file names.
const ELSEWHERE: &str = "
    RUSTSEC-2020-0093  | content is drained, or the connection closed | tests/conformance/wire.rs::unwanted_content_does_not_become_a_request
    RUSTSEC-2025-0037  | content is drained, or the connection closed | tests/conformance/wire.rs::unwanted_content_does_not_become_a_request
    CVE-2024-23644     | CR, LF and NUL are not sent in a field       | crates/message/src/encode.rs::line_breaks_are_refused
    RUSTSEC-2017-0002  | CR, LF and NUL are not sent in a field       | crates/message/src/encode.rs::line_breaks_are_refused
    CVE-2021-28861     | //evil.example is no other host              | tests/serve/site.rs::a_folder_is_redirected_to_its_slash_and_nowhere_else
    RUSTSEC-2022-0072  | //evil.example is no other host              | tests/serve/site.rs::a_folder_is_redirected_to_its_slash_and_nowhere_else
    CVE-2024-32966     | names are escaped in listings                | crates/server/src/files/tests/listing.rs::names_are_escaped_wherever_they_stand
    CVE-2026-22257     | names are escaped in listings                | crates/server/src/files/tests/listing.rs::names_are_escaped_wherever_they_stand
    CVE-2025-11966     | names are escaped in listings                | crates/server/src/files/tests/listing.rs::names_are_escaped_wherever_they_stand
    CVE-2024-23771     | an unknown user takes as long as a known one | crates/server/src/middleware/auth/users.rs::every_name_costs_the_same
    CVE-2026-27480     | an unknown user takes as long as a known one | crates/server/src/middleware/auth/users.rs::every_name_costs_the_same
    CVE-2024-23770     | no password on a command line                | tests/serve/middleware.rs::passwords
    SWS#714            | whatever is asked for, a password is needed  | tests/serve/middleware.rs::passwords
    dufs#497           | no users are not all users                   | crates/server/src/middleware/auth/mod.rs::without_users_all_requests_are_refused
    CVE-2026-42559     | names that lead here and aren't ours         | tests/serve/middleware.rs::names_that_lead_here_and_are_not_ours
    RUSTSEC-2025-0055  | control bytes are escaped in logs            | tests/serve/site.rs::the_banner_and_the_log
    dufs#691           | control bytes are escaped in logs            | crates/server/tests/server/life.rs::the_access_log_tells_everything_once_and_nothing_unescaped
    miniserve#590      | links are refused, not hidden                | tests/serve/site.rs::special_files_are_404_without_waiting
    miniserve 0.19.5   | links are refused in archives                | crates/server/src/files/tests/archives.rs::everything_in_a_folder_and_nothing_else
    dufs#670           | links are refused in listings                | crates/server/src/files/tests/listing.rs::a_page_lists_what_would_be_served
    SWS#639            | links are refused in every component         | crates/server/src/files/root/tests.rs::names_and_links
    SWS#191            | a listing survives dangling links            | crates/server/src/files/tests/listing.rs::a_page_lists_what_would_be_served
    serve#317          | a link that leads nowhere is a 404           | tests/serve/site.rs::special_files_are_404_without_waiting
    SWS#703            | a redirect keeps the query                   | tests/serve/site.rs::a_folder_is_redirected_to_its_slash_and_nowhere_else
    SWS#24             | a file of more than 4 GiB                    | tests/serve/site.rs::a_file_larger_than_four_bytes_can_count
    SWS#335            | an end that idle connections don't put off   | tests/serve/site.rs::a_graceful_end
    SWS#725            | an application, and what is not there        | crates/server/src/files/tests/options.rs::missing_paths_are_pages_of_the_application
    actix-files        | If-Range is heeded                           | crates/server/src/files/tests/ranges.rs::preconditions_and_ranges
    caddy#1531         | If-Match that matches is no 412              | crates/server/src/files/tests/ranges.rs::preconditions_and_ranges
    caddy#5849         | Vary in a 206 and a 304                      | tests/conformance/rfc9110.rs::a_part_says_what_the_whole_says
    nixpkgs#278380     | a coding has a tag of its own                | crates/server/src/files/tests/codings.rs::each_coding_has_its_own_validator
    darkhttpd          | absolute targets are accepted                | tests/conformance/wire.rs::targets_in_all_their_forms
    dufs               | If-None-Match before If-Modified-Since       | crates/message/src/conditional/tests.rs::the_ladder_of_13_2_2
    dufs               | a 304 has its ETag                           | tests/conformance/rfc9110.rs::a_part_says_what_the_whole_says
    serve              | If-None-Match is a list, or *                | crates/message/src/conditional/tests.rs::tag_lists_that_name_the_current_representation
    shs                | a failed If-Match is a 412                   | crates/server/src/files/tests/ranges.rs::preconditions_and_ranges
    tiny_http#283      | accepting goes on                            | tests/serve/site.rs::a_low_limit_on_descriptors
    tiny_http#195      | no descriptors, no panic                     | tests/serve/site.rs::a_full_descriptor_table
    tiny_http#244      | one server after another                     | tests/service/life.rs::restarts_interrupt_no_client
    tiny_http          | slow clients take no threads                 | tests/serve/faults.rs::windows_that_are_narrow_or_shut
    tiny_http PR#184   | a server that ends leaves nothing            | crates/server/tests/server/clients.rs::a_server_that_is_never_run_leaves_nothing_behind
    cpython#75820      | an idle connection delays no other one       | tests/serve/starvation.rs::a_fresh_request_beside_a_crowd
    lighttpd#2156      | requests with chunked content                | tests/conformance/wire.rs::unwanted_content_does_not_become_a_request
";

#[test]
fn lessons_whose_tests_stand_elsewhere() {
    check_index(ELSEWHERE);
}

/// RUSTSEC-2020-0031 (tiny_http), -2020-0008, -2021-0020, -2021-0078 (hyper), -2021-0081
/// (actix-http): what two readers could take for two lengths is a 400, and the connection ends, so
/// that nothing behind it is read as a request.
#[test]
fn one_length_or_none() {
    let (_folder, server) = serve();
    let head = "POST /a HTTP/1.1\r\nHost: h\r\n";
    let hidden = "GET /b HTTP/1.1\r\nHost: h\r\n\r\n";
    let fields = [
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow",
        "Transfer-Encoding: cow\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, cow",
        "Transfer-Encoding: chunked\u{b}",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        " Transfer-Encoding: chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
        "X: y\nTransfer-Encoding: chunked",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5,6",
        "Content-Length: 0x5",
        "Content-Length: 5e0",
        "Content-Length: 5\0",
    ];
    for fields in fields {
        let rows = [(
            fields,
            format!("{head}{fields}\r\n\r\n0\r\n\r\n{hidden}"),
            "400 ended",
        )];
        check(&server, &rows);
    }
}

/// RUSTSEC-2021-0079 (hyper), -2026-0181 (vibeio): sizes are counted with checked arithmetic, and
/// digits are not endless.
#[test]
fn chunk_sizes_neither_overflow_nor_go_on_for_ever() {
    let (_folder, server) = serve();
    let head = "GET /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    for size in [
        "fffffffffffffffff".to_owned(),
        "10000000000000003".to_owned(),
        "100000000000000000000000000000003".to_owned(),
        "f".repeat(5000),
        "0".repeat(5000),
    ] {
        let rows = [(
            "a size",
            format!("{head}{size}\r\nabc\r\n0\r\n\r\n"),
            "200 ended",
        )];
        check(&server, &rows);
    }
}

/// RUSTSEC-2026-0034 (pingora): HTTP/1.0 has no chunks, and content of a request never goes on
/// until the connection ends.
#[test]
fn old_requests_have_no_chunks_and_no_endless_content() {
    let (_folder, server) = serve();
    #[rustfmt::skip]
    let rows = [
        ("chunks", "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n", "400 ended"),
        ("identity", "POST /a HTTP/1.0\r\nTransfer-Encoding: identity\r\nConnection: keep-alive\r\n\r\n", "400 ended"),
        // Without a length there is no content: what follows is the next request.
        ("no length", "POST /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "405 kept"),
        ("no length", "POST /a HTTP/1.1\r\nHost: h\r\n\r\n", "405 kept"),
    ];
    check(&server, &rows);
}

/// RUSTSEC-2026-0033 (pingora): until a 101 is sent, the bytes that follow are HTTP and are read as
/// such.
#[test]
fn upgrade_means_nothing_until_it_is_answered() {
    let (_folder, server) = serve();
    let upgrade = "GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let rows = [
        ("one", upgrade.to_owned(), "200 kept"),
        ("two", upgrade.repeat(2), "200 200 kept"),
        (
            "broken behind it",
            format!("{upgrade}\x01\x02\r\n\r\n"),
            "200 400 ended",
        ),
        (
            "h2c",
            upgrade.replace("websocket", "h2c\r\nHTTP2-Settings: AAMAAABk"),
            "200 kept",
        ),
    ];
    check(&server, &rows);
}

/// CVE-2025-12642 (lighttpd): a trailer that looks like a field of the head changes nothing,
/// neither here nor for the next request.
#[test]
fn trailers_are_never_merged_into_the_head() {
    let (_folder, server) = serve();
    let head = "GET /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n";
    for trailer in [
        "Host: other",
        "Content-Length: 50",
        "Transfer-Encoding: gzip",
        "Connection: close",
        "Range: bytes=0-0",
        "If-None-Match: *",
        "Expect: x",
        "Authorization: Basic eDp5",
    ] {
        let mut raw = server.connect();
        let answer = raw.send(format!("{head}{trailer}\r\n\r\n")).answer();
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "aaaa"),
            "{trailer}"
        );
        assert_eq!(raw.get("/b").text(), "bb", "{trailer}");
    }
}

/// CVE-2024-23644 (trillium), RUSTSEC-2017-0002 (hyper): a name with line breaks in it is encoded
/// where it goes into a field.
#[test]
fn a_redirect_can_not_be_split() {
    let folder = Folder::new().with("a\r\nSet-Cookie: x\r\n\r\n<b>/index.html", "x");
    let server = Serve::start(folder.path(), [""; 0]);
    let answer = server
        .connect()
        .get("/a%0D%0aSet-Cookie:%20x%0d%0A%0D%0A%3Cb%3E?q");
    assert_eq!(answer.status, 301);
    assert_eq!(
        answer.field("location"),
        Some("/a%0D%0ASet-Cookie:%20x%0D%0A%0D%0A%3Cb%3E/?q")
    );
    assert_eq!(answer.field("set-cookie"), None);
}

/// CVE-2024-43800 (serve-static), CVE-2024-32966 (SWS), CVE-2026-22257 (salvo): no part of
/// a URL comes back in a page.
#[test]
fn pages_say_nothing_of_the_url() {
    let folder = Folder::new().with("sub<i>/index.html", "x");
    let server = Serve::start(folder.path(), [""; 0]);
    for path in [
        "/sub%3Ci%3E?%22><script>alert(1)</script>",
        "/sub<script>",
        "/nowhere?<script>",
        "/%3Cscript%3E",
        "/%zz<script>",
    ] {
        let answer = server.connect().get(path);
        assert!(answer.status >= 300, "{path}");
        let text = answer.text().to_lowercase();
        assert!(
            !text.contains("script") && !text.contains("sub"),
            "{path}: {text}"
        );
    }
}

/// CVE-2010-0295 (lighttpd): a request that comes a byte at a time costs its bytes, not a buffer
/// for each of them.
#[test]
fn many_tiny_reads_allocate_next_to_nothing() {
    let (_folder, server) = serve();
    let head = format!(
        "GET /a HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n",
        "x".repeat(2000)
    );
    server.connect().get("/a");
    let before = server.memory();
    let mut crowd: Vec<Raw> = (0..50).map(|_| server.connect()).collect();
    for byte in head.as_bytes() {
        for raw in &mut crowd {
            raw.send([*byte]);
        }
    }
    let answers: Vec<_> = crowd.iter_mut().map(|raw| raw.answer().status).collect();
    assert_eq!(answers, [200; 50]);
    // 100,000 reads. At a hundred bytes each it would be ten megabytes.
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 8_000_000, "{grown} bytes");
}

/// CVE-2022-41556 (lighttpd): a client that leaves in the middle of a chunk gives its place back.
#[test]
fn half_a_chunk_and_a_half_close_free_the_place() {
    let (_folder, server) = serve();
    server.connect().get("/a");
    let before = server.descriptors();
    for _ in 0..300 {
        let mut raw = server.connect();
        raw.send("GET /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe");
        assert_eq!(raw.answer().status, 200);
        raw.stream().shutdown(Shutdown::Write).unwrap();
        assert!(raw.is_ended());
    }
    server.wait_until("the descriptors are free", |server| {
        server.descriptors() <= before + 2
    });
}

/// RUSTSEC-2022-0043 (tower-http), -0069 (hyper-staticfile), -0082 (warp), CVE-2024-51756
/// (cap-std): what other systems take for drives, streams and devices are names here like others,
/// and a backslash parts nothing.
#[test]
fn names_that_are_special_elsewhere_are_plain() {
    let folder = Folder::new()
        .with("CON", "a name")
        .with("a.txt", "a")
        .with("a.txt:stream", "another name")
        .with("LONGNA~1", "a short name")
        .with("sub/b.txt", "b")
        .with("sub\\c.txt", "one name");
    let server = Serve::start(folder.path(), [""; 0]);
    #[rustfmt::skip]
    let table = [
        ("/CON", 200, "a name"),
        ("/con", 404, ""),
        ("/a.txt:stream", 200, "another name"),
        ("/a.txt::$DATA", 404, ""),
        ("/LONGNA~1", 200, "a short name"),
        ("/sub%5cb.txt", 404, ""),
        ("/sub%5cc.txt", 200, "one name"),
        ("/..%5c..%5cetc/passwd", 404, ""),
        ("/C:/a.txt", 404, ""),
        ("/C:%5ca.txt", 404, ""),
        ("/%5c%5chost%5cshare/a.txt", 404, ""),
        ("/a.txt.", 404, ""),
        ("/a.txt%20", 404, ""),
        ("/A.TXT", 404, ""),
    ];
    for (path, status, text) in table {
        let answer = server.connect().get(path);
        assert_eq!(answer.status, status, "{path}");
        assert!(status != 200 || answer.text() == text, "{path}");
    }
}

/// CVE-2026-27585, -27587, -52844 (caddy), CVE-2018-3809 (serve): what is hidden is hidden under
/// every spelling, because the rule and the look-up see one path; and nothing in a path is a
/// pattern.
#[test]
fn what_is_hidden_stays_hidden_however_it_is_spelt() {
    let folder = Folder::new()
        .with(".env", "hidden")
        .with("sub/.git/config", "hidden")
        .with(".well-known/.git/config", "hidden")
        .with("a", "a");
    let server = Serve::start(folder.path(), [""; 0]);
    for path in [
        "/.env",
        "/%2eenv",
        "/%2Eenv",
        "//.env",
        "/./.env",
        "/sub/../.env",
        "/sub/%2e%2e/.env",
        "/sub/..//%2eenv",
        "/.env?",
        "/.env/",
        "/.env/.",
        "/sub/.git/config",
        "/sub/%2egit/config",
        "/sub//.git//config",
        "/sub/.git/./config",
        "/sub/x/../.git/config",
        "/.well-known/.git/config",
        "/.well-known/../.env",
        "/sub/.well-known/../.git/config",
        "http://h/.env",
        "http://h/%2eenv",
        "/%252eenv",
        "/*env",
        "/[.]env",
        "/{.env,a}",
        "/.%65nv",
        "/.env%00",
        "/.env%2f",
        "/%c0%aeenv",
        "/%e0%80%aeenv",
    ] {
        let answer = server.connect().get(path);
        assert!(
            [400, 404].contains(&answer.status),
            "{path}: {}",
            answer.status
        );
        assert!(!answer.text().contains("hidden"), "{path}");
    }
    for path in ["/", "/sub/", "/.well-known/", "/?.env"] {
        let text = server.connect().get(path).text();
        assert!(
            !text.contains("env") && !text.contains(".git"),
            "{path}: {text}"
        );
    }
}

/// actix-files 0.6.10: an empty Range must not panic.
#[test]
fn odd_ranges_do_no_harm() {
    let (_folder, server) = serve();
    for range in [
        "",
        " ",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=--1",
        "=",
        "=0-1",
        "bytes=a-b",
        "bytes=0--1",
    ] {
        let mut raw = server.connect();
        raw.send(format!(
            "GET /a HTTP/1.1\r\nHost: h\r\nRange: {range}\r\n\r\n"
        ));
        assert_eq!(raw.answer().text(), "aaaa", "{range:?}");
    }
}

/// dufs read every part of a multi-range request into memory, and overlapping ranges multiply:
/// ranges that overlap are sent once, many are as good as none, and whatever they add up to is
/// streamed.
#[test]
fn many_ranges_cost_no_more_than_the_whole() {
    let folder = Folder::new().with("a", "aaaa");
    std::fs::File::create(folder.path().join("large"))
        .unwrap()
        .set_len(30_000_000)
        .unwrap();
    let server = Serve::start(folder.path(), [""; 0]);
    server.connect().get("/a");
    let before = server.memory();
    let ranges = [
        vec!["0-".to_owned(); 200],
        (0..200).map(|n| format!("{n}-")).collect(),
        (0..200).map(|n| format!("-{}", 30_000_000 - n)).collect(),
        (0..200).map(|n| format!("{0}-{0}", n * 1000)).collect(),
        (0..16)
            .map(|n| format!("{}-{}", n * 1_800_000, n * 1_800_000 + 1_700_000))
            .collect(),
    ];
    for ranges in ranges {
        let mut raw = server.connect();
        let set = ranges.join(",");
        raw.send(format!(
            "GET /large HTTP/1.1\r\nHost: h\r\nRange: bytes={set}\r\n\r\n"
        ));
        let answer = raw.answer();
        assert!(
            answer.content.len() <= 30_010_000,
            "{}",
            answer.content.len()
        );
        let grown = server.memory().saturating_sub(before);
        assert!(grown < 10_000_000, "{grown} bytes after {}...", &set[..20]);
    }
}

/// RUSTSEC-2026-0009 (time): a date is as long as a date, and whatever else stands there is no date
/// at once.
#[test]
fn dates_are_not_read_beyond_their_length() {
    let (_folder, server) = serve();
    for junk in ["(", "Sun, ", "06 ", "0", ":", "GMT"] {
        let date = junk.repeat(12_000 / junk.len());
        let mut raw = server.connect();
        raw.send(format!(
            "GET /a HTTP/1.1\r\nHost: h\r\nIf-Modified-Since: {date}\r\nIf-Range: {date}\r\nRange: bytes=0-0\r\n\r\n"
        ));
        assert_eq!(raw.answer().text(), "aaaa", "{junk:?}");
    }
}

/// RUSTSEC-2025-0037 (pingora): a flood of requests behind one that is refused is not answered, and
/// costs one connection.
#[test]
fn nothing_behind_a_refusal_is_answered() {
    let (_folder, server) = serve();
    let mut raw = server.connect();
    let flood = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n".repeat(2000);
    let _ = raw
        .stream()
        .write_all(format!("GET /a HTTP/1.1\r\nHost : h\r\n\r\n{flood}").as_bytes());
    assert_eq!(raw.answer().status, 400);
    assert!(raw.is_ended());
    assert_eq!(server.connect().get("/a").text(), "aaaa");
}

/// http-server answered `bytes=-500` with 416; lighttpd#2899 freed a bad Range twice; dufs#690
/// counted below zero.
#[test]
fn ranges_from_the_end_and_beyond_it() {
    let folder = Folder::new().with("digits", "0123456789").with("empty", "");
    let server = Serve::start(folder.path(), [""; 0]);
    #[rustfmt::skip]
    let table = [
        ("/digits", "-3", 206, "789"),
        ("/digits", "-10", 206, "0123456789"),
        ("/digits", "-500", 206, "0123456789"),
        ("/digits", "-18446744073709551616", 206, "0123456789"),
        ("/digits", "9-500", 206, "9"),
        ("/digits", "10-", 416, ""),
        ("/digits", "-0", 416, ""),
        ("/digits", "-0,-1", 206, "9"),
        ("/empty", "0-", 200, ""),
        ("/empty", "0-0,5-", 200, ""),
        ("/empty", "5-", 416, ""),
    ];
    for (path, range, status, content) in table {
        let mut raw = server.connect();
        raw.send(format!(
            "GET {path} HTTP/1.1\r\nHost: h\r\nRange: bytes={range}\r\n\r\n"
        ));
        let answer = raw.answer();
        assert_eq!(answer.status, status, "{path} {range}");
        assert!(status != 206 || answer.text() == content, "{path} {range}");
    }
}

/// caddy#7040, #7042 forgot the length of what was compressed beforehand, caddy#7096 the quotes of
/// its tag, ngx_brotli#132 its ranges, and SWS#722, #727 some of its bytes.
#[test]
fn what_was_compressed_beforehand_is_as_good_as_any_file() {
    let packed: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let folder = Folder::new()
        .with("a.js", "x".repeat(900_000))
        .with("a.js.br", &packed);
    let server = Serve::start(folder.path(), [""; 0]);
    let ask = |fields: &str| {
        let mut raw = server.connect();
        raw.send(format!(
            "GET /a.js HTTP/1.1\r\nHost: h\r\nAccept-Encoding: br\r\n{fields}\r\n"
        ));
        raw.answer()
    };
    let whole = ask("");
    let length = packed.len().to_string();
    assert_eq!(whole.field("content-encoding"), Some("br"));
    assert_eq!(whole.field("content-length"), Some(length.as_str()));
    assert!(whole.content == packed);
    let etag = whole.field("etag").unwrap();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    assert_ne!(server.connect().get("/a.js").field("etag"), Some(etag));
    // A range without a word of which coding it is of is one of the file itself; what a client has
    // begun, it may go on with.
    let rest = ask(&format!("Range: bytes=200000-\r\nIf-Range: {etag}\r\n"));
    match rest.status {
        206 => assert!(rest.content == packed[200_000..]),
        status => assert!(status == 200 && rest.field("content-encoding").is_none()),
    }
}

/// lighttpd#3143: a 304 has no content, whatever coding the content would have had.
#[test]
fn nothing_is_compressed_for_a_304() {
    let folder = Folder::new().with("a.html", "<p>text</p>".repeat(1000));
    let server = Serve::start(folder.path(), [""; 0]);
    for coding in ["gzip", "br", "zstd", "deflate", "identity"] {
        let mut raw = server.connect();
        let ask = |fields: &str| {
            format!("GET /a.html HTTP/1.1\r\nHost: h\r\nAccept-Encoding: {coding}\r\n{fields}\r\n")
        };
        let first = raw.send(ask("")).answer();
        let tag = first.field("etag").unwrap();
        raw.send(ask(&format!("If-None-Match: {tag}\r\n")));
        assert_eq!(raw.answer().status, 304, "{coding}");
        // Were there content, it would stand before this.
        assert_eq!(raw.get("/nowhere").status, 404, "{coding}");
    }
}

/// darkhttpd refused requests of more than 4,000 bytes; those that browsers make with their cookies
/// are longer.
#[test]
fn requests_may_be_as_long_as_cookies_make_them() {
    let (_folder, server) = serve();
    for length in [4000, 8192, 30_000] {
        let mut raw = server.connect();
        raw.send(format!(
            "GET /a HTTP/1.1\r\nHost: h\r\nCookie: {}\r\n\r\n",
            "c".repeat(length)
        ));
        assert_eq!(raw.answer().text(), "aaaa", "{length}");
    }
}

/// serve#446 took a folder with a dot in its name for a file.
#[test]
fn folders_with_dots_in_their_names() {
    let folder = Folder::new()
        .with("v1.2/index.html", "index")
        .with("v1.2/notes.d/a", "a");
    let server = Serve::start(folder.path(), ["--clean-urls"]);
    let mut raw = server.connect();
    assert_eq!(raw.get("/v1.2").field("location"), Some("/v1.2/"));
    assert_eq!(raw.get("/v1.2/").text(), "index");
    assert_eq!(raw.get("/v1.2/notes.d/a").text(), "a");
}

/// SWS#98 read the page for a 404 once, when it was started.
#[test]
fn the_page_for_a_404_is_as_fresh_as_any() {
    let folder = Folder::new();
    let server = Serve::start(folder.path(), [""; 0]);
    let mut raw = server.connect();
    for number in 0..5 {
        folder.write("404.html", format!("page {number}"));
        let answer = raw.get("/nowhere");
        assert_eq!(
            (answer.status, answer.text()),
            (404, format!("page {number}"))
        );
    }
    std::fs::remove_file(folder.path().join("404.html")).unwrap();
    assert!(!raw.get("/nowhere").text().contains("page 4"));
}

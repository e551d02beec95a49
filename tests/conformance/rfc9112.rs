//! RFC 9112, HTTP/1.1: what it demands of a server, section by section, and where that is proven.

use std::io::Read;
use std::net::Shutdown;
use support::must::{check, check_index, outcome, serve};

/// Every MUST of §2 to §9 that binds an origin server, and the tests that prove it. Those of
/// intermediaries, of user agents and of TLS are left out.
const MUSTS: &str = "
    §2.2   | octets, not characters                    | tests/conformance/rfc9112.rs::octets
    §2.2   | a bare CR is refused                      | tests/conformance/rfc9112.rs::bare_cr_and_bare_lf_everywhere
    §2.2   | no bare CR is sent                        | crates/message/src/encode.rs::line_breaks_are_refused
    §2.2   | space before the first field              | crates/message/tests/exchanges/server.rs::refused_requests
    §3     | a target too long is a 414                | tests/conformance/wire.rs::heads_that_are_too_large
    §3.2   | one valid Host, or 400                    | tests/conformance/rfc9112.rs::hosts
    §3.2   | one valid Host, or 400                    | crates/message/src/framing/tests.rs::hosts
    §3.2.2 | the absolute-form is accepted             | tests/conformance/wire.rs::targets_in_all_their_forms
    §3.2.2 | its host counts, Host doesn't             | tests/conformance/rfc9112.rs::hosts
    §4     | the space before an absent phrase         | crates/message/src/encode.rs::heads
    §5.1   | space before the colon is a 400           | tests/conformance/wire.rs::what_is_refused
    §5.2   | obs-fold is a 400                         | tests/conformance/wire.rs::what_is_refused
    §5.2   | obs-fold is not sent                      | crates/message/src/encode.rs::line_breaks_are_refused
    §6.1   | chunked is understood                     | crates/message/tests/exchanges/server.rs::requests
    §6.1   | chunked once, last, or close              | crates/message/tests/exchanges/server.rs::responses_as_sent
    §6.1   | none with 1xx and 204                     | crates/message/tests/exchanges/server.rs::responses_as_sent
    §6.1   | only to HTTP/1.1                          | tests/conformance/rfc9110.rs::to_an_old_client
    §6.1   | close after both lengths                  | tests/conformance/rfc9112.rs::framing_that_is_refused
    §6.1   | in HTTP/1.0 it is a fault                 | tests/conformance/rfc9112.rs::framing_that_is_refused
    §6.2   | never both lengths in a message           | crates/message/tests/exchanges/server.rs::responses_as_sent
    §6.3   | chunked not last: 400 and close           | tests/conformance/rfc9112.rs::framing_that_is_refused
    §6.3   | an invalid length: 400 and close          | tests/conformance/rfc9112.rs::framing_that_is_refused
    §6.3   | too few octets: incomplete, and close     | tests/conformance/rfc9112.rs::incomplete_requests
    §6.3   | neither: no content                       | tests/conformance/rfc9112.rs::framing_that_is_accepted
    §7.1   | chunks are decoded                        | crates/message/src/chunked/tests.rs::whole_bytewise_and_with_trailing_bytes
    §7.1   | sizes don't overflow                      | tests/conformance/rfc9112.rs::chunks
    §7.1.1 | unknown extensions are ignored            | tests/conformance/rfc9112.rs::chunks
    §7.1.2 | trailers stay out of the head             | tests/conformance/advisories.rs::trailers_are_never_merged_into_the_head
    §9.3   | content is read, or the connection closed | tests/conformance/wire.rs::unwanted_content_does_not_become_a_request
    §9.3.2 | answers in the order of requests          | tests/conformance/rfc9112.rs::answers_keep_their_order
    §9.6   | closed after a request with close         | tests/conformance/wire.rs::connections_that_are_kept
    §9.6   | nothing after it is processed             | tests/conformance/rfc9112.rs::nothing_is_processed_after_the_last_request
    §9.6   | closed after an answer with close         | tests/conformance/wire.rs::what_is_refused
    §9.6   | nothing after it is processed             | tests/conformance/advisories.rs::nothing_behind_a_refusal_is_answered
    §9.6   | closed so that the answer arrives         | tests/conformance/rfc9112.rs::the_last_answer_is_not_lost_to_a_reset
";

#[test]
fn every_must_has_its_test() {
    check_index(MUSTS);
}

#[test]
fn octets() {
    let (_folder, server) = serve();
    #[rustfmt::skip]
    let rows: &[(&str, &[u8], &str)] = &[
        ("§2.2", b"GET /a HTTP/1.1\r\nHost: h\r\nX: \xff\xfe\xc3\r\n\r\n", "200 kept"),
        ("§2.2", b"GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n", "400 ended"),
        ("§2.2", b"GET /a\xe2\x80\xa8 HTTP/1.1\r\nHost: h\r\n\r\n", "404 kept"),
        ("§2.2", b"GET /a HTTP/1.1\r\nHost: h\xe2\x80\xa8\r\n\r\n", "400 ended"),
        // A byte order mark is none of the method.
        ("§2.2", b"\xef\xbb\xbfGET /a HTTP/1.1\r\nHost: h\r\n\r\n", "400 ended"),
        // Unicode's own line ends are none.
        ("§2.2", b"GET /a HTTP/1.1\r\nHost: h\r\nX: \xc2\x85Content-Length: 5\r\n\r\n", "200 kept"),
    ];
    check(&server, rows);
}

/// In every place where a line could end. A CR alone is invalid (MUST); an LF alone could be taken
/// for the end (MAY), and isn't.
#[test]
fn bare_cr_and_bare_lf_everywhere() {
    let (_folder, server) = serve();
    let request = "POST§ §/a§ §HTTP/1.1§\r\nHost§:§ h§\r\nTransfer-Encoding: chunked§\r\n§\r\n\
        2§;x=y§\r\nab§\r\n0§\r\nT: x§\r\n§\r\n";
    let places: Vec<usize> = request.match_indices('§').map(|(at, _)| at).collect();
    let chunks = request.find("2§").unwrap();
    assert_eq!(
        outcome(&server, request.replace('§', "").as_bytes()),
        "405 kept"
    );
    for bare in ["\r", "\n"] {
        for place in &places {
            let (before, after) = request.split_at(*place);
            let bytes = format!("{before}{bare}{after}").replace('§', "");
            // A fault in content that no handler reads is found after the answer.
            let want = if *place < chunks {
                "400 ended"
            } else {
                "405 ended"
            };
            assert_eq!(outcome(&server, bytes.as_bytes()), want, "§2.2: {bytes:?}");
        }
    }
}

#[test]
fn hosts() {
    let (_folder, server) = serve();
    #[rustfmt::skip]
    let rows = [
        ("§3.2", "GET /a HTTP/1.1\r\nHost:\r\n\r\n", "200 kept"),
        ("§3.2", "GET /a HTTP/1.1\r\nHost:\t [::1]:80 \t\r\n\r\n", "200 kept"),
        ("§3.2", "GET /a HTTP/1.1\r\nHost: a%\r\n\r\n", "400 ended"),
        ("§3.2", "GET /a HTTP/1.1\r\nHost: a, b\r\n\r\n", "400 ended"),
        ("§3.2", "GET /a HTTP/1.1\r\nHost: http://a/\r\n\r\n", "400 ended"),
        ("§3.2", "GET /a HTTP/1.1\r\nHost: a\r\nhOST: a\r\n\r\n", "400 ended"),
        ("§3.2", "GET /a HTTP/1.1\r\nHost: a\r\nX: y\r\nHost:\r\n\r\n", "400 ended"),
        // "any request message": of an older version, too.
        ("§3.2", "GET /a HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400 ended"),
        ("§3.2", "GET /a HTTP/1.0\r\nHost: a b\r\n\r\n", "400 ended"),
        ("§3.2", "GET http://h/a HTTP/1.1\r\n\r\n", "400 ended"),
        ("§3.2.2", "GET http://h/a HTTP/1.1\r\nHost: other\r\n\r\n", "200 kept"),
        ("§3.2.2", "GET http://h/a HTTP/1.0\r\n\r\n", "200 ended"),
        ("§3.2.2", "GET HTTP://H:80/a HTTP/1.1\r\nHost: h\r\n\r\n", "200 kept"),
        ("§3.2.4", "OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n", "204 kept"),
    ];
    check(&server, &rows);
}

#[test]
fn framing_that_is_refused() {
    let (_folder, server) = serve();
    let post = "POST /a HTTP/1.1\r\nHost: h\r\n";
    let chunks = "\r\n0\r\n\r\n";
    #[rustfmt::skip]
    let rows = [
        ("§6.1", format!("{post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n{chunks}"), "400 ended"),
        ("§6.1", format!("{post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n{chunks}"), "400 ended"),
        ("§6.1", format!("{post}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n{chunks}"), "400 ended"),
        ("§6.1", format!("{post}Content-Length: 5\r\nTransfer-Encoding:\r\n{chunks}"), "400 ended"),
        ("§6.1", format!("POST /a HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n{chunks}" ), "400 ended"),
        ("§6.3", format!("{post}Transfer-Encoding: chunked, identity\r\n{chunks}"), "400 ended"),
        ("§6.3", format!("{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n{chunks}"), "400 ended"),
        ("§6.3", format!("{post}Transfer-Encoding: identity\r\n{chunks}"), "400 ended"),
        ("§6.3", format!("{post}Transfer-Encoding: chunked;a=b\r\n{chunks}"), "400 ended"),
        ("§6.3", format!("{post}Transfer-Encoding: \x0bchunked\r\n{chunks}"), "400 ended"),
        ("§6.3", format!("{post}Transfer-Encoding: \u{a0}chunked\r\n{chunks}"), "400 ended"),
        // Empty members (9110 §5.6.1.2) are refused in this one list: too many readers disagree
        // about them.
        ("§6.3", format!("{post}Transfer-Encoding: chunked,\r\n{chunks}"), "400 ended"),
        ("§6.1", format!("{post}Transfer-Encoding: gzip, chunked\r\n{chunks}"), "501 ended"),
        ("§6.3", format!("{post}Content-Length: 4, 4\r\n\r\nabcd"), "400 ended"),
        ("§6.3", format!("{post}Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd"), "400 ended"),
        ("§6.3", format!("{post}Content-Length: \r\n\r\n"), "400 ended"),
        ("§6.3", format!("{post}Content-Length: 4;\r\n\r\nabcd"), "400 ended"),
        ("§6.3", format!("{post}Content-Length: 4 4\r\n\r\nabcd"), "400 ended"),
        ("§6.3", format!("{post}Content-Length: 4.0\r\n\r\nabcd"), "400 ended"),
        ("§6.3", format!("{post}Content-Length: 4_0\r\n\r\nabcd"), "400 ended"),
        ("§6.3", format!("{post}Content-Length: \"4\"\r\n\r\nabcd"), "400 ended"),
        ("§6.3", format!("{post}Content-Length: ٤\r\n\r\nabcd"), "400 ended"),
        ("§6.3", format!("{post}Content-Length: 18446744073709551616\r\n\r\nabcd"), "400 ended"),
    ];
    check(&server, &rows);
}

#[test]
fn framing_that_is_accepted() {
    let (_folder, server) = serve();
    let get = "GET /a HTTP/1.1\r\nHost: h\r\n";
    #[rustfmt::skip]
    let rows = [
        ("§2.2", format!("\r\n{get}\r\n"), "200 kept"),
        ("§2.2", format!("{get}\r\n\r\n\r\n{get}\r\n"), "200 200 kept"),
        ("§6.3", format!("{get}\r\n{get}\r\n"), "200 200 kept"),
        ("§6.3", format!("{get}Content-Length: 4\r\n\r\nabcd"), "200 kept"),
        ("§6.3", format!("{get}Content-Length: 0004\r\n\r\nabcd"), "200 kept"),
        ("§6.3", format!("{get}content-length:4\t \r\n\r\nabcd"), "200 kept"),
        ("§6.3", format!("{get}Content-Length: 0\r\n\r\n"), "200 kept"),
        ("§6.1", format!("{get}transfer-ENCODING:\tChunked\r\n\r\n0\r\n\r\n"), "200 kept"),
        ("§6.3", format!("HEAD{}Content-Length: 4\r\n\r\nabcd", &get[3..]), "200 kept"),
        ("§5.1", format!("{get}X-Content-Length: 4\r\nContent_Length: 4\r\n\r\n"), "200 kept"),
        ("§9.3", format!("{get}Connection: keep-alive\r\n\r\n"), "200 kept"),
        ("§9.3", "GET /a HTTP/1.0\r\nConnection: x, KEEP-alive\r\n\r\n".to_owned(), "200 kept"),
    ];
    check(&server, &rows);
}

#[test]
fn chunks() {
    let (_folder, server) = serve();
    let head = "GET /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    #[rustfmt::skip]
    let rows = [
        ("§7.1", format!("{head}0\r\n\r\n"), "200 kept"),
        ("§7.1", format!("{head}1\r\nx\r\n000\r\n\r\n"), "200 kept"),
        ("§7.1", format!("{head}a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"), "200 kept"),
        ("§7.1", format!("{head}00000000000000000000a\r\n0123456789\r\n0\r\n\r\n"), "200 kept"),
        ("§7.1", format!("{head}10000000000000000\r\n\r\n0\r\n\r\n"), "200 ended"),
        ("§7.1", format!("{head}10000000000000001\r\nx\r\n0\r\n\r\n"), "200 ended"),
        ("§7.1", format!("{head}-1\r\nx\r\n0\r\n\r\n"), "200 ended"),
        ("§7.1", format!("{head}0x1\r\nx\r\n0\r\n\r\n"), "200 ended"),
        ("§7.1", format!("{head}\r\n0\r\n\r\n"), "200 ended"),
        ("§7.1", format!("{head}1\r\nxyz0\r\n\r\n"), "200 ended"),
        ("§7.1.1", format!("{head}1;a\r\nx\r\n0;b=\"; c\"\r\n\r\n"), "200 kept"),
        ("§7.1.1", format!("{head}1 ; a = b\r\nx\r\n0\r\n\r\n"), "200 kept"),
        ("§7.1.1", format!("{head}1;\u{fc}\r\nx\r\n0\r\n\r\n"), "200 kept"),
        ("§7.1.1", format!("{head}1{}\r\nx\r\n0\r\n\r\n", ";abcdefg".repeat(1000)), "200 ended"),
        ("§7.1.2", format!("{head}0\r\nA: b\r\nC: d\r\n\r\n"), "200 kept"),
        ("§7.1.2", format!("{head}0\r\nA : b\r\n\r\n"), "200 ended"),
        ("§7.1.2", format!("{head}0\r\nno colon\r\n\r\n"), "200 ended"),
    ];
    check(&server, &rows);
}

/// A request that ends in its middle gets no answer that says it was understood, and nothing of it
/// becomes another request.
#[test]
fn incomplete_requests() {
    let (_folder, server) = serve();
    #[rustfmt::skip]
    let table = [
        "GET /a HTTP/1.1\r\nHost: h\r\n",
        "GET /a HTTP/1.1\r\nHo",
        "G",
        "\r",
    ];
    for bytes in table {
        let mut raw = server.connect();
        raw.send(bytes);
        raw.stream().shutdown(Shutdown::Write).unwrap();
        let answer = raw.next_answer("GET");
        assert!(
            answer.is_none_or(|answer| answer.status == 400),
            "{bytes:?}"
        );
        assert!(raw.is_ended(), "{bytes:?}");
    }
    // What can be answered without the content has been; then the connection is closed.
    for bytes in [
        "GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n32\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n",
    ] {
        let mut raw = server.connect();
        raw.send(bytes);
        raw.stream().shutdown(Shutdown::Write).unwrap();
        assert_eq!(raw.answer().text(), "aaaa", "{bytes:?}");
        assert!(raw.is_ended(), "{bytes:?}");
    }
}

/// One that takes long to send, between others that are ready at once.
#[test]
fn answers_keep_their_order() {
    let (folder, server) = serve();
    folder.write("large", vec![b'x'; 3_000_000]);
    let mut raw = server.connect();
    for path in ["a", "large", "b", "large", "nowhere", "a"] {
        raw.send(format!("GET /{path} HTTP/1.1\r\nHost: h\r\n\r\n"));
    }
    let answers: Vec<_> = (0..6).map(|_| raw.answer()).collect();
    let lengths: Vec<_> = answers.iter().map(|answer| answer.content.len()).collect();
    assert_eq!(
        [lengths[0], lengths[1], lengths[2], lengths[3], lengths[5]],
        [4, 3_000_000, 2, 3_000_000, 4]
    );
    assert_eq!(answers[4].status, 404);
}

#[test]
fn nothing_is_processed_after_the_last_request() {
    let (_folder, server) = serve();
    let next = "GET /b HTTP/1.1\r\nHost: h\r\n\r\n";
    #[rustfmt::skip]
    let rows = [
        ("§9.6", format!("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n{next}"), "200 ended"),
        ("§9.6", format!("GET /a HTTP/1.1\r\nHost: h\r\nConnection: a\r\nConnection: b,\tClose\r\n\r\n{next}" ), "200 ended"),
        ("§9.6", format!("GET /nowhere HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n{next}"), "404 ended"),
        ("§9.6", format!("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab{next}" ), "200 ended"),
        ("§9.3", format!("GET /a HTTP/1.0\r\n\r\n{next}"), "200 ended"),
        ("§9.3", format!("GET /a HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n{next}"), "200 ended"),
        ("§9.6", format!("GET /a HTTP/1.1\r\n\r\n{next}"), "400 ended"),
        // The option is not the field of that name.
        ("§9.6", format!("GET /a HTTP/1.1\r\nHost: h\r\nClose: close\r\n\r\n{next}"), "200 200 kept"),
    ];
    check(&server, &rows);
}

/// §9.6: a server that closes at once makes the system reset the connection, and what the client
/// has not read is lost.
#[test]
fn the_last_answer_is_not_lost_to_a_reset() {
    let (_folder, server) = serve();
    let junk = vec![b'x'; 200_000];
    #[rustfmt::skip]
    let table = [
        ("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 200),
        ("GET /a HTTP/1.1\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 200),
        ("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n", 405),
        ("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 999999\r\nExpect: 100-continue\r\n\r\n", 405),
    ];
    for (head, status) in table {
        let mut raw = server.connect();
        // Behind the head there is more than the server will ever want.
        raw.send([head.as_bytes(), &junk].concat());
        let answer = raw.answer();
        assert_eq!(answer.status, status, "{head:?}");
        assert!(!answer.content.is_empty());
        // An end, not a reset, which would take with it what some systems have received and not
        // read.
        assert_eq!(raw.stream().read(&mut [0]).unwrap(), 0, "{head:?}");
    }
}

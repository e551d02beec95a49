//! RFC 9110, HTTP semantics: what it demands of an origin server of files, section by section, and
//! where that is proven.

use std::time::{Duration, SystemTime};
use support::must::{check, check_index, serve};
use support::{Answer, Folder, Serve};

/// Every MUST of §4 to §15 that binds an origin server of files, and the tests that prove it. Those
/// of senders of requests, intermediaries and caches are left out, and so are those of methods and
/// status codes that don't occur here.
const MUSTS: &str = "
    §4.2.1    | a URI with an empty host is refused            | tests/conformance/rfc9110.rs::targets_of_other_servers
    §4.2.2    | https only over a secured connection           | tests/conformance/rfc9110.rs::targets_of_other_servers
    §5.3      | nothing is done before the whole head is there | tests/conformance/wire.rs::requests_byte_by_byte_and_in_one_go
    §5.3      | no field twice that isn't a list               | tests/conformance/rfc9110.rs::every_answer
    §5.4      | fields that are too large are a 4xx            | tests/conformance/wire.rs::heads_that_are_too_large
    §5.5      | white space around a value is none of it       | tests/conformance/rfc9110.rs::lists_and_white_space
    §5.5      | CR, LF and NUL in a value are refused          | crates/message/tests/exchanges/server.rs::refused_requests
    §5.6.1.1  | no empty members are sent                      | tests/conformance/rfc9110.rs::every_answer
    §5.6.1.2  | empty members are ignored                      | tests/conformance/rfc9110.rs::lists_and_white_space
    §5.6.3    | bad white space is removed                     | tests/conformance/rfc9112.rs::chunks
    §5.6.4    | a quoted pair is its second byte               | crates/message/src/negotiate/accept.rs::chooses_between_a_page_and_json
    §5.6.7    | three formats of dates are read                | crates/message/src/date/tests.rs::accepts
    §5.6.7    | IMF-fixdate is written                         | tests/conformance/rfc9110.rs::every_answer
    §5.6.7    | two-digit years                                | crates/message/src/date/tests.rs::a_two_digit_year_is_at_most_fifty_years_ahead
    §6.5.1    | trailers stay out of the head                  | tests/conformance/advisories.rs::trailers_are_never_merged_into_the_head
    §6.5.1    | no trailers are sent                           | tests/conformance/rfc9110.rs::to_an_old_client
    §6.6.1    | Date in all 2xx, 3xx and 4xx                   | tests/conformance/rfc9110.rs::every_answer
    §7.1      | forms of targets keep to their methods         | tests/conformance/wire.rs::targets_in_all_their_forms
    §7.4      | https only over a secured connection           | tests/conformance/rfc9110.rs::targets_of_other_servers
    §7.6.1    | Connection names what is for this hop alone    | tests/conformance/rfc9110.rs::every_answer
    §7.8      | Upgrade of HTTP/1.0 is ignored                 | tests/conformance/rfc9110.rs::to_an_old_client
    §7.8      | no switch without a request for it             | tests/conformance/advisories.rs::upgrade_means_nothing_until_it_is_answered
    §8.3.3    | CRLF between parts                             | crates/message/src/range/multipart.rs::multipart_of_14_6
    §8.4      | codings are named                              | crates/server/src/files/tests/codings.rs::the_client_chooses
    §8.6      | to HEAD, the length that GET would have        | tests/conformance/rfc9110.rs::head_is_get_without_content
    §8.6      | none with 204; 304 as 200                      | tests/conformance/rfc9110.rs::every_answer
    §8.6      | lengths don't overflow                         | crates/message/src/framing/tests.rs::length_of_requests
    §8.7      | Content-Location of a request changes nothing  | tests/conformance/rfc9110.rs::fields_that_mean_nothing_here
    §8.8.2    | Last-Modified is not after Date                | crates/server/src/files/tests/changes.rs::a_file_from_the_future_was_modified_now
    §8.8.3    | a strong tag is one                            | crates/server/src/files/tests/changes.rs::every_change_changes_the_tag
    §8.8.3    | a strong tag is one                            | crates/server/src/files/tests/codings.rs::each_coding_has_its_own_validator
    §9.1      | GET and HEAD                                   | tests/conformance/rfc9110.rs::head_is_get_without_content
    §9.3.2    | no content in the answer to HEAD               | tests/conformance/rfc9110.rs::head_is_get_without_content
    §9.3.6    | CONNECT needs a port                           | tests/conformance/rfc9110.rs::targets_of_other_servers
    §10.1.1   | an expectation of HTTP/1.0 is ignored          | tests/conformance/rfc9110.rs::to_an_old_client
    §10.1.1   | 100, or a final answer at once                 | tests/conformance/wire.rs::expectations_of_unwanted_content
    §10.1.1   | 100, or a final answer at once                 | crates/server/tests/server/handlers.rs::continue_is_said_when_content_is_wanted
    §10.1.1   | a final answer after 100                       | crates/server/tests/server/handlers.rs::continue_is_said_when_content_is_wanted
    §10.2.1   | Allow in a 405                                 | tests/conformance/wire.rs::targets_in_all_their_forms
    §11.6.1   | a challenge in a 401                           | crates/server/src/middleware/auth/mod.rs::credentials_and_their_responses
    §13.1.1   | If-Match compares strongly and is obeyed       | crates/message/src/conditional/tests.rs::tag_lists_that_name_the_current_representation
    §13.1.2   | If-None-Match compares weakly and is obeyed    | crates/message/src/conditional/tests.rs::tag_lists_that_name_the_current_representation
    §13.1.3   | when If-Modified-Since is ignored              | crates/message/src/conditional/tests.rs::the_ladder_of_13_2_2
    §13.1.4   | when If-Unmodified-Since is ignored            | crates/message/src/conditional/tests.rs::the_ladder_of_13_2_2
    §13.1.5   | If-Range: exactly, or the whole                | crates/message/src/conditional/tests.rs::if_range_is_exact_and_strong
    §13.1.5   | If-Range without Range is ignored              | tests/conformance/rfc9110.rs::conditions_on_the_wire
    §13.2.1   | conditions are for what would succeed          | tests/conformance/rfc9110.rs::conditions_on_the_wire
    §13.2.2   | the order of conditions                        | crates/message/src/conditional/tests.rs::the_ladder_of_13_2_2
    §14.1.2   | positions don't overflow                       | crates/server/src/files/tests/ranges.rs::preconditions_and_ranges
    §14.2     | Range is for GET                               | tests/conformance/rfc9110.rs::fields_that_mean_nothing_here
    §14.2     | other units are ignored                        | tests/conformance/rfc9110.rs::fields_that_mean_nothing_here
    §14.4     | Content-Range of a request is ignored          | tests/conformance/rfc9110.rs::fields_that_mean_nothing_here
    §15.2     | no 1xx to HTTP/1.0                             | tests/conformance/rfc9110.rs::to_an_old_client
    §15.3.7   | 206 says what 200 says                         | tests/conformance/rfc9110.rs::a_part_says_what_the_whole_says
    §15.3.7.1 | one part has Content-Range                     | tests/conformance/rfc9110.rs::a_part_says_what_the_whole_says
    §15.3.7.2 | no multipart for a single range                | tests/conformance/rfc9110.rs::a_part_says_what_the_whole_says
    §15.3.7.2 | several have it in each, not above             | tests/conformance/rfc9110.rs::a_part_says_what_the_whole_says
    §15.4.5   | 304 says what keeps a copy fresh               | tests/conformance/rfc9110.rs::a_part_says_what_the_whole_says
    §15.5.2   | a challenge in a 401                           | tests/serve/middleware.rs::passwords
    §15.5.6   | Allow in a 405                                 | tests/conformance/wire.rs::targets_in_all_their_forms
";

#[test]
fn every_must_has_its_test() {
    check_index(MUSTS);
}

/// Asks for a path with fields, each of them a line.
fn get(server: &Serve, path: &str, lines: &[&str]) -> Answer {
    ask(server, "GET", path, lines)
}

fn ask(server: &Serve, method: &str, path: &str, lines: &[&str]) -> Answer {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let mut raw = server.connect();
    raw.send(format!(
        "{method} {path} HTTP/1.1\r\nHost: h\r\n{lines}\r\n"
    ));
    raw.answer_to(method)
}

/// The names of an answer's fields, in lower case, sorted.
fn names(answer: &Answer) -> Vec<String> {
    let lines = answer.head.lines().skip(1);
    let mut names: Vec<_> = lines
        .map(|line| line.split_once(':').unwrap().0.to_ascii_lowercase())
        .collect();
    names.sort();
    names
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, as far as its shape tells.
fn is_fixdate(date: &str) -> bool {
    let shape: String = date
        .chars()
        .map(|c| match c {
            '0'..='9' => '0',
            'A'..='Z' => 'A',
            'a'..='z' => 'a',
            other => other,
        })
        .collect();
    shape == "Aaa, 00 Aaa 0000 00:00:00 AAA" && date.ends_with(" GMT")
}

/// One of each status code that this server sends.
#[test]
fn every_answer() {
    let (_folder, server) = serve();
    let etag = get(&server, "/a", &[]).field("etag").unwrap().to_owned();
    #[rustfmt::skip]
    let table: &[(u16, &str, &str, &[&str])] = &[
        (200, "GET", "/a", &[]),
        (204, "OPTIONS", "/a", &[]),
        (206, "GET", "/a", &["Range: bytes=1-2"]),
        (301, "GET", "/folder", &[]),
        (304, "GET", "/a", &[&format!("If-None-Match: {etag}")]),
        (400, "GET", "/%", &[]),
        (400, "GET", "/a", &["Host: again"]),
        (404, "GET", "/nowhere", &[]),
        (405, "POST", "/a", &[]),
        (412, "GET", "/a", &["If-Match: \"x\""]),
        (414, "GET", &format!("/{}", "a".repeat(9000)), &[]),
        (416, "GET", "/a", &["Range: bytes=9-"]),
        (417, "GET", "/a", &["Expect: x"]),
        (421, "GET", "https://h/a", &[]),
        (431, "GET", "/a", &["A: b"; 101]),
        (501, "BREW", "/a", &[]),
        (501, "POST", "/a", &["Transfer-Encoding: gzip, chunked"]),
    ];
    for (status, method, path, lines) in table {
        let answer = ask(&server, method, path, lines);
        assert_eq!(answer.status, *status, "{method} {path} {lines:?}");
        // §6.6.1, §5.6.7
        let date = answer.field("date");
        assert!(date.is_some_and(is_fixdate), "{status}: {date:?}");
        let modified = answer.field("last-modified");
        assert!(modified.is_none_or(is_fixdate), "{status}: {modified:?}");
        // §5.3: nothing that is said here is said twice.
        let names = names(&answer);
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        for line in answer.head.lines().skip(1) {
            let (_, value) = line.split_once(':').unwrap();
            // §5.6.1.1, and §5.5 for the white space.
            let is_list_of_something = value.split(',').all(|member| !member.trim().is_empty());
            assert!(is_list_of_something, "{status}: {line}");
        }
        // §7.6.1: no field is for this hop alone but Connection, and it names no other. Keep-Alive
        // is, and says when an idle connection is closed; intermediaries remove it without being
        // told.
        let hop = [
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "proxy-connection",
        ];
        assert!(
            !names.iter().any(|name| hop.contains(&name.as_str())),
            "{names:?}"
        );
        let connection = answer.field("connection");
        assert!(
            connection.is_none_or(|value| value == "close"),
            "{connection:?}"
        );
        // §8.6
        let length = answer.field("content-length").is_some();
        assert_eq!(
            length,
            ![204, 304].contains(status),
            "{status}: {}",
            answer.head
        );
        // §8.3: what has content says of what type it is.
        assert_eq!(answer.field("content-type").is_some(), length, "{status}");
        assert!(answer.head.starts_with(&format!("HTTP/1.1 {status} ")));
    }
}

#[test]
fn lists_and_white_space() {
    let folder = Folder::new().with("a.txt", "text ".repeat(1000));
    let server = Serve::start(folder.path(), [""; 0]);
    let etag = get(&server, "/a.txt", &[])
        .field("etag")
        .unwrap()
        .to_owned();
    #[rustfmt::skip]
    let table: &[(&str, u16)] = &[
        ("If-None-Match: \t\"x\" ,, ,ETAG,\t", 304),
        ("If-None-Match:ETAG", 304),
        ("If-Match: ,\"x\",\t,ETAG", 200),
        ("If-Match: ,,", 412),
        ("Range: bytes=,, 0-1 ,\t,", 206),
        ("Range: \t bytes=0-1\t ", 206),
        ("Expect: ,", 200),
        ("Connection: , ,", 200),
        ("Accept-Encoding: ,,", 200),
    ];
    for (line, status) in table {
        let line = line.replace("ETAG", &etag);
        assert_eq!(
            get(&server, "/a.txt", &[&line]).status,
            *status,
            "§5.6.1.2: {line:?}"
        );
    }
    let coded = get(
        &server,
        "/a.txt",
        &["Accept-Encoding:\t,, gzip \t;\tq=1 ,,"],
    );
    assert_eq!(coded.field("content-encoding"), Some("gzip"));
    let mut raw = server.connect();
    raw.send("GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: ,,\tclose\t,\r\n\r\n");
    assert_eq!(raw.answer().field("connection"), Some("close"));
}

/// §15.2, §10.1.1, §7.8, and RFC 9112 §6.1: nothing that HTTP/1.0 doesn't know.
#[test]
fn to_an_old_client() {
    let text = "a line of text\n".repeat(200_000);
    let folder = Folder::new().with("large.txt", &text).with("a", "aaaa");
    let server = Serve::start(folder.path(), [""; 0]);
    let mut raw = server.connect();
    raw.send(
        "POST /a HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nab",
    );
    assert_eq!(raw.answer().status, 405);
    raw.send(
        "GET /a HTTP/1.0\r\nConnection: keep-alive, upgrade\r\nUpgrade: h2c\r\nExpect: x\r\n\r\n",
    );
    assert_eq!(raw.answer().text(), "aaaa");
    // Content whose length is not known beforehand ends where the connection ends.
    let mut raw = server.connect();
    raw.send("GET /large.txt HTTP/1.0\r\nAccept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n");
    let answer = raw.answer();
    assert_eq!(answer.field("transfer-encoding"), None);
    if answer.field("content-length").is_none() {
        assert_eq!(answer.field("connection"), Some("close"));
    }
    assert!(!answer.content.is_empty());
    // The same to a client that knows chunks.
    let answer = get(&server, "/large.txt", &["Accept-Encoding: gzip"]);
    assert_eq!(answer.field("trailer"), None, "§6.5.1");
    let framing = ["content-length", "transfer-encoding"].map(|name| answer.field(name).is_some());
    assert_ne!(framing, [true, true], "RFC 9112 §6.2");
}

#[test]
fn head_is_get_without_content() {
    let (folder, server) = serve();
    folder.write("page.html", "<p>hello</p>".repeat(1000));
    #[rustfmt::skip]
    let table: &[(&str, &[&str])] = &[
        ("/a", &[]),
        ("/page.html", &[]),
        ("/page.html", &["Accept-Encoding: gzip"]),
        ("/folder/", &[]),
        ("/folder", &[]),
        ("/nowhere", &[]),
        ("/%", &[]),
        ("/a", &["If-Match: \"x\""]),
        ("/a", &["If-None-Match: *"]),
    ];
    for (path, lines) in table {
        let whole = get(&server, path, lines);
        let head = ask(&server, "HEAD", path, lines);
        let without_date = |answer: &Answer| {
            let lines = answer
                .head
                .lines()
                .filter(|line| !line.starts_with("Date:"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(
            without_date(&head),
            without_date(&whole),
            "{path} {lines:?}"
        );
        if let Some(length) = head.field("content-length") {
            assert_eq!(length, whole.content.len().to_string(), "{path} {lines:?}");
        }
    }
    #[rustfmt::skip]
    let rows = [
        ("§9.3.2", "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\nHEAD /nowhere HTTP/1.1\r\nHost: h\r\n\r\n", "200 404 kept"),
        ("§9.3.2", "HEAD /a HTTP/1.0\r\n\r\n", "200 ended"),
    ];
    check(&server, &rows);
}

#[test]
fn targets_of_other_servers() {
    let (_folder, server) = serve();
    #[rustfmt::skip]
    let rows = [
        ("§4.2.1", "GET http:///a HTTP/1.1\r\nHost: h\r\n\r\n", "400 ended"),
        ("§4.2.1", "GET http://:80/a HTTP/1.1\r\nHost: h\r\n\r\n", "400 ended"),
        ("§4.2.4", "GET http://user@h/a HTTP/1.1\r\nHost: h\r\n\r\n", "400 ended"),
        ("§7.4", "GET https://h/a HTTP/1.1\r\nHost: h\r\n\r\n", "421 ended"),
        ("§7.4", "HEAD HTTPS://h HTTP/1.1\r\nHost: h\r\n\r\n", "421 ended"),
        ("§7.4", "GET ftp://h/a HTTP/1.1\r\nHost: h\r\n\r\n", "400 ended"),
        ("§9.3.6", "CONNECT h: HTTP/1.1\r\nHost: h\r\n\r\n", "400 ended"),
        ("§9.3.6", "CONNECT h:99999 HTTP/1.1\r\nHost: h\r\n\r\n", "400 ended"),
        ("§9.3.6", "CONNECT h:http HTTP/1.1\r\nHost: h\r\n\r\n", "400 ended"),
        ("§9.3.6", "CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n", "400 ended"),
    ];
    check(&server, &rows);
}

#[test]
fn fields_that_mean_nothing_here() {
    let (_folder, server) = serve();
    #[rustfmt::skip]
    let table: &[(&str, &str, &str)] = &[
        ("§8.7", "GET", "Content-Location: /b"),
        ("§14.4", "GET", "Content-Range: bytes 1-2/4"),
        ("§14.2", "GET", "Range: octets=1-2"),
        ("§14.2", "GET", "Range: bytes 1-2"),
        ("§14.2", "GET", "Range:"),
        ("§14.2", "HEAD", "Range: bytes=1-2"),
        ("§14.2", "HEAD", "Range: bytes=99-"),
        ("§7.8", "GET", "Upgrade: websocket\r\nConnection: upgrade"),
        ("§7.6.2", "GET", "Max-Forwards: 0"),
        ("§10.1.4", "GET", "TE: trailers, gzip;q=0.5\r\nConnection: TE"),
    ];
    for (section, method, line) in table {
        let answer = ask(&server, method, "/a", &[line]);
        assert_eq!(answer.status, 200, "{section}: {line}");
        assert_eq!(
            answer.field("content-length"),
            Some("4"),
            "{section}: {line}"
        );
        assert!(
            *method == "HEAD" || answer.text() == "aaaa",
            "{section}: {line}"
        );
    }
    for method in ["POST", "PUT", "DELETE", "TRACE", "OPTIONS"] {
        let answer = ask(&server, method, "/a", &["Range: bytes=1-2"]);
        assert!([204, 405].contains(&answer.status), "§14.2: {method}");
    }
}

#[test]
fn conditions_on_the_wire() {
    let (_folder, server) = serve();
    let whole = get(&server, "/a", &[]);
    let (etag, date) = (
        whole.field("etag").unwrap(),
        whole.field("last-modified").unwrap(),
    );
    #[rustfmt::skip]
    let table: &[(&str, &str, &str, &[&str], u16)] = &[
        // What would not have been a success anyway.
        ("§13.2.1", "GET", "/nowhere", &["If-None-Match: *"], 404),
        ("§13.2.1", "GET", "/nowhere", &["If-Match: *"], 404),
        ("§13.2.1", "GET", "/folder", &["If-None-Match: *"], 301),
        ("§13.2.1", "GET", "/folder", &["If-Match: \"x\""], 301),
        ("§13.2.1", "POST", "/a", &["If-Match: \"x\""], 405),
        ("§13.2.1", "GET", "/%", &["If-Match: \"x\""], 400),
        ("§13.2.1", "OPTIONS", "/a", &["If-Match: \"x\""], 204),
        ("§13.2.1", "OPTIONS", "/a", &["If-None-Match: *"], 204),
        ("§13.2.1", "TRACE", "/a", &["If-Match: \"x\""], 405),
        // Before Range is looked at.
        ("§13.2.2", "GET", "/a", &["Range: bytes=9-", "If-None-Match: ETAG"], 304),
        ("§13.2.2", "GET", "/a", &["Range: bytes=9-", "If-Match: \"x\""], 412),
        ("§13.2.2", "GET", "/a", &["Range: bytes=1-2", "If-Match: ETAG", "If-Range: ETAG"], 206),
        ("§13.1.5", "GET", "/a", &["If-Range: \"x\""], 200),
        ("§13.1.5", "GET", "/a", &["If-Range: \"x\"", "Range: bytes=1-2"], 200),
        ("§13.1.5", "GET", "/a", &["If-Range: ETAG", "Range: bytes=1-2"], 206),
        ("§13.1.5", "GET", "/a", &["If-Range: W/ETAG", "Range: bytes=1-2"], 200),
        ("§13.1.5", "HEAD", "/a", &["If-Range: ETAG", "Range: bytes=1-2"], 200),
        ("§13.1.3", "GET", "/a", &["If-Modified-Since: DATE"], 304),
        ("§13.1.3", "HEAD", "/a", &["If-Modified-Since: DATE"], 304),
        ("§13.1.3", "POST", "/a", &["If-Modified-Since: DATE"], 405),
        ("§13.1.3", "GET", "/a", &["If-Modified-Since: DATE, DATE"], 200),
        ("§13.1.3", "GET", "/a", &["If-Modified-Since: DATE", "If-None-Match: \"x\""], 200),
        ("§13.1.4", "GET", "/a", &["If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT"], 412),
        ("§13.1.4", "GET", "/a", &[ "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT", "If-Match: ETAG", ], 200),
        ("§13.1.2", "GET", "/a", &["If-None-Match: \"x\"", "If-None-Match: W/ETAG"], 304),
    ];
    for (section, method, path, lines, status) in table {
        let lines = lines
            .iter()
            .map(|line| line.replace("ETAG", etag).replace("DATE", date));
        let lines: Vec<String> = lines.collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let answer = ask(&server, method, path, &lines);
        assert_eq!(
            answer.status, *status,
            "{section}: {method} {path} {lines:?}"
        );
    }
}

/// §15.3.7 and §15.4.5: of what a 200 would say, a 206 says all, and a 304 what keeps a copy fresh.
#[test]
fn a_part_says_what_the_whole_says() {
    let folder = Folder::new().with("a.txt", "text ".repeat(1000));
    // Old enough for its date to be a strong validator.
    let old = SystemTime::now() - Duration::from_secs(3600);
    std::fs::File::open(folder.path().join("a.txt"))
        .unwrap()
        .set_modified(old)
        .unwrap();
    let server = Serve::start(folder.path(), [""; 0]);
    let whole = get(&server, "/a.txt", &[]);
    let etag = whole.field("etag").unwrap();
    let kept = [
        "etag",
        "vary",
        "cache-control",
        "expires",
        "content-location",
    ];
    let described = [
        "last-modified",
        "content-type",
        "content-encoding",
        "x-content-type-options",
    ];

    let part = get(&server, "/a.txt", &["Range: bytes=1-2"]);
    assert_eq!((part.status, part.text().as_str()), (206, "ex"));
    for name in kept.iter().chain(&described) {
        assert_eq!(part.field(name), whole.field(name), "{name}");
    }
    assert_eq!(
        part.field("content-range"),
        Some("bytes 1-2/5000"),
        "§15.3.7.1"
    );

    // What is one range in the end is sent as one (§15.3.7.2).
    for range in ["0-0", "0-0,1-1", "0-99,50-60", "-1", "4999-"] {
        let part = get(&server, "/a.txt", &[&format!("Range: bytes={range}")]);
        assert_eq!(part.status, 206, "{range}");
        assert!(part.field("content-range").is_some(), "{range}");
        assert_eq!(
            part.field("content-type"),
            whole.field("content-type"),
            "{range}"
        );
    }

    let parts = get(&server, "/a.txt", &["Range: bytes=0-1,2000-2001"]);
    assert_eq!(parts.status, 206);
    for name in kept {
        assert_eq!(parts.field(name), whole.field(name), "{name}");
    }
    assert_eq!(parts.field("content-range"), None, "§15.3.7.2");
    let content_type = parts.field("content-type").unwrap();
    let boundary = content_type
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    let text = parts.text();
    for range in ["0-1", "2000-2001"] {
        assert!(
            text.contains(&format!("Content-Range: bytes {range}/5000\r\n")),
            "{text}"
        );
    }
    assert_eq!(text.matches(&format!("--{boundary}")).count(), 3, "{text}");

    for line in [
        format!("If-None-Match: {etag}"),
        format!(
            "If-Modified-Since: {}",
            whole.field("last-modified").unwrap()
        ),
    ] {
        let fresh = get(&server, "/a.txt", &[&line]);
        assert_eq!((fresh.status, fresh.content.len()), (304, 0), "{line}");
        for name in kept {
            assert_eq!(fresh.field(name), whole.field(name), "§15.4.5: {name}");
        }
    }
}

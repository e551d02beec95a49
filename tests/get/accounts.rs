//! What is said about a fetch: -w, --json-out, --explain, --dry-run, -D, --pretty.

use crate::script::{HELLO, Server, command, get, run};
use support::Folder;

#[test]
fn variables() {
    let go = "HTTP/1.1 301 Go\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n";
    let answer =
        "HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nX-Y: z\r\nContent-Length: 5\r\n\r\nhello";
    let table = r#"
        %{http_code} %{response_code} => 200 200
        %{method} %{scheme} %{http_version} => GET http 1.1
        %{content_type}|%header{x-y}|%header{none}| => text/x|z||
        %{num_redirects} %{num_headers} %{num_connects} => 1 3 2
        %{size_download} %{exitcode} %{errormsg}. => 5 0 .
        %{remote_ip} %{num_retries} %{urlnum} => 127.0.0.1 0 0
        a\tb\n100%%%{unknown} => a\tb\n100%
        %{onerror}never =>
        %{stderr}a%{stdout}b => b
        %{header_json} => {"content-type":["text/x"],\n"x-y":["z"],\n"content-length":["5"]\n}
    "#;
    for (format, want) in table::cases(table) {
        let want = table::unescaped(want);
        let server = Server::answering([go, answer]);
        let outcome = get(["-L", "-w", format, &server.url("/a")]).succeeds();
        assert_eq!(outcome.text(), format!("hello{want}"), "{format}");
    }
    let server = Server::answering([go, answer]);
    let format = "%{url} %{url_effective} %{time_total}%{stderr}%{time_starttransfer}";
    let outcome = get(["-L", "-w", format, &server.url("/a")]).succeeds();
    let text = outcome.text().strip_prefix("hello").unwrap();
    let parts: Vec<_> = text.split(' ').collect();
    assert_eq!(parts[..2], [server.url("/a"), server.url("/b")]);
    let total: f64 = parts[2].parse().unwrap();
    let first: f64 = outcome.stderr.parse().unwrap();
    assert!(total >= first && first > 0.0, "{total} {first}");

    let server = Server::answering([go]);
    let outcome = get(["-w", "%{http_code} %{redirect_url}", &server.url("/a")]).succeeds();
    assert_eq!(outcome.text(), format!("301 {}", server.url("/b")));
    let format = "%{http_code} %{exitcode}%{onerror} failed";
    let outcome = get(["-w", format, "http://127.0.0.1:1/"]).fails(7);
    assert_eq!(outcome.text(), "000 7 failed");
}

#[test]
fn one_object_for_programs() {
    let server = Server::answering([
        "HTTP/1.1 302 Go\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    ]);
    let outcome = get(["-L", "--json-out", &server.url("/a")]).succeeds();
    assert_eq!(outcome.text().lines().count(), 1);
    let object: serde_json::Value = serde_json::from_str(outcome.text()).unwrap();
    assert_eq!(object["status"], 200);
    assert_eq!(object["effective_url"], server.url("/b"));
    assert_eq!(object["content"]["bytes"], 2);
    let hops = object["hops"].as_array().unwrap();
    assert_eq!(hops.len(), 2);
    assert_eq!(hops[0]["request"]["start_line"], "GET /a HTTP/1.1");
    assert_eq!(hops[1]["content"]["framing"], "chunked");
    let cookies: Vec<_> = hops[1]["response"]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|field| field[0] == "Set-Cookie")
        .collect();
    assert_eq!(cookies.len(), 2, "repeated fields stay repeated");
    assert_eq!(hops[0]["attempts"][0]["outcome"], "connected");
    assert!(hops[1]["times_ms"]["first_byte"].as_f64() > hops[0]["times_ms"]["ended"].as_f64());

    let outcome = get(["-s", "--json-out", "http://127.0.0.1:1/"]).fails(7);
    let object: serde_json::Value = serde_json::from_str(outcome.text()).unwrap();
    assert_eq!(
        (&object["exit_code"], &object["status"]),
        (&7.into(), &serde_json::Value::Null)
    );
    let reason = object["hops"][0]["attempts"][0]["outcome"]
        .as_str()
        .unwrap();
    assert!(reason.contains("refused"), "{reason}");
}

#[test]
fn a_lesson() {
    let server = Server::answering([
        "HTTP/1.1 301 Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nETag: \"x\"\r\nX-Evil: \u{9b}31m\r\nSet-Cookie: secret=1\r\n\r\nhi",
    ]);
    let outcome = get(["-L", "--explain", "-u", "me:pass", &server.url("/a#frag")]).succeeds();
    let wants = [
        "1  The URL",
        "fragment frag",
        "never sent",
        "2  Find the address",
        "3  Connect",
        "three-way handshake",
        "4  Send the request",
        "GET /a HTTP/1.1",
        "RFC 9112 §3",
        "Host: ",
        "RFC 9110 §7.2",
        "Authorization: Basic",
        "blank line",
        "5  Receive the response",
        "start line HTTP/1.1 301 Moved",
        "as many as Content-Length says",
        "6  Close the connection, or keep it",
        "Go where it points",
        "2 of 2: GET http://",
        "GET /b HTTP/1.1",
        "X-Evil: \\u{9b}31m",
        "until the server closed",
        "60 minutes",
        "that is how the end of the content was told",
        "7  Show the content",
        "2 bytes",
        "Where the time went",
        "resolve",
        "wait",
    ];
    let told = words(outcome.text());
    let mut rest = told.as_str();
    for want in wants {
        let at = rest
            .find(&words(want))
            .unwrap_or_else(|| panic!("{want} in {told}"));
        rest = &rest[at..];
    }
    for secret in ["bWU6", "pass", "secret=1", "\x1b", "\u{9b}"] {
        assert!(
            !outcome.text().contains(secret),
            "{secret:?} in {}",
            outcome.text()
        );
    }
}

/// The text without its columns: wherever a line was broken, the words are still in their order.
fn words(page: &str) -> String {
    let words = page.split(['│', '\n', ' ']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_lesson_fits_the_terminal() {
    let cookie = "x".repeat(300);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nDate: Fri, 20 Nov 2026 22:41:16 GMT\r\nX-Long: {cookie}\r\n\
         Content-Security-Policy: {}\r\nContent-Length: 0\r\n\r\n",
        "default-src 'self'; ".repeat(20)
    );
    for columns in [60, 80, 100, 120] {
        let server = Server::answering([&answer]);
        let mut command = command(["get", "--explain", &server.url("/a/b/c?d=e")]);
        command.env("COLUMNS", columns.to_string());
        let outcome = run(command, b"").succeeds();
        for line in outcome.text().lines() {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
            assert_eq!(line, line.trim_end(), "{columns}");
        }
        let bare: String = outcome.text().split(['│', '\n', ' ']).collect();
        assert!(bare.contains(&cookie), "nothing is left out");
    }
}

#[test]
fn a_lesson_about_a_failure() {
    let free = support::free_address();
    let outcome = get(["--explain", &format!("http://{free}/")]).fails(7);
    assert!(
        outcome.text().contains("failed after"),
        "{}",
        outcome.text()
    );
    assert!(
        outcome.text().contains("What went wrong"),
        "{}",
        outcome.text()
    );
    assert!(!outcome.text().contains("4  Send"), "{}", outcome.text());
}

#[test]
fn nothing_is_sent_in_a_dry_run() {
    let url = "http://me:pw@127.0.0.1:1/a?b";
    let outcome = get(["--dry-run", "--json", "{}", "-H", "X: y", url]).succeeds();
    let agent = concat!("tinyhttp/", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        outcome.text(),
        format!(
            "POST /a?b HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAuthorization: Basic [not shown]\r\nUser-Agent: {agent}\r\n\
             X: y\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
        )
    );
    let outcome = get(["--dry-run", "-F", "a=b", "http://127.0.0.1:1/"]).succeeds();
    assert!(outcome.stderr.contains("a form of"), "{}", outcome.stderr);
}

#[test]
fn heads_go_where_they_should() {
    let folder = Folder::new();
    let go = "HTTP/1.1 301 Go\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n";
    let server = Server::answering([go, HELLO]);
    let head = folder.join("head");
    let outcome = get([
        "-L",
        "-D",
        &head,
        "-o",
        &folder.join("content"),
        &server.url("/"),
    ]);
    outcome.succeeds();
    let hello_head = HELLO.strip_suffix("hello").unwrap();
    assert_eq!(folder.read("head"), [go, hello_head].concat().as_bytes());
    assert_eq!(folder.read("content"), b"hello");
}

#[test]
fn fail_with_body_shows_it() {
    let server = Server::answering(["HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\nwhy?"]);
    let outcome = get(["--fail-with-body", &server.url("/")]).fails(22);
    assert_eq!(outcome.text(), "why?");
}

#[test]
fn pretty_output_in_a_pipe() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX: \u{9b}2J\r\n\r\n{\"a\":[1,\"\\u001b\"]}";
    let server = Server::answering([answer, answer]);
    let outcome = get(["--pretty", "--color", "never", &server.url("/")]).succeeds();
    assert_eq!(
        outcome.text(),
        "HTTP/1.1 200 OK\nContent-Type: application/json\nX: \\u{9b}2J\n\n\
         {\n  \"a\": [\n    1,\n    \"\\u001b\"\n  ]\n}\n"
    );
    let mut coloured = command(["get", "--pretty", &server.url("/")]);
    coloured.env("NO_COLOR", "1");
    assert!(!run(coloured, b"").succeeds().text().contains('\x1b'));
    let server = Server::answering([b"HTTP/1.1 200 OK\r\n\r\n\x89PNG\0\0"]);
    let outcome = get(["--pretty", &server.url("/")]).succeeds();
    assert!(
        outcome
            .text()
            .ends_with("(this is not text; write it to a file with -o FILE, or into a pipe)\n")
    );
}

/// What ends up in bug reports and build logs has neither passwords nor tokens nor cookies.
#[test]
fn secrets_are_not_shown() {
    for flags in [
        &["-v"][..],
        &["--json-out"],
        &["-w", "%{url}"],
        &["--dry-run"],
    ] {
        for (secret, user) in [
            (&[][..], "me:s3cret@"),
            (&["-u", "me:s3cret"], ""),
            (&["--bearer", "s3cret"], ""),
            (&["-b", "a=s3cret"], ""),
        ] {
            let server = Server::answering([HELLO]);
            let url = format!("http://{user}{}/", server.address);
            let outcome = get(flags.iter().chain(secret).copied().chain([&*url])).succeeds();
            let shown = format!(
                "{}{}",
                String::from_utf8_lossy(&outcome.stdout),
                outcome.stderr
            );
            for hidden in ["s3cret", "bWU6czNjcmV0"] {
                assert!(!shown.contains(hidden), "{flags:?} {secret:?} {shown}");
            }
        }
    }
    let cookie = "HTTP/1.1 200 OK\r\nSet-Cookie: id=s3cret; Path=/\r\nContent-Length: 0\r\n\r\n";
    let go = |location: &str| {
        format!("HTTP/1.1 302 Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
    };
    let (absolute, loop_) = (
        go("http://me:s3cret@127.0.0.1:1/"),
        go("//me:s3cret@127.0.0.1:1/"),
    );
    let (scheme, port) = (go("ftp://me:s3cret@h/"), go("http://me:s3cret@h:x/"));
    let referer = &["-v", "-e", "http://me:s3cret@h/"][..];
    let table: &[(&str, &[&str], i32)] = &[
        (cookie, &["-v"], 0),
        (cookie, &["--json-out"], 0),
        (cookie, &["-w", "%{json}"], 0),
        (cookie, &["--explain"], 0),
        (HELLO, referer, 0),
        (HELLO, &["-w", "%{referer}", "-e", "http://me:s3cret@h/"], 0),
        (&absolute, &["-v"], 0),
        (&absolute, &["--json-out"], 0),
        (&absolute, &["--explain"], 0),
        (&absolute, &["-w", "%{redirect_url} %{url_effective}"], 0),
        (&absolute, &["-v", "-L"], 7),
        (&absolute, &["--json-out", "-L"], 7),
        (&absolute, &["--explain", "-L"], 7),
        (&loop_, &["-v", "-L"], 7),
        (&scheme, &["-v", "-L"], 1),
        (&scheme, &["--json-out", "-L"], 1),
        (&port, &["-v", "-L"], 3),
    ];
    for (answer, flags, code) in table {
        let server = Server::answering([answer]);
        let url = server.url("/");
        let outcome = get(flags.iter().copied().chain([&*url])).fails(*code);
        let shown = format!(
            "{}{}",
            String::from_utf8_lossy(&outcome.stdout),
            outcome.stderr
        );
        assert!(!shown.contains("s3cret"), "{flags:?} {shown}");
    }
    for url in [
        "http://me:s3cret@a b/",
        "ftp://me:s3cret@h/",
        "me:s3cret@h:x",
    ] {
        let outcome = get([url]);
        assert_ne!(outcome.code, 0);
        assert!(!outcome.stderr.contains("s3cret"), "{}", outcome.stderr);
    }
    let outcome = get(["http://me:s3cret@127.0.0.1:1/"]).fails(7);
    assert!(!outcome.stderr.contains("s3cret"), "{}", outcome.stderr);
}

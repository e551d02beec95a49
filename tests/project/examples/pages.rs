//! `dynamic`: pages that are made when they are asked for.

use super::program::Running;
use support::{curl_status, curl_text};

#[test]
fn pages_are_made_for_each_request() {
    let server = Running::start("dynamic", ["0"]);
    for time in ["made 1 times", "made 2 times"] {
        let page = server.connect().get("/");
        assert_eq!(page.status, 200);
        assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.text().contains(time), "{}", page.text());
    }
    let table = "
        /hello => Hello, world!
        /hello?name=Ada => Hello, Ada!
        /hello?x=1&name=A+%26+B => Hello, A &amp; B!
        /hello?name=%3Cscript%3E%22 => Hello, &lt;script&gt;&quot;!
        /hello?name=%E4%BD%A0 => Hello, 你!
    ";
    for (path, content) in table::cases(table) {
        let page = server.connect().get(path);
        assert!(page.text().contains(content), "{path}: {}", page.text());
    }
    let posted = curl_text(["--data-urlencode", "name=<b>", &server.url("/hello")]);
    assert!(posted.contains("Hello, &lt;b&gt;!"), "{posted}");
}

#[test]
fn what_cannot_be_done_is_said() {
    let server = Running::start("dynamic", ["0"]);
    assert_eq!(server.connect().get("/nowhere").status, 404);
    let mut client = server.connect();
    let refused = client
        .send("DELETE /hello HTTP/1.1\r\nHost: test\r\n\r\n")
        .answer();
    assert_eq!(
        (refused.status, refused.field("allow")),
        (405, Some("GET, HEAD, POST"))
    );
    let long = format!("name={}", "x".repeat(5000));
    assert_eq!(curl_status(["-d", &long, &server.url("/hello")]), 413);
    assert_eq!(
        curl_status(["--data-binary", "name=x", &server.url("/numbers")]),
        405
    );
}

#[test]
fn content_of_unknown_length_goes_out_in_chunks() {
    let server = Running::start("dynamic", ["0"]);
    let answer = server.connect().get("/numbers");
    assert_eq!(answer.field("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.field("content-length"), None);
    let text = answer.text();
    let numbers: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
    assert!(numbers.into_iter().eq(1..=100_000));
    let head = server
        .connect()
        .send("HEAD /numbers HTTP/1.1\r\nHost: test\r\n\r\n")
        .answer_to("HEAD");
    assert_eq!(head.status, 200);
}

//! The documents' first client.

use crate::script::{Server, get};

#[test]
fn documents_and_menus() {
    let server = Server::start(|connection| {
        let selector = connection.line().unwrap();
        connection.send(match selector.as_str() {
            "/about\r\n" => "hello\r\n.\r\n",
            "/find\tcats\r\n" => "0A cat\t/cat\th.test\t70\r\n.\r\n",
            _ => "iNo\t\t\t\r\n.\r\n",
        });
    });
    let url = |path: &str| format!("gopher://{}{path}", server.address);
    assert_eq!(get([url("/0/about")]).succeeds().text(), "hello\r\n.\r\n");
    assert_eq!(
        get([url("/7/find?cats")]).succeeds().text(),
        "0A cat\t/cat\th.test\t70\r\n.\r\n"
    );
    let outcome = get(["--pretty", "--color", "never", &url("/7/find?cats")]).succeeds();
    assert_eq!(
        outcome.text(),
        "  text A cat\n         gopher://h.test/0/cat\n"
    );
    let outcome = get(["-v", &url("/")]).succeeds();
    assert!(
        outcome.stderr.contains("connected to"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn line_breaks_are_not_sent() {
    let server = Server::start(crate::script::Connection::wait_for_end);
    for path in ["/0a%0d%0ab", "/0a%0ab", "/0a?b%0d", "/0%00"] {
        let outcome = get([format!("gopher://{}{path}", server.address)]).fails(3);
        assert!(outcome.stderr.contains("line break"), "{outcome:?}");
    }
}

#[test]
fn a_silent_server_runs_into_the_timeout() {
    let server = Server::start(crate::script::Connection::wait_for_end);
    let outcome = get(["-m", "0.3", &format!("gopher://{}/", server.address)]).fails(28);
    assert!(
        outcome.stderr.contains("total timeout"),
        "{}",
        outcome.stderr
    );
}

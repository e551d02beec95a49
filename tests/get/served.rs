//! The program at both ends: `get` against `serve`.

use crate::script::get;
use support::{Folder, Serve};

#[test]
fn what_is_served_is_fetched() {
    let big: Vec<u8> = (0..3_000_000u32).flat_map(u32::to_le_bytes).collect();
    let odd = "a b#?%ü<&>.txt";
    let folder = Folder::new()
        .with("index.html", "<h1>hello</h1>\n")
        .with("big", &big)
        .with(odd, "odd")
        .with("sub/index.html", "below");
    let server = Serve::start(folder.path(), ["--workers", "2"]);

    assert_eq!(get([server.url("/")]).succeeds().text(), "<h1>hello</h1>\n");
    assert!(get([server.url("/big")]).succeeds().stdout == big);
    let escaped = "/a%20b%23%3F%25%C3%BC%3C&%3E.txt";
    assert_eq!(get([server.url(escaped)]).succeeds().text(), "odd");
    assert_eq!(get(["-L", &server.url("/sub")]).succeeds().text(), "below");
    get(["-f", &server.url("/nothing")]).fails(22);

    let outcome = get(["-I", &server.url("/big")]).succeeds();
    assert!(outcome.text().starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(outcome.text().contains("Content-Length: 12000000\r\n"));

    let target = Folder::new();
    get(["-o", &target.join("copy"), &server.url("/big")]).succeeds();
    assert!(target.read("copy") == big);
}

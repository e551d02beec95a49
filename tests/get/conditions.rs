//! `-z` where the server knows no conditions: the client judges the response's date.

use crate::script::{Server, get};
use std::fs;
use support::Folder;

#[test]
fn content_of_another_date_is_not_written() {
    // -z, the date of the response, its status; is the content written?
    let table = "
        2000-01-02 | Sat, 01 Jan 2000 00:00:00 GMT | 200 | no
        2000-01-02 | Sun, 02 Jan 2000 00:00:00 GMT | 200 | no
        2000-01-02 | Mon, 03 Jan 2000 00:00:00 GMT | 200 | yes
        -2000-01-02 | Sat, 01 Jan 2000 00:00:00 GMT | 200 | yes
        -2000-01-02 | Sun, 02 Jan 2000 00:00:00 GMT | 200 | no
        -2000-01-02 | Mon, 03 Jan 2000 00:00:00 GMT | 200 | no
        2000-01-02 | Sat, 01 Jan 2000 00:00:00 GMT | 404 | yes
        2000-01-02 | yesterday | 200 | yes
    ";
    for row in table.lines().filter(|row| row.contains('|')) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [date, modified, status, is_written] = cells[..] else {
            panic!("{row}");
        };
        let head = format!(
            "HTTP/1.1 {status} OK\r\nLast-Modified: {modified}\r\nContent-Length: 5\r\n\r\n"
        );
        let answer = format!("{head}hello");
        let is_written = is_written == "yes";
        let content = if is_written { "hello" } else { "" };
        let code = if is_written { status } else { "304" };

        let server = Server::answering([&answer]);
        let args = [
            "-s",
            "-z",
            date,
            "-w",
            "%{stderr}%{http_code}",
            &server.url("/"),
        ];
        let outcome = get(args).succeeds();
        assert_eq!((outcome.text(), &*outcome.stderr), (content, code), "{row}");

        let server = Server::answering([&answer]);
        let outcome = get(["-i", "-z", date, &server.url("/")]).succeeds();
        assert_eq!(outcome.text(), format!("{head}{content}"), "{row}");

        for old in ["", "old"] {
            let folder = Folder::new().with("old", old);
            let file = folder.join(if old.is_empty() { "new" } else { "old" });
            let server = Server::answering([&answer]);
            get(["-s", "-z", date, "-o", &file, &server.url("/")]).succeeds();
            let kept = fs::read_to_string(&file).unwrap_or_default();
            assert_eq!(kept, if is_written { "hello" } else { old }, "{row}");
        }
    }
}

//! `download` and `crawl`: programs on the client library, against servers that misbehave.

use super::program::run;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use support::LONG;

/// Responds to each request, on a connection of its own, with what the closure makes of the number
/// and the head. Returns the address and the heads.
fn serve(
    mut respond: impl FnMut(usize, &str) -> String + Send + 'static,
) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = heads.clone();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream: TcpStream = stream.unwrap();
            stream.set_read_timeout(Some(LONG)).unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let head = head.join("\n");
            let response = respond(number, &head);
            seen.lock().unwrap().push(head);
            stream.write_all(response.as_bytes()).unwrap();
        }
    });
    (address, heads)
}

fn response(status: &str, fields: &str, length: usize, content: &str) -> String {
    let fields = format!("{fields}Content-Length: {length}\r\nConnection: close\r\n");
    format!("HTTP/1.1 {status}\r\n{fields}\r\n{content}")
}

/// A busy server, a transfer that stops, and its rest.
#[test]
fn a_download_is_retried_and_resumed() {
    let (address, heads) = serve(|number, _| match number {
        0 => response("503 Busy", "Retry-After: 0\r\n", 0, ""),
        1 => response("200 OK", "ETag: \"v1\"\r\n", 10, "01234"),
        2 => {
            let fields = "ETag: \"v1\"\r\nContent-Range: bytes 5-9/10\r\n";
            response("206 Partial Content", fields, 5, "56789")
        }
        _ => response("404 Not Found", "", 0, ""),
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let arguments = [format!("http://{address}/file"), path.display().to_string()];
    let said = run("download", &arguments);
    assert!(said.ok, "{}", said.stderr);
    assert_eq!(said.stdout, format!("{}: 10 bytes\n", path.display()));
    assert!(said.stderr.contains("5 of 5 bytes"), "{}", said.stderr);
    assert_eq!(std::fs::read(&path).unwrap(), b"0123456789");
    let heads = heads.lock().unwrap().clone();
    assert_eq!(heads.len(), 3);
    assert!(heads[2].contains("range: bytes=5-") || heads[2].contains("Range: bytes=5-"));
    assert!(
        heads[2].to_lowercase().contains("if-range: \"v1\""),
        "{}",
        heads[2]
    );
    let said = run("download", &arguments);
    assert!(
        !said.ok && said.stderr.contains("404 Not Found"),
        "{}",
        said.stderr
    );
}

/// Without a validator, and of another version, the whole file is fetched anew.
#[test]
fn versions_are_not_joined() {
    for fields in ["", "ETag: \"v1\"\r\n"] {
        let (address, _) = serve(move |number, _| match number {
            0 => response("200 OK", fields, 10, "01234"),
            _ => response("200 OK", "ETag: \"v2\"\r\n", 3, "new"),
        });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let url = format!("http://{address}/file");
        let said = run("download", [url, path.display().to_string()]);
        assert!(said.ok, "{}", said.stderr);
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }
}

#[test]
fn a_crawler_finds_broken_links() {
    let (address, heads) = serve(|_, head| {
        let page = |text: &str| response("200 OK", "Content-Type: text/html\r\n", text.len(), text);
        match head.split(' ').nth(1) {
            Some("/") => page(
                "<a href=\"a?x=1&amp;y=2#top\">a</a> <a href=\"/gone\">b</a> \
                 <a href=\"http://other.test/\">c</a> <a href=\"mailto:me@h\">d</a>",
            ),
            Some("/a?x=1&y=2") => page("<a href=\"/\">back</a> <a href=\"/b.txt\">b</a>"),
            Some("/b.txt") => {
                let fields = "Content-Type: text/plain\r\n";
                response("200 OK", fields, 13, "href=\"/never\"")
            }
            _ => response("404 Not Found", "", 0, ""),
        }
    });
    let said = run("crawl", [format!("http://{address}/")]);
    let base = format!("http://{address}");
    let want = [
        format!("{base}/: 2 links"),
        format!("{base}/a?x=1&y=2: 2 links"),
        format!("{base}/gone: BROKEN: 404 Not Found: {base}/gone"),
        format!("{base}/b.txt: 0 links"),
    ];
    assert_eq!(said.stdout.lines().collect::<Vec<_>>(), want);
    assert!(!said.ok);
    assert_eq!(heads.lock().unwrap().len(), 4, "no page twice");
    let said = run("crawl", [format!("{base}/"), "1".to_owned()]);
    assert!(
        said.ok && said.stdout.lines().count() == 1,
        "{}",
        said.stdout
    );
}

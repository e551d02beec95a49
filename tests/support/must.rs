//! For tables of what an RFC demands: what comes of some bytes, in a line; and an index that names
//! the test of each demand.

use super::{Folder, Serve, root, strict};

/// What is asked for behind the bytes of a row.
const MARKER: &str = "found behind it";

/// A folder with what rows ask for, served.
pub fn serve() -> (Folder, Serve) {
    let folder = Folder::new()
        .with("marker", MARKER)
        .with("a", "aaaa")
        .with("b", "bb")
        .with("folder/index.html", "<p>folder</p>");
    let server = Serve::start(folder.path(), [""; 0]);
    (folder, server)
}

/// Sends bytes and, behind them, a request for something that is easily told: the status codes of
/// the answers to the bytes, and whether the connection was `kept`, so that the request behind them
/// was found, or `ended`.
pub fn outcome(server: &Serve, bytes: &[u8]) -> String {
    let mut raw = server.connect();
    raw.send(bytes)
        .send("GET /marker HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let mut methods = methods(bytes).into_iter();
    let mut seen = Vec::new();
    while let Some(answer) = raw.next_answer(methods.next().as_deref().unwrap_or("GET")) {
        if answer.text() == MARKER {
            assert!(raw.is_ended(), "the marker asks for it");
            seen.push("kept".to_owned());
            return seen.join(" ");
        }
        seen.push(answer.status.to_string());
    }
    seen.push("ended".to_owned());
    seen.join(" ")
}

/// The methods of the requests in some bytes, as far as these can be read.
fn methods(mut bytes: &[u8]) -> Vec<String> {
    let mut methods = Vec::new();
    while let Ok(message) = strict::request(bytes) {
        methods.push(String::from_utf8_lossy(&message.start.0).into_owned());
        bytes = &bytes[message.length..];
    }
    methods
}

/// Checks rows of section, bytes, and [`outcome`].
pub fn check<B: AsRef<[u8]>>(server: &Serve, rows: &[(&str, B, &str)]) {
    for (section, bytes, want) in rows {
        let bytes = bytes.as_ref();
        assert_eq!(
            &outcome(server, bytes),
            want,
            "{section}: {}",
            bytes.escape_ascii()
        );
    }
}

/// Whether each test is there that an index names. A line of it: a section, what it demands, and
/// `file::test` where that is proven.
pub fn check_index(index: &str) {
    for line in index.lines().filter(|line| !line.is_empty()) {
        let columns: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let [_section, _demand, proof] = columns[..] else {
            panic!("three columns: {line}");
        };
        let (file, test) = proof.split_once("::").unwrap();
        let text = std::fs::read_to_string(root().join(file)).unwrap_or_default();
        let before = text.split_once(&format!("fn {test}("));
        let before = before.map_or("", |(before, _)| before.trim_end());
        // A function of that name is not enough: it has to be run.
        let lines = before.lines().rev().map(str::trim);
        let is_test = lines
            .take_while(|line| line.starts_with("#["))
            .any(|line| line == "#[test]");
        assert!(is_test, "there is no such test: {line}");
    }
}

//! `-D` keeps the head of every response of a run.

use crate::script::{HELLO, Server, get};
use std::fs;
use support::Folder;

const CONTINUE: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
const MOVED: &str = "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n";
const BUSY: &str = "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n";
const GONE: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone";
const CUT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello";

/// The head of an answer.
fn head(answer: &str) -> &str {
    &answer[..answer.find("\r\n\r\n").unwrap() + 4]
}

#[test]
fn every_head_of_the_run_is_kept() {
    let answer = |name: &str| match name {
        "moved" => MOVED,
        "gone" => GONE,
        "busy" => BUSY,
        "cut" => CUT,
        "empty" => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        _ => HELLO,
    };
    // Flags and paths, answers, more flags => exit code.
    let table = "
        /a | hello => 0
        -L /a | moved hello => 0
        -L /a | moved moved gone | -f => 22
        /a | gone | -f => 22
        /a | gone | -f -o out => 22
        /a | busy busy hello | --retry 2 => 0
        /a | busy hello | --retry 2 -o out => 0
        /a /b | hello gone => 0
        /a /b | hello hello | -o one -o two => 0
        /a | cut => 18
        /a | cut hello | -o out --retry-delay 0.01 => 0
        -L --max-redirs 1 /a | moved moved => 47
        -I /a | empty => 0
    ";
    for (case, code) in table::cases(table) {
        let mut parts = table::parts(case);
        let words: Vec<_> = table::arguments(parts.next().unwrap()).collect();
        let answers: Vec<_> = parts.next().unwrap().split(' ').map(answer).collect();
        let more: Vec<_> = table::arguments(parts.next().unwrap_or_default()).collect();
        let code: i32 = code.parse().unwrap();
        for interim in ["", CONTINUE] {
            // What an earlier run has left is replaced.
            let folder =
                Folder::new().with("heads", "an old and much longer file of heads".repeat(99));
            let sent: Vec<String> = answers
                .iter()
                .map(|answer| format!("{interim}{answer}"))
                .collect();
            let server = Server::answering(&sent);
            let heads = folder.join("heads");
            let mut args = vec!["-D".to_owned(), heads.clone()];
            args.extend([
                "--output-dir".to_owned(),
                folder.path().display().to_string(),
            ]);
            args.extend(words.iter().map(|word| match word.strip_prefix('/') {
                Some(_) => server.url(word),
                None => word.clone(),
            }));
            args.extend(more.iter().cloned());
            let outcome = get(&args).fails(code);
            let want: String = answers
                .iter()
                .map(|answer| format!("{interim}{}", head(answer)))
                .collect();
            let kept = fs::read_to_string(&heads).unwrap();
            assert_eq!(kept, want, "{args:?} {outcome:?}");
        }
    }
}

#[test]
fn heads_go_to_standard_output() {
    for name in ["-", "/dev/stdout"] {
        let server = Server::answering([MOVED, HELLO]);
        let outcome = get(["-L", "-D", name, &server.url("/a")]).succeeds();
        let want = format!("{}{}hello", head(MOVED), head(HELLO));
        assert_eq!(outcome.text(), want, "{name}");
        let server = Server::answering([GONE]);
        let outcome = get(["-f", "-D", name, &server.url("/a")]).fails(22);
        assert_eq!(outcome.text(), head(GONE), "{name}");
    }
}

#[test]
fn the_proxys_head_is_kept_too() {
    let proxy = Server::answering(["HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n"]);
    let folder = Folder::new();
    let heads = folder.join("heads");
    let address = proxy.address.to_string();
    let args = ["-D", &heads, "-x", &address, "http://h.test/"];
    get(args).succeeds();
    let kept = fs::read_to_string(&heads).unwrap();
    assert_eq!(kept, "HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n");
}

#[test]
fn heads_that_cannot_be_kept_are_an_error() {
    let folder = Folder::new();
    let nowhere = folder.join("no/heads");
    let server = Server::answering([HELLO, HELLO, HELLO]);
    let outcome = get(["-D", &nowhere, &server.url("/")]).fails(23);
    assert!(outcome.stderr.contains("no/heads"), "{outcome:?}");
    get(["-D", "/dev/full", &server.url("/")]).fails(23);
    get(["--create-dirs", "-D", &nowhere, &server.url("/")]).succeeds();
    assert_eq!(fs::read_to_string(&nowhere).unwrap(), head(HELLO));
    // Where nothing is sent, nothing is emptied.
    let folder = folder.with("heads", "old");
    let heads = folder.join("heads");
    get(["--dry-run", "-D", &heads, &server.url("/")]).succeeds();
    assert_eq!(fs::read_to_string(&heads).unwrap(), "old");
}

#[test]
fn heads_of_parallel_fetches_are_whole() {
    let server = Server::start_parallel(|connection| {
        while connection.request().is_some() {
            connection.send(HELLO);
        }
    });
    let folder = Folder::new();
    let heads = folder.join("heads");
    let mut args = vec!["-Z".to_owned(), "-D".to_owned(), heads.clone()];
    args.extend((0..20).map(|number| server.url(&format!("/{number}"))));
    get(&args).succeeds();
    let kept = fs::read_to_string(&heads).unwrap();
    assert_eq!(kept, head(HELLO).repeat(20));
}

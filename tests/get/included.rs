//! `-i` shows every head that arrives, and the trailers, as `-D` keeps them.

use crate::script::{HELLO, Server, get};
use std::fs;
use support::Folder;

const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
const MOVED: &str = "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n";
const BUSY: &str = "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 4\r\n\r\nbusy";
const GONE: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone";
const CUT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
    5;a=b:c\r\nhello\r\n0\r\nX-Sum: 1\r\nother: 2\r\n\r\n";
const TRAILERS: &str = "X-Sum: 1\r\nother: 2\r\n";

/// The head of an answer.
fn head(answer: &str) -> &str {
    &answer[..answer.find("\r\n\r\n").unwrap() + 4]
}

struct Row {
    flags: &'static [&'static str],
    answers: &'static [&'static str],
    /// The content that is shown behind the last head.
    content: &'static str,
    code: i32,
}

const TABLE: &[Row] = &[
    Row {
        flags: &["-i"],
        answers: &[HELLO],
        content: "hello",
        code: 0,
    },
    Row {
        flags: &["-i"],
        answers: &[CUT],
        content: "hello",
        code: 18,
    },
    Row {
        flags: &["-i", "-L"],
        answers: &[MOVED, HELLO],
        content: "hello",
        code: 0,
    },
    Row {
        flags: &["-i"],
        answers: &[GONE],
        content: "gone",
        code: 0,
    },
    Row {
        flags: &["-i", "-f"],
        answers: &[GONE],
        content: "",
        code: 22,
    },
    Row {
        flags: &["-I", "-f"],
        answers: &[GONE],
        content: "",
        code: 22,
    },
    Row {
        flags: &["-i", "-fL"],
        answers: &[MOVED, GONE],
        content: "",
        code: 22,
    },
    Row {
        flags: &["-i", "--fail-with-body"],
        answers: &[GONE],
        content: "gone",
        code: 22,
    },
    Row {
        flags: &["-i", "-L", "--max-redirs", "1"],
        answers: &[MOVED, MOVED],
        content: "",
        code: 47,
    },
    Row {
        flags: &["-i", "-L"],
        answers: &[MOVED, ""],
        content: "",
        code: 52,
    },
];

#[test]
fn every_head_is_shown() {
    for Row {
        flags,
        answers,
        content,
        code,
    } in TABLE
    {
        for interim in ["", HINTS] {
            let sent: Vec<_> = answers
                .iter()
                .map(|answer| match *answer {
                    "" => String::new(),
                    answer => format!("{interim}{answer}"),
                })
                .collect();
            let heads: String = answers
                .iter()
                .filter(|answer| !answer.is_empty())
                .map(|answer| format!("{interim}{}", head(answer)))
                .collect();
            let want = format!("{heads}{content}");

            let server = Server::answering(&sent);
            let url = server.url("/");
            let outcome = get(flags.iter().copied().chain([&*url])).fails(*code);
            assert_eq!(outcome.text(), want, "{flags:?} {outcome:?}");

            // What fails leaves an older file as it was.
            let folder = Folder::new().with("f", "old");
            let (file, server) = (folder.join("f"), Server::answering(&sent));
            let url = server.url("/");
            let args = flags.iter().copied().chain(["-s", "-o", &file, &url]);
            get(args).fails(*code);
            let is_shown = *code == 0 || flags.contains(&"--fail-with-body");
            let kept = fs::read_to_string(&file).unwrap();
            assert_eq!(kept, if is_shown { &*want } else { "old" }, "{flags:?}");
        }
    }
}

#[test]
fn without_i_failures_show_nothing() {
    for flags in [&["-f"][..], &["-fL"], &["-f", "--retry", "1"]] {
        let folder = Folder::new();
        for to in [&[][..], &["-o", &folder.join("f")]] {
            let server = Server::answering([GONE, GONE]);
            let url = server.url("/");
            let args = flags.iter().chain(to).copied().chain([&*url]);
            let outcome = get(args).fails(22);
            assert_eq!(outcome.text(), "");
            assert!(folder.names().is_empty(), "{:?}", folder.names());
        }
    }
}

#[test]
fn retried_responses_show_their_heads() {
    let server = Server::answering([BUSY, HELLO]);
    let outcome = get(["-i", "-s", "--retry", "1", &server.url("/")]).succeeds();
    assert_eq!(outcome.text(), format!("{}{HELLO}", head(BUSY)));
    // A file has the last response only.
    let folder = Folder::new();
    let (file, server) = (folder.join("f"), Server::answering([BUSY, HELLO]));
    get(["-i", "-s", "--retry", "1", "-o", &file, &server.url("/")]).succeeds();
    assert_eq!(fs::read_to_string(&file).unwrap(), HELLO);
}

#[test]
fn trailers_are_shown_behind_the_content() {
    let folder = Folder::new();
    let heads = folder.join("heads");
    let bare = CHUNKED.replace("\r\n", "\n");
    for (answer, head) in [(CHUNKED, head(CHUNKED)), (&*bare, "")] {
        let server = Server::answering([answer]);
        let outcome = get(["-i", "-D", &heads, &server.url("/")]).succeeds();
        if !head.is_empty() {
            assert_eq!(outcome.text(), format!("{head}hello{TRAILERS}"));
            let kept = fs::read_to_string(&heads).unwrap();
            assert_eq!(kept, format!("{head}{TRAILERS}"));
        }
        assert!(outcome.text().ends_with(&format!("hello{TRAILERS}")));
    }
    let server = Server::answering([CHUNKED]);
    let outcome = get([&server.url("/")]).succeeds();
    assert_eq!(outcome.text(), "hello");
    let server = Server::answering([CHUNKED]);
    let outcome = get(["-v", &server.url("/")]).succeeds();
    assert!(outcome.stderr.contains("\n< X-Sum: 1\n"), "{outcome:?}");
    let server = Server::answering([CHUNKED]);
    let outcome = get(["--pretty", "--color", "never", &server.url("/")]).succeeds();
    assert!(
        outcome.text().ends_with("\n\nhello\nX-Sum: 1\nother: 2\n"),
        "{outcome:?}"
    );
    let server = Server::answering([CHUNKED]);
    let outcome = get(["--json-out", &server.url("/")]).succeeds();
    let object: serde_json::Value = serde_json::from_str(outcome.text()).unwrap();
    assert_eq!(object["hops"][0]["trailers"][0][0], "X-Sum");
}

#[test]
fn a_proxys_refusal_is_shown() {
    let refusal = "HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n";
    let proxy = Server::answering([refusal]);
    let address = proxy.address.to_string();
    let outcome = get(["-i", "-x", &address, "https://h.test/"]).fails(56);
    assert_eq!(outcome.text(), refusal);
}

#[test]
fn heads_may_go_to_standard_error() {
    let server = Server::answering([[HINTS, HELLO].concat()]);
    let outcome = get(["-s", "-D", "%", &server.url("/")]).succeeds();
    assert_eq!(outcome.text(), "hello");
    assert_eq!(outcome.stderr, format!("{HINTS}{}", head(HELLO)));
}

#[test]
fn a_resumed_file_gets_head_and_rest() {
    let rest = "HTTP/1.1 206 Rest\r\nContent-Range: bytes 3-4/5\r\nContent-Length: 2\r\n\r\nlo";
    let end = "HTTP/1.1 416 End\r\nContent-Range: bytes */3\r\nContent-Length: 0\r\n\r\n";
    let bare_end = "HTTP/1.1 416 End\r\nContent-Length: 0\r\n\r\n";
    let shorter = "HTTP/1.1 416 End\r\nContent-Range: bytes */2\r\nContent-Length: 0\r\n\r\n";
    let whole = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhel";
    let table = [
        ("-", rest, 0, Some(rest)),
        ("3", rest, 0, Some(rest)),
        ("-", end, 0, Some(end)),
        ("-", bare_end, 0, Some(bare_end)),
        ("-", whole, 0, Some(head(whole))),
        // The user's file is left alone if it is not continued.
        ("-", HELLO, 33, None),
        ("-", shorter, 33, None),
        ("-", GONE, 22, None),
        ("4", rest, 36, None),
    ];
    for (from, answer, code, added) in table {
        let folder = Folder::new().with("f", "hel");
        let (file, server) = (folder.join("f"), Server::answering([answer]));
        let args = ["-i", "-f", "-s", "-C", from, "-o", &file, &server.url("/")];
        get(args).fails(code);
        let want = format!("hel{}", added.unwrap_or_default());
        assert_eq!(fs::read_to_string(&file).unwrap(), want, "{from} {answer}");
    }
    // Without -f a response that is an error is not the rest either.
    for to_file in [false, true] {
        for include in [false, true] {
            let folder = Folder::new().with("f", "hel");
            let (file, server) = (folder.join("f"), Server::answering([GONE]));
            let mut args = vec!["-s", "-C", "3"];
            args.extend(include.then_some("-i"));
            args.extend(to_file.then_some(["-o", &file]).into_iter().flatten());
            let outcome = get(args.into_iter().chain([&*server.url("/")])).fails(33);
            let shown = if include && !to_file { head(GONE) } else { "" };
            assert_eq!(outcome.text(), shown);
            assert_eq!(folder.read("f"), b"hel");
        }
    }
    // A file that is not newer is left as it is.
    let same = "HTTP/1.1 304 Not Modified\r\n\r\n";
    for flags in [&[][..], &["-i"]] {
        let folder = Folder::new().with("f", "hel");
        let (file, server) = (folder.join("f"), Server::answering([same]));
        let url = server.url("/");
        let args = ["-s", "-C", "-", "-z", "2026-01-01", "-o", &file, &url];
        get(args.iter().chain(flags)).succeeds();
        let added = if flags.is_empty() { "" } else { same };
        assert_eq!(folder.read("f"), format!("hel{added}").as_bytes());
    }
    // Without -i only content is added.
    for (answer, want) in [
        (rest, "hello"),
        (end, "hel"),
        (bare_end, "hel"),
        (whole, "hel"),
    ] {
        let folder = Folder::new().with("f", "hel");
        let (file, server) = (folder.join("f"), Server::answering([answer]));
        get(["-s", "-C", "-", "-o", &file, &server.url("/")]).succeeds();
        assert_eq!(fs::read_to_string(&file).unwrap(), want, "{answer}");
    }
}

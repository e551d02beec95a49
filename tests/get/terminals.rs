//! What people see: the program in a terminal, made by script(1).

use crate::script::{Server, command};
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Instant;
use support::{Folder, LONG};

/// A program in a terminal of its own.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    output: mpsc::Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    /// Runs `tinyhttp get` there; none if this machine has no script(1).
    fn get(args: &[&str]) -> Option<Terminal> {
        let program = command([""; 0]).get_program().to_str().unwrap().to_owned();
        let quoted: Vec<_> = args.iter().map(|arg| format!("'{arg}'")).collect();
        let line = format!("{program} get {}", quoted.join(" "));
        let spawned = Command::new("script")
            .args(["-qefc", &line, "/dev/null"])
            .env_clear()
            .envs([
                ("TERM", "xterm-256color"),
                ("COLUMNS", "100"),
                ("PATH", "/usr/bin:/bin"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut child) = spawned else {
            eprintln!("skipped: this machine has no script(1)");
            return None;
        };
        let mut stdout = child.stdout.take().unwrap();
        let (sender, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Some(Terminal {
            keys: child.stdin.take().unwrap(),
            child,
            output,
            seen: String::new(),
        })
    }

    /// Waits until that is on the screen.
    fn wait_for(&mut self, text: &str) {
        self.wait_until(text, |seen| seen.contains(text));
    }

    /// Waits until the screen shows something that `is_there` finds.
    fn wait_until(&mut self, what: &str, is_there: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + LONG;
        while !is_there(&self.seen) {
            let left = deadline.saturating_duration_since(Instant::now());
            let bytes = self.output.recv_timeout(left);
            let bytes = bytes.unwrap_or_else(|_| panic!("no {what:?} in {:?}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    fn type_in(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).unwrap();
    }

    /// Waits for the end: everything that was seen, and the exit code.
    fn end(mut self) -> (String, i32) {
        let deadline = Instant::now() + LONG;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    self.child.kill().unwrap();
                    panic!("it did not end: {:?}", self.seen);
                }
            }
        }
        (
            self.seen.replace("\r\n", "\n"),
            self.child.wait().unwrap().code().unwrap(),
        )
    }
}

#[test]
fn head_colours_and_indented_json() {
    let server = Server::answering([
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"a\":[true]}\n",
    ]);
    let Some(terminal) = Terminal::get(&[&server.url("/")]) else {
        return;
    };
    let (seen, code) = terminal.end();
    assert_eq!(code, 0, "{seen}");
    for want in [
        "\x1b[1m\x1b[32mHTTP/1.1 200 OK\x1b[0m\n",
        "\x1b[36mContent-Type\x1b[0m: application/json\n",
        "\n\n{\n  \x1b[36m\"a\"\x1b[0m: [\n    \x1b[33mtrue\x1b[0m\n  ]\n}\n",
    ] {
        assert!(seen.contains(want), "{want:?} in {seen:?}");
    }
    assert!(
        server.request().contains("Accept-Encoding: gzip"),
        "people read text"
    );
}

#[test]
fn nothing_that_comes_does_anything() {
    let evil = "\x1b]0;title\x07\x1b[2J\u{9b}31m\u{202e}";
    let answer = format!("HTTP/1.1 200 OK\r\nX-Evil: \u{9b}2J\r\n\r\n{evil}");
    let server = Server::answering([answer]);
    let Some(terminal) = Terminal::get(&["-v", &server.url("/")]) else {
        return;
    };
    let (seen, _) = terminal.end();
    assert!(
        seen.contains("\\u{1b}]0;title\\u{7}\\u{1b}[2J\\u{9b}31m\\u{202e}"),
        "{seen:?}"
    );
    for bad in ["\x1b]", "\x07", "\x1b[2J", "\u{9b}", "\u{202e}"] {
        assert!(!seen.contains(bad), "{bad:?} in {seen:?}");
    }
}

#[test]
fn nothing_that_is_told_about_it_does_anything() {
    let answer = "HTTP/1.1 200 \u{202e}\r\nX-Evil: a\u{9b}2J\r\nSet-Cookie: a=\u{9b}2J\r\nContent-Length: 0\r\n\r\n";
    let table: [(&[&str], &str); 6] = [
        (&["-s", "-w", "%header{x-evil}"], "a\\u{9b}2J"),
        (&["-s", "-w", "%{stderr}%{header_json}"], "a\\u009b2J"),
        (&["--json-out"], "a\\u009b2J"),
        (&["-s", "-D", "-"], "a\\u{9b}2J"),
        (&["-s", "-c", "-"], "\\u{9b}2J"),
        (&["--explain"], "a\\u{9b}2J"),
    ];
    for (flags, want) in table {
        let server = Server::answering([answer]);
        let url = server.url("/");
        let args: Vec<_> = flags.iter().copied().chain([url.as_str()]).collect();
        let Some(terminal) = Terminal::get(&args) else {
            return;
        };
        let (seen, code) = terminal.end();
        assert_eq!(code, 0, "{flags:?} {seen:?}");
        assert!(seen.contains(want), "{flags:?} {want:?} in {seen:?}");
        for bad in ['\u{9b}', '\u{202e}'] {
            assert!(!seen.contains(bad), "{flags:?} {bad:?} in {seen:?}");
        }
    }
}

#[test]
fn bytes_that_are_not_text() {
    let server = Server::answering([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\x89PN\0"]);
    let Some(terminal) = Terminal::get(&[&server.url("/")]) else {
        return;
    };
    let (seen, _) = terminal.end();
    assert!(seen.contains("this is not text"), "{seen:?}");
}

#[test]
fn a_password_is_asked_for_and_not_shown() {
    let server = Server::answering([crate::script::HELLO]);
    let Some(mut terminal) = Terminal::get(&["-u", "me", &server.url("/")]) else {
        return;
    };
    terminal.wait_for("Password of me for 127.0.0.1: ");
    terminal.type_in("secret\n");
    let (seen, code) = terminal.end();
    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains("secret"), "{seen}");
    assert!(
        server
            .request()
            .contains("\r\nAuthorization: Basic bWU6c2VjcmV0\r\n")
    );
}

#[test]
fn progress_of_a_download() {
    let (go, wait) = mpsc::channel::<()>();
    let server = Server::start(move |connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n");
        connection.send(vec![b'x'; 1_000_000]);
        let _ = wait.recv_timeout(LONG);
        connection.send(vec![b'x'; 1_000_000]);
    });
    let folder = Folder::new();
    let Some(mut terminal) = Terminal::get(&["-o", &folder.join("file"), &server.url("/")]) else {
        return;
    };
    terminal.wait_for("50%");
    go.send(()).unwrap();
    let (seen, code) = terminal.end();
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("976.56 KiB of 1.91 MiB"), "{seen:?}");
    assert_eq!(folder.read("file").len(), 2_000_000);
}

/// Uploads by `-T`, `-F` and stdin show how much has been sent, while it is sent.
#[test]
fn progress_of_an_upload() {
    const LENGTH: usize = 40_000_000;
    let folder = Folder::new().with("file", vec![b'x'; LENGTH]);
    let part = format!("f=@{}", folder.join("file"));
    let data = format!("@{}", folder.join("file"));
    for flags in [
        ["-T", &folder.join("file")],
        ["-F", &part],
        ["--data-binary", &data],
    ] {
        let (go, wait) = mpsc::channel::<()>();
        let server = Server::start(move |connection| {
            connection.head();
            connection.send("HTTP/1.1 100 Continue\r\n\r\n");
            // The rest stays in the client: no socket's buffers hold it.
            connection.read_exactly(LENGTH / 4);
            let _ = wait.recv_timeout(LONG);
            connection.read_exactly(LENGTH * 3 / 4);
            connection.send(crate::script::HELLO);
        });
        let url = server.url("/");
        let Some(mut terminal) = Terminal::get(&[flags[0], flags[1], &url]) else {
            return;
        };
        let is_between = |seen: &str| {
            let percent = seen.split('%').filter_map(|before| {
                before
                    .rsplit(|c: char| !c.is_ascii_digit())
                    .next()?
                    .parse::<u32>()
                    .ok()
            });
            percent
                .into_iter()
                .any(|percent| (1..100).contains(&percent))
        };
        terminal.wait_until("a percentage", is_between);
        assert!(
            terminal.seen.contains("of 38.1"),
            "{flags:?} {:?}",
            terminal.seen
        );
        go.send(()).unwrap();
        let (seen, code) = terminal.end();
        assert_eq!(code, 0, "{flags:?} {seen}");
        assert!(seen.contains("hello"), "{flags:?} {seen:?}");
    }
}

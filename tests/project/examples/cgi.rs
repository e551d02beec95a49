//! `cgi`: what a script is given, what it may answer, and what it can't do.

use super::program::Running;
use std::io::Write;
use std::process::{Command, Stdio};
use support::{Folder, curl_status, curl_text, root};

/// A folder with one more script. Another process writes it: if this one did, a program that
/// another test starts just then would hold it open for writing, and the system would not run it.
fn with_script(folder: Folder, name: &str, script: &str) -> Folder {
    let mut install = Command::new("install")
        .args(["-m", "755", "/dev/stdin", &folder.join(name)])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = install.stdin.take().unwrap();
    write!(stdin, "#!/bin/sh\n{script}\n").unwrap();
    drop(stdin);
    assert!(install.wait().unwrap().success());
    folder
}

fn start(folder: &Folder) -> Running {
    Running::start("cgi", [folder.path().to_str().unwrap(), "0"])
}

#[test]
fn the_request_becomes_the_environment() {
    let own = root().join("crates/server/examples/cgi/cgi-bin");
    let server = Running::start("cgi", [own.to_str().unwrap(), "0"]);
    let content = "line one\nline two";
    let text = curl_text([
        "-H",
        "Cookie: a=b",
        "-H",
        "X-Two: 1",
        "-H",
        "X-Two: 2",
        "-H",
        "Proxy: http://evil.example",
        "-H",
        "Authorization: Basic eDp5",
        "-H",
        "Content-Type: text/x-test",
        "--data-binary",
        content,
        &server.url("/hello/more/%e4%b8%ad%20x?a=1&b=%20"),
    ]);
    let port = server.address.port();
    let wanted = [
        "CONTENT_LENGTH=17",
        "CONTENT_TYPE=text/x-test",
        "GATEWAY_INTERFACE=CGI/1.1",
        "HTTP_COOKIE=a=b",
        "HTTP_X_TWO=1, 2",
        &format!("HTTP_HOST=127.0.0.1:{port}"),
        "PATH_INFO=/more/中 x",
        "QUERY_STRING=a=1&b=%20",
        "REMOTE_ADDR=127.0.0.1",
        "REQUEST_METHOD=POST",
        "SCRIPT_NAME=/hello",
        "SERVER_NAME=127.0.0.1",
        &format!("SERVER_PORT={port}"),
        "SERVER_PROTOCOL=HTTP/1.1",
        "SERVER_SOFTWARE=tinyhttp-cgi",
    ];
    for line in wanted {
        assert!(
            text.lines().any(|other| other == line),
            "{line} is not in {text}"
        );
    }
    for name in [
        "HTTP_PROXY=",
        "HTTP_AUTHORIZATION=",
        "HTTP_CONTENT",
        "HOME=",
        "CARGO",
    ] {
        assert!(
            !text.lines().any(|line| line.starts_with(name)),
            "{name} is in {text}"
        );
    }
    assert!(text.ends_with(content), "{text}");
    let text = curl_text([server.url("/hello")]);
    for name in ["CONTENT_LENGTH", "CONTENT_TYPE"] {
        assert!(!text.contains(name), "{name} without content");
    }
    for line in ["PATH_INFO=", "QUERY_STRING="] {
        assert!(
            text.lines().any(|other| other == line),
            "{line} is not in {text}"
        );
    }
    // Sent in chunks, so that only its end tells how long it is.
    let text = curl_text([
        "-H",
        "Transfer-Encoding: chunked",
        "-d",
        "four",
        &server.url("/hello"),
    ]);
    assert!(
        text.contains("CONTENT_LENGTH=4\n") && text.ends_with("\nfour"),
        "{text}"
    );
    assert!(!text.contains("TRANSFER_ENCODING"), "{text}");
}

#[test]
fn what_a_script_prints_becomes_the_response() {
    let html = "Content-Type: text/html";
    let table = r"
        plain: printf '{html}\n\n<p>hi' => 200 <p>hi
        crlf: printf '{html}\r\nX-A: b\r\n\r\nhi' => 200 hi
        status: printf 'Status: 418 I am a teapot\n{html}\n\nshort' => 418 short
        away: printf 'Location: http://example.org/\n\n' => 302
        moved: printf 'Status: 301\nLocation: /plain\n\n' => 301
        other: printf 'Location: /plain?x\n\n' => 200 <p>hi
        length: printf 'Content-Length: 999\nTransfer-Encoding: chunked\n{html}\n\nhi' => 200 hi
        circle: printf 'Location: /circle\n\n' => 502
        silent: exit 1 => 502
        headless: echo hi => 502
        no_cgi_field: printf 'X-A: b\n\nhi' => 502
        bad_field: printf '{html}\nX A: b\n\nhi' => 502
        bad_status: printf 'Status: 99\n\nhi' => 502
        interim: printf 'Status: 101\n\n' => 502
        twice: printf 'Status: 200\nStatus: 404\n\nhi' => 502
        flood: printf '{html}\n\n'; head -c 9000000 /dev/zero => 502
    ";
    let folder = table::cases(table).fold(Folder::new(), |folder, (case, _)| {
        let (name, script) = case.split_once(": ").unwrap();
        with_script(folder, name, &script.replace("{html}", html))
    });
    let server = start(&folder);
    for (case, outcome) in table::cases(table) {
        let (name, _) = case.split_once(": ").unwrap();
        let ([status], content) = table::words(outcome);
        let status: u16 = status.parse().unwrap();
        let answer = server.connect().get(&format!("/{name}"));
        assert_eq!(answer.status, status, "{name}");
        match status {
            502 => assert_eq!(answer.text(), "502 Bad Gateway\n", "{name}"),
            _ => assert_eq!(answer.text(), content, "{name}"),
        }
    }
    assert_eq!(server.connect().get("/crlf").field("x-a"), Some("b"));
    assert_eq!(
        server.connect().get("/away").field("location"),
        Some("http://example.org/")
    );
    // The reason is for the log, not for strangers.
    assert_eq!(
        server.stderr_line(),
        "cgi: scripts point to each other in a circle"
    );
}

#[test]
fn only_scripts_are_run_and_no_shell_reads_what_a_client_sends() {
    let folder = with_script(
        Folder::new().with("data.txt", "x"),
        "args",
        "printf 'Status: 200\\n\\n'; echo \"$#:$QUERY_STRING\"",
    );
    let folder = with_script(folder, ".hidden", "printf 'Status: 200\\n\\n'");
    let folder = with_script(folder, "folder.d-script", "printf 'Status: 200\\n\\n'");
    folder.write("sub/x", "x");
    std::os::unix::fs::symlink("/usr/bin/env", folder.path().join("link")).unwrap();
    let server = start(&folder);
    let table = [
        "/",
        "/nowhere",
        "/data.txt",
        "/.hidden",
        "/sub",
        "/sub/x",
        "/link",
        "/..",
        "/../../bin/env",
        "/%2e%2e/args",
        "/..%2fargs",
        "/sub%2f..%2fargs",
        "/args%00",
        "/;args",
        "/$(args)",
    ];
    for path in table {
        assert_eq!(
            curl_status(["--path-as-is", &server.url(path)]),
            404,
            "{path}"
        );
    }
    // Not even as arguments: `?-s` once made PHP show its source.
    assert_eq!(curl_text([server.url("/args?-s+;id")]), "0:-s+;id\n");
    assert_eq!(
        curl_text([
            "--path-as-is".to_owned(),
            server.url("/x/../args?'`id`$(id)")
        ]),
        "0:'`id`$(id)\n"
    );
}

#[test]
fn content_is_bounded_and_need_not_be_read() {
    let folder = with_script(
        Folder::new(),
        "deaf",
        "printf 'Status: 200\\n\\nnot listening'",
    );
    let folder = with_script(folder, "count", "printf 'Status: 200\\n\\n'; wc -c");
    folder.write("fits", "x".repeat(1024 * 1024));
    folder.write("large", "x".repeat(1024 * 1024 + 1));
    let server = start(&folder);
    let post = |file: &str, script: &str| {
        [
            "--data-binary".to_owned(),
            format!("@{}", folder.join(file)),
            server.url(script),
        ]
    };
    assert_eq!(curl_text(post("fits", "/count")), "1048576\n");
    assert_eq!(curl_text(post("fits", "/deaf")), "not listening");
    assert_eq!(curl_status(post("large", "/count")), 413);
}

#[test]
fn what_a_script_leaves_behind_goes_with_it() {
    // Its descendant would keep a pipe open for a minute; the first read of the pipe ends when it
    // is gone.
    let folder = with_script(
        Folder::new(),
        "leave",
        "(exec sleep 60 > held < /dev/null) &\nprintf 'Status: 200\\n\\nbye'",
    );
    let fifo = folder.join("held");
    support::mkfifo(&fifo);
    let server = start(&folder);
    let holder = std::thread::spawn(move || std::fs::read(fifo).unwrap());
    assert_eq!(server.connect().get("/leave").text(), "bye");
    assert_eq!(holder.join().unwrap(), b"");
}

#[test]
fn a_script_that_takes_too_long_is_ended() {
    // The one says nothing, the other never stops.
    let folder = with_script(Folder::new(), "silent", "exec sleep 60 3> held");
    let folder = with_script(
        folder,
        "chatty",
        "printf 'Status: 200\\n\\n'\nwhile sleep 0.02; do printf x; done",
    );
    let fifo = folder.join("held");
    support::mkfifo(&fifo);
    let arguments = [folder.path().to_str().unwrap(), "0", "127.0.0.1", "0.3"];
    let server = Running::start("cgi", arguments);
    // Its end is the end of the pipe that it held.
    let holder = std::thread::spawn(move || std::fs::read(fifo).unwrap());
    for script in ["/silent", "/chatty"] {
        assert_eq!(server.connect().get(script).status, 504, "{script}");
    }
    assert_eq!(holder.join().unwrap(), b"");
}

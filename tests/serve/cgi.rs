//! `--cgi`: programs in sh, Python and Perl that are run for requests, and how they end.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use support::{Folder, Serve, curl, curl_status, curl_text, root, tinyhttp, wait_until};

/// Writes programs, which may be executed.
fn programs(programs: &[(&str, &str)]) -> Folder {
    let folder = Folder::new().with("www/index.html", "a page");
    for (name, text) in programs {
        let path = Path::new("www").join(name);
        folder.write(&path, text);
        let executable = PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path().join(path), executable).unwrap();
    }
    folder
}

fn serve(folder: &Folder, flags: &[&str]) -> Serve {
    let flags = ["--cgi", "/cgi-bin", "--cgi", "*.cgi"].iter().chain(flags);
    Serve::start(&folder.path().join("www"), flags)
}

/// Whether a program is installed.
fn has(program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output();
    let is_there = found.is_ok_and(|found| found.status.success());
    if !is_there {
        eprintln!("skipped: {program} is not installed");
    }
    is_there
}

/// The numbers of the processes that descend from the server's supervisor of programs.
fn descendants(server: &Serve) -> Vec<u32> {
    let children = |parent: u32| -> Vec<u32> {
        let list = format!("/proc/{parent}/task/{parent}/children");
        let text = std::fs::read_to_string(list).unwrap_or_default();
        text.split_whitespace()
            .map(|number| number.parse().unwrap())
            .collect()
    };
    // The server is multithreaded: the process was started by its first thread.
    let mut found = children(server.pid());
    found.retain(|number| {
        let name = std::fs::read_to_string(format!("/proc/{number}/comm"));
        name.is_ok_and(|name| name.trim() == "tinyhttp-cgi")
    });
    let mut all = Vec::new();
    while let Some(parent) = found.pop() {
        let more = children(parent);
        all.extend(&more);
        found.extend(more);
    }
    all
}

/// Waits until no program of the server is left, not even as a zombie.
fn wait_for_end(server: &Serve) {
    wait_until("all programs have ended", || descendants(server).is_empty());
}

const ENVIRONMENT: &str = "#!/bin/sh\necho Content-Type: text/plain\necho\necho \"args $#\"\necho \"in $(pwd)\"\nenv | sort\n";

#[test]
fn the_environment_of_a_program() {
    let folder = programs(&[("cgi-bin/deep/env.sh", ENVIRONMENT)]);
    let server = serve(&folder, &["--cgi-env", "LANG=C.UTF-8"]);
    let text = curl_text([
        "-H",
        "Proxy: http://evil",
        "-H",
        "X_A: evil",
        "-H",
        "X-A: 1",
        "-H",
        "Remote_User: root",
        "-H",
        "Connection: close, x-b",
        "-H",
        "X-B: 2",
        &server.url("/cgi-bin/deep/env.sh/info%20x?-s+--help&a=%20"),
    ]);
    let www = folder.join("www");
    for line in [
        "args 0",
        &format!("in {www}/cgi-bin/deep"),
        "GATEWAY_INTERFACE=CGI/1.1",
        "PATH_INFO=/info x",
        &format!("PATH_TRANSLATED={www}/info x"),
        "QUERY_STRING=-s+--help&a=%20",
        "REMOTE_ADDR=127.0.0.1",
        "REQUEST_METHOD=GET",
        "REQUEST_URI=/cgi-bin/deep/env.sh/info%20x?-s+--help&a=%20",
        &format!("SCRIPT_FILENAME={www}/cgi-bin/deep/env.sh"),
        "SCRIPT_NAME=/cgi-bin/deep/env.sh",
        "SERVER_PROTOCOL=HTTP/1.1",
        "SERVER_NAME=127.0.0.1",
        "HTTP_X_A=1",
        "LANG=C.UTF-8",
        "PATH=/usr/local/bin:/usr/bin:/bin",
    ] {
        assert!(
            text.lines().any(|it| it == line),
            "{line} is missing in {text}"
        );
    }
    for name in [
        "HTTP_PROXY",
        "HTTP_REMOTE_USER",
        "HTTP_X_B",
        "CONTENT_LENGTH",
        "HOME",
        "TINYHTTP",
    ] {
        assert!(!text.contains(&format!("\n{name}")), "{name}: {text}");
    }
    // No descriptor but the three streams.
    let listing = "#!/bin/sh\necho A: b\necho\nls /proc/$$/fd\n";
    folder.write("www/cgi-bin/deep/env.sh", listing);
    let open = curl_text([server.url("/cgi-bin/deep/env.sh")]);
    let open: Vec<&str> = open
        .split_whitespace()
        .filter(|number| *number != "10")
        .collect();
    assert_eq!(open, ["0", "1", "2"]);
}

const PYTHON: &str = r#"#!/usr/bin/env python3
import os, sys, hashlib
length = int(os.environ.get("CONTENT_LENGTH") or 0)
data = sys.stdin.buffer.read(length)
rest = sys.stdin.buffer.read()
print("Status: 201 Made")
print("Content-Type: text/plain")
print("Set-Cookie: a=1")
print("Set-Cookie: b=2")
print()
print(os.environ["REQUEST_METHOD"], length, len(rest), hashlib.md5(data).hexdigest())
"#;

const PERL: &str = r#"#!/usr/bin/env perl
use strict;
local $/; my $data = <STDIN>;
print "Content-Type: text/plain\r\n\r\n", length($data), " ", $ENV{CONTENT_TYPE} // "none";
"#;

#[test]
fn content_in_python_and_perl() {
    let folder = programs(&[("a.cgi", PYTHON), ("b.cgi", PERL)]);
    let server = serve(&folder, &[]);
    let large = "0123456789abcdef".repeat(200_000);
    folder.write("large", &large);
    let binary = format!("@{}", folder.join("large"));
    let sum = Command::new("md5sum")
        .arg(folder.join("large"))
        .output()
        .unwrap()
        .stdout;
    let sum = String::from_utf8_lossy(&sum[..32]).into_owned();
    if has("python3") {
        let url = server.url("/a.cgi");
        for framing in ["Expect: 100-continue", "Transfer-Encoding: chunked"] {
            let flags = [
                "--expect100-timeout",
                "20",
                "-i",
                "-H",
                framing,
                "--data-binary",
                &binary,
            ];
            let answer = curl_text(flags.iter().chain([&&*url]));
            let answer = answer.replace("HTTP/1.1 100 Continue\r\n\r\n", "");
            assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
            assert_eq!(answer.matches("Set-Cookie:").count(), 2, "{answer}");
            assert!(!answer.contains("Status:"), "{answer}");
            assert!(
                answer.ends_with(&format!("POST 3200000 0 {sum}\n")),
                "{answer}"
            );
        }
        let empty = curl_text(["-X", "POST", &url]);
        assert!(empty.starts_with("POST 0 0 "), "{empty}");
    }
    if has("perl") {
        let url = server.url("/b.cgi");
        assert_eq!(
            curl_text(["-d", "a=b", &url]),
            "3 application/x-www-form-urlencoded"
        );
        assert_eq!(curl_text([&url]), "0 none");
    }
    wait_for_end(&server);
}

#[test]
fn responses_of_programs() {
    let text = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n";
    let folder = programs(&[
        (
            "large.cgi",
            "#!/bin/sh\necho A: b\necho\nhead -c 5000000 /dev/zero | tr '\\0' x\n",
        ),
        (
            "deaf.cgi",
            "#!/bin/sh\nexec <&-\necho A: b\necho\necho deaf\n",
        ),
        ("idle.cgi", "#!/bin/sh\necho A: b\necho\necho idle\n"),
        (
            "cat.cgi",
            "#!/bin/sh\necho A: b\necho\ncat /dev/stdin > /dev/stdout\n",
        ),
        (
            "early.cgi",
            "#!/bin/sh\necho A: b\necho\nhead -c 300000 /dev/zero | tr '\\0' y\ncat > /dev/null\n",
        ),
        (
            "noisy.cgi",
            "#!/bin/sh\nhead -c 1000000 /dev/zero | tr '\\0' e >&2\necho A: b\necho\necho noisy\n",
        ),
        (
            "says.cgi",
            "#!/bin/sh\nprintf 'one\\033[31m\\ntwo\\n' >&2\necho A: b\necho\necho ok\n",
        ),
        (
            "moved.cgi",
            "#!/bin/sh\nprintf 'Location: /index.html\\n\\n'\n",
        ),
        (
            "away.cgi",
            "#!/bin/sh\nprintf 'Status: 303\\nLocation: http://h/\\n\\n'\n",
        ),
        (
            "nph-a.cgi",
            "#!/bin/sh\nprintf 'HTTP/1.0 404 Gone\\r\\nX-A: b\\r\\n\\r\\ngone'\n",
        ),
        (
            "length.cgi",
            "#!/bin/sh\nprintf 'Content-Length: 2\\n\\nhi'\nsleep 1\nprintf more\n",
        ),
        ("fails.cgi", &format!("{text}echo whole\nexit 3\n")),
        ("empty.cgi", "#!/bin/sh\nexit 0\n"),
        ("no-head.cgi", "#!/bin/sh\necho hello\n"),
        ("status.cgi", "#!/bin/sh\nprintf 'Status: none\\n\\n'\n"),
        ("folded.cgi", "#!/bin/sh\nprintf 'X-A: b\\n c\\n\\n'\n"),
        (
            "short.cgi",
            "#!/bin/sh\nprintf 'Content-Length: 9\\n\\nhi'\n",
        ),
        ("killed.cgi", &format!("{text}echo part\nkill -9 $$\n")),
        ("segv.cgi", "#!/bin/sh\nkill -11 $$\n"),
        ("no-interpreter.cgi", "#!/no/such/interpreter\n"),
        ("binary.cgi", "\x7f\x7f\x7f no program"),
    ]);
    folder.write(
        "www/plain.cgi",
        "#!/bin/sh\necho A: b\necho\necho executed\n",
    );
    // With -v, the log has all messages, not one of a kind in a second.
    let server = serve(&folder, &["-v"]);
    let large = curl([server.url("/large.cgi")]).stdout;
    assert!(large.len() == 5_000_000 && large.iter().all(|byte| *byte == b'x'));
    folder.write("upload", vec![b'z'; 2_000_000]);
    let binary = format!("@{}", folder.join("upload"));
    // Programs that don't read their input, read it late, or write before they read.
    for (name, length) in [
        ("deaf", 5),
        ("idle", 5),
        ("cat", 2_000_000),
        ("early", 300_000),
    ] {
        let content = curl([
            "--data-binary",
            &binary,
            &server.url(&format!("/{name}.cgi")),
        ])
        .stdout;
        assert_eq!(content.len(), length, "{name}");
    }
    assert_eq!(curl_text([server.url("/noisy.cgi")]), "noisy\n");
    assert_eq!(curl_text([server.url("/says.cgi")]), "ok\n");
    let said = std::iter::from_fn(|| Some(server.stderr_line())).find(|line| line.contains("one"));
    assert!(said.unwrap().contains("says.cgi: one\\x1b[31m\\ntwo"));
    // A path in Location is sent to the client: no output chooses a file of this server.
    let moved = curl_text(["-i", &server.url("/moved.cgi")]);
    assert!(
        moved.starts_with("HTTP/1.1 302 ") && !moved.contains("a page"),
        "{moved}"
    );
    assert!(moved.contains("\r\nLocation: /index.html\r\n"), "{moved}");
    assert_eq!(curl_status([server.url("/away.cgi")]), 303);
    let parsed = curl_text(["-i", &server.url("/nph-a.cgi")]);
    assert!(
        parsed.starts_with("HTTP/1.1 404 ") && parsed.contains("X-A: b"),
        "{parsed}"
    );
    assert_eq!(curl_text([server.url("/length.cgi")]), "hi");
    assert_eq!(curl_text([server.url("/fails.cgi")]), "whole\n");
    assert_eq!(
        curl_text(["-I", &server.url("/large.cgi")])
            .matches("HTTP/")
            .count(),
        1
    );
    for name in [
        "empty",
        "no-head",
        "status",
        "folded",
        "segv",
        "no-interpreter",
        "binary",
    ] {
        assert_eq!(
            curl_status([server.url(&format!("/{name}.cgi"))]),
            502,
            "{name}"
        );
    }
    // What is cut off looks cut off.
    for name in ["short", "killed"] {
        let output = curl([server.url(&format!("/{name}.cgi"))]);
        assert!(!output.status.success(), "{name}");
    }
    // A file that may not be executed, as uploaded ones.
    assert_eq!(curl_status([server.url("/plain.cgi")]), 403);
    for (path, status) in [
        ("/missing.cgi", 404),
        ("/index.html/large.cgi", 404),
        ("/large.cgi/..%2fx", 404),
    ] {
        assert_eq!(
            curl_status(["--path-as-is", &server.url(path)]),
            status,
            "{path}"
        );
    }
    assert_eq!(curl_status(["-X", "TRACE", &server.url("/large.cgi")]), 405);
    wait_for_end(&server);
}

#[test]
fn programs_end_with_their_requests() {
    let wait = "#!/bin/sh\necho A: b\necho\necho begun\nsleep 300 &\nsleep 300\n";
    let folder = programs(&[
        ("cgi-bin/wait", wait),
        ("cgi-bin/silent", "#!/bin/sh\nsleep 300\n"),
        (
            "cgi-bin/stubborn",
            "#!/bin/sh\ntrap '' TERM\necho A: b\necho\necho begun\nwhile true; do sleep 1; done\n",
        ),
        (
            "cgi-bin/parent",
            "#!/bin/sh\nsleep 300 > /dev/null 2>&1 &\necho A: b\necho\necho done\n",
        ),
        ("cgi-bin/floods", "#!/bin/sh\necho A: b\necho\nyes\n"),
    ]);
    let server = serve(&folder, &["--cgi-timeout", "1", "--cgi-output", "1"]);
    // Clients that leave.
    for name in ["wait", "stubborn", "silent"] {
        let mut raw = server.connect();
        raw.send(format!("GET /cgi-bin/{name} HTTP/1.1\r\nHost: h\r\n\r\n"));
        wait_until("the program runs", || !descendants(&server).is_empty());
        drop(raw);
        wait_for_end(&server);
    }
    // Programs that run for too long: 504 without a response, or one that is cut off.
    assert_eq!(curl_status([server.url("/cgi-bin/silent")]), 504);
    for name in ["wait", "stubborn"] {
        let output = curl([server.url(&format!("/cgi-bin/{name}"))]);
        assert!(!output.status.success(), "{name}");
        assert_eq!(output.stdout, b"begun\n", "{name}");
    }
    let output = curl([server.url("/cgi-bin/floods")]);
    assert!(!output.status.success() && output.stdout.len() <= 1024 * 1024);
    assert_eq!(curl_text([server.url("/cgi-bin/parent")]), "done\n");
    wait_for_end(&server);
}

/// More requests than programs may run: they wait for their turn, and too many are told so.
#[test]
fn the_number_of_programs_is_bounded() {
    let folder = programs(&[(
        "cgi-bin/turn",
        "#!/bin/sh\nwhile [ ! -e ../../go ]; do sleep 0.05; done\necho A: b\necho\necho done\n",
    )]);
    let server = serve(&folder, &["--cgi-processes", "2"]);
    let threads = server.threads();
    let mut clients: Vec<_> = (0..13)
        .map(|_| {
            let mut raw = server.connect();
            raw.send("GET /cgi-bin/turn HTTP/1.1\r\nHost: h\r\n\r\n");
            raw
        })
        .collect();
    // Two run, eight wait, and the others are answered at once.
    wait_until("two programs run", || descendants(&server).len() >= 2);
    assert_eq!(curl_status([server.url("/index.html")]), 200);
    let busy = |server: &Serve| curl_text(["-i", &server.url("/cgi-bin/turn")]);
    let answer = busy(&server);
    assert!(
        answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After:"),
        "{answer}"
    );
    assert!(
        server.threads() <= threads + 3,
        "{} {threads}",
        server.threads()
    );
    let scripts = || {
        let all = descendants(&server);
        let is_script = |number: &&u32| {
            let line = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
            line.windows(4).any(|four| four == b"turn")
        };
        all.iter().filter(is_script).count()
    };
    assert!(scripts() <= 2);
    folder.write("go", "");
    let answers: Vec<u16> = clients.iter_mut().map(|raw| raw.answer().status).collect();
    let number = |status: u16| answers.iter().filter(|it| **it == status).count();
    assert_eq!((number(200), number(503)), (10, 3), "{answers:?}");
    wait_for_end(&server);
}

/// The server is in its sandbox while programs are not, and they end when it is killed.
#[test]
fn the_supervisor_ends_with_the_server() {
    let folder = programs(&[
        (
            "cgi-bin/free",
            "#!/bin/sh\necho A: b\necho\ncat /etc/hostname > ../written && cat ../written\n",
        ),
        ("cgi-bin/wait", "#!/bin/sh\necho A: b\necho\nsleep 300\n"),
    ]);
    let server = serve(&folder, &[]);
    assert!(
        server.banner.iter().any(|line| line.contains("programs")),
        "{:?}",
        server.banner
    );
    assert_eq!(
        curl([server.url("/cgi-bin/free")]).stdout,
        std::fs::read("/etc/hostname").unwrap()
    );
    let mut raw = server.connect();
    raw.send("GET /cgi-bin/wait HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_until("the program runs", || !descendants(&server).is_empty());
    let running = descendants(&server);
    server.signal("KILL");
    wait_until("the program has ended", || {
        let is_alive = |number: &u32| {
            let status = std::fs::read_to_string(format!("/proc/{number}/stat"));
            status.is_ok_and(|status| !status.contains(") Z "))
        };
        !running.iter().any(is_alive)
    });
}

#[test]
fn mistakes_on_the_command_line() {
    let table = "
        --cgi / => expected a suffix
        --cgi cgi-bin => expected a suffix
        --cgi *cgi => expected a suffix
        --cgi /c --cgi-env TINYHTTP_NONE => no variable
        --cgi /c --cgi-processes 0 => 0 is not in
        --cgi /c --no-scripts / => --no-scripts can't be
    ";
    for (flags, message) in table::cases(table) {
        let output = tinyhttp()
            .args(["serve", "-p", "0"])
            .args(table::arguments(flags))
            .current_dir(root().join("www"))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && text.contains(message),
            "{flags}: {text}"
        );
    }
}

/// A program may name a file of a directory that clients can't request, and no other file.
#[test]
fn a_program_can_have_a_file_sent() {
    let named =
        "#!/bin/sh\nprintf 'Content-Type: a/b\\n%s: %s\\n\\n' \"$HTTP_X_HOW\" \"$HTTP_X_WHAT\"\n";
    let folder = programs(&[("a.cgi", named)])
        .with("www/.private/a.txt", "0123456789")
        .with("secret", "secret");
    let private = folder.join("www/.private");
    let (at, outside) = (format!("{private}/a.txt"), folder.join("secret"));
    let flag = format!("/protected={private}");
    let with = ["--proxy-send-files", &*flag];
    // Flags, the field that the program writes, its value, and what the client gets.
    let table = [
        (
            &with[..],
            "X-Accel-Redirect",
            "/protected/a.txt",
            "0123456789",
        ),
        (&with, "X-Sendfile", &at, "0123456789"),
        (
            &with,
            "X-Accel-Redirect",
            "/protected/../../../secret",
            "404",
        ),
        (&with, "X-Accel-Redirect", "/index.html", "404"),
        (&with, "X-Sendfile", &outside, "404"),
        (&[], "X-Accel-Redirect", "/protected/a.txt", ""),
        (&[], "X-Sendfile", &at, ""),
    ];
    for (flags, how, what, expected) in table {
        let server = serve(&folder, flags);
        let fields = [
            "-H",
            &format!("X-How: {how}"),
            "-H",
            &format!("X-What: {what}"),
        ];
        let url = server.url("/a.cgi");
        let (headers, arguments) = (folder.join("headers"), [&fields[..], &[&*url]].concat());
        if expected == "404" {
            assert_eq!(curl_status(arguments), 404, "{how}: {what}");
            continue;
        }
        let text = curl_text([&["-D", &*headers], &arguments[..]].concat());
        assert_eq!(text, expected, "{how}: {what}");
        let head = String::from_utf8(folder.read("headers"))
            .unwrap()
            .to_lowercase();
        assert!(head.contains("content-type: a/b\r\n"), "{head}");
        assert!(
            !head.contains("x-accel") && !head.contains("x-sendfile"),
            "{head}"
        );
        if !expected.is_empty() {
            let part = curl_text([&["-r", "2-4"], &arguments[..]].concat());
            assert_eq!(part, "234");
        }
        assert_eq!(curl_status([server.url("/.private/a.txt")]), 404);
        assert_eq!(curl_status([server.url("/protected/a.txt")]), 404);
    }
}

/// Says how much content came, and leaves a trace of each start.
const COUNT: &str = "#!/bin/sh\nlength=$(wc -c)\necho start >> ../../starts\n\
    echo Content-Type: text/plain\necho\necho \"$CONTENT_LENGTH $((length))\"\n";

/// Clients that send slowly, or nothing more, hold no place: others get their programs at once, and
/// a program is started when the content of its request has come.
#[test]
fn slow_clients_hold_no_place() {
    let folder = programs(&[("cgi-bin/count", COUNT)]);
    let server = serve(&folder, &["--cgi-processes", "1"]);
    let framings = [
        ("Content-Length: 9", "12345", "6789"),
        (
            "Transfer-Encoding: chunked",
            "5\r\n12345\r\n",
            "4\r\n6789\r\n0\r\n\r\n",
        ),
        ("Content-Length: 9\r\nExpect: 100-continue", "", "123456789"),
    ];
    // More than programs may run and wait.
    let mut slow: Vec<_> = framings
        .into_iter()
        .cycle()
        .take(30)
        .map(|(framing, first, rest)| {
            let mut raw = server.connect();
            raw.send(format!(
                "POST /cgi-bin/count HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n{first}"
            ));
            (raw, framing, rest)
        })
        .collect();
    let url = server.url("/cgi-bin/count");
    for _ in 0..3 {
        assert_eq!(curl_text(["-d", "abc", &url]), "3 3\n");
    }
    let starts = || folder.read("starts").len() / "start\n".len();
    assert_eq!(starts(), 3);
    // Ten of them leave. The others send the rest, one after the other.
    slow.drain(..10);
    for (raw, framing, rest) in &mut slow {
        if framing.contains("Expect") {
            let head = raw.next_answer("POST").unwrap();
            assert_eq!(head.status, 100);
        }
        raw.send(*rest);
        assert_eq!(raw.answer().text(), "9 9\n", "{framing}");
    }
    assert_eq!(starts(), 23);
    wait_for_end(&server);
}

#[test]
fn content_of_programs_is_bounded() {
    const MIB: usize = 1024 * 1024;
    let folder = programs(&[("cgi-bin/count", COUNT)])
        .with("tmp/x", "")
        .with("fits", vec![b'x'; MIB])
        .with("long", vec![b'x'; MIB + 1]);
    let mut command = tinyhttp();
    command
        .args([
            "serve",
            "-p",
            "0",
            "--cgi",
            "/cgi-bin",
            "--cgi-max-content",
            "1",
        ])
        .arg(folder.join("www"))
        .env("TMPDIR", folder.join("tmp"));
    let server = Serve::spawn(command);
    let (fits, long) = (folder.join("fits"), folder.join("long"));
    let url = server.url("/cgi-bin/count");
    let length = Path::new(&fits).metadata().unwrap().len();
    for framing in ["A: b", "Transfer-Encoding: chunked", "Expect: 100-continue"] {
        let answer = curl_text(["-H", framing, "-X", "POST", "-T", &fits, &url]);
        assert_eq!(answer, format!("{length} {length}\n"), "{framing}");
        let status = curl_status(["-H", framing, "-X", "POST", "-T", &long, &url]);
        assert_eq!(status, 413, "{framing}");
    }
    assert_eq!(folder.read("starts").len(), 3 * "start\n".len());
    // The temporary files had no names.
    let made = std::fs::read_dir(folder.join("tmp")).unwrap();
    let made = made
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_dir());
    assert_eq!(std::fs::read_dir(made.unwrap()).unwrap().count(), 0);
    // A program that does not read: its response comes all the same.
    folder.write(
        "www/cgi-bin/deaf",
        "#!/bin/sh\necho A: b\necho\necho done\n",
    );
    let executable = PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.join("www/cgi-bin/deaf"), executable).unwrap();
    let deaf = server.url("/cgi-bin/deaf");
    assert_eq!(curl_text(["-X", "POST", "-T", &fits, &deaf]), "done\n");
    wait_for_end(&server);
}

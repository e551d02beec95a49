//! The access log as its readers meet it: formats, files, rotation, and nothing lost.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;
use support::{Folder, LONG, Running, Serve, send_signal, tinyhttp, wait_until};

/// Of the user ann, with the password `secret`.
const REQUEST: &str = "GET /a.txt?q HTTP/1.1\r\nHost: h\r\nAuthorization: Basic YW5uOnNlY3JldA==\r\nReferer: http://r/\r\nUser-Agent: agent \u{fc}\r\n\r\n";

/// The file's content as soon as `wanted` says that it is there. There is no event to wait for that
/// isn't the log itself.
fn read_when(path: &Path, wanted: impl Fn(&str) -> bool) -> String {
    let read = || fs::read_to_string(path).unwrap_or_default();
    let what = fmt::from_fn(|f| write!(f, "{}: {:?}", path.display(), read()));
    let mut text = String::new();
    wait_until(what, || {
        text = read();
        path.exists() && wanted(&text)
    });
    text
}

#[test]
fn formats() {
    let folder = Folder::new().with("a.txt", "four");
    let table: &[(&[&str], &[&str], &[&str])] = &[
        (
            &[],
            &["  200  GET /a.txt?q  4 B  ", " ms  127.0.0.1  ann"],
            &["agent", "secret"],
        ),
        (
            &["--log-format", "common"],
            &["127.0.0.1 - ann [", "] \"GET /a.txt?q HTTP/1.1\" 200 4"],
            &["agent"],
        ),
        (
            &["--log-format", "combined"],
            &[
                "127.0.0.1 - ann [",
                r#" "GET /a.txt?q HTTP/1.1" 200 4 "http://r/" "agent \xC3\xBC""#,
            ],
            &[],
        ),
        (
            &["--log-format", "json"],
            &[
                r#"{"time":""#,
                r#","user":"ann","method":"GET","#,
                r#""target":"/a.txt?q","version":"HTTP/1.1","status":200,"sent":4,"#,
                r#""user_agent":"agent \u00fc"}"#,
            ],
            &[],
        ),
    ];
    for (flags, parts, absent) in table {
        let server = Serve::start(folder.path(), *flags);
        assert_eq!(server.connect().send(REQUEST).answer().status, 200);
        let line = server.stderr_line();
        for part in *parts {
            assert!(line.contains(part), "{flags:?}: {part} is not in {line}");
        }
        for part in *absent {
            assert!(!line.contains(part), "{flags:?}: {part} is in {line}");
        }
    }
}

#[test]
fn a_log_file_is_appended_to_even_by_a_quiet_server() {
    let folder = Folder::new().with("site/a.txt", "a").with("log", "first\n");
    let mut command = tinyhttp();
    command
        .arg("serve")
        .current_dir(folder.path())
        .env("TINYHTTP_DIR", "site")
        .env("TINYHTTP_PORT", "0")
        .env("TINYHTTP_LOG_FILE", "log")
        .env("TINYHTTP_LOG_FORMAT", "common");
    let server = Serve::spawn(command);
    assert_eq!(server.connect().get("/a.txt").status, 200);
    let log = folder.path().join("log");
    let text = read_when(&log, |text| text.lines().count() == 2);
    assert!(text.starts_with("first\n127.0.0.1 - - ["), "{text}");
    assert!(!server.banner.concat().contains("nothing written\n"));
    drop(server);

    // Without the banner only a known port tells the address.
    let address = support::free_address();
    let mut command = tinyhttp();
    command.arg("serve").arg(folder.path().join("site"));
    command.args(["-q", "--no-host-check", "-p", &address.port().to_string()]);
    command.arg("--log-file").arg(&log);
    let quiet = Running(command.spawn().unwrap());
    support::listens(address);
    assert_eq!(support::Raw::connect(address).get("/a.txt").text(), "a");
    read_when(&log, |text| text.contains("  200  GET /a.txt"));
    drop(quiet);
}

/// A log names clients and users, so only its user and its group can read it.
#[test]
fn a_new_log_file_is_not_for_other_users() {
    let folder = Folder::new().with("site/a.txt", "a");
    for flag in ["--replaceable", "--no-sandbox"] {
        let log = folder.join(flag);
        let server = Serve::start(&folder.path().join("site"), ["--log-file", &log, flag]);
        assert_eq!(server.connect().get("/a.txt").status, 200);
        read_when(Path::new(&log), |text| text.contains("/a.txt"));
        let mode = fs::metadata(&log).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & !0o640, 0, "{flag}: {mode:o}");
    }
}

#[test]
fn rotation() {
    let folder = Folder::new().with("site/a.txt", "a");
    let site = folder.path().join("site");
    let log = folder.join("access.log");
    let server = Serve::start(&site, ["--log-file", &log, "--log-format", "common"]);
    let path = folder.path().join("access.log");
    let old = folder.path().join("access.log.1");
    let mut raw = server.connect();
    let lines = |text: &str, wanted: usize| text.lines().count() == wanted;
    for round in 1..=3 {
        raw.get("/a.txt");
        read_when(&path, |text| lines(text, 1));
        fs::rename(&path, &old).unwrap();
        // Moved, not opened again: the lines still go where they went.
        raw.get("/b.txt");
        read_when(&old, |text| lines(text, 2));
        server.signal("USR1");
        let fresh = read_when(&path, |_| true);
        assert_eq!(fresh, "", "round {round}");
    }
    // Where there can be no file, the old one is kept, and the program says so.
    raw.get("/a.txt");
    read_when(&path, |text| lines(text, 1));
    fs::rename(&path, &old).unwrap();
    fs::create_dir(&path).unwrap();
    server.signal("USR1");
    assert!(server.stderr_line().contains("the log stays where it is"));
    raw.get("/a.txt");
    read_when(&old, |text| lines(text, 2));
}

#[test]
fn a_log_file_that_can_not_be_written() {
    let folder = Folder::new().with("file", "x");
    for name in ["no/such/folder/log", "file/log", "."] {
        let output = tinyhttp()
            .args(["serve", "-p", "0", "--log-file", &folder.join(name)])
            .arg(folder.path())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert_eq!(stderr.lines().count(), 2, "{stderr}");
        assert!(stderr.contains("can't write the log file"), "{stderr}");
        assert!(stderr.contains(name), "{stderr}");
    }
}

/// However the program ends: each response that went out has its line.
#[test]
fn nothing_is_lost_at_the_end() {
    const REQUESTS: usize = 5000;
    let folder = Folder::new().with("site/a.txt", "a");
    let site = folder.path().join("site");
    for signals in [&["TERM"][..], &["INT", "INT"]] {
        let log = folder.join(signals[0]);
        let mut server = Serve::start(&site, ["--log-file", &log]);
        let mut raw = server.connect();
        raw.send("GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n".repeat(REQUESTS));
        for _ in 0..REQUESTS {
            assert_eq!(raw.answer().status, 200);
        }
        for signal in signals {
            server.signal(signal);
        }
        assert_eq!(server.wait(), Some(0));
        let text = fs::read_to_string(log).unwrap();
        assert_eq!(text.lines().count(), REQUESTS, "{signals:?}");
    }
}

/// Each line of a file says on which day it was written, in every format.
#[test]
fn lines_in_a_file_have_a_date() {
    let folder = Folder::new().with("site/a.txt", "a");
    for (format, year) in [
        ("dev", 0..4),
        ("common", 20..26),
        ("combined", 20..26),
        ("json", 9..13),
    ] {
        let path = folder.path().join(format);
        let flags = ["--log-file", path.to_str().unwrap(), "--log-format", format];
        let server = Serve::start(&folder.path().join("site"), flags);
        server.connect().get("/a.txt");
        let text = read_when(&path, |text| text.ends_with('\n'));
        let digits: String = text[year].chars().filter(char::is_ascii_digit).collect();
        assert!(
            digits.len() == 4 && digits.starts_with("20"),
            "{format}: {text}"
        );
    }
}

/// Requests that the program complains about, as it does with each of them.
fn complain(server: &Serve) {
    for fields in [
        "Host: h\r\nAuthorization: Basic ZXZlOng=",
        "Host: evil.example",
    ] {
        let request = format!("GET /a.txt HTTP/1.1\r\n{fields}\r\n\r\n");
        let status = server.connect().send(request).answer().status;
        assert!(status == 401 || status == 421, "{status}");
    }
}

fn serve_with_users(folder: &Folder, flags: &[&str]) -> Serve {
    let mut command = tinyhttp();
    command.arg("serve").arg(folder.path().join("site"));
    command.args(["-p", "0", "--host-check", "h"]).args(flags);
    command.env("TINYHTTP_AUTH", "ann:secret");
    command.env_remove("TINYHTTP_NO_HOST_CHECK");
    Serve::spawn(command)
}

#[test]
fn every_line_on_stderr_is_an_object_if_lines_are_json() {
    let folder = Folder::new().with("site/a.txt", "a");
    let mut server = serve_with_users(&folder, &["--log-format", "json", "-v"]);
    complain(&server);
    server.signal("HUP");
    server.signal("USR1");
    let mut messages = String::new();
    let mut requests = 0;
    let mut check = |line: String| {
        let object: serde_json::Value = serde_json::from_str(&line).expect(&line);
        assert!(object["time"].as_str().unwrap().starts_with("20"), "{line}");
        match object["message"].as_str() {
            Some(message) => messages += &format!("{}: {message}\n", object["level"]),
            None => requests += 1,
        }
        messages.contains("SIGUSR1") && requests == 2
    };
    while !check(server.stderr_line()) {}
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(
        messages.contains("\"warn\": 127.0.0.1: wrong password for \"eve\""),
        "{messages}"
    );
    assert!(messages.contains("evil.example"), "{messages}");

    // A server that can't start says so in the same format.
    let output = tinyhttp()
        .args([
            "serve",
            "/no/such/folder",
            "--log-format",
            "json",
            "-p",
            "0",
        ])
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    for line in stderr.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect(line);
    }
    assert!(stderr.contains("/no/such/folder"), "{stderr}");
}

#[test]
fn own_lines_have_a_date_and_the_clients_address() {
    let folder = Folder::new().with("site/a.txt", "a");
    for format in ["dev", "common", "combined"] {
        let log = folder.join(format);
        let server = serve_with_users(&folder, &["--log-format", format, "--log-file", &log]);
        complain(&server);
        for what in ["127.0.0.1: wrong password for \"eve\"", "evil.example"] {
            let line = server.stderr_line();
            assert!(
                line.starts_with("tinyhttp: 20") && line.contains(" warn: "),
                "{line}"
            );
            assert!(line.contains(what), "{line}");
        }
    }
}

/// However often a client asks for it: one line of a kind each second, which says how many were
/// left out.
#[test]
fn a_flood_of_bad_requests_is_no_flood_of_lines() {
    let folder = Folder::new().with("site/a.txt", "a");
    let log = folder.join("log");
    let server = serve_with_users(&folder, &["--log-file", &log]);
    let since = Instant::now();
    let mut raw = server.connect();
    let mut last = String::new();
    let mut asked = 0;
    let mut lines = 0;
    while !last.contains(" more like this before)") {
        assert!(since.elapsed() < LONG, "{last}");
        let request = "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n";
        assert_eq!(raw.send(request).answer().status, 421);
        asked += 1;
        while let Some(line) = server.try_stderr_line() {
            lines += 1;
            last = line;
        }
    }
    let seconds = since.elapsed().as_secs() + 1;
    assert!(lines <= seconds + 1 && lines < asked, "{lines} {asked}");
}

/// A transfer that the client aborts, and a TLS handshake on the plain port, each in every format.
#[test]
fn aborted_transfers_and_tls_handshakes_are_marked_in_every_format() {
    let folder = Folder::new().with("large", vec![b'x'; 24_000_000]);
    let table = [
        (
            "dev",
            [
                "  200  GET /large  ",
                "  aborted: client closed the connection",
            ],
            [
                "  400  - \\x16\\x03\\x01  ",
                "  TLS handshake on the plain-HTTP port",
            ],
        ),
        (
            "common",
            ["127.0.0.1 - - [", "] \"GET /large HTTP/1.1\" 499 "],
            ["127.0.0.1 - - [", "] \"- \\x16\\x03\\x01 HTTP/1.1\" 400 "],
        ),
        (
            "combined",
            ["] \"GET /large HTTP/1.1\" 499 ", " \"-\" \"-\""],
            ["] \"- \\x16\\x03\\x01 HTTP/1.1\" 400 ", " \"-\" \"-\""],
        ),
        (
            "json",
            ["\"status\":200,", "\"complete\":false,\"seconds\":"],
            ["\"target\":\"\\u0016\\u0003\\u0001\",", ",\"tls\":true}"],
        ),
    ];
    for (format, aborted, tls) in table {
        let server = Serve::start(folder.path(), ["--log-format", format]);
        let mut client = server.connect();
        client.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
        client.stream().peek(&mut [0]).unwrap();
        drop(client);
        let line = server.stderr_line();
        for part in aborted {
            assert!(line.contains(part), "{format}: {part} is not in {line}");
        }

        let mut client = server.connect();
        client.send(b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03");
        assert_eq!(client.answer().status, 400);
        let lines = [server.stderr_line(), server.stderr_line()].concat();
        for part in tls {
            assert!(lines.contains(part), "{format}: {part} is not in {lines}");
        }
        let advice = "a TLS handshake arrived on the plain-HTTP port: use ";
        let advice = format!("{advice}http://{}/ instead of https://", server.address());
        assert!(lines.contains(&advice), "{format}: {lines}");
    }
}

/// A child process of the server, with the name that the log's process has.
fn log_process(server: &Serve) -> Option<u32> {
    let path = format!("/proc/{0}/task/{0}/children", server.pid());
    let children = fs::read_to_string(path).unwrap();
    children.split_whitespace().find_map(|child| {
        let name = fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
        (name.trim() == "tinyhttp-log").then(|| child.parse().unwrap())
    })
}

/// The files that a process has open.
fn open_files(process: u32) -> Vec<std::path::PathBuf> {
    let descriptors = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let links = descriptors.flatten().map(|entry| entry.path());
    links.filter_map(|link| fs::read_link(link).ok()).collect()
}

/// Whether a process is gone, or is only left over for its parent to see.
fn is_gone(process: u32) -> bool {
    match fs::read_to_string(format!("/proc/{process}/stat")) {
        Ok(stat) => stat
            .rsplit(')')
            .next()
            .unwrap()
            .trim()
            .starts_with(['Z', 'X']),
        Err(_) => true,
    }
}

#[test]
fn only_a_process_of_its_own_can_write_the_log() {
    let folder = Folder::new().with("site/a.txt", "a");
    let log = folder.path().join("log");
    let site = folder.path().join("site");
    let server = Serve::start(&site, ["--log-file", log.to_str().unwrap()]);
    let banner = server.banner.concat();
    if !banner.contains("(Landlock): nothing else can be read, nothing written") {
        eprintln!("skipped: this kernel has no Landlock, or an old one");
        return;
    }
    assert!(
        banner.contains("a separate process writes the log"),
        "{banner}"
    );
    server.connect().get("/a.txt");
    read_when(&log, |text| text.lines().count() == 1);
    let writer = log_process(&server).expect("the log has a process");
    assert!(
        open_files(writer).contains(&log),
        "{:?}",
        open_files(writer)
    );
    assert!(!open_files(server.pid()).contains(&log));
    // Neither the listener nor anything else of the server is in the other process.
    let sockets = |files: Vec<std::path::PathBuf>| {
        let files = files.into_iter().map(|file| file.display().to_string());
        files
            .filter(|file| file.starts_with("socket:"))
            .collect::<Vec<_>>()
    };
    let theirs = sockets(open_files(server.pid()));
    let shared: Vec<_> = sockets(open_files(writer))
        .into_iter()
        .filter(|socket| theirs.contains(socket))
        .collect();
    assert_eq!(shared, [""; 0]);
    let status = fs::read_to_string(format!("/proc/{writer}/status")).unwrap();
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"] {
        assert!(status.contains(line), "{line} is not in {status}");
    }
}

/// However the server ends, its log's process ends, too, after the last line.
#[test]
fn no_process_outlives_the_server() {
    const REQUESTS: usize = 200;
    let folder = Folder::new().with("site/a.txt", "a");
    let site = folder.path().join("site");
    for signal in ["TERM", "INT", "KILL"] {
        let log = folder.join(signal);
        let mut server = Serve::start(&site, ["--log-file", &log]);
        let writer = log_process(&server).expect("the log has a process");
        let mut raw = server.connect();
        for _ in 0..REQUESTS {
            assert_eq!(raw.get("/a.txt").status, 200);
        }
        if signal == "KILL" {
            read_when(Path::new(&log), |text| text.lines().count() == REQUESTS);
        }
        server.signal(signal);
        server.wait();
        if signal != "KILL" {
            // The server has waited for it.
            assert!(is_gone(writer), "{signal}");
        }
        let what = format_args!("{signal}: the end of {writer}, an orphan");
        wait_until(what, || is_gone(writer));
        let text = fs::read_to_string(log).unwrap();
        assert_eq!(text.lines().count(), REQUESTS, "{signal}");
    }
}

/// Ctrl-C and a supervisor send signals to all processes of a service; those of the log's process
/// end nothing.
#[test]
fn signals_do_not_end_the_process_of_the_log() {
    let folder = Folder::new().with("site/a.txt", "a");
    let log = folder.path().join("log");
    let site = folder.path().join("site");
    let mut server = Serve::start(&site, ["--log-file", log.to_str().unwrap()]);
    let writer = log_process(&server).expect("the log has a process");
    for (number, signal) in [
        "INT", "TERM", "QUIT", "HUP", "USR1", "USR2", "ALRM", "PIPE", "TSTP",
    ]
    .into_iter()
    .enumerate()
    {
        send_signal(writer, signal);
        server.connect().get("/a.txt");
        read_when(&log, |text| text.lines().count() == number + 1);
    }
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(is_gone(writer));
}

/// The server goes on without its log, and says what to do.
#[test]
fn a_log_process_that_was_killed_is_reported() {
    let folder = Folder::new().with("site/a.txt", "a");
    let log = folder.join("log");
    let mut server = Serve::start(&folder.path().join("site"), ["--log-file", &log]);
    let writer = log_process(&server).expect("the log has a process");
    send_signal(writer, "KILL");
    wait_until("the end of the log's process", || is_gone(writer));
    assert_eq!(server.connect().get("/a.txt").status, 200);
    let line = server.stderr_line();
    assert!(line.contains("restart the server"), "{line}");
    server.signal("USR1");
    let line = server.stderr_line();
    assert!(line.contains("restart the server"), "{line}");
    assert_eq!(server.connect().get("/a.txt").status, 200);
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn a_full_disk_is_reported() {
    let folder = Folder::new().with("site/a.txt", "a");
    let site = folder.path().join("site");
    for flags in [&[][..], &["--no-sandbox"]] {
        let flags = [&["--log-file", "/dev/full"], flags].concat();
        let mut server = Serve::start(&site, &flags);
        assert_eq!(server.connect().get("/a.txt").status, 200);
        let line = server.stderr_line();
        let what = "the access log can't be written: No space left on device";
        assert!(line.contains(what), "{flags:?}: {line}");
        server.signal("TERM");
        assert_eq!(server.wait(), Some(0));
    }
}

/// Without a sandbox, the server writes its log itself, and rotation is the same.
#[test]
fn without_a_sandbox_the_log_has_no_process() {
    let folder = Folder::new().with("site/a.txt", "a");
    let log = folder.path().join("log");
    let flags = ["--log-file", log.to_str().unwrap(), "--no-sandbox"];
    let server = Serve::start(&folder.path().join("site"), flags);
    assert_eq!(log_process(&server), None);
    server.connect().get("/a.txt");
    read_when(&log, |text| text.lines().count() == 1);
    fs::rename(&log, folder.path().join("old")).unwrap();
    server.signal("USR1");
    read_when(&log, |_| true);
    server.connect().get("/a.txt");
    read_when(&log, |text| text.lines().count() == 1);
}

/// Pipes and devices can be logs, too.
#[test]
fn a_log_that_is_no_regular_file() {
    let folder = Folder::new().with("site/a.txt", "a");
    let pipe = folder.join("pipe");
    support::mkfifo(&pipe);
    let reader = std::process::Command::new("head")
        .args(["-n", "1", &pipe])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let server = Serve::start(&folder.path().join("site"), ["--log-file", &pipe]);
    server.connect().get("/a.txt");
    let output = reader.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("GET /a.txt"), "{text}");
    drop(server);
    let server = Serve::start(&folder.path().join("site"), ["--log-file", "/dev/null"]);
    assert_eq!(server.connect().get("/a.txt").status, 200);
    server.signal("USR1");
    assert_eq!(server.connect().get("/a.txt").status, 200);
    assert!(log_process(&server).is_some());
}

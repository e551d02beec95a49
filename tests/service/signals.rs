//! Signals: those that end the server, those that make it read something again, and those that do
//! nothing.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use support::{Folder, Raw, Running, Serve, curl_status, tinyhttp};

/// The next line on stderr that holds this text.
fn line_with(server: &Serve, text: &str) -> String {
    std::iter::repeat_with(|| server.stderr_line())
        .find(|line| line.contains(text))
        .unwrap()
}

#[test]
fn no_other_signal_ends_or_stops_the_server() {
    let folder = Folder::new().with("site/a", "a");
    let site = folder.path().join("site");
    let log = folder.join("log");
    for flags in [&[][..], &["--log-file", &log], &["-v"]] {
        let mut server = Serve::start(&site, flags);
        let mut kept = server.connect();
        for signal in [
            "HUP", "USR1", "USR2", "ALRM", "VTALRM", "PROF", "IO", "PWR", "XFSZ", "PIPE", "WINCH",
            "TTIN", "TTOU", "URG", "CHLD", "CONT",
        ] {
            server.signal(signal);
            assert_eq!(kept.get("/a").text(), "a", "{signal}");
            assert_eq!(server.connect().get("/a").text(), "a", "{signal}");
            assert!(server.is_alive(), "{signal}");
        }
        server.signal("TERM");
        assert_eq!(server.wait(), Some(0));
    }
}

#[test]
fn quit_ends_it_as_term_does() {
    let folder = Folder::new().with("a", "a");
    for signal in ["QUIT", "TERM", "INT"] {
        let mut server = Serve::start(folder.path(), [""; 0]);
        server.signal("HUP");
        server.signal(signal);
        assert_eq!(server.wait(), Some(0), "{signal}");
    }
}

#[test]
fn a_signal_without_anything_to_read_again_says_so() {
    let folder = Folder::new();
    let server = Serve::start(folder.path(), [""; 0]);
    server.signal("USR1");
    let line = server.stderr_line();
    assert!(
        line.contains("SIGUSR1") && line.contains("--log-file"),
        "{line}"
    );
    server.signal("HUP");
    let line = server.stderr_line();
    assert!(
        line.contains("SIGHUP") && line.contains("--auth-file"),
        "{line}"
    );
}

#[test]
fn hup_reads_the_users_again() {
    let folder = Folder::new()
        .with("site/a", "a")
        .with("users", "ann:old\nbob:stays\n");
    let users = folder.path().join("users");
    for flags in [&[][..], &["--no-sandbox"], &["--replaceable"]] {
        fs::write(&users, "ann:old\nbob:stays\n").unwrap();
        let flags = [&["--auth-file", users.to_str().unwrap()], flags].concat();
        let server = Serve::start(&folder.path().join("site"), &flags);
        let url = server.url("/a");
        let status = |pair: &str| curl_status(["-u", pair, &url]);
        assert_eq!((status("ann:old"), status("bob:stays")), (200, 200));
        fs::write(&users, "ann:new\nbob:stays\neve:apple\n").unwrap();
        // Nothing changes before the signal.
        assert_eq!(status("ann:old"), 200);
        server.signal("HUP");
        line_with(&server, "the users were read again");
        let now = ["ann:old", "ann:new", "bob:stays", "eve:apple"].map(status);
        assert_eq!(now, [401, 200, 200, 200], "{flags:?}");
        if flags.len() == 2 {
            continue;
        }
        // A file that takes the place of the first one.
        folder.write("fresh", "ann:newest\n");
        fs::rename(folder.path().join("fresh"), &users).unwrap();
        server.signal("HUP");
        line_with(&server, "the users were read again");
        assert_eq!(
            ["ann:new", "ann:newest"].map(status),
            [401, 200],
            "{flags:?}"
        );
    }
}

/// Whatever is wrong with the file: the old users stay, and a line says why.
#[test]
fn users_that_cannot_be_read_again_stay() {
    let folder = Folder::new().with("site/a", "a");
    let users = folder.path().join("users");
    type Spoil = fn(&std::path::Path);
    let table: &[(&str, Spoil)] = &[
        ("no colon", |path| fs::write(path, "no colon\n").unwrap()),
        ("empty", |path| fs::write(path, "").unwrap()),
        ("not text", |path| fs::write(path, b"ann\xff").unwrap()),
        ("gone", |path| fs::remove_file(path).unwrap()),
        ("a directory", |path| {
            fs::create_dir(path).unwrap();
        }),
        ("a pipe", |path| {
            fs::remove_dir(path).unwrap();
            support::mkfifo(path);
        }),
    ];
    fs::write(&users, "ann:right\n").unwrap();
    let flags = ["--auth-file", users.to_str().unwrap(), "--replaceable"];
    let mut server = Serve::start(&folder.path().join("site"), flags);
    for (what, spoil) in table {
        spoil(&users);
        server.signal("HUP");
        let line = line_with(&server, "the users stay as they were");
        assert!(
            line.contains(&*users.display().to_string()),
            "{what}: {line}"
        );
        let url = server.url("/a");
        assert_eq!(curl_status(["-u", "ann:right", &url]), 200, "{what}");
        assert_eq!(curl_status(["-u", "ann:wrong", &url]), 401, "{what}");
    }
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn hup_reopens_the_log() {
    let folder = Folder::new().with("site/a", "a");
    let log = folder.join("log");
    let server = Serve::start(&folder.path().join("site"), ["--log-file", &log]);
    for signal in ["HUP", "USR1"] {
        fs::rename(&log, folder.join("old")).unwrap();
        server.signal(signal);
        server.wait_until("the log is there again", |_| fs::exists(&log).unwrap());
    }
}

/// A terminal that is closed ends what runs in it, although `kill -HUP` doesn't.
#[test]
fn a_closed_terminal_ends_the_server() {
    let folder = Folder::new().with("a", "a");
    let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY;
    let terminal = rustix::pty::openpt(flags).unwrap();
    rustix::pty::unlockpt(&terminal).unwrap();
    let name = rustix::pty::ptsname(&terminal, Vec::new()).unwrap();
    let side = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let program = tinyhttp();
    let mut command = Command::new("setsid");
    command.arg("--ctty").arg(program.get_program());
    command.arg("serve").arg(folder.path()).args(["-p", "0"]);
    for stream in [Command::stdin, Command::stdout, Command::stderr] {
        stream(
            &mut command,
            Stdio::from(OwnedFd::from(side.try_clone().unwrap())),
        );
    }
    let mut running = Running(command.spawn().unwrap());
    drop((command, side));
    let mut lines = BufReader::new(File::from(terminal)).lines();
    while !lines.next().unwrap().unwrap().contains("Ctrl-C") {}
    support::send_signal(running.0.id(), "HUP");
    while !lines.next().unwrap().unwrap().contains("SIGHUP") {}
    assert!(running.0.try_wait().unwrap().is_none());
    drop(lines);
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
}

/// A connection that has asked for something large and reads no more than its head.
fn slow_reader(server: &Serve) -> Raw {
    let mut reader = server.connect();
    reader.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
    reader.stream().peek(&mut [0]).unwrap();
    reader
}

/// The rest of what a server says that is about to end, and its exit code.
fn last_lines(server: &mut Serve) -> (Vec<String>, Option<i32>) {
    let lines = std::iter::from_fn(|| server.next_stderr_line()).collect();
    (lines, server.wait())
}

#[test]
fn the_first_signal_says_what_is_waited_for() {
    let folder = Folder::new()
        .with("large", vec![b'x'; 24_000_000])
        .with("a", "a");
    let table = "
        INT 1 => waiting for 1 transfer (press Ctrl-C again to stop now)
        INT 2 => waiting for 2 transfers (press Ctrl-C again to stop now)
        TERM 2 -v => waiting for 2 transfers (a second signal stops now)
        INT 1 --log-format json => waiting for 1 transfer (press
        QUIT 1 --log-format combined => waiting for 1 transfer (a second
    ";
    for (case, want) in table::cases(table) {
        let ([signal, number], flags) = table::words(case);
        let number: usize = number.parse().unwrap();
        let mut server = Serve::start(folder.path(), table::arguments(flags));
        // Connections without a request in flight are not waited for.
        let mut idle = server.connect();
        assert_eq!(idle.get("/a").status, 200);
        let _silent = server.connect();
        let readers: Vec<_> = (0..number).map(|_| slow_reader(&server)).collect();
        server.signal(signal);
        let line = line_with(&server, "waiting for ");
        assert!(line.contains(want), "{case}: {line}");
        if flags.contains("json") {
            let object: serde_json::Value = serde_json::from_str(&line).expect(&line);
            assert_eq!(object["level"], "info", "{line}");
        }
        // Nothing but the second signal can end it now: the readers stay.
        server.signal(signal);
        let (lines, code) = last_lines(&mut server);
        assert_eq!(code, Some(0), "{case}");
        assert!(
            !lines.iter().any(|line| line.contains("waiting for ")),
            "{lines:?}"
        );
        drop(readers);
    }
}

#[test]
fn nothing_is_said_when_nothing_is_waited_for() {
    let folder = Folder::new()
        .with("a", "a")
        .with("large", vec![b'x'; 24_000_000]);
    for format in ["dev", "json"] {
        let flags = ["--log-file", "/dev/null", "--log-format", format];
        let mut server = Serve::start(folder.path(), flags);
        let mut idle = server.connect();
        assert_eq!(idle.get("/a").status, 200);
        assert_eq!(idle.get("/large").content.len(), 24_000_000);
        let _silent = server.connect();
        server.signal("INT");
        let (lines, code) = last_lines(&mut server);
        assert_eq!(code, Some(0));
        assert_eq!(lines, [""; 0]);
    }
}

/// The transfers that the line names are finished, and the server ends by itself.
#[test]
fn what_is_waited_for_arrives() {
    let folder = Folder::new().with("large", vec![b'x'; 24_000_000]);
    let mut server = Serve::start(folder.path(), [""; 0]);
    let mut reader = slow_reader(&server);
    server.signal("INT");
    line_with(&server, "waiting for 1 transfer ");
    assert_eq!(reader.answer().content.len(), 24_000_000);
    assert_eq!(server.wait(), Some(0));
}

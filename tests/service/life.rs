//! `serve` as a service: Unix sockets, several addresses, another user, and restarts without
//! interruption.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;
use support::{Folder, LONG, Raw, Serve, curl, curl_text, free_address, tinyhttp, wait_until};

/// What `serve` says when it can't start.
fn refusal(mut command: Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<_> = said.lines().collect();
    assert!(
        lines.len() == 2 && lines.iter().all(|line| line.len() < 240),
        "two plain lines: {said}"
    );
    said
}

fn serve<F: AsRef<OsStr>>(folder: &Path, flags: impl IntoIterator<Item = F>) -> Command {
    let mut command = tinyhttp();
    command.arg("serve").arg(folder).args(flags);
    command
}

/// A port that was free a moment ago, for servers that have to have the same one.
fn free_port() -> String {
    free_address().port().to_string()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Runs a command as the user 65534.
fn unprivileged(command: &Command) -> Command {
    let mut lowered = Command::new("setpriv");
    lowered.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    lowered.arg(command.get_program()).args(command.get_args());
    lowered
}

/// A folder that others can read, as they can read the program.
fn open_folder() -> Folder {
    let folder = Folder::new().with("a", "aaaa");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn a_unix_socket() {
    let folder = Folder::new()
        .with("www/a", "aaaa")
        .with("www/large", vec![b'x'; 3_000_000]);
    let www = folder.path().join("www");
    let socket = folder.join("socket");
    let bind = format!("unix:{socket}");
    let log = folder.join("log");
    let start = || {
        let flags = [
            "-b",
            &bind,
            "--socket-mode",
            "600",
            "--log-file",
            &log,
            "--log-format",
            "combined",
        ];
        let mut command = serve(&www, flags);
        // Clients of Unix sockets are no browsers: any name will do.
        command.env("TINYHTTP_NO_HOST_CHECK", "");
        Serve::spawn(command)
    };
    let mut first = start();
    assert!(
        first.banner.contains(&format!("  {bind}")),
        "{:?}",
        first.banner
    );
    let mode = fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let ask = |path: &str| {
        curl([
            "--unix-socket",
            &socket,
            &format!("http://site.example{path}"),
        ])
    };
    assert_eq!(ask("/a").stdout, b"aaaa");
    assert_eq!(ask("/large").stdout.len(), 3_000_000);
    let fetched = tinyhttp()
        .args(["get", "--unix-socket", &socket, "http://site.example/a"])
        .output()
        .unwrap();
    assert_eq!(fetched.stdout, b"aaaa", "{fetched:?}");

    let taken = refusal(serve(&www, ["-b", &bind]));
    assert!(taken.contains("another server listens there"), "{taken}");
    assert_eq!(ask("/a").stdout, b"aaaa");

    // What a crash leaves behind is no obstacle. Lines gather for a moment before they are written.
    first.wait_until("its lines are written", |_| {
        fs::read_to_string(&log).unwrap().lines().count() == 4
    });
    first.signal("KILL");
    first.wait();
    assert!(
        fs::symlink_metadata(&socket)
            .unwrap()
            .file_type()
            .is_socket()
    );
    let mut second = start();
    assert_eq!(ask("/a").stdout, b"aaaa");
    second.signal("TERM");
    assert_eq!(second.wait(), Some(0));
    assert_eq!(folder.names(), ["log", "www"]);

    let log = fs::read_to_string(&log).unwrap();
    assert_eq!(log.lines().count(), 5, "{log}");
    for line in log.lines() {
        assert!(line.starts_with("unix - - ["), "{line}");
    }
}

#[test]
fn paths_that_no_socket_can_have() {
    let folder = Folder::new().with("file", "precious");
    let long = "x".repeat(120);
    let table = [
        ("file", "there is a file of this name"),
        ("nowhere/socket", "there is no such directory"),
        (&long, "too long"),
    ];
    for (name, why) in table {
        let bind = format!("unix:{}", folder.join(name));
        let said = refusal(serve(folder.path(), ["-b", &bind]));
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(folder.read("file"), b"precious");
    assert_eq!(folder.names(), ["file"]);
}

/// One port on both families, each by itself, and a socket beside them.
#[test]
fn several_addresses() {
    let folder = Folder::new().with("a", "aaaa");
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: there is no IPv6");
        return;
    }
    for (four, six) in [("127.0.0.1", "::1"), ("0.0.0.0", "::")] {
        let port = free_port();
        let bind = format!("unix:{}", folder.join("socket"));
        let server = Serve::spawn(serve(
            folder.path(),
            ["-p", &port, "-b", four, "-b", six, "-b", &bind],
        ));
        for url in [
            format!("http://127.0.0.1:{port}/a"),
            format!("http://[::1]:{port}/a"),
        ] {
            assert_eq!(curl_text([&url]), "aaaa");
            assert!(
                server
                    .banner
                    .contains(&format!("  {}", &url[..url.len() - 1])),
                "{:?}",
                server.banner
            );
        }
        assert_eq!(
            curl_text([
                "--unix-socket",
                &folder.join("socket"),
                "http://localhost/a"
            ]),
            "aaaa"
        );
    }
}

/// The same name for a socket and for loopback: browsers come through the latter, so names are
/// checked.
#[test]
fn names_are_checked_as_soon_as_a_browser_can_come() {
    let folder = Folder::new().with("a", "aaaa");
    let socket = folder.join("socket");
    let mut command = serve(
        folder.path(),
        [
            "-p",
            "0",
            "-b",
            "127.0.0.1",
            "-b",
            &format!("unix:{socket}"),
        ],
    );
    command.env("TINYHTTP_NO_HOST_CHECK", "");
    let server = Serve::spawn(command);
    let status = |arguments: &[&str]| support::curl_status(arguments);
    assert_eq!(
        status(&["--unix-socket", &socket, "http://evil.example/a"]),
        421
    );
    assert_eq!(
        status(&["-H", "Host: evil.example", &server.url("/a")]),
        421
    );
    assert_eq!(
        status(&["--unix-socket", &socket, "http://localhost/a"]),
        200
    );
}

#[test]
fn unavailable_addresses_are_reported() {
    let folder = open_folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = refusal(serve(folder.path(), ["-p", &port]));
    assert!(
        said.contains("the port is taken") && said.contains("-p 0"),
        "{said}"
    );
    let said = refusal(serve(folder.path(), ["-p", &port, "--reuse-port"]));
    assert!(
        said.contains("the port is taken") && said.contains("--reuse-port"),
        "{said}"
    );
    let said = refusal(serve(folder.path(), ["-p", "0", "-b", "192.0.2.1"]));
    assert!(said.contains("no such address"), "{said}");

    let first_free = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if first_free.is_ok_and(|port| port.trim().parse::<u16>().unwrap() <= 1) {
        eprintln!("skipped: here every user may bind every port");
        return;
    }
    let mut privileged = serve(folder.path(), ["-p", "1"]);
    if is_root() {
        privileged = unprivileged(&privileged);
    }
    let said = refusal(privileged);
    assert!(
        said.contains("below 1024") && said.contains("-p 8080"),
        "{said}"
    );
}

/// The lines of a thread's status that tell what it may do.
fn rights(status: &str) -> Vec<String> {
    let told = [
        "Uid:",
        "Gid:",
        "Groups:",
        "CapEff:",
        "CapPrm:",
        "CapInh:",
        "CapAmb:",
        "NoNewPrivs:",
    ];
    let lines = status
        .lines()
        .filter(|line| told.iter().any(|name| line.starts_with(name)));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn another_user() {
    if !is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let folder = open_folder().with("secret", "root's");
    fs::set_permissions(folder.join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    // Only theirs to write to.
    let run = Folder::new();
    std::os::unix::fs::chown(run.path(), Some(65534), Some(65534)).unwrap();
    let bind = format!("unix:{}", run.join("socket"));
    let log = run.join("log");
    let flags = [
        "-p",
        "0",
        "-b",
        "127.0.0.1",
        "-b",
        &bind,
        "--log-file",
        &log,
        "--user",
        "65534:65534",
    ];
    for sandbox in [&[][..], &["--no-sandbox"]] {
        let mut server = Serve::spawn(serve(folder.path(), flags.iter().chain(sandbox)));
        assert_eq!(server.connect().get("/a").text(), "aaaa");
        assert_eq!(server.connect().get("/secret").status, 403);
        let mut threads = 0;
        for task in fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap() {
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let none = "0000000000000000";
            assert_eq!(
                rights(&status),
                [
                    "Uid: 65534 65534 65534 65534".to_owned(),
                    "Gid: 65534 65534 65534 65534".to_owned(),
                    "Groups: 65534".to_owned(),
                    format!("CapInh: {none}"),
                    format!("CapPrm: {none}"),
                    format!("CapEff: {none}"),
                    format!("CapAmb: {none}"),
                    "NoNewPrivs: 1".to_owned(),
                ]
            );
            threads += 1;
        }
        assert!(threads > 2, "{threads}");
        assert_eq!(fs::metadata(run.join("socket")).unwrap().uid(), 65534);
        assert_eq!(fs::metadata(&log).unwrap().uid(), 65534);
        // The log is theirs to open again.
        fs::rename(&log, run.join("old")).unwrap();
        server.signal("USR1");
        server.wait_until("the log is there again", |_| Path::new(&log).exists());
        server.signal("TERM");
        assert_eq!(server.wait(), Some(0));
        assert_eq!(run.names(), ["log", "old"]);
    }
}

#[test]
fn invalid_users_are_reported() {
    let folder = open_folder();
    let mut as_other_user = serve(folder.path(), ["-p", "0", "--user", "nobody"]);
    if is_root() {
        as_other_user = unprivileged(&as_other_user);
    }
    let said = refusal(as_other_user);
    assert!(
        said.contains("is for root") && said.contains("leave it out"),
        "{said}"
    );
    if !is_root() {
        return;
    }
    for (name, why) in [
        ("no-such-user", "there is none of that name"),
        ("nobody:no-such-group", "there is none of that name"),
        ("root", "is root"),
        ("0:65534", "is root"),
    ] {
        let said = refusal(serve(folder.path(), ["-p", "0", "--user", name]));
        assert!(said.contains(why), "{said}");
    }
    // Files that only root can read are not served by another user.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let said = refusal(serve(folder.path(), ["-p", "0", "--user", "65534:65534"]));
    assert!(said.contains("can't open the directory"), "{said}");
}

/// A server that gets a listener handed down, as systemd does it: as descriptor 3.
fn handed_down(folder: &Path, listener: impl Into<OwnedFd>, flags: &[&str]) -> Serve {
    let program = serve(folder, flags);
    // Only a shell can do this without unsafe code.
    let mut shell = Command::new("sh");
    for (name, _) in program.get_envs() {
        shell.env_remove(name);
    }
    let pass_on = "exec 3<&0 < /dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"";
    shell
        .args(["-c", pass_on])
        .arg(program.get_program())
        .args(program.get_args())
        .stdin(Stdio::from(listener.into()));
    Serve::spawn_with_stdin(shell)
}

#[test]
fn sockets_that_are_handed_down() {
    let folder = Folder::new().with("a", "aaaa");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = handed_down(folder.path(), listener.try_clone().unwrap(), &[]);
    assert_eq!(server.address(), address);
    assert_eq!(server.connect().get("/a").text(), "aaaa");
    // What is bound beside it has to be asked for.
    assert_eq!(
        server
            .banner
            .iter()
            .filter(|line| line.contains("http://"))
            .count(),
        1
    );

    let path = folder.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let mut server = handed_down(folder.path(), listener, &[]);
    assert!(
        server.banner.contains(&format!("  unix:{path}")),
        "{:?}",
        server.banner
    );
    assert_eq!(
        curl_text(["--unix-socket", &path, "http://localhost/a"]),
        "aaaa"
    );
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    // Its creator removes it.
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
}

#[test]
fn what_cannot_be_handed_down() {
    let folder = Folder::new();
    let mut command = serve(folder.path(), ["-p", "0"]);
    // Nothing is there.
    command.env("LISTEN_FDS", "1");
    assert!(refusal(command).contains("LISTEN_FDS"));
    // Sockets for another process are not touched.
    let mut command = serve(folder.path(), ["-p", "0"]);
    command.env("LISTEN_FDS", "1").env("LISTEN_PID", "1");
    Serve::spawn(command);
}

/// Sends requests without pause, alternately over new connections and a kept one, until `goes_on`
/// is false. No response may be missing.
fn asks(address: SocketAddr, answers: &AtomicUsize, goes_on: &AtomicBool) {
    let request = |connection: &str| {
        format!("GET /a HTTP/1.1\r\nHost: h\r\nConnection: {connection}\r\n\r\n")
    };
    let mut kept = Raw::connect(address);
    while goes_on.load(Ordering::Relaxed) {
        for _ in 0..9 {
            let mut fresh = TcpStream::connect_timeout(&address, LONG).unwrap();
            fresh.set_read_timeout(Some(LONG)).unwrap();
            fresh.write_all(request("close").as_bytes()).unwrap();
            let mut answer = String::new();
            fresh.read_to_string(&mut answer).unwrap();
            assert!(
                answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\naaaa"),
                "{answer:?}"
            );
            answers.fetch_add(1, Ordering::Relaxed);
        }
        kept.send(request("keep-alive"));
        match kept.next_answer("GET") {
            Some(answer) => {
                assert_eq!(answer.text(), "aaaa");
                answers.fetch_add(1, Ordering::Relaxed);
                if answer.field("connection") == Some("close") {
                    kept = Raw::connect(address);
                }
            }
            // An idle connection may end at any time (RFC 9112 §9.3.1); it is asked for again in
            // another.
            None => kept = Raw::connect(address),
        }
    }
}

/// The number of requests during the restarts.
const REQUESTS: usize = 100_000;

/// The listener stays open between two servers: of a hundred thousand requests none is refused,
/// reset or forgotten during restarts.
#[test]
fn restarts_interrupt_no_client() {
    let folder = Folder::new().with("a", "aaaa");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let start = || handed_down(folder.path(), listener.try_clone().unwrap(), &[]);
    let (goes_on, answers) = (AtomicBool::new(true), AtomicUsize::new(0));
    let mut restarts = 0;
    let mut server = start();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| asks(address, &answers, &goes_on)))
            .collect();
        while answers.load(Ordering::Relaxed) < REQUESTS {
            let follower = start();
            server.signal("TERM");
            assert_eq!(server.wait(), Some(0));
            server = follower;
            restarts += 1;
            // A client that has given up says why.
            if clients
                .iter()
                .any(std::thread::ScopedJoinHandle::is_finished)
            {
                break;
            }
        }
        goes_on.store(false, Ordering::Relaxed);
    });
    let answers = answers.into_inner();
    eprintln!("{answers} answers through {restarts} restarts");
    assert!(restarts >= 10 && answers >= REQUESTS);
}

/// What a balancer does: it asks the first server, and the second one if there has been no answer
/// at all. One that has begun must be whole.
fn through_a_balancer(servers: [SocketAddr; 2], path: &str) -> String {
    for address in servers {
        let Ok(mut stream) = TcpStream::connect_timeout(&address, LONG) else {
            continue;
        };
        stream.set_read_timeout(Some(LONG)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        let sent = stream.write_all(request.as_bytes());
        let read = sent.and_then(|()| stream.read_to_string(&mut answer));
        if answer.is_empty() {
            continue;
        }
        read.unwrap();
        let (head, content) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let length = format!("Content-Length: {}", content.len());
        assert!(head.contains(&length), "{head}: {}", content.len());
        return content.to_owned();
    }
    panic!("no server answers");
}

/// SIGTERM under full load: every received request gets its whole response, and clients behind a
/// load balancer notice nothing.
#[test]
fn an_end_under_full_load() {
    let large = "0123456789".repeat(500_000);
    let folder = Folder::new().with("a", "aaaa").with("large", &large);
    let second = Serve::start(folder.path(), ["-v"]);
    for _ in 0..5 {
        let mut first = Serve::start(folder.path(), ["-v"]);
        let servers = [first.address(), second.address()];
        let (goes_on, answers) = (AtomicBool::new(true), AtomicUsize::new(0));
        let mut half_sent = first.connect();
        half_sent.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
        half_sent.stream().peek(&mut [0]).unwrap();
        let mut pipelined = first.connect();
        pipelined.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n".repeat(200));
        pipelined.stream().peek(&mut [0]).unwrap();
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..8)
                .map(|client| {
                    let (path, content) = [("/a", "aaaa"), ("/large", &large)][client % 2];
                    let (goes_on, answers) = (&goes_on, &answers);
                    scope.spawn(move || {
                        while goes_on.load(Ordering::Relaxed) {
                            assert!(through_a_balancer(servers, path) == content);
                            answers.fetch_add(1, Ordering::Relaxed);
                        }
                    })
                })
                .collect();
            let gave_up = std::thread::ScopedJoinHandle::is_finished;
            wait_until("a hundred answers", || {
                answers.load(Ordering::Relaxed) >= 100 || clients.iter().any(gave_up)
            });
            first.signal("TERM");
            assert!(half_sent.answer().text() == large);
            // One that is answered with close is the last of its connection (RFC 9112 §9.6); those
            // before it are whole.
            let mut whole = 0;
            while let Some(answer) = pipelined.next_answer("GET") {
                assert_eq!(answer.text(), "aaaa");
                whole += 1;
            }
            assert!(whole > 0);
            let code = first.wait();
            goes_on.store(false, Ordering::Relaxed);
            assert_eq!(code, Some(0));
        });
    }
}

/// Two servers on one port, or on one name, for a moment. Nothing is lost on the way from one Unix
/// socket to the next.
#[test]
fn a_server_beside_another() {
    let folder = Folder::new().with("a", "aaaa");
    let port = free_port();
    let path = folder.join("socket");
    let bind = format!("unix:{path}");
    let flags = ["-p", &port, "-b", "127.0.0.1", "-b", &bind, "--reuse-port"];
    let mut old = Serve::spawn(serve(folder.path(), flags));
    let mut waiting = UnixStream::connect(&path).unwrap();
    waiting.set_read_timeout(Some(LONG)).unwrap();
    let new = Serve::spawn(serve(folder.path(), flags));
    // It was the old one's, and is answered there.
    waiting.write_all(b"GET /a HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\naaaa"), "{answer}");
    let line = std::iter::repeat_with(|| old.stderr_line()).find(|line| line.contains("GET"));
    assert!(line.unwrap().contains("/a"));
    old.signal("TERM");
    assert_eq!(old.wait(), Some(0));
    assert_eq!(new.connect().get("/a").text(), "aaaa");
    assert_eq!(
        curl_text(["--unix-socket", &path, "http://localhost/a"]),
        "aaaa"
    );
    drop(new);
    assert_eq!(folder.names(), ["a", "socket"]);
}

/// Repeats a request until the server has noticed a change that it gets no event for.
fn comes_to_say(server: &Serve, want: &str) {
    let deadline = Instant::now() + LONG;
    let mut kept = server.connect();
    while kept.get("/a").text() != want {
        assert!(Instant::now() < deadline, "in vain: {want}");
    }
    // It stays so, for others too.
    for _ in 0..10 {
        assert_eq!(server.connect().get("/a").text(), want);
    }
}

/// The folder is removed, made anew, moved away and replaced; the server goes on by itself.
#[test]
fn another_folder_in_its_place() {
    for flag in ["--replaceable", "--no-sandbox", "--watch"] {
        let folder = Folder::new().with("www/a", "first").with("next/a", "third");
        let www = folder.path().join("www");
        let mut server = Serve::start(&www, [flag]);
        assert_eq!(server.connect().get("/a").text(), "first");
        fs::remove_dir_all(&www).unwrap();
        assert_eq!(server.connect().get("/a").status, 404);
        folder.write("www/a", "second");
        comes_to_say(&server, "second");
        fs::rename(&www, folder.path().join("old")).unwrap();
        // While there is none of that name, the old one is served.
        assert_eq!(server.connect().get("/a").text(), "second");
        fs::rename(folder.path().join("next"), &www).unwrap();
        comes_to_say(&server, "third");
        assert!(server.is_alive());
    }
}

/// Without any flag: what was removed is never listed as an empty folder, and if the sandbox keeps
/// the new one from being served, the log says what to do.
#[test]
fn removed_folder_is_never_an_empty_list() {
    let folder = Folder::new().with("www/a", "first");
    let www = folder.path().join("www");
    let server = Serve::start(&www, ["--log-file", "/dev/null"]);
    let may_read_anew = !server
        .banner
        .iter()
        .any(|line| line.contains("nothing else can be read"));
    assert_eq!(server.connect().get("/").status, 200);
    fs::remove_dir_all(&www).unwrap();
    for path in ["/", "/?json", "/?download=tar", "/a"] {
        assert_eq!(server.connect().get(path).status, 404, "{path}");
    }
    server.wait_until("it says that the folder is gone", |server| {
        server.connect().get("/");
        server
            .try_stderr_line()
            .is_some_and(|line| line.contains("was removed"))
    });
    folder.write("www/b", "second");
    if may_read_anew {
        assert_eq!(server.connect().get("/b").text(), "second");
        return;
    }
    server.wait_until("it says which flag helps", |server| {
        assert_ne!(server.connect().get("/").status, 200);
        server
            .try_stderr_line()
            .is_some_and(|line| line.contains("--replaceable"))
    });
}

/// A link that is switched by a rename, as deployments do it. Each answer is wholly of one release.
#[test]
fn a_link_that_is_switched() {
    let folder = Folder::new();
    for release in 0..5 {
        folder.write(
            format!("releases/{release}/a"),
            release.to_string().repeat(100 + release),
        );
    }
    let switch = |release: usize| {
        let (link, new) = (folder.path().join("current"), folder.path().join("new"));
        symlink(format!("releases/{release}"), &new).unwrap();
        fs::rename(new, link).unwrap();
    };
    switch(0);
    let server = Serve::start(&folder.path().join("current"), ["--replaceable"]);
    for release in 1..5 {
        switch(release);
        let mut kept = server.connect();
        let mut seen = String::new();
        while !seen.starts_with(&release.to_string()) {
            seen = kept.get("/a").text();
            let length = seen.len();
            assert!(seen == (length - 100).to_string().repeat(length), "{seen}");
        }
    }
}

/// The sandbox was made for the folder that was there: another one is not read, and that is said.
#[test]
fn another_folder_that_the_sandbox_does_not_know() {
    let folder = Folder::new()
        .with("www/a", "first")
        .with("next/a", "second");
    let www = folder.path().join("www");
    let server = Serve::start(&www, ["--log-file", "/dev/null"]);
    if !server
        .banner
        .iter()
        .any(|line| line.contains("nothing else can be read"))
    {
        eprintln!("skipped: this kernel has no Landlock");
        return;
    }
    fs::rename(&www, folder.path().join("old")).unwrap();
    // The same folder that comes back is no other.
    fs::rename(folder.path().join("old"), &www).unwrap();
    assert_eq!(server.connect().get("/a").text(), "first");
    fs::rename(&www, folder.path().join("old")).unwrap();
    fs::rename(folder.path().join("next"), &www).unwrap();
    server.wait_until("it has noticed", |server| {
        assert_eq!(server.connect().get("/a").text(), "first");
        server
            .try_stderr_line()
            .is_some_and(|line| line.contains("is another directory now"))
    });
}

/// What systemd itself thinks of the unit in `deploy/`: at most 1.5 of 10 points of exposure.
#[test]
fn the_unit_is_hardened() {
    let unit = support::root().join("deploy/tinyhttp.service");
    let Ok(checked) = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold=15"])
        .arg(&unit)
        .output()
    else {
        eprintln!("skipped: systemd-analyze is not installed");
        return;
    };
    let said = String::from_utf8_lossy(&checked.stdout);
    let errors = String::from_utf8_lossy(&checked.stderr);
    if errors.contains("unrecognized option") {
        eprintln!("skipped: this systemd-analyze can't look at a unit that is not installed");
        return;
    }
    assert!(checked.status.success(), "{said}{errors}");
    assert!(!errors.contains("ignoring"), "{errors}");
}

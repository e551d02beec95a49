//! Faults around a server: files that change during transfers, clients that vanish, a lack of
//! descriptors, logs without a reader. The server never ends, never sends a wrong byte as a right
//! one, and never loses a worker or a descriptor.

use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::{
    Folder, LONG, Raw, Running, Serve, free_address, listens, send_signal, tinyhttp, wait_until,
};

const NO_FLAGS: [&str; 0] = [];

/// Larger than what sockets and the server take at once, so that a client that stops reading stops
/// the server in the middle.
const LARGE: usize = 24_000_000;

/// Bytes that tell where in the file they are.
fn large() -> Vec<u8> {
    (0..LARGE as u32 / 4).flat_map(u32::to_be_bytes).collect()
}

/// A connection whose window is as small as the system lets it be.
fn narrow(server: &Serve) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(1).unwrap();
    socket.connect(&SockAddr::from(server.address())).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket.into()
}

/// Ends a connection with a reset.
fn reset(stream: TcpStream) {
    let socket = Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

/// Checks that the server has nothing left of what a test has done to it, and answers.
fn is_as_before(server: &mut Serve, descriptors: usize) {
    assert!(server.is_alive());
    server.wait_until("its descriptors are free", |server| {
        server.descriptors() <= descriptors
    });
    // Workers, as many as there are cores, a few that have their own things to do, and those that
    // took the place of a worker which a busy machine held up.
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let threads = server.threads();
    assert!(threads <= 2 * cores + 8, "{threads} threads");
    assert_eq!(server.connect().get("/a").text(), "aaaa");
}

/// Changes of a file, or of the directories above it, during a download.
#[test]
fn a_file_that_changes_in_mid_transfer_is_whole_and_old_or_looks_cut() {
    type Change = fn(&Path);
    #[rustfmt::skip]
    let changes: [(&str, Change); 10] = [
        ("truncated", |file| drop(File::options().write(true).open(file).unwrap().set_len(1000))),
        ("emptied", |file| drop(File::create(file).unwrap())),
        ("emptied and written again", |file| fs::write(file, vec![b'x'; LARGE]).unwrap()),
        ("appended to", |file| File::options().append(true).open(file).unwrap().write_all(b"more").unwrap()),
        ("written into", |file| {
            let file = File::options().write(true).open(file).unwrap();
            file.write_all_at(&[b'x'; 1000], LARGE as u64 - 2000).unwrap();
        }),
        ("replaced", |file| {
            fs::write(file.with_extension("new"), vec![b'x'; LARGE]).unwrap();
            fs::rename(file.with_extension("new"), file).unwrap();
        }),
        ("deleted", |file| fs::remove_file(file).unwrap()),
        ("turned into a folder", |file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        }),
        ("deleted with its folder", |file| fs::remove_dir_all(file.parent().unwrap()).unwrap()),
        ("moved with its folder", |file| {
            let folder = file.parent().unwrap();
            fs::rename(folder, folder.with_extension("moved")).unwrap();
        }),
    ];
    let old = large();
    // The whole, a part, and parts.
    let ranges = [
        "",
        "Range: bytes=1000-\r\n",
        "Range: bytes=0-11999999,13000000-23999999\r\n",
    ];
    for (name, change) in changes {
        for range in ranges {
            let folder = Folder::new().with("a", "aaaa").with("sub/large", &old);
            let mut server = Serve::start(folder.path(), NO_FLAGS);
            let mut raw = server.connect();
            raw.send(format!(
                "GET /sub/large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{range}\r\n"
            ));
            // The response has begun, and most of it waits for room.
            raw.stream().peek(&mut [0]).unwrap();
            change(&folder.path().join("sub/large"));
            let received = raw.rest();
            let head = received
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
                .unwrap()
                + 4;
            let fields = String::from_utf8_lossy(&received[..head]).to_lowercase();
            let announced: usize = fields
                .split_once("content-length: ")
                .and_then(|(_, rest)| rest.split_once("\r\n"))
                .and_then(|(digits, _)| digits.parse().ok())
                .unwrap();
            let content = &received[head..];
            assert!(content.len() <= announced, "{name} {range:?}");
            if content.len() == announced {
                let want: Vec<&[u8]> = match range {
                    "" => vec![&old],
                    range if range.contains(',') => vec![&old[..12_000_000], &old[13_000_000..]],
                    _ => vec![&old[1000..]],
                };
                // Between parts there are their heads.
                let mut rest = content;
                for part in want {
                    let gap = if range.contains(',') { 400 } else { 0 };
                    let at = (0..=gap).find(|at| rest[*at..].starts_with(part));
                    let at = at.unwrap_or_else(|| panic!("{name} {range:?}: wrong bytes"));
                    rest = &rest[at + part.len()..];
                }
            }
            assert!(server.is_alive(), "{name} {range:?}");
            assert_eq!(
                server.connect().get("/a").text(),
                "aaaa",
                "{name} {range:?}"
            );
        }
    }
}

/// A name that means something else at every look.
#[test]
fn a_name_that_changes_its_kind() {
    let folder = Folder::new().with("a", "aaaa").with("thing", "a file");
    let server = Serve::start(folder.path(), NO_FLAGS);
    let path = folder.path().join("thing");
    let mut raw = server.connect();
    for _ in 0..20 {
        assert_eq!(raw.get("/thing").text(), "a file");
        fs::remove_file(&path).unwrap();
        assert_eq!(raw.get("/thing").status, 404);
        fs::create_dir(&path).unwrap();
        assert_eq!(raw.get("/thing").status, 301);
        fs::write(path.join("index.html"), "an index").unwrap();
        assert_eq!(raw.get("/thing/").text(), "an index");
        fs::remove_dir_all(&path).unwrap();
        assert_eq!(raw.get("/thing/").status, 404);
        symlink("a", &path).unwrap();
        assert_eq!(raw.get("/thing").text(), "aaaa");
        fs::remove_file(&path).unwrap();
        fs::write(&path, "a file").unwrap();
    }
}

/// The directory is removed and created again: the server needs no restart.
#[test]
fn a_root_that_is_moved_away_and_back() {
    let folder = Folder::new()
        .with("root/a", "aaaa")
        .with("root/sub/a", "sub");
    let root = folder.path().join("root");
    let server = Serve::start(&root, NO_FLAGS);
    let mut raw = server.connect();
    assert_eq!(raw.get("/a").text(), "aaaa");
    fs::rename(&root, folder.path().join("away")).unwrap();
    // It is the folder that is served, not its name.
    assert_eq!(raw.get("/sub/a").text(), "sub");
    fs::rename(folder.path().join("away"), &root).unwrap();
    assert_eq!(raw.get("/a").text(), "aaaa");
    for entry in fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        let removed = if path.is_dir() {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        };
        removed.unwrap();
    }
    assert_eq!(raw.get("/a").status, 404);
    assert_eq!(raw.get("/sub/a").status, 404);
    fs::write(root.join("a"), "again").unwrap();
    assert_eq!(raw.get("/a").text(), "again");
}

/// A link that leads inside and outside by turns, as fast as it goes: what is outside is never
/// served, whenever it is looked at.
#[test]
fn a_link_that_is_swapped_all_the_time() {
    let outside = Folder::new()
        .with("file", "outside")
        .with("sub/file", "outside");
    let folder = Folder::new()
        .with("a", "aaaa")
        .with("inside/file", "inside")
        .with("inside/sub/file", "inside");
    let links = folder.path().join("links");
    fs::create_dir(&links).unwrap();
    symlink("../inside", links.join("in")).unwrap();
    symlink(outside.path(), links.join("out")).unwrap();
    let server = Serve::start(folder.path(), ["--no-sandbox"]);
    let done = AtomicBool::new(false);
    let name = folder.path().join("link");
    symlink("inside", &name).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let temporary = folder.path().join("link.new");
            let targets = [Path::new("inside"), outside.path()];
            for turn in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                symlink(targets[turn % 2], &temporary).unwrap();
                fs::rename(&temporary, &name).unwrap();
            }
        });
        let mut raw = server.connect();
        let mut seen = [0, 0];
        for turn in 0..4000 {
            let answer = raw.get(["/link/file", "/link/sub/file"][turn % 2]);
            match answer.status {
                200 => assert_eq!(answer.text(), "inside"),
                status => assert_eq!(status, 404),
            }
            seen[usize::from(answer.status == 200)] += 1;
        }
        done.store(true, Ordering::Relaxed);
        assert!(
            seen.iter().all(|times| *times > 0),
            "both were seen: {seen:?}"
        );
    });
}

#[test]
fn clients_that_reset_at_every_point() {
    let folder = Folder::new().with("a", "aaaa").with("large", large());
    let mut server = Serve::start(folder.path(), ["-v"]);
    server.connect().get("/large");
    server.wait_until("the first client is gone", |server| {
        server.descriptors() < 40
    });
    let descriptors = server.descriptors();
    let points: [&[u8]; 8] = [
        b"",
        b"G",
        b"GET /a HTTP/1.1\r\nHost: h\r\n",
        b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /large HTTP/1.1\r\nHost: h\r\n\r\nGET /large HTTP/1.1\r\nHost: h\r\n\r\nGET /a HT",
        b"GET /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
        b"GET /a HTTP/1.1\r\n\r\n",
    ];
    for turn in 0..800 {
        let mut raw = server.connect();
        raw.send(points[turn % points.len()]);
        if turn % 3 == 0 && turn % points.len() >= 3 {
            // Once some of the answer has come.
            let _ = raw.stream().peek(&mut [0]);
        }
        reset(raw.stream().try_clone().unwrap());
    }
    is_as_before(&mut server, descriptors);
}

/// Connections that are reset at once, while another client is served.
#[test]
fn a_thousand_resets_beside_a_download() {
    let content = large();
    let folder = Folder::new().with("a", "aaaa").with("large", &content);
    let mut server = Serve::start(folder.path(), NO_FLAGS);
    let address = server.address();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..1000 {
                reset(TcpStream::connect(address).unwrap());
            }
        });
        for _ in 0..3 {
            assert!(Raw::connect(address).get("/large").content == content);
        }
    });
    assert!(server.is_alive());
    assert_eq!(server.connect().get("/a").text(), "aaaa");
}

#[test]
fn clients_that_are_killed_in_mid_download() {
    let folder = Folder::new().with("a", "aaaa").with("large", large());
    let mut server = Serve::start(folder.path(), NO_FLAGS);
    server.connect().get("/a");
    let descriptors = server.descriptors();
    let format = ["-sN", "--noproxy", "*", "--limit-rate", "1M"];
    let clients: Vec<_> = (0..10)
        .map(|_| {
            let mut curl = Command::new("curl")
                .args(format)
                .arg(server.url("/large"))
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            curl.stdout
                .as_mut()
                .unwrap()
                .read_exact(&mut [0; 1000])
                .unwrap();
            curl
        })
        .collect();
    assert!(server.descriptors() > descriptors);
    for mut curl in clients {
        curl.kill().unwrap();
        curl.wait().unwrap();
    }
    is_as_before(&mut server, descriptors);
}

/// Half-closed clients get all that they asked for, however long it takes.
#[test]
fn clients_that_half_close_get_everything() {
    let content = large();
    let folder = Folder::new().with("a", "aaaa").with("large", &content);
    let mut server = Serve::start(folder.path(), NO_FLAGS);
    server.connect().get("/a");
    let descriptors = server.descriptors();
    for pipelined in [1, 3] {
        let mut raw = server.connect();
        raw.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n".repeat(pipelined));
        raw.stream().shutdown(Shutdown::Write).unwrap();
        for _ in 0..pipelined {
            assert!(raw.answer().content == content);
        }
        assert!(raw.is_ended());
    }
    is_as_before(&mut server, descriptors);
}

/// Windows of a few hundred bytes, and none at all: such clients delay no others, and they get the
/// right bytes.
#[test]
fn windows_that_are_narrow_or_shut() {
    let content = large();
    let folder = Folder::new().with("a", "aaaa").with("large", &content);
    let mut server = Serve::start(folder.path(), ["--workers", "2"]);
    server.connect().get("/a");
    let descriptors = server.descriptors();
    let mut crowd: Vec<TcpStream> = (0..100).map(|_| narrow(&server)).collect();
    for stream in &mut crowd {
        stream
            .write_all(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n")
            .unwrap();
    }
    // All of them have been begun, and none of them moves.
    for stream in &crowd {
        stream.peek(&mut [0]).unwrap();
    }
    for _ in 0..20 {
        assert_eq!(server.connect().get("/a").text(), "aaaa");
    }
    // One of them reads on, in pieces of odd sizes.
    let mut slow = crowd.pop().unwrap();
    let mut received = Vec::new();
    let mut piece = [0; 1000];
    for turn in 0.. {
        let length = slow.read(&mut piece[..1 + turn % 777]).unwrap();
        received.extend_from_slice(&piece[..length]);
        if received.len() > 300_000 {
            break;
        }
    }
    let head = received
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap()
        + 4;
    assert!(content.starts_with(&received[head..]));
    drop((slow, crowd));
    is_as_before(&mut server, descriptors);
}

/// No descriptor is left for a file, though there was one for the connection.
#[test]
fn no_descriptor_for_the_file() {
    let folder = Folder::new().with("a", "aaaa").with("b", "bb");
    let mut server = Serve::start(folder.path(), NO_FLAGS);
    let mut raw = server.connect();
    assert_eq!(raw.get("/nowhere").status, 404);
    let limit = |server: &Serve, limit: &str| {
        Command::new("prlimit")
            .args([
                &format!("--pid={}", server.pid()),
                &format!("--nofile={limit}:4096"),
            ])
            .status()
            .is_ok_and(|status| status.success())
    };
    // All numbers below are taken.
    if !limit(&server, "3") {
        eprintln!("skipped: prlimit is not there");
        return;
    }
    for path in ["/a", "/b", "/a"] {
        assert_eq!(raw.get(path).status, 503, "{path}");
    }
    assert!(limit(&server, "4096"));
    assert_eq!(raw.get("/a").text(), "aaaa");
    assert_eq!(raw.get("/b").text(), "bb");
    assert!(server.is_alive());
}

/// Content without end, fast and slow: the connection ends, and what was taken of it is thrown
/// away.
#[test]
fn content_that_never_ends() {
    let folder = Folder::new().with("a", "aaaa");
    let mut server = Serve::start(folder.path(), NO_FLAGS);
    server.connect().get("/a");
    let before = server.memory();
    let descriptors = server.descriptors();
    #[rustfmt::skip]
    let table: [(&str, Vec<u8>); 5] = [
        ("Content-Length: 18446744073709551615", vec![b'x'; 65536]),
        ("Transfer-Encoding: chunked", [b"8000\r\n", &[b'x'; 0x8000][..], b"\r\n"].concat()),
        ("Transfer-Encoding: chunked", b"1\r\nx\r\n".repeat(10_000)),
        ("Transfer-Encoding: chunked", b"1;x=y\r\nx\r\n".repeat(10_000)),
        ("Transfer-Encoding: chunked", vec![b'0'; 65536]),
    ];
    for (field, piece) in &table {
        let mut raw = server.connect();
        raw.send(format!("POST /a HTTP/1.1\r\nHost: h\r\n{field}\r\n\r\n"));
        assert_eq!(raw.answer().status, 405);
        // For a moment what comes is thrown away, so that the answer isn't lost. Then it ends.
        let deadline = Instant::now() + LONG;
        while raw.stream().write_all(piece).is_ok() {
            assert!(Instant::now() < deadline, "{field}");
        }
    }
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 8_000_000, "{grown} bytes");
    is_as_before(&mut server, descriptors);
}

/// The process is stopped during transfers and continued: interrupted system calls are repeated.
#[test]
fn signals_that_mean_nothing() {
    let content = large();
    let folder = Folder::new().with("a", "aaaa").with("large", &content);
    let mut server = Serve::start(folder.path(), NO_FLAGS);
    let mut raw = server.connect();
    raw.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
    raw.stream().peek(&mut [0]).unwrap();
    for signal in [
        "STOP", "CONT", "WINCH", "CHLD", "URG", "STOP", "CONT", "PIPE",
    ] {
        server.signal(signal);
    }
    assert!(raw.answer().content == content);
    assert_eq!(raw.get("/a").text(), "aaaa");
    assert!(server.is_alive());
}

/// The files of /sys say that they are 4,096 bytes long and are shorter, which is no failure, and
/// some can't be read at all: as a disk that fails, every time. Nothing of what they seem to be is
/// sent, and the log says why. Other requests are served.
#[test]
fn a_disk_that_fails() {
    let device = Path::new("/sys/class/net/lo");
    if fs::read(device.join("speed")).is_ok() || fs::read(device.join("mtu")).is_err() {
        eprintln!("skipped: /sys has no such files here");
        return;
    }
    let mut server = Serve::start(device, NO_FLAGS);
    let descriptors = server.descriptors();
    for _ in 0..20 {
        for (path, status) in [("/speed", 500), ("/mtu", 200)] {
            for fields in ["", "Range: bytes=0-1\r\n", "Range: bytes=0-1,3000-3001\r\n"] {
                let mut raw = server.connect();
                raw.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n{fields}\r\n"));
                let answer = raw.answer();
                assert_eq!(answer.status, status, "{path} {fields:?}");
                assert_eq!(answer.field("etag"), None, "{path} {fields:?}");
                // The connection is as good as before.
                assert_eq!(raw.get("/nowhere").status, 404);
            }
        }
        // An archive has been announced when the first of its files fails.
        let mut raw = server.connect();
        raw.send("GET /?download=tar HTTP/1.1\r\nHost: h\r\n\r\n");
        let received = String::from_utf8_lossy(&raw.rest()).into_owned();
        let (head, content) = received.split_once("\r\n\r\n").unwrap();
        let announced = head.split_once("Content-Length: ").unwrap().1;
        let announced: usize = announced.lines().next().unwrap().parse().unwrap();
        assert!(
            content.len() < announced,
            "{} of {announced}",
            content.len()
        );
    }
    assert!(server.stderr_line().contains("can't read /speed"));
    assert!(server.is_alive());
    server.wait_until("its descriptors are free", |server| {
        server.descriptors() <= descriptors
    });
}

/// Runs a server whose output goes where `redirection` says, and asks it a lot.
fn with_output(redirection: &str, requests: usize) {
    let folder = Folder::new().with("a", "aaaa");
    // With its output gone the server can't say where it is, so the port is chosen here.
    let address = free_address();
    let child = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "exec \"$0\" serve \"$1\" --no-host-check -v -p {} {redirection}",
            address.port()
        ))
        .arg(tinyhttp().get_program())
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Running(child);
    listens(address);
    let mut raw = Raw::connect(address);
    let batch = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n".repeat(50);
    for _ in 0..requests / 50 {
        raw.send(&batch);
        for _ in 0..50 {
            assert_eq!(raw.answer().text(), "aaaa", "{redirection}");
        }
    }
    assert!(matches!(child.0.try_wait(), Ok(None)), "{redirection}");
}

/// A full disk under the log, closed standard streams, and a log without a reader: requests are
/// answered all the same.
#[test]
fn output_that_goes_nowhere() {
    with_output("2> /dev/full", 500);
    with_output("> /dev/full 2> /dev/full", 500);
    with_output("2>&-", 500);
    with_output(">&- 2>&-", 500);
    with_output("", 5000);
}

/// A log file on a full disk: its lines are lost, the program says so once, and no request is.
#[test]
fn a_log_file_on_a_full_disk() {
    let folder = Folder::new().with("a", "aaaa");
    let mut server = Serve::start(folder.path(), ["--log-file", "/dev/full"]);
    let mut raw = server.connect();
    for _ in 0..500 {
        assert_eq!(raw.get("/a").text(), "aaaa");
    }
    let said = server.stderr_line();
    assert!(said.contains("the access log can't be written"), "{said}");
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert_eq!(server.try_stderr_line(), None);
}

/// More lines than the program keeps for an output that takes none: in the end they are lost, and
/// no request is. Nor does it keep the program from ending.
#[test]
fn a_log_without_a_reader() {
    let folder = Folder::new().with("a", "aaaa");
    let mut command = tinyhttp();
    // No process reads this server's standard error.
    let address = free_address();
    command
        .args([
            "serve",
            "--no-host-check",
            "-p",
            &address.port().to_string(),
        ])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = Running(command.spawn().unwrap());
    listens(address);
    let mut raw = Raw::connect(address);
    let request = format!("GET /a?{} HTTP/1.1\r\nHost: h\r\n\r\n", "q".repeat(4000));
    for _ in 0..3000 {
        assert_eq!(raw.send(&request).answer().text(), "aaaa");
    }
    assert!(matches!(child.0.try_wait(), Ok(None)));
    send_signal(child.0.id(), "TERM");
    wait_until("the end of the server", || {
        child.0.try_wait().unwrap().is_some()
    });
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
}

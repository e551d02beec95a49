//! Downloads that are stopped, and what the next run of the same command makes of them.

use crate::downloads::{File, download, ranges};
use crate::script::{Outcome, Server, command, outcome, run, spawn};
use std::sync::mpsc;
use support::{Folder, send_signal, status, wait_until};

/// A server that sends half of each response and tells when it has; from `patient` responses on it
/// sends everything.
fn halting(file: File, halts: usize) -> (Server, mpsc::Receiver<()>) {
    let (tell, told) = mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    let server = Server::start_parallel(move |connection| {
        while let Some(request) = connection.request() {
            let (head, content) = file.answer(&request);
            connection.send(head);
            if connection.number < halts {
                connection.send(&content[..content.len() / 2]);
                tell.lock().unwrap().send(()).unwrap();
                connection.wait_for_end();
                break;
            }
            connection.send(content);
        }
    });
    (server, told)
}

/// Starts a download, and stops it when the part has that many bytes.
fn stop(server: &Server, folder: &Folder, args: &[&str], until: impl Fn() -> bool) -> Outcome {
    let mut command = command(["get", "-o", &folder.join("file"), &server.url("/file")]);
    command.args(args);
    let child = spawn(command);
    wait_until("so much of the part", until);
    // A shell starts jobs in the background with SIGINT ignored, and the program leaves it so.
    let signal = if ignores_interrupts() { "TERM" } else { "INT" };
    send_signal(child.id(), signal);
    outcome(child)
}

/// Whether the tests were started with SIGINT ignored, which the program inherits.
fn ignores_interrupts() -> bool {
    let mask = status(std::process::id(), "SigIgn");
    u64::from_str_radix(&mask, 16).unwrap() & 2 != 0
}

fn length(folder: &Folder, name: &str) -> u64 {
    std::fs::metadata(folder.join(name)).map_or(0, |metadata| metadata.len())
}

#[test]
fn ctrl_c_says_what_was_kept_and_the_same_command_continues() {
    let file = File::new(200_000);
    let (server, _told) = halting(file.clone(), 1);
    let folder = Folder::new();
    let outcome = stop(&server, &folder, &[], || {
        length(&folder, "file.part") == 100_000
    });
    assert_eq!(outcome.code, -1, "the signal ends it: {outcome:?}");
    let lines: Vec<_> = outcome.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for want in [
        "97.66 KiB of 195.31 KiB",
        "file.part",
        "run the same command again",
    ] {
        assert!(lines[0].contains(want), "{}", lines[0]);
    }
    assert_eq!(folder.names(), ["file.part", "file.part.version"]);
    download(&server, &folder, &[]).succeeds();
    assert_eq!(ranges(&server), ["", "bytes=100000-"]);
    assert!(folder.read("file") == *file.content);
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn ctrl_c_without_a_version_keeps_the_bytes_and_promises_nothing() {
    let server = Server::start(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\n\r\nhello");
        connection.wait_for_end();
    });
    let folder = Folder::new();
    let outcome = stop(&server, &folder, &[], || length(&folder, "file.part") == 5);
    assert!(outcome.stderr.contains("5 B are kept in"), "{outcome:?}");
    assert!(!outcome.stderr.contains("run the same"), "{outcome:?}");
    assert_eq!(folder.names(), ["file.part"]);
    assert_eq!(folder.read("file.part"), b"hello");
}

#[test]
fn ctrl_c_before_the_first_byte_leaves_nothing() {
    let server = Server::start(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
        connection.wait_for_end();
    });
    let folder = Folder::new();
    let outcome = stop(&server, &folder, &["-s"], || {
        folder.names() == ["file.part", "file.part.version"]
    });
    assert_eq!(outcome.stderr, "");
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn stopped_segments_are_resumed() {
    let file = File::new(4_500_000);
    let (server, told) = halting(file.clone(), 4);
    let folder = Folder::new();
    let arrived = std::cell::Cell::new(0);
    let args = ["--parallel-segments", "4"];
    let outcome = stop(&server, &folder, &args, || {
        arrived.set(arrived.get() + told.try_iter().count());
        // The first response is the whole file, whose first half covers its segment; the others are
        // half there.
        arrived.get() == 4 && length(&folder, "file.part") == 3_937_500
    });
    assert!(
        outcome.stderr.contains("run the same command again"),
        "{outcome:?}"
    );
    assert_eq!(folder.names(), ["file.part", "file.part.version"]);
    let before = server.requests().len();
    download(&server, &folder, &args).succeeds();
    assert!(folder.read("file") == *file.content);
    assert_eq!(folder.names(), ["file"]);
    let asked: Vec<_> = ranges(&server).split_off(before);
    assert!(
        !asked.contains(&String::new()),
        "nothing is asked for twice: {asked:?}"
    );

    // Without segments the rest is fetched over one connection.
    std::fs::remove_file(folder.join("file")).unwrap();
    let (server, told) = halting(file.clone(), 4);
    arrived.set(0);
    stop(&server, &folder, &args, || {
        arrived.set(arrived.get() + told.try_iter().count());
        arrived.get() == 4 && length(&folder, "file.part") == 3_937_500
    });
    download(&server, &folder, &[]).succeeds();
    assert!(folder.read("file") == *file.content);
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn failed_segments_are_resumed() {
    let file = File::new(4_000_000);
    let folder = Folder::new();
    let server = file.clone().breaking_after(700_000).serve();
    let args = ["--parallel-segments", "2", "--retry", "0"];
    let mut rounds = 0;
    loop {
        let outcome = download(&server, &folder, &args);
        rounds += 1;
        if outcome.code == 0 {
            break;
        }
        assert_eq!(outcome.code, 18, "{outcome:?}");
        assert!(
            outcome.stderr.contains("run the same command again"),
            "{outcome:?}"
        );
        assert_eq!(folder.names(), ["file.part", "file.part.version"]);
        assert!(rounds < 10);
    }
    assert!(rounds >= 3 && folder.read("file") == *file.content);
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn a_name_from_the_server_is_resumed_too() {
    let file = File::new(100_000)
        .breaking_after(60_000)
        .with("Content-Disposition: attachment; filename=named");
    let server = file.clone().serve();
    let folder = Folder::new();
    for code in [18, 0] {
        let mut command = command(["get", "-OJ", "--retry", "0", &server.url("/x")]);
        command.current_dir(folder.path());
        run(command, b"").fails(code);
    }
    assert!(folder.read("named") == *file.content);
    assert_eq!(folder.names(), ["named"]);
    assert_eq!(ranges(&server), ["", "", "bytes=60000-"]);
}

#[test]
fn other_requests_are_not_resumed() {
    let file = File::new(100_000);
    let server = file.clone().breaking_after(60_000).serve();
    let folder = Folder::new();
    download(&server, &folder, &["--retry", "0"]).fails(18);
    // No request asks for the rest of a response to POST.
    let whole = file.clone().serve();
    download(&whole, &folder, &["-d", "x"]).succeeds();
    assert_eq!(ranges(&whole), [""]);
    assert!(folder.read("file") == *file.content);
}

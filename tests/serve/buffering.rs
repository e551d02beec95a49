//! `--proxy-buffer-requests`: content is received before an upstream server gets its request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Folder, Serve, curl_status, curl_text, tinyhttp};

/// Responds with the framing of a request and the length of its content.
fn respond(stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    let mut line = String::new();
    while stream.read_line(&mut line).is_ok_and(|length| length > 2) {
        head.push(std::mem::take(&mut line).trim().to_ascii_lowercase());
    }
    let value = |name: &str| {
        let line = head.iter().find_map(|line| line.strip_prefix(name));
        line.map(str::trim)
    };
    let length: u64 = value("content-length:").map_or(0, |length| length.parse().unwrap());
    let read = std::io::copy(&mut (&mut stream).take(length), &mut std::io::sink());
    let text = format!("{:?} {}", value("transfer-encoding:"), read.unwrap());
    let response = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    let _ = stream.get_mut().write_all(response.as_bytes());
}

/// Where an upstream server listens, and how many connections it got.
fn upstream() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::Relaxed);
            respond(stream.unwrap());
        }
    });
    (address, connections)
}

#[test]
fn long_content_waits_in_a_file_without_a_name() {
    let (address, connections) = upstream();
    let folder = Folder::new()
        .with("tmp/x", "")
        .with("www/x", "")
        .with("long", "x".repeat(300_000))
        .with("too-long", "x".repeat(1_100_000));
    let mut command = tinyhttp();
    command
        .args(["serve", "-p", "0", "--proxy", &format!("/={address}")])
        .args(["--proxy-buffer-requests", "--proxy-max-content", "1"])
        .arg(folder.join("www"))
        .env("TMPDIR", folder.join("tmp"));
    let server = Serve::spawn(command);
    let (long, too_long) = (folder.join("long"), folder.join("too-long"));
    let chunked = ["-H", "Transfer-Encoding: chunked"];
    let url = server.url("/");
    for flags in [&[][..], &chunked[..]] {
        let arguments = [&["-T", &long, &url], flags].concat();
        assert_eq!(curl_text(arguments), "None 300000", "{flags:?}");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 2);
    for flags in [&[][..], &chunked[..]] {
        let arguments = [&["-T", &too_long, &url], flags].concat();
        assert_eq!(curl_status(arguments), 413, "{flags:?}");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 2);
    // A directory that no other user can look into, and nothing in it.
    let made = folder.path().join("tmp").read_dir().unwrap();
    let made: Vec<_> = made
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    let [directory] = &made[..] else {
        panic!("{made:?}")
    };
    assert_eq!(directory.metadata().unwrap().mode() & 0o777, 0o700);
    assert_eq!(directory.read_dir().unwrap().count(), 0);
}

#[test]
fn a_place_that_is_not_this_users_own_is_refused() {
    let folder = Folder::new().with("www/x", "");
    let output = tinyhttp()
        .args(["serve", "-p", "0", "--proxy", "/=127.0.0.1:9"])
        .arg("--proxy-buffer-requests")
        .arg(folder.join("www"))
        .env("TMPDIR", folder.join("missing"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("can't hold temporary files"), "{text}");
    assert!(text.contains("TMPDIR"), "{text}");
}

//! Memory has a ceiling that can be said beforehand, whatever clients do; the server crate's
//! documentation has the formula.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use support::{Folder, Serve};

const CONNECTIONS: usize = 600;
const CACHE: usize = 8;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The formula, in bytes.
fn ceiling(connections: usize, threads: usize, cache: usize) -> usize {
    32 * MIB + connections * 128 * KIB + threads * 768 * KIB + cache
}

/// What [`Files`] keeps besides its cache: checksums, and what it builds for responses.
const FILES: usize = (8 + 64) * MIB;

/// The same as the documentation promises it.
const PROMISES: [&str; 3] = [
    "32 MiB + max_connections × 128 KiB + threads × 768 KiB + what handlers keep",
    "8 MiB of checksums",
    "(files::Options::working_memory), 64 MiB",
];

/// The server's peak memory, in bytes.
fn peak(server: &Serve) -> usize {
    support::status_bytes(server.pid(), "VmHWM")
}

/// Sends as much as goes, and doesn't wait.
fn stuff(stream: &mut TcpStream, bytes: &[u8]) {
    stream.set_nonblocking(true).unwrap();
    let mut left = bytes;
    while !left.is_empty() {
        match stream.write(left) {
            Ok(sent) => left = &left[sent..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn the_worst_that_clients_do_stays_below_the_ceiling() {
    let documentation = support::root().join("crates/server/src/lib.rs");
    let documentation = std::fs::read_to_string(documentation).unwrap();
    for promise in PROMISES {
        assert!(
            documentation.contains(promise),
            "another formula than here: {promise}"
        );
    }
    let folder = Folder::new()
        .with("a.txt", "fresh")
        .with("small.bin", vec![b'x'; 15 * KIB])
        .with("large.bin", vec![b'x'; 4 * MIB]);
    let flags = [
        "--max-connections",
        &(CONNECTIONS + 10).to_string(),
        "--cache-size",
        &CACHE.to_string(),
        "--workers",
        "2",
    ];
    let server = Serve::start(folder.path(), flags);
    let half_a_head = format!(
        "GET /a.txt HTTP/1.1\r\nHost: h\r\n{}",
        format!("X: {}\r\n", "x".repeat(KIB)).repeat(30)
    );
    // Each answer is small enough to be gathered with others, and none of them is ever read.
    let pipelined = "GET /small.bin HTTP/1.1\r\nHost: h\r\n\r\n".repeat(20_000);
    let large = "GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut crowd = Vec::new();
    for number in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let requests = [half_a_head.as_str(), &pipelined, large][number % 3];
        stuff(&mut stream, requests.as_bytes());
        crowd.push(stream);
    }
    for _ in 0..2 {
        for stream in crowd.iter_mut().skip(1).step_by(3) {
            // What has been sent is waited for, and the rest of the requests follows.
            stream.set_nonblocking(false).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(20)))
                .unwrap();
            stream.read_exact(&mut [0; 20 * KIB]).unwrap();
            stuff(stream, pipelined.as_bytes());
        }
    }
    assert_eq!(server.connect().get("/a.txt").text(), "fresh");
    let (peak, threads) = (peak(&server), server.threads());
    let ceiling = ceiling(CONNECTIONS + 10, threads, CACHE * MIB);
    println!("{} KiB of {} KiB", peak / KIB, ceiling / KIB);
    assert!(peak <= ceiling, "{peak} bytes; {ceiling} were promised");
    // And everything that a client has left with it goes when the client goes.
    let full = server.memory();
    drop(crowd);
    server.wait_until("the connections are gone", |server| {
        server.descriptors() < 40
    });
    // Closing them touches a few pages that nothing had touched before.
    let after = server.memory();
    assert!(after <= full + 256 * KIB, "{after} bytes after {full}");
}

/// Archives and lists of a directory of 200,000 files, for many clients that read nothing.
#[test]
fn large_directories_stay_below_the_ceiling() {
    const FILES_IN_ALL: usize = 200_000;
    let folder = Folder::new().with("a.txt", "fresh");
    std::fs::create_dir(folder.path().join("flat")).unwrap();
    let mut original = folder.path().join("a.txt");
    for number in 0..FILES_IN_ALL {
        let path = folder.path().join(format!("flat/file-{number}.txt"));
        // File systems allow some ten thousand links to a file.
        if number % 30_000 == 0 {
            std::fs::write(&path, "x").unwrap();
            original = path;
        } else {
            std::fs::hard_link(&original, &path).unwrap();
        }
    }
    let flags = [
        "--max-connections",
        "200",
        "--cache-size",
        "8",
        "--workers",
        "2",
    ];
    let server = Serve::start(folder.path(), flags);
    let mut crowd = Vec::new();
    for number in 0..120 {
        let request = [
            "GET /flat/?download=zip",
            "GET /flat/?json",
            "HEAD /flat/?download=tar",
        ][number % 3];
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let request = format!("{request} HTTP/1.1\r\nHost: h\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        crowd.push(stream);
    }
    let mut statuses = std::collections::BTreeMap::new();
    for stream in &mut crowd {
        stream
            .set_read_timeout(Some(Duration::from_secs(120)))
            .unwrap();
        let mut line = [0; 12];
        stream.read_exact(&mut line).unwrap();
        let status = String::from_utf8_lossy(&line[9..]).into_owned();
        assert!(["200", "503"].contains(&&status[..]), "{status}");
        *statuses.entry(status).or_insert(0) += 1;
    }
    assert_eq!(server.connect().get("/a.txt").text(), "fresh");
    let (peak, threads) = (peak(&server), server.threads());
    let ceiling = ceiling(200, threads, 8 * MIB) + FILES;
    println!("{} KiB of {} KiB; {statuses:?}", peak / KIB, ceiling / KIB);
    assert!(peak <= ceiling, "{peak} bytes; {ceiling} were promised");
}

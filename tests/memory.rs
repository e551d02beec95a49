//! Memory has a ceiling that can be said beforehand, whatever clients do; the server crate's documentation has the formula.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

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

/// The same as the documentation promises it.
const PROMISE: &str = "32 MiB + max_connections × 128 KiB + threads × 768 KiB + what handlers keep";

/// The most memory that the server has had at a time, in bytes.
fn peak(server: &Serve) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<usize>().unwrap() * KIB
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
    assert!(documentation.contains(PROMISE), "another formula than here");
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
    assert!(server.memory() <= full);
}

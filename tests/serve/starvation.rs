//! Clients that wait, dawdle or don't read cost no worker: a fresh request is answered beside any
//! number of them.

use std::fs::File;
use std::time::{Duration, Instant};
use support::{Folder, Raw, Serve};

/// What a request may take beside all others. A stuck server would take as long as the shortest
/// deadline, 10 s.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn a_fresh_request_beside_a_crowd() {
    let folder = Folder::new().with("a.txt", "fresh");
    // Sparse: nothing is written, and 100 clients ask for all of it.
    File::create(folder.path().join("large.bin"))
        .unwrap()
        .set_len(50_000_000)
        .unwrap();
    let server = Serve::start(folder.path(), ["--workers", "2"]);
    let mut crowd: Vec<Raw> = Vec::new();
    for _ in 0..1000 {
        let mut idle = server.connect();
        assert_eq!(idle.get("/a.txt").text(), "fresh");
        crowd.push(idle);
    }
    for _ in 0..100 {
        let mut half_a_head = server.connect();
        half_a_head.send("GET /a.txt HTTP/1.1\r\nHost: h");
        crowd.push(half_a_head);
    }
    for _ in 0..100 {
        let mut reads_nothing = server.connect();
        reads_nothing.send("GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n");
        crowd.push(reads_nothing);
    }
    let since = Instant::now();
    for _ in 0..20 {
        assert_eq!(server.connect().get("/a.txt").text(), "fresh");
    }
    assert!(since.elapsed() < AT_ONCE, "it took {:?}", since.elapsed());

    // And the crowd is served, too, once it does its part.
    assert_eq!(crowd[0].get("/a.txt").text(), "fresh");
    assert_eq!(crowd[1000].send("\r\n\r\n").answer().text(), "fresh");
    let large = crowd[1150].answer();
    assert_eq!(large.content.len(), 50_000_000);
    assert!(large.content.iter().all(|byte| *byte == 0));
}

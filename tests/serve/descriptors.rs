//! `--proxy` without a descriptor left: idle connections to upstream servers make room, then idle
//! clients, and a request that can't be forwarded is refused and costs no other.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use support::{Folder, Raw, Serve};

/// An upstream server whose connections are numbered from zero. It responds at once with the
/// number, or to `/hold` when it is told to.
struct Upstream {
    address: SocketAddr,
    /// The number of a connection on which a request to hold has arrived.
    arrived: Receiver<usize>,
    /// The number of a connection that has ended.
    ended: Receiver<usize>,
    /// The connections that may respond.
    released: Arc<(Mutex<Vec<usize>>, Condvar)>,
}

/// What one connection of the upstream server needs.
#[derive(Clone)]
struct Script {
    arrives: Sender<usize>,
    ends: Sender<usize>,
    released: Arc<(Mutex<Vec<usize>>, Condvar)>,
}

impl Script {
    fn run(&self, mut stream: TcpStream, number: usize) {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while let Ok(1..) = stream.read(&mut byte) {
            head.push(byte[0]);
            if !head.ends_with(b"\r\n\r\n") {
                continue;
            }
            if head.starts_with(b"GET /hold ") {
                self.arrives.send(number).unwrap();
                let (released, told) = &*self.released;
                let mut released = released.lock().unwrap();
                while !released.contains(&number) {
                    released = told.wait(released).unwrap();
                }
                released.retain(|other| *other != number);
            }
            head.clear();
            let number = number.to_string();
            let length = number.len();
            let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{number}");
            stream.write_all(response.as_bytes()).unwrap();
        }
        let _ = self.ends.send(number);
    }
}

impl Upstream {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ((arrives, arrived), (ends, ended)) = (channel(), channel());
        let released = Arc::default();
        let script = Script {
            arrives,
            ends,
            released: Arc::clone(&released),
        };
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let script = script.clone();
                std::thread::spawn(move || script.run(stream.unwrap(), number));
            }
        });
        Upstream {
            address,
            arrived,
            ended,
            released,
        }
    }

    /// Has a request held, and returns the number of the connection that it came on.
    fn hold(&self, client: &mut Raw) -> usize {
        client.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
        self.arrived.recv_timeout(support::LONG).unwrap()
    }

    /// Has the connection with this number respond.
    fn release(&self, number: usize) {
        let (released, told) = &*self.released;
        released.lock().unwrap().push(number);
        told.notify_all();
    }
}

/// The numbers of the descriptors of a server.
fn numbers(server: &Serve) -> Vec<usize> {
    let entries = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name());
    let mut numbers: Vec<usize> = names
        .map(|it| it.to_str().unwrap().parse().unwrap())
        .collect();
    numbers.sort_unstable();
    numbers
}

/// Takes all descriptors from a server that it does not have already. `false`: that can't be done
/// here.
fn leave_none(server: &Serve, clients: &mut Vec<Raw>) -> bool {
    // Every number below the limit has to be taken.
    while numbers(server)
        .into_iter()
        .enumerate()
        .any(|(at, number)| at != number)
    {
        let mut client = server.connect();
        assert_eq!(client.get("/").status, 200);
        clients.push(client);
    }
    let limit = numbers(server).len();
    let lowered = Command::new("prlimit")
        .arg(format!("--pid={}", server.pid()))
        .arg(format!("--nofile={limit}:{limit}"))
        .status();
    let is_lowered = lowered.is_ok_and(|status| status.success());
    if !is_lowered {
        eprintln!("skipped: prlimit is not there");
    }
    is_lowered
}

#[test]
fn idle_upstream_connections_make_room_for_descriptors() {
    const IDLE: usize = 5;
    let (folder, upstream) = (Folder::new(), Upstream::start());
    let proxy = format!("/=http://{}", upstream.address);
    let server = Serve::start(folder.path(), ["--proxy", &proxy, "--workers", "1"]);
    let mut clients: Vec<Raw> = (0..IDLE).map(|_| server.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(upstream.hold(client), number);
    }
    // They become idle in the order of their numbers.
    for (number, client) in clients.iter_mut().enumerate() {
        upstream.release(number);
        assert_eq!(client.answer().text(), number.to_string());
    }
    if !leave_none(&server, &mut clients) {
        return;
    }
    let ended = || upstream.ended.recv_timeout(support::LONG).unwrap();
    // A newcomer costs the connection that has been idle for longest.
    let mut newcomer = server.connect();
    assert_eq!(newcomer.get("/").status, 200);
    assert_eq!(ended(), 0);
    clients.push(newcomer);
    // So does a request that needs a connection of its own: a POST is not sent twice.
    for oldest in 1..=2 {
        clients[0].send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        let answer = clients[0].answer();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.text(), (IDLE + oldest - 1).to_string());
        assert_eq!(ended(), oldest);
    }
    // All others are busy: a request that needs one more is refused, and costs no other.
    let mut held: Vec<_> = (1..=IDLE - 1).map(|client| (client, 0)).collect();
    for (client, number) in &mut held {
        *number = upstream.hold(&mut clients[*client]);
    }
    let busy: Vec<_> = held.iter().map(|(_, number)| *number).collect();
    for method in ["GET", "POST"] {
        clients[0].send(format!(
            "{method} / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
        ));
        let answer = clients[0].answer();
        assert_eq!(answer.status, 503, "{method}");
        assert!(answer.field("Retry-After").is_some(), "{method}");
    }
    // A newcomer is let in for the client that has been idle for longest, not for a busy one.
    let mut newcomer = server.connect();
    assert_eq!(newcomer.get("/").status, 503);
    for (client, number) in held {
        upstream.release(number);
        assert_eq!(clients[client].answer().text(), number.to_string());
    }
    // With the idle ones, there is room again.
    assert_eq!(newcomer.get("/").status, 200);
    let others: Vec<_> = upstream.ended.try_iter().collect();
    assert!(others.is_empty(), "{others:?} of {busy:?} ended");
}

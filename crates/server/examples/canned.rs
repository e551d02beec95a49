//! The limit of the benchmarks: a server's threads, poller and sockets, and nothing else.
//!
//! Every request, whatever it asks for, gets the same bytes from memory, as many as a small file's
//! response has. Nothing is parsed, looked up, timed or logged. What is left is what threads cost
//! that all wait at one epoll, with the system calls `epoll_wait`, `recv`, `send`, and `epoll_ctl`
//! to be armed again. So the difference between this and `tinyhttp serve` is about what HTTP and
//! files cost: the server saves the `epoll_ctl` by watching its connections, which pays only
//! because one of its workers waits at a time.
//!
//! ```text
//! canned PORT [WORKERS]
//! ```

#![allow(missing_docs, clippy::unwrap_used)]

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::net::{RecvFlags, SendFlags, SocketFlags, acceptfrom_with, recv, send};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex};

/// Reports that a worker takes at once, as in the server.
const BATCH: usize = 16;

const CONNECTIONS: usize = 16 * 1024;

const ARMED: EventFlags = EventFlags::IN.union(EventFlags::ONESHOT);

struct Canned {
    epoll: OwnedFd,
    listener: TcpListener,
    /// By descriptor, each in the hands of at most one worker.
    connections: Vec<Mutex<Option<OwnedFd>>>,
    answer: Vec<u8>,
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|number| number.parse::<u16>());
    let port = arguments
        .next()
        .and_then(Result::ok)
        .expect("usage: canned PORT [WORKERS]");
    let workers = arguments.next().and_then(Result::ok).unwrap_or(2);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
    listener.set_nonblocking(true).unwrap();
    let canned = Arc::new(Canned {
        epoll: epoll::create(CreateFlags::CLOEXEC).unwrap(),
        listener,
        connections: (0..CONNECTIONS).map(|_| Mutex::default()).collect(),
        answer: answer(),
    });
    epoll::add(
        &canned.epoll,
        &canned.listener,
        token(&canned.listener),
        ARMED,
    )
    .unwrap();
    let threads: Vec<_> = (0..workers)
        .map(|_| {
            let canned = Arc::clone(&canned);
            std::thread::spawn(move || canned.work())
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

/// What `tinyhttp serve` sends for a file of 1 KiB.
fn answer() -> Vec<u8> {
    let mut answer =
        b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: tinyhttp/0.1.0\r\n\
        Content-Type: application/octet-stream\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
        ETag: \"400-62a8a0d81f1b3\"\r\nAccept-Ranges: bytes\r\nContent-Length: 1024\r\n\r\n"
            .to_vec();
    answer.resize(answer.len() + 1024, b'x');
    answer
}

fn token(fd: impl AsFd) -> EventData {
    // Descriptors are not negative.
    EventData::new_u64(fd.as_fd().as_raw_fd() as u64)
}

impl Canned {
    fn work(&self) {
        let listener = token(&self.listener).u64();
        let mut buffer = [0; 64 * 1024];
        let mut events = [Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        }; BATCH];
        loop {
            let ready = epoll::wait(&self.epoll, &mut events, None).unwrap_or(0);
            for event in &events[..ready] {
                if event.data.u64() == listener {
                    self.accept();
                } else {
                    self.respond(event.data.u64() as usize, &mut buffer);
                }
            }
        }
    }

    fn accept(&self) {
        while let Ok((socket, _)) =
            acceptfrom_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)
        {
            let mut place = self.connections[socket.as_raw_fd() as usize]
                .lock()
                .unwrap();
            let _ = epoll::add(&self.epoll, &socket, token(&socket), ARMED);
            *place = Some(socket);
        }
        epoll::modify(&self.epoll, &self.listener, token(&self.listener), ARMED).unwrap();
    }

    /// One request is taken to be one read, as with wrk and a short request.
    fn respond(&self, descriptor: usize, buffer: &mut [u8]) {
        let mut place = self.connections[descriptor].lock().unwrap();
        let Some(socket) = &*place else { return };
        match recv(socket, buffer, RecvFlags::empty()) {
            Ok((1.., _))
                if send(socket, &self.answer, SendFlags::NOSIGNAL) == Ok(self.answer.len()) =>
            {
                epoll::modify(&self.epoll, socket, token(socket), ARMED).unwrap();
            }
            _ => *place = None,
        }
    }
}

//! The upstream server of the benchmarks of gateways: it does as little as it can.
//!
//! | path | response |
//! |---|---|
//! | `/1k.bin`, `/100k.bin` | 1 KiB, 100 KiB |
//! | `/slow` | 1 KiB, after 50 ms |
//! | `/events` | an event stream with one event, which is then silent |
//! | `/tunnel` | 101, and silence |
//!
//! One thread serves all connections. The program ends when its standard input does, so that it
//! does not outlive the benchmark.
//!
//! ```text
//! upstream PORT
//! ```

#![allow(missing_docs, clippy::unwrap_used)]

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::net::{RecvFlags, SendFlags, SocketFlags, acceptfrom_with, recv, send};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 64 * 1024;

/// How long `/slow` takes.
const SLOW: Duration = Duration::from_millis(50);

const BATCH: usize = 256;

/// A connection, and what is left to send on it.
struct Connection {
    socket: OwnedFd,
    response: usize,
    at: usize,
    /// Tells a connection from an earlier one with its descriptor.
    number: u64,
}

struct Upstream {
    epoll: OwnedFd,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    responses: [Vec<u8>; 5],
    /// The responses that are due later: when, on which descriptor, and the connection's number.
    later: VecDeque<(Instant, usize, u64)>,
    number: u64,
}

/// The index of the response that is due later.
const LATER: usize = 2;

fn main() {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let port: u16 = port.expect("usage: upstream PORT");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
    listener.set_nonblocking(true).unwrap();
    // The queue of std is too short for 2,000 connections at once.
    rustix::net::listen(&listener, 4096).unwrap();
    let epoll = epoll::create(CreateFlags::CLOEXEC).unwrap();
    epoll::add(&epoll, &listener, token(&listener), EventFlags::IN).unwrap();
    let input = std::io::stdin();
    // A file can't be watched, and has no end to wait for.
    let _ = epoll::add(
        &epoll,
        &input,
        token(&input),
        EventFlags::HUP | EventFlags::RDHUP,
    );
    let upstream = Upstream {
        epoll,
        listener,
        connections: (0..CONNECTIONS).map(|_| None).collect(),
        responses: responses(),
        later: VecDeque::new(),
        number: 0,
    };
    upstream.run();
}

fn responses() -> [Vec<u8>; 5] {
    let content = |length: usize| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n"
        );
        let mut response = head.into_bytes();
        response.resize(response.len() + length, b'x');
        response
    };
    let events = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
        Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n";
    let tunnel = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    [
        content(1024),
        content(100 * 1024),
        content(1024),
        events.into(),
        tunnel.into(),
    ]
}

/// The index of the response to a request.
fn response_to(request: &[u8]) -> usize {
    let path = request.split(|byte| *byte == b' ').nth(1).unwrap_or(b"");
    match path {
        b"/100k.bin" => 1,
        b"/slow" => LATER,
        b"/events" => 3,
        b"/tunnel" => 4,
        _ => 0,
    }
}

fn token(fd: impl AsFd) -> EventData {
    // Descriptors are not negative.
    EventData::new_u64(fd.as_fd().as_raw_fd() as u64)
}

impl Upstream {
    fn run(mut self) {
        let listener = self.listener.as_raw_fd() as usize;
        let mut buffer = [0; 16 * 1024];
        let mut events = [Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        }; BATCH];
        loop {
            let timeout = self.respond_later();
            let timeout = timeout.map(|left| Timespec::try_from(left).unwrap());
            let ready = epoll::wait(&self.epoll, &mut events, timeout.as_ref()).unwrap_or(0);
            for event in &events[..ready] {
                let descriptor = event.data.u64() as usize;
                let flags = event.flags;
                match descriptor {
                    0 => return,
                    _ if descriptor == listener => self.accept(),
                    _ if flags.contains(EventFlags::OUT) => self.send(descriptor),
                    _ => self.receive(descriptor, &mut buffer),
                }
            }
        }
    }

    fn accept(&mut self) {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        while let Ok((socket, _)) = acceptfrom_with(&self.listener, flags) {
            let descriptor = socket.as_raw_fd() as usize;
            epoll::add(&self.epoll, &socket, token(&socket), EventFlags::IN).unwrap();
            self.number += 1;
            self.connections[descriptor] = Some(Connection {
                socket,
                response: 0,
                at: 0,
                number: self.number,
            });
        }
    }

    /// One request without content is taken to be one read.
    fn receive(&mut self, descriptor: usize, buffer: &mut [u8]) {
        let Some(connection) = &mut self.connections[descriptor] else {
            return;
        };
        match recv(&connection.socket, &mut *buffer, RecvFlags::empty()) {
            Ok((length @ 1.., _)) => {
                (connection.response, connection.at) = (response_to(&buffer[..length]), 0);
                if connection.response == LATER {
                    let due = (Instant::now() + SLOW, descriptor, connection.number);
                    self.later.push_back(due);
                } else {
                    self.send(descriptor);
                }
            }
            Err(rustix::io::Errno::AGAIN) => {}
            _ => self.connections[descriptor] = None,
        }
    }

    /// Sends the responses that are due, and returns when the next one is.
    fn respond_later(&mut self) -> Option<Duration> {
        let now = Instant::now();
        while let Some((due, descriptor, number)) = self.later.front().copied() {
            if due > now {
                return Some(due - now);
            }
            self.later.pop_front();
            let connection = self.connections[descriptor].as_ref();
            if connection.is_some_and(|connection| connection.number == number) {
                self.send(descriptor);
            }
        }
        None
    }

    fn send(&mut self, descriptor: usize) {
        let Some(connection) = &mut self.connections[descriptor] else {
            return;
        };
        let was_blocked = connection.at > 0;
        let response = &self.responses[connection.response];
        while connection.at < response.len() {
            let rest = &response[connection.at..];
            match send(&connection.socket, rest, SendFlags::NOSIGNAL) {
                Ok(sent) => connection.at += sent,
                Err(rustix::io::Errno::AGAIN) => {
                    let token = token(&connection.socket);
                    epoll::modify(&self.epoll, &connection.socket, token, EventFlags::OUT).unwrap();
                    return;
                }
                Err(_) => {
                    self.connections[descriptor] = None;
                    return;
                }
            }
        }
        if was_blocked {
            let token = token(&connection.socket);
            epoll::modify(&self.epoll, &connection.socket, token, EventFlags::IN).unwrap();
        }
    }
}

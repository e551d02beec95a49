//! A full server with idle upstream connections: these make room before any client has to.

use super::script::{builder, ok, read_head, upstream};
use crate::support::{LONG, PACE, Running, read_until};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use tinyhttp_server::gateway::Upstream;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// An upstream that tells when requests have arrived, responds when it is told to, and tells which
/// of its connections have ended.
struct Told {
    upstream: Upstream,
    arrived: Receiver<()>,
    respond: Sender<()>,
    ended: Receiver<usize>,
}

fn told() -> Told {
    let (arrives, arrived) = channel();
    let (respond, may_respond) = channel();
    let (tell, ended) = channel();
    let (may_respond, tell) = (Mutex::new(may_respond), Mutex::new(tell));
    let address = upstream(move |mut stream, number| {
        while read_head(&mut stream).is_some() {
            arrives.send(()).unwrap();
            may_respond.lock().unwrap().recv_timeout(LONG).unwrap();
            stream
                .write_all(ok(&number.to_string()).as_bytes())
                .unwrap();
        }
        let _ = tell.lock().unwrap().send(number);
    });
    Told {
        upstream: builder(&[address]).build(),
        arrived,
        respond,
        ended,
    }
}

impl Told {
    /// Has requests of all these clients responded to, one after the other: the connections that
    /// responded, in the order in which they became idle.
    fn exchange(&self, clients: &mut [TcpStream]) -> Vec<usize> {
        for client in &mut *clients {
            client.write_all(GET).unwrap();
        }
        // A response before the last request has arrived would have its connection used again.
        for _ in &*clients {
            self.arrived.recv_timeout(LONG).unwrap();
        }
        // A response may be for any of them.
        let (tell, told) = channel();
        let readers: Vec<_> = clients
            .iter()
            .map(|client| {
                let (mut client, tell) = (client.try_clone().unwrap(), tell.clone());
                std::thread::spawn(move || {
                    read_until(&mut client, "\r\n\r\n");
                    let mut number = [0];
                    client.read_exact(&mut number).unwrap();
                    tell.send(usize::from(number[0] - b'0')).unwrap();
                })
            })
            .collect();
        let order = clients.iter().map(|_| {
            self.respond.send(()).unwrap();
            told.recv_timeout(LONG).unwrap()
        });
        let order = order.collect();
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
        order
    }
}

#[test]
fn idle_upstream_connections_make_room_first() {
    let told = told();
    let server = Running::with(|builder| builder.max_connections(6), told.upstream.clone());
    // A full server of the same process, with the same upstream, changes nothing.
    let other = Running::with(|builder| builder.max_connections(2), told.upstream.clone());
    let mut its = [other.connect()];
    let their_connection = told.exchange(&mut its)[0];
    let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
    let idle = told.exchange(&mut clients);
    assert_eq!(idle.len(), 3);
    assert!(!idle.contains(&their_connection), "each server has its own");
    // Three clients and three idle connections. Each newcomer costs one of the latter, and uses
    // the one that was idle last.
    for oldest in &idle[..2] {
        clients.push(server.connect());
        let newcomer = clients.last_mut().unwrap();
        newcomer.write_all(GET).unwrap();
        assert_eq!(told.ended.recv_timeout(LONG).unwrap(), *oldest);
        told.arrived.recv_timeout(LONG).unwrap();
        told.respond.send(()).unwrap();
        read_until(newcomer, "\r\n\r\n");
        let mut number = [0];
        newcomer.read_exact(&mut number).unwrap();
        assert_eq!(usize::from(number[0] - b'0'), idle[2]);
    }
    // All clients are still there, the one of the other server, too.
    for client in clients.iter_mut().chain(&mut its) {
        told.exchange(std::slice::from_mut(client));
    }
    assert!(told.ended.try_recv().is_err(), "nothing else was closed");
}

/// Clients make room once no upstream connection is idle: requests of newcomers don't have the
/// server grow beyond its limit.
#[test]
fn clients_make_room_when_no_upstream_connection_is_idle() {
    let told = told();
    let server = Running::with(|builder| builder.max_connections(2), told.upstream.clone());
    let mut clients = vec![server.connect()];
    told.exchange(&mut clients);
    for round in 1..4 {
        // More than a tick, so that the one that has been idle for longest is known.
        server.wait_for_parked(0);
        server.advance(PACE);
        let mut newcomer = server.connect();
        newcomer.write_all(GET).unwrap();
        // The only idle connection goes in each round.
        told.ended.recv_timeout(LONG).unwrap();
        told.arrived.recv_timeout(LONG).unwrap();
        told.respond.send(()).unwrap();
        read_until(&mut newcomer, "\r\n\r\n");
        newcomer.read_exact(&mut [0]).unwrap();
        clients.push(newcomer);
        // At first that is enough. Then there are two clients and a connection for their requests.
        if round > 1 {
            let mut longest = clients.remove(0);
            assert_eq!(longest.read(&mut [0]).unwrap(), 0, "round {round}");
        }
    }
    told.exchange(&mut clients[1..]);
}

//! Calls that never wait: one thread, one epoll, and the code is a list of what to do when
//! something is ready.

use crate::calls::{NON_BLOCKING, accept, close, connect, connected, listener, recv, send, socket};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Result;

/// The event that a socket waits for. It is reported once, and then has to be armed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    Connection,
    Handshake,
    Request,
    Response,
}

const ALL: [Waits; 4] = [
    Waits::Connection,
    Waits::Handshake,
    Waits::Request,
    Waits::Response,
];

pub(crate) fn exchange(port: u16) -> Result<()> {
    let poller = epoll::create(CreateFlags::CLOEXEC)?;
    let (listener, address) = listener(port, NON_BLOCKING)?;
    // No client has connected yet, so this fails; so does the client's connect, because a handshake
    // takes time.
    let _ = accept(&listener, NON_BLOCKING);
    epoll::add(
        &poller,
        &listener,
        data(Waits::Connection),
        flags(Waits::Connection),
    )?;
    let client = socket("client", NON_BLOCKING)?;
    let _ = connect(&client, address);
    epoll::add(
        &poller,
        &client,
        data(Waits::Handshake),
        flags(Waits::Handshake),
    )?;

    let (mut client, mut accepted) = (Some(client), None);
    loop {
        let mut events = [Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        }];
        epoll::wait(&poller, &mut events, None)?;
        let waited = ALL[events[0].data.u64() as usize];
        println!("epoll_wait() -> {waited:?}");
        match (waited, &client, &accepted) {
            (Waits::Connection, ..) => {
                let socket = accept(&listener, NON_BLOCKING)?;
                epoll::add(
                    &poller,
                    &socket,
                    data(Waits::Request),
                    flags(Waits::Request),
                )?;
                accepted = Some(socket);
            }
            (Waits::Handshake, Some(socket), _) => {
                connected(socket)?;
                send("client", socket, "hello, server")?;
                epoll::modify(
                    &poller,
                    socket,
                    data(Waits::Response),
                    flags(Waits::Response),
                )?;
            }
            (Waits::Response, Some(socket), _) => {
                recv("client", socket)?;
                client
                    .take()
                    .into_iter()
                    .for_each(|socket| close("client", socket));
            }
            (Waits::Request, _, Some(socket)) if !recv("server", socket)?.is_empty() => {
                send("server", socket, "hello, client")?;
                epoll::modify(&poller, socket, data(Waits::Request), flags(Waits::Request))?;
            }
            // The client has closed.
            _ => break,
        }
    }
    accepted
        .into_iter()
        .for_each(|socket| close("server", socket));
    close("server", listener);
    Ok(())
}

fn data(waits: Waits) -> EventData {
    EventData::new_u64(waits as u64)
}

fn flags(waits: Waits) -> EventFlags {
    let ready = if waits == Waits::Handshake {
        EventFlags::OUT
    } else {
        EventFlags::IN
    };
    ready | EventFlags::ONESHOT
}

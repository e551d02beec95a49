//! The supervisor: one poll over all programs and the server.

use super::options::CgiOptions;
use super::order::Order;
use super::program::{Permitted, Program};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recv, recvmsg};
use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// An order that waits for its turn.
struct Waiting {
    order: Order,
    data: OwnedFd,
    control: OwnedFd,
}

/// Runs programs as the server at the other end of the [`pair`](super::Cgi::pair) orders them, and
/// ends them all when that is closed.
///
/// # Errors
/// If the options name no directory or no pattern, or polling fails.
pub fn supervise(socket: OwnedFd, options: &CgiOptions) -> io::Result<()> {
    let permitted = Permitted::new(options)?;
    let (mut waiting, mut programs) = (VecDeque::new(), Vec::new());
    let mut is_open = true;
    while is_open {
        let now = Instant::now();
        is_open = receive_orders(&socket, &mut waiting)?;
        while programs.len() < options.processes {
            let Some(Waiting {
                order,
                data,
                control,
            }) = waiting.pop_front()
            else {
                break;
            };
            programs.extend(Program::start(&order, (data, control), &permitted, options));
        }
        let reported = wait(&socket, &waiting, &programs, now)?;
        let now = Instant::now();
        let mut left = reported.left.into_iter();
        waiting.retain(|_: &Waiting| !left.next().unwrap_or(false));
        let mut ready = reported.ready.into_iter();
        programs.retain_mut(|program: &mut Program| {
            let is_ready = ready.next().unwrap_or(true);
            let is_due =
                reported.is_late && program.deadline().is_some_and(|deadline| deadline <= now);
            !(is_ready || is_due) || program.advance(now)
        });
    }
    drop(socket);
    programs.into_iter().for_each(Program::end);
    Ok(())
}

/// What there is to do.
struct Reported {
    /// For each order that waits, whether the server has ended its request.
    left: Vec<bool>,
    /// For each program, whether a stream of it is ready.
    ready: Vec<bool>,
    /// A deadline may have passed.
    is_late: bool,
}

/// Waits until there is something to do.
fn wait(
    socket: &OwnedFd,
    waiting: &VecDeque<Waiting>,
    programs: &[Program],
    now: Instant,
) -> io::Result<Reported> {
    let mut polled = vec![PollFd::new(socket, PollFlags::IN)];
    polled.extend(
        waiting
            .iter()
            .map(|it| PollFd::new(&it.control, PollFlags::empty())),
    );
    let first = polled.len();
    let mut owners = Vec::new();
    for (number, program) in programs.iter().enumerate() {
        program.watch(&mut |descriptor| {
            polled.push(descriptor);
            owners.push(number);
        });
    }
    let next = programs.iter().filter_map(Program::deadline).min();
    let timeout = next.map(|next| {
        // Rounded up, so that the deadline has passed then.
        let left = next.saturating_duration_since(now) + Duration::from_millis(1);
        Timespec::try_from(left).unwrap_or_default()
    });
    match poll(&mut polled, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let is_reported = |descriptor: &PollFd<'_>| !descriptor.revents().is_empty();
    let mut ready = vec![false; programs.len()];
    for (descriptor, owner) in polled[first..].iter().zip(owners) {
        ready[owner] |= is_reported(descriptor);
    }
    Ok(Reported {
        left: polled[1..first].iter().map(is_reported).collect(),
        ready,
        is_late: next.is_some_and(|next| next <= Instant::now()),
    })
}

/// Receives the orders that have come. Returns whether the server is still there.
fn receive_orders(socket: &OwnedFd, waiting: &mut VecDeque<Waiting>) -> io::Result<bool> {
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut rights = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let mut buffer = [IoSliceMut::new(&mut byte)];
        match recvmsg(socket, &mut buffer, &mut rights, flags) {
            Ok(message) if message.bytes == 0 => return Ok(false),
            Ok(_) => {}
            Err(Errno::AGAIN) => return Ok(true),
            Err(Errno::INTR) => continue,
            Err(Errno::CONNRESET) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let descriptors: Vec<OwnedFd> = rights
            .drain()
            .filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(rights) => Some(rights),
                _ => None,
            })
            .flatten()
            .collect();
        let Ok([data, control]) = <[OwnedFd; 2]>::try_from(descriptors) else {
            log::error!("an order of a program has no descriptors");
            continue;
        };
        match read_order(&control) {
            Ok(order) => waiting.push_back(Waiting {
                order,
                data,
                control,
            }),
            Err(error) => log::error!("an order of a program can't be read: {error}"),
        }
    }
}

/// Reads an order, which was written whole before its descriptors were passed.
fn read_order(control: &OwnedFd) -> Result<Order, String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        // The byte behind it is left where it is: no more is read than the order has.
        let wanted = match bytes.first_chunk::<4>() {
            None => 4 - bytes.len(),
            Some(length) => u32::from_le_bytes(*length) as usize + 4 - bytes.len(),
        };
        let room = wanted.min(buffer.len());
        match recv(control, &mut buffer[..room], RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Err("it has no end".to_owned()),
            Ok((length, _)) => bytes.extend_from_slice(&buffer[..length]),
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.to_string()),
        }
        if let Some((order, _)) = Order::read(&bytes)? {
            return Ok(order);
        }
    }
}

//! Shared by the targets: both connections driven over input that is cut anywhere, and the
//! comparison with the strict reader.

#[path = "../../../../tests/support/strict.rs"]
pub mod strict;

use http::{HeaderMap, Method, StatusCode, Version};
use strict::{Fields, Message, Not};
use tinyhttp_message::connection::{Request, RequestContent, Response};
use tinyhttp_message::{
    ClientConnection, Event, FieldStorage, Limits, ProtocolError, ServerConnection,
};

/// Limits that short inputs reach.
pub const TIGHT: Limits = Limits {
    request_line: 40,
    head: 120,
    fields: 4,
};

/// The messages found in the input, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Session {
    pub messages: Vec<Message>,
    /// Bytes of the messages.
    pub used: usize,
    pub end: End,
}

#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// The input ended between messages or inside one.
    NeedMore,
    Refused(ProtocolError),
    /// The connection closed after the last message.
    Closed,
}

/// How input is cut.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    Whole,
    Bytewise,
    /// At pseudo-random positions, from this seed.
    From(u32),
}

/// The ends of the pieces.
fn ends(length: usize, cut: Cut) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut state = match cut {
        Cut::From(seed) => seed | 1,
        _ => 1,
    };
    let mut at = 0;
    while at < length {
        let step = match cut {
            Cut::Whole => length,
            Cut::Bytewise => 1,
            Cut::From(_) => {
                // xorshift
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                1 + (state % 32) as usize
            }
        };
        at = (at + step).min(length);
        ends.push(at);
    }
    ends
}

/// A message of which only the head has arrived.
fn begun(start: (Vec<u8>, Vec<u8>), fields: Fields) -> Message {
    Message {
        start,
        fields,
        content: Vec::new(),
        trailers: Fields::new(),
        persists: true,
        length: 0,
    }
}

fn copied<'f>(fields: impl Iterator<Item = (&'f str, &'f [u8])>) -> Fields {
    fields
        .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()))
        .collect()
}

fn sorted(trailers: &HeaderMap) -> Fields {
    let mut fields = copied(
        trailers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes())),
    );
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    fields
}

/// Feeds requests to a server that responds to each with an empty 200.
///
/// # Panics
/// If more bytes have to be kept than the limits allow, or the number of steps exceeds that of
/// bytes and pieces.
pub fn serve(input: &[u8], cut: Cut, limits: Limits) -> Session {
    let mut connection = ServerConnection::new(limits);
    let mut session = Session {
        messages: Vec::new(),
        used: 0,
        end: End::NeedMore,
    };
    let (mut used, mut steps, mut message) = (0, 0, None);
    let ends = ends(input.len(), cut);
    for have in &ends {
        loop {
            steps += 1;
            assert!(steps <= ends.len() + 4 * input.len(), "too many steps");
            let mut storage = FieldStorage::new();
            let (length, event) = match connection.receive(&input[used..*have], &mut storage) {
                Ok(received) => received,
                Err(error) => {
                    assert!(error.status().is_client_error() || error.status().is_server_error());
                    session.end = End::Refused(error);
                    return session;
                }
            };
            used += length;
            match event {
                Event::NeedMore => {
                    let kept = have - used;
                    assert!(kept <= limits.head, "{kept} bytes have to be kept");
                    break;
                }
                Event::Head(Request { head, framing: _ }) => {
                    let (method, target) = (head.method.as_str(), head.target.as_str());
                    let start = (method.as_bytes().to_vec(), target.as_bytes().to_vec());
                    message = Some(begun(start, copied(head.fields.iter())));
                }
                Event::Content(content) => {
                    assert!(!content.is_empty());
                    message
                        .as_mut()
                        .expect("a head comes before content")
                        .content
                        .extend_from_slice(content);
                }
                Event::End(trailers) => {
                    message.as_mut().expect("and before an end").trailers = sorted(&trailers);
                }
                Event::Paused => {
                    let mut out = Vec::new();
                    connection.continue_if_expected(&mut out);
                    connection
                        .respond(StatusCode::OK, Some(0), &mut out, |_| Ok(()))
                        .expect("a complete request can be responded to");
                    let close = connection.finish_exchange();
                    let mut message = message.take().expect("a response is due to a request");
                    message.persists = close.is_none();
                    message.length = used - session.used;
                    session.used = used;
                    session.messages.push(message);
                    if close.is_some() {
                        session.end = End::Closed;
                        return session;
                    }
                }
            }
        }
    }
    session
}

/// Feeds responses to a client that sends requests with this method until the connection closes.
///
/// # Panics
/// As [`serve`].
pub fn receive(method: &Method, input: &[u8], cut: Cut, limits: Limits) -> Session {
    let mut connection = ClientConnection::new(limits);
    let mut session = Session {
        messages: Vec::new(),
        used: 0,
        end: End::NeedMore,
    };
    let ask = |connection: &mut ClientConnection| {
        let none = RequestContent::None;
        connection
            .request(method, "/", Version::HTTP_11, none, &mut Vec::new(), |_| {
                Ok(())
            })
            .expect("it is this side's turn");
    };
    ask(&mut connection);
    let (mut used, mut steps, mut message) = (0, 0, None);
    let ends = ends(input.len(), cut);
    for have in &ends {
        loop {
            steps += 1;
            assert!(steps <= ends.len() + 4 * input.len(), "too many steps");
            let mut storage = FieldStorage::new();
            let (length, event) = match connection.receive(&input[used..*have], &mut storage) {
                Ok(received) => received,
                Err(error) => {
                    session.end = End::Refused(error);
                    return session;
                }
            };
            used += length;
            match event {
                Event::NeedMore => {
                    let kept = have - used;
                    assert!(kept <= limits.head, "{kept} bytes have to be kept");
                    break;
                }
                Event::Head(Response::Interim(head)) => {
                    let start = (head.status.as_str().as_bytes().to_vec(), Vec::new());
                    let mut message = begun(start, copied(head.fields.iter()));
                    message.length = used - session.used;
                    session.used = used;
                    session.messages.push(message);
                }
                Event::Head(Response::Final { head, framing: _ }) => {
                    let start = (head.status.as_str().as_bytes().to_vec(), Vec::new());
                    message = Some(begun(start, copied(head.fields.iter())));
                }
                Event::Content(content) => {
                    assert!(!content.is_empty());
                    message
                        .as_mut()
                        .expect("a head comes before content")
                        .content
                        .extend_from_slice(content);
                }
                Event::End(trailers) => {
                    message.as_mut().expect("and before an end").trailers = sorted(&trailers);
                }
                Event::Paused => {
                    let close = connection.close_reason();
                    let mut message = message.take().expect("there was a response");
                    message.persists = close.is_none();
                    message.length = used - session.used;
                    session.used = used;
                    session.messages.push(message);
                    if close.is_some() {
                        session.end = End::Closed;
                        return session;
                    }
                    ask(&mut connection);
                }
            }
        }
    }
    // Content that ends with the connection is complete now.
    if let Some(mut message) = message
        && connection.end_of_input().is_ok()
    {
        message.persists = false;
        message.length = used - session.used;
        session.used = used;
        session.messages.push(message);
        session.end = End::Closed;
    }
    session
}

/// Compares a session with the strict reader, `read`, which reads one message.
///
/// # Panics
/// If the two disagree about a message, or about where it ends.
pub fn compare(
    session: &Session,
    input: &[u8],
    read: impl Fn(&[u8]) -> Result<Message, Not>,
    is_stricter: impl Fn(ProtocolError) -> bool,
) {
    let mut rest = input;
    for message in &session.messages {
        let theirs = read(rest);
        let mut ours = message.clone();
        if ours.start.0.starts_with(b"1") {
            // An interim response does not decide whether the connection is kept.
            ours.persists = theirs.as_ref().is_ok_and(|theirs| theirs.persists);
        }
        assert_eq!(Ok(ours), theirs);
        rest = &rest[message.length..];
    }
    match (&session.end, read(rest)) {
        (End::Closed, _) | (_, Err(Not::Complete)) => {}
        (End::Refused(_) | End::NeedMore, Err(Not::Allowed(_))) => {}
        (End::Refused(error), Ok(_)) if is_stricter(*error) => {}
        (end, theirs) => panic!("{end:?}, but {theirs:?}"),
    }
}

//! The content of a forwarded request: what has been taken of it, and what is kept of that so that
//! another attempt can send it again.

use crate::body::{Body, Content};
use crate::gateway::{Attempt, REPLAY};
use std::io::{self, Read};
use tinyhttp_message::connection::RequestContent;
use tinyhttp_message::{MisuseError, ServerConnection};

/// The content of a forwarded request.
pub(super) struct Upload {
    length: RequestContent,
    /// Where the content is.
    source: Source,
    /// The content that has been taken from a source that yields it once, as long as it may have to
    /// be sent again.
    replay: Vec<u8>,
    /// All content has been taken.
    has_all: bool,
    /// The client sent more than was read at once, when that was last seen.
    comes_fast: bool,
}

/// Content that is not the client's is in a place of its own, so that a request without any is
/// small.
enum Source {
    /// There is none.
    Nothing,
    /// The client sends it.
    Connection,
    /// It has been received before.
    Received(Box<Received>),
    /// Something else makes it, once.
    Made(Box<Body>),
}

/// Content that has been received.
struct Received {
    whole: Body,
    /// The part that has not been taken.
    rest: Body,
}

impl Upload {
    pub(super) fn new(body: Body, protocol: &ServerConnection) -> Self {
        let length = match (&body.content, body.length()) {
            (Content::Empty, _) => RequestContent::None,
            (Content::Reader { .. }, _) => match protocol.unread() {
                Some(0) => RequestContent::None,
                Some(length) => RequestContent::Known(length),
                None => RequestContent::Unknown,
            },
            (_, Some(length)) => RequestContent::Known(length),
            (_, None) => RequestContent::Unknown,
        };
        let source = match (&body.content, body.again()) {
            (Content::Reader { .. }, _) => Source::Connection,
            _ if length == RequestContent::None => Source::Nothing,
            (_, Some(rest)) => Source::Received(Box::new(Received { whole: body, rest })),
            (_, None) => Source::Made(Box::new(body)),
        };
        Upload {
            length,
            source,
            replay: Vec::new(),
            has_all: length == RequestContent::None,
            comes_fast: false,
        }
    }

    /// Takes note of whether the client has sent more than is read at once.
    pub(super) fn came(&mut self, fast: bool) {
        self.comes_fast = fast;
    }

    /// Whether the client sent more than was read at once, when that was last seen.
    pub(super) fn comes_fast(&self) -> bool {
        self.comes_fast
    }

    pub(super) fn length(&self) -> RequestContent {
        self.length
    }

    /// Whether the client sends the content while it is forwarded.
    pub(super) fn is_from_connection(&self) -> bool {
        matches!(self.source, Source::Connection)
    }

    /// Whether all of the content can be sent again after it has been sent.
    pub(super) fn may_repeat(&self) -> bool {
        match (&self.source, self.length) {
            (Source::Received(_), _) | (_, RequestContent::None) => true,
            (_, RequestContent::Known(length)) => length <= REPLAY,
            (_, RequestContent::Unknown) => false,
        }
    }

    /// Begins another attempt, with what has been taken before.
    ///
    /// # Errors
    /// None for content that was counted when it was taken.
    pub(super) fn begin(&mut self, attempt: &mut Attempt) -> Result<(), MisuseError> {
        if let Source::Received(received) = &mut self.source {
            received.rest = received.whole.again().unwrap_or_default();
            self.has_all = self.length == RequestContent::None;
            return Ok(());
        }
        attempt.write_content(&self.replay)?;
        match self.has_all && self.length != RequestContent::None {
            true => attempt.finish_content(),
            false => Ok(()),
        }
    }

    /// Reads content that the client need not be waited for.
    ///
    /// # Errors
    /// Those of what yields it.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.source {
            Source::Nothing | Source::Connection => Ok(0),
            Source::Received(received) => received.rest.read(into),
            Source::Made(body) => body.read(into),
        }
    }

    /// Keeps a piece that has been taken. `false`: it can't be sent again.
    pub(super) fn keep(&mut self, piece: &[u8]) -> bool {
        if !matches!(self.source, Source::Received(_)) {
            if !self.may_repeat() {
                return false;
            }
            self.replay.extend_from_slice(piece);
        }
        true
    }

    /// Notes that all content has been taken.
    pub(super) fn end(&mut self) {
        self.has_all = true;
    }

    /// Frees what is needed only for another attempt.
    pub(super) fn forget(&mut self) {
        self.replay = Vec::new();
        match &mut self.source {
            Source::Received(_) if self.has_all => self.source = Source::Nothing,
            Source::Received(received) => received.whole = Body::empty(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use tinyhttp_message::Limits;

    #[test]
    fn content_that_was_received_can_be_sent_again() {
        let made = Body::channel().1;
        let long = vec![b'x'; REPLAY as usize + 1];
        let file = tempfile::tempfile().unwrap();
        (&file).write_all(&long).unwrap();
        let length = long.len() as u64;
        let table = [
            (Body::empty(), RequestContent::None, true),
            ("abc".into(), RequestContent::Known(3), true),
            (long.into(), RequestContent::Known(length), true),
            (
                Body::file(file.into(), 0, length),
                RequestContent::Known(length),
                true,
            ),
            (made, RequestContent::Unknown, false),
        ];
        let protocol = ServerConnection::new(Limits::default());
        for (body, length, may_repeat) in table {
            let name = format!("{body:?}");
            let mut upload = Upload::new(body, &protocol);
            assert_eq!(upload.length(), length, "{name}");
            assert_eq!(upload.may_repeat(), may_repeat, "{name}");
            assert!(!upload.is_from_connection(), "{name}");
            assert_eq!(upload.keep(b"x"), may_repeat, "{name}");
            upload.end();
            upload.forget();
            assert!(!matches!(upload.source, Source::Received(_)), "{name}");
        }
    }
}

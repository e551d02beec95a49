//! A request that an upstream server responds to.

use super::codec::Protocol;
use super::group::{Choice, Group};
use super::process::Launch;
use super::response::Renamed;
use super::tried::{Tried, Wish};
use super::variables::Variables;
use crate::body::Body;
use crate::response::Response;
use http::{Method, Version};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;
use tinyhttp_message::encode::FieldLines;

/// A request on its way to an upstream server. [`Upstream`](super::Upstream) makes it.
pub struct Forward(pub(crate) Box<Plan>);

/// What changes the head of a response: middleware.
type Change = Box<dyn FnOnce(Response) -> Response + Send>;

/// What is sent, and where.
pub(crate) struct Plan {
    pub(crate) group: Arc<Group>,
    pub(crate) method: Method,
    /// The version that the client speaks.
    pub(crate) version: Version,
    pub(crate) protocol: Protocol,
    pub(crate) message: Message,
    /// The content, if it has been received: otherwise it comes from the connection.
    pub(crate) body: Body,
    /// The protocols that the client offers to switch to.
    pub(crate) upgrade: Option<Box<[u8]>>,
    /// Identifies the client, for consistent hashing.
    pub(crate) key: u64,
    pub(crate) response: ResponseRules,
    pub(crate) tried: Tried,
}

/// What becomes of the response.
#[derive(Default)]
pub(crate) struct ResponseRules {
    pub(crate) renamed: Option<Box<Renamed>>,
    pub(crate) changes: Vec<Change>,
    /// Sends files that the server names; `None` if it may not name any.
    pub(crate) files: Option<Box<dyn SendFile>>,
}

/// Sends a file that a server names in its response, in the place of the response's content.
pub(crate) trait SendFile: Send {
    /// Takes the fields of the response. Returns whether they name a file.
    fn take(&mut self, fields: &[(&str, &[u8])]) -> bool;

    /// The response with the file; `None` if it has to be waited for.
    fn ready(&mut self) -> Option<Response>;

    /// The response with the file, which may block.
    fn wait(self: Box<Self>) -> Response;
}

/// The request without its content.
pub(crate) enum Message {
    /// In HTTP.
    Head {
        /// The target of the request line.
        target: String,
        /// Host names the server, and is not among the fields.
        names_server: bool,
        /// All fields but the framing.
        fields: FieldLines,
    },
    /// In other protocols.
    Environment {
        variables: Variables,
        /// A program that responds in the place of a server.
        program: Option<Box<Launch>>,
    },
}

/// What Host says to the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// This value.
    Fixed(Vec<u8>),
    /// The authority of the server that gets the request.
    Upstream,
}

impl Plan {
    /// Chooses a server, or has the request wait for one. `arrival` is that of a request that has
    /// waited before.
    pub(crate) fn choose(&self, arrival: Option<u64>, now: Instant) -> Choice {
        self.group.choose(self.wish(), arrival, now)
    }

    /// Whether a server is left that works.
    pub(crate) fn has_server(&self) -> bool {
        self.group.has_server(&self.wish())
    }

    fn wish(&self) -> Wish {
        Wish {
            tried: self.tried,
            key: self.key,
            is_late: false,
        }
    }

    /// Whether the server itself says when the client is to send its content.
    pub(crate) fn relays_expectations(&self) -> bool {
        self.protocol == Protocol::Http
    }
}

impl Forward {
    /// The same request; the head of its response is changed before it is sent. The content stays
    /// the upstream's.
    pub(crate) fn map(
        mut self,
        change: impl FnOnce(Response) -> Response + Send + 'static,
    ) -> Self {
        self.0.response.changes.push(Box::new(change));
        self
    }
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward")
            .field("method", &self.0.method)
            .field("protocol", &self.0.protocol)
            .finish_non_exhaustive()
    }
}

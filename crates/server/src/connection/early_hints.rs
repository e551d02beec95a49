//! Early hints, while a handler runs.
//!
//! A handler has no access to its connection, which a worker owns. So the worker lends it an
//! [`EarlyHints`], which sends interim responses where nothing else is sent meanwhile: on the
//! socket, if everything before has been sent, or through the body that the handler reads.
//! Elsewhere they gather, and go out in front of the response.

use super::request_body::Hinting;
use super::transport::Transport;
use crate::lock::Lock;
use crate::request::SendHints;
use http::{HeaderMap, Version};
use std::sync::{Arc, OnceLock};
use tinyhttp_message::connection::early_hints;

/// How many interim responses a request can have.
const MOST: usize = 16;

/// How long they may be in all, in bytes.
const LONGEST: usize = 16 * 1024;

/// The interim responses to one request. Nothing is allocated before there is one, or before the
/// handler has the request for itself.
pub(crate) struct EarlyHints {
    /// The client knows interim responses.
    is_wanted: bool,
    outlet: OnceLock<Outlet>,
    shared: OnceLock<Arc<Shared>>,
}

/// The part that a request refers to which its handler may keep.
struct Shared {
    is_wanted: bool,
    outlet: OnceLock<Outlet>,
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    count: usize,
    length: usize,
    /// What has not been sent.
    gathered: Vec<u8>,
    /// The handler has given its response.
    is_over: bool,
}

/// Where interim responses go at once.
#[derive(Clone)]
enum Outlet {
    Socket(Transport),
    Body(Hinting),
}

impl EarlyHints {
    /// Hints for a request of this version, which gather until there is an outlet.
    pub(crate) fn new(version: Version) -> Self {
        EarlyHints {
            is_wanted: version == Version::HTTP_11,
            outlet: OnceLock::new(),
            shared: OnceLock::new(),
        }
    }

    /// Sends further hints through a body.
    pub(crate) fn send_through(&self, body: Hinting) {
        self.set_outlet(Outlet::Body(body));
    }

    /// Sends further hints on a socket, on which everything before has been sent.
    pub(super) fn send_on(&self, transport: &Transport) {
        if self.is_wanted {
            self.set_outlet(Outlet::Socket(transport.clone()));
        }
    }

    fn set_outlet(&self, outlet: Outlet) {
        let _ = match self.shared.get() {
            Some(shared) => shared.outlet.set(outlet),
            None => self.outlet.set(outlet),
        };
    }

    fn shared(&self) -> &Arc<Shared> {
        self.shared.get_or_init(|| {
            Arc::new(Shared {
                is_wanted: self.is_wanted,
                outlet: self.outlet.clone(),
                state: Lock::default(),
            })
        })
    }

    /// Takes what has gathered.
    pub(crate) fn take(&self) -> Vec<u8> {
        let shared = self.shared.get();
        let take = |shared: &Arc<Shared>| std::mem::take(&mut shared.state.lock().gathered);
        shared.map(take).unwrap_or_default()
    }

    /// Takes what has gathered, and drops further hints: the handler has given its response, and
    /// may have kept its request.
    pub(crate) fn end(&self) -> Vec<u8> {
        let end = |shared: &Arc<Shared>| {
            let mut state = shared.state.lock();
            state.is_over = true;
            std::mem::take(&mut state.gathered)
        };
        self.shared.get().map(end).unwrap_or_default()
    }
}

impl SendHints for EarlyHints {
    fn send_hints(&self, fields: &HeaderMap) {
        self.shared().send_hints(fields);
    }

    fn share(&self) -> Option<Arc<dyn SendHints>> {
        let shared: Arc<dyn SendHints> = Arc::<Shared>::clone(self.shared());
        Some(shared)
    }
}

impl SendHints for Shared {
    fn send_hints(&self, fields: &HeaderMap) {
        let mut state = self.state.lock();
        if !self.is_wanted || state.is_over {
            return;
        }
        let mut head = Vec::new();
        // What can't be a hint was refused before.
        let is_written = early_hints(&mut head, fields).is_ok();
        if !is_written || state.count >= MOST || state.length + head.len() > LONGEST {
            return log::debug!("early hints are dropped: a request has too many of them");
        }
        state.count += 1;
        state.length += head.len();
        match self.outlet.get() {
            None => state.gathered.append(&mut head),
            Some(Outlet::Body(body)) => body.send(&head),
            Some(Outlet::Socket(transport)) => {
                state.gathered.append(&mut head);
                transport.send_now(&mut state.gathered);
            }
        }
    }

    fn share(&self) -> Option<Arc<dyn SendHints>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(length: usize) -> HeaderMap {
        let mut fields = HeaderMap::new();
        fields.insert("link", "x".repeat(length).parse().unwrap());
        fields
    }

    #[test]
    fn hints_are_bounded() {
        let many = EarlyHints::new(Version::HTTP_11);
        (0..100).for_each(|_| many.send_hints(&link(1)));
        let text = String::from_utf8(many.take()).unwrap();
        assert_eq!(text.matches("HTTP/1.1 103 Early Hints\r\n").count(), MOST);
        assert!(many.take().is_empty());
        let long = EarlyHints::new(Version::HTTP_11);
        (0..10).for_each(|_| long.send_hints(&link(6000)));
        assert!((12_000..LONGEST).contains(&long.take().len()));
    }

    #[test]
    fn some_have_no_place() {
        let old = EarlyHints::new(Version::HTTP_10);
        old.send_hints(&link(1));
        assert!(old.take().is_empty(), "HTTP/1.0");
        let late = EarlyHints::new(Version::HTTP_11);
        late.send_hints(&link(1));
        let kept = late.share().unwrap();
        assert!(!late.end().is_empty(), "before the response");
        kept.send_hints(&link(1));
        assert!(late.take().is_empty(), "after the response");
    }
}

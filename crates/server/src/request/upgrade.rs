//! A request that switches to another protocol.

use super::Request;
use crate::body::Upgraded;
use crate::page::error_page;
use crate::response::Response;
use crate::upgrade::Upgrade;
use http::{StatusCode, Version};

impl Request<'_> {
    /// Whether the client offers to switch to this protocol (RFC 9110 §7.8), such as `websocket`.
    #[must_use]
    pub fn offers_upgrade(&self, protocol: &str) -> bool {
        let lists = |field: &'static str, token: &str| {
            self.field_values(field)
                .flat_map(|value| value.split(|byte| *byte == b','))
                .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
        };
        // HTTP/1.0 can't upgrade: its Upgrade is ignored.
        self.version() == Version::HTTP_11
            && lists("upgrade", protocol)
            && lists("connection", "upgrade")
    }

    /// Switches to another protocol: a 101, after which `run` has the socket, on a thread that it
    /// may block. The connection ends when `run` returns.
    ///
    /// As many clients can be upgraded at a time as there may be threads
    /// ([`Builder::max_threads`](crate::Builder::max_threads)); more get a 503. A request that does
    /// not offer the protocol gets a 426 that names it, and one whose content has not been received
    /// a 400.
    ///
    /// A protocol may need further fields, as WebSocket does (RFC 6455 §4.2.2):
    /// [`Response::headers_mut`] adds them.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use tinyhttp_server::{Request, Response};
    ///
    /// /// Sends back what it receives.
    /// fn echo(request: Request<'_>) -> Response {
    ///     request.upgrade("echo", |mut socket| {
    ///         let mut buffer = [0; 1024];
    ///         while let Ok(length @ 1..) = socket.read(&mut buffer) {
    ///             if socket.write_all(&buffer[..length]).is_err() {
    ///                 break;
    ///             }
    ///         }
    ///     })
    /// }
    /// # let _ = echo;
    /// ```
    #[must_use]
    pub fn upgrade(
        self,
        protocol: &'static str,
        run: impl FnOnce(Upgraded) + Send + 'static,
    ) -> Response {
        let upgrade = Upgrade::new(protocol, run);
        if !self.offers_upgrade(protocol) {
            return upgrade.required();
        }
        if self.body.is_unread() {
            let explanation = "A request that switches protocols can't have content.";
            return error_page(StatusCode::BAD_REQUEST, explanation).into();
        }
        upgrade.into()
    }
}

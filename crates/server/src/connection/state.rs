//! The states of a connection.

#[cfg(feature = "gateway")]
use super::call::Collected;
use super::call::Collecting;
#[cfg(feature = "gateway")]
use super::forwarding::Forwarding;
use super::response::PendingResponse;
#[cfg(feature = "gateway")]
use super::tunnel::Tunnel;

/// What a connection does. Poller interest and deadline follow from it.
pub(super) enum State {
    /// Waits for the client's first byte, or for more of a TLS handshake.
    #[cfg(feature = "tls")]
    Securing,
    /// Waits for a request, or for more of one: its head, or content to skip.
    Reading,
    /// Has more requests in hand, and waits for its next turn.
    Yielding,
    /// Sends a response that the socket has not taken whole.
    Sending(Box<PendingResponse>),
    /// Receives a request's content for its handler.
    Receiving(Box<Collecting>),
    /// Exchanges the request and its response with an upstream server.
    #[cfg(feature = "gateway")]
    Forwarding(Box<Forwarding>),
    /// Has a request whose handler is to continue.
    #[cfg(feature = "gateway")]
    Resuming(Box<Collected>),
    /// Carries bytes between the client and an upstream server.
    #[cfg(feature = "gateway")]
    Tunnel(Box<Tunnel>),
    /// Closes once the output has been sent.
    Ending,
    /// Has ended its sending half, and skips what the client sends.
    Lingering,
}

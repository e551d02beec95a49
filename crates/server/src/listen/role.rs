//! What clients of a listener speak.

/// What the clients of a listener speak, and what they get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Role {
    /// HTTP.
    #[default]
    Plain,
    /// HTTPS. A client that speaks HTTP is redirected.
    #[cfg(feature = "tls")]
    Secured,
    /// HTTP, and each request is redirected to HTTPS: to the same authority, or to this port of the
    /// same host.
    #[cfg(feature = "tls")]
    Redirect(Option<u16>),
}

impl Role {
    /// Whether clients get what the handler has.
    pub(crate) fn serves(self) -> bool {
        match self {
            Role::Plain => true,
            #[cfg(feature = "tls")]
            Role::Secured => true,
            #[cfg(feature = "tls")]
            Role::Redirect(_) => false,
        }
    }
}

//! The way to a connection that a request can be sent over.
//!
//! 1. Which host? The URL's, or the one that [`ConnectTo`] puts in its place.
//! 2. Which way? A Unix domain socket, a proxy, or straight.
//! 3. Its addresses: those that were given for it, or the resolver's.
//! 4. A socket to one of them.
//! 5. Through a proxy: a tunnel, where one is needed.
//! 6. For https: TLS, with the URL's host, whatever the connection led through.
//!
//! | file | what it does |
//! |---|---|
//! | `connect_to` | replaces the host and port of a URL |
//! | `proxy` | chooses the proxy for a URL |
//! | `resolve` | finds the addresses of a host |
//! | `dns` | asks name servers itself |
//! | `race` | connects to the address that responds first |
//! | `socks` | asks a SOCKS proxy for a connection |
//! | `dial` | takes these steps |

mod connect_to;
mod dial;
#[cfg(feature = "dns")]
mod dns;
mod proxy;
mod race;
mod resolve;
#[cfg(feature = "socks")]
mod socks;

pub use connect_to::ConnectTo;
pub(crate) use dial::{ConnectOptions, Dialer};
#[cfg(feature = "dns")]
pub use dns::StubResolver;
#[cfg(all(feature = "dns", fuzzing))]
#[doc(hidden)]
pub use dns::addresses_in_answer;
pub use proxy::{NoProxy, Proxies, Proxy};
pub use race::Interface;
pub(crate) use resolve::KnownHost;
pub use resolve::{Family, Resolve, SystemResolver};

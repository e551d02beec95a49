//! Gateways: upstream servers that respond in the place of this one.
//!
//! | module | holds |
//! |---|---|
//! | `routes` | from a path to its upstream |
//! | `upstream` | the handler of an upstream, and its settings |
//! | `options` | settings of an upstream about what is told to whom, and content |
//! | `buffering` | receiving content before a server gets it |
//! | `network` | ranges of addresses |
//! | `path` | which paths match, and which path is sent |
//! | `refusal` | responses to requests that are not forwarded |
//! | `request`, `response` | which fields are forwarded and relayed |
//! | `upgrade` | which protocols client and server may switch to |
//! | `forward` | a request on its way |
//! | `sent`, `handover` | files that a server names, and that are sent in its place |
//! | `target` | where a server is |
//! | `settings` | what is set for all servers of an upstream |
//! | `tried` | the servers that have been tried for a request |
//! | `server` | one server of an upstream |
//! | `queue` | requests that wait for room |
//! | `stage` | how far a request at a server has come |
//! | `group` | the servers of an upstream |
//! | `idle` | the idle connections to one server |
//! | `starving` | requests that wait for one of few processes of a server |
//! | `capacity` | how many connections a FastCGI server serves at a time |
//! | `pipes` | pipes through which large content goes |
//! | `registry` | what one server has open to upstream servers |
//! | `balance` | which server gets a request |
//! | `health` | whether a server works |
//! | `check` | one check of a server's health |
//! | `keeper` | the thread that looks up names and checks health |
//! | `failure` | why a request has no response |
//! | `attempt` | one connection to a server, for one request |
//! | `codec` | the protocol of a server: HTTP, FastCGI, SCGI, uwsgi |
//! | `environment` | a request as variables |
//! | `variables` | their names and values, in one buffer |
//! | `fastcgi`, `scgi`, `cgi` | records, environments and heads of these protocols |
//! | `process` | programs that are run for one request each |
//! | `retry` | when a request is sent again |
//! | `socket` | the socket to a server |
//!
//! The exchange itself is in `connection/`: a connection that forwards owns both sockets.

mod routes;
mod upstream;
mod options;
mod buffering;
mod network;
mod path;
mod refusal;
mod request;
mod response;
mod upgrade;
mod forward;
mod sent;
mod handover;
mod target;
mod settings;
mod tried;
mod server;
mod queue;
mod stage;
mod group;
mod idle;
mod starving;
mod capacity;
mod pipes;
mod registry;
mod balance;
mod health;
mod check;
mod keeper;
mod failure;
mod attempt;
mod codec;
mod environment;
mod variables;
mod fastcgi;
mod scgi;
mod cgi;
mod process;
mod retry;
mod socket;

#[cfg(feature = "tls")]
pub use crate::tls::Trust;
pub use balance::Balance;
pub use buffering::Buffering;
pub use codec::Protocol;
pub use forward::Forward;
pub use health::{Check, Passive};
pub use network::{InvalidNetwork, Network};
pub use process::{Cgi, CgiOptions, supervise};
pub use routes::Gateways;
pub use sent::SentFiles;
pub use target::{InvalidTarget, Target};
pub use upstream::{Upstream, UpstreamBuilder};

pub(crate) use attempt::{Attempt, FIELDS, Pipe};
pub(crate) use failure::Failure;
pub(crate) use forward::Plan;
pub(crate) use group::{Choice, Lease, Ticket};
pub(crate) use idle::Moment;
pub(crate) use pipes::SplicePipe;
pub(crate) use queue::Given;
pub(crate) use registry::Registry;
pub(crate) use response::{Renamed, write_fields};
pub(crate) use retry::{REPLAY, may_retry, may_reuse};
pub(crate) use upgrade::is_offered;

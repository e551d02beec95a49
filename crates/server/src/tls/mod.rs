//! HTTPS: certificates, and the TLS of one connection. No type of rustls leaves this module.
//!
//! A handshake gives both sides the same keys and proves to the client that the server has the
//! private key of a certificate for the name that the client asked for. From then on both sides
//! exchange *records*: up to 16 KiB of content each, encrypted, and with a tag that shows any
//! change.
//!
//! A [`Session`](session::Session) turns records into content and back and touches no socket;
//! [`Secured`] moves the bytes. A session has no buffers of its own: received bytes are decrypted
//! where the worker has read them, and a parked connection keeps an incomplete record at most.
//!
//! | module | holds |
//! |---|---|
//! | `error` | why TLS can't be set up |
//! | `pem` | certificates and keys out of PEM files |
//! | `facts` | what a certificate says of itself |
//! | `identity` | a certificate chain with its key |
//! | `self_signed` | certificates made here |
//! | `names` | which identity a client gets |
//! | `client` | certificates of clients |
//! | `tickets` | tickets for resumption, encrypted with keys from a file |
//! | `challenges` | answers to an ACME server that verifies names |
//! | `config` | a server's TLS, and its replacement while the server runs |
//! | `trust` | which servers are believed, for connections to upstream servers |
//! | `session` | the TLS of one connection, whichever side this is |
//! | `records` | records in, content out, and back |
//! | `secured` | a socket that carries TLS |

mod error;
mod pem;
mod facts;
mod identity;
mod self_signed;
mod names;
mod client;
mod tickets;
mod challenges;
mod config;
#[cfg(feature = "gateway")]
mod trust;
mod session;
mod records;
mod secured;

pub use challenges::Challenges;
pub use client::ClientCertificate;
pub use config::{Tls, TlsHandle};
pub use error::TlsError;
pub use identity::Identity;
pub use names::{ClientHello, ResolveIdentity};
pub(crate) use secured::{Handshake, SENT, Secured};
pub use self_signed::{Authority, SelfSigned};
pub(crate) use session::Agreed;
#[cfg(feature = "gateway")]
pub use trust::Trust;
#[cfg(feature = "gateway")]
pub(crate) use trust::{Securing, refusal, server_name};

use rustls::CipherSuite;
use rustls::crypto::{CryptoProvider, ring};
use std::sync::Arc;

/// The application protocol that both sides of a connection speak (ALPN, RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

/// The arithmetic: ring, which builds with a C compiler alone. Of the ciphers, which are all good,
/// the one that costs both sides least comes first.
fn provider() -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    provider.cipher_suites.sort_by_key(|suite| {
        let is_short = matches!(
            suite.suite(),
            CipherSuite::TLS13_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        );
        (suite.tls13().is_none(), !is_short)
    });
    Arc::new(provider)
}

//! Logging in to servers: which `Authorization` a request carries.
//!
//! | file | what it does |
//! |---|---|
//! | `challenge` | reads `WWW-Authenticate` (RFC 9110 §11.6.1) |
//! | `digest` | answers a challenge of the scheme Digest (RFC 7616) |

#[cfg(feature = "digest")]
mod challenge;
#[cfg(feature = "digest")]
mod digest;

#[cfg(feature = "digest")]
pub(crate) use digest::{Request, Session, Sessions};

use crate::credentials::Credentials;
use http::HeaderValue;

/// How a request logs in.
#[derive(Debug, Clone)]
pub(crate) enum Login {
    /// With this value of `Authorization`.
    Field(HeaderValue),
    /// With the answer to a challenge, which the server sends first.
    #[cfg(feature = "digest")]
    Digest {
        credentials: Credentials,
        /// The answer to the last challenge.
        field: Option<HeaderValue>,
    },
}

impl Login {
    pub(crate) fn of(credentials: &Credentials) -> Self {
        #[cfg(feature = "digest")]
        if credentials.is_digest() {
            return Login::Digest {
                credentials: credentials.clone(),
                field: None,
            };
        }
        Login::Field(credentials.basic_value())
    }

    /// The value of `Authorization`.
    pub(crate) fn field(&self) -> Option<&HeaderValue> {
        match self {
            Login::Field(value) => Some(value),
            #[cfg(feature = "digest")]
            Login::Digest { field, .. } => field.as_ref(),
        }
    }
}

//! Certificates by ACME (RFC 8555).
//!
//! The server itself can neither connect nor write, so a process of its own orders. They share two
//! things: a directory of certificates, which the server reads again when its files change, and a
//! socket, over which the process has challenges answered.
//!
//! ```text
//!  ACME server ◀──https──▶ process ──files──▶ server ◀── challenges ── ACME server
//!                             └────socket────────▶│
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `names` | what certificates are ordered for |
//! | `objects` | what an ACME server sends |
//! | `error` | why a certificate was not obtained |
//! | `jws` | the account's key, and signed requests |
//! | `certificate` | signing requests, and what was issued |
//! | `schedule` | when to renew, and when to try again |
//! | `order` | the steps of an order, without a network |
//! | `session` | requests and their nonces |
//! | `network` | requests over the network |
//! | `store` | what is kept in the state directory |
//! | `served` | the certificates that the server has |
//! | `settings` | what the process is started with |
//! | `link` | the socket between the server and the process |
//! | `talk` | the process's end of it |
//! | `worker` | what the process does |
//! | `process` | the process |

mod names;
mod objects;
mod error;
mod jws;
mod certificate;
mod schedule;
mod order;
mod session;
mod network;
mod store;
mod served;
mod settings;
mod link;
mod talk;
mod worker;
mod process;

pub(in crate::serve) use names::Identifier;
pub(in crate::serve) use process::{AcmeProcess, is_meant, run};
pub(in crate::serve) use served::Served;

use crate::failure::Failure;
use crate::serve::args::{Args, LETS_ENCRYPT};
use crate::serve::named_file;
use objects::Kind;
use settings::Settings;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::Store;

/// What the flags ask for.
pub(in crate::serve) struct Acme {
    settings: Settings,
    pub(super) served: Arc<Served>,
}

impl Acme {
    /// Opens the state directory, as the user that the server goes on as.
    pub(super) fn open(args: &Args, addresses: &[SocketAddr]) -> Result<Self, Failure> {
        let acme = &args.tls.acme;
        let mut names = acme.acme.clone();
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        if acme.acme_directory.as_str() == LETS_ENCRYPT {
            names.iter().try_for_each(check_public)?;
        }
        let ca = acme.acme_ca.as_deref().map(authorities).transpose()?;
        let store = Store::make(&acme.acme_directory).map_err(|error| not_opened(&error))?;
        let served = Served::new(&names, store.clone()).map_err(|error| {
            Failure::new(
                format!("can't serve HTTPS: {error}"),
                "see tinyhttp serve --help",
            )
        })?;
        // A server that is reached at port 80 need not be reached at port 443.
        let has_http =
            args.tls.tls_redirect.is_some() || addresses.iter().any(|it| it.port() == 80);
        Ok(Acme {
            settings: Settings {
                names,
                directory: acme.acme_directory.clone(),
                email: acme.acme_email.clone(),
                ca,
                store: store.path().to_owned(),
                kind: match has_http {
                    true => Kind::Http,
                    false => Kind::TlsAlpn,
                },
                is_sandboxed: !args.service.no_sandbox,
                log: (args.verbose, args.quiet, args.log.is_json()),
            },
            served: Arc::new(served),
        })
    }

    /// Starts the process that orders.
    pub(super) fn start(&self) -> Result<AcmeProcess, Failure> {
        AcmeProcess::start(self.settings.clone()).map_err(|error| {
            Failure::new(
                format!("the process that orders certificates can't be started: {error}"),
                "it needs /proc, and the right to start processes",
            )
        })
    }

    /// What the banner says.
    pub(super) fn lines(&self) -> Vec<String> {
        let names: Vec<String> = self
            .settings
            .names
            .iter()
            .map(Identifier::to_string)
            .collect();
        let mut lines = vec![format!(
            "certificates: for {}, from {}",
            names.join(", "),
            self.settings.directory
        )];
        let missing = self.served.missing();
        if !missing.is_empty() {
            lines.push(format!(
                "  none yet for {}: until then clients get one that is made here",
                missing.join(", ")
            ));
        }
        lines.push(format!("  kept in {}", self.settings.store.display()));
        lines
    }
}

/// The directory of certificates that the server reads, if it uses ACME.
pub(super) fn directory(args: &Args) -> Option<PathBuf> {
    let acme = &args.tls.acme;
    let store = Store::of(&acme.acme_directory).ok()?;
    (!acme.acme.is_empty()).then(|| store.certificates())
}

/// Refuses names for which Let's Encrypt issues no certificates.
fn check_public(name: &Identifier) -> Result<(), Failure> {
    let why = match name {
        Identifier::Ip(_) => "it issues certificates for addresses only in another way",
        Identifier::Dns(name) if !name.contains('.') => "the name is not known on the Internet",
        Identifier::Dns(name) => {
            let (_, last) = name.rsplit_once('.').unwrap_or_default();
            let private = ["local", "localhost", "internal", "test", "lan", "invalid"];
            match private.contains(&last) {
                true => "the name is not known on the Internet",
                false => return Ok(()),
            }
        }
    };
    Err(Failure::new(
        format!("--acme {name}: Let's Encrypt has no certificate for it, because {why}"),
        "--tls-ca makes certificates for private names; --acme-directory names another ACME server",
    ))
}

/// The file of authorities, as the process finds it. What it could not use is refused.
fn authorities(path: &Path) -> Result<PathBuf, Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new(
            format!("--acme-ca {}: {why}", path.display()),
            "it takes a file with the certificates of authorities in PEM",
        )
    };
    // The process opens it again, so a pipe is none.
    let real = path.canonicalize().map_err(|error| failed(&error))?;
    let text = named_file::read(&real, 1024 * 1024).map_err(|error| failed(&error))?;
    let found = x509_parser::pem::Pem::iter_from_buffer(&text).flatten();
    match found
        .into_iter()
        .any(|section| section.label == "CERTIFICATE")
    {
        true => Ok(real),
        false => Err(failed(&"there is no certificate in it")),
    }
}

fn not_opened(error: &io::Error) -> Failure {
    Failure::new(
        format!("certificates can't be kept: {error}"),
        "--acme needs a directory that this user alone can write to; STATE_DIRECTORY names another one",
    )
}

//! HTTPS: where the certificates come from, and when they are read again.
//!
//! | module | holds |
//! |---|---|
//! | `load` | certificates and keys from files |
//! | `made` | a certificate that is made here and kept |
//! | `state` | the user's state directory |
//! | `acme` | certificates by ACME |
//! | `reload` | reading the files again when they change |
//! | `hsts` | Strict-Transport-Security with certificates by ACME |
//! | `authority` | the page with the local authority's certificate |

mod acme;
mod authority;
mod hsts;
mod load;
mod made;
mod reload;
mod state;

pub(super) use acme::{Identifier, is_meant as is_acme_process, run as run_acme_process};
pub(super) use reload::TlsReload;

use super::args::Args;
use crate::failure::Failure;
use acme::{Acme, AcmeProcess};
use authority::WithAuthority;
use hsts::WithHsts;
use made::Made;
use reload::Source;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tinyhttp_server::{Builder, Handler, Identity, Server, Tls};

/// The server's TLS, and what the banner says of it.
pub(super) struct Secured {
    tls: Tls,
    is_made_here: bool,
    /// Certificates that take the place of the one that was made here, before it expires.
    successors: Vec<Identity>,
    /// What --acme asks for, once the state directory is open.
    acme: Option<Acme>,
    process: Option<Arc<AcmeProcess>>,
    /// Where the made certificate was kept; `None` if it was not, or came from files.
    kept: Option<PathBuf>,
    /// The local authority: its certificate in PEM, and the certificate's fingerprint.
    authority: Option<(String, String)>,
}

impl Secured {
    /// Has the server speak HTTPS. For --acme, it opens the state directory, as the user that the
    /// server goes on as.
    pub(super) fn secure(&mut self, args: &Args, builder: Builder) -> Result<Builder, Failure> {
        if args.tls.uses_acme() {
            let acme = Acme::open(args, &builder.local_addrs())?;
            let identities = acme.served.identities();
            let settings = std::mem::take(&mut self.tls);
            self.tls = identities.into_iter().fold(settings, Tls::with);
            self.acme = Some(acme);
        }
        builder.tls(&self.tls).map_err(|error| {
            Failure::new(
                format!("can't serve HTTPS: {error}"),
                "see tinyhttp serve --help",
            )
        })
    }

    /// Starts the process that orders certificates, if there are any to order.
    pub(super) fn start_process(&mut self) -> Result<(), Failure> {
        if let Some(acme) = &self.acme {
            self.process = Some(Arc::new(acme.start()?));
        }
        Ok(())
    }

    /// The names of the certificates, under which the server is known: a page on another site can't
    /// make its own name lead here, since no certificate is for it.
    pub(super) fn names(&self, args: &Args) -> Vec<String> {
        if self.acme.is_some() {
            let names = args.tls.acme.acme.iter();
            return names.map(Identifier::to_string).collect();
        }
        let identities = self.tls.identities().iter();
        identities.flat_map(Identity::names).cloned().collect()
    }

    /// What the banner says of the certificate: how it is recognised, and commands that trust it.
    pub(super) fn lines(&self, urls: &[String]) -> Vec<String> {
        if let Some(acme) = &self.acme {
            return acme.lines();
        }
        let Some(identity) = self.tls.identities().first() else {
            return Vec::new();
        };
        if !self.is_made_here {
            return Vec::new();
        }
        let mut lines = vec![format!("certificate: SHA-256 {}", identity.fingerprint())];
        let pin = identity.public_key_pin();
        if let Some(url) = urls.first() {
            // The pin takes the place of the authority that -k does without.
            lines.push(format!("  tinyhttp get -k --pinnedpubkey '{pin}' '{url}'"));
            lines.push(format!("  curl -k --pinnedpubkey '{pin}' '{url}'"));
        }
        match (&self.authority, urls.first()) {
            (Some((_, fingerprint)), Some(url)) => {
                let origin = origin(url);
                lines.push(format!("authority: SHA-256 {fingerprint}"));
                lines.push(format!(
                    "  to trust it on a phone, open {origin}{}, compare the fingerprint, and install it",
                    authority::PATH
                ));
            }
            _ => lines.push(
                "  browsers warn of it: compare the fingerprint, then continue to the site"
                    .to_owned(),
            ),
        }
        if let Some(path) = &self.kept {
            lines.push(format!("  kept in {}", path.display()));
        }
        lines
    }

    /// Adds the page of the local authority, and the field of --hsts that depends on certificates.
    pub(super) fn wrap(
        &self,
        args: &Args,
        handler: Box<dyn Handler>,
    ) -> Result<Box<dyn Handler>, Failure> {
        Ok(match (&self.authority, &self.acme, args.hsts_line()) {
            (Some((pem, _)), _, _) => Box::new(WithAuthority::new(handler, pem.clone())),
            (None, Some(acme), Some(line)) => {
                Box::new(WithHsts::new(handler, &line, Arc::clone(&acme.served))?)
            }
            _ => handler,
        })
    }

    /// What reads the files again; `None` if there are none.
    pub(super) fn reload(&self, args: &Args, server: &Server) -> Option<TlsReload> {
        let source = match &self.acme {
            Some(acme) => Source::Acme(Arc::clone(&acme.served)),
            None if self.is_made_here => {
                let made = self.tls.identities().iter().chain(&self.successors);
                Source::Made(made.cloned().collect())
            }
            None => Source::Flags,
        };
        TlsReload::new(&args.tls, source, self.process.clone(), server.tls()?)
    }
}

/// The scheme and the authority of a URL.
fn origin(url: &str) -> &str {
    let path = url.match_indices('/').nth(2);
    path.map_or(url, |(at, _)| &url[..at])
}

impl Args {
    /// Reads or makes the certificates, if the server speaks HTTPS.
    pub(super) fn secured(&self, addresses: &[SocketAddr]) -> Result<Option<Secured>, Failure> {
        let args = &self.tls;
        if !args.is_on() {
            return Ok(None);
        }
        let secured = |tls: Tls| Secured {
            tls,
            is_made_here: false,
            successors: Vec::new(),
            acme: None,
            process: None,
            kept: None,
            authority: None,
        };
        if args.uses_acme() {
            let settings = load::with_settings(Tls::default(), args)?;
            return Ok(Some(secured(settings)));
        }
        if !args.is_made_here() {
            self.warn_of_served_keys();
            return Ok(Some(secured(load::load(args)?)));
        }
        let Made {
            identity,
            successors,
            kept,
            authority,
        } = made::make(args, &self.names_of_certificate(addresses))?;
        Ok(Some(Secured {
            is_made_here: true,
            successors,
            kept,
            authority,
            ..secured(load::with_settings(Tls::from(identity), args)?)
        }))
    }

    pub(super) fn scheme(&self) -> &'static str {
        match self.tls.is_on() {
            true => "https",
            false => "http",
        }
    }

    /// Listens for plain HTTP on the port of --tls-redirect, at each address that is bound.
    pub(super) fn bind_redirects(&self, mut builder: Builder) -> Result<Builder, Failure> {
        let Some(port) = self.tls.tls_redirect else {
            return Ok(builder);
        };
        let mut seen = HashSet::new();
        for mut address in builder.local_addrs() {
            let to = address.port();
            address.set_port(port);
            if seen.insert(address.ip()) {
                builder = builder
                    .bind_redirect(address, to)
                    .map_err(|error| self.not_bound(address, &error))?;
            }
        }
        Ok(builder)
    }

    /// The field of --hsts for all responses.
    pub(super) fn hsts(&self) -> Option<String> {
        let depends_on_certificates = self.tls.uses_acme();
        self.hsts_line().filter(|_| !depends_on_certificates)
    }

    fn hsts_line(&self) -> Option<String> {
        let seconds = self.tls.hsts?;
        Some(format!("Strict-Transport-Security: max-age={seconds}"))
    }

    /// The directories whose files are read again.
    pub(super) fn tls_directories(&self) -> Vec<PathBuf> {
        let mut directories = reload::directories(&self.tls);
        directories.extend(acme::directory(self));
        directories
    }

    /// Warns of private keys that would be served.
    fn warn_of_served_keys(&self) {
        let Ok(served) = self.dir.canonicalize() else {
            return;
        };
        let args = &self.tls;
        let keys = match args.tls_key.is_empty() {
            true => &args.tls_cert,
            false => &args.tls_key,
        };
        for key in keys {
            if key.canonicalize().is_ok_and(|key| key.starts_with(&served)) {
                log::warn!(
                    "the private key {} lies in the directory that is served, where every client can read it: move it elsewhere",
                    key.display()
                );
            }
        }
    }
}

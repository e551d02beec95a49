//! The flags about upstream servers that are reached over https://.

use crate::failure::Failure;
use crate::serve::named_file;
use std::path::{Path, PathBuf};
use tinyhttp_server::gateway::{Trust, UpstreamBuilder};

/// The flags about upstream servers that are reached over https://.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Gateway")]
pub(crate) struct UpstreamTlsArgs {
    /// Accept certificates of https:// upstream servers that an authority in FILE (PEM) has signed,
    /// instead of the system's authorities
    ///
    /// A certificate that is itself in FILE, such as a self-signed one, is accepted too.
    #[arg(long, value_name = "FILE", env = "TINYHTTP_PROXY_CA")]
    proxy_ca: Option<PathBuf>,

    /// Name that the certificate of an https:// upstream server has to be for, instead of the host
    /// in TARGET
    ///
    /// The name is sent in the handshake (SNI). --proxy-host does not change it.
    #[arg(long, value_name = "NAME", env = "TINYHTTP_PROXY_TLS_NAME")]
    proxy_tls_name: Option<String>,

    /// Dangerous: accept any certificate of https:// upstream servers, so that anything on the way
    /// can read and change what is forwarded
    #[arg(
        long,
        env = "TINYHTTP_PROXY_INSECURE",
        conflicts_with_all = ["proxy_ca", "proxy_tls_name"]
    )]
    proxy_insecure: bool,
}

/// How upstream servers are verified, read before the sandbox hides the files.
#[derive(Default)]
pub(in crate::serve) struct Verification(Option<Trust>);

impl UpstreamTlsArgs {
    /// Reads the authorities, if there are servers to verify.
    ///
    /// # Errors
    /// If a file can't be read, a name is none, or there is no such server although a flag is about
    /// them.
    pub(super) fn read(&self, is_needed: bool) -> Result<Verification, Failure> {
        if !is_needed {
            return match self.given() {
                Some(flag) => Err(Failure::new(
                    format!("{flag} has no use: no server of --proxy is reached over https://"),
                    "write https:// in front of the server, or leave the flag out",
                )),
                None => Ok(Verification(None)),
            };
        }
        if self.proxy_insecure {
            log::warn!("--proxy-insecure: upstream servers are not verified");
            return Ok(Verification(Some(Trust::anything())));
        }
        let trust = match &self.proxy_ca {
            Some(path) => authorities(path)?,
            None => Trust::system().map_err(|error| {
                let hint = "name the authority of your upstream servers with --proxy-ca";
                Failure::new(error.to_string(), hint)
            })?,
        };
        let trust = match &self.proxy_tls_name {
            None => trust,
            Some(name) => trust.named(name).map_err(|_| {
                Failure::new(
                    format!("--proxy-tls-name {name}: that is no host name"),
                    "give the name in the certificate, such as app.example",
                )
            })?,
        };
        Ok(Verification(Some(trust)))
    }
}

impl UpstreamTlsArgs {
    /// Returns the first of the flags that is given.
    fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--proxy-ca", self.proxy_ca.is_some()),
            ("--proxy-tls-name", self.proxy_tls_name.is_some()),
            ("--proxy-insecure", self.proxy_insecure),
        ];
        let given = flags.into_iter().find(|(_, is_given)| *is_given);
        given.map(|(flag, _)| flag)
    }
}

/// The longest file that is read: a system's authorities take a quarter of that.
const LONGEST: u64 = 1024 * 1024;

fn authorities(path: &Path) -> Result<Trust, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(
            format!("--proxy-ca {}: {error}", path.display()),
            "name a file with certificates in PEM, which begin with -----BEGIN CERTIFICATE-----",
        )
    };
    let pem = named_file::read(path, LONGEST).map_err(|error| failed(&error))?;
    Trust::authorities(&pem).map_err(|error| failed(&error))
}

impl Verification {
    pub(super) fn apply(&self, upstream: UpstreamBuilder) -> UpstreamBuilder {
        match &self.0 {
            Some(trust) => upstream.trust(trust.clone()),
            None => upstream,
        }
    }
}

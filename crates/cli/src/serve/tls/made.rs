//! A certificate that is made here: with a key that is made once and kept, so that its pin stays
//! valid when the names change or the certificate has to be renewed.

use super::state;
use crate::failure::Failure;
use crate::serve::args::{Args, Bind, TlsArgs};
use crate::serve::host_names;
use nix::ifaddrs::getifaddrs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tinyhttp_server::{Authority, Identity, SelfSigned, TlsError};

/// A certificate that is valid for less than this is renewed at the start.
const LEAST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many certificates follow the first one. Each lasts for a year.
const SUCCESSORS: u32 = 9;

/// The most names and addresses in one certificate.
const NAMES: usize = 100;

/// What was made, or found.
pub(super) struct Made {
    pub(super) identity: Identity,
    /// Those that follow it, so that neither a server that runs for long nor its clients meet an
    /// expired one. They are made at the start: then the key of the authority need not stay.
    pub(super) successors: Vec<Identity>,
    pub(super) kept: Option<PathBuf>,
    /// The authority's certificate, and its fingerprint.
    pub(super) authority: Option<(String, String)>,
}

/// Finds the kept certificate for these names, or makes one.
pub(super) fn make(args: &TlsArgs, names: &[String]) -> Result<Made, Failure> {
    if args.tls_ephemeral {
        let made = SelfSigned::new(names).map_err(|error| not_made(&error))?;
        return Ok(Made {
            identity: made.identity().clone(),
            successors: successors(&made, names)?,
            kept: None,
            authority: None,
        });
    }
    match args.tls_ca {
        true => with_authority(names),
        false => self_signed(names),
    }
}

fn successors(made: &SelfSigned, names: &[String]) -> Result<Vec<Identity>, Failure> {
    let successors = made.successors(names, SUCCESSORS);
    successors.map_err(|error| not_made(&error))
}

/// Signed with its own key. Where nothing can be kept, it lasts until the server ends.
fn self_signed(names: &[String]) -> Result<Made, Failure> {
    let path = state::directory().map(|directory| directory.join("self-signed.pem"));
    let kept = path.as_ref().ok().and_then(|path| kept(path));
    if let (Some(text), Ok(path)) = (&kept, &path) {
        if let Some(identity) = still_good(text, names) {
            let same_key = SelfSigned::with_key(text, names).map_err(|error| not_made(&error))?;
            return Ok(Made {
                identity,
                successors: successors(&same_key, names)?,
                kept: Some(path.clone()),
                authority: None,
            });
        }
    }
    let renewed = kept.and_then(|key| SelfSigned::with_key(&key, names).ok());
    let made = match renewed {
        Some(made) => made,
        None => SelfSigned::new(names).map_err(|error| not_made(&error))?,
    };
    let written = path.and_then(|path| keep(&path, &made).map(|()| path));
    if let Err(error) = &written {
        log::warn!(
            "the certificate lasts until the server ends, because it can't be kept: {error}"
        );
    }
    Ok(Made {
        identity: made.identity().clone(),
        successors: successors(&made, names)?,
        kept: written.ok(),
        authority: None,
    })
}

/// Signed by the local authority, which must be kept: devices trust it.
fn with_authority(names: &[String]) -> Result<Made, Failure> {
    let failed = |error: &io::Error| {
        Failure::new(
            format!("the local authority can't be kept: {error}"),
            "--tls-ca needs a state directory that can be written; XDG_STATE_HOME names another one",
        )
    };
    let directory = state::directory().map_err(|error| failed(&error))?;
    let path = directory.join("authority.pem");
    let mut hosts = host_names::of_this_machine();
    hosts.retain(|name| is_dns_name(name));
    let found = state::read(&path).map_err(|error| failed(&error))?;
    let authority = match found {
        Some(text) => Authority::from_pem(&text, &text).map_err(|error| {
            Failure::new(
                format!(
                    "the local authority in {} can't be used: {error}",
                    path.display()
                ),
                "remove that file; devices have to trust the new authority then",
            )
        })?,
        None => {
            let host = hosts.first().map_or("this machine", String::as_str);
            let made = Authority::new(&format!("tinyhttp on {host}"), &hosts);
            let made = made.map_err(|error| not_made(&error))?;
            let text = format!("{}{}", made.pem(), made.key_pem());
            state::write(&path, &text).map_err(|error| failed(&error))?;
            made
        }
    };
    let itself = Identity::from_pem(authority.pem().as_bytes(), authority.key_pem().as_bytes());
    let itself = itself.map_err(|error| not_made(&error))?;
    let signed = directory.join("signed.pem");
    let names: Vec<String> = names
        .iter()
        .filter(|name| authority.may_sign(name))
        .cloned()
        .collect();
    let identity = kept(&signed).and_then(|text| {
        let is_ours = text.trim_end().ends_with(authority.pem().trim_end());
        still_good(&text, &names).filter(|_| is_ours)
    });
    let identity = match identity {
        Some(identity) => identity,
        None => {
            let made = authority.sign(&names).map_err(|error| not_made(&error))?;
            let text = format!("{}{}", made.key_pem(), made.pem());
            state::write(&signed, &text).map_err(|error| failed(&error))?;
            made.identity().clone()
        }
    };
    let successors = authority.successors(&names, SUCCESSORS);
    Ok(Made {
        identity,
        successors: successors.map_err(|error| not_made(&error))?,
        kept: Some(signed),
        authority: Some((authority.pem().to_owned(), itself.fingerprint())),
    })
}

/// What was kept, if it can be read.
fn kept(path: &Path) -> Option<String> {
    state::read(path).unwrap_or_else(|error| {
        log::warn!(
            "the kept certificate can't be read: {}: {error}",
            path.display()
        );
        None
    })
}

fn keep(path: &Path, made: &SelfSigned) -> io::Result<()> {
    state::write(path, &format!("{}{}", made.key_pem(), made.pem()))
}

/// The kept certificate, if it has all names and does not expire soon.
fn still_good(text: &str, names: &[String]) -> Option<Identity> {
    let identity = Identity::from_pem(text.as_bytes(), text.as_bytes()).ok()?;
    let lasts = identity.not_after() > SystemTime::now() + LEAST;
    let has = |name: &String| match name.parse::<IpAddr>() {
        Ok(address) => identity.addresses().contains(&address),
        Err(_) => identity.names().contains(&name.to_ascii_lowercase()),
    };
    (lasts && names.iter().all(has)).then_some(identity)
}

fn not_made(error: &TlsError) -> Failure {
    Failure::new(
        error.to_string(),
        "--tls-cert and --tls-key take one from files",
    )
}

impl Args {
    /// The names and addresses of a certificate that is made here.
    pub(super) fn names_of_certificate(&self, addresses: &[SocketAddr]) -> Vec<String> {
        let mut names = vec!["localhost".to_owned()];
        let bound = self.bind.iter().filter_map(Bind::name);
        let ours = host_names::of_this_machine().into_iter().chain(bound);
        names.extend(ours.filter(|name| is_dns_name(name)));
        let listens_everywhere = |is_v4| {
            let ips = addresses.iter().map(SocketAddr::ip);
            ips.into_iter()
                .any(|ip| ip.is_unspecified() && ip.is_ipv4() == is_v4)
        };
        let mut found: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
        let (v4, v6) = (listens_everywhere(true), listens_everywhere(false));
        found.extend(
            of_interfaces()
                .into_iter()
                .filter(|ip| if ip.is_ipv4() { v4 } else { v6 }),
        );
        found.extend(
            ["127.0.0.1", "::1"]
                .iter()
                .filter_map(|ip| ip.parse::<IpAddr>().ok()),
        );
        found.retain(|ip| !ip.is_unspecified());
        names.extend(found.iter().map(IpAddr::to_string));
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.to_ascii_lowercase()));
        names.truncate(NAMES);
        names
    }
}

/// The addresses of this machine.
fn of_interfaces() -> Vec<IpAddr> {
    let interfaces = getifaddrs().into_iter().flatten();
    let addresses = interfaces.filter_map(|interface| interface.address);
    let ip = |address: nix::sys::socket::SockaddrStorage| {
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::from(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::from(v6.ip())))
    };
    addresses.filter_map(ip).collect()
}

/// Whether a certificate can have the name.
fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let is_ordinary = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        matches!(label.len(), 1..=63) && label.bytes().all(is_ordinary)
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

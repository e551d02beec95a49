//! The flags for a server that is run as a service: as whom, how much of it clients may have, and how the next one takes over.

use crate::failure::Failure;
use nix::sys::prctl::set_no_new_privs;
use nix::unistd::{Gid, Group, Uid, User, geteuid, getgrouplist, setgroups, setresgid, setresuid};
use std::ffi::CString;
use std::time::Duration;
use tinyhttp_server::{Builder, Timeouts};

/// How it is run as a service.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "As a service")]
pub(crate) struct Service {
    /// Started by root, go on as this user once the ports are bound, and never be root again
    ///
    /// The group is the user's own if none is given; names and numbers will do. Folder, log and Unix sockets are opened as
    /// this user, so that root touches nothing that the user could have put there.
    #[arg(long, value_name = "NAME[:GROUP]", env = "TINYHTTP_USER")]
    user: Option<String>,

    /// Who may connect to a Unix socket, as chmod takes it: 660; otherwise the umask decides
    #[arg(long, value_name = "MODE", env = "TINYHTTP_SOCKET_MODE", value_parser = mode)]
    pub(crate) socket_mode: Option<u32>,

    /// Threads that may be busy at a time; as many as there are cores by default
    #[arg(long, value_name = "N", env = "TINYHTTP_WORKERS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,

    /// Connections that are kept; for more, the longest idle are closed. As many as may be open files by default
    #[arg(long, value_name = "N", env = "TINYHTTP_MAX_CONNECTIONS", value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: Option<u32>,

    /// Connections that one address (of IPv6: a /64 network) may have; half of all by default, and any number from here
    #[arg(long, value_name = "N", env = "TINYHTTP_MAX_CONNECTIONS_PER_CLIENT", value_parser = clap::value_parser!(u32).range(1..))]
    max_connections_per_client: Option<u32>,

    /// Bytes a second that clients have to send or take on average, after 30 s or 60 s; 0 for any
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = Timeouts::default().slowest,
        env = "TINYHTTP_SLOWEST"
    )]
    slowest: u32,

    /// Keep an idle connection open for SECONDS, and announce that to clients
    ///
    /// Behind a load balancer, this has to be longer than the load balancer keeps connections (60 s at AWS).
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = Timeouts::default().idle.as_secs() as u16,
        env = "TINYHTTP_KEEP_ALIVE",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    keep_alive: u16,

    /// Don't let the kernel shut this program in with the folder that it serves
    #[arg(long, env = "TINYHTTP_NO_SANDBOX")]
    pub(crate) no_sandbox: bool,

    /// Go on when another folder is put in DIR's place: moved there, made anew, or by switching a symbolic link
    ///
    /// From inside the sandbox, what lies beside the folder can then be read, too. Without this flag another folder is served once
    /// the server is started again, or with --no-sandbox. --watch implies this flag.
    #[arg(long, env = "TINYHTTP_REPLACEABLE")]
    pub(crate) replaceable: bool,

    /// Start beside a server that listens there already, which can then be ended: a restart that nobody notices
    ///
    /// Both have to be started with this flag. A Unix socket's name goes over at once; a port's connections are shared until
    /// the old server ends. Those that come in the very moment in which it closes its port are reset; the kernel
    /// saves most of them if net.ipv4.tcp_migrate_req is 1. Sockets that systemd hands down (LISTEN_FDS) have no such moment.
    #[arg(long, env = "TINYHTTP_REUSE_PORT")]
    pub(crate) reuse_port: bool,
}

/// Who the server is going to be.
#[derive(Debug)]
pub(crate) struct Identity {
    name: String,
    user: Uid,
    group: Gid,
    groups: Vec<Gid>,
}

impl Service {
    /// Lets the server and its clients have no more than they may.
    pub(crate) fn bound(&self, mut builder: Builder) -> Builder {
        let number = |flag: u32| usize::try_from(flag).unwrap_or(usize::MAX);
        if let Some(workers) = self.workers {
            builder = builder.workers(usize::from(workers));
        }
        if let Some(connections) = self.max_connections {
            builder = builder.max_connections(number(connections));
        }
        if let Some(connections) = self.max_connections_per_client {
            builder = builder.max_connections_per_client(number(connections));
        }
        builder.timeouts(Timeouts {
            slowest: self.slowest,
            idle: Duration::from_secs(u64::from(self.keep_alive)),
            ..Timeouts::default()
        })
    }

    /// Whom --user names; looked up while /etc can still be read.
    pub(crate) fn identity(&self) -> Result<Option<Identity>, Failure> {
        let Some(name) = &self.user else {
            return Ok(None);
        };
        if !geteuid().is_root() {
            return Err(Failure::new(
                format!("--user {name} is for root, and this is user {}", geteuid()),
                "leave it out: the server goes on with your rights, and needs no others",
            ));
        }
        Identity::find(name).map(Some)
    }
}

impl Identity {
    fn find(name: &str) -> Result<Self, Failure> {
        let (user, group) = match name.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (name, None),
        };
        let found = match user.parse() {
            Ok(number) => User::from_uid(Uid::from_raw(number)),
            Err(_) => User::from_name(user),
        };
        let found = found.map_err(|error| unknown("user", user, error.desc()))?;
        let id = match (&found, user.parse()) {
            (Some(found), _) => found.uid,
            (None, Ok(number)) => Uid::from_raw(number),
            (None, Err(_)) => return Err(unknown("user", user, "there is none of that name")),
        };
        if id.is_root() {
            return Err(Failure::new(
                format!("--user {name} is root, which the server is to be no longer"),
                "name a user that owns nothing, such as nobody or www-data",
            ));
        }
        let group = match (group, &found) {
            (Some(group), _) => group_id(group)?,
            (None, Some(found)) => found.gid,
            (None, None) => {
                return Err(unknown(
                    "user",
                    user,
                    "a user without an entry in /etc/passwd needs a :GROUP",
                ));
            }
        };
        let groups = match found.map(|found| CString::new(found.name)) {
            Some(Ok(name)) => {
                getgrouplist(&name, group).map_err(|error| unknown("user", user, error.desc()))?
            }
            _ => vec![group],
        };
        Ok(Identity {
            name: name.to_owned(),
            user: id,
            group,
            groups,
        })
    }

    /// Becomes that user, for good. The C library does this to all threads, and there is only one.
    pub(crate) fn assume(&self) -> Result<(), Failure> {
        let assumed = setgroups(&self.groups)
            .and_then(|()| setresgid(self.group, self.group, self.group))
            .and_then(|()| setresuid(self.user, self.user, self.user))
            .and_then(|()| set_no_new_privs());
        let why = match assumed {
            Err(error) => error.desc(),
            // A process that keeps its capabilities could do this.
            Ok(()) if setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_ok() => {
                "this process could become root again"
            }
            Ok(()) => return Ok(()),
        };
        Err(Failure::new(
            format!("can't go on as {}: {why}", self.name),
            "it takes the capabilities SETUID and SETGID, and nothing that keeps them",
        ))
    }
}

fn group_id(group: &str) -> Result<Gid, Failure> {
    if let Ok(number) = group.parse() {
        return Ok(Gid::from_raw(number));
    }
    match Group::from_name(group) {
        Ok(Some(found)) => Ok(found.gid),
        Ok(None) => Err(unknown("group", group, "there is none of that name")),
        Err(error) => Err(unknown("group", group, error.desc())),
    }
}

fn unknown(what: &str, name: &str, why: &str) -> Failure {
    Failure::new(
        format!("--user names the {what} '{name}': {why}"),
        "it takes NAME or NAME:GROUP, as in /etc/passwd and /etc/group",
    )
}

/// Permissions, in octal digits.
fn mode(text: &str) -> Result<u32, &'static str> {
    match u32::from_str_radix(text, 8) {
        Ok(mode @ 0..=0o777) if !text.starts_with('+') => Ok(mode),
        _ => Err("it takes three octal digits: 600, 660 or 666"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        for (text, want) in [("600", 0o600), ("0660", 0o660), ("0", 0), ("777", 0o777)] {
            assert_eq!(mode(text), Ok(want));
        }
        for text in ["", "+600", "-1", "1000", "668", "rw", "99999999999999"] {
            assert!(mode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn whom_names_stand_for() {
        let nobody = Identity::find("65534:65534").unwrap();
        assert_eq!(
            (nobody.user.as_raw(), nobody.group.as_raw()),
            (65534, 65534)
        );
        for name in [
            "root",
            "0",
            "0:65534",
            "no-such-user",
            "",
            ":",
            "65534:no-such-group",
            "4294967290",
            "-1",
            "\0",
        ] {
            let failure = Identity::find(name).unwrap_err();
            assert!(failure.what().contains("--user"), "{}", failure.what());
        }
    }
}

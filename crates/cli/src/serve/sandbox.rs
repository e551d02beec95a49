//! The sandbox: the kernel (Landlock) lets the process open only the files that it serves.
//!
//! `openat2` and the code before it keep requests inside the directory. The sandbox is for the day
//! on which that code is wrong: the kernel then refuses every other file, every write, every
//! program, and every TCP connection or listener beyond the open ones, to this thread and to all
//! that it starts. It can't be undone.
//!
//! A right is granted for a directory as it is, not for its name. If another directory replaces the
//! served one, it can't be read, unless the directory around both was granted.

use super::args::Args;
use super::listen::Sockets;
use crate::failure::Failure;
use crate::paths::directory_of;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort,
    PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
};
use std::path::{Path, PathBuf};

/// The newest version of Landlock that this code knows. An older kernel enforces what it knows.
///
/// Version 6 added signals to processes outside and abstract Unix sockets, version 9 connections to
/// Unix sockets that have a name.
const KNOWN: ABI = ABI::V9;

/// The oldest version that refuses all that the banner promises: files, programs and the network.
const WHOLE: ABI = ABI::V5;

/// Files that are read for the local time of log lines.
pub(super) const TIME_ZONES: [&str; 2] = ["/etc/localtime", "/usr/share/zoneinfo"];

/// Files and directories that are read to look up names.
pub(super) const RESOLVER: [&str; 7] = [
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/run/systemd/resolve",
];

/// How much of the sandbox the kernel enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enforced {
    All,
    Some,
    Nothing,
}

/// The rights that remain. Each path is a file, or a directory with all that is in it and below.
#[derive(Debug, Default)]
pub(super) struct Allowed<'p> {
    /// Reading.
    pub(super) readable: Vec<&'p Path>,
    /// Creating and writing files.
    pub(super) log: Option<&'p Path>,
    /// Reading, creating, writing and removing files.
    pub(super) private: Option<&'p Path>,
    /// Removing files.
    pub(super) sockets: Vec<&'p Path>,
    /// Connecting to Unix sockets.
    pub(super) upstreams: Vec<&'p Path>,
    /// Connecting to TCP ports.
    pub(super) ports: Vec<u16>,
}

/// Restricts the server to what it needs, unless --no-sandbox is given.
pub(super) fn enter_for(args: &Args, sockets: &Sockets) -> Result<Enforced, Failure> {
    if args.service.no_sandbox {
        return Ok(Enforced::Nothing);
    }
    let around = surroundings(args);
    let served = match around.iter().map(AsRef::as_ref).collect::<Vec<_>>() {
        _ if args.files.leads_outside() => vec![Path::new("/")],
        none if none.is_empty() => vec![&*args.dir],
        around => around,
    };
    // SIGHUP reads it again: the file alone, unless another one may replace it.
    let auth_file = args.access.auth_file();
    let auth_file = auth_file.map(|file| match args.service.replaceable {
        true => directory_of(file),
        false => file,
    });
    // As are certificates.
    let certificates = args.tls_directories();
    let certificates = certificates.iter().map(PathBuf::as_path);
    let gateway = &args.gateway;
    let (names, mut ports) = (gateway.has_names(), gateway.ports());
    let resolver = RESOLVER.iter().filter(|_| names).map(Path::new);
    // Long answers of name servers come over TCP.
    ports.extend(names.then_some(53));
    let readable = served.into_iter().chain(auth_file).chain(certificates);
    let readable = readable.chain(resolver).chain(gateway.named_directories());
    let spool = args.spool();
    let allowed = Allowed {
        readable: readable.chain(TIME_ZONES.map(Path::new)).collect(),
        log: None,
        private: spool.as_deref(),
        sockets: sockets.directories(),
        // Servers make their sockets anew when they start.
        upstreams: gateway.sockets().map(directory_of).collect(),
        ports,
    };
    enter(&allowed).map_err(|error| {
        Failure::new(
            format!("can't enter the sandbox: {error}"),
            "--no-sandbox serves without one",
        )
    })
}

/// Returns the directories that hold the served one's name and, if that is a link, the one it leads
/// to; nothing if the directory can't be replaced.
fn surroundings(args: &Args) -> Vec<PathBuf> {
    if !args.is_replaceable() {
        return Vec::new();
    }
    let paths = [std::path::absolute(&args.dir), args.dir.canonicalize()];
    let paths = paths.into_iter().flatten();
    paths
        .map(|path| path.parent().unwrap_or(&path).to_owned())
        .collect()
}

/// Restricts this thread, and all threads that it starts from now on.
///
/// # Errors
/// The kernel's. A kernel without Landlock is no error.
pub(super) fn enter(allowed: &Allowed<'_>) -> Result<Enforced, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?;
    let read: BitFlags<AccessFs> = AccessFs::ReadFile.into();
    let readable = allowed.readable.iter();
    let readable = readable.map(|path| match path.is_dir() {
        true => (*path, read | AccessFs::ReadDir),
        false => (*path, read),
    });
    let log = allowed
        .log
        .iter()
        .map(|path| (*path, AccessFs::WriteFile | AccessFs::MakeReg));
    let private = allowed.private.iter().map(|path| {
        let write = AccessFs::WriteFile | AccessFs::MakeReg | AccessFs::RemoveFile;
        (*path, read | AccessFs::ReadDir | write)
    });
    let sockets = allowed
        .sockets
        .iter()
        .map(|path| (*path, AccessFs::RemoveFile.into()));
    let upstreams = allowed
        .upstreams
        .iter()
        .map(|path| (*path, AccessFs::ResolveUnix.into()));
    for port in &allowed.ports {
        ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    for (path, access) in readable
        .chain(log)
        .chain(private)
        .chain(sockets)
        .chain(upstreams)
    {
        // A missing path needs no right.
        if let Ok(opened) = PathFd::new(path) {
            ruleset = ruleset.add_rule(PathBeneath::new(opened, access))?;
        }
    }
    Ok(match ruleset.restrict_self()?.landlock {
        LandlockStatus::Available { effective_abi, .. } if effective_abi >= WHOLE => Enforced::All,
        LandlockStatus::Available { .. } => Enforced::Some,
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => Enforced::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Pid, getppid, test_kill_process};
    use std::io::{self, ErrorKind, Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream};
    use tinyhttp_server::{Request, Server};

    /// The sandbox holds for one thread and all that it starts, so the test restricts a thread of
    /// its own.
    #[test]
    fn only_the_directory_can_be_read() {
        let dir = std::env::temp_dir().join(format!("tinyhttp-sandbox-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("inside"), "x").unwrap();
        let theirs = dir.clone();
        let shut_in = std::thread::spawn(move || {
            let allowed = Allowed {
                readable: vec![&theirs],
                ..Allowed::default()
            };
            if enter(&allowed).unwrap() == Enforced::Nothing {
                return false;
            }
            assert_eq!(std::fs::read(theirs.join("inside")).unwrap(), b"x");
            let refused = |result: io::Result<()>| {
                assert_eq!(result.unwrap_err().kind(), ErrorKind::PermissionDenied);
            };
            refused(std::fs::read("/etc/passwd").map(drop));
            refused(std::fs::read_dir("/").map(drop));
            refused(std::fs::write(theirs.join("new"), "x"));
            refused(std::fs::remove_file(theirs.join("inside")));
            refused(std::process::Command::new("/bin/true").status().map(drop));
            // And for whatever is started from here.
            std::thread::spawn(|| assert!(std::fs::read("/etc/passwd").is_err()))
                .join()
                .unwrap();
            true
        });
        if !shut_in.join().unwrap() {
            eprintln!("skipped: this kernel has no Landlock");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }

    /// What a handler could do if an attacker controlled it.
    fn attempt(what: &str, listening: SocketAddr) -> io::Result<()> {
        let here = std::env::temp_dir().join(format!("tinyhttp-handler-{}", std::process::id()));
        match what {
            "/read" => std::fs::read("/etc/passwd").map(drop),
            "/list" => std::fs::read_dir("/etc").map(drop),
            "/own" => std::fs::read("/proc/self/maps").map(drop),
            "/write" => std::fs::write(here, "x"),
            "/make" => std::fs::create_dir(here),
            "/link" => std::os::unix::fs::symlink("/etc/passwd", here),
            "/run" => std::process::Command::new("/bin/true").status().map(drop),
            "/connect" => TcpStream::connect(listening).map(drop),
            "/listen" => TcpListener::bind(("127.0.0.1", 0)).map(drop),
            "/abstract" => UnixStream::connect_addr(&abstract_name()).map(drop),
            "/signal" => test_kill_process(outside()).map_err(io::Error::from),
            _ => Err(ErrorKind::NotFound.into()),
        }
    }

    /// A process that this one may send signals to, unless the sandbox is in the way.
    fn outside() -> Pid {
        getppid().unwrap()
    }

    fn abstract_name() -> UnixAddress {
        let name = format!("tinyhttp-sandbox-{}", std::process::id());
        UnixAddress::from_abstract_name(name).unwrap()
    }

    /// The handler runs in the sandbox; the client and the other listeners are outside.
    #[test]
    fn a_handler_cannot_leave_the_sandbox() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let listening = listener.local_addr().unwrap();
        let _abstract_listener = UnixListener::bind_addr(&abstract_name()).unwrap();
        let builder = Server::bind("127.0.0.1:0").unwrap();
        let address = builder.local_addrs()[0];
        let (send, receive) = std::sync::mpsc::channel();
        let shut_in = std::thread::spawn(move || {
            let handler = move |request: Request<'_>| match attempt(request.path(), listening) {
                Ok(()) => "done".to_owned(),
                Err(error) => format!("{:?}", error.kind()),
            };
            let enforced = enter(&Allowed::default()).unwrap();
            let server = builder.start(handler).unwrap();
            send.send((enforced, server.shutdown_handle())).unwrap();
            server.run().unwrap();
        });
        let (enforced, shutdown) = receive.recv().unwrap();
        let ask = |what: &str| {
            let mut stream = TcpStream::connect(address).unwrap();
            write!(stream, "GET {what} HTTP/1.0\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer.rsplit("\r\n").next().unwrap().to_owned()
        };
        // Outside, all of it would work.
        for what in ["/read", "/connect", "/abstract", "/signal"] {
            assert!(attempt(what, listening).is_ok(), "{what}");
        }
        assert_eq!(ask("/other"), "NotFound");
        let files = ["/read", "/list", "/own", "/write", "/make", "/link", "/run"];
        let network = ["/connect", "/listen"];
        let scoped = ["/abstract", "/signal"];
        let has_scopes = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .scope(Scope::from_all(ABI::V6))
            .is_ok();
        let refused = match enforced {
            Enforced::All if has_scopes => [&files[..], &network, &scoped].concat(),
            Enforced::All => [&files[..], &network].concat(),
            Enforced::Some => files.to_vec(),
            Enforced::Nothing => {
                eprintln!("skipped: this kernel has no Landlock");
                Vec::new()
            }
        };
        for what in refused {
            assert_eq!(ask(what), "PermissionDenied", "{what}");
        }
        shutdown.abort();
        shut_in.join().unwrap();
    }
}

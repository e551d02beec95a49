//! The process shuts itself in: from here on it can read the folder that it serves, and hardly
//! anything else.
//!
//! What keeps requests inside the folder is `openat2` and the code before it. This is for the day
//! on which that code is wrong: Landlock makes the kernel refuse every other file, every write,
//! every program, and every TCP connection or listener beyond those that are open already, to this
//! thread and to all that it starts later. It can't be undone.
//!
//! What is allowed is allowed for folders as they are, not for names: another folder that is put in
//! the place of the one that is served is one of the others, unless the folder around it was named
//! here.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus,
    PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
};
use std::path::Path;

/// The newest set of restrictions that this was written for; a kernel that knows fewer enforces
/// those.
///
/// Since version 6, signals to processes outside and abstract Unix sockets are refused too; since
/// version 9, connections to Unix sockets that have a name.
const KNOWN: ABI = ABI::V9;

/// The oldest version that refuses everything that the banner promises: files, programs and the
/// network.
const WHOLE: ABI = ABI::V5;

/// Files that are read when a log line is stamped with the local time.
pub(super) const TIME_ZONES: [&str; 2] = ["/etc/localtime", "/usr/share/zoneinfo"];

/// How much of it the kernel enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enforced {
    All,
    Some,
    Nothing,
}

/// What is left to do. Each holds for a file, or for all that is in a directory and below.
#[derive(Debug, Default)]
pub(crate) struct Allowed<'p> {
    /// What can be read.
    pub(crate) readable: Vec<&'p Path>,
    /// Where files can be made and appended to.
    pub(crate) log: Option<&'p Path>,
    /// Where files can be removed.
    pub(crate) sockets: Vec<&'p Path>,
}

/// Shuts this thread in, and all threads that it starts from now on.
///
/// # Errors
/// What the kernel says. A kernel without Landlock is no error.
pub(crate) fn enter(allowed: &Allowed<'_>) -> Result<Enforced, RulesetError> {
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
    let sockets = allowed
        .sockets
        .iter()
        .map(|path| (*path, AccessFs::RemoveFile.into()));
    for (path, access) in readable.chain(log).chain(sockets) {
        // What isn't there needs no leave.
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
    use tinyhttp_server::{Body, Server};

    /// It holds for one thread and what that starts, so a thread of its own can be shut in.
    #[test]
    fn nothing_but_the_folder_is_left() {
        let folder = std::env::temp_dir().join(format!("tinyhttp-sandbox-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("inside"), "x").unwrap();
        let theirs = folder.clone();
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
        std::fs::remove_dir_all(&folder).unwrap();
    }

    /// What a handler gets who has been taken over, and tries what leads out of the folder.
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

    /// A handler of a server that was bound before and runs inside; the client and whoever listens
    /// are outside.
    #[test]
    fn a_handler_can_not_get_out() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let listening = listener.local_addr().unwrap();
        let _abstract_listener = UnixListener::bind_addr(&abstract_name()).unwrap();
        let builder = Server::builder().bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = builder.addresses()[0];
        let (tell, told) = std::sync::mpsc::channel();
        let shut_in = std::thread::spawn(move || {
            let handler = move |request: http::Request<Body>| {
                let said = match attempt(request.uri().path(), listening) {
                    Ok(()) => "done".to_owned(),
                    Err(error) => format!("{:?}", error.kind()),
                };
                http::Response::new(Body::from(said))
            };
            let enforced = enter(&Allowed::default()).unwrap();
            let server = builder.start(handler).unwrap();
            tell.send((enforced, server.stopper())).unwrap();
            server.run().unwrap();
        });
        let (enforced, stopper) = told.recv().unwrap();
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
        stopper.stop();
        shut_in.join().unwrap();
    }
}

//! The process shuts itself in: from here on it can read the folder that it serves, and hardly anything else.
//!
//! What keeps requests inside the folder is `openat2` and the code before it. This is for the day on which that code is
//! wrong: Landlock makes the kernel refuse every other file, every write but to the log, every program, and every TCP connection
//! or listener beyond those that are open already, to this thread and to all that it starts later. It can't be undone.
//!
//! What is allowed is allowed for folders as they are, not for names: another folder that is put in the place of the one that is
//! served is one of the others, unless the folder around it was named here.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
};
use std::path::Path;

/// The newest set of restrictions that this was written for; a kernel that knows fewer enforces those.
const KNOWN: ABI = ABI::V5;

/// Files that are read when a log line is stamped with the local time.
const TIME_ZONES: [&str; 2] = ["/etc/localtime", "/usr/share/zoneinfo"];

/// How much of it the kernel enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enforced {
    All,
    Some,
    Nothing,
}

/// What is left to do, beside reading the time zone. Each holds for all that is in the folder, and below.
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
        .create()?;
    let read: BitFlags<AccessFs> = AccessFs::ReadFile.into();
    let readable = allowed.readable.iter().copied();
    let readable = readable
        .chain(TIME_ZONES.iter().map(Path::new))
        .map(|path| match path.is_dir() {
            true => (path, read | AccessFs::ReadDir),
            false => (path, read),
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
    Ok(match ruleset.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Enforced::All,
        RulesetStatus::PartiallyEnforced => Enforced::Some,
        RulesetStatus::NotEnforced => Enforced::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::net::TcpStream;

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
            let refused = |result: std::io::Result<()>| {
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
            // Refused by the sandbox, not by the port, where nobody listens.
            let outside = TcpStream::connect(("127.0.0.1", 1)).unwrap_err().kind();
            assert!([ErrorKind::PermissionDenied, ErrorKind::ConnectionRefused].contains(&outside));
            true
        });
        if !shut_in.join().unwrap() {
            eprintln!("skipped: this kernel has no Landlock");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

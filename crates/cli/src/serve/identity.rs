//! The user that the server becomes once its ports are bound (`--user`).

use super::args::ServiceArgs;
use crate::failure::Failure;
use nix::sys::prctl::set_no_new_privs;
use nix::unistd::{Gid, Group, Uid, User, geteuid, getgrouplist, setgroups, setresgid, setresuid};
use std::ffi::CString;

/// A user and its groups.
#[derive(Debug)]
pub(super) struct Identity {
    name: String,
    user: Uid,
    group: Gid,
    groups: Vec<Gid>,
}

impl ServiceArgs {
    /// Finds the user that --user names, while /etc can still be read.
    pub(super) fn identity(&self) -> Result<Option<Identity>, Failure> {
        let Some(name) = &self.user else {
            return Ok(None);
        };
        if !geteuid().is_root() {
            return Err(Failure::new(
                format!("--user {name} is for root, and this is user {}", geteuid()),
                "leave it out: the server runs with your rights, and needs no others",
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
        let number = user.parse().ok().map(Uid::from_raw);
        let found = match number {
            Some(number) => User::from_uid(number),
            None => User::from_name(user),
        };
        let found = found.map_err(|error| unknown("user", user, error.desc()))?;
        let id = match (&found, number) {
            (Some(found), _) => found.uid,
            (None, Some(number)) => number,
            (None, None) => return Err(unknown("user", user, "there is none of that name")),
        };
        if id.is_root() {
            return Err(Failure::new(
                format!("--user {name} is root"),
                "name a user that owns nothing, such as www-data",
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

    /// Becomes that user, irrevocably. The C library does this to all threads, and there is only
    /// one.
    pub(super) fn assume(&self) -> Result<(), Failure> {
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
            format!("can't continue as {}: {why}", self.name),
            "that needs the capabilities SETUID and SETGID, and nothing that keeps them",
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
        "expected NAME or NAME:GROUP, as in /etc/passwd and /etc/group",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_of_users() {
        let found = Identity::find("65534:65534").unwrap();
        assert_eq!((found.user.as_raw(), found.group.as_raw()), (65534, 65534));
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

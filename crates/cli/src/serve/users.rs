//! The users that may log in: from the command line, the environment and a file.

use super::args::AccessArgs;
use super::named_file;
use crate::failure::Failure;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use tinyhttp_server::middleware::{InvalidUser, Users};

/// The longest file that is read: a hundred thousand users.
const LONGEST: u64 = 16 * 1024 * 1024;

impl AccessArgs {
    /// Reads the users again, from inside the sandbox.
    pub(super) fn users_again(&self) -> Result<Users, Failure> {
        if let Some(path) = self.auth_file() {
            // A pipe has been read to its end, and could block.
            if path.metadata().is_ok_and(|found| !found.is_file()) {
                return Err(Failure::new(
                    format!("{} is no regular file", path.display()),
                    "restart the server to read it",
                ));
            }
        }
        self.users()
    }

    /// Reads the users. The first time, this comes before the process enters the sandbox.
    pub(super) fn users(&self) -> Result<Users, Failure> {
        let mut users = Users::new();
        for line in &self.auth {
            // Without the line: it may hold a password.
            users = users
                .hashed(line)
                .map_err(|error| invalid("--auth", &error))?;
        }
        if let Some(line) = std::env::var_os("TINYHTTP_AUTH") {
            users = users
                .plain(line.as_bytes())
                .map_err(|error| invalid("TINYHTTP_AUTH", &error))?;
        }
        match self.auth_file() {
            Some(path) => add_file(users, path),
            None => Ok(users),
        }
    }
}

/// Adds the users of a file.
fn add_file(users: Users, path: &Path) -> Result<Users, Failure> {
    let content = named_file::read(path, LONGEST).map_err(|error| cannot_read(path, &error))?;
    let users = users
        .file(&content)
        .map_err(|error| invalid(&path.display().to_string(), &error))?;
    if users.is_empty() {
        return Err(Failure::new(
            format!("there is no user in {}", path.display()),
            "write a line NAME:HASH for each, as htpasswd does",
        ));
    }
    Ok(users)
}

fn cannot_read(path: &Path, error: &io::Error) -> Failure {
    let what = format!("can't read the users in {}: {error}", path.display());
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "this user must be able to read it; a file that replaced the first one while the server runs is only \
             readable with --replaceable or --no-sandbox"
        }
        _ => "--auth-file takes a file that htpasswd writes",
    };
    Failure::new(what, hint)
}

fn invalid(what: &str, error: &InvalidUser) -> Failure {
    Failure::new(
        format!("{what} has an invalid user: {error}"),
        "htpasswd -nB NAME prints a valid line",
    )
}

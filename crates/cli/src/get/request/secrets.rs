//! Users, passwords and tokens: from a flag, a prompt, a file or the environment.

use super::netrc;
use crate::failure::Failure;
use crate::get::args::{RequestArgs, bytes};
use crate::get::failure::read_failure;
use crate::visible::visible;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use url::Url;

/// The value of `Authorization` that the flags ask for.
pub(in crate::get) fn authorization(
    args: &RequestArgs,
    url: &Url,
) -> Result<Option<Vec<u8>>, Failure> {
    if let Some(token) = &args.bearer {
        let token = match token.as_bytes().strip_prefix(b"@") {
            Some(path) => {
                let path = bytes::path(path);
                std::fs::read(path).map_err(|error| read_failure(path, &error))?
            }
            None => token.as_bytes().to_vec(),
        };
        return Ok(Some([b"Bearer ", token.trim_ascii()].concat()));
    }
    if let Some(user) = &args.user {
        let (user, password) = ask(user, url.host_str().unwrap_or("it"))?;
        return Ok(Some(basic(&user, &password)));
    }
    // A password in the URL counts more than a file; a user in it chooses the entry.
    if url.password().is_none() && (args.netrc || args.netrc_file.is_some()) {
        return from_netrc(args, url);
    }
    Ok(None)
}

/// `USER:PASSWORD`; a password that isn't there is asked for, on the terminal, without showing it.
pub(in crate::get) fn ask(text: &OsStr, peer: &str) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let text = text.as_bytes();
    if let Some((user, password)) = bytes::split_once(text, b':') {
        return Ok((user.to_vec(), password.to_vec()));
    }
    let user = String::from_utf8_lossy(text);
    let question = format!("Password of {} for {peer}: ", visible(&user));
    let password = prompt(&question).map_err(|error| {
        Failure::with_code(2, format!("could not ask for a password: {error}"))
            .hint("give it as -u USER:PASSWORD, in TINYHTTP_USER, or in ~/.netrc with -n")
    })?;
    Ok((text.to_vec(), password))
}

/// Asks on the terminal, whatever the standard streams are connected to. Nothing that is typed is
/// shown.
fn prompt(question: &str) -> io::Result<Vec<u8>> {
    let terminal = File::options().read(true).write(true).open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO);
    quiet.local_modes.insert(LocalModes::ECHONL);
    // Before the question: the user may type ahead.
    tcsetattr(&terminal, OptionalActions::Now, &quiet)?;
    let mut answer = Vec::new();
    let result = (&terminal)
        .write_all(question.as_bytes())
        .and_then(|()| BufReader::new(&terminal).read_until(b'\n', &mut answer));
    tcsetattr(&terminal, OptionalActions::Now, &before)?;
    result?;
    while answer
        .pop_if(|byte| matches!(byte, b'\r' | b'\n'))
        .is_some()
    {}
    Ok(answer)
}

fn from_netrc(args: &RequestArgs, url: &Url) -> Result<Option<Vec<u8>>, Failure> {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".netrc"));
    let path = match (args.netrc_file.clone(), home) {
        (Some(path), _) | (None, Some(path)) => path,
        (None, None) => return Ok(None),
    };
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        // Without the file there are no entries.
        Err(error) if error.kind() == io::ErrorKind::NotFound && args.netrc_file.is_none() => {
            return Ok(None);
        }
        Err(error) => return Err(read_failure(&path, &error)),
    };
    let user: Vec<u8> = percent_decode_str(url.username()).collect();
    let user = Some(user.as_slice()).filter(|user| !user.is_empty());
    let found = netrc::look_up(&text, url.host_str().unwrap_or_default(), user);
    Ok(found.map(|login| basic(&login.user, &login.password)))
}

/// The value of `Authorization` (RFC 7617).
fn basic(user: &[u8], password: &[u8]) -> Vec<u8> {
    let pair = BASE64_STANDARD.encode([user, b":", password].concat());
    format!("Basic {pair}").into_bytes()
}

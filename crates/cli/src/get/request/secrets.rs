//! Users, passwords and tokens: from a flag, a prompt, a file or the environment.

use super::netrc::Netrc;
use crate::failure::Failure;
use crate::get::args::{RequestArgs, bytes};
use crate::get::failure::read_failure;
use crate::visible::visible;
use percent_encoding::percent_decode_str;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use tinyhttp_client::Credentials;
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
        let credentials = ask(user, url.host_str().unwrap_or("it"))?;
        return Ok(Some(credentials.basic().into_bytes()));
    }
    Ok(None)
}

/// Finds the login for a URL; see [`tinyhttp_client::ClientBuilder::logins`].
type Logins = Box<dyn Fn(&Url) -> Option<Credentials> + Send + Sync>;

/// What -n looks up, for every host that is asked: also for those that redirects lead to, as in
/// curl. `None` if there is nothing to look up, or if flags give a login, which is for the first
/// host.
pub(in crate::get) fn logins(args: &RequestArgs) -> Result<Option<Logins>, Failure> {
    let is_given = args.user.is_some()
        || args.bearer.is_some()
        || args.header.iter().any(|line| is_authorization(line));
    if is_given || !(args.netrc || args.netrc_file.is_some()) {
        return Ok(None);
    }
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".netrc"));
    let path = match (args.netrc_file.clone(), home) {
        (Some(path), _) | (None, Some(path)) => path,
        (None, None) => return Ok(None),
    };
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        // A home without that file has nothing to look up.
        Err(error) if error.kind() == io::ErrorKind::NotFound && args.netrc_file.is_none() => {
            return Ok(None);
        }
        Err(error) => return Err(read_failure(&path, &error)),
    };
    let entries = Netrc::parse(&text).ok_or_else(|| {
        let what = format!("could not read {}: a quote is not closed", path.display());
        Failure::with_code(26, what)
    })?;
    Ok(Some(Box::new(move |url| from_netrc(&entries, url))))
}

/// Whether a line of -H is about Authorization, even to take it out.
fn is_authorization(line: &OsStr) -> bool {
    let mut parts = line.as_bytes().split(|byte| matches!(byte, b':' | b';'));
    let name = parts.next().unwrap_or_default();
    name.eq_ignore_ascii_case(b"Authorization")
}

/// `USER:PASSWORD`; a password that isn't there is asked for, on the terminal, without showing it.
pub(in crate::get) fn ask(text: &OsStr, peer: &str) -> Result<Credentials, Failure> {
    let text = text.as_bytes();
    if let Some((user, password)) = bytes::split_once(text, b':') {
        return Ok(Credentials::new(user, password));
    }
    let user = String::from_utf8_lossy(text);
    let question = format!("Password of {} for {peer}: ", visible(&user));
    let password = prompt(&question).map_err(|error| {
        Failure::with_code(2, format!("could not ask for a password: {error}"))
            .hint("give it as -u USER:PASSWORD, in TINYHTTP_USER, or in ~/.netrc with -n")
    })?;
    Ok(Credentials::new(text, password))
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
    while let Some(b'\r' | b'\n') = answer.last() {
        answer.pop();
    }
    Ok(answer)
}

fn from_netrc(entries: &Netrc, url: &Url) -> Option<Credentials> {
    // A password in the URL counts more than one in the file; a user in it chooses the entry.
    if url.password().is_some() {
        return None;
    }
    let user: Vec<u8> = percent_decode_str(url.username()).collect();
    let user = Some(user.as_slice()).filter(|user| !user.is_empty());
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let login = entries.look_up(host, user)?;
    Some(Credentials::new(login.user, login.password))
}

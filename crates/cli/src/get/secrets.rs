//! Users, passwords and tokens: from a flag, a prompt, a file or the environment.

use super::args::RequestArgs;
use super::failure::read_failure;
use super::netrc;
use crate::failure::Failure;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use tinyhttp_client::Credentials;
use url::Url;

/// The value of `Authorization` that the flags ask for.
pub(super) fn authorization(args: &RequestArgs, url: &Url) -> Result<Option<String>, Failure> {
    if let Some(token) = &args.bearer {
        let token = match token.strip_prefix('@') {
            Some(path) => {
                std::fs::read_to_string(path).map_err(|error| read_failure(path, &error))?
            }
            None => token.clone(),
        };
        return Ok(Some(format!("Bearer {}", token.trim())));
    }
    if let Some(user) = &args.user {
        return Ok(Some(ask(user, url.host_str().unwrap_or("it"))?.basic()));
    }
    // A password in the URL counts more than a file; a user in it chooses the entry.
    if url.password().is_none() && (args.netrc || args.netrc_file.is_some()) {
        return from_netrc(args, url);
    }
    Ok(None)
}

/// `USER:PASSWORD`; a password that isn't there is asked for, on the terminal, without showing it.
pub(super) fn ask(text: &str, whom: &str) -> Result<Credentials, Failure> {
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, password.to_owned()),
        None => {
            let question = format!("Password of {text} for {whom}: ");
            let password = prompt(&question).map_err(|error| {
                Failure::with_code(2, format!("could not ask for a password: {error}"))
                    .hint("give it as -u USER:PASSWORD, in TINYHTTP_USER, or in ~/.netrc with -n")
            })?;
            (text, password)
        }
    };
    Ok(Credentials {
        user: user.to_owned(),
        password,
    })
}

/// Asks on the terminal, whatever the standard streams are connected to. Nothing that is typed is shown.
fn prompt(question: &str) -> io::Result<String> {
    let terminal = File::options().read(true).write(true).open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO);
    quiet.local_modes.insert(LocalModes::ECHONL);
    // Before the question: somebody may type ahead.
    tcsetattr(&terminal, OptionalActions::Now, &quiet)?;
    let mut answer = String::new();
    let result = (&terminal)
        .write_all(question.as_bytes())
        .and_then(|()| BufReader::new(&terminal).read_line(&mut answer));
    tcsetattr(&terminal, OptionalActions::Now, &before)?;
    result?;
    Ok(answer.trim_end_matches(['\r', '\n']).to_owned())
}

fn from_netrc(args: &RequestArgs, url: &Url) -> Result<Option<String>, Failure> {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".netrc"));
    let path = match (args.netrc_file.clone(), home) {
        (Some(path), _) | (None, Some(path)) => path,
        (None, None) => return Ok(None),
    };
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        // A home without that file has nothing to say.
        Err(error) if error.kind() == io::ErrorKind::NotFound && args.netrc_file.is_none() => {
            return Ok(None);
        }
        Err(error) => return Err(read_failure(&path, &error)),
    };
    let user: Vec<u8> = percent_decode_str(url.username()).collect();
    let user = Some(user.as_slice()).filter(|user| !user.is_empty());
    let found = netrc::look_up(&text, url.host_str().unwrap_or_default(), user);
    Ok(found.map(|login| {
        let pair = [login.user.as_slice(), b":", &login.password].concat();
        format!("Basic {}", BASE64_STANDARD.encode(pair))
    }))
}

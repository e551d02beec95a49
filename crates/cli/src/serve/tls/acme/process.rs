//! The process that orders certificates, so that the server itself needs no right to connect to
//! other machines or to write anything.
//!
//! The server starts it before it enters the sandbox, as the user that it goes on as. The process
//! has a sandbox of its own: it can connect to the ACME server's port and look up names, and write
//! to the directory of this ACME server, and nothing else. It ends when the server does.

use super::link::{self, Lines};
use super::settings::Settings;
use super::talk::Talk;
use super::worker::Worker;
use crate::lock::Lock;
use crate::serve::own_process::OwnProcess;
use crate::serve::privileges;
use crate::serve::sandbox::{self, Allowed};
use crate::serve::{stderr_log, syscalls};
use serde_json::json;
use std::ffi::OsStr;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use tinyhttp_server::TlsHandle;

/// The process.
const PROCESS: OwnProcess = OwnProcess::new(c"tinyhttp-acme");

/// Variables of the environment that the process keeps: the time zone of log lines, and where the
/// certificates are that the machine trusts.
const KEPT: [&str; 3] = ["TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Where the certificates are that machines trust.
const ROOTS: [&str; 6] = [
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/pki",
];

/// The server's side: the process that orders.
#[derive(Debug)]
pub(in crate::serve) struct AcmeProcess {
    socket: UnixStream,
    /// What has come beyond the first line is in it.
    lines: Lock<Lines>,
    settings: Settings,
}

impl AcmeProcess {
    /// Starts the process and waits until it has begun.
    ///
    /// # Errors
    /// If it does not begin.
    pub(in crate::serve) fn start(settings: Settings) -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        spawn(&settings, theirs)?;
        let mut lines = Lines::new(socket.try_clone()?);
        match lines.next()? {
            Some(line) if line["ready"] == true => Ok(AcmeProcess {
                socket,
                lines: Lock::new(lines),
                settings,
            }),
            Some(line) => Err(io::Error::other(
                line["failed"]
                    .as_str()
                    .unwrap_or("it makes no sense")
                    .to_owned(),
            )),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Answers the challenges that the process asks for, as long as it runs.
    pub(in crate::serve) fn serve(&self, tls: &TlsHandle) {
        let mut lines = self.lines.lock();
        while let Ok(Some(line)) = lines.next() {
            let answer = match link::challenges(&line, &self.settings.names) {
                Ok(challenges) => {
                    tls.answer_challenges(challenges);
                    json!({"answering": true})
                }
                Err(why) => json!({"refused": why}),
            };
            if link::send(&self.socket, &answer).is_err() {
                break;
            }
        }
        log::error!(
            "the process that orders certificates has ended, so none is renewed; restart the server"
        );
    }

    /// Has the process try again at once what failed.
    pub(in crate::serve) fn retry(&self) {
        // If it has ended, the log says so already.
        let _ = link::send(&self.socket, &json!({"retry": true}));
    }
}

fn spawn(settings: &Settings, theirs: UnixStream) -> io::Result<()> {
    let kept = KEPT
        .iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)));
    let child = PROCESS.spawn(theirs, |command| {
        command
            .args(settings.to_args())
            .envs(kept)
            .stdout(Stdio::null());
    });
    // It ends with the server, so there is nothing to wait for.
    child.map(drop)
}

/// Whether the program was started as this process.
pub(in crate::serve) fn is_meant(name: Option<&OsStr>) -> bool {
    PROCESS.is_meant(name)
}

/// The process itself.
pub(in crate::serve) fn run() -> ExitCode {
    let settings = Settings::from_args(std::env::args_os().skip(1));
    let Some(settings) = settings else {
        return ExitCode::FAILURE;
    };
    let (verbose, quiet, is_json) = settings.log;
    stderr_log::start(verbose, quiet, is_json);
    let ended = order(settings);
    if let Err(error) = ended {
        log::error!("the process that orders certificates can't run: {error}");
    }
    ExitCode::FAILURE
}

fn order(settings: Settings) -> io::Result<()> {
    let (socket, inherited) = PROCESS.begin()?;
    inherited.close();
    let socket = UnixStream::from(socket);
    if settings.is_sandboxed {
        if let Err(error) = shut_in(&settings) {
            return link::send(&socket, &json!({"failed": error.to_string()}));
        }
    }
    let talk = Talk::new(socket)?;
    talk.tell(&json!({"ready": true}))?;
    Worker::new(settings, talk).run()
}

/// Leaves this process its directory, and the way to the ACME server.
fn shut_in(settings: &Settings) -> io::Result<()> {
    privileges::drop_capabilities(&[]);
    let variables = ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(std::env::var_os);
    let trusted = variables.iter().flatten().map(Path::new);
    let trusted = trusted.chain(settings.ca.as_deref());
    let readable = ROOTS.iter().map(Path::new).chain(trusted);
    let port = settings.directory.port_or_known_default();
    let allowed = Allowed {
        readable: readable
            .chain(sandbox::RESOLVER.map(Path::new))
            .chain(sandbox::TIME_ZONES.map(Path::new))
            .collect(),
        private: Some(&settings.store),
        // Long answers of name servers come over TCP.
        ports: [port.unwrap_or(443), 443, 53].to_vec(),
        ..Allowed::default()
    };
    sandbox::enter(&allowed).map_err(io::Error::other)?;
    syscalls::filter_for_acme();
    Ok(())
}

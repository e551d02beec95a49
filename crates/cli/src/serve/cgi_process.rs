//! The process that runs programs for requests (`--cgi`).
//!
//! The server starts it before it enters the sandbox, as the user that it goes on as, and orders
//! programs over a socket. The process is not in a sandbox, because the programs would be in it,
//! too. It checks each order again: it runs files that lie in the directory and match `--cgi`, with
//! variables of CGI, and nothing else. It ends, with all programs, when the server's end of the
//! socket is closed.

use super::args::Args;
use super::own_process::OwnProcess;
use super::stderr_log;
use crate::failure::Failure;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{ExitCode, Stdio};
use std::time::Duration;
use tinyhttp_server::gateway::{Cgi, CgiOptions, supervise};

/// The process.
pub(super) const PROCESS: OwnProcess = OwnProcess::new(c"tinyhttp-cgi");

/// Starts the process, if there are programs to run.
pub(super) fn start(args: &Args) -> Result<Option<Cgi>, Failure> {
    if args.cgi.patterns().is_empty() {
        return Ok(None);
    }
    let started = Cgi::pair().and_then(|(socket, theirs)| {
        spawn(args, theirs)?;
        let options = CgiOptions::new(&args.dir).trust_proxies(args.gateway.trusted());
        let options = args.cgi.set(options);
        let cgi = Cgi::connected(socket, &options);
        Ok(cgi.buffer_requests(args.cgi.buffering()))
    });
    started.map(Some).map_err(|error| {
        Failure::new(
            format!("can't start the process that runs programs: {error}"),
            "without --cgi there is none",
        )
    })
}

fn spawn(args: &Args, theirs: OwnedFd) -> io::Result<()> {
    let log = [
        (args.verbose, "verbose"),
        (args.quiet, "quiet"),
        (args.log.is_json(), "json"),
    ];
    let log: Vec<&str> = log.iter().filter(|it| it.0).map(|it| it.1).collect();
    let links = match args.files.leads_outside() {
        true => "outside",
        false => "inside",
    };
    let child = PROCESS.spawn(theirs, |command| {
        command
            .arg(&args.dir)
            .arg(links)
            .arg(log.join(","))
            .args(args.cgi.to_arguments())
            .args(args.cgi.patterns())
            .envs(args.cgi.variables().iter().cloned())
            .stdout(Stdio::null());
    });
    child.map(drop)
}

/// The process itself.
pub(super) fn run() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match serve(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("no program can be run anymore: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &[OsString]) -> io::Result<()> {
    let (socket, inherited) = PROCESS.begin()?;
    let [dir, links, log, time, processes, output, patterns @ ..] = arguments else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let has = |word: &str| log.to_string_lossy().split(',').any(|it| it == word);
    stderr_log::start(has("verbose"), has("quiet"), has("json"));
    let number = |text: &OsString| text.to_str().and_then(|text| text.parse::<u32>().ok());
    let (Some(time), Some(processes), Some(output)) =
        (number(time), number(processes), number(output))
    else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut options = CgiOptions::new(dir)
        .follow_links_outside(links == "outside")
        .time(Duration::from_secs(u64::from(time)))
        .processes(processes as usize)
        .output(u64::from(output) * 1024 * 1024);
    for pattern in patterns {
        options = options.pattern(pattern.to_string_lossy());
    }
    // What was named for programs is all that is in the environment.
    for (name, value) in std::env::vars_os() {
        options = options.variable(name, value);
    }
    inherited.close();
    supervise(socket, &options)
}

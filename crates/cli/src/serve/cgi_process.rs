//! The process that runs programs for requests (`--cgi`).
//!
//! The server starts it before it enters the sandbox, as the user that it goes on as, and orders
//! programs over a socket. The process is not in a sandbox, because the programs would be in it,
//! too. It checks each order again: it runs files that lie in the directory and match `--cgi`, with
//! variables of CGI, and nothing else. It ends, with all programs, when the server's end of the
//! socket is closed.

use super::args::Args;
use super::privileges::Inherited;
use super::stderr_log;
use crate::failure::Failure;
use nix::sys::prctl::set_name;
use nix::sys::signal::{SigSet, SigmaskHow};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use tinyhttp_server::gateway::{Cgi, CgiOptions, supervise};

/// The first argument (`argv[0]`) that makes the program this process instead of a command.
const NAME: &str = "tinyhttp-cgi";

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
    // The process inherits the mask, so that no signal can end it before it blocks them itself.
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    // Not by the program's name: it may have been replaced, or be out of reach for this user.
    let child = Command::new("/proc/self/exe")
        .arg0(NAME)
        .arg(&args.dir)
        .arg(links)
        .arg(log.join(","))
        .args(args.cgi.to_arguments())
        .args(args.cgi.patterns())
        .env_clear()
        .envs(args.cgi.variables().iter().cloned())
        .stdin(theirs)
        .stdout(Stdio::null())
        .spawn();
    before.thread_set_mask()?;
    child.map(drop)
}

/// Whether the program was started as this process.
pub(super) fn is_meant(name: Option<&OsStr>) -> bool {
    name == Some(OsStr::new(NAME))
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
    SigSet::all().thread_block()?;
    // Otherwise its name would be exe.
    set_name(c"tinyhttp-cgi")?;
    let inherited = Inherited::find();
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
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    inherited.close();
    supervise(socket, &options)
}

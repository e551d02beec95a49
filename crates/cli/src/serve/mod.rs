//! `tinyhttp serve`: a folder on the web, right now.
//!
//! 1. Open the folder. 2. Bind the addresses. 3. Start the server. 4. Say where it is. 5. Serve until told to end.

mod args;
mod banner;
mod site;

pub(crate) use args::Args;

use crate::failure::Failure;
use log::LevelFilter;
use rustix::process::{Resource, getrlimit, setrlimit};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use tinyhttp_server::access_log::{AccessLog, Format};
use tinyhttp_server::{Builder, Server, Stopper};

/// How long requests under way may take once the program has been told to end.
const GRACE: Duration = Duration::from_secs(10);

pub(crate) fn run(args: &Args) -> ExitCode {
    start_log(args);
    match serve(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn start_log(args: &Args) {
    let level = match (args.verbose, args.quiet) {
        (true, _) => LevelFilter::Debug,
        (_, true) => LevelFilter::Error,
        _ => LevelFilter::Warn,
    };
    env_logger::Builder::new()
        .filter_level(level)
        .format(|out, record| {
            writeln!(
                out,
                "tinyhttp: {}: {}",
                record.level().as_str().to_lowercase(),
                record.args()
            )
        })
        .init();
}

fn serve(args: &Args) -> Result<(), Failure> {
    let files = args.site.options().open(&args.dir).map_err(|error| {
        Failure::new(
            error.to_string(),
            "name a folder that exists and that you may read: tinyhttp serve DIR",
        )
    })?;
    raise_descriptor_limit();
    let mut builder = Server::builder();
    for address in &args.bind {
        builder = bind(builder, SocketAddr::new(*address, args.port))?;
    }
    if let Some(workers) = args.workers {
        builder = builder.workers(usize::from(workers));
    }
    if !args.quiet {
        let log =
            AccessLog::new(io::stderr(), Format::Dev).map_err(|error| cannot_start(&error))?;
        builder = builder.access_log(log);
    }
    let server = builder.start(files).map_err(|error| cannot_start(&error))?;
    end_on_signals(server.stopper(), args.quiet).map_err(|error| cannot_start(&error))?;
    if !args.quiet {
        say_where(&server, args);
    }
    server.run().map_err(|error| cannot_start(&error))
}

fn bind(builder: Builder, address: SocketAddr) -> Result<Builder, Failure> {
    builder.bind(address).map_err(|error| {
        let (why, hint) = match error.kind() {
            io::ErrorKind::AddrInUse => (
                "the port is taken".to_owned(),
                "choose another with -p, or -p 0 for any free one",
            ),
            io::ErrorKind::PermissionDenied => (
                "ports below 1024 need privileges".to_owned(),
                "choose a higher one, -p 8080 for example",
            ),
            io::ErrorKind::AddrNotAvailable => (
                "this machine has no such address".to_owned(),
                "-b 0.0.0.0 listens on all that it has",
            ),
            _ => (
                error.to_string(),
                "choose another address with -b, or another port with -p",
            ),
        };
        Failure::new(format!("can't listen on {address}: {why}"), hint)
    })
}

fn cannot_start(error: &io::Error) -> Failure {
    Failure::new(
        format!("can't start the server: {error}"),
        "close other programs, or raise the limits (ulimit -a)",
    )
}

/// Each connection needs a descriptor, and shells usually allow 1,024 but let a program ask for more.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        log::debug!("the limit on open files stays as it is: {error}");
    }
}

/// The first signal lets requests under way finish, the second doesn't.
fn end_on_signals(stopper: Stopper, quiet: bool) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .stack_size(64 * 1024)
        .spawn(move || {
            let mut signals = signals.forever();
            signals.next();
            if !quiet && io::stderr().is_terminal() {
                eprintln!("ending; Ctrl-C again ends at once");
            }
            stopper.drain(GRACE);
            signals.next();
            stopper.stop();
        })?;
    Ok(())
}

fn say_where(server: &Server, args: &Args) {
    let mut out = io::stdout().lock();
    let dir = args.dir.canonicalize().unwrap_or_else(|_| args.dir.clone());
    let urls = banner::urls(&server.addresses()).join("\n  ");
    // Nobody may be reading; the server serves all the same.
    let _ = writeln!(out, "serving {}\n  {urls}\nCtrl-C ends it", dir.display())
        .and_then(|()| out.flush());
}

//! `tinyhttp serve`: a folder on the web, right now.
//!
//! 1. Open the folder. 2. Bind the addresses. 3. Shut the process in. 4. Start the server. 5. Say where it is. 6. Serve
//!    until told to end.

mod access_log;
mod args;
mod banner;
mod guards;
mod sandbox;
mod share;
mod site;
mod watch;

pub(crate) use args::Args;
use sandbox::Enforced;

use crate::failure::Failure;
use log::LevelFilter;
use rustix::process::{Resource, getrlimit, setrlimit};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tinyhttp_server::{AnyHandler, Builder, Server, Stopper};
use watch::{Changes, Live};

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
    let users = args.guards.users()?;
    let urls = banner::urls(&builder.addresses(), &args.site.path());
    let browser = args.share.open(&urls);
    // Before there are other threads, which it would not hold.
    let enforced = shut_in(args)?;
    builder = args.bound(builder);
    if let Some(workers) = args.workers {
        builder = builder.workers(usize::from(workers));
    }
    if let Some(log) = args.log.open(args.quiet)? {
        builder = builder.access_log(log);
    }
    let (site, changes) = if args.watch.watch {
        let live = Live::new(files, &args.dir, args.log.file())?;
        let changes = live.changes();
        (AnyHandler::new(live), Some(changes))
    } else {
        (AnyHandler::new(files), None)
    };
    let server = builder
        .start(args.guard(site, users)?)
        .map_err(|error| cannot_start(&error))?;
    end_on_signals(server.stopper(), changes, args.quiet).map_err(|error| cannot_start(&error))?;
    if !args.quiet {
        say_where(&urls, args, enforced);
    }
    args.share.print(&urls);
    if let Some(browser) = browser {
        browser.look_after().map_err(|error| cannot_start(&error))?;
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

/// On unless it is refused; no rights are needed for it.
fn shut_in(args: &Args) -> Result<Enforced, Failure> {
    if args.no_sandbox {
        return Ok(Enforced::Nothing);
    }
    let readable = if args.site.leads_outside() {
        Path::new("/")
    } else {
        &args.dir
    };
    sandbox::enter(readable, args.log.folder()).map_err(|error| {
        Failure::new(
            format!("can't enter the sandbox: {error}"),
            "--no-sandbox serves without one",
        )
    })
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
fn end_on_signals(stopper: Stopper, changes: Option<Arc<Changes>>, quiet: bool) -> io::Result<()> {
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
            // Whoever waits for changes would wait for ever.
            changes.iter().for_each(|changes| changes.end());
            stopper.drain(GRACE);
            signals.next();
            stopper.stop();
        })?;
    Ok(())
}

fn say_where(urls: &[String], args: &Args, enforced: Enforced) {
    let mut out = io::stdout().lock();
    let dir = args.dir.canonicalize().unwrap_or_else(|_| args.dir.clone());
    let urls = urls.join("\n  ");
    // Nobody may be reading; the server serves all the same.
    let sandbox = match enforced {
        Enforced::All if args.site.leads_outside() => {
            "in a sandbox (Landlock): nothing can be written"
        }
        Enforced::All => "in a sandbox (Landlock): nothing else can be read, nothing written",
        Enforced::Some => "in a sandbox (Landlock) as far as this kernel has one",
        Enforced::Nothing => "without a sandbox",
    };
    let log = match args.log.file() {
        Some(_) if enforced == Enforced::All => ", but for the log",
        _ => "",
    };
    let _ = writeln!(
        out,
        "serving {}\n  {urls}\n{sandbox}{log}\nCtrl-C ends it",
        dir.display()
    )
    .and_then(|()| out.flush());
}

//! `tinyhttp serve`: a folder on the web, right now.
//!
//! 1. Bind the addresses. 2. Become another user, if that is wanted. 3. Open the folder, and make the Unix sockets. 4. Shut the
//!    process in. 5. Start the server. 6. Say where it is. 7. Serve until told to end.

mod access_log;
mod args;
mod banner;
mod guards;
mod listen;
mod log_process;
mod names;
mod own_log;
mod privileges;
mod sandbox;
mod service;
mod share;
mod signals;
mod site;
mod syscalls;
mod watch;

pub(crate) use args::Args;
use listen::Sockets;
pub(crate) use log_process::{is_meant as is_log_process, run as run_log_process};
use privileges::Inherited;
use sandbox::{Allowed, Enforced};

use crate::failure::Failure;
use access_log::LogFile;
use rustix::process::{Resource, getrlimit, setrlimit};
use signals::{Caught, Reload, Targets};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tinyhttp_server::{AnyHandler, Server};
use watch::Live;

pub(crate) fn run(args: &Args) -> ExitCode {
    own_log::start(args);
    match serve(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if args.log.is_json() => {
            let message = format!("{}: {}", failure.what(), failure.hint_text());
            // Without stderr there is no other place to report this.
            let _ = io::stderr().write_all(&own_log::json_line("error", &message));
            ExitCode::from(failure.code())
        }
        Err(failure) => failure.report(),
    }
}

fn serve(args: &Args) -> Result<(), Failure> {
    let inherited = Inherited::find();
    let users = args.guards.users()?;
    args.guards.warn_of_directories();
    let identity = args.service.identity()?;
    raise_descriptor_limit();
    let mut sockets = Sockets::default();
    let mut builder = args.listen(Server::builder(), &mut sockets)?;
    // Not earlier: it opens descriptors, which must not be taken for handed-down sockets.
    let caught = Caught::new().map_err(|error| cannot_start(&error))?;
    if let Some(identity) = identity {
        identity.assume()?;
    }
    let options = args
        .site
        .options()
        .replacement_hint(hint(args))
        .spa_hint("if the folder is a single-page application, --spa answers with its page");
    let options = match args.guards.resource_policy(&builder.addresses()) {
        Some(policy) => options.resource_policy(policy),
        None => options,
    };
    let files = options.open(&args.dir).map_err(|error| {
        Failure::new(
            error.to_string(),
            "name a folder that exists and that you may read: tinyhttp serve DIR",
        )
    })?;
    builder = args.listen_on_sockets(builder, &mut sockets)?;
    let addresses = builder.addresses();
    let urls = banner::urls(&addresses, &args.site.path());
    let browser = args.share.open(&urls);
    if !args.service.no_sandbox {
        privileges::drop_capabilities(privileges::TO_SERVE);
    }
    // Before the sandbox, from which no process can be started, and before other descriptors are closed: the path may
    // stand for one of them.
    let log_file = args.log.open_file(!args.service.no_sandbox)?;
    inherited.close();
    signals::block_job_control().map_err(|error| cannot_start(&error))?;
    // Before there are other threads, which it would not hold.
    let enforced = shut_in(args, &sockets)?;
    builder = args.service.bound(builder);
    if let Some(log) = args.log.open(args.quiet, log_file.as_ref())? {
        builder = builder.access_log(log);
    }
    let (site, changes) = if args.watch.watch {
        let live = Live::new(files, &args.dir, args.log.file())?;
        let changes = live.changes();
        (AnyHandler::new(live), Some(changes))
    } else {
        (AnyHandler::new(files), None)
    };
    let (site, users) = args.guard(site, users, &addresses)?;
    let server = builder.start(site).map_err(|error| cannot_start(&error))?;
    let targets = Targets {
        stopper: server.stopper(),
        changes,
        reload: Reload {
            log: log_file.clone(),
            guards: args.guards.clone(),
            users,
        },
    };
    caught.act(targets).map_err(|error| cannot_start(&error))?;
    // All threads are there that make other calls, and the banner must not promise what is still to be done.
    if !args.service.no_sandbox {
        syscalls::bound();
    }
    if !args.quiet {
        say_where(&urls, &sockets, args, enforced);
    }
    args.share.print(&urls);
    if let Some(browser) = browser {
        browser.look_after().map_err(|error| cannot_start(&error))?;
    }
    let ended = server.run().map_err(|error| cannot_start(&error));
    // All lines are written by now.
    log_file.iter().for_each(LogFile::close);
    ended
}

/// Whether the sandbox is to leave room for another folder in the place of the served one. A build that is watched may make one.
fn is_replaceable(args: &Args) -> bool {
    args.service.replaceable || args.watch.watch
}

/// Advice for when the sandbox keeps another folder from being served.
fn hint(args: &Args) -> &'static str {
    if args.service.no_sandbox || is_replaceable(args) {
        ""
    } else {
        "the sandbox was made for the first one. Restart the server, or start it with --replaceable, which lets it read what \
         lies beside the folder"
    }
}

/// The folders that hold the served one's name and, if that is a link, the one it leads to; nothing if it is to stay what it is.
fn surroundings(args: &Args) -> Vec<PathBuf> {
    if !is_replaceable(args) {
        return Vec::new();
    }
    let paths = [std::path::absolute(&args.dir), args.dir.canonicalize()];
    let paths = paths.into_iter().flatten();
    paths
        .map(|path| path.parent().unwrap_or(&path).to_owned())
        .collect()
}

/// The folder that a file is in.
fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn cannot_start(error: &io::Error) -> Failure {
    Failure::new(
        format!("can't start the server: {error}"),
        "close other programs, or raise the limits (ulimit -a)",
    )
}

/// On unless it is refused; no rights are needed for it.
fn shut_in(args: &Args, sockets: &Sockets) -> Result<Enforced, Failure> {
    if args.service.no_sandbox {
        return Ok(Enforced::Nothing);
    }
    let around = surroundings(args);
    let readable = match around.iter().map(AsRef::as_ref).collect::<Vec<_>>() {
        _ if args.site.leads_outside() => vec![Path::new("/")],
        none if none.is_empty() => vec![&*args.dir],
        around => around,
    };
    // Read again at SIGHUP. The file alone, unless another one may take its place.
    let auth_file = args.guards.auth_file();
    let auth_file = auth_file.map(|file| match args.service.replaceable {
        true => folder_of(file),
        false => file,
    });
    let allowed = Allowed {
        readable: readable
            .into_iter()
            .chain(auth_file)
            .chain(sandbox::TIME_ZONES.iter().map(Path::new))
            .collect(),
        log: None,
        sockets: sockets.folders(),
    };
    sandbox::enter(&allowed).map_err(|error| {
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

fn say_where(urls: &[String], sockets: &Sockets, args: &Args, enforced: Enforced) {
    let mut out = io::stdout().lock();
    let dir = args.dir.canonicalize().unwrap_or_else(|_| args.dir.clone());
    let places = [urls, &sockets.names].concat().join("\n  ");
    // Nobody may be reading; the server serves all the same.
    let sandbox = match enforced {
        Enforced::All if args.site.leads_outside() => {
            "in a sandbox (Landlock): nothing can be written"
        }
        Enforced::All if is_replaceable(args) => {
            "in a sandbox (Landlock): only it and what is beside it can be read, nothing written"
        }
        Enforced::All => "in a sandbox (Landlock): nothing else can be read, nothing written",
        Enforced::Some => "in a sandbox (Landlock) as far as this kernel has one",
        Enforced::Nothing => "without a sandbox",
    };
    let exceptions = match (args.log.file(), sockets.made.is_empty()) {
        _ if enforced != Enforced::All => "",
        (None, true) => "",
        (Some(_), true) => "; a process of its own writes the log",
        (None, false) => ", and nothing removed but in the socket's folder",
        (Some(_), false) => {
            ", and nothing removed but in the socket's folder; a process of its own writes the log"
        }
    };
    let root = match privileges::is_root() {
        true => "as root: --user NAME gives that up once the ports are bound\n",
        false => "",
    };
    let _ = writeln!(
        out,
        "serving {}\n  {places}\n{sandbox}{exceptions}\n{root}Ctrl-C ends it",
        dir.display()
    )
    .and_then(|()| out.flush());
}

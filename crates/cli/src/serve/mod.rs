//! `tinyhttp serve`: serves a directory until a signal ends it.
//!
//! The order of the steps matters, because each one gives up a right that the steps before it need:
//!
//! 1. Bind the ports. 2. Become another user, if `--user` names one. 3. Open the directory and bind
//!    the Unix sockets. 4. Start the processes that write the log, run programs and order
//!    certificates. 5. Enter the sandbox. 6. Start the server. 7. Filter system calls. 8. Print the
//!    banner. 9. Serve.
//!
//! | module | holds |
//! |---|---|
//! | `args` | the flags |
//! | `listen` | ports, Unix sockets, sockets passed by systemd |
//! | `identity` | the user of `--user` |
//! | `users`, `middleware`, `host_names` | passwords and the handlers around the files |
//! | `access_log`, `log_process`, `stderr_log` | the two logs |
//! | `spool` | the directory of temporary files |
//! | `own_process` | how the server's own processes are started |
//! | `cgi_process` | the process that runs programs for requests |
//! | `tls` | HTTPS; `no_tls` takes its place in a program without it |
//! | `privileges`, `sandbox`, `syscalls` | rights that the process gives up |
//! | `signals` | shutdown, reload and log rotation |
//! | `banner`, `browser` | what is printed, and the browser |
//! | `named_file` | short files that flags name |
//! | `watch` | live reload |

mod access_log;
mod args;
mod banner;
mod browser;
mod cgi_process;
mod host_names;
mod identity;
mod listen;
mod log_process;
mod middleware;
mod named_file;
#[cfg(not(feature = "tls"))]
mod no_tls;
mod own_process;
mod privileges;
mod sandbox;
mod signals;
mod spool;
mod stderr_log;
mod syscalls;
#[cfg(feature = "tls")]
mod tls;
mod users;
mod watch;

pub(crate) use args::Args;

use crate::failure::Failure;
use access_log::LogFile;
use args::Opened;
use listen::Sockets;
#[cfg(not(feature = "tls"))]
use no_tls as tls;
use privileges::Inherited;
use rustix::process::{Resource, getrlimit, setrlimit};
use signals::{Caught, Reload, Targets};
use std::ffi::OsStr;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use tinyhttp_server::gateway::Cgi;
use tinyhttp_server::middleware::Users;
use tinyhttp_server::{Builder, Files, Handler, Server};
use tls::Secured;
use watch::Live;

/// Runs as one of the server's own processes, if the program's name says so, and returns the exit
/// code.
pub(crate) fn run_process(name: Option<&OsStr>) -> Option<ExitCode> {
    if log_process::PROCESS.is_meant(name) {
        return Some(log_process::run());
    }
    if cgi_process::PROCESS.is_meant(name) {
        return Some(cgi_process::run());
    }
    tls::is_acme_process(name).then(tls::run_acme_process)
}

/// Serves until a signal ends it, and returns the exit code.
pub(crate) fn run(args: &Args) -> ExitCode {
    stderr_log::start(args.verbose, args.quiet, args.log.is_json());
    match serve(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if args.log.is_json() => {
            let message = format!("{}: {}", failure.what(), failure.hint_text());
            // Without stderr there is no other place to report this.
            let _ = io::stderr().write_all(&stderr_log::json_line("error", &message));
            ExitCode::from(failure.code())
        }
        Err(failure) => failure.report(),
    }
}

fn serve(args: &Args) -> Result<(), Failure> {
    let inherited = Inherited::find();
    let users = args.access.users()?;
    args.access.warn_of_directories();
    let identity = args.service.identity()?;
    raise_descriptor_limit();
    let mut sockets = Sockets::default();
    let mut builder = args.listen(Server::builder(), &mut sockets)?;
    // Not earlier: it opens descriptors, which must not be taken for sockets passed by systemd.
    let caught = Caught::new().map_err(|error| Failure::cannot_start(&error))?;
    // As the user that started it: root's keys are only for root.
    let mut secured = args.secured(&builder.local_addrs())?;
    if let Some(identity) = identity {
        identity.assume()?;
    }
    if let Some(secured) = &mut secured {
        builder = secured.secure(args, builder)?;
    }
    let files = open(args, &builder.local_addrs())?;
    let opened = args.gateway.open(args.cgi.patterns())?;
    spool::make_directory(args)?;
    builder = args.listen_on_sockets(builder, &mut sockets)?;
    let addresses = builder.local_addrs();
    let urls = banner::urls(args.scheme(), &addresses, &args.files.path());
    let browser = args.browser.open(&urls);
    let (log_file, cgi) = leave_rights(args, inherited)?;
    if let Some(secured) = &mut secured {
        secured.start_process()?;
    }
    // Before there are other threads, which it would not restrict.
    let enforced = sandbox::enter_for(args, &sockets)?;
    builder = args.service.limit(builder);
    if let Some(log) = args.log.open(args.quiet, log_file.as_ref())? {
        builder = builder.access_log(log);
    }
    let files = args
        .gateway
        .run_scripts(files, cgi.as_ref(), args.cgi.patterns(), &opened)?;
    let parts = (files, users, secured.as_ref(), &opened);
    let (server, targets) = start(args, builder, parts, &addresses, log_file.clone())?;
    caught
        .act(targets)
        .map_err(|error| Failure::cannot_start(&error))?;
    // All threads that make other calls have started, and the banner must not promise what is still
    // to be done.
    if !args.service.no_sandbox {
        syscalls::filter(args.gateway.forwards());
    }
    if !args.quiet {
        let secured = secured.map_or_else(Vec::new, |secured| secured.lines(&urls));
        banner::print(&urls, &sockets, args, (enforced, &secured));
    }
    args.browser.print(&urls);
    if let Some(browser) = browser {
        browser
            .wait_in_background()
            .map_err(|error| Failure::cannot_start(&error))?;
    }
    let ended = server.run().map_err(|error| Failure::cannot_start(&error));
    // All lines are written by now.
    log_file.iter().for_each(LogFile::close);
    ended
}

/// Opens the directory.
fn open(args: &Args, addresses: &[SocketAddr]) -> Result<Files, Failure> {
    let mut options = args
        .files
        .options(args.gateway.script_indexes(args.cgi.patterns()))
        .replacement_hint(replacement_hint(args))
        .spa_hint("if the directory is a single-page application, --spa answers with its page");
    if let Some(policy) = args.access.resource_policy(addresses) {
        options = options.resource_policy(policy);
    }
    options.open(&args.dir).map_err(|error| {
        Failure::new(
            error.to_string(),
            "name a directory that exists and that you may read: tinyhttp serve DIR",
        )
    })
}

/// Advice for a directory that was replaced while the sandbox permits reading the first one only.
fn replacement_hint(args: &Args) -> &'static str {
    if args.service.no_sandbox || args.is_replaceable() {
        ""
    } else {
        "the sandbox was made for the first one. Restart the server, or start it with --replaceable, \
         which lets it read what lies beside the directory"
    }
}

/// Gives up capabilities, inherited descriptors and the right to stop for the terminal, and starts
/// the processes that the sandbox would not let start: those of the log and of programs.
fn leave_rights(
    args: &Args,
    inherited: Inherited,
) -> Result<(Option<LogFile>, Option<Cgi>), Failure> {
    let is_sandboxed = !args.service.no_sandbox;
    if is_sandboxed {
        privileges::drop_capabilities(privileges::TO_SERVE);
    }
    // The sandbox lets no process start. The log's path may stand for an inherited descriptor.
    let log_file = args.log.open_file(is_sandboxed)?;
    let cgi = cgi_process::start(args)?;
    inherited.close();
    signals::block_job_control().map_err(|error| Failure::cannot_start(&error))?;
    Ok((log_file, cgi))
}

/// Starts the server with the handlers that the flags ask for.
fn start(
    args: &Args,
    builder: Builder,
    (files, users, secured, opened): (Files, Users, Option<&Secured>, &Opened),
    addresses: &[SocketAddr],
    log: Option<LogFile>,
) -> Result<(Server, Targets), Failure> {
    let (handler, changes): (Box<dyn Handler>, _) = if args.watch.watch {
        let live = Live::new(files, &args.dir, args.log.file())?;
        let changes = live.changes();
        (Box::new(live), Some(changes))
    } else {
        (Box::new(files), None)
    };
    let handler = args.gateway.wrap(handler, opened);
    let handler = match secured {
        Some(secured) => secured.wrap(args, handler)?,
        None => handler,
    };
    let names = secured.map_or_else(Vec::new, |secured| secured.names(args));
    let (handler, users) = args.with_middleware(handler, users, (addresses, names))?;
    let server = builder
        .start(handler)
        .map_err(|error| Failure::cannot_start(&error))?;
    let targets = Targets {
        shutdown: server.shutdown_handle(),
        changes,
        reload: Reload {
            log,
            access: args.access.clone(),
            users,
            tls: secured
                .and_then(|secured| secured.reload(args, &server))
                .map(Arc::new),
        },
    };
    Ok((server, targets))
}

/// Raises the soft limit on open files to the hard limit. Each connection needs a descriptor, and
/// shells usually allow 1,024 but let a program ask for more.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        log::debug!("the limit on open files stays as it is: {error}");
    }
}

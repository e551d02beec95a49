//! `tinyhttp get`: fetch URLs, readable on a terminal, exact in a pipe.
//!
//! In the order of a fetch:
//!
//! | module | question it answers |
//! |---|---|
//! | `args` | What was asked for? |
//! | `connection` | How is the server reached? |
//! | `transfer` | What happens with one URL? |
//! | `request` | What goes on the wire? |
//! | `fetch` | What does every step of a fetch need? |
//! | `attempt` | What can go wrong with an attempt, and is it retried? |
//! | `pump` | How does content get from the network to the output, and how fast? |
//! | `show` | How is a response shown as it arrives? |
//! | `download` | How is a file fetched that can be resumed? |
//! | `output` | Where do the bytes end up, and under which name? |
//! | `report` | What is reported about the fetch itself? |
//! | `gopher` | And what came before HTTP? |
//! | `failure` | What went wrong, and which exit code says so? |
//! | `properties` | What holds for any input? (tests and fuzz targets) |
//!
//! Imports point downwards: `transfer` → `show`, `download`, `gopher` → `fetch`, `pump`, `attempt`
//! → `report` → `request` → `output` → `args` → `failure`.

mod args;
mod attempt;
mod connection;
mod download;
mod failure;
mod fetch;
mod gopher;
mod output;
#[cfg(any(test, fuzzing))]
pub(crate) mod properties;
mod pump;
mod report;
mod request;
mod show;
mod transfer;

pub(crate) use args::{Args, ConnectionArgs};
pub(crate) use connection::builder as client_builder;

use crate::failure::Failure;
use crate::lock::Lock;
use args::Target;
use output::heads::HeadDump;
use output::progress::Progress;
use output::terminal::Console;
use request::secrets;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use transfer::Run;

/// Fetches every URL; the exit code is that of the last failure.
pub(crate) fn run(mut args: Args) -> ExitCode {
    match args.read().and_then(|()| fetch_all(&args)) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure.report(),
    }
}

fn fetch_all(args: &Args) -> Result<u8, Failure> {
    let console = Console::new(&args.output);
    let builder = connection::builder(&args.connection)?
        // `request` writes it, so that -H can take it out.
        .user_agent(None)
        .follow_redirects(args.request.location || args.request.location_trusted)
        // -1 is no limit.
        .max_redirects(u32::try_from(args.request.max_redirs).unwrap_or(u32::MAX))
        .trust_redirects(args.request.location_trusted)
        .referer_of_redirects(request::referer::is_automatic(&args.request))
        .https_redirects_only(!may_redirect_to_http(args))
        .timeouts(|timeouts| {
            // Nothing at all is too slow as well.
            if let Some(time) = args.download.speed_time.and_then(connection::seconds) {
                timeouts.stall = Some(timeouts.stall.map_or(time, |stall| stall.min(time)));
            }
        })
        .decompress(decompresses(args, console));
    let builder = match secrets::logins(&args.request)? {
        Some(logins) => builder.logins(logins),
        None => builder,
    };
    #[cfg(feature = "cookies")]
    let jar = request::cookies::open(args)?;
    #[cfg(feature = "cookies")]
    let builder = match &jar {
        Some(jar) => builder.cookies(jar.clone()),
        None => builder,
    };
    output::kept::set_quiet(args.output.silent);
    let progress = Progress::new(args);
    let heads = HeadDump::open(args, console)?;
    let run = Run {
        args,
        client: &builder.build(),
        console,
        progress: &progress,
        heads: heads.as_ref(),
        fetches: AtomicUsize::new(0),
    };
    let code = if args.download.parallel {
        fetch_in_parallel(&run)
    } else {
        fetch_in_turn(&run)
    };
    #[cfg(feature = "cookies")]
    if let Some(jar) = &jar {
        request::cookies::save(&args.request, jar)?;
    }
    Ok(code)
}

fn fetch_in_turn(run: &Run<'_>) -> u8 {
    let mut last = 0;
    for target in run.args.targets() {
        match fetch(run, target) {
            0 => {}
            code if run.args.download.fail_early => return code,
            code => last = code,
        }
    }
    last
}

/// Fetches in as many threads as there may be fetches at once; each takes the next URL when it is
/// done with one.
fn fetch_in_parallel(run: &Run<'_>) -> u8 {
    let most = usize::from(run.args.download.parallel_max);
    let threads = run.args.targets().take(most).count();
    let targets = Lock::new(run.args.targets().fuse());
    let failed = AtomicU8::new(0);
    let is_over = AtomicBool::new(false);
    let next = || targets.lock().next();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let Some(target) = next() else { break };
                    let code = fetch(run, target);
                    if code != 0 {
                        failed.store(code, Ordering::Relaxed);
                        is_over.fetch_or(run.args.download.fail_early, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    failed.into_inner()
}

/// Fetches one URL; its exit code.
fn fetch(run: &Run<'_>, target: Result<Target, Failure>) -> u8 {
    let Err(failure) = target.and_then(|target| run.transfer(&target)) else {
        return 0;
    };
    if !run.args.output.silent || run.args.output.show_error {
        failure.report();
    }
    failure.code()
}

fn may_redirect_to_http(args: &Args) -> bool {
    let request = &args.request;
    let schemes = request.proto_redir.as_ref().or(request.proto.as_ref());
    schemes.is_none_or(|schemes| schemes.has("http"))
}

/// People read text; a pipe gets what was sent unless it asks otherwise.
fn decompresses(args: &Args, console: Console) -> bool {
    let download = &args.download;
    let writes_files = download.remote_name || !download.output.is_empty() || args.lists_urls();
    let for_people = console.is_readable && !writes_files;
    (args.request.compressed || for_people) && !args.request.no_compressed
}

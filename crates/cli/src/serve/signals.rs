//! The signals that the server acts on.
//!
//! | signal | action |
//! |---|---|
//! | INT, TERM, QUIT | finish the requests in flight, then exit; a second one exits at once |
//! | HUP | reopen the log file, and read the users and the certificates again |
//! | USR1 | reopen the log file |
//! | USR2, ALRM, VTALRM, PROF, IO, PWR, XFSZ, TTIN, TTOU | none, unlike by default |
//!
//! PIPE and WINCH need nothing: Rust's runtime ignores the first, and the kernel the second.
//!
//! The kernel and the shell also send HUP when the terminal is closed. The server then exits as for
//! TERM; it recognises the case by its standard streams, which are terminals no longer.

use super::access_log::LogFile;
use super::args::AccessArgs;
#[cfg(not(feature = "tls"))]
use super::no_tls::TlsReload;
#[cfg(feature = "tls")]
use super::tls::TlsReload;
use super::watch::Changes;
use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXFSZ,
};
use signal_hook::iterator::Signals;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use tinyhttp_server::ShutdownHandle;
use tinyhttp_server::middleware::UsersHandle;

/// How long requests in flight may take after the first signal to end.
const GRACE: Duration = Duration::from_secs(10);

/// Requests that finish within this time after the first signal are not worth a log line.
const SETTLE: Duration = Duration::from_millis(150);

/// Signals that do nothing.
const IGNORED: [i32; 7] = [
    SIGUSR2,
    SIGALRM,
    SIGVTALRM,
    SIGPROF,
    SIGIO,
    SIGXFSZ,
    Signal::SIGPWR as i32,
];

/// The caught signals: from the moment this is created. The server acts on them when it runs.
pub(super) struct Caught {
    signals: Signals,
    /// The number of standard streams that were terminals at the start.
    terminals: usize,
}

/// What signals act on.
pub(super) struct Targets {
    pub(super) shutdown: ShutdownHandle,
    /// Event streams of --watch, which have to end first.
    pub(super) changes: Option<Arc<Changes>>,
    pub(super) reload: Reload,
}

/// What the server reads or opens again while it runs.
pub(super) struct Reload {
    pub(super) log: Option<LogFile>,
    /// The flags that name the users.
    pub(super) access: AccessArgs,
    /// `None` if no users were given at the start.
    pub(super) users: Option<UsersHandle>,
    /// `None` if there are no certificates to read.
    pub(super) tls: Option<Arc<TlsReload>>,
}

impl Caught {
    pub(super) fn new() -> io::Result<Self> {
        let acted_on = [SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1];
        Ok(Caught {
            signals: Signals::new(acted_on.iter().chain(&IGNORED))?,
            terminals: terminals(),
        })
    }

    /// Acts on the signals, in two threads of its own: reading the users may block on a slow disk,
    /// and the signals that end the server must not wait for that.
    pub(super) fn act(mut self, targets: Targets) -> io::Result<()> {
        let Targets {
            shutdown,
            changes,
            reload,
        } = targets;
        if let Some(tls) = reload.tls.clone() {
            if tls.orders() {
                let tls = Arc::clone(&tls);
                thread("challenges", move || tls.answer())?;
            }
            thread("certificates", move || tls.watch())?;
        }
        let (reload_on, signals_to_reload) = mpsc::channel();
        thread("reload", move || reload.run(&signals_to_reload))?;
        thread("signals", move || {
            let mut ending = false;
            for signal in self.signals.forever() {
                match signal {
                    SIGHUP if self.terminals > 0 && terminals() == 0 => {}
                    SIGHUP | SIGUSR1 => {
                        // The other thread ends only with the process.
                        let _ = reload_on.send(signal);
                        continue;
                    }
                    SIGINT | SIGTERM | SIGQUIT => {}
                    _ => {
                        log::debug!("signal {signal}: ignored");
                        continue;
                    }
                }
                if ending {
                    shutdown.abort();
                    continue;
                }
                ending = true;
                // Event streams would otherwise last until the grace period is over.
                changes.iter().for_each(|changes| changes.end());
                shutdown.shutdown(GRACE);
                let draining = shutdown.clone();
                // Without a thread for it, the server ends all the same.
                let _ = thread("drain", move || log_transfers(&draining, signal));
            }
        })
    }
}

/// Blocks the signals with which the kernel stops a background process that writes to its terminal,
/// so that log lines appear from the background. A handler would not do, because the kernel repeats
/// the signal at each write. Threads and programs inherit this from the calling thread.
pub(super) fn block_job_control() -> io::Result<()> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGTTIN);
    set.add(Signal::SIGTTOU);
    set.thread_block().map_err(io::Error::from)
}

impl Reload {
    fn run(self, signals: &Receiver<i32>) {
        for signal in signals {
            match &self.log {
                Some(log) => log.reopen(),
                None if signal == SIGUSR1 => {
                    log::info!("SIGUSR1: there is no log file to reopen; --log-file PATH sets one");
                }
                None => {}
            }
            if signal == SIGHUP {
                self.read_users();
                self.tls.iter().for_each(|tls| tls.hang_up());
            }
        }
    }

    /// Replaces the users by those that the flags name now. If one can't be read, the old ones
    /// stay.
    fn read_users(&self) {
        let Some(users) = &self.users else {
            if !self.tls.iter().any(|tls| tls.reads_files()) {
                log::info!("SIGHUP: there are no users to read again; --auth-file FILE sets them");
            }
            return;
        };
        match self.access.users_again() {
            Ok(read) => {
                users.replace(read);
                log::info!("SIGHUP: the users were read again");
            }
            Err(failure) => log::error!(
                "SIGHUP: the users stay as they were: {}; {}",
                failure.what(),
                failure.hint_text()
            ),
        }
    }
}

/// Logs how many transfers the server waits for before it exits; nothing if there are none.
fn log_transfers(shutdown: &ShutdownHandle, signal: i32) {
    std::thread::sleep(SETTLE);
    let again = match signal {
        SIGINT => "press Ctrl-C again to stop now",
        _ => "a second signal stops now",
    };
    match shutdown.in_flight() {
        0 => {}
        1 => log::info!("waiting for 1 transfer ({again})"),
        number => log::info!("waiting for {number} transfers ({again})"),
    }
}

/// Returns the number of standard streams that are terminals; a closed terminal is none.
fn terminals() -> usize {
    let streams = [
        io::stdin().is_terminal(),
        io::stdout().is_terminal(),
        io::stderr().is_terminal(),
    ];
    streams
        .into_iter()
        .filter(|is_terminal| *is_terminal)
        .count()
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    // Bcrypt and file reading need little; the log's formatting most of it.
    builder.stack_size(128 * 1024).spawn(run)?;
    Ok(())
}

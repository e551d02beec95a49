//! One program: its process, its streams, and its deadlines.

use super::options::CgiOptions;
use super::order::{FINISHED, Order, Report, is_variable};
use super::streams::{Streams, close};
use crate::script::Pattern;
use rustix::event::{PollFd, PollFlags};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// The PATH of programs, unless another one is set.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// How long a program may run on after its response is complete.
const GRACE: Duration = Duration::from_secs(5);

/// The time between SIGTERM and SIGKILL.
const TERM: Duration = Duration::from_secs(2);

/// The time by which the server is earlier to give up a silent program, and answers 504.
const LATER: Duration = Duration::from_secs(1);

/// A program that runs, or whose request has not ended.
#[derive(Debug)]
pub(super) struct Program {
    name: String,
    child: Child,
    pidfd: OwnedFd,
    control: OwnedFd,
    streams: Streams,
    stage: Stage,
    deadline: Option<Instant>,
    has_exited: bool,
    /// The server has ended the request.
    is_left: bool,
    /// The response was complete before that.
    is_finished: bool,
    /// A report has been sent.
    is_reported: bool,
}

/// What happens to a program at its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It has run for too long.
    Running,
    /// It is sent SIGTERM.
    Leaving,
    /// It is sent SIGKILL.
    Ending,
    /// Nothing more can be done.
    Killed,
}

/// Which programs may be run.
#[derive(Debug)]
pub(super) struct Permitted {
    root: PathBuf,
    patterns: Vec<Pattern>,
    follows_links_outside: bool,
}

impl Permitted {
    /// # Errors
    /// If the root is no directory, or a pattern is none.
    pub(super) fn new(options: &CgiOptions) -> io::Result<Self> {
        // Without a directory, no program could be run.
        options.root.canonicalize()?;
        let patterns = options.patterns.iter().map(|text| Pattern::parse(text));
        Ok(Permitted {
            root: std::path::absolute(&options.root)?,
            patterns: patterns
                .collect::<Result<_, _>>()
                .map_err(io::Error::other)?,
            follows_links_outside: options.follows_links_outside,
        })
    }

    /// The file of an order, if it may be run. The server has looked that up, too: this is for the
    /// day on which an attacker has control of it.
    fn file(&self, relative: &[u8]) -> io::Result<PathBuf> {
        let is_normal = |part: &[u8]| !matches!(part, b"" | b"." | b"..");
        let is_allowed = relative.split(|byte| *byte == b'/').all(is_normal)
            && self.patterns.iter().any(|it| it.matches(relative));
        let file = self.root.join(OsStr::from_bytes(relative));
        let real = file.canonicalize()?;
        // The root may have been replaced by another directory.
        let is_inside = self.follows_links_outside || real.starts_with(self.root.canonicalize()?);
        match is_allowed && is_inside && real.is_file() {
            true => Ok(file),
            false => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }
}

impl Program {
    /// Starts a program. The server learns why there is none.
    pub(super) fn start(
        order: &Order,
        (data, control): (OwnedFd, OwnedFd),
        permitted: &Permitted,
        options: &CgiOptions,
    ) -> Option<Self> {
        let permitted = permitted.file(&order.relative);
        let spawned = permitted.and_then(|file| spawn(order, &file, data.try_clone()?, options));
        match spawned {
            Ok((child, pidfd, streams)) => Some(Program {
                name: order.relative.escape_ascii().to_string(),
                child,
                pidfd,
                control,
                streams,
                stage: Stage::Running,
                deadline: Instant::now().checked_add(options.time + LATER),
                has_exited: false,
                is_left: false,
                is_finished: false,
                is_reported: false,
            }),
            Err(error) => {
                let report = Report::Refused(error.to_string()).write();
                // If the server has left, it need not know.
                let _ = send(&control, &report, SendFlags::NOSIGNAL);
                close(data);
                None
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Adds what has to be polled.
    pub(super) fn watch<'p>(&'p self, each: &mut impl FnMut(PollFd<'p>)) {
        if !self.is_left {
            each(PollFd::new(&self.control, PollFlags::IN));
        }
        if !self.has_exited {
            each(PollFd::new(&self.pidfd, PollFlags::IN));
        }
        self.streams.watch(each);
    }

    /// Does what is possible now. Returns whether the program and its request have not both ended.
    pub(super) fn advance(&mut self, now: Instant) -> bool {
        if !self.streams.run() && !self.is_reported {
            self.report(&Report::TooLong);
            self.terminate(now);
        }
        if !self.is_left && self.server_has_left() {
            self.is_left = true;
            self.leave(now);
        }
        if !self.has_exited {
            self.look_for_exit();
        }
        if self.has_exited && self.streams.has_ended() && self.streams.is_open() {
            self.streams.close();
        }
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.pass_deadline(now);
        }
        if !(self.has_exited && self.is_left) {
            return true;
        }
        self.reap();
        false
    }

    /// Whether the server has ended the request. A byte before that says how.
    fn server_has_left(&mut self) -> bool {
        let mut bytes = [0; 16];
        loop {
            match recv(&self.control, &mut bytes, RecvFlags::DONTWAIT) {
                Ok((0, _)) => return true,
                Ok((length, _)) => self.is_finished |= bytes[..length].contains(&FINISHED),
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return false,
                Err(_) => return true,
            }
        }
    }

    fn leave(&mut self, now: Instant) {
        self.streams.detach();
        match self.is_finished {
            true if self.stage == Stage::Running => {
                self.set(Stage::Leaving, now + GRACE);
            }
            true => {}
            false => self.terminate(now),
        }
    }

    fn look_for_exit(&mut self) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        // It stays a zombie until its request ends, so that no other process can get its number.
        let Ok(Some(status)) = waitid(WaitId::PidFd(self.pidfd.as_fd()), options) else {
            return;
        };
        self.has_exited = true;
        match (status.terminating_signal(), status.exit_status()) {
            (Some(number), _) => self.report(&Report::Signal(number as u8)),
            (None, code) => {
                if let Some(code) = code.filter(|code| *code != 0) {
                    log::warn!("{} has exited with status {code}", self.name);
                }
                self.report(&Report::Exited);
            }
        }
    }

    fn pass_deadline(&mut self, now: Instant) {
        match self.stage {
            Stage::Running => {
                log::warn!("{} has run for too long, and is ended", self.name);
                self.report(&Report::TooSlow);
                self.terminate(now);
            }
            Stage::Leaving => self.terminate(now),
            Stage::Ending => {
                self.kill(Signal::KILL);
                (self.stage, self.deadline) = (Stage::Killed, None);
            }
            Stage::Killed => self.deadline = None,
        }
    }

    /// Sends SIGTERM, unless that was done before.
    fn terminate(&mut self, now: Instant) {
        if matches!(self.stage, Stage::Running | Stage::Leaving) {
            self.kill(Signal::TERM);
            self.set(Stage::Ending, now + TERM);
        }
    }

    /// Ends the program and its children at once.
    pub(super) fn end(mut self) {
        self.kill(Signal::KILL);
        self.reap();
    }

    /// Reports to the server, once: the first report says why the program ends.
    fn report(&mut self, report: &Report) {
        if !std::mem::replace(&mut self.is_reported, true) {
            let _ = send(&self.control, &report.write(), SendFlags::NOSIGNAL);
        }
    }

    fn set(&mut self, stage: Stage, deadline: Instant) {
        (self.stage, self.deadline) = (stage, Some(deadline));
    }

    fn kill(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // If the group is empty, there is nothing to end.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Ends what is left of the process group, and the zombie with it.
    fn reap(&mut self) {
        self.kill(Signal::KILL);
        if let Err(error) = self.child.wait() {
            log::error!("{} can't be waited for: {error}", self.name);
        }
        self.streams.run();
        if let Some(messages) = self.streams.take_messages() {
            log::warn!("{}: {messages}", self.name);
        }
    }
}

/// Starts the process of a program.
fn spawn(
    order: &Order,
    file: &Path,
    data: OwnedFd,
    options: &CgiOptions,
) -> io::Result<(Child, OwnedFd, Streams)> {
    let (streams, theirs) = Streams::new(data, options.output)?;
    let mut command = Command::new(file);
    command
        .env_clear()
        .env("PATH", PATH)
        .envs(
            options
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        )
        .stdin(theirs.input)
        .stdout(theirs.output)
        .stderr(theirs.errors)
        .process_group(0);
    if let Some(directory) = file.parent() {
        command.current_dir(directory);
    }
    for (name, value) in order.variables.iter() {
        if is_variable(name) {
            command.env(OsStr::from_bytes(name), OsStr::from_bytes(value));
        }
    }
    let mut child = command.spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let opened = match pid {
        Some(pid) => pidfd_open(pid, PidfdFlags::empty()).map_err(io::Error::from),
        None => Err(io::ErrorKind::InvalidData.into()),
    };
    match opened {
        Ok(pidfd) => Ok((child, pidfd, streams)),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

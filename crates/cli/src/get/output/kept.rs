//! Ctrl-C during a download: one line says what was kept and how to continue.
//!
//! The first download installs a thread that waits for SIGINT and SIGTERM. It settles what lies on
//! the disk, prints the line, and lets the signal end the process as it would have.

use super::progress;
use super::temporary::Temporary;
use crate::lock::Lock;
use indicatif::HumanBytes;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::thread;

/// All downloads that are under way, and the state that the signal's thread may look at.
static ALL: Lock<Vec<Kept>> = Lock::new(Vec::new());
/// Held while files are created that `ALL` does not list yet.
static CREATING: Lock<()> = Lock::new(());
/// With `-s` nothing is printed.
static IS_QUIET: AtomicBool = AtomicBool::new(false);

/// A download that is under way.
#[derive(Clone)]
pub(in crate::get) struct Kept(Arc<Lock<State>>);

struct State {
    /// The file that has the bytes.
    path: PathBuf,
    /// Its temporary names; `None` for a file that grows under its own name.
    names: Option<Temporary>,
    length: u64,
    total: Option<u64>,
    is_resumable: bool,
    save: Option<Box<dyn Fn() -> u64 + Send>>,
}

impl Kept {
    /// Remembers a download until `forget`.
    pub(in crate::get) fn new(path: PathBuf, names: Option<Temporary>) -> Self {
        watch();
        let kept = Kept(Arc::new(Lock::new(State {
            path,
            names,
            length: 0,
            total: None,
            is_resumable: false,
            save: None,
        })));
        ALL.lock().push(kept.clone());
        kept
    }

    pub(in crate::get) fn set_length(&self, length: u64) {
        self.0.lock().length = length;
    }

    pub(in crate::get) fn set_version(&self, total: Option<u64>, is_resumable: bool) {
        let mut state = self.0.lock();
        (state.total, state.is_resumable) = (total, is_resumable);
    }

    /// How to write down the progress of segments, which returns the number of bytes that are
    /// there.
    pub(in crate::get) fn set_save(&self, save: impl Fn() -> u64 + Send + 'static) {
        self.0.lock().save = Some(Box::new(save));
    }

    /// Forgets the download while `settle` decides what becomes of its files, which no signal
    /// interrupts.
    pub(in crate::get) fn forget<T>(&self, settle: impl FnOnce() -> T) -> T {
        let mut all = ALL.lock();
        all.retain(|other| !Arc::ptr_eq(&other.0, &self.0));
        settle()
    }
}

/// Creates the files of a download, up to and with its [`Kept`]. A signal waits for that, because
/// it would leave files that are not listed yet.
pub(in crate::get) fn create<T>(create: impl FnOnce() -> T) -> T {
    watch();
    let _creating = CREATING.lock();
    create()
}

/// Whether the line is printed.
pub(in crate::get) fn set_quiet(is_quiet: bool) {
    IS_QUIET.store(is_quiet, Ordering::Relaxed);
}

/// What another run of the same command continues with, in words.
pub(in crate::get) fn summary(length: u64, total: Option<u64>, path: &std::path::Path) -> String {
    let (length, path) = (HumanBytes(length), path.display());
    match total {
        Some(total) => format!("{length} of {} are kept in {path}", HumanBytes(total)),
        None => format!("{length} are kept in {path}"),
    }
}

/// Waits for signals in a thread of its own.
fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let ignored = ignored();
        let signals = [SIGINT, SIGTERM].into_iter();
        let signals: Vec<_> = signals
            .filter(|signal| ignored & (1 << (signal - 1)) == 0)
            .collect();
        // Without the thread the signal ends the process as it does without a handler.
        let Ok(mut signals) = Signals::new(signals) else {
            return;
        };
        let wait = move || {
            for signal in signals.forever() {
                // Never given back: nothing is created, renamed or removed from here on.
                let _creating = CREATING.lock();
                let all = ALL.lock();
                stop(&all);
                let _ = emulate_default_handler(signal);
            }
        };
        let _ = thread::Builder::new().name("signals".into()).spawn(wait);
    });
}

/// The signals that the parent, nohup for example, has set to be ignored, as bits. They stay
/// ignored.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .unwrap_or(0)
}

/// Settles all downloads and prints the line.
fn stop(all: &[Kept]) {
    let (mut resumable, mut others) = (Vec::new(), Vec::new());
    for kept in all {
        let mut state = kept.0.lock();
        if let Some(save) = &state.save {
            state.length = save();
        }
        match (&state.names, state.length) {
            (Some(names), 0) => names.remove(),
            (Some(names), _) if !state.is_resumable => {
                names.remove_record();
                others.push(summary(state.length, state.total, &state.path));
            }
            (None, _) if !state.is_resumable => {}
            _ => resumable.push(summary(state.length, state.total, &state.path)),
        }
    }
    let mut parts = Vec::new();
    if !resumable.is_empty() {
        let resumable = resumable.join(", ");
        parts.push(format!(
            "{resumable}; run the same command again to continue"
        ));
    }
    if !others.is_empty() {
        let others = others.join(", ");
        parts.push(format!("{others}; the server offers no way to continue"));
    }
    if parts.is_empty() && !all.is_empty() {
        parts.push("nothing had arrived yet".to_owned());
    }
    if !parts.is_empty() && !IS_QUIET.load(Ordering::Relaxed) {
        progress::print_line(&format!("stopped: {}", parts.join("; ")));
    }
}

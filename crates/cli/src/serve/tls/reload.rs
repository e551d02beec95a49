//! Reading the certificates again: at SIGHUP, and half a second after the files have changed.
//!
//! The files are looked at instead of watched. A look follows links, so it notices whatever way a
//! file was replaced: written in place, renamed over, or by a link that leads elsewhere now, as
//! certbot and Kubernetes do it.

use super::acme::{AcmeProcess, Served};
use super::load;
use crate::lock::Lock;
use crate::serve::args::TlsArgs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tinyhttp_server::{Identity, Tls, TlsHandle};

/// How often the files are looked at, and how long they must not have changed.
const LOOK: Duration = Duration::from_millis(500);

/// How often is looked for the time at which a certificate that was made here has a successor.
const RARE_LOOK: Duration = Duration::from_secs(60 * 60);

/// What distinguishes versions of a file: device, inode, length, and when it was changed.
type Version = Option<(u64, u64, u64, i64, i64)>;

/// Where the certificates come from.
pub(super) enum Source {
    /// Files that flags name.
    Flags,
    /// They were made here; each takes the place of the one before it once it is valid.
    Made(Vec<Identity>),
    /// They are ordered.
    Acme(Arc<Served>),
}

/// Reads the files again and replaces what the server has.
pub(in crate::serve) struct TlsReload {
    args: TlsArgs,
    source: Source,
    /// The process that orders certificates.
    process: Option<Arc<AcmeProcess>>,
    handle: TlsHandle,
    /// Held while the files are read: the newest ones must win.
    reading: Lock<()>,
}

impl TlsReload {
    /// `None` if there are no files to read.
    pub(super) fn new(
        args: &TlsArgs,
        source: Source,
        process: Option<Arc<AcmeProcess>>,
        handle: TlsHandle,
    ) -> Option<Self> {
        let reload = TlsReload {
            args: args.clone(),
            source,
            process,
            handle,
            reading: Lock::new(()),
        };
        let changes = match &reload.source {
            Source::Made(made) => made.len() > 1,
            Source::Flags | Source::Acme(_) => false,
        };
        (changes || !reload.files().is_empty()).then_some(reload)
    }

    /// All files that are read again.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = self.args.files();
        if let Source::Acme(served) = &self.source {
            files.extend(served.files());
        }
        files
    }

    /// Reads the files at SIGHUP, and has certificates ordered again that failed.
    pub(in crate::serve) fn hang_up(&self) {
        if !self.files().is_empty() {
            self.reload("SIGHUP");
        }
        self.process.iter().for_each(|process| process.retry());
    }

    /// Reads the files. If one of them can't be used, everything stays as it is.
    fn reload(&self, why: &str) {
        let _reading = self.reading.lock();
        let identities = match &self.source {
            Source::Flags => None,
            Source::Made(made) => Some(current(made, SystemTime::now()).cloned().collect()),
            Source::Acme(served) => Some(served.identities()),
        };
        let loaded = match identities {
            None => load::load(&self.args),
            Some(identities) => {
                let tls = identities.into_iter().fold(Tls::default(), Tls::with);
                load::with_settings(tls, &self.args)
            }
        };
        let replaced =
            loaded.map_err(|failure| format!("{}; {}", failure.what(), failure.hint_text()));
        let replaced =
            replaced.and_then(|tls| self.handle.replace(&tls).map_err(|error| error.to_string()));
        match replaced {
            Ok(()) => log::info!("{why}: the certificates were read again"),
            Err(error) => log::error!("{why}: the certificates stay as they were: {error}"),
        }
    }

    /// Answers the challenges of the ACME server for as long as certificates are ordered.
    pub(in crate::serve) fn answer(&self) {
        let process = self.process.as_ref();
        process
            .iter()
            .for_each(|process| process.serve(&self.handle));
    }

    /// Whether certificates are ordered.
    pub(in crate::serve) fn orders(&self) -> bool {
        self.process.is_some()
    }

    /// Whether there are files to read again.
    pub(in crate::serve) fn reads_files(&self) -> bool {
        !self.files().is_empty()
    }

    /// Looks at the files, and at the time, for as long as the process runs.
    pub(in crate::serve) fn watch(&self) {
        let files = self.files();
        let pause = match files.is_empty() {
            true => RARE_LOOK,
            false => LOOK,
        };
        let not_before = || match &self.source {
            Source::Made(made) => current(made, SystemTime::now())
                .next()
                .map(Identity::not_before),
            Source::Flags | Source::Acme(_) => None,
        };
        let mut made = not_before();
        let look = || -> Vec<Version> { files.iter().map(|path| version(path)).collect() };
        let mut loaded = look();
        let mut before = loaded.clone();
        loop {
            std::thread::sleep(pause);
            if not_before() != made {
                self.reload("the certificate expires soon");
                made = not_before();
            }
            let now = look();
            if now != loaded && now == before {
                self.reload("changed files");
                loaded.clone_from(&now);
            }
            before = now;
        }
    }
}

/// The last one of certificates in order that is valid by now, or the first one.
fn current(made: &[Identity], now: SystemTime) -> impl Iterator<Item = &Identity> {
    let last = made.iter().rposition(|it| it.not_before() <= now);
    made.iter().skip(last.unwrap_or(0)).take(1)
}

fn version(path: &Path) -> Version {
    let found = path.metadata().ok()?;
    Some((
        found.dev(),
        found.ino(),
        found.len(),
        found.ctime(),
        found.ctime_nsec(),
    ))
}

/// The directories that the process must be able to read so that files can be read again: those of
/// the names, and those that links lead to.
pub(in crate::serve) fn directories(args: &TlsArgs) -> Vec<PathBuf> {
    let files = args.files();
    let targets: Vec<PathBuf> = files
        .iter()
        .filter_map(|path| path.canonicalize().ok())
        .collect();
    let all = files.iter().chain(&targets);
    let mut directories: Vec<PathBuf> = all
        .map(|path| crate::paths::directory_of(path).to_owned())
        .collect();
    directories.sort();
    directories.dedup();
    directories
}

#[cfg(test)]
mod tests {
    use super::*;
    use tinyhttp_server::{Authority, SelfSigned};

    #[test]
    fn successors_take_over_before_their_predecessors_expire() {
        let day = |days: u32| Duration::from_secs(24 * 60 * 60) * days;
        let signed = SelfSigned::new(&["localhost"]).unwrap();
        let authority = Authority::new("test", &[""; 0]).unwrap();
        let lists = [
            signed.successors(&["localhost"], 3).unwrap(),
            authority.successors(&["localhost"], 3).unwrap(),
        ];
        let first = [
            signed.identity().clone(),
            authority.sign(&["localhost"]).unwrap().identity().clone(),
        ];
        for (first, successors) in first.into_iter().zip(lists) {
            let made = [vec![first], successors].concat();
            let now = SystemTime::now();
            for days in 0..1400 {
                let then = now + day(days);
                let all: Vec<_> = current(&made, then).collect();
                assert_eq!(all.len(), 1);
                assert!(all[0].not_after() > then + day(28), "{days}");
                assert!(all[0].not_before() <= then, "{days}");
            }
            let pins: Vec<String> = made.iter().map(Identity::public_key_pin).collect();
            let is_same = pins.iter().all(|pin| *pin == pins[0]);
            assert_eq!(is_same, made[0].is_self_signed(), "a pin stays valid");
        }
        assert_eq!(current(&[], SystemTime::now()).count(), 0);
    }
}

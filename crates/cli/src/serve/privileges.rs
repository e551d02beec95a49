//! Rights that come with the process and that a server doesn't need: inherited descriptors and
//! capabilities.

use caps::{CapSet, Capability};
use rustix::process::geteuid;
use std::os::fd::RawFd;

/// The descriptors of the process when it starts, but for stdin, stdout, stderr and sockets that
/// systemd hands down.
///
/// A shell or a supervisor may leave some open by mistake; whoever takes the process over could use
/// them.
pub(super) struct Inherited(Vec<RawFd>);

impl Inherited {
    /// To be called before the process opens anything.
    pub(super) fn find() -> Self {
        let handed_down = std::env::var("LISTEN_FDS").ok();
        let handed_down = handed_down.and_then(|number| number.parse().ok());
        let first = 3 + handed_down.unwrap_or(0);
        let Ok(folder) = std::fs::read_dir("/proc/self/fd") else {
            return Inherited(Vec::new());
        };
        let names = folder.flatten().map(|entry| entry.file_name());
        let numbers = names.filter_map(|name| name.to_str()?.parse().ok());
        let mut open: Vec<RawFd> = numbers.filter(|number| *number >= first).collect();
        // The folder itself was among them, and is closed by now.
        open.retain(|number| std::fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok());
        Inherited(open)
    }

    /// Closes them. Options may name some of them (`--auth-file <(…)`), so this comes after those
    /// are read.
    pub(super) fn close(self) {
        for number in self.0 {
            log::debug!("closing the inherited descriptor {number}");
            // It may have been closed by its user.
            let _ = nix::unistd::close(number);
        }
    }
}

/// What root needs to serve files that belong to other users.
pub(super) const TO_SERVE: &[Capability] = &[Capability::CAP_DAC_READ_SEARCH];

/// Gives up all capabilities, but `kept` if this process runs as root.
///
/// A process that isn't root has none usually, but may have been given some to bind a port
/// (`setcap`).
pub(super) fn drop_capabilities(kept: &[Capability]) {
    let kept: caps::CapsHashSet = match is_root() {
        true => kept.iter().copied().collect(),
        false => caps::CapsHashSet::new(),
    };
    let drop_all = || -> Result<(), caps::errors::CapsError> {
        let has = caps::read(None, CapSet::Permitted)?;
        if has.contains(&Capability::CAP_SETPCAP) {
            for capability in caps::all().difference(&kept) {
                // Kernels that don't know a capability say so.
                let _ = caps::drop(None, CapSet::Bounding, *capability);
            }
        }
        caps::clear(None, CapSet::Ambient)?;
        caps::clear(None, CapSet::Inheritable)?;
        let kept = kept.intersection(&has).copied().collect();
        caps::set(None, CapSet::Effective, &kept)?;
        caps::set(None, CapSet::Permitted, &kept)
    };
    if let Err(error) = drop_all() {
        log::debug!("capabilities stay as they are: {error}");
    }
}

/// Whether this process runs as root.
pub(super) fn is_root() -> bool {
    geteuid().is_root()
}

//! Rights that a process inherits and a server doesn't need: descriptors and capabilities.

use caps::{CapSet, Capability};
use rustix::process::geteuid;
use std::os::fd::RawFd;

/// The descriptors of the process when it starts, without stdin, stdout, stderr and sockets passed
/// by systemd.
///
/// A shell or a supervisor may leave some open by mistake, and an attacker could use them.
pub(super) struct Inherited(Vec<RawFd>);

impl Inherited {
    /// Finds them. Must come before the process opens anything.
    pub(super) fn find() -> Self {
        let passed = std::env::var("LISTEN_FDS").ok();
        let passed = passed.and_then(|number| number.parse().ok());
        let first = 3 + passed.unwrap_or(0);
        let Ok(directory) = std::fs::read_dir("/proc/self/fd") else {
            return Inherited(Vec::new());
        };
        let names = directory.flatten().map(|entry| entry.file_name());
        let numbers = names.filter_map(|name| name.to_str()?.parse().ok());
        let mut open: Vec<RawFd> = numbers.filter(|number| *number >= first).collect();
        // The directory itself was among them, and is closed by now.
        open.retain(|number| std::fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok());
        Inherited(open)
    }

    /// Closes them. Flags may name some of them (`--auth-file <(…)`), so those are read first.
    pub(super) fn close(self) {
        for number in self.0 {
            log::debug!("closing the inherited descriptor {number}");
            // The code that read it may have closed it.
            let _ = nix::unistd::close(number);
        }
    }
}

/// The capability that root needs to serve files of other users.
pub(super) const TO_SERVE: &[Capability] = &[Capability::CAP_DAC_READ_SEARCH];

/// Gives up all capabilities; a process that runs as root keeps `kept`.
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

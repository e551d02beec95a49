//! Processes of the server's own: this program again, under another name.
//!
//! The name is the first argument (`argv[0]`). The standard input is a socket whose other end the
//! server has, and tells the process when the server ends.

use super::privileges::Inherited;
use nix::sys::prctl::set_name;
use nix::sys::signal::{SigSet, SigmaskHow};
use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// A process by its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct OwnProcess(&'static CStr);

impl OwnProcess {
    /// The process with this name.
    pub(super) const fn new(name: &'static CStr) -> Self {
        OwnProcess(name)
    }

    fn name(self) -> &'static OsStr {
        OsStr::from_bytes(self.0.to_bytes())
    }

    /// Whether the program was started as this process; `name` is the first argument.
    pub(super) fn is_meant(self, name: Option<&OsStr>) -> bool {
        name == Some(self.name())
    }

    /// Starts it with its end of the socket. Its environment is empty; `configure` adds to that,
    /// and gives the arguments.
    ///
    /// # Errors
    /// If it can't be started.
    pub(super) fn spawn(
        self,
        socket: impl Into<OwnedFd>,
        configure: impl FnOnce(&mut Command),
    ) -> io::Result<Child> {
        // Not by the program's name: it may have been replaced, or be out of reach for this user.
        let mut command = Command::new("/proc/self/exe");
        command.arg0(self.name()).env_clear().stdin(socket.into());
        configure(&mut command);
        // The process inherits the mask, so that no signal can end it before it blocks them itself.
        let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let child = command.spawn();
        before.thread_set_mask()?;
        child
    }

    /// Begins it, in the process itself: signals do not end it, and it is called by its name.
    /// Returns its end of the socket, and the descriptors that it has from the server.
    ///
    /// # Errors
    /// If the kernel refuses that.
    pub(super) fn begin(self) -> io::Result<(OwnedFd, Inherited)> {
        SigSet::all().thread_block()?;
        // Otherwise its name would be exe.
        set_name(self.0)?;
        let inherited = Inherited::find();
        Ok((io::stdin().as_fd().try_clone_to_owned()?, inherited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_by_its_whole_name() {
        let process = OwnProcess::new(c"tinyhttp-log");
        for (name, expected) in [
            ("tinyhttp-log", true),
            ("tinyhttp-logs", false),
            ("tinyhttp", false),
            ("/bin/tinyhttp-log", false),
            ("", false),
        ] {
            assert_eq!(process.is_meant(Some(OsStr::new(name))), expected, "{name}");
        }
        assert!(!process.is_meant(None));
    }
}

//! The file of a Unix socket: binding it, replacing it, and removing it.
//!
//! The file outlives the process that bound it. `bind` refuses a path that exists, so a server that
//! starts after a crash has to find out whether another process still listens there, and remove the
//! file if not.

use linux_raw_sys::general::{O_NOFOLLOW, O_PATH};
use rustix::io::ioctl_fionbio;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The file of a socket, which may have been replaced by the file of another one.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode, which tell whether the path still leads to this socket. They are unique
    /// while the socket is open; afterwards the inode may be reused.
    identity: (u64, u64),
}

/// What to do if another process listens at the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Fail.
    Refuse,
    /// Replace its socket. It keeps the connections that have already arrived.
    Replace,
}

impl SocketFile {
    /// Binds a socket to a path and listens there. The file of a socket on which no process listens
    /// is replaced.
    ///
    /// # Errors
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) if another process listens there and is not to be
    /// replaced; [`AlreadyExists`](io::ErrorKind::AlreadyExists) if the path is not a socket;
    /// otherwise the system's error.
    pub(crate) fn listen(
        path: &Path,
        mode: Option<u32>,
        taken: Taken,
        backlog: i32,
    ) -> io::Result<(OwnedFd, Self)> {
        match listen(path, path, mode, backlog) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            done => return done,
        }
        if !fs::symlink_metadata(path)?.file_type().is_socket() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "it exists and is not a socket",
            ));
        }
        match (is_alive(path)?, taken) {
            (true, Taken::Refuse) => Err(io::ErrorKind::AddrInUse.into()),
            (false, _) => {
                fs::remove_file(path)?;
                listen(path, path, mode, backlog)
            }
            // A rename is atomic: some socket listens at the path at every moment.
            (true, Taken::Replace) => {
                let mut new = path.as_os_str().to_owned();
                new.push(format!(".{}", std::process::id()));
                let made = listen(path, Path::new(&new), mode, backlog)?;
                fs::rename(&new, path).inspect_err(|_| drop(fs::remove_file(&new)))?;
                Ok(made)
            }
        }
    }

    /// Removes the file, if it still is that of this socket.
    pub(crate) fn remove(&self) {
        let is_ours = identity(&self.path).is_ok_and(|found| found == self.identity);
        if is_ours {
            if let Err(error) = fs::remove_file(&self.path) {
                log::warn!("can't remove the socket {}: {error}", self.path.display());
            }
        }
    }
}

/// Binds a socket to `at`, which will be renamed to `path`.
///
/// The mode is set on the socket before `bind` creates the file, so the file never has another
/// mode.
fn listen(
    path: &Path,
    at: &Path,
    mode: Option<u32>,
    backlog: i32,
) -> io::Result<(OwnedFd, SocketFile)> {
    // The standard library has the calls that concern a descriptor's inode for files only.
    let socket = File::from(stream()?);
    if let Some(mode) = mode {
        socket.set_permissions(Permissions::from_mode(mode))?;
    }
    net::bind(&socket, &SocketAddrUnix::new(at)?)?;
    if let Some(mode) = mode {
        restore_mode(at, socket.metadata()?.uid(), mode)?;
    }
    net::listen(&socket, backlog)?;
    let file = SocketFile {
        path: path.to_owned(),
        identity: identity(at)?,
    };
    Ok((socket.into(), file))
}

/// Restores the permissions that the umask removed when `bind` created the file for `owner`, whose
/// socket it is.
///
/// A descriptor of the file itself is used, because the path may lead to another file or a link by
/// now.
fn restore_mode(at: &Path, owner: u32, mode: u32) -> io::Result<()> {
    let name = OpenOptions::new()
        .read(true)
        .custom_flags((O_PATH | O_NOFOLLOW) as i32)
        .open(at)?;
    let made = name.metadata()?;
    let is_ours = made.file_type().is_socket() && made.uid() == owner;
    if is_ours && made.mode() & 0o777 != mode & 0o777 {
        let path = format!("/proc/self/fd/{}", name.as_raw_fd());
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// Whether a process listens there. One that is too busy to accept counts.
fn is_alive(path: &Path) -> io::Result<bool> {
    let socket = stream()?;
    ioctl_fionbio(&socket, true)?;
    let connected = net::connect(&socket, &SocketAddrUnix::new(path)?);
    match connected.map_err(io::Error::from) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        _ => Ok(true),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

/// A stream socket without an address.
fn stream() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

    fn listen(path: &Path, taken: Taken) -> io::Result<(OwnedFd, SocketFile)> {
        SocketFile::listen(path, Some(0o600), taken, 8)
    }

    #[test]
    fn a_name_is_free_stale_or_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let (free, file) = listen(&path, Taken::Refuse).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // More than the umask leaves, too.
        for mode in [0o666, 0o660, 0o777, 0] {
            let wide = folder.path().join(format!("{mode:o}"));
            let (_listening, _) = SocketFile::listen(&wide, Some(mode), Taken::Refuse, 8).unwrap();
            let made = fs::metadata(&wide).unwrap().permissions().mode();
            assert_eq!(made & 0o777, mode, "{mode:o}");
        }
        let taken = listen(&path, Taken::Refuse).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        drop((free, file));
        let (_stale, file) = listen(&path, Taken::Refuse).unwrap();
        UnixStream::connect(&path).unwrap();
        file.remove();
        assert!(!path.exists());
    }

    #[test]
    fn a_socket_in_use_can_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let (old, file) = listen(&path, Taken::Refuse).unwrap();
        let (new, _) = listen(&path, Taken::Replace).unwrap();
        file.remove();
        UnixStream::connect(&path).unwrap();
        net::accept(&new).unwrap();
        // Its queue holds only the connection of `is_alive`.
        ioctl_fionbio(&old, true).unwrap();
        net::accept(&old).unwrap();
        assert!(net::accept(&old).is_err());
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    #[test]
    fn other_files_and_sockets_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        for taken in [Taken::Refuse, Taken::Replace] {
            fs::write(&path, "precious").unwrap();
            let error = listen(&path, taken).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read(&path).unwrap(), b"precious");
        }
        fs::remove_file(&path).unwrap();
        // A full queue is no sign of death, nor is a socket of another type.
        let busy = UnixListener::bind(&path).unwrap();
        net::listen(&busy, 0).unwrap();
        let _waiting: Vec<_> = (0..2)
            .map(|_| {
                let socket = stream().unwrap();
                ioctl_fionbio(&socket, true).unwrap();
                let _ = net::connect(&socket, &SocketAddrUnix::new(&path).unwrap());
                socket
            })
            .collect();
        let error = listen(&path, Taken::Refuse).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        fs::remove_file(&path).unwrap();
        let _datagrams = UnixDatagram::bind(&path).unwrap();
        assert!(listen(&path, Taken::Refuse).is_err());
    }
}

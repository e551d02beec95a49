//! Reads a short file that a flag names, whatever kind of file it is.
//!
//! A pipe (`--tls-cert <(command)`) is read until its writers close it. A FIFO without a writer,
//! or a pipe that stays silent, must not hold up the server, and a device without an end must not
//! fill its memory.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// How long a pipe may be silent, in seconds.
const SILENCE: i64 = 5;

/// Reads a file of at most `longest` bytes.
///
/// # Errors
/// [`IsADirectory`](io::ErrorKind::IsADirectory), [`FileTooLarge`](io::ErrorKind::FileTooLarge),
/// [`TimedOut`](io::ErrorKind::TimedOut) for a silent pipe, and those of the system.
pub(super) fn read(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path)?;
    if file.metadata()?.is_dir() {
        let kind = io::ErrorKind::IsADirectory;
        return Err(io::Error::new(kind, "it is a directory"));
    }
    let mut bytes = Vec::new();
    let mut limited = (&file).take(longest + 1);
    loop {
        match limited.read_to_end(&mut bytes) {
            Ok(_) if bytes.len() as u64 > longest => {
                let kind = io::ErrorKind::FileTooLarge;
                let why = format!("it is longer than {longest} bytes");
                return Err(io::Error::new(kind, why));
            }
            Ok(_) => return Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => await_input(&file)?,
            Err(error) => return Err(error),
        }
    }
}

/// Blocks until more can be read.
fn await_input(file: &File) -> io::Result<()> {
    let timeout = Timespec {
        tv_sec: SILENCE,
        tv_nsec: 0,
    };
    match poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&timeout)) {
        Ok(0) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("nothing came out of it within {SILENCE} seconds"),
        )),
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, mkfifoat};
    use std::io::Write;
    use std::os::fd::AsRawFd;

    #[test]
    fn files_of_each_kind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let kind = |path: &Path, longest| read(path, longest).unwrap_err().kind();
        assert_eq!(kind(&path, 4), io::ErrorKind::NotFound);
        std::fs::write(&path, "1234").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"1234");
        assert_eq!(kind(&path, 3), io::ErrorKind::FileTooLarge);
        assert_eq!(kind(folder.path(), 4), io::ErrorKind::IsADirectory);
        let endless = Path::new("/dev/zero");
        assert_eq!(kind(endless, 4), io::ErrorKind::FileTooLarge);
        assert_eq!(read(Path::new("/dev/null"), 4).unwrap(), b"");
        let fifo = folder.path().join("fifo");
        mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
        assert_eq!(read(&fifo, 4).unwrap(), b"", "without a writer");
    }

    #[test]
    fn a_pipe_is_read_up_to_its_end() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let mut writer = File::from(writer);
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        let reading = std::thread::spawn(move || read(Path::new(&path), 1024 * 1024));
        for _ in 0..100 {
            writer.write_all(&[b'x'; 1000]).unwrap();
            std::thread::yield_now();
        }
        drop(writer);
        assert_eq!(reading.join().unwrap().unwrap().len(), 100_000);
    }
}

//! The process that writes the access log's file, so that the server itself needs no right to write
//! anything.
//!
//! The server starts it before it enters the sandbox, as the user that it goes on as, and then asks
//! it over a socket:
//!
//! | request | content | action |
//! |---|---|---|
//! | `L` | length (4 bytes, little-endian), lines | append the lines to the file |
//! | `R` | none | open the file's path again: the file has been moved away |
//!
//! Each request is answered by an error number (4 bytes, little-endian), 0 for success; one such
//! answer comes before the first request, when the file is open. So the server's writer still
//! learns of a full disk, keeps no more lines than it would keep for a file, and knows when all of
//! them are written.
//!
//! The process ignores the signals that end the server and ends when the server's end of the socket
//! is closed: after the last line, however the server ended. Its own sandbox lets it make and
//! append to files in the log's directory, and nothing else.

use super::own_process::OwnProcess;
use super::privileges;
use super::sandbox::{self, Allowed};
use super::syscalls;
use crate::paths::directory_of;
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};
use std::time::Duration;

/// The process.
pub(super) const PROCESS: OwnProcess = OwnProcess::new(c"tinyhttp-log");

/// Append lines.
const LINES: u8 = b'L';

/// Open the path again.
const REOPEN: u8 = b'R';

/// The most bytes of one request. The server's writer passes on at most 4 MiB and one line.
const LONGEST: usize = 16 * 1024 * 1024;

/// How long the end of the process may take once the server has closed the socket. A disk that
/// hangs is not waited for longer.
const LAST: Duration = Duration::from_secs(5);

/// The server's side: a process that has the file open.
#[derive(Debug)]
pub(super) struct LogProcess {
    socket: UnixStream,
    child: Child,
}

/// Why there is no process.
#[derive(Debug)]
pub(super) enum StartError {
    /// It could not be started.
    Process(io::Error),
    /// It could not open the file.
    File(io::Error),
}

impl LogProcess {
    /// Starts the process and waits until it has opened the file.
    pub(super) fn start(path: &Path) -> Result<Self, StartError> {
        let (socket, theirs) = UnixStream::pair().map_err(StartError::Process)?;
        let child = spawn(path, theirs).map_err(StartError::Process)?;
        let mut process = LogProcess { socket, child };
        match process.receive() {
            Ok(()) => Ok(process),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                // It has ended before it got as far as the file.
                let _ = process.child.wait();
                Err(StartError::Process(error))
            }
            Err(error) => Err(StartError::File(error)),
        }
    }

    /// Has whole lines appended to the file, and waits until they are.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let length = u32::try_from(lines.len()).map_err(io::Error::other)?;
        let mut request = vec![LINES];
        request.extend_from_slice(&length.to_le_bytes());
        let sent = self.socket.write_all(&request);
        let sent = sent.and_then(|()| self.socket.write_all(lines));
        sent.map_err(|error| has_ended(&error))?;
        self.receive().map_err(|error| has_ended(&error))
    }

    /// Has the path opened again, and waits until it is.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        let sent = self.socket.write_all(&[REOPEN]);
        sent.map_err(|error| has_ended(&error))?;
        self.receive().map_err(|error| has_ended(&error))
    }

    /// Closes the socket and waits for the process to end.
    pub(super) fn finish(&mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Write);
        let _ = self.socket.set_read_timeout(Some(LAST));
        // Its end of the socket is closed when it ends.
        if matches!(self.socket.read(&mut [0]), Ok(0)) {
            let _ = self.child.wait();
        }
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut number = [0; 4];
        self.socket.read_exact(&mut number)?;
        match i32::from_le_bytes(number) {
            0 => Ok(()),
            number => Err(io::Error::from_raw_os_error(number)),
        }
    }
}

/// Names the one error that no file has: the process is gone.
fn has_ended(error: &io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset => {
            io::Error::other("the process that writes it has ended; restart the server")
        }
        _ => io::Error::from_raw_os_error(error.raw_os_error().unwrap_or(Errno::IO.raw_os_error())),
    }
}

fn spawn(path: &Path, theirs: UnixStream) -> io::Result<Child> {
    PROCESS.spawn(theirs, |command| {
        command.arg(path).stderr(Stdio::null());
    })
}

/// The process itself: it writes what the server sends until there is no more.
pub(crate) fn run() -> ExitCode {
    let path = std::env::args_os().nth(1).map(PathBuf::from);
    match path.map(|path| serve(&path)) {
        Some(Ok(())) => ExitCode::SUCCESS,
        // The server sees the end of the socket.
        Some(Err(_)) | None => ExitCode::FAILURE,
    }
}

fn serve(path: &Path) -> io::Result<()> {
    let (socket, inherited) = PROCESS.begin()?;
    let mut socket = UnixStream::from(socket);
    let mut file = match append_to(path) {
        Ok(file) => file,
        Err(error) => return answer(&mut socket, Err(error)),
    };
    inherited.close();
    shut_in(path, &file)?;
    answer(&mut socket, Ok(()))?;
    let mut lines = Vec::new();
    while let Some(kind) = next_byte(&mut socket)? {
        let result = match kind {
            LINES => {
                receive(&mut socket, &mut lines)?;
                file.write_all(&lines)
            }
            REOPEN => append_to(path).map(|opened| file = opened),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        answer(&mut socket, result)?;
    }
    Ok(())
}

/// Leaves this process the log's directory, or the file alone if it is no regular one: that can't
/// be moved away.
fn shut_in(path: &Path, file: &File) -> io::Result<()> {
    privileges::drop_capabilities(&[]);
    let allowed = Allowed {
        log: Some(match file.metadata()?.is_file() {
            true => directory_of(path),
            false => path,
        }),
        ..Allowed::default()
    };
    sandbox::enter(&allowed).map_err(io::Error::other)?;
    syscalls::filter_for_log();
    Ok(())
}

/// Opens a log file to append to it.
pub(super) fn append_to(path: &Path) -> io::Result<File> {
    // Lines name visitors and what they asked for, which is nothing for every user of the machine
    // to read.
    let mut options = File::options();
    options.append(true).create(true).mode(0o640).open(path)
}

fn next_byte(socket: &mut UnixStream) -> io::Result<Option<u8>> {
    let mut byte = [0];
    loop {
        return match socket.read(&mut byte) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(byte[0])),
            // The server was killed with an answer unread.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
    }
}

/// Receives lines. Those of a server that was killed in the middle of them are kept as far as they
/// are whole.
fn receive(socket: &mut UnixStream, lines: &mut Vec<u8>) -> io::Result<()> {
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    lines.clear();
    socket.take(length as u64).read_to_end(lines)?;
    if lines.len() < length {
        let whole = lines.iter().rposition(|byte| *byte == b'\n');
        lines.truncate(whole.map_or(0, |last| last + 1));
    }
    Ok(())
}

fn answer(socket: &mut UnixStream, result: io::Result<()>) -> io::Result<()> {
    let number = match result {
        Ok(()) => 0,
        Err(error) => error.raw_os_error().unwrap_or(Errno::IO.raw_os_error()),
    };
    match socket.write_all(&number.to_le_bytes()) {
        // A server that was killed needs no answer, but what it sent before is still to be written.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        answered => answered,
    }
}

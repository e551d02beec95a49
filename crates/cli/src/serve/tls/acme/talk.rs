//! The process's end of the socket to the server.

use super::error::AcmeError;
use super::link::{self, Lines};
use serde_json::Value;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the server has said.
enum Said {
    /// The challenges are answered, or why not.
    Answering(Result<(), String>),
    Retry,
}

/// The socket.
pub(super) struct Talk {
    socket: UnixStream,
    said: Receiver<Said>,
    /// The server has asked to try again while something else was waited for.
    retries: bool,
}

impl Talk {
    /// Starts to listen to the server. The process ends when the server does.
    ///
    /// # Errors
    /// If there can't be a thread for it.
    pub(super) fn new(socket: UnixStream) -> io::Result<Self> {
        let mut lines = Lines::new(socket.try_clone()?);
        let (tell, said) = mpsc::channel();
        let listen = move || {
            while let Ok(Some(line)) = lines.next() {
                let said = match line {
                    line if line["retry"] == true => Said::Retry,
                    line => Said::Answering(match line["refused"].as_str() {
                        Some(why) => Err(why.to_owned()),
                        None => Ok(()),
                    }),
                };
                if tell.send(said).is_err() {
                    break;
                }
            }
            // Files are replaced at once, so that none is cut off.
            std::process::exit(0);
        };
        std::thread::Builder::new()
            .name("link".to_owned())
            .stack_size(128 * 1024)
            .spawn(listen)?;
        Ok(Talk {
            socket,
            said,
            retries: false,
        })
    }

    /// Sends a line without an answer.
    ///
    /// # Errors
    /// If the socket fails.
    pub(super) fn tell(&self, line: &Value) -> io::Result<()> {
        link::send(&self.socket, line)
    }

    /// Has the server answer challenges, and waits until it does.
    ///
    /// # Errors
    /// If it does not.
    pub(super) fn answer(&mut self, line: &Value) -> Result<(), AcmeError> {
        let failed = |why: &str| {
            AcmeError::of_directory(format!("the server answers no challenge: {why}"), "")
        };
        // An answer that came too late is none to this line.
        while let Ok(said) = self.said.try_recv() {
            self.retries |= matches!(said, Said::Retry);
        }
        self.tell(line)
            .map_err(|error| failed(&error.to_string()))?;
        loop {
            match self.said.recv_timeout(PATIENCE) {
                Ok(Said::Retry) => self.retries = true,
                Ok(Said::Answering(answered)) => return answered.map_err(|why| failed(&why)),
                Err(_) => return Err(failed("it says nothing")),
            }
        }
    }

    /// Waits. Returns whether the server has asked to try again.
    pub(super) fn wait(&mut self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while !std::mem::take(&mut self.retries) {
            let left = until.saturating_duration_since(Instant::now());
            match self.said.recv_timeout(left) {
                Ok(Said::Retry) => return true,
                Ok(Said::Answering(_)) => {}
                Err(RecvTimeoutError::Timeout) => return false,
                // The process ends at this moment.
                Err(RecvTimeoutError::Disconnected) => std::thread::park(),
            }
        }
        true
    }
}

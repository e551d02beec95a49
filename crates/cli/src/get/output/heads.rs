//! `-D`: the head of every response of a run, in the order in which they arrive.
//!
//! Interim responses, redirects, responses that are retried and a proxy's answer to CONNECT are
//! among them, and trailers. The file of `-D` is emptied once, when the run begins, and each head
//! is written as it arrives, so that it is there if the rest fails.

use super::destination::{create_parent, is_special};
use super::received::received;
use super::sink::{open_special, stderr_file, stdout_file};
use super::terminal::Console;
use crate::failure::Failure;
use crate::get::args::Args;
use crate::get::failure::write_failure;
use crate::lock::Lock;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use tinyhttp_client::trace::Event;

/// The file that `-D` names. Clones write to the same one.
#[derive(Clone)]
pub(in crate::get) struct HeadDump(Arc<Lock<State>>);

struct State {
    file: File,
    /// How the file is called in a message.
    name: String,
    /// Set for a terminal: with or without colours.
    colour: Option<bool>,
    /// The first error of a write, until it is reported.
    error: Option<io::Error>,
}

impl HeadDump {
    /// Opens the file and empties it; `None` without `-D`, or if nothing will be sent.
    pub(in crate::get) fn open(args: &Args, console: Console) -> Result<Option<Self>, Failure> {
        let Some(path) = &args.output.dump_header else {
            return Ok(None);
        };
        if args.output.dry_run {
            return Ok(None);
        }
        let is_stdout = path == Path::new("-");
        let is_stderr = path == Path::new("%");
        let name = match (is_stdout, is_stderr) {
            (true, _) => "to standard output".to_owned(),
            (_, true) => "to standard error".to_owned(),
            _ => path.display().to_string(),
        };
        let opened = if is_stdout {
            stdout_file()
        } else if is_stderr {
            stderr_file()
        } else if is_special(path) {
            open_special(path)
        } else {
            create_parent(&args.download, path).and_then(|()| File::create(path))
        };
        let file = opened.map_err(|error| write_failure(&name, &error))?;
        Ok(Some(HeadDump(Arc::new(Lock::new(State {
            file,
            name,
            colour: if is_stderr && io::stderr().is_terminal() {
                Some(console.stderr_colour)
            } else {
                (is_stdout && console.is_readable).then_some(console.stdout_colour)
            },
            error: None,
        })))))
    }

    /// Writes the head, if the event has one.
    pub(in crate::get) fn note(&self, event: &Event<'_>) {
        let Some(received) = received(event) else {
            return;
        };
        let mut state = self.0.lock();
        let result = match state.colour {
            Some(colour) => state.file.write_all(received.readable(colour).as_bytes()),
            None => state.file.write_all(received.bytes()),
        };
        if let Err(error) = result {
            state.error.get_or_insert(error);
        }
    }

    /// Reports a head that could not be written.
    pub(in crate::get) fn check(&self) -> Result<(), Failure> {
        let mut state = self.0.lock();
        match state.error.take() {
            Some(error) => Err(write_failure(&state.name, &error)),
            None => Ok(()),
        }
    }
}

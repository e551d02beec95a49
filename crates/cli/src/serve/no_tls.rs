//! What takes the place of `tls` in a program that is built without it: nothing.

use super::args::Args;
use crate::failure::Failure;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tinyhttp_server::{Builder, Handler, Server};

/// There is none.
pub(super) enum Secured {}

/// There is none.
pub(super) enum TlsReload {}

impl Secured {
    pub(super) fn secure(&mut self, _: &Args, _: Builder) -> Result<Builder, Failure> {
        match *self {}
    }

    pub(super) fn start_process(&mut self) -> Result<(), Failure> {
        match *self {}
    }

    pub(super) fn names(&self, _: &Args) -> Vec<String> {
        match *self {}
    }

    pub(super) fn lines(&self, _: &[String]) -> Vec<String> {
        match *self {}
    }

    pub(super) fn wrap(&self, _: &Args, _: Box<dyn Handler>) -> Result<Box<dyn Handler>, Failure> {
        match *self {}
    }

    pub(super) fn reload(&self, _: &Args, _: &Server) -> Option<TlsReload> {
        match *self {}
    }
}

impl TlsReload {
    pub(super) fn hang_up(&self) {
        match *self {}
    }

    pub(super) fn answer(&self) {
        match *self {}
    }

    pub(super) fn reads_files(&self) -> bool {
        match *self {}
    }

    pub(super) fn orders(&self) -> bool {
        match *self {}
    }

    pub(super) fn watch(&self) {
        match *self {}
    }
}

impl Args {
    pub(super) fn secured(&self, _: &[SocketAddr]) -> Result<Option<Secured>, Failure> {
        Ok(None)
    }

    pub(super) fn scheme(&self) -> &'static str {
        "http"
    }

    pub(super) fn bind_redirects(&self, builder: Builder) -> Result<Builder, Failure> {
        Ok(builder)
    }

    pub(super) fn hsts(&self) -> Option<String> {
        None
    }

    pub(super) fn tls_directories(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// There is none.
pub(super) fn is_acme_process(_: Option<&OsStr>) -> bool {
    false
}

/// There is none.
pub(super) fn run_acme_process() -> ExitCode {
    ExitCode::FAILURE
}

//! What runs the scripts of a directory as programs.

use super::launch::{Launch, Launcher};
use super::options::CgiOptions;
use super::supervisor::supervise;
use crate::gateway::buffering::Buffering;
use crate::gateway::codec::Protocol;
use crate::gateway::environment::{remove_addresses, script_environment, set_user};
use crate::gateway::forward::{Forward, Message, Plan, ResponseRules};
use crate::gateway::group::Group;
use crate::gateway::handover::handover;
use crate::gateway::network::{Network, is_from};
use crate::gateway::refusal::not_forwarded;
use crate::gateway::sent::{SentFiles, sent_files};
use crate::gateway::settings::Settings;
use crate::gateway::target::Target;
use crate::handler::{Receive, Reply};
use crate::interpreter::Interpreter;
use crate::page::error_page;
use crate::request::Request;
use crate::response::Response;
use crate::script::Script;
use http::StatusCode;
use rustix::fs::{Access, access};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Programs that wait for their turn, for each that may run.
const WAITING: usize = 4;

/// Runs the scripts of a directory as programs (CGI, RFC 3875), each for one request.
///
/// A program is started once the request's content has been received whole, so that slow clients
/// hold none of the places that programs have, and use up none of a program's time. It gets the
/// content on stdin and its variables in the environment, and writes the response to stdout. It has
/// no argument: the query is in QUERY_STRING alone. Its working directory is its own. A `Location`
/// that is a path is sent to the client like any other, and no program writes to the client's
/// connection itself (`nph-`). What a program writes to stderr goes into the log.
///
/// ```no_run
/// use tinyhttp_server::{Files, gateway::{Cgi, CgiOptions}};
///
/// let cgi = Cgi::start(CgiOptions::new("www").pattern("/cgi-bin"))?;
/// let files = Files::open("www")?.script("/cgi-bin", cgi);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Cgi {
    launcher: Arc<Launcher>,
    group: Arc<Group>,
    sent: Option<Arc<[SentFiles]>>,
    trusted: Arc<[Network]>,
    buffering: Arc<Buffering>,
}

impl Cgi {
    /// Starts a thread that supervises programs.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(options: CgiOptions) -> io::Result<Self> {
        let (socket, theirs) = Cgi::pair()?;
        let cgi = Cgi::connected(socket, &options);
        let thread = std::thread::Builder::new().name("programs".to_owned());
        thread.spawn(move || {
            if let Err(error) = supervise(theirs, &options) {
                log::error!("no program can be run anymore: {error}");
            }
        })?;
        Ok(cgi)
    }

    /// Has a supervisor elsewhere run programs: a process that calls [`supervise`] with the other
    /// end of the [`pair`](Cgi::pair) and the same options.
    #[must_use]
    pub fn connected(socket: OwnedFd, options: &CgiOptions) -> Self {
        let settings = Settings {
            response: options.time,
            ..Settings::default()
        };
        Cgi {
            launcher: Arc::new(Launcher::new(socket, options.processes * (1 + WAITING))),
            group: Arc::new(Group::of_programs(Target::programs(), settings)),
            sent: None,
            trusted: options.trusted.clone().into(),
            buffering: Arc::default(),
        }
    }

    /// Sets how the content of requests is received before programs are started: up to 1 GiB unless
    /// set, of which 64 KiB are kept in memory, and more goes to an unnamed temporary file.
    #[must_use]
    pub fn buffer_requests(mut self, buffering: Buffering) -> Self {
        self.buffering = Arc::new(buffering);
        self
    }

    /// Lets programs name files to send in the place of their own output, in `X-Accel-Redirect` or
    /// `X-Sendfile`. Unless this is set, these fields are removed, and not obeyed.
    #[must_use]
    pub fn send_files(mut self, files: impl IntoIterator<Item = SentFiles>) -> Self {
        self.sent = sent_files(files);
        self
    }

    /// The two ends of a connection with a supervisor.
    ///
    /// # Errors
    /// If there is no room for two more descriptors.
    pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
        let (flags, kind) = (SocketFlags::CLOEXEC, SocketType::SEQPACKET);
        Ok(socketpair(AddressFamily::UNIX, kind, flags, None)?)
    }

    fn forward(&self, mut request: Request<'_>, script: &Script) -> Reply<'static> {
        let mut variables = script_environment(&request, script);
        set_user(&mut variables, &request);
        if !is_from(&request, &self.trusted) {
            remove_addresses(&mut variables);
        }
        let length = request.body().length().unwrap_or_default();
        if length > 0 || !request.method().is_safe() {
            let mut number = itoa::Buffer::new();
            variables.add(b"CONTENT_LENGTH", number.format(length).as_bytes());
        }
        Reply::Forward(Forward(Box::new(Plan {
            group: Arc::clone(&self.group),
            method: request.method().clone(),
            version: request.version(),
            // The response is as in SCGI.
            protocol: Protocol::Scgi,
            message: Message::Environment {
                variables,
                program: Some(Box::new(Launch {
                    launcher: Arc::clone(&self.launcher),
                    relative: script.relative.clone(),
                })),
            },
            upgrade: None,
            key: 0,
            response: ResponseRules {
                files: handover(self.sent.as_ref(), &request),
                ..ResponseRules::default()
            },
            tried: Default::default(),
            body: std::mem::take(request.body_mut()),
        })))
    }
}

impl Interpreter for Cgi {
    fn run<'a>(&'a self, request: Request<'a>, script: Script) -> Reply<'a> {
        if let Some(response) = not_forwarded(&request) {
            return response.into();
        }
        // A file that was uploaded can't be executed.
        if access(script.file(), Access::EXEC_OK).is_err() {
            log::warn!("{} is not executable", script.file().display());
            let explanation = "This is not a program that can be run.";
            return Response::from(error_page(StatusCode::FORBIDDEN, explanation)).into();
        }
        if !request.body().is_unread() && request.body().length().is_some() {
            return self.forward(request, &script);
        }
        let (cgi, buffering) = (self.clone(), &*self.buffering);
        let receive = Receive::new(request, buffering.limit, move |request| {
            cgi.forward(request, &script)
        });
        let receive = receive.memory(buffering.memory);
        receive.directory(&buffering.directory).into()
    }
}

impl fmt::Debug for Cgi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cgi").finish_non_exhaustive()
    }
}

//! A handler that runs programs by the rules of CGI/1.1 (RFC 3875): the oldest way to make a page,
//! in any language.
//!
//! ```text
//! cgi [FOLDER [PORT [ADDRESS [SECONDS]]]]
//!
//! its own cgi-bin, 8080, 127.0.0.1 and ten seconds for each script unless given
//! ```
//!
//! 1. The path's first name is the script's; what follows it is for the script ([`find`]).
//! 2. The content is read to its end, since the script has to be told its length before it starts.
//! 3. The request becomes environment variables ([`environment`]).
//! 4. The script runs: bounded in time and output, with no shell between ([`process`]).
//! 5. What it printed becomes a response, or the path of another one ([`output`]).

mod environment;
mod failure;
mod find;
mod output;
mod process;

use failure::Failure;
use http::request::Parts;
use http::{Method, Response};
use output::Output;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use tinyhttp_server::{Body, Handler, Reply, Request, Server};

/// The most content that a script is given, in bytes.
const MOST_CONTENT: u64 = 1024 * 1024;

/// How often scripts may point to other scripts before an answer comes of it.
const MOST_REDIRECTS: u32 = 5;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/cgi/cgi-bin");
    let folder = arguments.next().unwrap_or(own.to_owned());
    let port = arguments.next().unwrap_or("8080".to_owned());
    let address = arguments.next().unwrap_or("127.0.0.1".to_owned());
    let seconds = arguments.next().unwrap_or("10".to_owned());
    if let Err(error) = serve(&folder, &address, &port, &seconds) {
        eprintln!("cgi: {folder} at {address}, port {port}: {error}");
        std::process::exit(1);
    }
}

fn serve(folder: &str, address: &str, port: &str, seconds: &str) -> io::Result<()> {
    let seconds = seconds.parse().map_err(io::Error::other)?;
    let scripts = Scripts {
        folder: PathBuf::from(folder).canonicalize()?,
        time: Duration::try_from_secs_f64(seconds).map_err(io::Error::other)?,
    };
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let address: IpAddr = address.parse().map_err(io::Error::other)?;
    // Each running script holds a thread that waits for it, so this is also the maximum number of
    // scripts.
    let server = Server::bind((address, port))?
        .max_threads(32)
        .start(scripts)?;
    println!("Listening at http://{}/", server.local_addrs()[0]);
    server.run()
}

/// A folder of programs.
struct Scripts {
    folder: PathBuf,
    /// The maximum time of a script.
    time: Duration,
}

impl Handler for Scripts {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        Reply::blocking(move || {
            self.answer(request).unwrap_or_else(|failure| {
                eprintln!("cgi: {failure}");
                failure.response()
            })
        })
    }
}

impl Scripts {
    fn answer(&self, request: Request<'_>) -> Result<Response<Body>, Failure> {
        let (mut head, body) = request.into_http().into_parts();
        let mut content = Vec::new();
        body.take(MOST_CONTENT + 1)
            .read_to_end(&mut content)
            .map_err(Failure::Content)?;
        if content.len() as u64 > MOST_CONTENT {
            return Err(Failure::TooMuchContent);
        }
        for _ in 0..=MOST_REDIRECTS {
            match self.run(&head, &content)? {
                Output::Response(response) => return Ok(*response),
                // The response is that of a GET for this path (RFC 3875 §6.2.2).
                Output::Elsewhere(path) => {
                    head.uri = path;
                    head.method = Method::GET;
                    content.clear();
                }
            }
        }
        Err(Failure::Circle)
    }

    fn run(&self, head: &Parts, content: &[u8]) -> Result<Output, Failure> {
        let script = find::find(&self.folder, head.uri.path())?;
        let environment = environment::environment(head, &script, content.len());
        let program = self.folder.join(&script.name);
        let printed = process::run(&program, environment, content, self.time)?;
        output::parse(&printed)
    }
}

//! Pages that are not files: each is made when it is asked for.
//!
//! ```text
//! dynamic [PORT [ADDRESS]]        8080 and 127.0.0.1 unless given; port 0 lets the system choose
//! ```
//!
//! What comes from the client is bounded before it is read, decoded once, and escaped where it is
//! put into a page.

mod form;
mod numbers;
mod page;

use chrono::Local;
use http::{Method, Response, StatusCode};
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use tinyhttp_server::{Body, Handler, Reply, Request, Server};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().unwrap_or("8080".to_owned());
    let address = arguments.next().unwrap_or("127.0.0.1".to_owned());
    if let Err(error) = serve(&address, &port) {
        eprintln!("dynamic: {address}, port {port}: {error}");
        std::process::exit(1);
    }
}

fn serve(address: &str, port: &str) -> io::Result<()> {
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let address: IpAddr = address.parse().map_err(io::Error::other)?;
    let builder = Server::bind((address, port))?;
    let server = builder.start(Site::default())?;
    println!("Listening at http://{}/", server.local_addrs()[0]);
    server.run()
}

/// What the pages share; requests come from many threads at once.
#[derive(Default)]
struct Site {
    visits: AtomicU64,
}

impl Handler for Site {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        Reply::blocking(move || self.page(request))
    }
}

impl Site {
    fn page(&self, mut request: Request<'_>) -> Response<Body> {
        match (request.path(), request.method()) {
            ("/", &Method::GET | &Method::HEAD) => self.home(),
            ("/hello", &Method::GET | &Method::HEAD) => hello(request.query().unwrap_or_default()),
            ("/hello", &Method::POST) => match form::read(request.body_mut()) {
                Ok(form) => hello(&form),
                Err(status) => page::page(status, "<h1>That is not a form that is read here</h1>"),
            },
            ("/numbers", &Method::GET | &Method::HEAD) => numbers::numbers(),
            ("/hello", _) => page::not_allowed("GET, HEAD, POST"),
            ("/" | "/numbers", _) => page::not_allowed("GET, HEAD"),
            _ => page::page(StatusCode::NOT_FOUND, "<h1>There is no such page</h1>"),
        }
    }

    fn home(&self) -> Response<Body> {
        let visits = self.visits.fetch_add(1, Ordering::Relaxed) + 1;
        let now = Local::now().format("%F %T");
        let content = format!(
            "<h1>It is {now}</h1><p>This page has been made {visits} times. <a href=numbers>Numbers</a>\
             <form action=hello method=post><input name=name aria-label=Name><button>Say hello</button></form>"
        );
        page::page(StatusCode::OK, &content)
    }
}

/// A form sent with GET is the query; sent with POST it is the content, written the same way.
fn hello(form: &str) -> Response<Body> {
    let name = form::value(form, "name").unwrap_or("world".to_owned());
    let content = format!("<h1>Hello, {}!</h1>", page::escaped(&name));
    page::page(StatusCode::OK, &content)
}

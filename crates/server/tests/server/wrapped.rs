//! Closures behind other handlers: their content is received without a thread, once the handlers
//! in front have let the request pass.

use crate::support::{Running, read_until};
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;
#[cfg(feature = "compression")]
use tinyhttp_server::middleware::Compression;
#[cfg(feature = "auth")]
use tinyhttp_server::middleware::{Auth, Users};
use tinyhttp_server::middleware::{Cors, Fields, HostCheck, Redirects};
use tinyhttp_server::{
    Builder, Error, Handler, Layer, Next, Reply, Request, Route, Router, Timeouts,
};

type Boxed = Box<dyn Handler>;

/// Its name, and how it wraps.
type Wrapper = (&'static str, fn(Boxed) -> Boxed);

/// Responds with the length of the content.
fn length(request: Request<'_>) -> Result<String, Error> {
    Ok(format!("{} bytes|", request.into_text(1 << 20)?.len()))
}

/// A layer that holds a thread while the handlers behind it work.
fn pass(request: Request<'_>, next: Next<'_>) -> impl tinyhttp_server::IntoResponse + use<> {
    next.run(request)
}

/// A layer that decides without waiting.
struct Through;

impl Layer for Through {
    fn handle<'a>(&'a self, request: Request<'a>, next: Next<'a>) -> Reply<'a> {
        next.handle(request)
    }
}

/// Everything that a handler can be behind. All requests are for paths below `/m/m/`.
fn wrappers() -> Vec<Wrapper> {
    vec![
        ("nothing", |inner| inner),
        ("fields", |inner| Box::new(Fields::new(inner))),
        ("cors", |inner| Box::new(Cors::new(inner, ["*"]).unwrap())),
        ("hosts", |inner| Box::new(HostCheck::new(inner, ["h"]))),
        ("redirects", |inner| {
            Box::new(Redirects::new(inner).with("/old", "/new").unwrap())
        }),
        #[cfg(feature = "compression")]
        ("compression", |inner| Box::new(Compression::new(inner))),
        #[cfg(feature = "auth")]
        ("auth", |inner| Box::new(Auth::new(inner, users(), ""))),
        #[cfg(feature = "auth")]
        ("auth layer", |inner| {
            let auth = Auth::layer(users(), "");
            Box::new(Router::new().with(auth).fallback(inner))
        }),
        ("route", |inner| {
            Box::new(Router::new().any("/m/{*rest}", inner))
        }),
        ("mount", |inner| Box::new(Router::new().mount("/m", inner))),
        ("fallback", |inner| Box::new(Router::new().fallback(inner))),
        ("layer, fallback", |inner| {
            Box::new(Router::new().with(Through).fallback(inner))
        }),
        ("closure, route", |inner| {
            Box::new(Router::new().with(pass).any("/m/{*rest}", inner))
        }),
        ("closure, mount", |inner| {
            Box::new(Router::new().with(pass).mount("/m", inner))
        }),
        ("closures, fallback", |inner| {
            Box::new(
                Router::new()
                    .with(pass)
                    .with(Through)
                    .with(pass)
                    .fallback(inner),
            )
        }),
    ]
}

#[cfg(feature = "auth")]
fn users() -> Users {
    let names = ('a'..='h').map(|name| format!("{name}:x"));
    names.fold(Users::new(), |users, line| users.plain(&line).unwrap())
}

/// At most four threads, of which two may block.
fn settings(builder: Builder) -> Builder {
    let patient = Timeouts {
        content: Duration::from_secs(600),
        ..Timeouts::default()
    };
    builder.workers(2).max_threads(4).timeouts(patient)
}

/// The names and passwords `a:x` to `h:x`, in Base64.
const CREDENTIALS: [&str; 8] = [
    "YTp4", "Yjp4", "Yzp4", "ZDp4", "ZTp4", "Zjp4", "Zzp4", "aDp4",
];

fn post(rest: &str) -> String {
    post_of(CREDENTIALS[0], rest)
}

fn post_of(credentials: &str, rest: &str) -> String {
    let fields = format!("Host: h\r\nAuthorization: Basic {credentials}");
    format!("POST /m/m/m/x HTTP/1.1\r\n{fields}\r\n{rest}")
}

#[test]
fn slow_uploads_behind_two_wrappers_hold_no_thread() {
    let wrappers = wrappers();
    for (outer, around) in &wrappers {
        for (inner, wrap) in &wrappers {
            let name = format!("{outer} / {inner}");
            let server = Running::as_it_is(settings, around(wrap(Box::new(length))));
            // Each is the first request of its user, whose password is checked before.
            let begin = |credentials: &&str| {
                let mut stream = server.connect();
                let rest = "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n";
                let head = post_of(credentials, rest);
                stream.write_all(head.as_bytes()).unwrap();
                let interim = read_until(&mut stream, "\r\n\r\n");
                assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n", "{name}");
                stream.write_all(b"ab").unwrap();
                stream
            };
            let mut uploads: Vec<TcpStream> = CREDENTIALS.iter().map(begin).collect();
            let answer = server.ask(&post("Content-Length: 0\r\nConnection: close\r\n\r\n"));
            assert!(answer.ends_with("0 bytes|"), "{name}: {answer}");
            for stream in &mut uploads {
                stream.write_all(b"cd").unwrap();
                let answer = read_until(stream, "|");
                assert!(answer.ends_with("\r\n\r\n4 bytes|"), "{name}: {answer}");
                // The connection can be used again.
                let chunked = post("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
                stream.write_all(chunked.as_bytes()).unwrap();
                let answer = read_until(stream, "|");
                assert!(answer.ends_with("\r\n\r\n3 bytes|"), "{name}: {answer}");
            }
        }
    }
}

/// A client that waits for `100 Continue` is refused without it.
#[test]
fn content_of_refused_requests_is_not_received() {
    let wrappers = wrappers();
    let refusals: Vec<(&str, Boxed, u16)> = vec![
        ("hosts", Box::new(HostCheck::new(length, ["other"])), 421),
        (
            "redirects",
            Box::new(Redirects::new(length).with("/m/*", "/n/*").unwrap()),
            307,
        ),
        #[cfg(feature = "auth")]
        (
            "auth",
            Box::new(Auth::new(length, Users::new().plain("bob:y").unwrap(), "")),
            401,
        ),
        (
            "method",
            Box::new(Router::new().get("/{*rest}", length)),
            405,
        ),
        ("path", Box::new(Router::new().get("/a", length)), 404),
    ];
    for (name, handler, status) in refusals {
        let server = Running::as_it_is(settings, handler);
        // The second time, what was found out about the request the first time is known.
        for _ in 0..2 {
            let answer = server.ask(&post("Content-Length: 4\r\nExpect: 100-continue\r\n\r\n"));
            let line = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&line), "{name}: {answer}");
        }
    }
    // Wrappers that let it pass ask for it.
    for (name, wrap) in &wrappers {
        let server = Running::as_it_is(settings, wrap(Box::new(length)));
        let mut stream = server.connect();
        let head = post("Content-Length: 4\r\nExpect: 100-continue\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let interim = read_until(&mut stream, "\r\n\r\n");
        assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n", "{name}");
        stream.write_all(b"abcd").unwrap();
        assert!(read_until(&mut stream, "|").ends_with("4 bytes|"), "{name}");
    }
}

/// The limit is that of the route, else of the innermost router, else of the server.
#[test]
fn the_nearest_limit_counts() {
    let table: Vec<(&str, Boxed, usize)> = vec![
        ("server", Box::new(HostCheck::new(length, ["h"])), 7),
        (
            "route",
            {
                let route = Route::new(Fields::new(length)).max_body(5);
                let app = Router::new().max_body(3).any("/{*rest}", route);
                Box::new(HostCheck::new(app, ["h"]))
            },
            5,
        ),
        (
            "fallback",
            Box::new(Router::new().max_body(3).fallback(length)),
            3,
        ),
        (
            "wrapped fallback",
            Box::new(
                Router::new()
                    .max_body(3)
                    .fallback(HostCheck::new(length, ["h"])),
            ),
            3,
        ),
        (
            "mount behind a closure",
            Box::new(
                Router::new()
                    .max_body(3)
                    .with(pass)
                    .mount("/m", Fields::new(length)),
            ),
            3,
        ),
        (
            "router behind a closure",
            Box::new(
                Router::new()
                    .max_body(3)
                    .with(pass)
                    .mount("/m", Router::new().max_body(6).fallback(length)),
            ),
            6,
        ),
        (
            "route of a router behind a closure",
            Box::new(Router::new().max_body(3).with(pass).mount(
                "/m",
                Router::new().any("/m/{*rest}", Route::new(length).max_body(4)),
            )),
            4,
        ),
    ];
    for (name, handler, limit) in table {
        let server = Running::as_it_is(|builder| settings(builder).max_body(7), handler);
        for (length, status) in [(limit, 200), (limit + 1, 413)] {
            let content = "x".repeat(length);
            let known = format!("Content-Length: {length}\r\n\r\n{content}");
            let chunked =
                format!("Transfer-Encoding: chunked\r\n\r\n{length}\r\n{content}\r\n0\r\n\r\n");
            for rest in [known, chunked] {
                let answer = server.ask(&post(&format!("Connection: close\r\n{rest}")));
                let line = format!("HTTP/1.1 {status} ");
                assert!(answer.starts_with(&line), "{name} {length}: {answer}");
            }
        }
    }
}

/// A router without a limit has that of the router around it, or of the server.
#[test]
fn a_router_without_a_limit_inherits_one() {
    let routes = || Router::new().any("/{*rest}", length);
    let table: Vec<(&str, Boxed, usize)> = vec![
        ("route", Box::new(routes()), 7),
        ("closure in front", Box::new(routes().with(pass)), 7),
        ("mount", Box::new(Router::new().mount("/m", routes())), 7),
        (
            "mount of a router with a limit",
            Box::new(Router::new().max_body(3).mount("/m", routes())),
            3,
        ),
        (
            "mount behind a closure",
            Box::new(Router::new().max_body(3).with(pass).mount("/m", routes())),
            3,
        ),
        (
            "closure in a mount",
            Box::new(Router::new().max_body(3).mount("/m", routes().with(pass))),
            3,
        ),
    ];
    for (name, handler, limit) in table {
        let server = Running::as_it_is(|builder| settings(builder).max_body(7), handler);
        for (length, status) in [(limit, 200), (limit + 1, 413)] {
            let content = "x".repeat(length);
            let length = format!("Connection: close\r\nContent-Length: {length}\r\n\r\n");
            let answer = server.ask(&post(&(length + &content)));
            let line = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&line), "{name}: {answer}");
        }
    }
    // The server's may be above that of other servers.
    let large = 3 << 20;
    let app = || {
        Router::new().any("/{*rest}", |request: Request<'_>| {
            Ok::<_, Error>(format!("{} bytes|", request.into_bytes(4 << 20)?.len()))
        })
    };
    for app in [app(), app().with(pass), Router::new().mount("/m", app())] {
        let server = Running::as_it_is(|builder| settings(builder).max_body(large), app);
        let head = format!("Connection: close\r\nContent-Length: {large}\r\n\r\n");
        let answer = server.ask(&post(&(head + &"x".repeat(large as usize))));
        assert!(answer.ends_with(&format!("{large} bytes|")), "{answer}");
    }
}

/// What is around a route sees that its content was refused, however it comes.
#[test]
fn the_response_to_refused_content_passes_all_that_is_around() {
    let closure = |request: Request<'_>, next: Next<'_>| {
        let response = next.run(request);
        let status = response.status().to_string();
        response.with_header("x-closure", status)
    };
    let fields = || Fields::layer().with("X-Fields: yes").unwrap();
    let app = || {
        Router::new()
            .max_body(5)
            .with(fields())
            .any("/{*rest}", length)
    };
    let table: Vec<(&str, Boxed, &[&str])> = vec![
        ("layer", Box::new(app()), &["X-Fields: yes"]),
        (
            "closure",
            Box::new(app().with(closure)),
            &["X-Fields: yes", "X-Closure: 413 Payload Too Large"],
        ),
        (
            "closures",
            Box::new(
                Router::new()
                    .with(closure)
                    .with(pass)
                    .with(fields())
                    .with(pass)
                    .any("/{*rest}", Route::new(length).max_body(5)),
            ),
            &["X-Fields: yes", "X-Closure: 413 Payload Too Large"],
        ),
        (
            "router around a router",
            Box::new(
                Router::new()
                    .with(fields())
                    .mount("/m", app().with(closure)),
            ),
            &["X-Fields: yes", "X-Closure: 413 Payload Too Large"],
        ),
        (
            "handlers",
            Box::new(
                Fields::new(HostCheck::new(app(), ["h"]))
                    .with("X-Around: yes")
                    .unwrap(),
            ),
            &["X-Fields: yes", "X-Around: yes"],
        ),
        (
            "origins",
            Box::new(Cors::new(app(), ["*"]).unwrap()),
            &["X-Fields: yes", "Access-Control-Allow-Origin: *"],
        ),
    ];
    let content = "123456";
    let requests = [
        format!("Content-Length: 6\r\n\r\n{content}"),
        "Content-Length: 6\r\nExpect: 100-continue\r\n\r\n".to_owned(),
        format!("Transfer-Encoding: chunked\r\n\r\n6\r\n{content}\r\n0\r\n\r\n"),
        format!("Content-Length: 100000\r\n\r\n{content}"),
    ];
    for (name, handler, lines) in table {
        let server = Running::as_it_is(settings, handler);
        for request in &requests {
            let fields = "Origin: http://a\r\nConnection: close\r\n";
            let answer = server.ask(&post(&format!("{fields}{request}")));
            assert!(answer.starts_with("HTTP/1.1 413 "), "{name}: {answer}");
            for field in lines {
                let line = format!("\r\n{field}\r\n");
                assert!(answer.contains(&line), "{name} {request} {field}: {answer}");
            }
        }
    }
    let response = app().call(Request::post("/m", content));
    assert_eq!(response.headers()["x-fields"], "yes");
    assert_eq!(response.status(), 413);
}

/// One connection carries content that has come with its head, and content that comes later.
#[test]
fn content_comes_with_its_head_or_later() {
    let server = Running::as_it_is(settings, Router::new().fallback(length));
    let mut stream = server.connect();
    let post = |length: usize, expect: &str| {
        format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n{expect}\r\n")
    };
    let expect = "Expect: 100-continue\r\n";
    for length in [0, 1, 16 * 1024, 16 * 1024 + 1, 100_000] {
        let content = "x".repeat(length);
        let end = format!("\r\n{length} bytes|");
        for expect in ["", expect] {
            let at_once = post(length, expect) + &content;
            stream.write_all(at_once.as_bytes()).unwrap();
            let answer = read_until(&mut stream, &end);
            let is_one = answer.matches("HTTP/1.1 ").count() == 1;
            assert!(is_one || length > 16 * 1024, "{answer}");
        }
        stream.write_all(post(length, expect).as_bytes()).unwrap();
        if length > 0 {
            read_until(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n");
        }
        stream.write_all(content.as_bytes()).unwrap();
        read_until(&mut stream, &end);
    }
    let pipelined = [post(3, "") + "abc", post(0, ""), post(2, "") + "de"].concat();
    stream.write_all(pipelined.as_bytes()).unwrap();
    for length in [3, 0, 2] {
        read_until(&mut stream, &format!("\r\n{length} bytes|"));
    }
}

/// A route that streams gets content as it comes, whatever is around its handler.
#[test]
fn a_route_streams_through_wrappers() {
    let first = |mut request: Request<'_>| {
        let mut byte = [0];
        std::io::Read::read_exact(request.body_mut(), &mut byte)?;
        Ok::<_, std::io::Error>(format!("first {}|", byte[0]))
    };
    let route = Route::new(Fields::new(HostCheck::new(first, ["h"]))).streams();
    let app = Router::new().with(Through).any("/m/{*rest}", route);
    let server = Running::as_it_is(settings, app);
    let mut stream = server.connect();
    stream
        .write_all(post("Content-Length: 100000\r\n\r\na").as_bytes())
        .unwrap();
    assert!(read_until(&mut stream, "|").ends_with("first 97|"));
}

/// An upstream server responds behind a password that is checked for the first time, and behind a
/// route, which has the content received before.
#[cfg(all(feature = "auth", feature = "gateway"))]
#[test]
fn requests_are_forwarded_once_they_are_let_pass() {
    use tinyhttp_server::gateway::Upstream;

    let behind = Running::as_it_is(settings, length);
    let upstream = || {
        let target = format!("http://{}", behind.address).parse().unwrap();
        Upstream::builder([target]).build()
    };
    let table: Vec<(&str, Boxed)> = vec![
        ("auth", Box::new(Auth::new(upstream(), users(), ""))),
        (
            "auth layer",
            Box::new(
                Router::new()
                    .with(Auth::layer(users(), ""))
                    .fallback(upstream()),
            ),
        ),
        ("route", Box::new(Router::new().any("/{*rest}", upstream()))),
        (
            "streaming route",
            Box::new(Router::new().any("/{*rest}", Route::new(upstream()).streams())),
        ),
    ];
    for (name, handler) in table {
        let server = Running::as_it_is(settings, handler);
        for rest in [
            "Content-Length: 4\r\n\r\nabcd",
            "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
        ] {
            let answer = server.ask(&post(&format!("Connection: close\r\n{rest}")));
            assert!(answer.starts_with("HTTP/1.1 200 "), "{name}: {answer}");
            assert!(answer.contains("4 bytes|"), "{name}: {answer}");
        }
    }
}

//! Every kind of response and of client.

use super::Compression;
use crate::body::{Body, SendError};
use crate::handler::{Handler, Reply};
use crate::memory_content::MemoryContent;
use crate::request::Request;
use crate::response::Response;
use crate::router::Router;
use http::{HeaderValue, Method, StatusCode};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, mpsc};
use tinyhttp_message::negotiate::Coding;

const CODINGS: [Coding; 3] = [Coding::Br, Coding::Zstd, Coding::Gzip];

/// What can be decoded of a beginning of compressed content.
fn decode(coding: Coding, bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut decoder: Box<dyn Read + '_> = match coding {
        Coding::Br => Box::new(brotli::Decompressor::new(bytes, 4096)),
        Coding::Zstd => Box::new(zstd::stream::read::Decoder::new(bytes).unwrap()),
        Coding::Gzip => Box::new(flate2::read::GzDecoder::new(bytes)),
        Coding::Identity => Box::new(bytes),
    };
    let mut piece = [0; 1000];
    while let Ok(length @ 1..) = decoder.read(&mut piece) {
        decoded.extend_from_slice(&piece[..length]);
    }
    decoded
}

fn text() -> String {
    (0..2000).map(|line| format!("line {line}\n")).collect()
}

/// Content of every kind, each of which is `text()`.
fn kinds(path: &str) -> Response {
    let body = match path {
        "/bytes" => Body::from(text()),
        "/file" => {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text().as_bytes()).unwrap();
            Body::file(Arc::new(file), 0, text().len() as u64)
        }
        "/reader" => Body::reader(io::Cursor::new(text()), None),
        "/stream" => Body::stream(|out| {
            for line in text().lines() {
                writeln!(out, "{line}")?;
            }
            out.trailer("x-sum", "1")
        }),
        "/channel" => {
            let (sender, body) = Body::channel();
            // Some are sent before the layer sees the response, and some after.
            sender.send(text()[..100].to_owned()).unwrap();
            std::thread::spawn(move || {
                for piece in text().as_bytes()[100..].chunks(1000) {
                    sender.send(piece.to_vec()).unwrap();
                }
                sender.trailer("x-sum", "1").unwrap();
            });
            body
        }
        _ => panic!("{path}"),
    };
    Response::text(body).with_header("etag", "\"a\"")
}

const KINDS: [&str; 5] = ["/bytes", "/file", "/reader", "/stream", "/channel"];

/// Responds without blocking.
struct Ready;

impl Handler for Ready {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        kinds(request.path()).into()
    }
}

#[test]
fn content_of_every_kind_is_what_it_was() {
    let app = Router::new()
        .with(Compression::layer())
        .mount("/", |request: Request<'_>| kinds(request.path()));
    let ready = Compression::new(Ready);
    for path in KINDS {
        for coding in CODINGS {
            let request = || Request::get(path).with_header("accept-encoding", coding.as_str());
            for response in [app.call(request()), ready.handle(request()).response()] {
                let mut response = response;
                let is_gzip_only = path == "/channel" && coding != Coding::Gzip;
                let applied = if is_gzip_only {
                    Coding::Identity
                } else {
                    coding
                };
                let fields = response.headers();
                let named = fields
                    .get("content-encoding")
                    .map(|name| name.to_str().unwrap());
                let want = (applied != Coding::Identity).then_some(coding.as_str());
                assert_eq!(named, want, "{path} {coding}");
                assert_eq!(fields["vary"], "Accept-Encoding");
                let tag = if want.is_some() { "W/\"a\"" } else { "\"a\"" };
                assert_eq!(fields["etag"], tag);
                let mut content = Vec::new();
                response.body_mut().read_to_end(&mut content).unwrap();
                let decoded = decode(applied, &content);
                assert!(decoded == text().into_bytes(), "{path} {coding}");
                assert!(is_gzip_only || content.len() < text().len() / 2);
                let has_trailer = matches!(path, "/stream" | "/channel");
                assert_eq!(
                    response.body().trailers().contains_key("x-sum"),
                    has_trailer
                );
            }
        }
    }
}

#[test]
fn some_responses_are_left_as_they_are() {
    let long = || Response::text("x".repeat(5000));
    let with = move |name: &'static str, value: &'static str| long().with_header(name, value);
    let multi = "no-cache, No-Transform";
    // What is the response, is it compressed, and does it vary.
    type Make = Box<dyn Fn() -> Response + Send + Sync>;
    let table: [(&str, Make, bool, bool); 15] = [
        ("text", Box::new(long), true, true),
        (
            "an error",
            Box::new(move || long().with_status(StatusCode::NOT_FOUND)),
            true,
            true,
        ),
        (
            "short",
            Box::new(|| Response::text("x".repeat(511))),
            false,
            false,
        ),
        (
            "an image",
            Box::new(move || with("content-type", "image/png")),
            false,
            false,
        ),
        (
            "json",
            Box::new(move || with("content-type", "application/json")),
            true,
            true,
        ),
        (
            "no type",
            Box::new(|| Response::new("x".repeat(5000))),
            false,
            false,
        ),
        (
            "coded",
            Box::new(move || with("content-encoding", "br")),
            false,
            false,
        ),
        (
            "no-transform",
            Box::new(move || with("cache-control", multi)),
            false,
            false,
        ),
        (
            "a digest",
            Box::new(move || with("content-digest", "sha-256=:x:")),
            false,
            false,
        ),
        (
            "204",
            Box::new(move || long().with_status(StatusCode::NO_CONTENT)),
            false,
            false,
        ),
        (
            "205",
            Box::new(move || long().with_status(StatusCode::RESET_CONTENT)),
            false,
            false,
        ),
        (
            "206",
            Box::new(move || long().with_status(StatusCode::PARTIAL_CONTENT)),
            false,
            true,
        ),
        (
            "416",
            Box::new(move || with("content-range", "bytes */5")),
            false,
            false,
        ),
        ("events", Box::new(|| Response::sse().1), false, false),
        ("random", Box::new(|| Response::text(noise())), false, true),
    ];
    for (what, make, is_compressed, varies) in table {
        let app = Router::new()
            .with(Compression::layer())
            .get("/", move |_: Request<'_>| make());
        let accepts = Request::get("/").with_header("accept-encoding", "gzip, br");
        let response = app.call(accepts);
        let fields = response.headers();
        let coding = fields.get("content-encoding").map(HeaderValue::as_bytes);
        let was_coded = what == "coded";
        assert_eq!(coding.is_some(), is_compressed || was_coded, "{what}");
        assert_eq!(fields.contains_key("vary"), varies, "{what}");
    }
}

/// Bytes that no compressor makes smaller.
fn noise() -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(5000).collect()
}

#[test]
fn a_client_gets_what_it_accepts() {
    let app = Router::new()
        .with(Compression::layer())
        .get("/", |_: Request<'_>| {
            Response::text(text()).with_header("vary", "Origin, accept-encoding")
        });
    let table = [
        (None, None),
        (Some(""), None),
        (Some("identity"), None),
        (Some("gzip;q=0"), None),
        (Some("deflate"), None),
        (Some("gzip;q=0.5, br;q=0.1"), Some("gzip")),
        (Some("gzip, br, zstd"), Some("br")),
        (Some("*"), Some("br")),
    ];
    for (accepted, want) in table {
        let request = Request::get("/");
        let request = match accepted {
            Some(accepted) => request.with_header("accept-encoding", accepted),
            None => request,
        };
        let response = app.call(request);
        let coding = response.headers().get("content-encoding");
        assert_eq!(
            coding.map(|coding| coding.to_str().unwrap()),
            want,
            "{accepted:?}"
        );
        assert_eq!(response.headers()["vary"], "Origin, accept-encoding");
        assert_eq!(response.headers().get_all("vary").iter().count(), 1);
    }
}

/// HEAD has the fields of GET, but for the length, which is not known (RFC 9110 §9.3.2).
#[test]
fn head_has_the_fields_of_get() {
    let app = Router::new()
        .with(Compression::layer())
        .get("/", |_: Request<'_>| kinds("/bytes"))
        .get("/stream", |_: Request<'_>| {
            Response::text(Body::stream(|_| panic!("it runs")))
        });
    for path in ["/", "/stream"] {
        let request = Request::build(Method::HEAD, path, ()).with_header("accept-encoding", "br");
        let response = app.call(request);
        assert_eq!(response.headers()["content-encoding"], "br");
        assert_eq!(response.body().length(), None);
    }
}

#[test]
fn a_client_revalidates_with_the_weak_tag() {
    let app = Router::new()
        .with(Compression::layer())
        .get("/", |request: Request<'_>| {
            let text_type = HeaderValue::from_static("text/plain");
            let content = MemoryContent::new(text_type, text());
            request.serve(content.with_etag(HeaderValue::from_static("\"a\"")))
        });
    let ask = |name: &str, value: &str| {
        let request = Request::get("/").with_header("accept-encoding", "gzip");
        app.call(request.with_header(name, value))
    };
    let first = ask("x", "y");
    assert_eq!(first.headers()["etag"], "W/\"a\"");
    assert!(!first.headers().contains_key("accept-ranges"));
    for (known, tag) in [
        ("W/\"a\"", "W/\"a\""),
        ("\"x\", W/\"a\"", "W/\"a\""),
        ("\"a\"", "\"a\""),
    ] {
        let fresh = ask("if-none-match", known);
        assert_eq!(fresh.status(), 304, "{known}");
        assert_eq!(fresh.headers()["etag"], tag, "{known}");
        assert_eq!(fresh.headers().contains_key("vary"), tag.starts_with('W'));
    }
    let part = ask("range", "bytes=0-4");
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["vary"], "Accept-Encoding");
    assert_eq!(part.into_text().unwrap(), "line ");
}

/// What a compressor has made of a piece can be decoded before the next one.
#[test]
fn pieces_are_not_held_back() {
    let (let_go, release) = mpsc::channel::<()>();
    let release = Mutex::new(release);
    let pieces = ["first\n".repeat(50), "second\n".repeat(50)];
    let [first, second] = pieces.clone();
    let table: [(&str, Body); 2] = {
        let (sender, channel) = Body::channel();
        let (one, two) = (first.clone(), second.clone());
        let stream = Body::stream(move |out| {
            out.write_all(one.as_bytes())?;
            out.flush()?;
            release.lock().unwrap().recv().unwrap();
            out.write_all(two.as_bytes())
        });
        sender.send(first.clone()).unwrap();
        let later = second.clone();
        std::thread::spawn(move || {
            // Until the first one was read, nothing follows.
            while sender.send("") == Err(SendError::Full) {}
            sender.send(later).unwrap();
        });
        [("stream", stream), ("channel", channel)]
    };
    for (what, body) in table {
        let once = Mutex::new(Some(body));
        let app = Router::new()
            .with(Compression::layer())
            .get("/", move |_: Request<'_>| {
                Response::text(once.lock().unwrap().take().unwrap())
            });
        let mut response = app.call(Request::get("/").with_header("accept-encoding", "gzip"));
        let mut received = Vec::new();
        while decode(Coding::Gzip, &received).len() < first.len() {
            let mut piece = [0; 1000];
            let length = response.body_mut().read(&mut piece).unwrap();
            assert!(length > 0, "{what}");
            received.extend_from_slice(&piece[..length]);
        }
        let _ = let_go.send(());
        response.body_mut().read_to_end(&mut received).unwrap();
        let decoded = decode(Coding::Gzip, &received);
        assert_eq!(
            String::from_utf8(decoded).unwrap(),
            pieces.concat(),
            "{what}"
        );
    }
}

/// Content whose sender fails has no proper end, compressed or not.
#[test]
fn content_of_a_sender_that_fails_is_an_error() {
    let app = Router::new()
        .with(Compression::layer())
        .get("/", |_: Request<'_>| {
            let (sender, body) = Body::channel();
            sender.send("text ".repeat(200)).unwrap();
            sender.abort();
            Response::text(body)
        });
    for coding in ["gzip", "identity"] {
        let request = Request::get("/").with_header("accept-encoding", coding);
        let mut body = app.call(request).into_body();
        assert!(body.read_to_end(&mut Vec::new()).is_err(), "{coding}");
    }
}

/// Beyond the bound on memory, content is sent as it is.
#[test]
fn memory_is_bounded() {
    let app = Router::new()
        .with(Compression::layer().memory(1024 * 1024))
        .get("/", |_: Request<'_>| kinds("/stream"));
    let ask = || app.call(Request::get("/").with_header("accept-encoding", "gzip"));
    let is_compressed = |response: &Response| response.headers().contains_key("content-encoding");
    let mut open: Vec<_> = (0..5).map(|_| ask()).collect();
    assert_eq!(
        open.iter()
            .filter(|response| is_compressed(response))
            .count(),
        2
    );
    let last = open.pop().unwrap();
    assert_eq!(last.into_text().unwrap(), text());
    open.clear();
    assert!(is_compressed(&ask()));
}

/// The content of a route is received first, and its response is compressed, too.
#[test]
fn routes_that_receive_content_are_compressed() {
    let app = Router::new()
        .with(Compression::layer())
        .post("/", |request: Request<'_>| request.into_text(100_000));
    let request = Request::post("/", Body::reader(io::Cursor::new(text()), None));
    let response = app.call(request.with_header("accept-encoding", "zstd"));
    assert_eq!(response.headers()["content-encoding"], "zstd");
    let mut content = Vec::new();
    response.into_body().read_to_end(&mut content).unwrap();
    assert!(decode(Coding::Zstd, &content) == text().into_bytes());
}

/// A comma in a tag separates nothing.
#[test]
fn a_tag_with_a_comma_is_one_tag() {
    let app = Router::new()
        .with(Compression::layer())
        .get("/", |request: Request<'_>| {
            let text_type = HeaderValue::from_static("text/plain");
            let content = MemoryContent::new(text_type, text());
            request.serve(content.with_etag(HeaderValue::from_static("\"a,b\"")))
        });
    let request = Request::get("/").with_header("accept-encoding", "gzip");
    let fresh = app.call(request.with_header("if-none-match", "W/\"a,b\""));
    assert_eq!(fresh.status(), 304);
    assert_eq!(fresh.headers()["etag"], "W/\"a,b\"");
    assert_eq!(fresh.headers()["vary"], "Accept-Encoding");
}

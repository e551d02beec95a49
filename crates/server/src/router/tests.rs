//! Which handler gets a request, and what it knows then.

use super::*;
use crate::error::Error;
use crate::middleware::{Cors, Fields, HostCheck, Redirects};
use crate::response::IntoResponse;
#[cfg(feature = "files")]
use http::HeaderValue;
use http::StatusCode;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

/// Responds with a name and all parameters.
fn named(name: &'static str) -> impl Fn(Request<'_>) -> Vec<u8> + Send + Sync + 'static {
    move |request: Request<'_>| {
        let mut text = name.as_bytes().to_vec();
        for (name, value) in &request
            .routing()
            .map_or(Vec::new(), |found| found.params.clone())
        {
            text.extend_from_slice(format!(" {name}=").as_bytes());
            text.extend_from_slice(value);
        }
        text
    }
}

/// The status and the content of the response to a GET.
fn get(app: &Router, target: &str) -> String {
    let response = app.call(Request::get(target));
    match response.status() {
        StatusCode::OK => {
            let mut content = Vec::new();
            io::Read::read_to_end(&mut response.into_body(), &mut content).unwrap();
            content.escape_ascii().to_string()
        }
        status => status.as_u16().to_string(),
    }
}
#[test]
fn paths_lead_to_handlers() {
    let app = Router::new()
        .get("/", named("root"))
        .get("/notes", named("notes"))
        .get("/notes/", named("slash"))
        .get("/notes/new", named("new"))
        .get("/notes/{id}", named("note"))
        .get("/notes/{id}/edit", named("edit"))
        .get("/img/{name}.png", named("png"))
        .get("/img/x-{name}.png", named("x-png"))
        .get("/img/{name}", named("image"))
        .get("/files/{*rest}", named("files"))
        .get("/files/readme", named("readme"))
        .get("/a/{x}/c", named("axc"))
        .get("/a/b/d", named("abd"))
        .get("/{{x}}", named("braces"))
        .get("/café/100%", named("literal"));
    let table = [
        ("/", "root"),
        ("/?q", "root"),
        ("/notes", "notes"),
        ("/notes/", "slash"),
        ("/notes/new", "new"),
        ("/notes/7", "note id=7"),
        ("/notes/7/edit", "edit id=7"),
        ("/notes/7/", "404"),
        ("/notes/new/edit", "edit id=new"),
        ("/Notes", "404"),
        ("/img/a.png", "png name=a"),
        ("/img/x-a.png", "x-png name=a"),
        ("/img/.png", "image name=.png"),
        ("/img/a.jpg", "image name=a.jpg"),
        ("/img/", "404"),
        ("/files/readme", "readme"),
        ("/files/a", "files rest=a"),
        ("/files/a/b/", "files rest=a/b/"),
        ("/files/readme/x", "files rest=readme/x"),
        ("/files/", "404"),
        ("/files", "404"),
        // A dead end among the more specific leads back to the others.
        ("/a/b/c", "axc x=b"),
        ("/a/b/d", "abd"),
        ("/%7Bx%7D", "braces"),
        ("/caf%C3%A9/100%25", "literal"),
        // Normalised once.
        ("//notes", "notes"),
        ("/notes//7", "note id=7"),
        ("/./notes/../notes/7", "note id=7"),
        ("/notes/%2e%2e/notes", "notes"),
        ("/..", "400"),
        ("/notes/%zz", "400"),
        ("/notes/%00", "400"),
        // Decoded once.
        ("/notes/a%20b", "note id=a b"),
        ("/notes/%2541", "note id=%41"),
        ("/%6eotes", "notes"),
        // An encoded slash belongs to its segment.
        ("/notes/a%2Fb", "note id=a/b"),
        ("/notes/a%2f..%2Fb", "note id=a/../b"),
        ("/notes%2F7", "404"),
        ("/files/a%2Fb/c", "files rest=a/b/c"),
        ("/notes/a%252Fb", "note id=a%2Fb"),
        ("/notes/a%252Fb%2Fc", "400"),
        // Not UTF-8.
        ("/notes/%FF", "note id=\\xff"),
    ];
    for (target, want) in table {
        assert_eq!(get(&app, target), want, "{target}");
    }
}

#[test]
fn methods_have_their_handlers() {
    let app = Router::new()
        .get("/a", named("get"))
        .post("/a", named("post"))
        .put("/a/{id}", named("put"))
        .any("/any", named("any"))
        .get("/any", named("get any"))
        .route(&[Method::HEAD], "/head", named("head"))
        .route(&[Method::OPTIONS], "/options", named("options"))
        .post("/b/new", named("post b"))
        .get("/b/{id}", named("get b"));
    let table = [
        ("GET", "/a", 200, "get", ""),
        ("HEAD", "/a", 200, "get", ""),
        ("POST", "/a", 200, "post", ""),
        ("DELETE", "/a", 405, "", "GET, HEAD, POST, OPTIONS"),
        ("OPTIONS", "/a", 204, "", "GET, HEAD, POST, OPTIONS"),
        ("GET", "/a/1", 405, "", "PUT, OPTIONS"),
        ("HEAD", "/a/1", 405, "", "PUT, OPTIONS"),
        ("BREW", "/any", 200, "any", ""),
        ("OPTIONS", "/any", 200, "any", ""),
        ("GET", "/any", 200, "get any", ""),
        ("HEAD", "/any", 200, "get any", ""),
        ("GET", "/head", 405, "", "HEAD, OPTIONS"),
        ("OPTIONS", "/options", 200, "options", ""),
        ("OPTIONS", "/none", 404, "", ""),
        ("OPTIONS", "*", 204, "", ""),
        // A less specific pattern has the method.
        ("GET", "/b/new", 200, "get b id=new", ""),
        ("POST", "/b/new", 200, "post b", ""),
        ("PUT", "/b/new", 405, "", "POST, GET, HEAD, OPTIONS"),
    ];
    for (method, target, status, content, allow) in table {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let response = app.call(Request::build(method.clone(), target, ()));
        assert_eq!(response.status(), status, "{method} {target}");
        let found = response.headers().get("allow");
        assert_eq!(
            found.map_or("", |found| found.to_str().unwrap()),
            allow,
            "{target}"
        );
        if status == 200 {
            assert_eq!(response.into_text().unwrap(), content, "{method} {target}");
        }
    }
}

#[test]
fn routes_that_overlap_are_refused_with_both_names() {
    let new = || {
        Router::new()
            .get("/a/{x}", named(""))
            .mount("/m", named("m"))
            .any("/any", named(""))
    };
    let table = [
        ("GET", "/a/{x}", Some("GET /a/{x}")),
        ("GET", "/a/{y}", Some("GET /a/{x}")),
        ("POST", "/a/{y}", None),
        ("GET", "/a/b", None),
        ("GET", "/a/{x}.html", None),
        ("GET", "/a/{*x}", None),
        ("GET", "/m/x", None),
        ("GET", "/any", None),
    ];
    for (method, pattern, other) in table {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let error = new()
            .try_route(std::slice::from_ref(&method), pattern, named(""))
            .err();
        let want = other.map(|other| InvalidRoute::Overlaps {
            route: format!("{method} {pattern}"),
            other: other.to_owned(),
        });
        assert_eq!(error, want, "{pattern}");
    }
    assert!(new().try_route(&[], "/any", named("")).is_err());
    let panic = catch_unwind(AssertUnwindSafe(|| new().get("/a/{y}", named("")))).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(
        message.contains("GET /a/{y}") && message.contains("GET /a/{x}"),
        "{message}"
    );
    let panic = catch_unwind(AssertUnwindSafe(|| new().mount("/m/", named("")))).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("mount /m"));
}

#[test]
fn malformed_patterns_are_refused() {
    let patterns = [
        "", "a", "/a//b", "/./a", "/a/..", "/{", "/}", "/{}", "/{a b}", "/{a}{b}", "/{*a}/b",
        "/x{*a}", "/{a}/{a}", "/{*}",
        // As other libraries write them, and as in a URL.
        "/:a", "/a/:b", "/*", "/*rest", "/a?b=1", "/a#b", "/a%20b", "/%C3%A4",
    ];
    for pattern in patterns {
        let error = Router::new()
            .try_route(&[Method::GET], pattern, named(""))
            .unwrap_err();
        assert!(
            matches!(error, InvalidRoute::Malformed { .. }),
            "{pattern}: {error}"
        );
    }
}

#[test]
fn mounts_and_nested_routers() {
    let below = |request: Request<'_>| request.path_below().map(<[u8]>::to_vec);
    let inner = Router::new()
        .get("/", named("inner"))
        .get("/{id}", named("one"))
        .mount("/deep/{x}", below)
        .fallback(named("inner fallback"));
    let app = Router::new()
        .mount("/raw", below)
        .mount("/users/{user}", inner)
        .mount("/nested", Router::new().mount("/", below))
        .get("/users/me/7", named("me"))
        .mount("/", named("outer"));
    let table = [
        ("/raw", ""),
        ("/raw/", "/"),
        ("/raw/a/../b%20c", "/b c"),
        ("/rawer", "outer"),
        ("/nested", ""),
        ("/nested/", "/"),
        ("/nested/a/b", "/a/b"),
        ("/users/ann", "inner user=ann"),
        ("/users/ann/", "inner user=ann"),
        ("/users/ann/7", "one user=ann id=7"),
        ("/users/me/7", "me"),
        ("/users/me/8", "one user=me id=8"),
        ("/users/ann/7/x", "inner fallback user=ann"),
        ("/users/ann/deep/1/y/z", "/y/z"),
        ("/users", "outer"),
        ("/", "outer"),
    ];
    for (target, want) in table {
        assert_eq!(get(&app, target), want, "{target}");
    }
}

#[cfg(feature = "files")]
#[test]
fn files_can_be_mounted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("dir")).unwrap();
    std::fs::write(folder.path().join("dir/a.txt"), "a").unwrap();
    let app = Router::new().mount("/static", crate::Files::open(folder.path()).unwrap());
    assert_eq!(get(&app, "/static/dir/a.txt"), "a");
    assert_eq!(get(&app, "/dir/a.txt"), "404");
    assert_eq!(get(&app, "/static/../dir/a.txt"), "404");
    let moved = app.call(Request::get("/static/dir?q"));
    assert_eq!(
        (moved.status().as_u16(), &moved.headers()["location"]),
        (301, &HeaderValue::from_static("/static/dir/?q"))
    );
}

#[test]
fn layers_see_a_request_in_the_order_written() {
    static SEEN: Mutex<String> = Mutex::new(String::new());
    let layer = |name: &'static str| {
        move |request: Request<'_>, next: Next<'_>| {
            *SEEN.lock().unwrap() += name;
            let response = next.run(request);
            *SEEN.lock().unwrap() += &name.to_uppercase();
            response
        }
    };
    let app = Router::new()
        .with(layer("a"))
        .get("/", |_: Request<'_>| *SEEN.lock().unwrap() += "-")
        .with(layer("b"))
        .with(
            |request: Request<'_>, next: Next<'_>| match request.path() {
                "/no" => StatusCode::FORBIDDEN.into_response(),
                _ => next.run(request),
            },
        );
    for (target, status, seen) in [
        ("/", 200, "ab-BA"),
        ("/no", 403, "abBA"),
        ("/x", 404, "abBA"),
    ] {
        SEEN.lock().unwrap().clear();
        assert_eq!(app.call(Request::get(target)).status(), status);
        assert_eq!(*SEEN.lock().unwrap(), seen, "{target}");
    }
}

#[test]
fn middleware_is_a_layer() {
    let app = Router::new()
        .with(HostCheck::new((), ["example.org"]))
        .with(Fields::new(()).with("X-A: b").unwrap())
        .with(Cors::any())
        .with(Redirects::new(()).with("/old", "/new").unwrap())
        .get("/new", named("new"));
    let ask = |host: &str, target: &str| app.call(Request::get(target).with_header("host", host));
    let response = ask("example.org", "/new");
    assert_eq!(response.headers()["x-a"], "b");
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert_eq!(ask("example.org", "/old").headers()["location"], "/new");
    assert_eq!(ask("evil.example", "/new").status(), 421);
}

#[test]
fn content_has_a_limit_that_a_route_overrides() {
    let length = |request: Request<'_>| {
        let bytes = request.into_bytes(u64::MAX)?;
        Ok::<_, Error>(bytes.len().to_string())
    };
    let app = Router::new()
        .max_body(10)
        .post("/", length)
        .post("/more", Route::new(length).max_body(20))
        .post("/any", Route::new(length).streams())
        .post("/less", |request: Request<'_>| request.into_text(5));
    let table = [
        ("/", 10, 200),
        ("/", 11, 413),
        ("/more", 20, 200),
        ("/more", 21, 413),
        ("/any", 100_000, 200),
        ("/less", 5, 200),
        ("/less", 6, 413),
    ];
    for (target, length, status) in table {
        let response = app.call(Request::post(target, "x".repeat(length)));
        assert_eq!(response.status(), status, "{target} {length}");
    }
}

#[test]
fn parameters_are_typed() {
    let app = Router::new().get("/{id}", |request: Request<'_>| {
        let id: u8 = request.param("id")?;
        let text: String = request.param("id")?;
        Ok::<_, Error>(format!("{id} {text}"))
    });
    for (target, want) in [
        ("/7", "7 7"),
        ("/256", "400"),
        ("/x", "400"),
        ("/%FF", "400"),
    ] {
        assert_eq!(get(&app, target), want, "{target}");
    }
    let app = Router::new().get("/", |request: Request<'_>| request.param::<String>("id"));
    assert_eq!(get(&app, "/"), "500");
}

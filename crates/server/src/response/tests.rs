//! What closures return, and what is invalid.

use super::{IntoResponse, Response};
use crate::body::Body;
use crate::cookie::Cookie;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response as HttpResponse, StatusCode};
use std::io;
use tinyhttp_message::encode::FieldLines;

#[test]
fn what_closures_return() {
    let http = HttpResponse::builder().status(201).header("a", "b");
    let table: [(Response, u16, &str, &str); 8] = [
        (
            "text".into_response(),
            200,
            "text/plain; charset=utf-8",
            "text",
        ),
        (
            "text".to_owned().into_response(),
            200,
            "text/plain; charset=utf-8",
            "text",
        ),
        (vec![b'x'].into_response(), 200, "", "x"),
        (StatusCode::NO_CONTENT.into_response(), 204, "", ""),
        (
            (StatusCode::GONE, "gone").into_response(),
            410,
            "text/plain; charset=utf-8",
            "gone",
        ),
        (None::<&str>.into_response(), 404, "", ""),
        (
            Err::<&str, _>(StatusCode::CONFLICT).into_response(),
            409,
            "",
            "",
        ),
        (http.body("made").unwrap().into_response(), 201, "", "made"),
    ];
    for (response, status, content_type, content) in table {
        assert_eq!(response.status(), status);
        let found = response.headers().get(CONTENT_TYPE);
        assert_eq!(
            found.map_or("", |found| found.to_str().unwrap()),
            content_type
        );
        assert_eq!(io::read_to_string(response.into_body()).unwrap(), content);
    }
}

/// What a handler makes is valid or a 500; it never becomes another field.
#[test]
fn an_invalid_part_makes_a_500() {
    let text = || Response::text("secret");
    let table = [
        text().with_header("a", "b\r\nset-cookie: x=y"),
        text().with_header("a", "b\0"),
        text().with_header("a b", "c"),
        text().with_header("a\r\nb", "c"),
        text().with_cookie(&Cookie::new("a", "b\r\nc: d")),
    ];
    for response in table {
        let response = response.with_header("c", "d").with_status(StatusCode::OK);
        assert_eq!(response.status(), 500, "{response:?}");
        assert!(!response.headers().contains_key("set-cookie"));
        assert!(!response.into_text().unwrap().contains("secret"));
    }
    let redirect = Response::redirect("/a\r\nSet-Cookie: x=y");
    assert_eq!(redirect.status(), 303);
    assert_eq!(redirect.headers()["location"], "/a%0D%0ASet-Cookie:%20x=y");
}

#[cfg(feature = "files")]
#[test]
fn files_are_sent_and_others_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.html");
    std::fs::write(&path, "hello").unwrap();
    let response = Response::file(&path);
    assert_eq!(
        response.headers()["content-type"],
        "text/html; charset=utf-8"
    );
    assert!(response.headers().contains_key("last-modified"));
    assert_eq!(response.into_text().unwrap(), "hello");
    for missing in [folder.path(), &folder.path().join("b"), &path.join("c")] {
        assert_eq!(
            Response::file(missing).status(),
            404,
            "{}",
            missing.display()
        );
    }
}

#[test]
fn rendered_lines_can_be_read_and_changed() {
    let lines = FieldLines::new(|head| {
        head.field("ETag", b"\"a: b\"")?;
        head.field("Vary", b"Accept")
    });
    let mut response = Response::rendered(StatusCode::OK, lines.unwrap(), Body::empty());
    assert_eq!(response.headers()["etag"], "\"a: b\"");
    assert!(response.is_rendered());
    response
        .headers_mut()
        .insert("vary", HeaderValue::from_static("*"));
    assert!(!response.is_rendered());
    assert_eq!(
        (response.headers().len(), &response.headers()["vary"]),
        (2, &HeaderValue::from_static("*"))
    );
}

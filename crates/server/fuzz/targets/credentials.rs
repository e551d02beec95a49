//! An Authorization field: exactly the right name and password get in, however they are written.
#![no_main]

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tinyhttp_server::middleware::{Auth, Users};
use tinyhttp_server::{Handler, Request};

static SITE: LazyLock<Box<dyn Handler>> = LazyLock::new(|| {
    let users = Users::new().plain("ann:secret").expect("a user");
    let inside = |_: Request<'_>| StatusCode::OK;
    Box::new(Auth::new(inside, users, "fuzz"))
});

fuzz_target!(|input: (bool, &[u8])| {
    let (is_pair, bytes) = input;
    let value = match is_pair {
        true => format!("Basic {}", BASE64_STANDARD.encode(bytes)).into_bytes(),
        false => bytes.to_vec(),
    };
    let Ok(value) = HeaderValue::from_bytes(&value) else {
        return;
    };
    // What a lenient reader makes of it.
    let text = value.as_bytes();
    let is_right = text.len() > 6
        && text[..6].eq_ignore_ascii_case(b"Basic ")
        && BASE64_STANDARD
            .decode(text[6..].trim_ascii())
            .is_ok_and(|pair| pair == b"ann:secret");
    let request = http::Request::get("/").header("Authorization", value);
    let request = request.body(()).expect("a request");
    let status = SITE.handle(request.into()).response().status();
    match is_right {
        true => assert_eq!(status, StatusCode::OK),
        false => assert!([401, 429].contains(&status.as_u16()), "{status}"),
    }
});

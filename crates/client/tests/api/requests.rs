//! What a request builder sends, what a response offers, and what the library promises its callers.

use crate::connections::assert_timeout;
use crate::server::{LONG, Server, response};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpListener;
use std::time::Duration;
use tinyhttp_client::{Body, Client, Error, Multipart, Part, RequestBuilder, Timeout};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn errors_and_clients_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Error>();
    crosses::<Client>();
    fn is_error<T: std::error::Error>() {}
    is_error::<Error>();
    // What `?` needs in a function that returns a boxed error.
    let _: fn(Error) -> Box<dyn std::error::Error + Send + Sync> = |error| error.into();
}

#[test]
fn builders_write_heads() {
    type Build = fn(RequestBuilder) -> RequestBuilder;
    let table: &[(Build, &str, &str)] = &[
        (|r| r.query("a", "1"), "GET /?a=1 HTTP/1.1", ""),
        (
            |r| r.query("a b", "ü&=").query("c", String::new()),
            "GET /?a+b=%C3%BC%26%3D&c= HTTP/1.1",
            "",
        ),
        (|r| r.header("X-A", "1"), "x-a: 1", ""),
        (
            |r| r.header("X-A", "1").header("X-A", String::from("2")),
            "x-a: 1\nx-a: 2",
            "",
        ),
        (
            |r| r.basic_auth("Aladdin", "open sesame"),
            "authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            "",
        ),
        (|r| r.bearer_auth("abc"), "authorization: Bearer abc", ""),
        (
            |r| r.form([("a", "1 2"), ("b", "&")]),
            "content-type: application/x-www-form-urlencoded\ncontent-length: 10",
            "a=1+2&b=%26",
        ),
        (
            |r| r.form(Vec::<(&str, String)>::new()),
            "content-type: application/x-www-form-urlencoded",
            "",
        ),
        // Of two contents the last one counts, with its type.
        (
            |r| r.form([("a", "1")]).header("X-B", "2").form([("c", "3")]),
            "content-type: application/x-www-form-urlencoded\nx-b: 2",
            "c=3",
        ),
    ];
    let server = Server::fixed(OK);
    for (number, (build, lines, content)) in table.iter().enumerate() {
        build(Client::new().get(&server.url("/"))).send().unwrap();
        let seen = &server.seen()[number];
        let sent: Vec<String> = seen.head.lines().map(str::to_owned).collect();
        for line in lines.split('\n') {
            let is_sent = |sent: &String| sent.eq_ignore_ascii_case(line);
            let is_length = line.starts_with("content-length");
            assert!(is_length || sent.iter().any(is_sent), "{line}: {sent:?}");
        }
        assert_eq!(seen.text(), *content, "{lines}");
        let types = sent
            .iter()
            .filter(|line| line.to_lowercase().starts_with("content-type"));
        assert!(types.count() <= 1, "{sent:?}");
    }
}

/// Fields of the client are those of each request that has none of that name.
#[test]
fn clients_have_fields_of_their_own() {
    let server = Server::fixed(OK);
    let client = Client::builder()
        .header("X-A", "1")
        .header("X-A", "2")
        .header("Authorization", "Bearer t")
        .max_redirects(1)
        .build();
    client.get(&server.url("/")).send().unwrap();
    let own = client.get(&server.url("/")).header("x-a", "3");
    own.send().unwrap();
    let seen = server.seen();
    let values = |seen: &crate::server::Seen| {
        let lines = seen
            .head
            .lines()
            .filter(|line| line.to_lowercase().starts_with("x-a"));
        lines.map(|line| line[5..].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (values(&seen[0]), values(&seen[1])),
        (vec!["1".into(), "2".into()], vec!["3".to_owned()])
    );
    assert_eq!(seen[0].field("Authorization"), Some("Bearer t"));
    // Credentials don't follow to another origin.
    let other = Server::fixed(OK);
    let location = other.url("/");
    let from = Server::new(move |_, _| {
        Some(response(
            "302 Found",
            &format!("Location: {location}\r\n"),
            "",
        ))
    });
    client.get(&from.url("/")).send().unwrap();
    assert_eq!(other.seen()[0].field("Authorization"), None);
    assert_eq!(values(&other.seen()[0]).len(), 2);
    let client = Client::builder().header("X-A", "a\nb").build();
    let error = client.get(&server.url("/")).send().unwrap_err();
    assert!(matches!(error, Error::Request { .. }), "{error}");
}

#[test]
fn invalid_parts_are_errors() {
    type Build = fn(RequestBuilder) -> RequestBuilder;
    let table: &[Build] = &[
        |r| r.header("X A", "1"),
        |r| r.header("X-A", "1\r\nX-B: 2"),
        |r| r.bearer_auth("a\nb"),
        |r| r.upgrade("a\r\nb"),
        |r| r.field("X-A", b"\0"),
    ];
    for build in table {
        let error = build(Client::new().get("http://127.0.0.1:1/"))
            .send()
            .unwrap_err();
        assert!(matches!(error, Error::Request { .. }), "{error}");
    }
}

#[cfg(feature = "json")]
#[test]
fn json_goes_both_ways() {
    use std::collections::BTreeMap;

    let server = Server::fixed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"a\": 41}");
    let sent = BTreeMap::from([("n", 1)]);
    let response = Client::new()
        .post(&server.url("/"))
        .json(&sent)
        .send()
        .unwrap();
    let got: BTreeMap<String, u32> = response.json().unwrap();
    assert_eq!(got["a"], 41);
    let seen = &server.seen()[0];
    assert_eq!(seen.field("Content-Type"), Some("application/json"));
    assert_eq!(seen.text(), "{\"n\":1}");
    let text = Client::new().get(&server.url("/")).send().unwrap();
    assert!(matches!(text.json::<Vec<u8>>(), Err(Error::Json { .. })));
    // A page that explains an error is not the JSON that was expected.
    let server = Server::fixed("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>");
    let response = Client::new().get(&server.url("/")).send().unwrap();
    let error = response.json::<u32>().unwrap_err();
    let message = error.to_string();
    assert!(
        message.starts_with("the content is not the expected JSON: "),
        "{message}"
    );
    assert!(error.hint().unwrap().contains("look at the content"));
}

#[test]
fn multipart_is_streamed() {
    let mut file = tempfile();
    file.write_all(&vec![b'x'; 300_000]).unwrap();
    file.seek(SeekFrom::Start(100_000)).unwrap();
    for (stream, is_known) in [
        (Body::from(file.try_clone().unwrap()), true),
        (Body::reader(&b"no length"[..]), false),
    ] {
        let server = Server::fixed(OK);
        let form = Multipart::new().text("note", "milk").part(
            "file",
            Part::new(stream).file_name("a.bin").content_type("a/b"),
        );
        Client::new()
            .post(&server.url("/"))
            .multipart(form)
            .send()
            .unwrap();
        let seen = &server.seen()[0];
        let media_type = seen.field("Content-Type").unwrap();
        let boundary = media_type
            .strip_prefix("multipart/form-data; boundary=")
            .unwrap();
        let text = seen.text();
        assert_eq!(seen.field("Content-Length").is_some(), is_known);
        assert_eq!(text.matches(boundary).count(), 3, "{boundary}");
        let part = "; filename=\"a.bin\"\r\nContent-Type: a/b\r\n\r\n";
        let (_, content) = text.split_once(part).unwrap();
        let want = if is_known {
            "x".repeat(200_000)
        } else {
            "no length".to_owned()
        };
        assert_eq!(content, format!("{want}\r\n--{boundary}--\r\n"));
    }
    let missing = Multipart::new().file("a", "/does/not/exist");
    assert!(missing.is_err());
}

/// An open file without a name.
fn tempfile() -> File {
    let number = std::process::id();
    let path = std::env::temp_dir().join(format!("tinyhttp-client-requests-{number}"));
    let options = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path);
    std::fs::remove_file(path).unwrap();
    options.unwrap()
}

#[test]
fn uploads_are_streamed() {
    let server = Server::fixed(OK);
    let client = Client::new();
    // A reader is sent in chunks, as it gives them, and never held as a whole.
    let long = std::io::repeat(b'y').take(3_000_000);
    client
        .put(&server.url("/"))
        .body(Body::reader(long))
        .send()
        .unwrap();
    let long = std::io::repeat(b'z').take(3_000_000);
    client
        .put(&server.url("/"))
        .body(Body::sized_reader(3_000_000, long))
        .send()
        .unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].field("Transfer-Encoding"), Some("chunked"));
    assert_eq!(seen[1].field("Content-Length"), Some("3000000"));
    for (seen, byte) in seen.iter().zip([b'y', b'z']) {
        assert_eq!(seen.content.len(), 3_000_000);
        assert!(seen.content.iter().all(|other| *other == byte));
    }
    assert_eq!(
        seen[0].connection, seen[1].connection,
        "the connection is kept"
    );
}

#[test]
fn responses_are_readers_and_become_others() {
    let server = Server::fixed("HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello");
    let client = Client::new();
    let mut response = client.get(&server.url("/")).send().unwrap();
    assert_eq!(
        (response.header("x-a"), response.headers().len()),
        (Some("1"), 2)
    );
    let mut bytes = Vec::new();
    assert_eq!(std::io::copy(&mut response, &mut bytes).unwrap(), 5);
    assert_eq!(bytes, b"hello");
    let (head, mut content) = client
        .get(&server.url("/"))
        .send()
        .unwrap()
        .into_http()
        .into_parts();
    let mut text = String::new();
    content.read_to_string(&mut text).unwrap();
    assert_eq!((head.status.as_u16(), text.as_str()), (200, "hello"));
}

#[test]
fn statuses_become_errors() {
    let table = [
        ("200 OK", None),
        ("304 Not Modified", None),
        ("400 No", Some("400 No: ")),
        ("404 ", Some("404 Not Found: ")),
        ("503 Busy", Some("503 Busy: ")),
        ("599 Odd", Some("599 Odd: ")),
    ];
    for (status, want) in table {
        let server = Server::new(move |_, _| Some(response(status, "", "")));
        let url = server.url("/a");
        let result = Client::new().get(&url).send().unwrap().error_for_status();
        let got = result.as_ref().err().map(ToString::to_string);
        assert_eq!(got, want.map(|want| format!("{want}{url}")), "{status}");
        let is_transient = result.err().is_some_and(|error| error.is_transient());
        assert_eq!(is_transient, status.starts_with("503"));
    }
    // A password in the URL is not in the message.
    let server = Server::fixed("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let url = server.url("/").replace("http://", "http://me:secret@");
    let error = Client::new()
        .get(&url)
        .send()
        .unwrap()
        .error_for_status()
        .unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn clones_and_free_functions_share_connections() {
    let server = Server::fixed(OK);
    let client = Client::new();
    for client in [client.clone(), client.clone(), client] {
        client.get(&server.url("/")).send().unwrap().text().unwrap();
    }
    let connections = |server: &Server| {
        let seen = server.seen();
        seen.last().unwrap().connection + 1
    };
    assert_eq!((server.seen().len(), connections(&server)), (3, 1));
    let server = Server::fixed(OK);
    let url = server.url("/");
    for request in [
        tinyhttp_client::get(&url),
        tinyhttp_client::post(&url),
        tinyhttp_client::put(&url),
        tinyhttp_client::delete(&url),
    ] {
        assert_eq!(request.send().unwrap().text().unwrap(), "ok");
    }
    assert_eq!((server.seen().len(), connections(&server)), (4, 1));
}

#[test]
fn timeouts_are_those_of_the_request() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let soon = Duration::from_millis(30);
    type Build = fn(RequestBuilder, Duration) -> RequestBuilder;
    let table: &[(Build, Timeout)] = &[
        (RequestBuilder::timeout, Timeout::Total),
        (RequestBuilder::response_timeout, Timeout::Response),
        (RequestBuilder::stall_timeout, Timeout::Stall),
        // Each sets its own, and keeps the others.
        (
            |r, soon| r.timeout(soon).stall_timeout(LONG),
            Timeout::Total,
        ),
        (
            |r, soon| r.stall_timeout(soon).timeout(LONG),
            Timeout::Stall,
        ),
    ];
    for (build, want) in table {
        let error = build(Client::new().get(&url), soon).send().unwrap_err();
        assert_timeout(&error, *want);
    }
    let client = Client::builder().timeout(soon).build();
    let error = client.get(&url).send().unwrap_err();
    assert_timeout(&error, Timeout::Total);
}

#[cfg(not(feature = "tls"))]
#[test]
fn https_names_the_missing_feature() {
    let error = tinyhttp_client::get("https://127.0.0.1:1/")
        .send()
        .unwrap_err();
    let want =
        "https://127.0.0.1 needs the feature `tls` of tinyhttp-client, which is not compiled in";
    assert_eq!(error.to_string(), want);
    let error = tinyhttp_client::Proxy::parse("https://me:secret@p").unwrap_err();
    let want = "\"https://p\" needs the feature `tls` of tinyhttp-client, which is not compiled in";
    assert_eq!(error.to_string(), want);
}

//! Cookies: which are kept, sent and written to the jar.

use crate::script::{HELLO, Server, get};
use support::Folder;

/// A response that sets cookies.
fn setting(cookies: &[&[u8]]) -> Vec<u8> {
    let mut response = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n".to_vec();
    for cookie in cookies {
        response.extend([b"Set-Cookie: ", *cookie, b"\r\n"].concat());
    }
    response.extend(b"\r\n");
    response
}

/// The jar's lines after a fetch of `http://HOST:PORT/` whose response sets `cookies`; the jar held
/// `before`.
fn jar_after(host: &str, before: &[u8], cookies: &[&[u8]]) -> Vec<Vec<u8>> {
    let folder = Folder::new().with("jar", before);
    let server = Server::answering([setting(cookies)]);
    let port = server.address.port();
    let resolve = format!("{host}:{port}:127.0.0.1");
    let url = format!("http://{host}:{port}/");
    let jar = folder.join("jar");
    get(["-b", &jar, "-c", &jar, "--resolve", &resolve, &url]).succeeds();
    let written = folder.read("jar");
    let lines = written.split(|byte| *byte == b'\n').skip(1);
    lines
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}

#[test]
fn two_flags_make_one_field() {
    let server = Server::answering([HELLO]);
    get([
        "-b",
        "a=1",
        "-b",
        "b=2; c=3",
        "-H",
        "Cookie: d=4",
        &server.url("/"),
    ])
    .succeeds();
    let request = server.request();
    assert_eq!(request.matches("Cookie:").count(), 1, "{request}");
    assert!(
        request.contains("\r\nCookie: a=1; b=2; c=3; d=4\r\n"),
        "{request}"
    );
}

#[test]
fn old_dates_delete_a_cookie() {
    let before = b"h.test\tFALSE\t/\tFALSE\t0\ta\t1\n";
    for date in [
        "Thu, 01-Jan-70 00:00:01 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Thursday, 1-January-1970 0:0:0",
        "Thu Jan 1 1970 00:00:00 GMT+0000 (UTC)",
        "1970/Jan/01 00:00:00",
    ] {
        let cookie = format!("a=; expires={date}; path=/");
        let jar = jar_after("h.test", before, &[cookie.as_bytes()]);
        assert_eq!(jar, Vec::<Vec<u8>>::new(), "{date}");
    }
}

#[test]
fn the_jar_keeps_bytes_and_columns() {
    let jar = jar_after(
        "h.test",
        b"",
        &[
            b"n\xe9=\xff; Path=/",
            b"a=b\tc",
            b"a\tb=c",
            b"good=1; Domain=test.",
        ],
    );
    assert_eq!(jar, [b"h.test\tFALSE\t/\tFALSE\t0\tn\xe9\t\xff".to_vec()]);
}

#[test]
fn a_file_with_fractional_expiry_and_other_bytes_is_read() {
    let file = b"h.test\tFALSE\t/\tFALSE\t4102444800.742\ta\t1\n\xff\xfe rubbish\n\
                 h.test\tFALSE\t/\tFALSE\t1486337059.742\told\t1\n\
                 h.test\tFALSE\t/\tFALSE\t0\tb\t\xe9\n";
    let jar = jar_after("h.test", file, &[]);
    let want: [&[u8]; 2] = [
        b"h.test\tFALSE\t/\tFALSE\t4102444801\ta\t1",
        b"h.test\tFALSE\t/\tFALSE\t0\tb\t\xe9",
    ];
    assert_eq!(jar, want);
}

#[test]
fn secure_cookies() {
    let on_loopback = jar_after(
        "localhost",
        b"",
        &[b"s=1; Secure", b"__Host-h=1; Secure; Path=/"],
    );
    assert_eq!(on_loopback.len(), 2);
    let elsewhere = jar_after(
        "h.test",
        b"",
        &[b"s=1; Secure", b"__Secure-h=1", b"__Host-h=1; Path=/"],
    );
    assert_eq!(elsewhere, Vec::<Vec<u8>>::new());
    let secure = b"h.test\tFALSE\t/\tTRUE\t0\tid\tgood";
    let jar = jar_after("h.test", secure, &[b"id=evil; Path=/"]);
    assert_eq!(
        jar,
        [secure.to_vec()],
        "plain http replaces no Secure cookie"
    );
}

#[test]
fn public_suffixes_own_no_cookies() {
    for (host, domain) in [
        ("a.co.uk", "co.uk"),
        ("a.com.", "com."),
        ("a.github.io", ".github.io"),
        ("a.com", "com"),
    ] {
        let cookie = format!("a=1; Domain={domain}");
        let jar = jar_after(host, b"", &[cookie.as_bytes()]);
        assert_eq!(jar, Vec::<Vec<u8>>::new(), "{host} {domain}");
    }
}

#[test]
fn a_domain_keeps_fifty_cookies() {
    let cookies: Vec<_> = (0..60).map(|number| format!("c{number}=v")).collect();
    let cookies: Vec<_> = cookies.iter().map(String::as_bytes).collect();
    assert_eq!(jar_after("h.test", b"", &cookies).len(), 50);
}

#[test]
fn a_request_carries_at_most_eight_kibibytes_of_cookies() {
    let folder = Folder::new();
    let mut file = String::new();
    for number in 10..60 {
        file += &format!(
            "127.0.0.1\tFALSE\t/\tFALSE\t0\tc{number}\t{}\n",
            "v".repeat(500)
        );
    }
    folder.write("jar", file);
    let server = Server::answering([HELLO]);
    get(["-b", &folder.join("jar"), &server.url("/")]).succeeds();
    let request = server.request();
    let cookies = request.split("Cookie: ").nth(1).unwrap();
    let length = cookies.split("\r\n").next().unwrap().len();
    assert!((7000..=8192).contains(&length), "{length}");
}

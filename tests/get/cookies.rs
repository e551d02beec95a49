//! Cookies: which are kept, sent and written to the jar.

use crate::script::{HELLO, Server, command, get, run};
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

/// What a fetch that sets a cookie does to the jar of a folder.
fn fetch_into(jar: &str, code: i32) -> crate::script::Outcome {
    let server = Server::answering([setting(&[b"a=1; Path=/"])]);
    get(["-c", jar, &server.url("/")]).fails(code)
}

/// No name beside the jar is written to, whatever lies there.
#[test]
fn planted_links_beside_the_jar_are_not_followed() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new().with("victim", "mine");
    symlink(folder.join("victim"), folder.join("jar.part")).unwrap();
    fetch_into(&folder.join("jar"), 0);
    assert_eq!(folder.read("victim"), b"mine");
    assert_eq!(folder.names(), ["jar", "jar.part", "victim"]);
    let folder = Folder::new().with("jar.part", "mine");
    fetch_into(&folder.join("jar"), 0);
    assert_eq!(folder.read("jar.part"), b"mine");
}

/// A jar keeps its mode, its links and its names; a new one is for its owner only.
#[test]
fn a_jar_stays_the_file_it_was() {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    let mode = |folder: &Folder| {
        let metadata = fs::metadata(folder.join("jar")).unwrap();
        metadata.permissions().mode() & 0o777
    };
    let folder = Folder::new();
    fetch_into(&folder.join("jar"), 0);
    assert_eq!(mode(&folder), 0o600);
    fs::set_permissions(folder.join("jar"), fs::Permissions::from_mode(0o640)).unwrap();
    fetch_into(&folder.join("jar"), 0);
    assert_eq!(
        (mode(&folder), folder.names()),
        (0o640, vec!["jar".to_owned()])
    );
    symlink("jar", folder.join("link")).unwrap();
    fs::write(folder.join("jar"), "").unwrap();
    fetch_into(&folder.join("link"), 0);
    assert!(folder.read("jar").ends_with(b"\ta\t1\n"));
    assert!(
        fs::symlink_metadata(folder.join("link"))
            .unwrap()
            .is_symlink()
    );
    fs::hard_link(folder.join("jar"), folder.join("other")).unwrap();
    fs::write(folder.join("jar"), "").unwrap();
    fetch_into(&folder.join("jar"), 0);
    assert_eq!(folder.read("other"), folder.read("jar"));
    assert_eq!(fs::metadata(folder.join("jar")).unwrap().nlink(), 2);
    assert_eq!(folder.names(), ["jar", "link", "other"]);
    fs::set_permissions(folder.join("jar"), fs::Permissions::from_mode(0o400)).unwrap();
    let outcome = fetch_into(&folder.join("jar"), 23);
    assert!(outcome.stderr.contains("read-only"), "{outcome:?}");
    assert_eq!(folder.names(), ["jar", "link", "other"]);
}

/// A device is written to; it is not replaced by a file.
#[test]
fn a_jar_may_be_a_device() {
    use std::os::unix::fs::FileTypeExt;
    fetch_into("/dev/null", 0);
    assert!(
        std::fs::metadata("/dev/null")
            .unwrap()
            .file_type()
            .is_char_device()
    );
    let outcome = fetch_into("/dev/stdout", 0);
    assert!(outcome.text().contains("\ta\t1\n"), "{outcome:?}");
    let folder = Folder::new();
    fetch_into(&folder.join("none/jar"), 23);
}

/// `-D` keeps heads, and `-b` reads the cookies in them.
#[test]
fn heads_are_read_as_cookies() {
    let heads = "HTTP/1.1 200 OK\r\nset-cookie:plain=1\r\nSet-Cookie: path=2; Path=/a\r\n\
        Set-Cookie: other=3; Domain=other.test\r\nSet-Cookie: below=4; domain=.shop.test\r\n\
        Set-Cookie: secure=5; Secure\r\nX: Set-Cookie: no=6\r\nSet-Cookie: old=7; Max-Age=0\r\n\r\n";
    let table = [
        ("www.shop.test", "/", "plain=1; below=4"),
        ("www.shop.test", "/a/b", "path=2; plain=1; below=4"),
        ("other.test", "/", "other=3; plain=1"),
        ("localhost", "/", "plain=1; secure=5"),
    ];
    for (host, path, want) in table {
        let folder = Folder::new().with("heads", heads);
        let server = Server::answering([HELLO]);
        let port = server.address.port();
        let (file, url) = (folder.join("heads"), format!("http://{host}:{port}{path}"));
        get(["--resolve", "*:*:127.0.0.1", "-b", &file, &url]).succeeds();
        let request = server.request();
        let sent = request
            .lines()
            .find_map(|line| line.strip_prefix("Cookie: "));
        let sort = |text: &str| {
            let mut pairs: Vec<_> = text.split("; ").map(str::to_owned).collect();
            pairs.sort();
            pairs
        };
        assert_eq!(sort(sent.unwrap_or_default()), sort(want), "{host}{path}");
    }
    // What a directory holds is no cookie, and - is standard input.
    let folder = Folder::new();
    let place = folder.path().display().to_string();
    let server = Server::answering([HELLO, HELLO]);
    get(["-b", &place, &server.url("/")]).succeeds();
    let command = command(["get", "-b", "-", &server.url("/")]);
    run(command, b"Set-Cookie: a=1\n").succeeds();
    assert!(server.requests()[1].contains("\r\nCookie: a=1\r\n"));
}

/// The host of -H 'Host: …' is the one that cookies are for.
#[test]
fn a_given_host_has_its_own_cookies() {
    let folder = Folder::new();
    let jar = folder.join("jar");
    let sets = setting(&[b"a=1; Domain=shop.test", b"b=2; Domain=127.0.0.1", b"c=3"]);
    let server = Server::answering([sets, HELLO.into(), HELLO.into()]);
    let url = server.url("/");
    get(["-c", &jar, "-H", "Host: www.shop.test:81", &url]).succeeds();
    get(["-b", &jar, "-H", "Host: www.shop.test", &url]).succeeds();
    get(["-b", &jar, &url]).succeeds();
    let requests = server.requests();
    assert!(
        requests[1].contains("\r\nCookie: a=1; c=3\r\n"),
        "{requests:?}"
    );
    assert!(!requests[2].contains("Cookie:"), "{requests:?}");
}

#[test]
fn caps_of_browsers_and_curl() {
    // Expiry: in 400 days at the latest.
    let lines = jar_after(
        "h.test",
        b"",
        &[b"a=1; Max-Age=99999999999", b"b=2; Max-Age=60"],
    );
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let expiry = |line: &[u8]| -> u64 {
        let column = line.split(|byte| *byte == b'\t').nth(4).unwrap();
        std::str::from_utf8(column).unwrap().parse().unwrap()
    };
    let days = (expiry(&lines[0]) - now) / 86_400;
    assert!((399..=400).contains(&days), "{days}");
    assert!(expiry(&lines[1]) <= now + 60);
    // At most 150 cookies in a request; a domain has no more than 50.
    let host = "c.b.a.h.test";
    let domains = ["h.test", "a.h.test", "b.a.h.test", host];
    let lines = domains.iter().flat_map(|domain| {
        (0..49).map(move |number| format!("{domain}\tTRUE\t/\tFALSE\t0\tn{number}\tv\n"))
    });
    let folder = Folder::new().with("jar", lines.collect::<String>());
    let server = Server::answering([HELLO]);
    let url = format!("http://{host}:{}/", server.address.port());
    let jar = folder.join("jar");
    get(["-b", &jar, "--resolve", "*:*:127.0.0.1", &url]).succeeds();
    assert_eq!(server.request().matches("=v").count(), 150);
}

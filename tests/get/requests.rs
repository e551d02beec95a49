//! What goes on the wire.

use crate::script::{HELLO, Server, command, get, run};
use support::Folder;

#[test]
fn a_plain_request() {
    let server = Server::answering([HELLO]);
    let outcome = get([server.url("/a?b=c#d")]).succeeds();
    assert_eq!(outcome.text(), "hello");
    let want = format!(
        "GET /a?b=c HTTP/1.1\r\nHost: {}\r\nUser-Agent: tinyhttp/{}\r\nAccept: */*\r\n\r\n",
        server.address,
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(server.request(), want);
}

#[test]
fn a_scheme_is_not_needed() {
    let server = Server::answering([HELLO]);
    get([format!("{}/x", server.address)]).succeeds();
    assert!(server.request().starts_with("GET /x HTTP/1.1\r\n"));
}

/// Makes a request with arguments before the URL, and checks its parts: the line, fields, and the
/// content after an empty line; without one, it has none.
#[track_caller]
fn check(args: &str, parts: &str) {
    let server = Server::answering([HELLO]);
    let url = server.url("/a/b?q=1");
    get(table::arguments(args).chain([url])).succeeds();
    let request = server.request();
    let parts: Vec<_> = table::parts(parts).map(table::unescaped).collect();
    assert!(
        request.starts_with(&format!("{}\r\n", parts[0])),
        "{args} {request}"
    );
    let (content, fields): (Vec<_>, Vec<_>) =
        parts[1..].iter().partition(|part| part.starts_with("\r\n"));
    for field in fields {
        assert!(
            request.contains(&format!("\r\n{field}\r\n")),
            "{args} {field}: {request}"
        );
    }
    let content = content.first().map_or("\r\n", |content| content.as_str());
    assert!(
        request.ends_with(&format!("\r\n{content}")),
        "{args} {request}"
    );
}

#[test]
fn methods_fields_and_content() {
    // Arguments; the request line, fields, and the content, if any, after an empty line.
    let table = r#"
        -I => HEAD /a/b?q=1 HTTP/1.1 | Accept: */*
        -X DELETE => DELETE /a/b?q=1 HTTP/1.1
        -X fancy => fancy /a/b?q=1 HTTP/1.1
        -d a=b -d c=d => POST /a/b?q=1 HTTP/1.1 | Content-Length: 7 | Content-Type: application/x-www-form-urlencoded | \r\na=b&c=d
        -X PUT -d x => PUT /a/b?q=1 HTTP/1.1 | Content-Length: 1 | \r\nx
        -d '' => POST /a/b?q=1 HTTP/1.1 | Content-Length: 0
        --data-raw @x => POST /a/b?q=1 HTTP/1.1 | Content-Type: application/x-www-form-urlencoded | \r\n@x
        --data-urlencode 'n=a b&c' => POST /a/b?q=1 HTTP/1.1 | Content-Type: application/x-www-form-urlencoded | \r\nn=a+b%26c
        -d a=1 --data-urlencode b=ü -d c => POST /a/b?q=1 HTTP/1.1 | Content-Type: application/x-www-form-urlencoded | \r\na=1&b=%C3%BC&c
        --json {"a":1} => POST /a/b?q=1 HTTP/1.1 | Content-Type: application/json | Accept: application/json | \r\n{"a":1}
        --json 1 -H 'Content-Type: a/b' => POST /a/b?q=1 HTTP/1.1 | Content-Type: a/b | \r\n1
        -G -d a=b -d c => GET /a/b?q=1&a=b&c HTTP/1.1
        -H 'X-One: 1' -H X-Two; => GET /a/b?q=1 HTTP/1.1 | X-One: 1 | X-Two:\x20
        -H 'X-Two: 1' -H 'X-Two: 2' => GET /a/b?q=1 HTTP/1.1 | X-Two: 1\r\nX-Two: 2
        # It is the first field (RFC 9110 §7.2).
        -H 'Host: other' => GET /a/b?q=1 HTTP/1.1\r\nHost: other | User-Agent: tinyhttp/0.1.0\r\nAccept: */*\r\n
        -H 'Host: other' -H 'Host: third' => GET /a/b?q=1 HTTP/1.1\r\nHost: other | User-Agent: tinyhttp/0.1.0\r\nAccept: */*\r\n
        -r 4 => GET /a/b?q=1 HTTP/1.1 | Range: bytes=4-
        -H 'User-Agent: me' => GET /a/b?q=1 HTTP/1.1 | User-Agent: me
        -A me => GET /a/b?q=1 HTTP/1.1 | User-Agent: me
        -e http://from/ => GET /a/b?q=1 HTTP/1.1 | Referer: http://from/
        -r 0-4,-5 => GET /a/b?q=1 HTTP/1.1 | Range: bytes=0-4,-5
        -u me:secret => GET /a/b?q=1 HTTP/1.1 | Authorization: Basic bWU6c2VjcmV0
        -u me: => GET /a/b?q=1 HTTP/1.1 | Authorization: Basic bWU6
        --bearer t0k => GET /a/b?q=1 HTTP/1.1 | Authorization: Bearer t0k
        -b 'a=b; c=d' => GET /a/b?q=1 HTTP/1.1 | Cookie: a=b; c=d
        -z 1994-11-06 => GET /a/b?q=1 HTTP/1.1 | If-Modified-Since: Sun, 06 Nov 1994 00:00:00 GMT
        -z -1994-11-06 => GET /a/b?q=1 HTTP/1.1 | If-Unmodified-Since: Sun, 06 Nov 1994 00:00:00 GMT
        --compressed => GET /a/b?q=1 HTTP/1.1 | Accept-Encoding: gzip, deflate, br, zstd
        --request-target * -X OPTIONS => OPTIONS * HTTP/1.1
        -0 => GET /a/b?q=1 HTTP/1.0
        -H 'Connection: close' => GET /a/b?q=1 HTTP/1.1 | Connection: close
        -H 'Transfer-Encoding: chunked' -d hello => POST /a/b?q=1 HTTP/1.1 | Transfer-Encoding: chunked | \r\n5\r\nhello\r\n0\r\n\r\n
    "#;
    for (args, request) in table::cases(table) {
        check(args, request);
    }
    // An empty agent is none.
    let server = Server::answering([HELLO]);
    get(["-A", "", &server.url("/")]).succeeds();
    assert!(!server.request().contains("User-Agent"));
}

#[test]
fn users_from_urls_files_and_the_environment() {
    let folder = Folder::new();
    folder.write(
        "netrc",
        b"# caf\xe9\nmachine 127.0.0.1 login me password secret\nmachine 127.0.0.1 login you password p\xe4ss\n",
    );
    folder.write("token", "t0k\n");
    let (netrc, token) = (folder.join("netrc"), format!("@{}", folder.join("token")));
    // User in the URL, variable, flags => the field.
    let table = "
        me:secret@ - => Authorization: Basic bWU6c2VjcmV0
        - TINYHTTP_USER=me:secret => Authorization: Basic bWU6c2VjcmV0
        - TINYHTTP_BEARER=t0k => Authorization: Bearer t0k
        - - --bearer {token} => Authorization: Bearer t0k
        - - --netrc-file {netrc} => Authorization: Basic bWU6c2VjcmV0
        - NETRC={netrc} -n => Authorization: Basic bWU6c2VjcmV0
        # The URL's user chooses the entry, its password counts more than one, and no entry leaves
        # it as it is.
        me@ - --netrc-file {netrc} => Authorization: Basic bWU6c2VjcmV0
        you@ - --netrc-file {netrc} => Authorization: Basic eW91OnDkc3M=
        me:other@ - --netrc-file {netrc} => Authorization: Basic bWU6b3RoZXI=
        eve@ - --netrc-file {netrc} => Authorization: Basic ZXZlOg==
    ";
    for (case, want) in table::cases(table) {
        let case = case.replace("{netrc}", &netrc).replace("{token}", &token);
        let ([user, variable], args) = table::words(&case);
        let user = user.trim_start_matches('-');
        let server = Server::answering([HELLO]);
        let mut command = command(["get"]);
        command
            .args(table::arguments(args))
            .arg(format!("http://{user}{}/", server.address));
        command.envs(variable.split_once('='));
        run(command, b"").succeeds();
        let request = server.request();
        assert!(
            request.contains(&format!("\r\n{want}\r\n")),
            "{case} {request}"
        );
        assert!(
            !request.contains('@'),
            "no user in the target or Host: {request}"
        );
    }
}

#[test]
fn forms_with_files() {
    let folder = Folder::new().with("a.txt", "file content");
    let server = Server::answering([HELLO]);
    let file = format!("upload=@{}", folder.join("a.txt"));
    get(["-F", "name=value", "-F", &file, &server.url("/")]).succeeds();
    let request = server.request();
    assert!(request.starts_with("POST / HTTP/1.1\r\n"), "{request}");
    let boundary = request
        .split("boundary=")
        .nth(1)
        .unwrap()
        .split("\r\n")
        .next()
        .unwrap();
    let content = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nvalue\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"upload\"; filename=\"a.txt\"\r\n\
         Content-Type: text/plain\r\n\r\nfile content\r\n--{boundary}--\r\n"
    );
    assert!(
        request.ends_with(&format!("\r\n\r\n{content}")),
        "{request}"
    );
    assert!(
        request.contains(&format!("Content-Length: {}\r\n", content.len())),
        "{request}"
    );
}

/// Quoted names, types with parameters, fields of a part, several files of one name, and a
/// Content-Type of the user's own.
#[test]
fn forms_as_curl_reads_them() {
    let folder = Folder::new()
        .with("a;b.txt", "first")
        .with("c.html", "second");
    let (a, c) = (folder.join("a;b.txt"), folder.join("c.html"));
    let server = Server::answering([HELLO, HELLO, HELLO]);
    let quoted = format!("f=@\"{a}\"");
    let typed = "p=hello;type=text/html;charset=utf-8";
    get([
        "-F",
        &quoted,
        "-F",
        typed,
        "-F",
        "h=x;headers=\"X-Y: z\"",
        &server.url("/"),
    ])
    .succeeds();
    let both = format!("f=@\"{a}\";type=text/x,{c}");
    get(["-F", &both, &server.url("/")]).succeeds();
    let own = "Content-Type: multipart/related; start=x";
    get(["-H", own, "-F", "a=b", &server.url("/")]).succeeds();
    let requests = server.requests();
    for want in [
        "name=\"f\"; filename=\"a;b.txt\"\r\nContent-Type: text/plain\r\n\r\nfirst\r\n",
        "name=\"p\"\r\nContent-Type: text/html;charset=utf-8\r\n\r\nhello\r\n",
        "name=\"h\"\r\nX-Y: z\r\n\r\nx\r\n",
    ] {
        assert!(requests[0].contains(want), "{want} {}", requests[0]);
    }
    for want in [
        "name=\"f\"\r\nContent-Type: multipart/mixed; boundary=",
        "Content-Disposition: attachment; filename=\"a;b.txt\"\r\nContent-Type: text/x\r\n\r\nfirst\r\n",
        "Content-Disposition: attachment; filename=\"c.html\"\r\nContent-Type: text/html\r\n\r\nsecond\r\n",
    ] {
        assert!(requests[1].contains(want), "{want} {}", requests[1]);
    }
    let line = requests[2]
        .lines()
        .find(|line| line.starts_with(own))
        .unwrap();
    let boundary = line.split("; boundary=").nth(1).unwrap();
    assert!(
        requests[2].ends_with(&format!("--{boundary}--\r\n")),
        "{}",
        requests[2]
    );
}

#[test]
fn uploads() {
    let folder = Folder::new().with("a b.txt", "file content");
    let server = Server::answering([HELLO, HELLO]);
    get(["-T", &folder.join("a b.txt"), &server.url("/up/")]).succeeds();
    let requests = server.requests();
    assert!(
        requests[0].starts_with("PUT /up/a%20b.txt HTTP/1.1\r\n"),
        "{requests:?}"
    );
    assert!(
        requests[0].ends_with("Content-Length: 12\r\n\r\nfile content"),
        "{requests:?}"
    );

    let server = Server::start(|connection| {
        connection.head();
        connection.send("HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(
            connection.read_exactly(16).unwrap(),
            b"6\r\nstream\r\n0\r\n\r\n"
        );
        connection.send(HELLO);
    });
    let outcome = run(command(["get", "-T", "-", &server.url("/x")]), b"stream");
    assert_eq!(outcome.succeeds().text(), "hello");
    let head = server.request();
    assert!(head.contains("Transfer-Encoding: chunked\r\n"), "{head}");
    assert!(head.contains("Expect: 100-continue\r\n"), "{head}");
}

#[test]
fn an_unknown_expectation_is_dropped() {
    let folder = Folder::new().with("big", vec![b'x'; 2 << 20]);
    let server = Server::start(|connection| {
        let head = connection.head().unwrap();
        if head.contains("Expect: ") {
            connection.send("HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        } else {
            connection.read_exactly(2 << 20).unwrap();
            connection.send(HELLO);
        }
    });
    let outcome = get(["-T", &folder.join("big"), &server.url("/x")]).succeeds();
    assert_eq!(outcome.text(), "hello");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn cookies_come_and_go() {
    let folder = Folder::new();
    let jar = folder.join("jar");
    let set = "HTTP/1.1 302 Go\r\nLocation: /next\r\nSet-Cookie: a=1; Path=/\r\n\
               Set-Cookie: b=2; Path=/other\r\nContent-Length: 0\r\n\r\n";
    let server = Server::answering([set, HELLO, HELLO]);
    get(["-L", "-c", &jar, &server.url("/")]).succeeds();
    get(["-b", &jar, &server.url("/other/x")]).succeeds();
    let requests = server.requests();
    assert!(!requests[0].contains("Cookie:"), "{requests:?}");
    assert!(requests[1].contains("\r\nCookie: a=1\r\n"), "{requests:?}");
    assert!(
        requests[2].contains("\r\nCookie: b=2; a=1\r\n"),
        "{requests:?}"
    );
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(&jar).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "no other user can read it");
}

#[test]
fn entity_tags_are_kept_and_compared() {
    let folder = Folder::new();
    let tag = folder.join("tag");
    let server = Server::answering([
        "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\n\r\n",
    ]);
    let args = [
        "--etag-save",
        &tag,
        "--etag-compare",
        &tag,
        "-o",
        &folder.join("file"),
    ];
    for _ in 0..2 {
        get(args.iter().copied().chain([server.url("/").as_str()])).succeeds();
        assert_eq!(folder.read("file"), b"hello");
        assert_eq!(folder.read("tag"), b"\"v1\"\n");
    }
    let requests = server.requests();
    assert!(
        requests[0].contains("\r\nIf-None-Match: \"\"\r\n"),
        "{requests:?}"
    );
    assert!(
        requests[1].contains("\r\nIf-None-Match: \"v1\"\r\n"),
        "{requests:?}"
    );
}

#[test]
fn dots_stay_in_the_path_when_asked() {
    let server = Server::answering([HELLO, HELLO]);
    get([server.url("/a/../b/./c?x")]).succeeds();
    get(["--path-as-is", &server.url("/a/../b/./c?x")]).succeeds();
    let requests = server.requests();
    assert!(requests[0].starts_with("GET /b/c?x HTTP"), "{requests:?}");
    assert!(
        requests[1].starts_with("GET /a/../b/./c?x HTTP"),
        "{requests:?}"
    );
}

#[test]
fn credentials_do_not_cross_origins() {
    let other = Server::answering([HELLO, HELLO]);
    let go = format!(
        "HTTP/1.1 302 Go\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
        other.url("/x")
    );
    let server = Server::answering([go.clone(), go]);
    let secrets = ["-u", "me:secret", "-b", "s=1", "-H", "X-Mine: 1"];
    let url = server.url("/");
    get(secrets.iter().copied().chain(["-L", &url])).succeeds();
    get(secrets.iter().copied().chain(["--location-trusted", &url])).succeeds();
    let requests = other.requests();
    assert!(
        !requests[0].contains("Authorization") && !requests[0].contains("Cookie"),
        "{requests:?}"
    );
    assert!(requests[0].contains("X-Mine: 1"), "{requests:?}");
    assert!(
        requests[1].contains("Authorization") && requests[1].contains("Cookie"),
        "{requests:?}"
    );
}

#[test]
fn methods_change_at_redirects_as_in_browsers() {
    for (status, want) in [
        (301, "GET"),
        (302, "GET"),
        (303, "GET"),
        (307, "POST"),
        (308, "POST"),
    ] {
        let go = format!(
            "HTTP/1.1 {status} Go\r\nLocation: /x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let server = Server::answering([go, HELLO.to_owned()]);
        get(["-L", "-d", "a=b", &server.url("/")]).succeeds();
        let second = server.requests()[1].clone();
        assert!(
            second.starts_with(&format!("{want} /x ")),
            "{status}: {second}"
        );
        assert_eq!(
            second.ends_with("a=b"),
            want == "POST",
            "{status}: {second}"
        );
    }
}

#[test]
fn a_default_field_can_be_taken_out() {
    let server = Server::answering([HELLO]);
    get(["-H", "Accept:", "-H", "User-Agent:", &server.url("/")]).succeeds();
    let want = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    assert_eq!(server.request(), want);
}

#[test]
fn content_from_standard_input() {
    let server = Server::answering([HELLO]);
    let outcome = run(
        command(["get", "-d", "@-", &server.url("/")]),
        b"one\r\ntwo",
    );
    outcome.succeeds();
    assert!(server.request().ends_with("\r\n\r\nonetwo"));
}

#[test]
fn fields_cannot_be_smuggled_in() {
    let server = Server::answering([HELLO]);
    for bad in [
        "X: a\r\nEvil: b",
        "X\r\nEvil: b",
        "X : b",
        "X",
        "Content-Length: 3",
        "Transfer-Encoding: gzip",
        "Connection: upgrade",
    ] {
        get(["-H", bad, &server.url("/")]).fails(2);
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn urls_that_are_none() {
    for (url, code) in [
        ("http://", 3),
        ("http://[::g]/", 3),
        ("ftp://h/", 1),
        ("h:99999", 3),
    ] {
        let outcome = get([url]).fails(code);
        assert_eq!(outcome.stderr.lines().count(), 2, "{}", outcome.stderr);
    }
}

/// The names of the fields in a request, in their order.
fn names(request: &str) -> Vec<&str> {
    let head = request.split("\r\n\r\n").next().unwrap();
    let lines = head.lines().skip(1);
    lines
        .filter_map(|line| Some(line.split_once(':')?.0))
        .collect()
}

#[test]
fn fields_have_curls_order_and_keep_it_at_redirects() {
    let to_other = |server: &Server| {
        let port = server.address.port();
        format!(
            "HTTP/1.1 302 Found\r\nLocation: http://localhost:{port}/b\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let target = Server::answering([HELLO, HELLO]);
    let server = Server::answering([to_other(&target), to_other(&target)]);
    let common = [
        "-L",
        "-u",
        "me:secret",
        "-b",
        "a=b",
        "-e",
        "http://r/",
        "-H",
        "X: y",
    ];
    let url = server.url("/");
    get(common.into_iter().chain(["-r", "0-4", &url])).succeeds();
    let want = [
        "Host",
        "Authorization",
        "Range",
        "User-Agent",
        "Accept",
        "Referer",
        "Cookie",
        "X",
    ];
    assert_eq!(names(&server.requests()[0]), want);
    let kept = ["Host", "Range", "User-Agent", "Accept", "Referer", "X"];
    assert_eq!(names(&target.requests()[0]), kept);
    get(common.into_iter().chain(["-d", "a=b", &url])).succeeds();
    let want = [
        "Host",
        "Authorization",
        "User-Agent",
        "Accept",
        "Referer",
        "Cookie",
        "X",
        "Content-Length",
        "Content-Type",
    ];
    assert_eq!(names(&server.requests()[1]), want);
    // The POST has become a GET.
    let kept = ["Host", "User-Agent", "Accept", "Referer", "X"];
    assert_eq!(names(&target.requests()[1]), kept);
}

#[test]
fn a_file_may_go_out_in_chunks() {
    let folder = Folder::new().with("f", "hello");
    for file in ["f", "-"] {
        let server = Server::answering([HELLO]);
        let mut command = command(["get", "-H", "Transfer-Encoding: chunked", "-T", file]);
        command.arg(server.url("/")).current_dir(folder.path());
        run(command, b"hello").succeeds();
        let request = server.request();
        assert!(!request.contains("Content-Length"), "{request}");
        assert!(
            request.ends_with("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
            "{request}"
        );
    }
}

#[test]
fn fields_are_read_from_a_file() {
    let folder = Folder::new().with("fields", "A: b\r\n\nAccept:\n  C: d e  \n");
    for (name, input) in [("@fields", &b""[..]), ("@-", b"A: b\nC: d e\nAccept:\n")] {
        let server = Server::answering([HELLO]);
        let mut command = command(["get", "-H", name]);
        command.arg(server.url("/")).current_dir(folder.path());
        run(command, input).succeeds();
        let request = server.request();
        assert!(request.ends_with("\r\nA: b\r\nC: d e\r\n\r\n"), "{request}");
        assert!(!request.contains("Accept"), "{request}");
    }
    let mut command = command(["get", "-H", "@missing", "http://127.0.0.1:1/"]);
    command.current_dir(folder.path());
    run(command, b"").fails(26);
}

#[test]
fn an_absent_entity_tag_leaves_an_empty_file() {
    for (field, want) in [
        ("", ""),
        ("ETag:\r\n", ""),
        ("ETag: \"v1\"\r\n", "\"v1\"\n"),
    ] {
        let folder = Folder::new();
        let server =
            Server::answering([HELLO.replace("Content-Length", &format!("{field}Content-Length"))]);
        let path = folder.join("new/folder/tag");
        get(["--create-dirs", "--etag-save", &path, &server.url("/")]).succeeds();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), want, "{field}");
    }
}

#[test]
fn an_upload_keeps_a_url_with_a_query() {
    let folder = Folder::new().with("f", "x");
    let file = folder.join("f");
    for (path, want) in [
        ("/a/", "/a/f"),
        ("/a/?b", "/a/?b"),
        ("/a/?", "/a/?"),
        ("/a", "/a"),
    ] {
        let server = Server::answering([HELLO]);
        get(["-T", &file, &server.url(path)]).succeeds();
        let request = server.request();
        assert!(
            request.starts_with(&format!("PUT {want} HTTP/1.1")),
            "{request}"
        );
    }
}

#[test]
fn a_download_asks_for_a_digest_unless_told_otherwise() {
    for (flags, want) in [
        (&[][..], Some("sha-256=1")),
        (&["-H", "Want-Repr-Digest:"], None),
        (&["-H", "want-repr-digest: sha-512=1"], Some("sha-512=1")),
    ] {
        let (server, folder) = (Server::answering([HELLO]), Folder::new());
        let (file, url) = (folder.join("f"), server.url("/"));
        get(flags.iter().copied().chain(["-o", &file, &url])).succeeds();
        let request = server.request();
        let sent: Vec<_> = request
            .lines()
            .filter_map(|line| line.strip_prefix("Want-Repr-Digest: "))
            .collect();
        assert_eq!(sent, Vec::from_iter(want), "{request}");
    }
}

#[test]
fn little_content_in_chunks_is_sent_without_asking() {
    let folder = Folder::new().with("f", "hello");
    for flags in [&["-T", "f"][..], &["-d", "hello"], &["-d", ""]] {
        let server = Server::answering([HELLO]);
        let mut command = command(["get", "-H", "Transfer-Encoding: chunked"]);
        command
            .args(flags)
            .arg(server.url("/"))
            .current_dir(folder.path());
        run(command, b"").succeeds();
        let request = server.request();
        assert!(!request.contains("Expect"), "{flags:?} {request}");
    }
}

#[test]
fn flags_as_curl_takes_them() {
    let folder = Folder::new();
    let tagged = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 0\r\n\r\n";
    let server = Server::answering([HELLO, HELLO, tagged]);
    let url = server.url("/");
    let mut line = command(["get", "-J", "-o", "f", &url]);
    line.current_dir(folder.path());
    run(line, b"").succeeds();
    assert_eq!(folder.read("f"), b"hello");
    run(command(["get", "-T", ".", &url]), b"content").succeeds();
    let request = server.requests().pop().unwrap();
    assert!(
        request.ends_with("\r\n7\r\ncontent\r\n0\r\n\r\n"),
        "{request}"
    );
    let outcome = get(["--etag-save", "-", &url]).succeeds();
    assert_eq!(outcome.text(), "\"v1\"\n");
}

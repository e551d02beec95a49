//! The everyday lines of curl's and HTTPie's manuals, with `tinyhttp get` in their place.

use crate::script::{HELLO, Server, command, get, run};
use support::Folder;

/// Flags and items, with the URL as `{}`; then the beginning of the request and what else is in it.
const CURL: &str = r#"
    {} => GET / HTTP/1.1 | Accept: */*
    -g -N -q --tcp-nodelay {} => GET /
    --url {} => GET /
    -sS -s -f -L -L {} => GET /
    -fsSL -1 --retry-connrefused {} => GET /
    --proto =http {} => GET /
    --max-redirs -1 -L {} => GET /
    -u name:password --basic {} => GET / | Authorization: Basic bmFtZTpwYXNzd29yZA==
    --oauth2-bearer T {} => GET / | Authorization: Bearer T
    -r 0-99 {} => GET / | Range: bytes=0-99
    -r -500 {} => GET / | Range: bytes=-500
    -e www.h.test -A Mozilla/3.0 {} => GET / | Referer: www.h.test | User-Agent: Mozilla/3.0
    -b name=Daniel {} => GET / | Cookie: name=Daniel
    -H X-you-and-me:yes -H Accept: {} => GET / | X-You-And-Me: yes
    -d name=Rafael%20Sagula&phone=3320780 {} => POST / | \r\n\r\nname=Rafael%20Sagula&phone=3320780
    --data-ascii a --data-urlencode b=c/d {} => POST / | \r\n\r\na&b=c%2Fd
    -G -d q=x -d r=y {} => GET /?q=x&r=y
    --form-string a=@b;c -F d=e {} => POST / | name="a"\r\n\r\n@b;c\r\n | name="d"\r\n\r\ne\r\n
    --json {"a":1} {} => POST / | Content-Type: application/json | \r\n\r\n{"a":1}
    -X DELETE {} => DELETE /
    -I {} => HEAD /
    --head {} => HEAD /
    -0 {} => GET / HTTP/1.0
"#;

const HTTPIE: &str = r#"
    PUT {} X-API-Token:123 name=John => PUT / | X-API-Token: 123 | Content-Type: application/json | \r\n\r\n{"name":"John"}
    {} name=John age:=29 married:=false hobbies:=["http","pies"] => POST / | \r\n\r\n{"name":"John","age":29,"married":false,"hobbies":["http","pies"]}
    {} q==HTTPie per_page==1 => GET /?q=HTTPie&per_page=1
    {} User-Agent:Bacon/1.0 Cookie:valued-visitor=yes;foo=bar X-Foo:Bar => GET / | User-Agent: Bacon/1.0 | Cookie: valued-visitor=yes;foo=bar | X-Foo: Bar
    {} Accept: => GET /
    DELETE {} => DELETE /
"#;

#[test]
fn lines() {
    for (line, parts) in table::cases(CURL).chain(table::cases(HTTPIE)) {
        let mut parts = table::parts(parts).map(table::unescaped);
        let start = parts.next().unwrap();
        let server = Server::answering([HELLO]);
        let url = server.url("/");
        let args = line
            .split(' ')
            .map(|word| if word == "{}" { url.as_str() } else { word });
        get(args).succeeds();
        let request = server.request();
        assert!(request.starts_with(&start), "{line}: {request}");
        for part in parts {
            let found = request
                .to_ascii_lowercase()
                .contains(&part.to_ascii_lowercase());
            assert!(found, "{line}: {part:?} in {request}");
        }
        if line.contains("Accept:") && !line.contains("*/*") {
            assert!(!request.contains("Accept: */*"), "{line}: {request}");
        }
    }
}

#[test]
fn a_form_with_a_file_in_it() {
    let folder = Folder::new().with("cv.txt", "my life");
    let server = Server::answering([HELLO]);
    let item = format!("cv@{}", folder.join("cv.txt"));
    get(["POST", &server.url("/"), "name=John Doe", &item]).succeeds();
    let request = server.request();
    for part in [
        "filename=\"cv.txt\"",
        "\r\n\r\nmy life\r\n",
        "name=\"name\"\r\n\r\nJohn Doe\r\n",
    ] {
        assert!(request.contains(part), "{part}: {request}");
    }
}

#[test]
fn items_that_are_none() {
    for item in ["nothing", "=x", "a:={", "a:=@/no/such/file"] {
        let outcome = get(["POST", "http://127.0.0.1:1/", item]);
        assert!(matches!(outcome.code, 2 | 26), "{item}: {outcome:?}");
        assert!(!outcome.stderr.contains("connect"), "{item}: {outcome:?}");
    }
}

#[test]
fn every_o_has_its_url() {
    let folder = Folder::new();
    let server = Server::answering([HELLO; 2]);
    let (one, two) = (server.url("/one"), server.url("/two"));
    get([
        "--output-dir",
        &folder.join("made"),
        "--create-dirs",
        "-O",
        &one,
        "-O",
        &two,
    ])
    .succeeds();
    for name in ["made/one", "made/two"] {
        assert_eq!(folder.read(name), b"hello");
    }
}

#[test]
fn schemes_can_be_kept_out() {
    get(["--proto", "=https", "http://127.0.0.1:1/"]).fails(1);
    get(["--proto", "-gopher", "gopher://127.0.0.1:1/"]).fails(1);
    let redirect = "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n";
    let server = Server::answering([redirect]);
    let outcome = get(["-L", "--proto-redir", "=https", &server.url("/")]).fails(1);
    assert!(
        outcome.stderr.contains("only https is to be followed"),
        "{outcome:?}"
    );
}

#[test]
fn the_first_failure_may_be_the_last() {
    let bad = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for (flags, code, text) in [
        (&["-f"][..], 22, "hello"),
        (&["-f", "--fail-early"], 22, ""),
    ] {
        let server = Server::answering([bad, HELLO]);
        let urls = [server.url("/1"), server.url("/2")];
        let args = flags.iter().copied().chain(urls.iter().map(String::as_str));
        assert_eq!(get(args).fails(code).text(), text);
    }
}

#[test]
fn a_login_for_the_proxy_of_the_environment() {
    let proxy = Server::answering([HELLO]);
    let mut command = command(["get", "-U", "me:pw", "http://h.test/"]);
    command.env("http_proxy", proxy.url(""));
    run(command, b"").succeeds();
    assert!(
        proxy.request().contains("Basic bWU6cHc="),
        "{}",
        proxy.request()
    );
}

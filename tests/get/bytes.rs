//! Arguments that are not UTF-8: paths and data are bytes, and go on the wire as they are.

use crate::script::{HELLO, Outcome, Server, command, get, run};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use support::Folder;

/// An argument, with `~` for a byte that is not UTF-8.
fn argument(text: &str) -> OsString {
    let bytes = text
        .bytes()
        .map(|byte| if byte == b'~' { 0xe9 } else { byte });
    OsString::from_vec(bytes.collect())
}

/// The bytes of a request as a text with `~` for that byte.
fn shown(request: &[u8]) -> String {
    let bytes = request
        .iter()
        .map(|byte| if *byte == 0xe9 { b'~' } else { *byte });
    String::from_utf8(bytes.collect()).unwrap()
}

/// Runs `tinyhttp get` with these arguments and a URL; the request as it came.
fn request(arguments: &[OsString], path: &str) -> (Outcome, String) {
    let server = Server::answering([HELLO]);
    let url = argument(&server.url(path));
    let outcome = get([arguments, &[url]].concat());
    assert_eq!(outcome.code, 0, "{arguments:?} {outcome:?}");
    (outcome, shown(&server.request_bytes()))
}

#[test]
fn bytes_arrive_as_they_were_given() {
    let folder = Folder::new();
    let file = folder.path().join(argument("caf~"));
    fs::write(&file, b"one\xe9\n").unwrap();
    let path = shown(file.as_os_str().as_bytes());
    // Arguments, the last one of which is the path of the URL, and what the request has.
    let table = r#"
        /a~?b=~c => GET /a%E9?b=%E9c HTTP/1.1\r\n
        /é~ => GET /%C3%A9%E9 HTTP/1.1\r\n
        --path-as-is /../a~ => GET /../a%E9 HTTP/1.1\r\n
        --request-target /t~ / => GET /t%E9 HTTP/1.1\r\n
        -G -d x=~ / => GET /?x=%E9 HTTP/1.1\r\n
        -H 'X-Y: a~b' / => \r\nX-Y: a~b\r\n
        -A me~ / => \r\nUser-Agent: me~\r\n
        -e from~ / => \r\nReferer: from~\r\n
        -b a=~ / => \r\nCookie: a=~\r\n
        -u m~:p~ / => \r\nAuthorization: Basic bek6cOk=\r\n
        --bearer t~ / => \r\nAuthorization: Bearer t~\r\n
        -d a=~ / => \r\nContent-Length: 3\r\n | \r\n\r\na=~
        --data-raw @~ / => \r\n\r\n@~
        --data-binary ~\n / => \r\n\r\n~\n
        --data-urlencode 'n~=~ ' / => \r\n\r\nn~=%E9+
        --json ["~"] / => \r\n\r\n["~"]
        -d @FILE / => \r\n\r\none~
        --data-binary @FILE / => \r\n\r\none~\n
        --data-urlencode n@FILE / => \r\n\r\nn=one%E9%0A
        -T FILE /up/ => PUT /up/caf%E9 HTTP/1.1\r\n | \r\n\r\none~\n
        -F n~=@FILE / => name="n~"; filename="caf~"\r\n | \r\n\r\none~\n\r\n
        -F a=v~;filename="f~" / => name="a"; filename="f~"\r\n | \r\n\r\nv~\r\n
        -F a=<FILE / => \r\n\r\none~\n\r\n
        --form-string a~=@~ / => name="a~"\r\n\r\n@~\r\n
        -z FILE / => \r\nIf-Modified-Since:
    "#;
    for (line, wants) in table::cases(table) {
        let arguments = table::arguments(line)
            .map(|text| argument(&table::unescaped(&text).replace("FILE", &path)));
        let mut arguments: Vec<_> = arguments.collect();
        let url = arguments.pop().unwrap();
        let (_, request) = request(&arguments, shown(url.as_bytes()).as_str());
        for want in table::parts(wants).map(table::unescaped) {
            assert!(request.contains(&want), "{line} {want:?}: {request}");
        }
    }
}

#[test]
fn items_are_bytes_too() {
    let folder = Folder::new();
    let file = folder.path().join(argument("caf~"));
    fs::write(&file, "content").unwrap();
    let server = Server::answering([HELLO; 3]);
    let url = || OsString::from(server.url("/"));
    let items = |items: &[&str]| -> Vec<OsString> {
        let path = shown(file.as_os_str().as_bytes());
        let items = items
            .iter()
            .map(|text| argument(&text.replace("FILE", &path)));
        ["POST".into(), url()].into_iter().chain(items).collect()
    };
    get(items(&["q==~", "f@FILE", "n=@FILE"])).succeeds();
    get(items(&["n=@FILE"])).succeeds();
    let requests = server.requests();
    assert!(
        requests[0].starts_with("POST /?q=%E9 HTTP/1.1\r\n"),
        "{requests:?}"
    );
    assert!(
        requests[0].contains("name=\"n\"\r\n\r\ncontent\r\n"),
        "{requests:?}"
    );
    assert!(
        requests[1].ends_with("\r\n\r\n{\"n\":\"content\"}"),
        "{requests:?}"
    );
    for wrong in ["n=~", "n~=x", "n:=\"~\""] {
        let outcome = get(items(&[wrong])).fails(2);
        assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
    }
}

#[test]
fn files_have_the_names_that_were_given() {
    let folder = Folder::new();
    let name = argument("o~#1");
    let server = Server::answering([HELLO; 3]);
    let output = folder.path().join(&name);
    let url = argument(&server.url("/{~,b}"));
    get([OsStr::new("-o"), output.as_os_str(), &url]).succeeds();
    for name in ["o~~", "o~b"] {
        assert_eq!(
            fs::read(folder.path().join(argument(name))).unwrap(),
            b"hello"
        );
    }
    let jar = folder.path().join(argument("jar~"));
    let url = OsString::from(server.url("/"));
    get([OsStr::new("-c"), jar.as_os_str(), &url]).succeeds();
    assert!(jar.exists());
}

#[test]
fn formats_are_bytes() {
    let folder = Folder::new();
    let file = folder.path().join(argument("f~"));
    fs::write(&file, argument("~%{http_code}~").as_bytes()).unwrap();
    let path = shown(file.as_os_str().as_bytes());
    for format in ["~%{http_code}~".to_owned(), format!("@{path}")] {
        let flags = ["-s".into(), "-w".into(), argument(&format)];
        let (outcome, _) = request(&flags, "/");
        assert_eq!(shown(&outcome.stdout), "hello~200~");
    }
}

#[test]
fn users_from_the_environment_are_bytes() {
    let server = Server::answering([HELLO]);
    let mut command = command(["get", &server.url("/")]);
    command.env("TINYHTTP_USER", argument("m~:p~"));
    run(command, b"").succeeds();
    assert!(
        server.request().contains("Basic bek6cOk="),
        "{}",
        server.request()
    );
}

/// Where only text can work, one line names the argument.
#[test]
fn arguments_that_have_to_be_text() {
    for line in [
        &["-X", "~"][..],
        &["-o", "~", "-C", "~x"],
        &["-r", "~"],
        &["--interface", "~"],
    ] {
        let line = line
            .iter()
            .copied()
            .chain(["http://127.0.0.1:1/"])
            .map(argument);
        let outcome = get(line).fails(2);
        assert!(
            outcome
                .stderr
                .contains("is not UTF-8, and text is needed there"),
            "{outcome:?}"
        );
        assert_eq!(outcome.stderr.lines().count(), 2, "{outcome:?}");
    }
    let outcome = get(["-o", "~", "-C", "~x", "http://127.0.0.1:1/"].map(argument));
    assert!(outcome.stderr.contains("'\u{fffd}x'"), "{outcome:?}");
    let outcome = get(["http://h~/"].map(argument)).fails(3);
    assert!(outcome.stderr.contains("in the host name"), "{outcome:?}");
}

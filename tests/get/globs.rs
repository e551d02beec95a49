//! URL globs: one URL stands for many, as with curl.

use crate::script::{HELLO, Server, get};
use support::Folder;

/// The targets of the requests, in order.
fn targets(server: &Server) -> Vec<String> {
    let target = |request: &String| request.split(' ').nth(1).unwrap().to_owned();
    server.requests().iter().map(target).collect()
}

#[test]
fn globs_are_expanded_and_the_last_one_varies_fastest() {
    let table: &[(&str, &[&str])] = &[
        ("/[8-10]", &["/8", "/9", "/10"]),
        ("/[08-10:2]", &["/08", "/10"]),
        ("/[a-c:2]", &["/a", "/c"]),
        ("/{a,b}/[1-2]", &["/a/1", "/a/2", "/b/1", "/b/2"]),
        ("/{one,,two}", &["/one", "/", "/two"]),
        ("/x?{a,b}[1-1]", &["/x?a1", "/x?b1"]),
        ("/x?a[]=1", &["/x?a[]=1"]),
        (r"/\[1-3\]\{a,b\}", &["/[1-3]%7Ba,b%7D"]),
    ];
    for (path, want) in table {
        let server = Server::answering(vec![HELLO; want.len()]);
        let outcome = get([server.url(path)]).succeeds();
        assert_eq!(targets(&server), *want, "{path}");
        assert_eq!(outcome.text(), "hello".repeat(want.len()), "{path}");
    }
}

#[test]
fn globoff_takes_brackets_and_braces_as_they_are() {
    for flag in ["-g", "--globoff"] {
        let server = Server::answering([HELLO; 2]);
        get([flag, &server.url("/[1-3]{a,b}?[z"), &server.url("/]")]).succeeds();
        assert_eq!(targets(&server), ["/[1-3]%7Ba,b%7D?[z", "/]"]);
    }
}

#[test]
fn addresses_in_brackets_are_no_globs() {
    for url in [
        "http://[::1]:1/",
        "[::1]:1/a",
        "http://[::ffff:127.0.0.1]:1/[1-2]",
    ] {
        let outcome = get(["--connect-timeout", "1", url]);
        assert_ne!(outcome.code, 3, "{url}: {outcome:?}");
    }
}

#[test]
fn malformed_globs_name_the_position() {
    for (url, position) in [
        ("http://127.0.0.1:1/[1-", 23),
        ("http://127.0.0.1:1/{a", 20),
        ("http://127.0.0.1:1/a}", 21),
        ("http://127.0.0.1:1/[3-1]", 21),
        ("http://127.0.0.1:1/{a{b,c}}", 22),
    ] {
        let outcome = get([url]).fails(3);
        let want = format!("in position {position} of");
        assert!(outcome.stderr.contains(&want), "{url}: {outcome:?}");
        assert!(outcome.stderr.contains("-g"), "{url}: {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 2, "{outcome:?}");
    }
    for url in [
        "http://127.0.0.1:1/[0-99999999999]",
        "http://h/[1-99999]/[1-99999]",
    ] {
        let outcome = get([url]).fails(3);
        assert!(
            outcome.stderr.contains("more than 10000000 URLs"),
            "{outcome:?}"
        );
    }
}

/// A malformed URL fails like any other URL: the others are fetched.
#[test]
fn one_malformed_glob_does_not_stop_the_others() {
    let server = Server::answering([HELLO; 2]);
    let outcome = get([server.url("/a"), server.url("/["), server.url("/b")]).fails(3);
    assert_eq!(outcome.text(), "hellohello");
    let server = Server::answering([HELLO; 2]);
    let urls = [server.url("/["), server.url("/b")];
    let outcome = get(["--fail-early", &urls[0], &urls[1]]).fails(3);
    assert_eq!(outcome.text(), "");
}

#[test]
fn files_are_named_after_the_values() {
    let table: &[(&str, &str, &[&str])] = &[
        ("/[01-02]/{a,b}", "#1_#2", &["01_a", "01_b", "02_a", "02_b"]),
        ("/{a,b}", "f#1#2#", &["fa#2#", "fb#2#"]),
        ("/{<x>a,b}", "#<x>", &["a", "b"]),
        ("/plain", "#1", &["#1"]),
    ];
    for (path, output, want) in table {
        for flags in [
            &["-s"][..],
            &["-s", "-Z"],
            &["-s", "-Z", "--parallel-max", "2"],
        ] {
            let folder = Folder::new();
            let server = Server::answering(vec![HELLO; want.len()]);
            let url = server.url(path);
            let output = folder.join(output);
            get(flags.iter().copied().chain([&*url, "-o", &output])).succeeds();
            assert_eq!(folder.names(), *want, "{path} {flags:?}");
        }
    }
}

/// Each `-o` belongs to the URL in the same place, and all URLs of a glob share it.
#[test]
fn every_glob_has_its_output_and_its_number() {
    let folder = Folder::new();
    let server = Server::answering([HELLO; 4]);
    let (one, two) = (folder.join("a#1"), folder.join("b"));
    let urls = [server.url("/[1-2]"), server.url("/x"), server.url("/y")];
    let line = [
        "-o",
        &one,
        &urls[0],
        "-o",
        &two,
        &urls[1],
        &urls[2],
        "-w",
        "%{urlnum};",
    ];
    let outcome = get(line).succeeds();
    assert_eq!(folder.names(), ["a1", "a2", "b"]);
    assert_eq!(outcome.text(), "0;0;1;hello2;");
    let server = Server::answering([HELLO; 3]);
    let folder = Folder::new();
    get([
        "-O",
        "--output-dir",
        &folder.join(""),
        &server.url("/[7-9].txt"),
    ])
    .succeeds();
    assert_eq!(folder.names(), ["7.txt", "8.txt", "9.txt"]);
}

/// URLs are made one by one: the first of millions is fetched at once.
#[test]
fn many_urls_take_no_memory() {
    let refusal = "HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for flags in [
        &["-f", "--fail-early"][..],
        &["-f", "--fail-early", "-Z", "--parallel-max", "1"],
    ] {
        let server = Server::answering([refusal]);
        let url = server.url("/[0-9999999]");
        get(flags.iter().copied().chain([&*url])).fails(22);
        assert_eq!(targets(&server), ["/0"]);
    }
}

#[test]
fn a_flag_and_a_url_behind_it_are_globs_too() {
    let server = Server::answering([HELLO; 4]);
    get(["--url", &server.url("/{a,b}"), &server.url("/[1-2]")]).succeeds();
    assert_eq!(targets(&server), ["/1", "/2", "/a", "/b"]);
}

#[test]
fn a_name_that_no_glob_has_is_refused() {
    let outcome = get(["-o", "/tmp/#<other>", "http://127.0.0.1:1/{<name>a,b}"]).fails(43);
    assert!(outcome.stderr.contains("\"other\""), "{outcome:?}");
}

//! Which URLs are fetched, and which file is uploaded to each.

use crate::script::{HELLO, Server, command, get, run};
use support::Folder;

/// The request lines, and the content of each request, as `PUT /a body`.
fn requests(server: &Server) -> Vec<String> {
    let requests = server.requests();
    let shown = requests.iter().map(|request| {
        let (head, content) = request.split_once("\r\n\r\n").unwrap();
        let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1");
        format!("{line} {content}").trim_end().to_owned()
    });
    shown.collect()
}

#[test]
fn files_and_urls_are_paired() {
    // Flags, in which U is the server's URL and F/ the folder; then the requests.
    let table = r"
        -T F/a U/1                         => PUT /1 A
        -T F/a U/1 U/2                     => PUT /1 A | GET /2
        -T F/a U/1 -T F/b U/2              => PUT /1 A | PUT /2 B
        -T F/a -T F/b U/1 U/2              => PUT /1 A | PUT /2 B
        -T '' -T F/b U/1 U/2               => GET /1 | PUT /2 B
        -T F/{a,b} U/1                     => PUT /1 A | PUT /1 B
        -T F/{a,b} U/1 U/2                 => PUT /1 A | PUT /1 B | GET /2
        -T F/[a-b] U/{1,2}/                => PUT /1/a A | PUT /2/a A | PUT /1/b B | PUT /2/b B
        -T F/{a} U/1                       => PUT /1 A
        -T F/x[1].txt U/                   => PUT /x%5B1%5D.txt X
        -g -T F/x[1].txt U/                => PUT /x%5B1%5D.txt X
        -T F/x\[1\].txt U/1              => PUT /1 X
        -T F/a --url U/1 --url U/2         => PUT /1 A | GET /2
    ";
    for (flags, want) in table::cases(table) {
        let folder = Folder::new()
            .with("a", "A")
            .with("b", "B")
            .with("x[1].txt", "X");
        let server = Server::start(|connection| {
            while connection.request().is_some() {
                connection.send(HELLO);
            }
        });
        let place = folder.path().display().to_string();
        let args = table::arguments(flags).map(|word| {
            let word = word.replace("F/", &format!("{place}/"));
            word.replace("U/", &server.url("/"))
        });
        get(args).succeeds();
        assert_eq!(requests(&server).join(" | "), want, "{flags}");
    }
}

#[test]
fn files_without_a_url_are_refused() {
    let folder = Folder::new().with("a", "A");
    let (file, nothing) = (folder.join("a"), folder.join("b"));
    let server = Server::answering([HELLO, HELLO]);
    let outcome = get(["-T", &file, "-T", &file, &server.url("/")]).fails(2);
    assert!(outcome.stderr.contains("-T names 2 files"), "{outcome:?}");
    assert!(server.requests().is_empty());
    // A file that is missing fails by itself, and the others are sent.
    let both = format!("{{{nothing},{file}}}");
    get(["-T", &both, &server.url("/")]).fails(26);
    assert_eq!(requests(&server), ["PUT /a A"]);
    get(["-T", &format!("{file}{{"), &server.url("/")]).fails(3);
}

#[test]
fn globs_of_files_name_the_output() {
    let folder = Folder::new().with("a", "A").with("b", "B");
    let server = Server::start(|connection| {
        while let Some(request) = connection.request() {
            let content = request.split_once("\r\n\r\n").unwrap().1;
            connection.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{content}",
                content.len()
            ));
        }
    });
    let (files, output) = (folder.join("{<f>a,b}"), folder.join("out-#<f>-#1"));
    get(["-s", "-T", &files, "-o", &output, &server.url("/{x,y}")]).succeeds();
    for (name, content) in [("a-x", "A"), ("a-y", "A"), ("b-x", "B"), ("b-y", "B")] {
        assert_eq!(folder.read(&format!("out-{name}")), content.as_bytes());
    }
    get(["-T", &files, "-o", &folder.join("#<g>"), &server.url("/")]).fails(43);
}

#[test]
fn urls_may_be_in_a_file() {
    let server = Server::start(|connection| {
        while connection.request().is_some() {
            connection.send(HELLO);
        }
    });
    let list = format!(
        "# all of them\n{}\r\n\n  {}\n",
        server.url("/one[1]"),
        server.url("/two")
    );
    let folder = Folder::new().with("list", &list);
    let from_file = format!("@{}", folder.join("list"));
    let place = folder.path().display().to_string();

    get(["-s", "--output-dir", &place, "--url", &from_file]).succeeds();
    assert_eq!(requests(&server), ["GET /one[1]", "GET /two"]);
    assert_eq!(folder.names(), ["list", "one[1]", "two"]);

    // -o is for the other URLs.
    let folder = Folder::new();
    let place = folder.path().display().to_string();
    let first = server.url("/first");
    let args = [
        "get",
        "-s",
        "--url",
        "@-",
        "-o",
        "x",
        &first,
        "--output-dir",
        &place,
    ];
    run(command(args), list.as_bytes()).succeeds();
    assert_eq!(folder.names(), ["one[1]", "two", "x"]);

    for (text, code) in [("", 2), ("# nothing\n", 2)] {
        let folder = Folder::new().with("list", text);
        let from_file = format!("@{}", folder.join("list"));
        get(["--url", &from_file]).fails(code);
    }
    get(["--url", "@/no/such/file"]).fails(26);
}

#[test]
fn names_may_come_from_where_redirects_lead() {
    let go = "HTTP/1.1 302 Go\r\nLocation: /dir/last?x\r\nContent-Length: 0\r\n\r\n";
    let named = "HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=given\r\n\
        Content-Length: 5\r\n\r\nhello";
    let table = [
        (&["-OJL"][..], &[go, HELLO][..], "last"),
        (&["-OJL"], &[go, named], "given"),
        (&["-OJLi"], &[go, HELLO], "last"),
        (&["-OJ"], &[HELLO], "first"),
        (&["-OL"], &[go, HELLO], "first"),
    ];
    for (flags, answers, want) in table {
        let folder = Folder::new();
        let server = Server::answering(answers);
        let place = folder.path().display().to_string();
        let url = server.url("/first");
        let args = flags.iter().copied().chain(["--output-dir", &place, &url]);
        get(args).succeeds();
        assert_eq!(folder.names(), [want], "{flags:?}");
    }
}

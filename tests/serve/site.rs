//! `tinyhttp serve` as its users meet it: with curl, with mistakes on the command line, with
//! signals.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::process::Command;
use support::{Folder, LONG, Raw, Serve, curl, curl_status, curl_text, tinyhttp};

const NO_FLAGS: [&str; 0] = [];

#[test]
fn a_page_and_its_fields() {
    let folder = Folder::new()
        .with("index.html", "<h1>hello</h1>\n")
        .with("sub/index.html", "sub");
    let server = Serve::start(folder.path(), NO_FLAGS);
    let answer = server.connect().get("/");
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "<h1>hello</h1>\n")
    );
    assert_eq!(
        answer.field("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(answer.field("content-length"), Some("15"));
    assert_eq!(answer.field("accept-ranges"), Some("bytes"));
    assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
    assert!(
        answer
            .field("server")
            .is_some_and(|server| server.starts_with("tinyhttp/"))
    );
    assert!(
        answer
            .field("date")
            .is_some_and(|date| date.ends_with(" GMT"))
    );
    assert!(
        answer
            .field("last-modified")
            .is_some_and(|date| date.ends_with(" GMT"))
    );
    assert!(
        answer.field("etag").is_some_and(|tag| tag.starts_with('"')),
        "a strong validator"
    );
    assert_eq!(curl_text([server.url("/sub/")]), "sub");
    assert_eq!(curl_text(["-L".to_owned(), server.url("/sub")]), "sub");
    let head = curl_text(["-I".to_owned(), server.url("/")]);
    assert!(
        head.contains("Content-Length: 15\r\n") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
}

#[test]
fn a_folder_is_redirected_to_its_slash_and_nowhere_else() {
    let folder = Folder::new()
        .with("sub/index.html", "sub")
        .with("evil.example/index.html", "x");
    let server = Serve::start(folder.path(), NO_FLAGS);
    let table = [
        ("/sub?a=b&c", "/sub/?a=b&c"),
        ("//sub", "/sub/"),
        ("//evil.example", "/evil.example/"),
        ("/./sub", "/sub/"),
    ];
    for (path, location) in table {
        let answer = server.connect().get(path);
        assert!([301, 308].contains(&answer.status), "{path}: {answer:?}");
        assert_eq!(answer.field("location"), Some(location), "{path}");
    }
}

#[test]
fn statuses() {
    let folder = Folder::new()
        .with("a.txt", "a")
        .with(".hidden", "x")
        .with(".git/config", "x")
        .with("dir/.env", "x");
    let server = Serve::start(folder.path(), NO_FLAGS);
    for path in [
        "/nowhere",
        "/a.txt/",
        "/a.txt/b",
        "/.hidden",
        "/.git/config",
        "/dir/.env",
        "/%2egit/config",
    ] {
        let answer = server.connect().get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(
            answer.field("content-type"),
            Some("text/html; charset=utf-8"),
            "{path}"
        );
        assert!(
            !answer.text().contains("nowhere"),
            "the page must not repeat what was asked for"
        );
    }
    assert_eq!(curl_status(["-X", "DELETE", &server.url("/a.txt")]), 405);
    assert_eq!(curl_status(["-d", "x=y", &server.url("/a.txt")]), 405);
    assert_eq!(curl_status(["-X", "BREW", &server.url("/a.txt")]), 501);
    assert_eq!(
        curl_status(["--path-as-is", &server.url("/../../../etc/passwd")]),
        400
    );
    assert_eq!(
        curl_status(["--path-as-is", &server.url("/%2e%2e/%2e%2e/etc/passwd")]),
        400
    );
}

#[test]
fn ranges_and_conditions_with_curl() {
    let folder = Folder::new().with("digits.txt", "0123456789");
    let server = Serve::start(folder.path(), NO_FLAGS);
    let url = server.url("/digits.txt");
    assert_eq!(curl_text(["-r", "2-4", &url]), "234");
    assert_eq!(curl_text(["-r", "-3", &url]), "789");
    assert_eq!(curl_text(["-r", "7-", &url]), "789");
    assert_eq!(curl_status(["-r", "10-", &url]), 416);
    let copy = folder.path().join("copy");
    let copy = copy.to_str().unwrap();
    std::fs::write(copy, "01234").unwrap();
    let format = "%{http_code} %{size_download}";
    assert_eq!(
        curl_text(["-C", "-", "-o", copy, "-w", format, &url]),
        "206 5"
    );
    assert_eq!(std::fs::read_to_string(copy).unwrap(), "0123456789");
    // By 2037 it will not have changed; in 1990 it had not been written.
    assert_eq!(curl_status(["-z", "1 Jan 2037", &url]), 304);
    assert_eq!(curl_status(["-z", "1 Jan 1990", &url]), 200);
    let tags = folder.path().join("tags");
    let tags = tags.to_str().unwrap();
    assert_eq!(curl_status(["--etag-save", tags, &url]), 200);
    assert_eq!(curl_status(["--etag-compare", tags, &url]), 304);
    folder.write("digits.txt", "abcdefghij");
    assert_eq!(curl_status(["--etag-compare", tags, &url]), 200);
    assert_eq!(curl_text([&url]), "abcdefghij");
}

#[test]
fn a_name_with_everything_in_it() {
    let name = "a b#?%ü<&>.txt";
    let folder = Folder::new()
        .with(name, "odd")
        .with("sub\u{20}dir/index.html", "x");
    let server = Serve::start(folder.path(), NO_FLAGS);
    assert_eq!(
        curl_text([server.url("/a%20b%23%3F%25%C3%BC%3C%26%3E.txt")]),
        "odd"
    );
    let redirect = server.connect().get("/sub%20dir");
    assert_eq!(redirect.field("location"), Some("/sub%20dir/"));
}

#[test]
fn special_files_are_404_without_waiting() {
    let outside = Folder::new().with("secret.txt", "secret");
    let folder = Folder::new()
        .with("inside.txt", "inside")
        .with("unreadable.txt", "x");
    let path = |name: &str| folder.path().join(name);
    support::mkfifo(path("fifo"));
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    symlink(outside.path().join("secret.txt"), path("out")).unwrap();
    symlink(outside.path(), path("out-dir")).unwrap();
    symlink("/dev/zero", path("device")).unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    symlink("loop", path("loop")).unwrap();
    symlink("inside.txt", path("in")).unwrap();
    let server = Serve::start(folder.path(), NO_FLAGS);
    for name in [
        "fifo",
        "socket",
        "out",
        "out-dir/secret.txt",
        "device",
        "dangling",
        "loop",
    ] {
        assert_eq!(
            server.connect().get(&format!("/{name}")).status,
            404,
            "{name}"
        );
    }
    assert_eq!(server.connect().get("/in").text(), "inside");
}

#[test]
fn a_file_larger_than_four_bytes_can_count() {
    let folder = Folder::new();
    let file = File::create(folder.path().join("large.bin")).unwrap();
    file.set_len(5_000_000_000).unwrap();
    file.write_all_at(b"the end", 4_999_999_993).unwrap();
    let server = Serve::start(folder.path(), NO_FLAGS);
    let url = server.url("/large.bin");
    assert!(curl_text(["-I", &url]).contains("Content-Length: 5000000000\r\n"));
    assert_eq!(curl_text(["-r", "4999999993-", &url]), "the end");
    assert_eq!(curl_text(["-r", "4294967290-4294967299", &url]).len(), 10);
}

#[test]
fn three_gigabytes_arrive_whole() {
    let folder = Folder::new();
    File::create(folder.path().join("large.bin"))
        .unwrap()
        .set_len(3_000_000_000)
        .unwrap();
    let server = Serve::start(folder.path(), NO_FLAGS);
    let format = "%{size_download} %{http_code}";
    let told = curl_text(["-o", "/dev/null", "-w", format, &server.url("/large.bin")]);
    assert_eq!(told, "3000000000 200");
}

#[test]
fn a_client_that_goes_away_in_mid_download() {
    let folder = Folder::new().with("a.txt", "a");
    File::create(folder.path().join("large.bin"))
        .unwrap()
        .set_len(100_000_000)
        .unwrap();
    let server = Serve::start(folder.path(), NO_FLAGS);
    for _ in 0..20 {
        let mut raw = server.connect();
        raw.send("GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n");
        let mut some = [0; 1000];
        raw.stream().read_exact(&mut some).unwrap();
        // Dropped with unread input: the kernel resets the connection.
    }
    assert_eq!(server.connect().get("/a.txt").text(), "a");
}

/// Nearly as many connections as the limit on open files allows are kept, the others wait in the
/// backlog.
#[test]
fn a_low_limit_on_descriptors() {
    let folder = Folder::new().with("a.txt", "a");
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64; exec \"$0\" serve \"$1\" -p 0"]);
    command.arg(support::program()).arg(folder.path());
    let server = Serve::spawn(command);
    let mut crowd: Vec<Raw> = (0..100).map(|_| server.connect()).collect();
    assert_eq!(crowd[20].get("/a.txt").text(), "a");
    crowd[99].send("GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n");
    crowd.drain(..90);
    assert_eq!(
        crowd[9].answer().text(),
        "a",
        "the last one's turn has come"
    );
}

/// With no descriptor left at all, not even for those that were counted on, the server waits and
/// then goes on.
#[test]
fn a_full_descriptor_table() {
    let folder = Folder::new().with("a.txt", "a");
    let server = Serve::start(folder.path(), NO_FLAGS);
    assert_eq!(server.connect().get("/a.txt").text(), "a");
    let lowered = Command::new("prlimit")
        .args([&format!("--pid={}", server.pid()), "--nofile=24:24"])
        .status();
    if !lowered.is_ok_and(|status| status.success()) {
        eprintln!("skipped: prlimit is not there");
        return;
    }
    let crowd: Vec<Raw> = (0..100).map(|_| server.connect()).collect();
    // Idle connections are closed for it, but not for the file that it wants.
    assert!([200, 503].contains(&server.connect().get("/a.txt").status));
    drop(crowd);
    // Until the server has noticed that they are gone, it has no descriptor for the file, and says
    // so.
    let answer = (0..10_000)
        .map(|_| server.connect().get("/a.txt"))
        .find(|answer| answer.status != 503);
    assert_eq!(answer.unwrap().text(), "a");
}

#[test]
fn the_banner_and_the_log() {
    let folder = Folder::new().with("a.txt", "aaaa");
    let server = Serve::start(folder.path(), NO_FLAGS);
    let banner = server.banner.join("\n");
    assert!(banner.contains(folder.path().to_str().unwrap()), "{banner}");
    let url = banner
        .split_whitespace()
        .find(|word| word.starts_with("http://"))
        .unwrap();
    assert_eq!(curl_text([format!("{url}a.txt")]), "aaaa");
    let line = server.stderr_line();
    for part in ["200", "GET", "/a.txt", "4 B", "127.0.0.1"] {
        assert!(line.contains(part), "{line}");
    }
    server.connect().get("/%1b%5b31m\u{9b}x\"");
    let line = server.stderr_line();
    assert!(line.is_ascii() && !line.contains('\u{1b}'), "{line:?}");
    let quiet = Serve::start(folder.path(), ["-v"]);
    assert_eq!(quiet.connect().get("/a.txt").status, 200);
}

#[test]
fn several_addresses() {
    let folder = Folder::new().with("a.txt", "a");
    let server = Serve::start(folder.path(), ["-b", "127.0.0.1", "-b", "127.0.0.2"]);
    let urls: Vec<_> = server
        .banner
        .iter()
        .filter_map(|line| line.trim().strip_prefix("http://"))
        .collect();
    assert_eq!(urls.len(), 2, "{:?}", server.banner);
    for url in urls {
        assert_eq!(
            Raw::connect(url.trim_end_matches('/').parse().unwrap())
                .get("/a.txt")
                .text(),
            "a"
        );
    }
}

/// What a mistake on the command line looks like: two lines on stderr, and a code that isn't zero.
#[test]
fn mistakes() {
    let folder = Folder::new().with("file", "x");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_port = taken.local_addr().unwrap().port().to_string();
    let dir = folder.path().to_str().unwrap();
    let table = "
        {dir} -p {taken} => 1 taken | -p 0
        /no/such/folder => 1 /no/such/folder | DIR
        {dir}/file => 1 file
        {dir} -p 0 -b 192.0.2.1 => 1 192.0.2.1 | no such address
        {dir} -p 99999 => 2 99999
        {dir} --no-such-flag => 2 --no-such-flag
        {dir} -p 0 -b nonsense.invalid => 1 nonsense.invalid
        {dir} -b 'no name' => 2 no name
    ";
    for (flags, outcome) in table::cases(table) {
        let flags = flags.replace("{dir}", dir).replace("{taken}", &taken_port);
        let ([code], words) = table::words(outcome);
        let code: i32 = code.parse().unwrap();
        let output = tinyhttp()
            .arg("serve")
            .args(table::arguments(&flags))
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{flags}: {stderr}");
        for word in table::parts(words) {
            assert!(
                stderr.contains(word),
                "{flags}: {word} is not in {stderr:?}"
            );
        }
        assert!(code == 2 || stderr.lines().count() == 2, "{stderr:?}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn a_folder_that_may_not_be_read() {
    let folder = Folder::new().with("locked/a.txt", "a");
    let locked = folder.path().join("locked");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    // For root nothing is forbidden.
    if std::fs::read_dir(&locked).is_err() {
        let output = tinyhttp()
            .arg("serve")
            .arg(&locked)
            .args(["-p", "0"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("ermission"));
    }
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn flags_from_the_environment() {
    let folder = Folder::new().with("a.txt", "a").with(".hidden", "h");
    let mut command = tinyhttp();
    command
        .arg("serve")
        .env("TINYHTTP_DIR", folder.path())
        .env("TINYHTTP_PORT", "0");
    command.env("TINYHTTP_HIDDEN", "1").env("TINYHTTP_SPA", "0");
    let server = Serve::spawn(command);
    assert_eq!(server.connect().get("/a.txt").text(), "a");
    assert_eq!(server.connect().get("/.hidden").text(), "h");
    assert_eq!(server.connect().get("/nowhere").status, 404);
}

/// What of the folder is shown, and how.
#[test]
fn flags_about_the_site() {
    let folder = Folder::new()
        .with("index.html", "<p>app</p>")
        .with("start.htm", "start")
        .with("about.html", "about")
        .with("404.html", "<p>not here</p>")
        .with("notes.md", "# notes")
        .with("app.3f2a9c1b.js", "1")
        .with(".secret", "secret");
    // Path and flags => status and content | field.
    let table = "
        /nowhere => 404 <p>not here</p>
        /some/route --spa => 200 <p>app</p>
        /about --clean-urls => 200 about
        / --index start.htm => 200 start
        /docs/about.html --base /docs => 200 about
        /about.html --base /docs => 404
        /.secret --hidden => 200 secret
        /notes.md --mime md=text/x-notes => 200 # notes | content-type: text/x-notes
        /about.html => 200 about | cache-control: no-cache
        /about.html --cache *.html=max-age=60 => 200 about | cache-control: max-age=60
    ";
    for (case, outcome) in table::cases(table) {
        let ([path], flags) = table::words(case);
        let (answered, field) = outcome.split_once(" | ").unwrap_or((outcome, ""));
        let ([status], content) = table::words(answered);
        let status: u16 = status.parse().unwrap();
        let server = Serve::start(folder.path(), table::arguments(flags));
        let answer = server.connect().get(path);
        assert_eq!(answer.status, status, "{case}");
        assert!(
            content.is_empty() || answer.text() == content,
            "{case}: {}",
            answer.text()
        );
        if let Some((name, value)) = field.split_once(": ") {
            assert_eq!(answer.field(name), Some(value), "{case}");
        }
    }
}

/// After the first signal, new clients are refused, idle connections are closed, and a download in
/// progress is finished; then the program ends.
#[test]
fn a_graceful_end() {
    let folder = Folder::new().with("a.txt", "a");
    File::create(folder.path().join("large.bin"))
        .unwrap()
        .set_len(20_000_000)
        .unwrap();
    let mut server = Serve::start(folder.path(), NO_FLAGS);
    let mut idle = server.connect();
    assert_eq!(idle.get("/a.txt").text(), "a");
    let mut busy = server.connect();
    busy.send("GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut first = [0];
    busy.stream().peek(&mut first).unwrap();
    server.signal("TERM");
    assert!(idle.is_ended(), "an idle connection ends");
    assert_eq!(
        busy.answer().content.len(),
        20_000_000,
        "a busy one finishes"
    );
    assert!(busy.is_ended());
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let folder = Folder::new();
    File::create(folder.path().join("large.bin"))
        .unwrap()
        .set_len(100_000_000)
        .unwrap();
    let mut server = Serve::start(folder.path(), ["-v"]);
    let mut stuck = server.connect();
    stuck.send("GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n");
    stuck.stream().peek(&mut [0]).unwrap();
    let mut idle = server.connect();
    server.signal("INT");
    assert!(idle.is_ended());
    server.signal("INT");
    assert_eq!(server.wait(), Some(0));
    drop(stuck);
}

#[test]
fn a_file_that_changes_is_never_served_stale() {
    let folder = Folder::new().with("a.txt", "one");
    let server = Serve::start(folder.path(), NO_FLAGS);
    let mut raw = server.connect();
    for number in 0..50 {
        let content = format!("content {number}");
        folder.write("a.txt", &content);
        assert_eq!(raw.get("/a.txt").text(), content);
    }
    std::fs::remove_file(folder.path().join("a.txt")).unwrap();
    assert_eq!(raw.get("/a.txt").status, 404);
}

/// Every thread is in the sandbox, where the kernel has one: no new privileges, only the calls that
/// a server makes, and no capability but that of root to read.
#[test]
fn the_sandbox_holds_all_threads() {
    const CAP_DAC_READ_SEARCH: u64 = 1 << 2;
    let folder = Folder::new().with("a.txt", "a");
    let table: [(&[&str], &str, &str); 2] = [(&[], "1", "2"), (&["--no-sandbox"], "0", "0")];
    for (flags, no_new_privileges, filter) in table {
        let server = Serve::start(folder.path(), flags);
        assert_eq!(server.connect().get("/a.txt").text(), "a");
        if server.banner.iter().all(|line| !line.contains("Landlock")) && flags.is_empty() {
            eprintln!("skipped: this kernel has no Landlock");
            return;
        }
        for thread in std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap() {
            let status = std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
            let value = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap().trim().to_owned()
            };
            assert_eq!(value("NoNewPrivs:"), no_new_privileges, "{flags:?}");
            assert_eq!(value("Seccomp:"), filter, "{flags:?}");
            if flags.is_empty() {
                for set in ["CapEff:", "CapPrm:", "CapInh:", "CapAmb:"] {
                    let capabilities = u64::from_str_radix(&value(set), 16).unwrap();
                    assert_eq!(capabilities & !CAP_DAC_READ_SEARCH, 0, "{set}");
                }
            }
        }
    }
}

/// An inherited descriptor is closed, unless a flag names a file through it.
#[test]
fn inherited_descriptors_are_closed() {
    let folder = Folder::new()
        .with("a.txt", "a")
        .with("users", "ann:secret\n");
    let script = format!(
        "exec 7</etc/passwd 9>/dev/null 8<{users}; exec \"$0\" serve {site} -p 0 --auth-file /dev/fd/8",
        users = folder.join("users"),
        site = folder.path().display(),
    );
    let mut command = Command::new("bash");
    command.args(["-c", &script]).arg(tinyhttp().get_program());
    let server = Serve::spawn(command);
    assert_eq!(
        curl_status(["-u", "ann:secret", &server.url("/a.txt")]),
        200
    );
    for entry in std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap() {
        let Ok(target) = std::fs::read_link(entry.unwrap().path()) else {
            continue;
        };
        for left_open in ["/etc/passwd", &folder.join("users")] {
            assert_ne!(target.to_str(), Some(left_open));
        }
    }
}

/// A client that promised more than the file has, because the file shrank, must be able to tell.
#[test]
fn a_file_that_shrinks_under_a_download() {
    let folder = Folder::new();
    let path = folder.path().join("large.bin");
    File::create(&path).unwrap().set_len(200_000_000).unwrap();
    let server = Serve::start(folder.path(), ["-v"]);
    let mut raw = server.connect();
    raw.send("GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n");
    raw.stream().peek(&mut [0]).unwrap();
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(1000)
        .unwrap();
    let received = raw.rest();
    assert!(received.len() < 200_000_000, "{} bytes", received.len());
}

#[test]
fn wget_is_content_too() {
    if Command::new("wget").arg("--version").output().is_err() {
        eprintln!("skipped: wget is not installed");
        return;
    }
    let folder = Folder::new().with("site/a.txt", "wget, and wget again");
    let server = Serve::start(&folder.path().join("site"), NO_FLAGS);
    let wget = |flags: &[&str]| {
        let output = Command::new("wget")
            .args(["-nv", "-S", "-T", "20", "-t", "1", "-P", &folder.join("")])
            .args(flags)
            .arg(server.url("/a.txt"))
            .output()
            .unwrap();
        (
            output.stdout,
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let content = folder.read("site/a.txt");
    assert_eq!(wget(&["-O", "-"]).0, content);
    // A cut download goes on where it ended, and one that is whole is left alone.
    folder.write("a.txt", &content[..5]);
    for status in ["206 Partial Content", "416 Range Not Satisfiable"] {
        let said = wget(&["-c"]).1;
        assert!(said.contains(status), "{said}");
        assert_eq!(folder.read("a.txt"), content);
    }
    // A mirror asks only for what is new.
    std::fs::remove_file(folder.join("a.txt")).unwrap();
    for status in ["200 OK", "304 Not Modified"] {
        let said = wget(&["-N"]).1;
        assert!(said.contains(status), "{said}");
    }
}

/// The commands of the README's first screen, as they stand there.
#[test]
fn the_start_page() {
    let server = Serve::start(&support::root().join("www"), NO_FLAGS);
    let page = curl(["-i", &server.url("/")]);
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(
        page.starts_with("HTTP/1.1 200 OK\r\n") && page.contains("<!DOCTYPE html>"),
        "{page}"
    );
    assert_eq!(
        curl_status(["--compressed", &server.url("/style.css")]),
        200
    );
    assert_eq!(curl_status([server.url("/favicon.svg")]), 200);
    let mut raw = server.connect();
    raw.stream().set_read_timeout(Some(LONG)).unwrap();
    raw.stream().write_all(b"HEAD / HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(raw.answer_to("HEAD").status, 200);
}

/// Clients that take their time: a file that all of them read is open once, so that there are
/// descriptors left for others.
#[test]
fn slow_readers_of_a_file_leave_descriptors_for_others() {
    let folder = Folder::new()
        .with("large.bin", vec![1; 8 << 20])
        .with("other.bin", vec![2; 300_000]);
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -n 128; exec \"$0\" serve \"$1\" -p 0 --max-connections-per-client 90",
    ]);
    command.arg(support::program()).arg(folder.path());
    let server = Serve::spawn(command);
    let mut readers: Vec<_> = (0..70).map(|_| server.connect()).collect();
    for reader in &mut readers {
        reader.send("GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    // Each has been sent something, so that the file is open for it.
    for reader in &readers {
        reader.stream().peek(&mut [0]).unwrap();
    }
    let descriptors = || {
        let open = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
        let open = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        open.filter(|target| target.ends_with("large.bin")).count()
    };
    assert_eq!(descriptors(), 1);
    assert_eq!(server.connect().get("/other.bin").status, 200);
    drop(readers);
}

/// What is on this machine is for its own pages, unless it is shared: pages of other sites can't
/// embed it.
#[test]
fn other_sites_may_not_embed_what_is_only_here() {
    let folder = Folder::new().with("a.txt", "a");
    let table: [(&[&str], Option<&str>); 4] = [
        (&[], Some("same-site")),
        (&["-b", "0.0.0.0"], None),
        (&["--cors"], None),
        (
            &["--header", "Cross-Origin-Resource-Policy: same-origin"],
            Some("same-origin"),
        ),
    ];
    for (flags, want) in table {
        let server = Serve::start(folder.path(), flags);
        for path in ["/a.txt", "/missing", "/"] {
            let answer = server.connect().get(path);
            assert_eq!(
                answer.field("cross-origin-resource-policy"),
                want,
                "{flags:?} {path}"
            );
        }
    }
}

/// A reload of an application's route logs once which flag is missing.
#[test]
fn a_missing_route_is_a_hint() {
    let folder = Folder::new().with("index.html", "app");
    let page = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\n\r\n");
    let server = Serve::start(folder.path(), [""; 0]);
    let ask = |path| server.connect().send(page(path)).answer().status;
    assert_eq!((ask("/missing.js"), ask("/users/7")), (404, 404));
    let lines = || std::iter::repeat_with(|| server.stderr_line());
    let hint = lines().find(|line| line.contains("warn"));
    assert!(hint.is_some_and(|line| line.contains("users/7") && line.contains("--spa")));
    assert_eq!((ask("/users/8"), ask("/the/last")), (404, 404));
    let mut rest = lines().take_while(|line| !line.contains("/the/last"));
    assert!(rest.all(|line| !line.contains("--spa")));
    let server = Serve::start(folder.path(), ["--spa"]);
    assert_eq!(
        server.connect().send(page("/users/7")).answer().text(),
        "app"
    );
}

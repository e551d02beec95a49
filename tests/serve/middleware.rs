//! The middleware of `serve`: passwords, host names, CORS, redirects, and the fields of every
//! response.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::{Folder, Raw, Serve, curl_status, tinyhttp};

/// A bcrypt hash of `U*U`, from the test vectors of crypt_blowfish.
const ANN: &str = "ann:$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

fn folder() -> Folder {
    Folder::new()
        .with("index.html", "<p>hello</p>")
        .with("a.txt", "a")
        .with("404.html", "gone")
}

fn serve(folder: &Folder, flags: &[&str]) -> Serve {
    Serve::start(folder.path(), flags)
}

#[test]
fn passwords() {
    let folder = folder();
    let users = Folder::new().with("users", format!("# users\n{ANN}\nbob:plain text\n"));
    let file = users.path().join("users");
    let server = serve(
        &folder,
        &["--auth-file", file.to_str().unwrap(), "--realm", "here"],
    );
    for path in ["/a.txt", "/nowhere", "/?json", "/?download=zip"] {
        let answer = server.connect().get(path);
        assert_eq!(answer.status, 401, "{path}");
        assert!(
            answer
                .field("www-authenticate")
                .unwrap()
                .contains("realm=\"here\""),
            "{path}"
        );
        assert!(!answer.text().contains("gone"), "{path}");
    }
    let url = server.url("/a.txt");
    assert_eq!(curl_status(["-u", "bob:plain text", &url]), 200);
    assert_eq!(curl_status(["-u", "bob:wrong", &url]), 401);
    assert_eq!(curl_status(["-u", "eve:plain text", &url]), 401);
    assert_eq!(curl_status(["-u", "bob:", &url]), 401);

    // A plain password may come from the environment, but not from a command line that all can
    // read.
    let mut command = tinyhttp();
    command
        .arg("serve")
        .arg(folder.path())
        .args(["-p", "0"])
        .env("TINYHTTP_AUTH", "eve:apple");
    let server = Serve::spawn(command);
    assert_eq!(curl_status(["-u", "eve:apple", &server.url("/a.txt")]), 200);
    let refused = tinyhttp()
        .arg("serve")
        .arg(folder.path())
        .args(["--auth", "eve:apple"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(!String::from_utf8_lossy(&refused.stderr).contains("apple"));
}

/// A file in another charset than UTF-8 is read, and passwords keep their bytes.
#[test]
fn users_in_any_charset() {
    let folder = folder();
    let content = [
        b"# caf\xe9\nb\xf6b:p\xe4ss\r\n",
        format!("{ANN}\n").as_bytes(),
    ]
    .concat();
    let users = Folder::new().with("users", content);
    let server = serve(&folder, &["--auth-file", &users.join("users")]);
    let mut command = tinyhttp();
    command.args(["serve", "-p", "0"]).arg(folder.path()).env(
        "TINYHTTP_AUTH",
        std::ffi::OsStr::from_bytes(b"b\xf6b:p\xe4ss"),
    );
    let by_environment = Serve::spawn(command);
    let table: [(&Serve, &[u8], u16); 7] = [
        (&server, b"b\xf6b:p\xe4ss", 200),
        (&server, b"ann:U*U", 200),
        (&server, "b\u{f6}b:p\u{e4}ss".as_bytes(), 401),
        (&server, b"b\xf6b:p\xe5ss", 401),
        (&server, b"b\\xf6b:p\xe4ss", 401),
        (&by_environment, b"b\xf6b:p\xe4ss", 200),
        (&by_environment, b"b\xf6b:", 401),
    ];
    for (server, pair, status) in table {
        let login = BASE64_STANDARD.encode(pair);
        let request = format!(
            "GET /a.txt HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {login}\r\n\r\n"
        );
        let got = server.connect().send(request).answer().status;
        assert_eq!(got, status, "{}", pair.escape_ascii());
    }
}

/// Forty connections that guess passwords, at one name and at many, while users whose passwords are
/// not remembered log in.
#[test]
fn guesses_lock_no_user_out() {
    const USERS: usize = 10;
    let lines: String = (0..USERS)
        .map(|number| format!("{}\n", ANN.replace("ann:", &format!("user{number}:"))))
        .collect();
    let users = Folder::new().with("users", format!("{ANN}\n{lines}"));
    let file = users.join("users");
    let folder = folder();
    let server = serve(&folder, &["--auth-file", &file]);
    let ask = |raw: &mut Raw, pair: &str| {
        let pair = BASE64_STANDARD.encode(pair);
        let request = format!(
            "GET /a.txt HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {pair}\r\n\r\n"
        );
        raw.send(request).answer().status
    };
    let done = AtomicBool::new(false);
    let guesses = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for attacker in 0..40 {
            let (mut raw, done, guesses) = (server.connect(), &done, &guesses);
            scope.spawn(move || {
                while !done.load(Ordering::Acquire) {
                    let guess = guesses.fetch_add(1, Ordering::AcqRel);
                    let name = match attacker % 2 {
                        0 => "ann".to_owned(),
                        _ => format!("name{guess}"),
                    };
                    let status = ask(&mut raw, &format!("{name}:guess{guess}"));
                    assert!([401, 429, 503].contains(&status), "{status}");
                }
            });
        }
        server.wait_until("the guessing is under way", |_| {
            guesses.load(Ordering::Acquire) > 100
        });
        let statuses: Vec<_> = (0..USERS)
            .map(|number| ask(&mut server.connect(), &format!("user{number}:U*U")))
            .collect();
        done.store(true, Ordering::Release);
        assert_eq!(statuses, [200; USERS]);
    });
}

#[test]
fn names_that_lead_here_and_are_not_ours() {
    let folder = folder();
    let start = |flags: &str| {
        let mut command = tinyhttp();
        command.env_remove("TINYHTTP_NO_HOST_CHECK");
        command
            .arg("serve")
            .arg(folder.path())
            .args(["-p", "0"])
            .args(table::arguments(flags));
        Serve::spawn(command)
    };
    let table = "
        localhost => 200
        127.0.0.1:8080 => 200
        [::1] => 200
        evil.example => 421
        example.org:80 --host-check example.org,*.test => 200
        a.test --host-check example.org,*.test => 200
        evil.example --host-check example.org,*.test => 421
        evil.example --no-host-check => 200
    ";
    for (case, status) in table::cases(table) {
        let ([host], flags) = table::words(case);
        let status: u16 = status.parse().unwrap();
        let request = format!("GET /a.txt HTTP/1.1\r\nHost: {host}\r\n\r\n");
        // Twice, since the second answer comes from memory.
        let server = start(flags);
        for _ in 0..2 {
            assert_eq!(
                server.connect().send(&request).answer().status,
                status,
                "{case}"
            );
        }
    }
}

/// A server that other machines can reach: its own names and addresses lead to it, others are
/// refused, and both the page and the log say which flag permits a name.
#[test]
fn names_on_all_addresses() {
    let folder = folder();
    let host = rustix::system::uname()
        .nodename()
        .to_str()
        .unwrap()
        .to_owned();
    let mut command = tinyhttp();
    command
        .arg("serve")
        .arg(folder.path())
        .args(["-p", "0", "-b", "0.0.0.0"]);
    command.env_remove("TINYHTTP_NO_HOST_CHECK");
    let server = Serve::spawn(command);
    let own = [
        &*host,
        "localhost",
        "other.local",
        "192.0.2.7",
        "[2001:db8::1]:80",
    ];
    let own = own.map(str::to_owned).into_iter().chain([
        format!("{}.local:8080", host.split('.').next().unwrap()),
        host.to_uppercase(),
    ]);
    for (name, status) in own.map(|name| (name, 200)).chain(
        ["evil.example", "local", "xlocal", "evil.local.example"]
            .map(|name| (name.to_owned(), 421)),
    ) {
        let request = format!("GET /a.txt HTTP/1.1\r\nHost: {name}\r\n\r\n");
        let answer = server.connect().send(&request).answer();
        assert_eq!(answer.status, status, "{name}");
        assert!(
            status == 200 || answer.text().contains("--host-check"),
            "{name}"
        );
    }
    let line = std::iter::repeat_with(|| server.stderr_line()).find(|line| line.contains("warn"));
    let line = line.unwrap();
    assert!(
        line.contains("127.0.0.1: ") && line.contains("--host-check evil.example"),
        "{line}"
    );
}

/// The warning names a flag that can be pasted into a shell, whatever the client sent.
#[test]
fn the_warning_names_the_flag() {
    let folder = folder();
    for (host, flag) in [
        ("evil.example:8080", "--host-check evil.example permits"),
        ("$(reboot)", "--host-check NAME permits"),
        ("-p", "--host-check NAME permits"),
    ] {
        let mut command = tinyhttp();
        command.arg("serve").arg(folder.path()).args(["-p", "0"]);
        command
            .args(["--log-file", "/dev/null"])
            .env_remove("TINYHTTP_NO_HOST_CHECK");
        let server = Serve::spawn(command);
        let request = format!("GET /a.txt HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let status = server.connect().send(&request).answer().status;
        // A Host field that no name can be may be refused earlier.
        if status == 421 {
            let line = server.stderr_line();
            assert!(line.contains(flag), "{line}");
        }
    }
}

#[test]
fn fields_origins_and_redirects() {
    let folder = folder();
    let server = serve(
        &folder,
        &[
            "--header",
            "X-Test: yes",
            "--cors",
            "http://other.test",
            "--redirect",
            "/old/*=/new/*",
        ],
    );
    for path in ["/a.txt", "/a.txt", "/nowhere"] {
        assert_eq!(
            server.connect().get(path).field("x-test"),
            Some("yes"),
            "{path}"
        );
    }
    let request = "GET /a.txt HTTP/1.1\r\nHost: h\r\nOrigin: http://other.test\r\n\r\n";
    let answer = server.connect().send(request).answer();
    assert_eq!(
        answer.field("access-control-allow-origin"),
        Some("http://other.test")
    );
    let preflight = "OPTIONS /a.txt HTTP/1.1\r\nHost: h\r\nOrigin: http://other.test\r\n\
         Access-Control-Request-Method: GET\r\n\r\n";
    let answer = server.connect().send(preflight).answer_to("OPTIONS");
    assert_eq!(
        answer.field("access-control-allow-origin"),
        Some("http://other.test")
    );
    let answer = server.connect().get("/old/a?b=c");
    assert_eq!(
        (answer.status, answer.field("location")),
        (307, Some("/new/a?b=c"))
    );
}

#[test]
fn mistakes() {
    let folder = folder();
    let table: &[(&[&str], &str)] = &[
        (&["--header", "no colon"], "--header"),
        (&["--header", "X: a\nb"], "--header"),
        (&["--cors", "nonsense"], "--cors"),
        (&["--redirect", "nonsense"], "--redirect"),
        (&["--auth-file", "/no/such/file"], "/no/such/file"),
    ];
    for (flags, word) in table {
        let output = tinyhttp()
            .arg("serve")
            .arg(folder.path())
            .args(["-p", "0"])
            .args(*flags)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{flags:?}: {stderr}");
        assert!(
            stderr.contains(word) && stderr.lines().count() == 2,
            "{flags:?}: {stderr}"
        );
    }
}

/// However a path is spelt, each step sees the same one: passwords, redirects, hidden names, and
/// opening the file.
#[test]
fn rules_and_files_see_one_path() {
    let folder = folder();
    for (name, content) in [
        ("old/a.txt", "old"),
        ("old/sub/a.txt", "old"),
        (".env", "hidden"),
        ("older/a.txt", "older"),
    ] {
        folder.write(name, content);
    }
    let rules = ["--redirect", "/old/*=/new/*"];
    let secured = serve(&folder, &[&rules[..], &["--auth", ANN]].concat());
    let server = serve(&folder, &rules);
    #[rustfmt::skip]
    let table = [
        ("/old/a.txt", 307, "/new/a.txt"),
        ("//old/a.txt", 307, "/new/a.txt"),
        ("/old//a.txt", 307, "/new/a.txt"),
        ("/./old/./a.txt", 307, "/new/a.txt"),
        ("/x/../old/a.txt", 307, "/new/a.txt"),
        ("/older/../old/a.txt", 307, "/new/a.txt"),
        ("/old/sub/../a.txt", 307, "/new/a.txt"),
        ("/%6fld/a.txt", 307, "/new/a.txt"),
        ("/%6F%6C%64/%61.txt", 307, "/new/a.txt"),
        ("/x/%2e%2e/old/a.txt", 307, "/new/a.txt"),
        ("http://h/%6fld/a.txt", 307, "/new/a.txt"),
        ("/old/../.env", 404, ""),
        ("/old/%2e%2e/%2eenv", 404, ""),
        ("/old%2fa.txt", 404, ""),
        ("/x%2f..%2fold/a.txt", 404, ""),
        // None of these is that folder.
        ("/older/a.txt", 200, ""),
        ("/old%5ca.txt", 404, ""),
        ("/Old/a.txt", 404, ""),
        ("/%256fld/a.txt", 404, ""),
        ("/old", 301, "/old/"),
    ];
    for (target, status, location) in table {
        // Twice: the second time from memory, if from anywhere.
        for _ in 0..2 {
            let answer = server.connect().get(target);
            let field = answer.field("location").unwrap_or_default();
            assert_eq!((answer.status, field), (status, location), "{target}");
            assert!(
                !["old", "hidden"].contains(&answer.text().as_str()),
                "{target}"
            );
            assert_eq!(secured.connect().get(target).status, 401, "{target}");
        }
    }
}

//! Certificates by ACME, from Debian's `pebble`: an ACME server for tests, which rejects nonces,
//! reuses what it has, and verifies names by connecting to the server under test.

use crate::https::s_client;
use rcgen::{CertificateParams, KeyPair};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::Receiver;
use support::{Folder, Running, Serve, curl, free_address, lines, listens, tinyhttp, wait_until};

/// An ACME server, and the name server that it asks.
struct Pebble {
    address: SocketAddr,
    management: SocketAddr,
    /// The ports at which it expects what Internet servers have at ports 80 and 443.
    http: u16,
    https: u16,
    folder: Folder,
    log: Receiver<String>,
    processes: Vec<Running>,
}

/// What differs between the tests.
#[derive(Clone, Copy)]
struct Habits {
    /// Rejected nonces in percent.
    rejected: u32,
    /// How long certificates are valid, in seconds.
    validity: u32,
}

const USUAL: Habits = Habits {
    rejected: 5,
    validity: 90 * 24 * 3600,
};

impl Pebble {
    /// Starts it; `None`, loudly, if it is not installed.
    fn start(habits: Habits) -> Option<Self> {
        let is_there = |name| Command::new(name).arg("-help").output().is_ok();
        if !is_there("pebble") || !is_there("pebble-challtestsrv") {
            eprintln!("skipped: pebble is not installed");
            return None;
        }
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = Folder::new()
            .with("ca.pem", certificate.pem())
            .with("key.pem", key.serialize_pem());
        let ports: Vec<SocketAddr> = (0..5).map(|_| free_address()).collect();
        let mut pebble = Pebble {
            address: ports[0],
            management: ports[1],
            http: ports[2].port(),
            https: ports[3].port(),
            folder,
            log: std::sync::mpsc::channel().1,
            processes: Vec::new(),
        };
        let names = ports[4].to_string();
        let mut command = Command::new("pebble-challtestsrv");
        let help = Command::new("pebble-challtestsrv").arg("-help").output();
        let help = help.unwrap();
        let help = String::from_utf8_lossy(&[help.stdout, help.stderr].concat()).into_owned();
        // Later versions have other flags.
        let has = |flag: &str| help.contains(&format!("  {flag} "));
        command.args([
            "-defaultIPv4",
            "127.0.0.1",
            "-defaultIPv6",
            "",
            if has("-dnsserver") {
                "-dnsserver"
            } else {
                "-dns01"
            },
            &names,
        ]);
        if has("-doh") {
            command.args(["-doh", ""]);
        }
        for flag in ["-http01", "-https01", "-tlsalpn01", "-management"] {
            command.args([flag, ""]);
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        pebble.processes.push(Running(command.spawn().unwrap()));
        listens(ports[4]);
        pebble.run(habits, &names);
        Some(pebble)
    }

    /// Starts the ACME server itself, which knows nothing of an earlier one.
    fn run(&mut self, habits: Habits, names: &str) {
        let config = serde_json::json!({"pebble": {
            "listenAddress": self.address,
            "managementListenAddress": self.management,
            "certificate": self.folder.join("ca.pem"),
            "privateKey": self.folder.join("key.pem"),
            "httpPort": self.http,
            "tlsPort": self.https,
            "certificateValidityPeriod": habits.validity,
            // The same since 2.7.
            "profiles": {"default": {
                "description": "what everyone gets",
                "validityPeriod": habits.validity,
            }},
            "domainBlocklist": ["blocked.example"],
        }});
        self.folder.write("config.json", config.to_string());
        self.folder.write("names", names);
        let mut child = Command::new("pebble")
            .args([
                "-config",
                &self.folder.join("config.json"),
                "-dnsserver",
                names,
            ])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", habits.rejected.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.log = lines(child.stdout.take().unwrap());
        self.processes.push(Running(child));
        listens(self.address);
    }

    /// Starts it again. It has forgotten everything then.
    fn forget(&mut self, habits: Habits) {
        drop(self.processes.pop());
        let names = String::from_utf8(self.folder.read("names")).unwrap();
        self.run(habits, &names);
    }

    fn directory(&self) -> String {
        format!("https://{}/dir", self.address)
    }

    /// A server that orders certificates here.
    fn serve(&self, state: &Folder, names: &str, flags: &[&str]) -> Serve {
        self.serve_at(self.https, state, names, flags)
    }

    fn serve_at(&self, port: u16, state: &Folder, names: &str, flags: &[&str]) -> Serve {
        let mut command = command(state, names, &self.directory());
        command
            .args([
                "-p",
                &port.to_string(),
                "--acme-ca",
                &self.folder.join("ca.pem"),
            ])
            .args(flags)
            // The names must be known.
            .env("TINYHTTP_NO_HOST_CHECK", "0");
        Serve::spawn(command)
    }

    /// The root certificate of what it issues, in a file.
    fn root(&self) -> String {
        let path = self.folder.join("root.pem");
        let url = format!("https://{}/roots/0", self.management);
        let output = curl(["-k", "-o", &path, &url]);
        assert!(output.status.success(), "{output:?}");
        path
    }

    /// Fetches a file by name, and trusts only what this ACME server has issued.
    fn fetches(&self, server: &Serve, name: &str) -> bool {
        let port = server.address().port();
        let resolve = format!("{name}:{port}:127.0.0.1");
        let url = format!("https://{name}:{port}/a.txt");
        let output = curl(["--cacert", &self.root(), "--resolve", &resolve, &url]);
        output.status.success() && output.stdout == b"hello"
    }

    /// How many orders were made since the last call.
    fn orders(&self) -> usize {
        let lines = self.log.try_iter();
        lines
            .filter(|line| line.contains("POST /order-plz"))
            .count()
    }
}

/// A command that serves a file and orders certificates.
fn command(state: &Folder, names: &str, directory: &str) -> Command {
    let site = state.path().join("site");
    fs::create_dir_all(&site).unwrap();
    fs::write(site.join("a.txt"), "hello").unwrap();
    let mut command = tinyhttp();
    command
        .arg("serve")
        .arg(site)
        .args([
            "--acme",
            names,
            "--acme-accept-terms",
            "--acme-directory",
            directory,
        ])
        .env_remove("STATE_DIRECTORY")
        .env("XDG_STATE_HOME", state.path());
    command
}

/// The next line of the log that says this.
fn log(server: &Serve, what: &str) -> String {
    loop {
        let line = server.stderr_line();
        eprintln!("{line}");
        if line.contains(what) {
            return line;
        }
    }
}

/// Waits until names have certificates that the server uses.
fn issued(pebble: &Pebble, server: &Serve, names: &[&str]) {
    for name in names {
        log(server, &format!("{name} has a certificate until"));
    }
    for name in names {
        wait_until(name, || pebble.fetches(server, name));
    }
}

/// The directory of the one ACME server that was used.
fn kept(state: &Folder) -> PathBuf {
    let acme = state.path().join("tinyhttp/acme");
    let mut found = fs::read_dir(acme).unwrap();
    found.next().unwrap().unwrap().path()
}

fn failures(state: &Folder, name: &str) -> u64 {
    let text = fs::read_to_string(kept(state).join("state.json")).unwrap();
    let state: serde_json::Value = serde_json::from_str(&text).unwrap();
    state[name]["failures"].as_u64().unwrap_or(0)
}

#[test]
fn names_are_verified_over_http_though_half_of_the_nonces_are_rejected() {
    let habits = Habits {
        rejected: 50,
        ..USUAL
    };
    let Some(pebble) = Pebble::start(habits) else {
        return;
    };
    let state = Folder::new();
    let redirect = pebble.http.to_string();
    let flags = [
        "--tls-redirect",
        &redirect,
        "--acme-email",
        "me@example.org",
        "--hsts",
    ];
    let names = "a.example,B.example.,bücher.example";
    let server = pebble.serve(&state, names, &flags);
    assert!(server.banner.iter().any(|line| line.contains("made here")));
    // Meanwhile it serves, with a certificate of its own.
    let url = format!("https://localhost:{}/a.txt", server.address().port());
    assert_eq!(curl(["-k", &url]).stdout, b"hello");
    let hsts = || {
        let head = curl(["-kI", &url]).stdout;
        String::from_utf8(head)
            .unwrap()
            .to_lowercase()
            .contains("strict-transport-security")
    };
    assert!(!hsts(), "the certificate was made here");
    let all = ["a.example", "b.example", "xn--bcher-kva.example"];
    issued(&pebble, &server, &all);
    assert!(hsts());
    assert!(pebble.orders() >= 3);
    // Keys are for their owner alone.
    let directory = kept(&state);
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for name in ["", "certificates"] {
        assert_eq!(mode(directory.join(name)), 0o700, "{name}");
    }
    let files = [
        "account.json",
        "state.json",
        "lock",
        "certificates/a.example.pem",
    ];
    for name in files {
        assert_eq!(mode(directory.join(name)), 0o600, "{name}");
    }
    let left: Vec<_> = fs::read_dir(&directory).unwrap().flatten().collect();
    assert_eq!(left.len(), 4, "{left:?}");
    // Restarted, it orders nothing, and has its certificates at once.
    let before = fs::read(directory.join("certificates/a.example.pem")).unwrap();
    drop(server);
    for _ in 0..3 {
        let server = pebble.serve(&state, names, &flags);
        assert!(!server.banner.iter().any(|line| line.contains("made here")));
        assert!(all.iter().all(|name| pebble.fetches(&server, name)));
    }
    assert_eq!(pebble.orders(), 0);
    assert_eq!(
        before,
        fs::read(directory.join("certificates/a.example.pem")).unwrap()
    );
    // The challenges are gone, and plain HTTP is redirected as ever.
    let server = pebble.serve(&state, names, &flags);
    let url = format!("http://127.0.0.1:{redirect}/.well-known/acme-challenge/token");
    let output = curl([
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-H",
        "Host: a.example",
        &url,
    ]);
    assert_eq!(output.stdout, b"308");
    drop(server);
}

#[test]
fn names_and_addresses_are_verified_in_handshakes() {
    let Some(pebble) = Pebble::start(USUAL) else {
        return;
    };
    for flags in [&[][..], &["--no-sandbox"]] {
        let state = Folder::new();
        let server = pebble.serve(&state, "a.example", flags);
        issued(&pebble, &server, &["a.example"]);
        // Without a challenge, the protocol is not spoken.
        let flags = ["-alpn", "acme-tls/1", "-servername", "a.example"];
        let text = s_client(&server, &flags, "");
        assert!(text.contains("no application protocol"), "{text}");
    }
    // The ACME server has no certificate of a client, which others need.
    let state = Folder::new();
    let authority = pebble.folder.join("ca.pem");
    let server = pebble.serve(&state, "a.example", &["--tls-client-ca", &authority]);
    log(&server, "a.example has a certificate until");
    let flags = ["-servername", "a.example", "-alpn", "http/1.1"];
    wait_until("the certificate is in use", || {
        s_client(&server, &flags, "").contains("Pebble")
    });
    assert!(!pebble.fetches(&server, "a.example"));
    drop(server);
    let state = Folder::new();
    let server = pebble.serve(&state, "127.0.0.1", &[]);
    log(&server, "127.0.0.1 has a certificate until");
    let url = format!("https://127.0.0.1:{}/a.txt", pebble.https);
    wait_until("a certificate for the address", || {
        curl(["--cacert", &pebble.root(), &url]).stdout == b"hello"
    });
}

/// A connection that stays open: openssl's client.
struct Open {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Open {
    fn new(server: &Serve) -> Self {
        let mut child = Command::new("openssl")
            .args([
                "s_client",
                "-quiet",
                "-connect",
                &server.address().to_string(),
            ])
            .args(["-servername", "a.example"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Open {
            stdin: child.stdin.take().unwrap(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// Makes a request, and returns the last line of the response.
    fn request(&mut self) -> String {
        let head = "HEAD /a.txt HTTP/1.1\r\nHost: a.example\r\n\r\n";
        self.stdin.write_all(head.as_bytes()).unwrap();
        let mut first = String::new();
        self.stdout.read_line(&mut first).unwrap();
        let mut line = first.clone();
        while !line.trim().is_empty() {
            line.clear();
            self.stdout.read_line(&mut line).unwrap();
        }
        first
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_renewal_disturbs_no_connection() {
    let habits = Habits {
        validity: 15,
        ..USUAL
    };
    let Some(pebble) = Pebble::start(habits) else {
        return;
    };
    let state = Folder::new();
    let server = pebble.serve(&state, "a.example", &[]);
    issued(&pebble, &server, &["a.example"]);
    let path = kept(&state).join("certificates/a.example.pem");
    let first = fs::read(&path).unwrap();
    let mut open = Open::new(&server);
    assert_eq!(open.request().trim(), "HTTP/1.1 200 OK");
    log(&server, "a.example has a certificate until");
    log(&server, "the certificates were read again");
    assert_ne!(fs::read(&path).unwrap(), first);
    assert_eq!(open.request().trim(), "HTTP/1.1 200 OK");
    assert!(pebble.fetches(&server, "a.example"));
}

/// RFC 9773. Debian's pebble 2.4 has none of it; 2.8 can be given a time.
#[test]
fn a_certificate_is_renewed_when_the_acme_server_suggests() {
    let Some(pebble) = Pebble::start(USUAL) else {
        return;
    };
    let url = format!("https://{}/set-renewal-info/", pebble.management);
    let flags = [
        "-k",
        "-d",
        "{}",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &url,
    ];
    if curl(flags).stdout == b"404" {
        eprintln!("skipped: this pebble can't be told when certificates are to be renewed");
        return;
    }
    let state = Folder::new();
    let chain = || {
        let path = kept(&state).join("certificates/a.example.pem");
        fs::read_to_string(path).unwrap()
    };
    let suggest = |chain: &str, start: &str, end: &str| {
        let begin = chain.find("-----BEGIN CERTIFICATE-----").unwrap();
        let window = serde_json::json!({
            "suggestedWindow": {"start": start, "end": end},
            "explanationURL": "https://ca.example/why",
        });
        let content = serde_json::json!({
            "Certificate": &chain[begin..], "ARIResponse": window.to_string(),
        });
        let flags = ["-k", "-f", "-d", &content.to_string(), &url];
        assert!(curl(flags).status.success());
    };
    let first = {
        let server = pebble.serve(&state, "a.example", &[]);
        issued(&pebble, &server, &["a.example"]);
        chain()
    };
    assert_eq!(pebble.orders(), 1);
    // Far away: nothing happens.
    suggest(&first, "2090-01-01T00:00:00Z", "2090-01-02T00:00:00Z");
    {
        let server = pebble.serve(&state, "a.example", &[]);
        log(
            &server,
            "explains when to renew its certificate at https://ca.example/why",
        );
        assert!(pebble.fetches(&server, "a.example"));
    }
    assert_eq!((chain() == first, pebble.orders()), (true, 0));
    // Past: it is renewed at once, and the order says what it replaces.
    let past = ("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z");
    suggest(&first, past.0, past.1);
    let renewed = || {
        let server = pebble.serve(&state, "a.example", &[]);
        wait_until("a renewed certificate", || chain() != first);
        assert!(pebble.fetches(&server, "a.example"));
    };
    renewed();
    let lines: Vec<String> = pebble.log.try_iter().collect();
    let said = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!(said("is a replacement of"), 1, "{lines:?}");
    assert_eq!(said("has been marked as replaced"), 1, "{lines:?}");
    // The first one again, as after a crash: the order is made without what it would replace.
    let path = kept(&state).join("certificates/a.example.pem");
    fs::write(&path, &first).unwrap();
    let _ = fs::remove_file(kept(&state).join("state.json"));
    renewed();
}

#[test]
fn a_failure_is_one_line_and_survives_restarts() {
    let state = Folder::new();
    let nowhere = free_address();
    let directory = format!("https://{nowhere}/dir");
    let start = || {
        let mut command = command(&state, "a.example", &directory);
        command.args(["-p", "0"]);
        Serve::spawn(command)
    };
    let server = start();
    let line = log(&server, "no certificate for a.example");
    assert!(
        line.contains(&directory) && line.contains("refused") && line.contains("next try"),
        "{line}"
    );
    assert_eq!(curl(["-k", &server.url("/a.txt")]).stdout, b"hello");
    assert_eq!(failures(&state, ""), 1);
    assert_eq!(
        failures(&state, "a.example"),
        0,
        "it says nothing of the name"
    );
    drop(server);
    // A restart does not try again; SIGHUP does.
    let server = start();
    server.signal("HUP");
    log(&server, "are tried again");
    let line = log(&server, "no certificate for a.example");
    assert!(line.contains("refused"), "{line}");
    assert_eq!(failures(&state, ""), 2);
}

#[test]
fn the_certificate_of_the_acme_server_is_verified() {
    let Some(pebble) = Pebble::start(USUAL) else {
        return;
    };
    let state = Folder::new();
    let mut command = command(&state, "a.example", &pebble.directory());
    command.args(["-p", "0"]);
    let server = Serve::spawn(command);
    let line = log(&server, "no certificate for a.example");
    assert!(line.contains("--acme-ca"), "{line}");
    let account = kept(&state).join("account.json");
    assert!(!account.exists(), "nothing was sent");
}

/// Port 80 leads elsewhere, so the next try verifies the name at port 443.
#[test]
fn challenges_alternate() {
    let Some(pebble) = Pebble::start(USUAL) else {
        return;
    };
    let state = Folder::new();
    let other = free_address().port().to_string();
    let server = pebble.serve(
        &state,
        "a.example,blocked.example",
        &["--tls-redirect", &other],
    );
    let line = log(&server, "no certificate for a.example");
    assert!(
        line.contains("http-01 failed") && line.contains("port 80 of a.example must lead"),
        "{line}"
    );
    let line = log(&server, "no certificate for blocked.example");
    assert!(line.contains("rejectedIdentifier"), "{line}");
    assert_eq!(failures(&state, "a.example"), 1);
    server.signal("HUP");
    issued(&pebble, &server, &["a.example"]);
    assert_eq!(failures(&state, "a.example"), 0);
    log(&server, "no certificate for blocked.example");
    assert_eq!(failures(&state, "blocked.example"), 2);
}

#[test]
fn what_is_gone_is_made_again() {
    let Some(mut pebble) = Pebble::start(USUAL) else {
        return;
    };
    let state = Folder::new();
    let server = pebble.serve(&state, "a.example", &[]);
    issued(&pebble, &server, &["a.example"]);
    // The ACME server knows the account no more, and the certificate is lost.
    pebble.forget(USUAL);
    let certificate = kept(&state).join("certificates/a.example.pem");
    fs::remove_file(&certificate).unwrap();
    server.signal("HUP");
    issued(&pebble, &server, &["a.example"]);
    drop(server);
    // Damage, and files that others can read or have put there, count as nothing.
    let account = kept(&state).join("account.json");
    let damages: [&dyn Fn(); 4] = [
        &|| fs::write(&account, "damaged").unwrap(),
        &|| fs::remove_file(&account).unwrap(),
        &|| fs::set_permissions(&account, fs::Permissions::from_mode(0o644)).unwrap(),
        &|| {
            fs::remove_file(kept(&state).join("state.json")).unwrap();
            fs::write(kept(&state).join("state.json"), "{").unwrap();
        },
    ];
    for damage in damages {
        damage();
        fs::write(&certificate, "damaged").unwrap();
        let server = pebble.serve(&state, "a.example", &[]);
        issued(&pebble, &server, &["a.example"]);
    }
}

#[test]
fn one_of_two_servers_orders_and_both_use_it() {
    let Some(pebble) = Pebble::start(USUAL) else {
        return;
    };
    let state = Folder::new();
    let other = free_address().port().to_string();
    let http = pebble.http.to_string();
    // The first one can't be verified, and so keeps the lock.
    let first = pebble.serve_at(0, &state, "a.example", &[]);
    log(&first, "no certificate for a.example");
    let second = pebble.serve(&state, "a.example", &["--tls-redirect", &http]);
    log(&second, "another process orders");
    drop(first);
    // It waits as long as the first one would have.
    assert_eq!(failures(&state, "a.example"), 1);
    second.signal("HUP");
    log(&second, "are tried again");
    issued(&pebble, &second, &["a.example"]);
    let third = pebble.serve_at(0, &state, "a.example", &["--tls-redirect", &other]);
    assert!(pebble.fetches(&third, "a.example"));
    fs::remove_file(kept(&state).join("certificates/a.example.pem")).unwrap();
    second.signal("HUP");
    log(&second, "a.example has a certificate until");
    log(&third, "the certificates were read again");
    assert!(pebble.fetches(&third, "a.example"));
}

#[test]
fn mistakes_are_told_at_the_start() {
    let state = Folder::new().with("no.pem", "nothing");
    let link = Folder::new();
    std::os::unix::fs::symlink(state.path(), link.path().join("tinyhttp")).unwrap();
    let (no_pem, missing) = (state.join("no.pem"), state.join("missing.pem"));
    let acme = ["--acme", "a.example.org", "--acme-accept-terms"];
    let with = |flags: &[&str]| [&acme[..], flags].concat().join("\n");
    let table = [
        (
            "--acme\n*.example.org\n--acme-accept-terms".to_owned(),
            "dns-01",
        ),
        ("--acme\na.example.org".to_owned(), "--acme-accept-terms"),
        ("--acme-email\nme@example.org".to_owned(), "--acme"),
        (
            "--acme\na_b.example.org\n--acme-accept-terms".to_owned(),
            "no host name",
        ),
        (
            "--acme\n127.0.0.1\n--acme-accept-terms".to_owned(),
            "Let's Encrypt",
        ),
        ("--acme\nbox\n--acme-accept-terms".to_owned(), "--tls-ca"),
        (
            "--acme\nbox.local\n--acme-accept-terms".to_owned(),
            "--tls-ca",
        ),
        (with(&["--acme-directory", "http://a.example/"]), "https"),
        (with(&["--acme-email", "me"]), "me@example.org"),
        (with(&["--acme-ca", &no_pem]), "no certificate in it"),
        (with(&["--acme-ca", &missing]), "No such file"),
        (with(&["--tls-cert", "x.pem"]), "--tls-cert"),
        (with(&["--tls-ca"]), "--tls-ca"),
    ];
    for (flags, expected) in table {
        let output = tinyhttp()
            .args(["serve", "-p", "0"])
            .arg(state.path())
            .args(flags.split('\n'))
            .env_remove("STATE_DIRECTORY")
            .env("XDG_STATE_HOME", state.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && text.contains(expected),
            "{flags}: {text}"
        );
    }
}

#[test]
fn a_state_directory_of_others_is_refused() {
    let state = Folder::new();
    let acme = state.path().join("tinyhttp/acme");
    let output = || {
        let mut command = command(&state, "a.example", "https://127.0.0.1:1/");
        command.args(["-p", "0"]).output().unwrap()
    };
    let refused = |what: &str| {
        let text = String::from_utf8_lossy(&output().stderr).into_owned();
        assert!(
            text.contains("can't be kept") && text.contains("a link"),
            "{what}: {text}"
        );
    };
    fs::create_dir_all(&acme).unwrap();
    fs::set_permissions(&acme, fs::Permissions::from_mode(0o777)).unwrap();
    refused("others can write to it");
    fs::remove_dir_all(&acme).unwrap();
    let elsewhere = Folder::new();
    std::os::unix::fs::symlink(elsewhere.path(), &acme).unwrap();
    refused("it is a link");
    fs::remove_file(&acme).unwrap();
    fs::write(&acme, "").unwrap();
    let text = String::from_utf8_lossy(&output().stderr).into_owned();
    assert!(text.contains("can't be kept"), "{text}");
}

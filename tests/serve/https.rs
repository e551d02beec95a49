//! HTTPS as its users meet it: `--tls` without files, and what curl and openssl see.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::{fs, io::Write};
use support::{Folder, Serve, curl, curl_status, curl_text, free_address, program, tinyhttp};

/// Serves a folder over HTTPS, with a state directory of the test's own.
pub(crate) fn start(folder: &Folder, state: &Folder, flags: &[&str]) -> Serve {
    let mut command = tinyhttp();
    command
        .args(["serve", &folder.join(""), "-p", "0"])
        .args(flags)
        .env_remove("STATE_DIRECTORY")
        .env("XDG_STATE_HOME", state.path());
    Serve::spawn(command)
}

fn folder() -> Folder {
    Folder::new()
        .with("a.txt", "hello")
        .with("big", vec![b'x'; 5_000_000])
        .with("d/b.txt", "b")
}

/// The line of the banner that begins so, without that.
fn line<'s>(server: &'s Serve, start: &str) -> &'s str {
    let lines = server.banner.iter();
    let mut found = lines.filter_map(|line| line.trim().strip_prefix(start));
    found
        .next_back()
        .unwrap_or_else(|| panic!("{start}: {:?}", server.banner))
}

/// Runs a command of the banner as a shell does.
fn paste(command: &str) -> Output {
    let path = program();
    let path = format!("{}:/usr/bin:/bin", path.parent().unwrap().display());
    Command::new("sh")
        .args(["-c", command])
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What `openssl s_client` prints when it sends `input`.
pub(crate) fn s_client(server: &Serve, flags: &[&str], input: &str) -> String {
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &server.address().to_string()])
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is installed");
    child
        .stdin
        .as_mut()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    text(output.stdout) + &text(output.stderr)
}

#[test]
fn the_commands_of_the_banner_work_as_printed() {
    let (folder, state) = (folder(), Folder::new());
    for flags in [
        &["--tls"][..],
        &["--tls-ephemeral", "-b", "0.0.0.0"],
        &["--tls-ca"],
    ] {
        let server = start(&folder, &state, flags);
        for start in ["tinyhttp get ", "curl "] {
            let command = format!("{start}{}", line(&server, start));
            let output = paste(&command);
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(
                output.status.success() && text.contains("a.txt"),
                "{command}: {output:?}"
            );
            // The pin is what protects here.
            let pin = command.split('\'').nth(1).unwrap();
            let other = format!("sha256//{}=", "A".repeat(43));
            assert!(
                !paste(&command.replace(pin, &other)).status.success(),
                "{command}"
            );
        }
        let fingerprint = line(&server, "certificate: SHA-256 ").to_owned();
        let shown = paste(&format!(
            "openssl s_client -connect {} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256",
            server.address()
        ));
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(shown.trim().ends_with(&fingerprint), "{shown}");
    }
}

#[test]
fn the_key_is_kept_for_its_owner_and_survives_restarts() {
    let (folder, state) = (folder(), Folder::new());
    let pin = |server: &Serve| line(server, "curl ").split('\'').nth(1).unwrap().to_owned();
    let first = pin(&start(&folder, &state, &["--tls"]));
    let path = state.path().join("tinyhttp/self-signed.pem");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(pin(&start(&folder, &state, &["--tls"])), first);
    // With another address, the certificate is another one, with the same key.
    let before = fs::read(&path).unwrap();
    let server = start(&folder, &state, &["--tls", "-b", "127.0.0.9"]);
    assert_eq!(pin(&server), first);
    assert_ne!(fs::read(&path).unwrap(), before);
    let names = s_client(&server, &["-showcerts"], "");
    assert!(names.contains("CN = localhost"), "{names}");
    // A key that others could read is not used again.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_ne!(pin(&start(&folder, &state, &["--tls"])), first);
    assert_eq!(mode(&path), 0o600);
    // Damaged, it is replaced.
    fs::write(&path, "damaged").unwrap();
    let second = pin(&start(&folder, &state, &["--tls"]));
    assert_eq!(pin(&start(&folder, &state, &["--tls"])), second);
    assert_ne!(pin(&start(&folder, &state, &["--tls-ephemeral"])), second);
    assert_eq!(state.names(), ["tinyhttp"]);
}

/// A directory that can't be written costs a warning.
#[test]
fn without_a_state_directory_the_certificate_lasts_for_the_run() {
    let (folder, state) = (folder(), Folder::new().with("file", ""));
    let mut command = tinyhttp();
    command
        .args(["serve", &folder.join(""), "-p", "0", "--tls"])
        .env_remove("STATE_DIRECTORY")
        .env("XDG_STATE_HOME", state.path().join("file"));
    let server = Serve::spawn(command);
    assert!(server.stderr_line().contains("can't be kept"));
    assert_eq!(curl_text(["-k", &server.url("/a.txt")]), "hello");
}

#[test]
fn what_curl_gets_over_http_it_gets_over_https() {
    let (folder, state) = (folder(), Folder::new());
    let server = start(&folder, &state, &["--tls"]);
    let get = |flags: &[&str], path: &str| {
        let url = server.url(path);
        let output = curl(flags.iter().copied().chain(["-k", &url]));
        assert!(output.status.success(), "{flags:?} {path}: {output:?}");
        output.stdout
    };
    assert_eq!(get(&[], "/a.txt"), b"hello");
    assert_eq!(get(&["--tls-max", "1.2"], "/a.txt"), b"hello");
    assert_eq!(get(&[], "/big"), folder.read("big"));
    assert_eq!(get(&["-r", "10-19"], "/big"), b"xxxxxxxxxx");
    let parts = get(&["-r", "0-1,100000-100001"], "/big");
    assert_eq!(parts.windows(6).filter(|at| at == b"\r\nxx\r\n").count(), 2);
    assert!(get(&["--compressed"], "/big") == folder.read("big"));
    assert!(!get(&[], "/?archive=zip").is_empty());
    assert!(
        String::from_utf8(get(&["-L"], "/d"))
            .unwrap()
            .contains("b.txt")
    );
    let many = vec![server.url("/a.txt"); 20];
    let output = curl(["-k"].into_iter().map(str::to_owned).chain(many));
    assert_eq!(output.stdout, b"hello".repeat(20));
    // HTTP/1.1 is what ALPN chooses among several, and none means the same.
    let text = s_client(&server, &["-alpn", "h2,http/1.1"], "");
    assert!(text.contains("ALPN protocol: http/1.1"), "{text}");
    assert!(s_client(&server, &[], "").contains("No ALPN negotiated"));
    // Old versions are refused.
    for version in ["1.0", "1.1"] {
        let output = curl([
            "-k",
            "--tls-max",
            version,
            "--ciphers",
            "DEFAULT@SECLEVEL=0",
            &server.url("/"),
        ]);
        assert!(!output.status.success(), "{version}");
    }
}

/// The commands of the guide's chapter about TLS.
#[test]
fn the_guide_can_be_followed() {
    let (folder, state) = (folder(), Folder::new());
    let server = start(&folder, &state, &["--tls"]);
    let port = server.address().port();
    let get = paste(&format!(
        "tinyhttp get -k --explain https://localhost:{port}/"
    ));
    let text = String::from_utf8_lossy(&get.stdout).into_owned();
    assert!(get.status.success() && text.contains("TLS 1.3"), "{get:?}");
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let messages = s_client(&server, &["-msg", "-ign_eof"], request);
    for message in [
        "ClientHello",
        "CertificateVerify",
        "Finished",
        "NewSessionTicket",
    ] {
        assert!(messages.contains(message), "{message}");
    }
    let plain = paste(&format!("curl -si http://localhost:{port}/"));
    assert!(plain.stdout.starts_with(b"HTTP/1.1 308"), "{plain:?}");
}

#[test]
fn plain_http_is_redirected_and_curl_follows() {
    let (folder, state) = (folder(), Folder::new());
    let redirecting = free_address().port().to_string();
    let server = start(&folder, &state, &["--tls", "--tls-redirect", &redirecting]);
    let port = server.address().port();
    for from in [port.to_string(), redirecting] {
        let url = format!("http://127.0.0.1:{from}/a.txt?q");
        let location = curl_text([
            "-o",
            "/dev/null",
            "-w",
            "%{http_code} %{redirect_url}",
            &url,
        ]);
        assert_eq!(location, format!("308 https://127.0.0.1:{port}/a.txt?q"));
        assert_eq!(curl_text(["-kL", &url]), "hello");
    }
    let urls = server
        .banner
        .iter()
        .filter(|line| line.contains("127.0.0.1") && line.starts_with("  http"));
    assert_eq!(urls.count(), 1, "{:?}", server.banner);
}

#[test]
fn the_local_authority_is_served_and_vouches_for_this_machine_only() {
    let (folder, state) = (folder(), Folder::new());
    let server = start(&folder, &state, &["--tls-ca"]);
    let file = folder.join("ca.pem");
    let page = server.url("/.tinyhttp/authority.crt");
    assert_eq!(
        curl_text(["-k", "-o", &file, "-w", "%{content_type}", &page]),
        "application/x-x509-ca-cert"
    );
    let pem = String::from_utf8(folder.read("ca.pem")).unwrap();
    assert!(
        pem.starts_with("-----BEGIN CERTIFICATE-----") && !pem.contains("PRIVATE"),
        "{pem}"
    );
    assert_eq!(pem.matches("BEGIN").count(), 1);
    let port = server.address().port();
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("https://{host}:{port}/a.txt");
        let to = format!("{host}:{port}:127.0.0.1");
        assert_eq!(
            curl_text(["--cacert", &file, "--resolve", &to, &url]),
            "hello"
        );
    }
    let shown = paste(&format!(
        "openssl x509 -in {file} -noout -text -fingerprint -sha256"
    ));
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("Permitted:") && shown.contains("pathlen:0"),
        "{shown}"
    );
    assert!(
        shown.contains(line(&server, "authority: SHA-256 ")),
        "{shown}"
    );
    // The same one after a restart.
    drop(server);
    let server = start(&folder, &state, &["--tls-ca"]);
    assert_eq!(
        curl_text(["--cacert", &file, &server.url("/a.txt")]),
        "hello"
    );
}

#[test]
fn what_openssl_can_do_to_a_server() {
    let (folder, state) = (folder(), Folder::new());
    let server = start(&folder, &state, &["--tls"]);
    // R renegotiates, which 1.2 has, and is refused with an alert or ignored; the server goes on.
    let text = s_client(&server, &["-tls1_2"], "R\n");
    assert!(
        !text.contains("DONE") || text.contains("no renegotiation"),
        "{text}"
    );
    // k and K update keys (1.3).
    let text = s_client(&server, &["-tls1_3"], "K\n");
    assert!(text.contains("TLSv1.3"), "{text}");
    let request = "GET /a.txt HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    for flags in [
        &["-quiet", "-ign_eof"][..],
        &["-quiet", "-ign_eof", "-tls1_2"],
        &[
            "-quiet",
            "-ign_eof",
            "-split_send_frag",
            "512",
            "-max_send_frag",
            "512",
        ],
        &["-quiet", "-ign_eof", "-curves", "P-256"],
        &["-quiet", "-ign_eof", "-curves", "X25519"],
        &[
            "-quiet",
            "-ign_eof",
            "-servername",
            "unknown.example",
            "-tls1_3",
        ],
    ] {
        let text = s_client(&server, flags, request);
        match flags.contains(&"unknown.example") {
            true => assert!(text.contains("421 Misdirected"), "{text}"),
            false => assert!(text.contains("\r\n\r\nhello"), "{flags:?}: {text}"),
        }
    }
    // The server chooses the cipher.
    for version in ["-tls1_2", "-tls1_3"] {
        let text = s_client(&server, &[version], "");
        assert!(
            text.contains("AES128-GCM") || text.contains("AES_128_GCM"),
            "{text}"
        );
    }
    // Early data is not offered.
    let session = folder.join("session");
    let text = s_client(
        &server,
        &["-tls1_3", "-sess_out", &session, "-ign_eof"],
        request,
    );
    assert!(text.contains("Max Early Data: 0"), "{text}");
    let text = s_client(
        &server,
        &["-tls1_3", "-sess_in", &session, "-ign_eof"],
        request,
    );
    assert!(text.contains("Reused, TLSv1.3"), "{text}");
    assert_eq!(curl_status(["-k", &server.url("/a.txt")]), 200);
}

/// A socket of systemd's is descriptor 3; what speaks plain HTTP there is redirected.
#[test]
fn sockets_that_are_handed_down_speak_https() {
    let (folder, state) = (folder(), Folder::new());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Only a shell can do this without unsafe code.
    let mut shell = Command::new("sh");
    let pass_on = "exec 3<&0 < /dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"";
    shell
        .args(["-c", pass_on])
        .arg(program())
        .args(["serve", &folder.join(""), "--tls"])
        .env("XDG_STATE_HOME", state.path())
        .env_remove("STATE_DIRECTORY")
        .stdin(Stdio::from(OwnedFd::from(listener)));
    let server = Serve::spawn_with_stdin(shell);
    assert_eq!(server.address(), address);
    let pin = line(&server, "curl ")
        .split('\'')
        .nth(1)
        .unwrap()
        .to_owned();
    for _ in 0..3 {
        let output = curl(["-k", "--pinnedpubkey", &pin, &server.url("/a.txt")]);
        assert_eq!(output.stdout, b"hello");
    }
    let plain = server.url("/a.txt").replace("https", "http");
    assert_eq!(curl_status([&plain]), 308);
}

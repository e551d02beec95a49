//! HTTPS with the servers that are out there, where this machine has them.

use crate::https::Authority;
use crate::script::get;
use std::io::Read;
use std::process::{Command, Stdio};
use support::{Folder, free_address};

/// Whether a program of that name is there; says so if it isn't.
fn has(program: &str) -> bool {
    let found = Command::new(program)
        .arg("version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_err() {
        eprintln!("skipped: this machine has no {program}");
    }
    found.is_ok()
}

#[test]
fn against_openssl() {
    if !has("openssl") {
        return;
    }
    let authority = Authority::new();
    let identity = authority.for_loopback();
    let folder = Folder::new()
        .with("cert.pem", &identity.pem)
        .with("key.pem", identity.key.serialize_pem());
    let port = free_address().port();
    let mut openssl = Command::new("openssl")
        .args(["s_server", "-www", "-accept", &format!("127.0.0.1:{port}")])
        .args([
            "-cert",
            &folder.join("cert.pem"),
            "-key",
            &folder.join("key.pem"),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It says ACCEPT when it listens.
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"ACCEPT")
        && openssl.stdout.as_mut().unwrap().read(&mut byte).unwrap() > 0
    {
        seen.push(byte[0]);
    }
    let outcome = get([
        "--cacert",
        &authority.ca(),
        &format!("https://127.0.0.1:{port}/"),
    ]);
    openssl.kill().unwrap();
    openssl.wait().unwrap();
    assert!(outcome.succeeds().text().contains("s_server"));
}

#[test]
fn against_nginx() {
    let authority = Authority::new();
    let identity = authority.for_loopback();
    let content: Vec<u8> = (0..5_000_000u32).flat_map(u32::to_le_bytes).collect();
    let folder = Folder::new()
        .with("cert.pem", &identity.pem)
        .with("key.pem", identity.key.serialize_pem())
        .with("www/big", &content)
        .with("www/page.html", "<p>hello</p>\n".repeat(500));
    let (plain, secure) = (free_address().port(), free_address().port());
    let root = folder.path().display();
    let http = format!(
        "gzip on; gzip_types *; gzip_min_length 1; root {root}/www;
         server {{ listen 127.0.0.1:{plain}; listen 127.0.0.1:{secure} ssl;
           ssl_certificate {root}/cert.pem; ssl_certificate_key {root}/key.pem; }}"
    );
    let Some(server) = support::nginx(&folder, &http) else {
        return;
    };
    support::listens(([127, 0, 0, 1], secure).into());
    let target = Folder::new();
    let mut outcomes = Vec::new();
    for (scheme, port) in [("http", plain), ("https", secure)] {
        let base = format!("{scheme}://127.0.0.1:{port}");
        let ca = authority.ca();
        let fetch = |args: &[&str], path: &str| {
            let url = format!("{base}{path}");
            get(args.iter().copied().chain(["--cacert", &ca, &url]))
        };
        outcomes.push(fetch(&["-o", &target.join(scheme)], "/big"));
        outcomes.push(fetch(
            &[
                "-o",
                &target.join(&format!("{scheme}-parts")),
                "--parallel-segments",
                "4",
            ],
            "/big",
        ));
        outcomes.push(fetch(&["--compressed"], "/page.html"));
        outcomes.push(fetch(&["-f"], "/none"));
    }
    drop(server);
    for chunk in outcomes.chunks(4) {
        assert_eq!(
            [0, 0, 0, 22],
            [chunk[0].code, chunk[1].code, chunk[2].code, chunk[3].code],
            "{chunk:?}"
        );
        assert_eq!(chunk[2].text(), "<p>hello</p>\n".repeat(500));
    }
    for name in target.names() {
        assert!(target.read(&name) == content, "{name}");
    }
}

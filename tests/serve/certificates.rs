//! Certificates from files: their choice by name, their replacement, and each way to get them
//! wrong.

use crate::https::{s_client, start};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use std::process::Command;
use support::{Folder, Serve, curl, curl_text, tinyhttp};

/// A folder with certificates, and their authority.
struct Certificates {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: Folder,
}

impl Certificates {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "Test Authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = Folder::new().with("ca.pem", issuer.pem());
        Certificates { issuer, folder }
    }

    fn sign(&self, name: &str, names: &[&str], change: impl FnOnce(&mut CertificateParams)) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        self.folder.write(format!("{name}.pem"), certificate.pem());
        self.folder
            .write(format!("{name}.key"), key.serialize_pem());
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name)
    }

    /// Starts a server with these certificates.
    fn serve(&self, folder: &Folder, names: &[&str], flags: &[&str]) -> Serve {
        let mut all = Vec::new();
        for name in names {
            let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
            all.extend(["--tls-cert".to_owned(), self.file(&certificate)]);
            all.extend(["--tls-key".to_owned(), self.file(&key)]);
        }
        let all: Vec<&str> = all
            .iter()
            .map(String::as_str)
            .chain(flags.iter().copied())
            .collect();
        start(folder, &Folder::new(), &all)
    }
}

/// The common name of the certificate that a client gets.
fn subject(server: &Serve, name: &str) -> String {
    let name = match name {
        "" => &["-noservername"][..],
        name => &["-servername", name],
    };
    let text = s_client(server, name, "");
    let subject = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("subject=CN = "));
    subject.unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn each_name_gets_its_certificate() {
    let made = Certificates::new();
    made.sign("first", &["first.test"], |_| {});
    made.sign("wild", &["*.wild.test"], |_| {});
    made.sign("exact", &["a.wild.test", "xn--bcher-kva.test"], |_| {});
    let folder = Folder::new().with("a.txt", "hello");
    let server = made.serve(&folder, &["first", "wild", "exact"], &[]);
    let table = [
        ("", "first"),
        ("unknown.test", "first"),
        ("first.test", "first"),
        ("b.wild.test", "wild"),
        ("B.Wild.Test", "wild"),
        ("a.b.wild.test", "first"),
        ("wild.test", "first"),
        ("a.wild.test", "exact"),
        ("xn--bcher-kva.test", "exact"),
    ];
    for (name, expected) in table {
        assert_eq!(subject(&server, name), expected, "{name}");
    }
    let sandbox = server.banner.iter().find(|line| line.contains("Landlock"));
    if let Some(line) = sandbox.filter(|line| line.contains("nothing written")) {
        assert!(line.contains("beside the certificates"), "{line}");
    }
    let port = server.address().port();
    let to = format!("a.wild.test:{port}:127.0.0.1");
    let url = format!("https://a.wild.test:{port}/a.txt");
    assert_eq!(
        curl_text(["--cacert", &made.file("ca.pem"), "--resolve", &to, &url]),
        "hello"
    );
    // A name in Host that is not the one of the handshake.
    let flags = [
        "--cacert",
        &made.file("ca.pem"),
        "--resolve",
        &to,
        "-H",
        "Host: first.test",
    ];
    let code = curl(
        flags
            .into_iter()
            .chain(["-o", "/dev/null", "-w", "%{http_code}", &url]),
    );
    assert_eq!(code.stdout, b"421");
}

#[test]
fn certificates_are_read_again_when_they_change_and_at_sighup() {
    let made = Certificates::new();
    made.sign("site", &["localhost", "127.0.0.1"], |_| {});
    let (certificate, key) = (made.folder.read("site.pem"), made.folder.read("site.key"));
    let folder = Folder::new().with("a.txt", "hello");
    let server = made.serve(&folder, &["site"], &[]);
    let serial = || {
        let text = s_client(&server, &["-showcerts"], "");
        let (_, rest) = text.split_once("-----BEGIN").unwrap();
        rest.split("-----END").next().unwrap().to_owned()
    };
    let first = serial();
    // Written in place, one after the other: in between, the key is another one's.
    made.sign("site", &["localhost", "127.0.0.1"], |_| {});
    server.wait_until("the new certificate", |_| serial() != first);
    let second = serial();
    // Renamed over, as tools do it; SIGHUP does not wait for the look.
    made.folder.write("new.pem", &certificate);
    made.folder.write("new.key", &key);
    std::fs::rename(made.file("new.pem"), made.file("site.pem")).unwrap();
    std::fs::rename(made.file("new.key"), made.file("site.key")).unwrap();
    server.signal("HUP");
    server.wait_until("the first certificate", |_| serial() == first);
    assert_ne!(first, second);
    // What can't be used replaces nothing, and the log says why.
    for broken in [
        "",
        "no PEM",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        made.folder.write("site.pem", broken);
        server.signal("HUP");
        loop {
            let line = server.stderr_line();
            if line.contains("stay as they were") {
                assert!(line.contains("site.pem"), "{line}");
                break;
            }
        }
        assert_eq!(serial(), first);
    }
    std::fs::remove_file(made.file("site.pem")).unwrap();
    server.signal("HUP");
    assert_eq!(serial(), first);
}

/// Certbot and Kubernetes switch links.
#[test]
fn a_link_that_leads_elsewhere_is_noticed() {
    let made = Certificates::new();
    made.sign("one", &["localhost"], |_| {});
    made.sign("two", &["localhost"], |_| {});
    let live = Folder::new();
    let link = |name: &str| {
        for kind in ["pem", "key"] {
            let new = live.join("new");
            std::os::unix::fs::symlink(made.file(&format!("{name}.{kind}")), &new).unwrap();
            std::fs::rename(new, live.join(&format!("site.{kind}"))).unwrap();
        }
    };
    link("one");
    let folder = Folder::new();
    let flags = [
        "--tls-cert",
        &live.join("site.pem"),
        "--tls-key",
        &live.join("site.key"),
    ];
    let server = start(&folder, &Folder::new(), &flags);
    assert_eq!(subject(&server, "localhost"), "one");
    link("two");
    server.wait_until("the other certificate", |server| {
        subject(server, "localhost") == "two"
    });
}

#[test]
fn clients_with_certificates() {
    let made = Certificates::new();
    made.sign("site", &["localhost", "127.0.0.1"], |_| {});
    let client = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    made.sign("alice", &[], client);
    made.sign("expired", &[], |params| {
        client(params);
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    let strangers = Certificates::new();
    strangers.sign("mallory", &[], client);
    let folder = Folder::new().with("a.txt", "hello");
    let ca = made.file("ca.pem");
    for optional in [false, true] {
        let mut flags = vec!["--tls-client-ca", &ca, "--log-format", "json"];
        flags.extend(optional.then_some("--tls-client-optional"));
        let server = made.serve(&folder, &["site"], &flags);
        let get = |more: &[&str]| {
            let url = server.url("/a.txt");
            let flags = ["--cacert", &ca, &url]
                .into_iter()
                .chain(more.iter().copied());
            String::from_utf8(curl(flags).stdout).unwrap()
        };
        assert_eq!(get(&[]), if optional { "hello" } else { "" });
        let alice = [
            "--cert",
            &made.file("alice.pem"),
            "--key",
            &made.file("alice.key"),
        ];
        assert_eq!(get(&alice), "hello");
        server.wait_until("the subject in the log", |server| {
            let fields = ["\"client_subject\":\"CN=alice", "\"tls_version\":\"1.3\""];
            server
                .try_stderr_line()
                .is_some_and(|line| fields.iter().all(|field| line.contains(field)))
        });
        let expired = [
            "--cert",
            &made.file("expired.pem"),
            "--key",
            &made.file("expired.key"),
        ];
        assert_eq!(get(&expired), "");
        let mallory = [
            "--cert",
            &strangers.file("mallory.pem"),
            "--key",
            &strangers.file("mallory.key"),
        ];
        assert_eq!(get(&mallory), "");
    }
}

#[test]
fn requests_for_the_names_of_certificates_are_served() {
    let made = Certificates::new();
    made.sign("site", &["a.example", "*.b.example"], |_| {});
    let folder = Folder::new().with("a.txt", "hello");
    let mut command = tinyhttp();
    command
        .args(["serve", &folder.join(""), "-p", "0"])
        .args(["--tls-cert", &made.file("site.pem")])
        .args(["--tls-key", &made.file("site.key")])
        .env("TINYHTTP_NO_HOST_CHECK", "0");
    let server = Serve::spawn(command);
    let port = server.address().port();
    for (name, expected) in [
        ("a.example", "200"),
        ("A.Example.", "200"),
        ("x.b.example", "200"),
        ("localhost", "200"),
        ("b.example", "421"),
        ("c.example", "421"),
    ] {
        let resolve = format!("{name}:{port}:127.0.0.1");
        let url = format!("https://{name}:{port}/a.txt");
        let flags = ["-k", "-o", "/dev/null", "-w", "%{http_code}", "--resolve"];
        let status = curl_text(flags.into_iter().chain([&resolve[..], &url]));
        assert_eq!(status, expected, "{name}");
    }
}

#[test]
fn each_mistake_is_one_plain_line() {
    let made = Certificates::new();
    made.sign("site", &["localhost"], |_| {});
    made.sign("other", &["localhost"], |_| {});
    made.sign("expired", &["localhost"], |params| {
        params.not_after = date_time_ymd(2020, 1, 2);
    });
    made.folder.write("empty.pem", "");
    made.folder.write("text.pem", "hello");
    made.folder
        .write("cut.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    made.folder.write("der.pem", [0x30, 0x82, 1, 2]);
    made.folder.write(
        "csr.pem",
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
    );
    made.folder.write(
        "odd.pem",
        "-----BEGIN WHAT IS THIS-----\nAAAA\n-----END WHAT IS THIS-----\n",
    );
    let encrypt = Command::new("openssl")
        .args([
            "pkcs8",
            "-topk8",
            "-passout",
            "pass:x",
            "-in",
            &made.file("site.key"),
            "-out",
            &made.file("encrypted.key"),
        ])
        .output()
        .unwrap();
    assert!(encrypt.status.success());
    let rsa = Command::new("openssl")
        .args([
            "genrsa",
            "-traditional",
            "-aes128",
            "-passout",
            "pass:x",
            "-out",
            &made.file("old.key"),
            "2048",
        ])
        .output()
        .unwrap();
    assert!(rsa.status.success());
    support::mkfifo(made.folder.join("fifo"));
    std::os::unix::fs::symlink("/dev/zero", made.folder.join("endless")).unwrap();
    let table: [(&[&str], &str); 20] = [
        (
            &["missing.pem", "site.key"],
            "missing.pem: there is no such file",
        ),
        (
            &["site.pem", "missing.key"],
            "missing.key: there is no such file",
        ),
        (&[".", "site.key"], "it is a directory"),
        (&["empty.pem", "site.key"], "found an empty file"),
        (&["fifo", "site.key"], "found an empty file"),
        (&["endless", "site.key"], "it is longer than a MiB"),
        (&["text.pem", "site.key"], "found no PEM"),
        (&["cut.pem", "site.key"], "END CERTIFICATE"),
        (&["der.pem", "site.key"], "DER"),
        (&["csr.pem", "site.key"], "certificate signing request"),
        (&["odd.pem", "site.key"], "only WHAT IS THIS"),
        (
            &["site.key", "site.key"],
            "expected a certificate in PEM, and found a private key",
        ),
        (
            &["site.pem", "site.pem"],
            "expected a private key in PEM, and found a certificate",
        ),
        (&["site.pem"], "found a certificate"),
        (
            &["site.pem", "other.key"],
            "does not belong to the certificate",
        ),
        (
            &["expired.pem", "expired.key"],
            "the certificate expired on Thu, 02 Jan 2020",
        ),
        (&["site.pem", "encrypted.key"], "is encrypted"),
        (&["site.pem", "old.key"], "is encrypted"),
        (
            &["site.pem", "site.key", "site.pem"],
            "there are 2 of --tls-cert and 1 of --tls-key",
        ),
        (
            &["site.pem", "site.key", "", "site.key"],
            "expected certificates",
        ),
    ];
    let folder = Folder::new();
    for (files, expected) in table {
        let mut command = tinyhttp();
        command.args(["serve", &folder.join(""), "-p", "0"]);
        for (flag, file) in ["--tls-cert", "--tls-key", "--tls-cert", "--tls-client-ca"]
            .iter()
            .zip(files)
        {
            if !file.is_empty() {
                command.args([*flag, &made.file(file)]);
            }
        }
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{files:?}: {text}");
        let is_wanted = text.contains(expected)
            || expected == "expected certificates" && text.contains("--tls-client-ca");
        assert!(is_wanted, "{files:?}: {text}");
        assert!(text.lines().count() <= 2, "{text}");
    }
}

#[test]
fn hsts_needs_a_certificate_that_others_have_signed() {
    let made = Certificates::new();
    made.sign("site", &["localhost", "127.0.0.1"], |_| {});
    let folder = Folder::new().with("a.txt", "hello");
    let server = made.serve(&folder, &["site"], &["--hsts"]);
    let head = curl_text(["-kI", &server.url("/a.txt")]);
    assert!(
        head.to_lowercase()
            .contains("strict-transport-security: max-age=31536000\r\n"),
        "{head}"
    );
    let plain = curl_text(["-I", &server.url("/a.txt").replace("https", "http")]);
    assert!(
        !plain.to_lowercase().contains("strict-transport"),
        "{plain}"
    );
    let server = made.serve(&folder, &["site"], &[]);
    assert!(
        !curl_text(["-kI", &server.url("/a.txt")])
            .to_lowercase()
            .contains("strict-transport")
    );
    let mut command = tinyhttp();
    command.args([
        "serve",
        &folder.join(""),
        "-p",
        "0",
        "--tls-cert",
        &made.file("ca.pem"),
        "--hsts",
    ]);
    made.folder.write(
        "ca.pem",
        [made.issuer.pem(), made.issuer.key().serialize_pem()].concat(),
    );
    let text = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(text.contains("signed by its own key"), "{text}");
    for flags in [&["--hsts"][..], &["--tls", "--hsts"]] {
        let output = tinyhttp()
            .args(["serve", "-p", "0"])
            .args(flags)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
    }
}

/// Two servers with the same keys resume each other's sessions; others don't.
#[test]
fn ticket_keys_are_shared() {
    let made = Certificates::new();
    made.sign("site", &["localhost"], |_| {});
    made.folder.write("keys", [7; 48]);
    made.folder.write("other", [8; 48]);
    made.folder.write("both", [[8; 48], [7; 48]].concat());
    let folder = Folder::new().with("a.txt", "hello");
    let start =
        |keys: &str| made.serve(&folder, &["site"], &["--tls-ticket-keys", &made.file(keys)]);
    let session = made.file("session");
    let request = "GET /a.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for version in ["-tls1_2", "-tls1_3"] {
        let first = start("keys");
        s_client(
            &first,
            &[version, "-sess_out", &session, "-ign_eof"],
            request,
        );
        for (keys, is_resumed) in [("keys", true), ("both", true), ("other", false)] {
            let text = s_client(
                &start(keys),
                &[version, "-sess_in", &session, "-ign_eof"],
                request,
            );
            assert_eq!(
                text.contains("Reused"),
                is_resumed,
                "{version} {keys}: {text}"
            );
            assert!(text.contains("hello"), "{text}");
        }
    }
}

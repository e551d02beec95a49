//! HTTPS, with a certificate authority made for the test.

use crate::connections::tunnelling_proxy;
use crate::script::{HELLO, Server, get};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use support::Folder;

/// An authority, and the files that name it and what it signs.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: Folder,
}

/// A certificate with its key.
pub(crate) struct Identity {
    der: CertificateDer<'static>,
    pub(crate) key: KeyPair,
    pub(crate) pem: String,
}

impl Identity {
    fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }

    /// What curl's --pinnedpubkey wants.
    fn pin(&self) -> String {
        use base64::Engine;
        let digest = Sha256::digest(rcgen::PublicKeyData::subject_public_key_info(&self.key));
        let encoded = base64::engine::general_purpose::STANDARD.encode(digest);
        format!("sha256//{encoded}")
    }
}

impl Authority {
    pub(crate) fn new() -> Authority {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(
            DnType::CommonName,
            format!("Test Authority {}", NUMBER.fetch_add(1, Ordering::Relaxed)),
        );
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = Folder::new().with("ca.pem", issuer.pem());
        Authority { issuer, folder }
    }

    /// An authority whose own certificate is changed, signed by itself or by `issuer`.
    fn changed(
        issuer: Option<&Authority>,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Authority {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = format!("Odd Authority {}", NUMBER.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let issuer = match issuer {
            None => CertifiedIssuer::self_signed(params, key),
            Some(issuer) => CertifiedIssuer::signed_by(params, key, &issuer.issuer),
        };
        let issuer = issuer.unwrap();
        let folder = Folder::new().with("ca.pem", issuer.pem());
        Authority { issuer, folder }
    }

    pub(crate) fn ca(&self) -> String {
        self.folder.join("ca.pem")
    }

    /// A certificate for these names.
    fn sign(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            key,
        }
    }

    pub(crate) fn for_loopback(&self) -> Identity {
        self.sign(&["localhost", "127.0.0.1", "::1"], |_| {})
    }
}

fn config(identity: &Identity) -> ServerConfig {
    builder()
        .with_no_client_auth()
        .with_single_cert(vec![identity.der.clone()], identity.key_der())
        .unwrap()
}

fn builder() -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
}

/// A server that responds to every request with `hello` and the version of TLS.
fn serve(config: ServerConfig) -> Server {
    let config = Arc::new(config);
    Server::start_parallel(move |connection| {
        let tls = ServerConnection::new(config.clone()).unwrap();
        let mut stream = StreamOwned::new(tls, connection.stream.try_clone().unwrap());
        let mut buffer = [0; 8192];
        while let Ok(1..) = stream.read(&mut buffer) {
            if stream.write_all(HELLO.as_bytes()).is_err() {
                break;
            }
        }
        stream.conn.send_close_notify();
        let _ = stream.conn.write_tls(&mut stream.sock);
    })
}

fn url(server: &Server, host: &str) -> String {
    format!("https://{host}:{}/", server.address.port())
}

#[test]
fn a_trusted_server() {
    let authority = Authority::new();
    let server = serve(config(&authority.for_loopback()));
    for host in ["localhost", "127.0.0.1"] {
        let outcome = get(["-4", "--cacert", &authority.ca(), &url(&server, host)]).succeeds();
        assert_eq!(outcome.text(), "hello");
    }
    let both = [url(&server, "127.0.0.1"), url(&server, "127.0.0.1")];
    let args = ["-v", "--cacert", &authority.ca(), &both[0], &both[1]];
    let outcome = get(args).succeeds();
    assert_eq!(outcome.text(), "hellohello");
    assert_eq!(
        outcome.stderr.matches("reusing the connection").count(),
        1,
        "{}",
        outcome.stderr
    );
}

#[test]
fn servers_that_are_not_trusted() {
    let authority = Authority::new();
    let good = authority.for_loopback();
    let other = authority.sign(&["other.test"], |_| {});
    let expired = authority.sign(&["localhost"], |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 3, 4);
    });
    let early = authority.sign(&["localhost"], |params| {
        params.not_before = date_time_ymd(2999, 1, 1);
    });
    let ca = authority.ca();
    let stranger = Authority::new();
    let table: [(&Identity, &str, &str); 5] = [
        (
            &good,
            &stranger.ca(),
            "no authority that this client trusts has signed",
        ),
        (&other, &ca, "is for other.test, not for localhost"),
        (&expired, &ca, "expired on Mon, 04 Mar 2002"),
        (&early, &ca, "is not valid before Tue, 01 Jan 2999"),
        (&good, "/dev/null", "there is no certificate in it"),
    ];
    for (identity, ca, words) in table {
        let server = serve(config(identity));
        let outcome = get(["-4", "--cacert", ca, &url(&server, "localhost")]);
        assert!(
            outcome.stderr.contains(words),
            "{words}: {}",
            outcome.stderr
        );
        assert_eq!(outcome.stderr.lines().count(), 2, "{}", outcome.stderr);
        assert_eq!(outcome.code, if ca == "/dev/null" { 77 } else { 60 });
        assert_eq!(
            get(["-4", "-k", &url(&server, "localhost")])
                .succeeds()
                .text(),
            "hello"
        );
    }
    let server = serve(config(&good));
    get(["-4", &url(&server, "localhost")]).fails(60);
    get([
        "-4",
        "--cacert",
        "/no/such/file",
        &url(&server, "localhost"),
    ])
    .fails(77);
}

#[test]
fn a_certificate_that_signs_itself_can_be_named() {
    for is_ca in [false, true] {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        if is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let identity = Identity {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            key,
        };
        let folder = Folder::new().with("self.pem", &identity.pem);
        let server = serve(config(&identity));
        let ca = folder.join("self.pem");
        get(["-4", "--cacert", &ca, &url(&server, "localhost")]).succeeds();
        let wrong = get(["-4", "--cacert", &ca, &url(&server, "127.0.0.1")]).fails(60);
        assert!(
            wrong.stderr.contains("not for 127.0.0.1"),
            "{}",
            wrong.stderr
        );
    }
}

/// What curl 7.88 with OpenSSL 3.0 does is the same in every row.
#[test]
fn only_authorities_may_issue() {
    let usages = |usages: &'static [KeyUsagePurpose]| {
        move |params: &mut CertificateParams| params.key_usages = usages.to_vec()
    };
    let purposes = |purpose: ExtendedKeyUsagePurpose| {
        move |params: &mut CertificateParams| params.extended_key_usages = vec![purpose]
    };
    let subtree = |name: &'static str| {
        move |params: &mut CertificateParams| {
            params.name_constraints = Some(NameConstraints {
                permitted_subtrees: vec![GeneralSubtree::DnsName(name.to_owned())],
                excluded_subtrees: Vec::new(),
            });
        }
    };
    let is_ca = |is_ca: IsCa, usages: &'static [KeyUsagePurpose]| {
        move |params: &mut CertificateParams| {
            params.is_ca = is_ca;
            params.key_usages = usages.to_vec();
        }
    };
    use KeyUsagePurpose::{CrlSign, DigitalSignature, KeyCertSign};
    type Change = Box<dyn FnOnce(&mut CertificateParams)>;
    let table: Vec<(&str, Change, Option<&str>)> = vec![
        ("without keyUsage", Box::new(|_| {}), None),
        ("keyCertSign", Box::new(usages(&[KeyCertSign])), None),
        (
            "keyCertSign and more",
            Box::new(usages(&[KeyCertSign, CrlSign])),
            None,
        ),
        ("cRLSign", Box::new(usages(&[CrlSign])), Some("keyUsage")),
        (
            "digitalSignature",
            Box::new(usages(&[DigitalSignature])),
            Some("keyUsage"),
        ),
        (
            "CA:FALSE",
            Box::new(is_ca(IsCa::ExplicitNoCa, &[])),
            Some("not a certificate authority"),
        ),
        (
            "CA:FALSE, keyCertSign",
            Box::new(is_ca(IsCa::ExplicitNoCa, &[KeyCertSign])),
            Some("not a certificate authority"),
        ),
        (
            "no basicConstraints",
            Box::new(is_ca(IsCa::NoCa, &[])),
            Some("not a certificate authority"),
        ),
        (
            "no basicConstraints, keyCertSign",
            Box::new(is_ca(IsCa::NoCa, &[KeyCertSign])),
            None,
        ),
        (
            "pathlen 0",
            Box::new(is_ca(IsCa::Ca(BasicConstraints::Constrained(0)), &[])),
            None,
        ),
        (
            "for clients",
            Box::new(purposes(ExtendedKeyUsagePurpose::ClientAuth)),
            Some("not for servers"),
        ),
        (
            "for servers",
            Box::new(purposes(ExtendedKeyUsagePurpose::ServerAuth)),
            None,
        ),
        (
            "for anything",
            Box::new(purposes(ExtendedKeyUsagePurpose::Any)),
            None,
        ),
        (
            "expired",
            Box::new(|params| params.not_after = date_time_ymd(2002, 3, 4)),
            Some("not valid now"),
        ),
        (
            "early",
            Box::new(|params| params.not_before = date_time_ymd(2999, 3, 4)),
            Some("not valid now"),
        ),
        (
            "for other names",
            Box::new(subtree("other.test")),
            Some("certificate"),
        ),
        ("for these names", Box::new(subtree("localhost")), None),
    ];
    for (name, change, refusal) in table {
        let authority = Authority::changed(None, change);
        let identity = authority.sign(&["localhost"], |_| {});
        let server = serve(config(&identity));
        let outcome = get([
            "-4",
            "--cacert",
            &authority.ca(),
            &url(&server, "localhost"),
        ]);
        match refusal {
            None => assert_eq!(outcome.code, 0, "{name} {outcome:?}"),
            Some(words) => {
                assert_eq!(outcome.code, 60, "{name} {outcome:?}");
                assert!(outcome.stderr.contains(words), "{name} {}", outcome.stderr);
            }
        }
    }
}

#[test]
fn chains_keep_to_the_rules_of_their_issuers() {
    let no_sign = |params: &mut CertificateParams| {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    };
    let limited = |limit: u8| {
        move |params: &mut CertificateParams| {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(limit));
        }
    };
    let plain = |_: &mut CertificateParams| {};
    let root = Authority::changed(None, plain);
    let root_of_none = Authority::changed(None, limited(0));
    let root_of_one = Authority::changed(None, limited(1));
    let table = [
        (
            "root and intermediate",
            &root,
            Authority::changed(Some(&root), plain),
            None,
        ),
        (
            "root of one",
            &root_of_one,
            Authority::changed(Some(&root_of_one), plain),
            None,
        ),
        (
            "root of none",
            &root_of_none,
            Authority::changed(Some(&root_of_none), plain),
            Some("path length"),
        ),
        (
            "intermediate without keyCertSign",
            &root,
            Authority::changed(Some(&root), no_sign),
            Some("keyUsage"),
        ),
    ];
    for (name, root, between, refusal) in table {
        let identity = between.sign(&["localhost"], |_| {});
        let chain = vec![identity.der.clone(), between.issuer.der().clone()];
        let config = builder()
            .with_no_client_auth()
            .with_single_cert(chain, identity.key_der())
            .unwrap();
        let server = serve(config);
        let url = url(&server, "localhost");
        let outcome = get(["-4", "--cacert", &root.ca(), &url]);
        match refusal {
            None => assert_eq!(outcome.code, 0, "{name} {outcome:?}"),
            Some(words) => {
                assert_eq!(outcome.code, 60, "{name} {outcome:?}");
                assert!(outcome.stderr.contains(words), "{name} {}", outcome.stderr);
            }
        }
        // A certificate in the middle of a chain can be named, and what is above it doesn't count.
        let outcome = get(["-4", "--cacert", &between.ca(), &url]);
        let may_sign = refusal != Some("keyUsage");
        assert_eq!(
            outcome.code,
            if may_sign { 0 } else { 60 },
            "{name} {outcome:?}"
        );
    }
}

/// A server's own certificate can be named: it is trusted for this server and for no other.
#[test]
fn a_leaf_can_be_named_and_issues_nothing() {
    let authority = Authority::new();
    let good = authority.for_loopback();
    let expired = authority.sign(&["localhost"], |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 3, 4);
    });
    let client = authority.sign(&["localhost"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let other = authority.sign(&["other.test"], |_| {});
    let unsigned = Authority::changed(None, |params| params.is_ca = IsCa::NoCa);
    let below = unsigned.sign(&["localhost"], |_| {});
    let table = [
        (&good, &good.pem, None),
        (
            &good,
            &expired.pem,
            Some("no authority that this client trusts"),
        ),
        (&expired, &expired.pem, Some("expired on Mon, 04 Mar 2002")),
        (&client, &client.pem, Some("not for servers")),
        (&other, &other.pem, Some("not for localhost")),
        (&below, &below.pem, None),
    ];
    for (identity, named, refusal) in table {
        let folder = Folder::new().with("named.pem", named);
        let server = serve(config(identity));
        let outcome = get([
            "-4",
            "--cacert",
            &folder.join("named.pem"),
            &url(&server, "localhost"),
        ]);
        match refusal {
            None => assert_eq!(outcome.code, 0, "{outcome:?}"),
            Some(words) => {
                assert_eq!(outcome.code, 60, "{outcome:?}");
                assert!(outcome.stderr.contains(words), "{words} {}", outcome.stderr);
            }
        }
    }
}

#[test]
fn pinned_keys() {
    let authority = Authority::new();
    let identity = authority.for_loopback();
    let server = serve(config(&identity));
    let other = authority.for_loopback().pin();
    let both = format!("{other};{}", identity.pin());
    let url = url(&server, "127.0.0.1");
    get(["-k", "--pinnedpubkey", &identity.pin(), &url]).succeeds();
    get(["-k", "--pinnedpubkey", &both, &url]).succeeds();
    let outcome = get(["--cacert", &authority.ca(), "--pinnedpubkey", &other, &url]).fails(90);
    assert!(outcome.stderr.contains("public key"), "{}", outcome.stderr);
    get(["-k", "--pinnedpubkey", "sha1//x", &url]).fails(2);
}

#[test]
fn clients_with_certificates() {
    let authority = Authority::new();
    let mut roots = RootCertStore::empty();
    roots.add(authority.issuer.der().clone()).unwrap();
    let identity = authority.for_loopback();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    let config = builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![identity.der.clone()], identity.key_der())
        .unwrap();
    let server = serve(config);
    let client = authority.sign(&["client"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let folder = Folder::new()
        .with("cert.pem", &client.pem)
        .with("key.pem", client.key.serialize_pem())
        .with("both.pem", client.pem.clone() + &client.key.serialize_pem());
    let (ca, url) = (authority.ca(), url(&server, "127.0.0.1"));
    get(["--cacert", &ca, "-E", &folder.join("both.pem"), &url]).succeeds();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    get(["--cacert", &ca, "--cert", &cert, "--key", &key, &url]).succeeds();
    get(["--cacert", &ca, "--cert", &cert, &url]).fails(58);
    let outcome = get(["--cacert", &ca, &url]);
    assert!(matches!(outcome.code, 35 | 56), "{outcome:?}");
    assert!(
        outcome.stderr.contains("CertificateRequired"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn versions() {
    let authority = Authority::new();
    let server = serve(config(&authority.for_loopback()));
    let (ca, url) = (authority.ca(), url(&server, "127.0.0.1"));
    let version = |args: &[&str]| {
        let all = args
            .iter()
            .copied()
            .chain(["--cacert", &ca, "--json-out", &url]);
        let object: serde_json::Value = serde_json::from_str(get(all).succeeds().text()).unwrap();
        object["hops"][0]["tls"]["version"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(version(&[]), "TLS 1.3");
    assert_eq!(version(&["--tls-max", "1.2"]), "TLS 1.2");
    assert_eq!(version(&["--tlsv1.3"]), "TLS 1.3");
}

#[test]
fn servers_that_speak_something_else() {
    let plain = Server::start(|connection| {
        connection.read_exactly(5);
        connection.send("HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
    });
    let outcome = get(["-k", &url(&plain, "127.0.0.1")]);
    assert_eq!(outcome.code, 35, "{outcome:?}");
    assert!(
        outcome.stderr.contains("not TLS") || outcome.stderr.contains("closed"),
        "{}",
        outcome.stderr
    );

    let authority = Authority::new();
    let secure = serve(config(&authority.for_loopback()));
    let outcome = get([&format!("http://{}/", secure.address)]);
    assert!(matches!(outcome.code, 8 | 52 | 56), "{outcome:?}");

    let silent = Server::start(crate::script::Connection::wait_for_end);
    let outcome = get(["-k", "--connect-timeout", "0.3", &url(&silent, "127.0.0.1")]).fails(28);
    assert!(
        outcome.stderr.contains("handshake timeout"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn through_a_proxy() {
    let authority = Authority::new();
    let server = serve(config(&authority.for_loopback()));
    let proxy = tunnelling_proxy();
    let args = [
        "-v",
        "-x",
        &proxy.address.to_string(),
        "--cacert",
        &authority.ca(),
    ];
    let target = url(&server, "127.0.0.1");
    let outcome = get(args.into_iter().chain([target.as_str()])).succeeds();
    assert_eq!(outcome.text(), "hello");
    assert!(
        proxy
            .request()
            .starts_with(&format!("CONNECT {} HTTP/1.1\r\n", server.address))
    );
    assert!(outcome.stderr.contains("CONNECT"), "{}", outcome.stderr);
}

#[test]
fn through_a_secure_proxy() {
    let authority = Authority::new();
    let proxy = serve(config(&authority.for_loopback()));
    let via = format!("https://127.0.0.1:{}", proxy.address.port());
    let outcome = get(["-x", &via, "--cacert", &authority.ca(), "http://h.test/"]).succeeds();
    assert_eq!(outcome.text(), "hello");
}

#[test]
fn the_lesson_about_tls() {
    let authority = Authority::new();
    let server = serve(config(&authority.for_loopback()));
    let outcome = get([
        "--explain",
        "--cacert",
        &authority.ca(),
        &url(&server, "127.0.0.1"),
    ])
    .succeeds();
    for want in [
        "Shake hands (TLS)",
        "TLS 1.3",
        "TLS13_",
        "certificate │ localhost, 127.0.0.1, ::1",
        "issued by │ CN=Test Authority",
        "trusted",
        "TLS │ ",
    ] {
        assert!(outcome.text().contains(want), "{want}: {}", outcome.text());
    }
}

#[test]
fn content_that_ends_without_notice() {
    // The content ends with the connection, and TLS must say so: an attacker could have cut it.
    let authority = Authority::new();
    let config = Arc::new(config(&authority.for_loopback()));
    let server = Server::start_parallel(move |connection| {
        let tls = ServerConnection::new(config.clone()).unwrap();
        let mut stream = StreamOwned::new(tls, connection.stream.try_clone().unwrap());
        let mut buffer = [0; 8192];
        let read = stream.read(&mut buffer).unwrap();
        let known = buffer[..read].starts_with(b"GET /known");
        let length = if known { "Content-Length: 5\r\n" } else { "" };
        stream
            .write_all(format!("HTTP/1.1 200 OK\r\n{length}\r\nhello").as_bytes())
            .unwrap();
        connection.shutdown();
        connection.wait_for_end();
    });
    let (ca, base) = (authority.ca(), url(&server, "127.0.0.1"));
    get(["--cacert", &ca, &format!("{base}known")]).succeeds();
    get(["--cacert", &ca, &format!("{base}unknown")]).fails(56);
}

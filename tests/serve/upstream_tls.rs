//! `--proxy` in front of servers that speak TLS: nginx, and tinyhttp itself.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use support::{Folder, Serve, curl_status, curl_text, free_address, listens, nginx, tinyhttp};

/// A folder with an authority (`ca.pem`) and a certificate for `localhost` (`site.pem`,
/// `site.key`).
fn certificates() -> Folder {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let site = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = site.signed_by(&key, &issuer).unwrap();
    Folder::new()
        .with("ca.pem", issuer.pem())
        .with("site.pem", certificate.pem())
        .with("site.key", key.serialize_pem())
        .with("www/index.html", "from behind")
        .with("www/large", "0123456789abcdef".repeat(200_000))
        .with("logs/x", "")
}

fn proxy(folder: &Folder, port: u16, flags: &[&str]) -> Serve {
    let route = format!("/=https://localhost:{port}");
    let flags = ["--proxy", &route].into_iter().chain(flags.iter().copied());
    Serve::start(&folder.path().join("logs"), flags)
}

#[test]
fn nginx_with_tls_runs_behind_it() {
    let folder = certificates();
    let ports = [free_address(), free_address()];
    let servers = ports.iter().zip(["TLSv1.2", "TLSv1.3"]);
    let servers: String = servers
        .map(|(address, version)| {
            format!(
                "server {{ listen {address} ssl; ssl_protocols {version}; root {0}/www;
                   ssl_certificate {0}/site.pem; ssl_certificate_key {0}/site.key; }}",
                folder.path().display()
            )
        })
        .collect();
    let http = format!("keepalive_requests 5; {servers}");
    let Some(_nginx) = nginx(&folder, &http) else {
        return;
    };
    ports.iter().for_each(|address| listens(*address));
    let large = "0123456789abcdef".repeat(200_000);
    let ca = folder.join("ca.pem");
    for address in ports {
        let server = proxy(&folder, address.port(), &["--proxy-ca", &ca]);
        let mut raw = server.connect();
        for _ in 0..23 {
            assert_eq!(raw.get("/").text(), "from behind");
        }
        assert!(curl_text([server.url("/large")]) == large);
        assert_eq!(curl_text(["-r", "16-31", &server.url("/large")]).len(), 16);
        assert_eq!(curl_status([server.url("/none")]), 404);
    }
}

#[test]
fn what_is_verified_follows_from_the_flags() {
    let folder = certificates();
    let address = free_address();
    let mut command = tinyhttp();
    command
        .args(["serve", "-p", &address.port().to_string()])
        .args(["--tls-cert", &folder.join("site.pem")])
        .args(["--tls-key", &folder.join("site.key")])
        .arg(folder.path().join("www"));
    let _behind = Serve::spawn(command);
    let (ca, site) = (folder.join("ca.pem"), folder.join("site.pem"));
    for (flags, status) in [
        (&["--proxy-ca", &*ca][..], 200),
        (&["--proxy-ca", &site], 200),
        (&["--proxy-insecure"], 200),
        (&["--proxy-ca", &ca, "--proxy-tls-name", "other.test"], 502),
    ] {
        let flags = [flags, &["--proxy-host", "upstream"]].concat();
        let server = proxy(&folder, address.port(), &flags);
        assert_eq!(curl_status([server.url("/")]), status, "{flags:?}");
    }
    // No authority of the system has signed it; a system without any is told what to do.
    let output = {
        let mut command = tinyhttp();
        command
            .args(["serve", "-p", "0", "--proxy"])
            .arg(format!("/=https://localhost:{}", address.port()))
            .env("SSL_CERT_FILE", &site)
            .env_remove("SSL_CERT_DIR")
            .arg(folder.path().join("logs"));
        Serve::spawn(command)
    };
    assert_eq!(curl_status([output.url("/")]), 502);
}

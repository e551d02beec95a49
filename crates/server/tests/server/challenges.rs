//! Challenges of an ACME server: over HTTP, over HTTPS, and in handshakes for `acme-tls/1`.

use crate::support::Running;
use crate::tls_support::{Client, Trusted, ask, connect, connect_as, rest, start};
use rustls::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConnection, DigitallySignedStruct, Error, HandshakeKind, SignatureScheme, StreamOwned,
};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::sync::Arc;
use tinyhttp_server::{Challenges, Request, TlsHandle};

const PATH: &str = "/.well-known/acme-challenge/token";
const TEXT: &str = "token.thumbprint";

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n")
}

/// A server, and what changes its TLS.
fn server(trusted: &Trusted) -> (Running, TlsHandle) {
    let tls = trusted.tls();
    let server = start(&tls, |builder| builder, |_: Request<'_>| "done");
    let handle = server.tls.clone().unwrap();
    (server, handle)
}

/// Accepts any certificate, as an ACME server does.
#[derive(Debug)]
struct Any(CryptoProvider);

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // Their check reads the certificate, whose critical extension it does not know.
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn config(
    protocols: &[&str],
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    let provider = ring::default_provider();
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider.clone()))
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Any(provider)))
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
    config
}

/// Shakes hands: the protocol and the certificate.
fn shake(client: &mut Client) -> Result<(Option<Vec<u8>>, Vec<u8>), String> {
    while client.conn.is_handshaking() {
        let done = client.conn.complete_io(&mut client.sock);
        done.map_err(|error| error.to_string())?;
    }
    let protocol = client.conn.alpn_protocol().map(<[u8]>::to_vec);
    let chain = client.conn.peer_certificates().unwrap();
    Ok((protocol, chain[0].to_vec()))
}

#[test]
fn challenges_over_http_are_answered_however_they_come() {
    let trusted = Trusted::new();
    let (server, tls) = server(&trusted);
    let plain = |path: &str| {
        let mut stream = server.connect();
        stream.write_all(get(path).as_bytes()).unwrap();
        std::io::read_to_string(stream).unwrap()
    };
    let secured = |path: &str| ask(&mut connect(&server, &trusted), &get(path));
    // Without a challenge, these are requests like others.
    assert!(plain(PATH).starts_with("HTTP/1.1 308 "));
    assert!(secured(PATH).starts_with("HTTP/1.1 421 "));
    tls.answer_challenges(Challenges::default().http("token", TEXT));
    for response in [plain(PATH), secured(PATH)] {
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
        assert!(response.ends_with(&format!("\r\n\r\n{TEXT}")), "{response}");
    }
    let other = PATH.replace("token", "other");
    assert!(plain(&other).starts_with("HTTP/1.1 308 "));
    assert!(secured(&other).starts_with("HTTP/1.1 421 "));
    // A replaced certificate changes nothing about them.
    tls.replace(&trusted.tls()).unwrap();
    assert!(plain(PATH).starts_with("HTTP/1.1 200 "));
    tls.answer_challenges(Challenges::default());
    assert!(plain(PATH).starts_with("HTTP/1.1 308 "));
}

#[test]
fn handshakes_that_verify_a_name_get_its_certificate_and_nothing_else() {
    let trusted = Trusted::new();
    let (server, tls) = server(&trusted);
    let both = rustls::ALL_VERSIONS;
    let old = &[&rustls::version::TLS12][..];
    let try_it = |protocols: &[&str], name: &str, versions| {
        shake(&mut connect_as(&server, &config(protocols, versions), name))
    };
    for versions in [both, old] {
        let refused = try_it(&["acme-tls/1"], "a.example", versions).unwrap_err();
        assert!(refused.contains("NoApplicationProtocol"), "{refused}");
    }
    let challenges = Challenges::default().tls_alpn("A.example.", TEXT).unwrap();
    tls.answer_challenges(challenges);
    let digest = Sha256::digest(TEXT);
    let is_bound = |certificate: &[u8]| certificate.windows(32).any(|at| at == &digest[..]);
    for versions in [both, old] {
        let (protocol, certificate) = try_it(&["acme-tls/1"], "a.example", versions).unwrap();
        assert_eq!(protocol.as_deref(), Some(&b"acme-tls/1"[..]));
        assert!(is_bound(&certificate));
        // Other names, and clients that want something else.
        assert!(try_it(&["acme-tls/1"], "b.example", versions).is_err());
        assert!(try_it(&["acme-tls/1", "h2"], "a.example", versions).is_err());
        for protocols in [&["http/1.1"][..], &["acme-tls/1", "http/1.1"], &[]] {
            let (protocol, certificate) = try_it(protocols, "a.example", versions).unwrap();
            assert_ne!(protocol.as_deref(), Some(&b"acme-tls/1"[..]));
            assert!(!is_bound(&certificate), "{protocols:?}");
        }
        // No request is served on such a connection.
        let mut client = connect_as(&server, &config(&["acme-tls/1"], versions), "a.example");
        shake(&mut client).unwrap();
        let _ = client.write_all(get("/").as_bytes());
        assert_eq!(rest(&mut client).0, b"");
    }
    tls.answer_challenges(Challenges::default());
    assert!(try_it(&["acme-tls/1"], "a.example", both).is_err());
    assert!(
        ask(
            &mut connect(&server, &trusted),
            &get("/").replace("other.example", "localhost")
        )
        .ends_with("done")
    );
}

/// An ACME server has no certificate. What it is spared must not spare others.
#[test]
fn handshakes_that_verify_a_name_need_no_client_certificate() {
    let trusted = Trusted::new();
    let authority = trusted.0.pem().as_bytes().to_vec();
    let tls = trusted.tls().require_client_certificate(&authority);
    let server = start(&tls.unwrap(), |builder| builder, |_: Request<'_>| "done");
    let handle = server.tls.clone().unwrap();
    let challenges = Challenges::default().tls_alpn("localhost", TEXT).unwrap();
    handle.answer_challenges(challenges);
    for versions in [
        &[&rustls::version::TLS12][..],
        &[&rustls::version::TLS13][..],
    ] {
        // Both share what can be resumed.
        let verifying = config(&["acme-tls/1"], versions);
        let mut asking = verifying.clone();
        asking.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut client = connect_as(&server, &verifying, "localhost");
        let (protocol, _) = shake(&mut client).unwrap();
        assert_eq!(protocol.as_deref(), Some(&b"acme-tls/1"[..]));
        let (content, was_closed) = rest(&mut client);
        assert!(content.is_empty() && was_closed, "{versions:?}");
        for protocols in [&["http/1.1"][..], &["acme-tls/1", "http/1.1"], &[]] {
            asking.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
            let mut client = connect_as(&server, &asking, "localhost");
            let request = get("/").replace("other.example", "localhost");
            let _ = client.write_all(request.as_bytes());
            assert_eq!(rest(&mut client).0, b"", "{protocols:?}");
            assert_eq!(
                client
                    .conn
                    .handshake_kind()
                    .filter(|kind| *kind == HandshakeKind::Resumed),
                None
            );
        }
    }
}

#[test]
fn a_pending_challenge_changes_nothing_for_others_however_their_bytes_arrive() {
    let trusted = Trusted::new();
    let (server, tls) = server(&trusted);
    let challenges = Challenges::default().tls_alpn("a.example", TEXT).unwrap();
    tls.answer_challenges(challenges);
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(trusted.config()), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    let mut stream = server.connect();
    stream.set_nodelay(true).unwrap();
    for byte in hello {
        stream.write_all(&[byte]).unwrap();
    }
    let request = get("/").replace("other.example", "localhost");
    let mut client = StreamOwned::new(client, stream);
    assert!(ask(&mut client, &request).ends_with("done"));
    // Garbage is refused as ever: an alert, and the end.
    for garbage in [
        &b"\x16\x03\x01\x00\x05\x02\0\0\x01\0"[..],
        &[0x80, 0x2e, 1, 3, 1],
    ] {
        let mut stream = server.connect();
        stream.write_all(garbage).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        assert_eq!(all.first(), Some(&0x15), "{garbage:?}");
    }
}

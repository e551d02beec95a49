//! Upstream servers that speak TLS: what is verified, what is sent, and how connections end.

use super::script::{ok, read_head, upstream};
use crate::support::{LONG, Running, read_until, rest};
use crate::tls_support::Trusted;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    HandshakeKind, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tinyhttp_server::SelfSigned;
use tinyhttp_server::gateway::{Trust, Upstream, UpstreamBuilder};

type Stream = StreamOwned<ServerConnection, TcpStream>;

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const LAST: &str = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12, &rustls::version::TLS13];

fn config(own: &SelfSigned, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
    config_of(own.pem(), own.key_pem(), versions)
}

fn config_of(
    chain: &str,
    key: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.map(Result::unwrap).collect(), key);
    Arc::new(config.unwrap())
}

/// A certificate for `localhost` that expired in 2020, and its key.
fn expired() -> (String, String) {
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 1, 2);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// An upstream server that speaks TLS and follows a script.
fn secured(
    config: Arc<ServerConfig>,
    script: impl Fn(Stream, usize) + Send + Sync + 'static,
) -> SocketAddr {
    upstream(move |stream, number| {
        let session = ServerConnection::new(Arc::clone(&config)).unwrap();
        script(StreamOwned::new(session, stream), number);
    })
}

/// An upstream at this port of the host `localhost`, which has several addresses.
fn builder(address: SocketAddr, trust: Trust) -> UpstreamBuilder {
    let target = format!("https://localhost:{}", address.port());
    Upstream::builder([target.parse().unwrap()]).trust(trust)
}

fn trust(trusted: &Trusted) -> Trust {
    Trust::authorities(trusted.0.pem().as_bytes()).unwrap()
}

/// Reads a head. `None`: the connection ends before it begins.
fn head(stream: &mut Stream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ if head.is_empty() => return None,
            other => panic!("{other:?}"),
        }
    }
    Some(String::from_utf8(head).unwrap())
}

#[test]
fn messages_pass_in_both_versions() {
    let trusted = Trusted::new();
    let long: Vec<u8> = (0..3_000_000).map(|at| (at % 251) as u8).collect();
    for version in BOTH {
        let expected = long.clone();
        let config = config(&trusted.sign(&["localhost"]), &[version]);
        let address = secured(config, move |mut stream, _| {
            while let Some(head) = head(&mut stream) {
                assert_eq!(stream.conn.server_name(), Some("localhost"));
                assert_eq!(stream.conn.alpn_protocol(), None);
                let length = match head.starts_with("POST") {
                    true => expected.len(),
                    false => 0,
                };
                let mut content = vec![0; length];
                stream.read_exact(&mut content).unwrap();
                assert!(content == expected[..length]);
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
                    expected.len()
                );
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(&expected).unwrap();
                stream.flush().unwrap();
            }
        });
        let proxy = Running::start(builder(address, trust(&trusted)).build());
        let mut client = proxy.connect();
        for round in 0..4 {
            if round % 2 == 1 {
                let length = long.len();
                let head =
                    format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
                client.write_all(head.as_bytes()).unwrap();
                client.write_all(&long).unwrap();
            } else {
                client.write_all(GET.as_bytes()).unwrap();
            }
            read_until(&mut client, "\r\n\r\n");
            let mut content = vec![0; long.len()];
            client.read_exact(&mut content).unwrap();
            assert!(content == long, "{version:?} {round}");
        }
    }
}

#[test]
fn connections_are_kept_and_sessions_resumed() {
    let trusted = Trusted::new();
    for version in BOTH {
        let (seen, told) = mpsc::channel();
        let mut config = config(&trusted.sign(&["localhost"]), &[version]);
        Arc::get_mut(&mut config).unwrap().alpn_protocols = vec![b"http/1.1".to_vec()];
        let address = secured(config, move |mut stream, _| {
            for last in [false, true] {
                if head(&mut stream).is_none() {
                    return;
                }
                let response = match last {
                    true => "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
                    false => "HTTP/1.1 204 No Content\r\n\r\n",
                };
                stream.write_all(response.as_bytes()).unwrap();
                stream.flush().unwrap();
            }
            assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
            seen.send(stream.conn.handshake_kind().unwrap()).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        });
        let proxy = Running::start(builder(address, trust(&trusted)).build());
        let mut client = proxy.connect();
        for connection in 0..3 {
            for _ in 0..2 {
                client.write_all(GET.as_bytes()).unwrap();
                let head = read_until(&mut client, "\r\n\r\n");
                assert!(head.starts_with("HTTP/1.1 204 "), "{version:?}: {head}");
            }
            let kind = told.recv_timeout(LONG).unwrap();
            let is_resumed = kind == HandshakeKind::Resumed;
            assert_eq!(
                is_resumed,
                connection > 0,
                "{version:?} {connection} {kind:?}"
            );
        }
    }
}

#[test]
fn only_close_notify_ends_content_that_ends_with_the_connection() {
    let trusted = Trusted::new();
    for (says_so, is_complete) in [(true, true), (false, false)] {
        let config = config(&trusted.sign(&["localhost"]), BOTH);
        let address = secured(config, move |mut stream, _| {
            head(&mut stream).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").unwrap();
            if says_so {
                stream.conn.send_close_notify();
            }
            stream.flush().unwrap();
            let _ = stream.sock.shutdown(Shutdown::Both);
        });
        let proxy = Running::start(builder(address, trust(&trusted)).build());
        let mut client = proxy.connect();
        client.write_all(LAST.as_bytes()).unwrap();
        let mut all = Vec::new();
        // A reset may come in the place of the end.
        let _ = client.read_to_end(&mut all);
        let text = String::from_utf8(all).unwrap();
        assert!(text.contains("\r\n5\r\nhello\r\n"), "{text}");
        assert_eq!(text.ends_with("\r\n0\r\n\r\n"), is_complete, "{text}");
    }
}

#[test]
fn a_tunnel_passes_and_each_half_ends_by_itself() {
    let trusted = Trusted::new();
    let address = secured(
        config(&trusted.sign(&["localhost"]), BOTH),
        |mut stream, _| {
            head(&mut stream).unwrap();
            let switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\n\r\nwelcome";
            stream.write_all(switch).unwrap();
            let mut all = Vec::new();
            // Ends only with close_notify.
            stream.read_to_end(&mut all).unwrap();
            all.reverse();
            stream.write_all(&all).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        },
    );
    let proxy = Running::start(builder(address, trust(&trusted)).build());
    let mut client = proxy.connect();
    let upgrade = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    client.write_all(upgrade.as_bytes()).unwrap();
    let head = read_until(&mut client, "welcome");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let sent: Vec<u8> = (0..2_000_000).map(|at| (at % 251) as u8).collect();
    client.write_all(&sent).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    got.reverse();
    assert!(got == sent, "{} bytes", got.len());
}

/// What the certificate is for, what is trusted, and what the page for a loopback client says.
#[test]
fn servers_without_the_right_certificate_get_no_request() {
    let (trusted, other) = (Trusted::new(), Trusted::new());
    let selfish = SelfSigned::new(&["localhost"]).unwrap();
    let itself = Trust::authorities(selfish.pem().as_bytes()).unwrap();
    let (old, old_key) = expired();
    let expired = Trust::authorities(old.as_bytes()).unwrap();
    let named = |name| trust(&trusted).named(name).unwrap();
    let own = |names: &[&str]| config(&trusted.sign(names), BOTH);
    let table = [
        (own(&["localhost"]), trust(&trusted), None),
        (config(&selfish, BOTH), itself.clone(), None),
        (own(&["other.test"]), Trust::anything(), None),
        (own(&["other.test"]), named("other.test"), None),
        (
            own(&["localhost"]),
            trust(&other),
            Some("the signature on its certificate"),
        ),
        (
            own(&["localhost"]),
            itself,
            Some("no authority that is trusted here"),
        ),
        (
            config(&selfish, BOTH),
            trust(&trusted),
            Some("no authority that is trusted here"),
        ),
        (
            own(&["other.test"]),
            trust(&trusted),
            Some("its certificate is not for"),
        ),
        (
            own(&["127.0.0.1"]),
            trust(&trusted),
            Some("its certificate is not for"),
        ),
        (
            own(&["localhost"]),
            named("other.test"),
            Some("its certificate is not for"),
        ),
        (
            config_of(&old, &old_key, BOTH),
            expired,
            Some("its certificate has expired"),
        ),
    ];
    for (number, (config, trust, failure)) in table.into_iter().enumerate() {
        let requests = Arc::new(Mutex::new(0));
        let count = Arc::clone(&requests);
        let address = secured(config, move |mut stream, _| {
            while head(&mut stream).is_some() {
                *count.lock().unwrap() += 1;
                stream.write_all(ok("done").as_bytes()).unwrap();
            }
        });
        let proxy = Running::start(builder(address, trust).build());
        let response = proxy.ask(LAST);
        match failure {
            None => assert!(
                response.starts_with("HTTP/1.1 200 "),
                "{number}: {response}"
            ),
            Some(why) => {
                assert!(
                    response.starts_with("HTTP/1.1 502 "),
                    "{number}: {response}"
                );
                assert!(response.contains(why), "{number}: {response}");
                assert_eq!(*requests.lock().unwrap(), 0, "{number}");
            }
        }
    }
}

/// Servers that break the handshake, and when.
#[test]
fn a_handshake_that_fails_is_a_502_and_one_that_stalls_a_504() {
    type Script = fn(TcpStream);
    fn hold(mut stream: TcpStream) {
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let table: [(&str, Script, &str); 7] = [
        (
            "plain HTTP",
            |mut stream| {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
                hold(stream);
            },
            "502",
        ),
        (
            "garbage",
            |mut stream| {
                let _ = stream.write_all(&[0xff; 100_000]);
                hold(stream);
            },
            "502",
        ),
        (
            "an alert",
            |mut stream| {
                let _ = stream.write_all(b"\x15\x03\x03\x00\x02\x02\x28");
                hold(stream);
            },
            "502",
        ),
        ("the end", |stream| drop(stream), "502"),
        (
            "the end after the hello",
            |mut stream| {
                let _ = stream.read(&mut [0; 10_000]);
            },
            "502",
        ),
        ("nothing", hold, "504"),
        (
            "half a record",
            |mut stream| {
                let _ = stream.write_all(b"\x16\x03\x03\x10\x00\x02");
                hold(stream);
            },
            "504",
        ),
    ];
    for (name, script, status) in table {
        let address = upstream(move |stream, _| script(stream));
        let trust = Trust::anything();
        let time = Duration::from_millis(match status {
            "504" => 100,
            _ => 20_000,
        });
        let proxy = Running::start(builder(address, trust).timeout(time).build());
        let response = proxy.ask(LAST);
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status} ")),
            "{name}: {response}"
        );
    }
    // And the other way round.
    let trusted = Trusted::new();
    let address = secured(
        config(&trusted.sign(&["localhost"]), BOTH),
        |mut stream, _| {
            let _ = head(&mut stream);
        },
    );
    let plain = Upstream::builder([address.to_string().parse().unwrap()]);
    let response = Running::start(plain.build()).ask(LAST);
    assert!(response.starts_with("HTTP/1.1 502 "), "{response}");
}

/// Records that arrive in any pieces make the same response.
#[test]
fn records_may_come_byte_by_byte() {
    let trusted = Trusted::new();
    let address = secured(
        config(&trusted.sign(&["localhost"]), BOTH),
        |mut stream, _| {
            stream.sock.set_nodelay(true).unwrap();
            head(&mut stream).unwrap();
            let content = "x".repeat(20_000);
            stream
                .conn
                .writer()
                .write_all(ok(&content).as_bytes())
                .unwrap();
            let mut records = Vec::new();
            while stream.conn.wants_write() {
                stream.conn.write_tls(&mut records).unwrap();
            }
            for byte in records {
                stream.sock.write_all(&[byte]).unwrap();
            }
        },
    );
    let proxy = Running::start(builder(address, trust(&trusted)).build());
    let response = proxy.ask(LAST);
    assert!(
        response.ends_with(&"x".repeat(20_000)),
        "{} bytes",
        response.len()
    );
}

/// A client that leaves does not look to the upstream as if its content had ended.
#[test]
fn content_that_is_cut_short_is_not_complete_to_the_upstream() {
    let trusted = Trusted::new();
    let (seen, told) = mpsc::channel();
    let address = secured(
        config(&trusted.sign(&["localhost"]), BOTH),
        move |mut stream, _| {
            head(&mut stream).unwrap();
            stream.read_exact(&mut [0; 5]).unwrap();
            seen.send(None).unwrap();
            let ended = stream.read_to_end(&mut Vec::new());
            seen.send(Some(ended.is_ok())).unwrap();
        },
    );
    let proxy = Running::start(builder(address, trust(&trusted)).build());
    let mut client = proxy.connect();
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello";
    client.write_all(post.as_bytes()).unwrap();
    assert_eq!(told.recv_timeout(LONG).unwrap(), None);
    drop(client);
    assert_eq!(told.recv_timeout(LONG).unwrap(), Some(false));
}

/// Redirects to the upstream lead back here, whatever its scheme is.
#[test]
fn redirects_are_renamed() {
    let trusted = Trusted::new();
    let port = Arc::new(Mutex::new(0));
    let known = Arc::clone(&port);
    let address = secured(
        config(&trusted.sign(&["localhost"]), BOTH),
        move |mut stream, _| {
            head(&mut stream).unwrap();
            let port = *known.lock().unwrap();
            let response = format!(
                "HTTP/1.1 302 Found\r\nLocation: https://localhost:{port}/app/x\r\nContent-Length: 0\r\n\r\n"
            );
            stream.write_all(response.as_bytes()).unwrap();
            let _ = read_head(&mut stream.sock);
        },
    );
    *port.lock().unwrap() = address.port();
    let target = format!("https://localhost:{}/app/", address.port());
    let upstream = Upstream::builder([target.parse().unwrap()]).trust(trust(&trusted));
    let proxy = Running::start(upstream.prefix("/here/").build());
    let mut client = proxy.connect();
    client
        .write_all(b"GET /here/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .unwrap();
    let response = rest(&mut client);
    assert!(response.contains("\r\nLocation: /here/x\r\n"), "{response}");
}

//! Which certificates, names and schemes clients get, and which certificates they show.

use crate::support::{Running, echo};
use crate::tls_support::{
    Client, Trusted, ask, connect_as, connect_over, patient, read_until, rest, start,
};
use std::io::Write;
use tinyhttp_server::{ClientCertificate, Request, Tls};

#[test]
fn plain_requests_are_redirected() {
    let trusted = Trusted::new();
    let server = start(&trusted.tls(), |builder| builder, echo);
    let host = format!("localhost:{}", server.address.port());
    let table = r"
        GET /a?b HTTP/1.1\r\nHost: {host}\r\n => 308 https://{host}/a?b
        get /a HTTP/1.1\r\nHost: {host}\r\n => 308 https://{host}/a
        GET http://other/c HTTP/1.1\r\nHost: {host}\r\n => 308 https://other/c
        OPTIONS * HTTP/1.1\r\nHost: {host}\r\n => 308 https://{host}/
        GET /a HTTP/1.0\r\n => 400
        GET /a HTTP/1.1\r\n => 400
        GET /a HTTP/1.1\r\nHost:\r\n => 400
    ";
    for (request, outcome) in table::cases(table) {
        let request = table::unescaped(request).replace("{host}", &host);
        let ([status], location) = table::words(outcome);
        let location = location.replace("{host}", &host);
        let answer = server.ask(&format!("{request}Connection: close\r\n\r\n"));
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request}: {answer}"
        );
        if !location.is_empty() {
            assert!(
                answer.contains(&format!("ocation: {location}\r\n")),
                "{request}: {answer}"
            );
        }
    }
    // Content is skipped, and the connection stays.
    let answer = server.ask(&format!(
        "POST /a HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    ));
    assert_eq!(answer.matches("HTTP/1.1 308").count(), 2, "{answer}");
}

#[test]
fn a_second_listener_only_redirects() {
    let trusted = Trusted::new();
    let set = |builder: tinyhttp_server::Builder| {
        builder
            .bind_redirect(([127, 0, 0, 1], 0).into(), 8443)
            .unwrap()
    };
    let server = start(&trusted.tls(), set, echo);
    let only = Running::with(
        |builder| {
            builder
                .bind_redirect(([127, 0, 0, 1], 0).into(), 443)
                .unwrap()
        },
        |_: Request<'_>| "served",
    );
    assert!(
        only.ask("GET / HTTP/1.0\r\n\r\n").ends_with("served"),
        "the first one serves"
    );
    drop(server);
}

#[test]
fn a_request_for_another_host_is_misdirected() {
    let trusted = Trusted::new();
    let tls = trusted
        .tls()
        .with(trusted.sign(&["a.test", "*.a.test"]).identity().clone());
    let server = start(&tls, |builder| builder, |_: Request<'_>| "done");
    let table = [
        ("a.test", "Host: a.test", "200"),
        ("a.test", "Host: A.Test.:8443", "200"),
        ("b.a.test", "Host: b.a.test", "200"),
        ("b.a.test", "Host: c.a.test", "421"),
        ("a.test", "Host: localhost", "421"),
        ("a.test", "Host: 127.0.0.1", "421"),
        ("localhost", "Host: localhost:1", "200"),
        // No name is sent for an address.
        ("127.0.0.1", "Host: whatever", "200"),
    ];
    for (name, host, status) in table {
        let mut client = connect_as(&server, &trusted.config(), name);
        let answer = ask(
            &mut client,
            &format!("GET / HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n"),
        );
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{name} {host}: {answer}"
        );
    }
    for (target, status) in [
        ("https://a.test/", "200"),
        ("http://a.test/", "421"),
        ("https://b.test/", "421"),
    ] {
        let mut client = connect_as(&server, &trusted.config(), "a.test");
        let request = format!("GET {target} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
        assert!(
            ask(&mut client, &request).starts_with(&format!("HTTP/1.1 {status} ")),
            "{target}"
        );
    }
}

#[test]
fn client_certificates() {
    let trusted = Trusted::new();
    let strangers = Trusted::new();
    let handler = |request: Request<'_>| {
        let certificate = request.extensions().get::<ClientCertificate>();
        certificate.map_or("none".to_owned(), |certificate| {
            certificate.subject().to_owned()
        })
    };
    // Certificates of servers are not those of clients.
    let alice = trusted.sign(&["alice.test"]);
    let pem = trusted.0.pem().as_bytes().to_vec();
    let required = trusted.tls().require_client_certificate(&pem).unwrap();
    let optional = trusted.tls().accept_client_certificate(&pem).unwrap();
    let get = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = |server: &Running, config: &rustls::ClientConfig| {
        let mut client = connect_as(server, config, "localhost");
        let _ = client.write_all(get.as_bytes());
        String::from_utf8(rest(&mut client).0).unwrap()
    };
    for (tls, without) in [(required, ""), (optional, "none")] {
        let server = start(&tls, |builder| builder, handler);
        let none = answer(&server, &trusted.config());
        assert!(
            none.ends_with(without) && none.is_empty() == without.is_empty(),
            "{none}"
        );
        // Signed by another authority, or meant for servers: refused, also where it is optional.
        let stranger = strangers.sign(&["alice.test"]);
        let mut config = trusted.config_with(&stranger);
        config.resumption = rustls::client::Resumption::disabled();
        assert_eq!(answer(&server, &config), "");
        assert_eq!(answer(&server, &trusted.config_with(&alice)), "");
    }
    assert!(trusted.tls().require_client_certificate(b"").is_err());
    assert!(
        trusted
            .tls()
            .require_client_certificate(
                b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
            )
            .is_err()
    );
}

#[test]
fn certificates_are_replaced_while_connections_go_on() {
    let trusted = Trusted::new();
    let builder = tinyhttp_server::Server::bind("127.0.0.1:0").unwrap();
    let server = builder
        .tls(trusted.tls())
        .unwrap()
        .start(|_: Request<'_>| "done")
        .unwrap();
    let (handle, shutdown, address) = (
        server.tls().unwrap(),
        server.shutdown_handle(),
        server.local_addrs()[0],
    );
    let running = std::thread::spawn(move || server.run());
    let connect = |trusted: &Trusted| {
        let stream = std::net::TcpStream::connect(address).unwrap();
        patient(&stream);
        connect_over(stream, &trusted.config(), "localhost")
    };
    let get = |client: &mut Client| {
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        read_until(client, "done");
    };
    let mut old = connect(&trusted);
    get(&mut old);
    let other = Trusted::new();
    handle.replace(&other.tls()).unwrap();
    get(&mut old);
    get(&mut connect(&other));
    assert!(connect(&trusted).write_all(b"x").is_err());
    // What can't be built replaces nothing.
    assert!(handle.replace(&Tls::default()).is_err());
    get(&mut connect(&other));
    shutdown.abort();
    running.join().unwrap().unwrap();
}

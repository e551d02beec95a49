//! Ways to a server: proxies, sockets, other addresses, other resolvers.

use crate::script::{Connection, HELLO, Server, command, get, run};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};
use std::thread;
use support::Folder;

/// Passes bytes between both, until both have ended.
fn pass_on(connection: &mut Connection, server: &TcpStream) {
    let (mut from, mut to) = (
        server.try_clone().unwrap(),
        connection.stream.try_clone().unwrap(),
    );
    let back = thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
    let _ = std::io::copy(&mut connection.stream, &mut &*server);
    let _ = server.shutdown(std::net::Shutdown::Write);
    back.join().unwrap();
}

/// A proxy that makes the tunnels it is asked for.
pub(crate) fn tunnelling_proxy() -> Server {
    Server::start_parallel(|connection| {
        let Some(head) = connection.head() else {
            return;
        };
        let target = head.split(' ').nth(1).unwrap().to_owned();
        let server = TcpStream::connect(target).unwrap();
        connection.send("HTTP/1.1 200 Connection established\r\n\r\n");
        pass_on(connection, &server);
    })
}

#[test]
fn a_proxy_is_asked_for_the_whole_url() {
    let proxy = Server::answering([HELLO, HELLO, HELLO]);
    let address = proxy.address.to_string();
    let with_user = format!("http://me:secret@{address}");
    get(["-x", &address, "http://h.test:81/a?b#c"]).succeeds();
    get(["-x", &with_user, "http://h.test/"]).succeeds();
    get(["-x", &address, "-U", "me:secret", "http://h.test/"]).succeeds();
    let requests = proxy.requests();
    assert!(
        requests[0].starts_with("GET http://h.test:81/a?b HTTP/1.1\r\nHost: h.test:81\r\n"),
        "{requests:?}"
    );
    assert!(!requests[0].contains("Proxy-Authorization"), "{requests:?}");
    for request in &requests[1..] {
        assert!(
            request.contains("\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n"),
            "{request}"
        );
    }
}

#[test]
fn proxies_of_the_environment() {
    let server = Server::answering([HELLO; 8]);
    let proxy = Server::answering([HELLO; 8]);
    let ask = |name: &str, value: &str, args: &[&str]| {
        let mut command = command(["get"]);
        command.args(args).arg(server.url("/")).env(name, value);
        run(command, b"").succeeds();
        (server.requests().len(), proxy.requests().len())
    };
    let address = proxy.address.to_string();
    assert_eq!(ask("http_proxy", &address, &[]), (0, 1));
    assert_eq!(
        ask("HTTP_PROXY", &address, &[]),
        (1, 1),
        "a client of a CGI script sets it by a field"
    );
    assert_eq!(ask("ALL_PROXY", &address, &[]), (1, 2));
    assert_eq!(
        ask("ALL_PROXY", &address, &["--noproxy", "127.0.0.0/8"]),
        (2, 2)
    );
    assert_eq!(ask("http_proxy", &address, &["-x", ""]), (3, 2));
    let mut bad = command(["get", &server.url("/")]);
    bad.env("http_proxy", "nonsense://me:secret@x");
    let outcome = run(bad, b"").fails(2);
    assert!(!outcome.stderr.contains("secret"), "{}", outcome.stderr);
    // What names no proxy is in the way of the requests that would go through it, and of no others.
    for (variable, value, flags) in [
        ("https_proxy", "nonsense://x", &[][..]),
        ("https_proxy", "http://x:99999", &[]),
        ("ALL_PROXY", "nonsense://x", &["--noproxy", "127.0.0.1"]),
        ("http_proxy", "http://", &["-x", ""]),
        ("http_proxy", ":::", &["-x", &address]),
    ] {
        let mut command = command(["get", &server.url("/")]);
        command.args(flags).env(variable, value);
        run(command, b"").succeeds();
    }
}

#[test]
fn a_proxy_that_is_not_there() {
    get(["-x", "no-such-proxy.invalid:80", "http://h.test/"]).fails(5);
    get(["-x", "127.0.0.1:1", "http://h.test/"]).fails(7);
}

#[test]
fn a_tunnel_that_is_refused() {
    let proxy = Server::answering(["HTTP/1.1 407 Log in\r\nContent-Length: 0\r\n\r\n"]);
    let outcome = get(["-x", &proxy.address.to_string(), "https://h.test/"]).fails(56);
    assert!(
        outcome
            .stderr
            .contains("it answered 407 Log in when asked for h.test:443"),
        "{}",
        outcome.stderr
    );
    assert!(
        proxy
            .request()
            .starts_with("CONNECT h.test:443 HTTP/1.1\r\nHost: h.test:443\r\n")
    );
}

/// A proxy that speaks SOCKS 4, 4a and 5 and connects to this port of 127.0.0.1. It notes which
/// destination it was asked for, such as `5 far.test` or `4 127.0.0.1 me`.
fn socks_proxy(port: u16) -> (Server, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let proxy = Server::start_parallel(move |connection| {
        let mut stream = connection.stream.try_clone().unwrap();
        let mut read = |length: usize| {
            let mut bytes = vec![0; length];
            stream.read_exact(&mut bytes).unwrap();
            bytes
        };
        let version = read(1)[0];
        let target = match version {
            4 => {
                assert_eq!(read(1), [1]);
                assert_eq!(read(2), port.to_be_bytes());
                let address = read(4);
                let mut text = || {
                    let mut text = read(1);
                    while text.last() != Some(&0) {
                        text.extend(read(1));
                    }
                    text.pop();
                    String::from_utf8(text).unwrap()
                };
                let user = text();
                let host = match address[..] {
                    [0, 0, 0, 1] => text(),
                    _ => Ipv4Addr::from(<[u8; 4]>::try_from(address).unwrap()).to_string(),
                };
                connection.send(b"\0\x5a\0\0\0\0\0\0");
                format!("4 {host} {user}")
            }
            _ => {
                let methods = usize::from(read(1)[0]);
                let wants_password = read(methods).contains(&2);
                connection.send([5, if wants_password { 2 } else { 0 }]);
                if wants_password {
                    assert_eq!(read(11), b"\x01\x02me\x06secret");
                    connection.send(b"\x01\0");
                }
                let head = read(4);
                let host = match head[3] {
                    1 => Ipv4Addr::from(<[u8; 4]>::try_from(read(4)).unwrap()).to_string(),
                    3 => {
                        let length = usize::from(read(1)[0]);
                        String::from_utf8(read(length)).unwrap()
                    }
                    kind => panic!("kind {kind}"),
                };
                assert_eq!(read(2), port.to_be_bytes());
                connection.send(b"\x05\0\0\x01\0\0\0\0\0\0");
                format!("5 {host}{}", if wants_password { " me" } else { "" })
            }
        };
        seen.lock().unwrap().push(target);
        let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
        pass_on(connection, &server);
    });
    (proxy, asked)
}

#[test]
fn socks() {
    let server = Server::start_parallel(|connection| {
        while connection.request().is_some() {
            connection.send(HELLO);
        }
    });
    let port = server.address.port();
    let (proxy, asked) = socks_proxy(port);
    let table = [
        ("socks4://", "127.0.0.1", "4 127.0.0.1 "),
        ("socks4://", "localhost", "4 127.0.0.1 "),
        ("socks4://me:secret@", "127.0.0.1", "4 127.0.0.1 me"),
        ("socks4a://", "127.0.0.1", "4 127.0.0.1 "),
        ("socks4a://", "far.test", "4 far.test "),
        ("socks4a://me@", "far.test", "4 far.test me"),
        ("socks5://", "127.0.0.1", "5 127.0.0.1"),
        ("socks5://", "localhost", "5 127.0.0.1"),
        ("socks5://me:secret@", "127.0.0.1", "5 127.0.0.1 me"),
        ("socks5h://", "far.test", "5 far.test"),
        ("socks5h://", "127.0.0.1", "5 127.0.0.1"),
        ("socks5h://me:secret@", "far.test", "5 far.test me"),
        // GNOME's name for version 5, with names for the proxy.
        ("socks://", "far.test", "5 far.test"),
        ("socks://", "127.0.0.1", "5 127.0.0.1"),
        ("SOCKS5H://", "far.test", "5 far.test"),
    ];
    for (prefix, host, want) in table {
        let via = format!("{prefix}{}", proxy.address);
        let url = format!("http://{host}:{port}/");
        let by_flag = get(["-4", "-x", &via, &url]).succeeds();
        assert_eq!(by_flag.text(), "hello", "{prefix} {host}");
        for variable in ["ALL_PROXY", "all_proxy", "http_proxy"] {
            let mut command = command(["get", "-4", &url]);
            command.env(variable, format!("{via}/"));
            assert_eq!(run(command, b"").succeeds().text(), "hello", "{variable}");
        }
        let asked = std::mem::take(&mut *asked.lock().unwrap());
        assert_eq!(asked, [want; 4], "{prefix} {host}");
    }
    let address = proxy.address.to_string();
    for (flag, host, want) in [
        ("--socks4", "127.0.0.1", "4 127.0.0.1 "),
        ("--socks4a", "far.test", "4 far.test "),
        ("--socks5", "127.0.0.1", "5 127.0.0.1"),
        ("--socks5-hostname", "far.test", "5 far.test"),
    ] {
        let url = format!("http://{host}:{port}/");
        get(["-4", flag, &address, &url]).succeeds();
        let asked = std::mem::take(&mut *asked.lock().unwrap());
        assert_eq!(asked, [want], "{flag}");
    }
    // A host that needs no proxy is reached, whatever the environment names.
    let mut command = command(["get", &server.url("/")]);
    command
        .env("ALL_PROXY", "socks://127.0.0.1:1/")
        .env("NO_PROXY", "127.0.0.1");
    run(command, b"").succeeds();
}

#[test]
fn socks_proxies_that_refuse() {
    let table: [(&str, usize, &[u8], &str); 4] = [
        (
            "socks5h",
            3,
            b"HTTP/1.1 400 Bad\r\n\r\n",
            "does not speak SOCKS 5",
        ),
        (
            "socks4a",
            9,
            b"HTTP/1.1 400 Bad\r\n\r\n",
            "does not speak SOCKS 4",
        ),
        (
            "socks4a",
            9,
            b"\0\x5b\0\0\0\0\0\0",
            "refused or failed to connect",
        ),
        (
            "socks4a",
            9,
            b"\0\x5d\0\0\0\0\0\0",
            "could not confirm the user",
        ),
    ];
    for (scheme, length, answer, words) in table {
        let other = Server::start(move |connection| {
            connection.read_exactly(length);
            connection.send(answer);
            connection.wait_for_end();
        });
        let via = format!("{scheme}://{}", other.address);
        let outcome = get(["-x", &via, "http://h.test/"]).fails(97);
        assert!(
            outcome.stderr.contains(words),
            "{scheme} {}",
            outcome.stderr
        );
    }
    let outcome = get(["-x", "socks4://127.0.0.1:1", "http://[::1]/"]);
    assert_ne!(outcome.code, 0);
}

#[test]
fn unix_sockets() {
    let folder = Folder::new();
    let path = folder.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).unwrap();
        stream.write_all(HELLO.as_bytes()).unwrap();
        String::from_utf8_lossy(&buffer[..read]).into_owned()
    });
    let outcome = get(["--unix-socket", &path, "http://docker.test/v1"]).succeeds();
    assert_eq!(outcome.text(), "hello");
    let request = server.join().unwrap();
    assert!(
        request.starts_with("GET /v1 HTTP/1.1\r\nHost: docker.test\r\n"),
        "{request}"
    );
    get(["--unix-socket", &folder.join("none"), "http://h/"]).fails(7);
}

#[test]
fn other_addresses_and_hosts() {
    let server = Server::answering([HELLO; 4]);
    let port = server.address.port();
    let url = format!("http://made-up.test:{port}/");
    get(["--resolve", &format!("made-up.test:{port}:127.0.0.1"), &url]).succeeds();
    get(["--resolve", "made-up.test:*:127.0.0.1", &url]).succeeds();
    get([
        "--connect-to",
        &format!("made-up.test:80:127.0.0.1:{port}"),
        "http://made-up.test/",
    ])
    .succeeds();
    get([
        "--connect-to",
        &format!("::{}", server.address),
        "http://other.test:99/",
    ])
    .succeeds();
    let hosts: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.lines().nth(1).unwrap().to_owned())
        .collect();
    let want = [
        format!("Host: made-up.test:{port}"),
        format!("Host: made-up.test:{port}"),
        "Host: made-up.test".to_owned(),
        "Host: other.test:99".to_owned(),
    ];
    assert_eq!(hosts, want);
    for (flag, value, code) in [
        ("--resolve", "x", 49),
        ("--resolve", "-x", 49),
        ("--resolve", "h:80:name", 49),
        ("--connect-to", "x", 49),
        ("--dns-servers", "name", 2),
    ] {
        get([flag, value, "http://h/"]).fails(code);
    }
}

#[test]
fn all_hosts_and_hosts_taken_back() {
    let server = Server::answering([HELLO; 5]);
    let port = server.address.port();
    let url = format!("http://made-up.test:{port}/");
    // What is given for a host counts more than what is given for all, and the last counts most.
    let (all, own) = (
        format!("*:{port}:127.0.0.1"),
        format!("made-up.test:{port}:127.0.0.1"),
    );
    let (all_wrong, wrong) = (
        format!("*:{port}:127.0.0.2"),
        format!("made-up.test:{port}:127.0.0.3"),
    );
    let back = format!("-MADE-UP.test:{port}");
    let table: &[&[&str]] = &[
        &[&all],
        &["*:*:127.0.0.1"],
        &[&own, &all_wrong],
        &[&wrong, &own],
        &[&wrong, &back, &all],
    ];
    for values in table {
        let flags = values.iter().flat_map(|value| ["--resolve", value]);
        get(flags.chain([&*url])).succeeds();
    }
    assert_eq!(server.requests().len(), table.len());
}

#[test]
fn a_dead_address_is_no_end() {
    // The first address does not answer, not even with a refusal; the second one is tried after
    // 250 ms.
    let server = Server::answering([HELLO, HELLO]);
    let port = server.address.port();
    let silent = silent_listener(port);
    let url = format!("http://two.test:{port}/");
    let known = format!("two.test:{port}:127.0.0.2,127.0.0.1");
    let outcome = get(["-v", "--resolve", &known, &url]).succeeds();
    assert!(
        outcome.stderr.contains("trying 127.0.0.2"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("connected to 127.0.0.1"),
        "{}",
        outcome.stderr
    );
    drop(silent);
    let outcome = get(["-v", "--resolve", &known, &url]).succeeds();
    assert!(
        outcome.stderr.contains("127.0.0.2") && outcome.stderr.contains("refused"),
        "{}",
        outcome.stderr
    );
}

/// A listener at 127.0.0.2 whose queue is full, so that attempts to connect get no answer.
fn silent_listener(port: u16) -> (socket2::Socket, Vec<socket2::Socket>) {
    use socket2::{Domain, Socket, Type};
    let address: std::net::SocketAddr = ([127, 0, 0, 2], port).into();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(0).unwrap();
    let fill = (0..3)
        .map(|_| {
            let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            client.set_nonblocking(true).unwrap();
            let _ = client.connect(&address.into());
            client
        })
        .collect();
    (socket, fill)
}

#[test]
fn a_local_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, from) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        stream.write_all(HELLO.as_bytes()).unwrap();
        from.ip().to_string()
    });
    get(["--interface", "127.0.0.3", &format!("http://{address}/")]).succeeds();
    assert_eq!(server.join().unwrap(), "127.0.0.3");
    get(["--interface", "192.0.2.1", &format!("http://{address}/")]).fails(45);
    get([
        "--interface",
        "no-such-device",
        &format!("http://{address}/"),
    ])
    .fails(45);
}

/// A name server that knows one host: `one.test` is 127.0.0.1.
fn name_server() -> String {
    use simple_dns::rdata::{A, RData};
    use simple_dns::{CLASS, Packet, RCODE, ResourceRecord, TYPE};
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 1024];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let query = Packet::parse(&buffer[..length]).unwrap();
            let question = query.questions[0].clone();
            let mut reply = Packet::new_reply(query.id());
            reply.questions.push(question.clone());
            if question.qname.to_string() != "one.test" {
                *reply.rcode_mut() = RCODE::NameError;
            } else if question.qtype == TYPE::A.into() {
                let data = RData::A(A {
                    address: 0x7f00_0001,
                });
                reply
                    .answers
                    .push(ResourceRecord::new(question.qname, CLASS::IN, 60, data));
            }
            socket
                .send_to(&reply.build_bytes_vec().unwrap(), from)
                .unwrap();
        }
    });
    address.to_string()
}

#[test]
fn other_name_servers() {
    let (server, dns) = (Server::answering([HELLO]), name_server());
    let url = |host: &str| format!("http://{host}:{}/", server.address.port());
    get(["--dns-servers", &dns, &url("one.test")]).succeeds();
    let outcome = get(["--dns-servers", &dns, &url("two.test")]).fails(6);
    assert!(
        outcome.stderr.contains("knows no such host"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn the_resolver_on_its_own() {
    let dns = name_server();
    let resolve = |args: &[&str]| {
        let mut command = command(["resolve"]);
        command.args(args);
        run(command, b"")
    };
    let outcome = resolve(&["--dns-servers", &dns, "one.test"]).succeeds();
    assert_eq!(outcome.text(), "127.0.0.1\n");
    assert!(
        outcome.stderr.starts_with("one.test: 1 found in "),
        "{}",
        outcome.stderr
    );
    assert_eq!(
        resolve(&["-s", "::1", "http://127.0.0.1/x"])
            .succeeds()
            .text(),
        "[::1] ::1\n127.0.0.1 127.0.0.1\n"
    );
    resolve(&["--dns-servers", &dns, "-6", "one.test"]).fails(6);
    resolve(&["no-such-host.invalid"]).fails(6);
    resolve(&["a b"]).fails(3);
}

#[test]
fn families() {
    let server = Server::answering([HELLO]);
    get(["-4", &server.url("/")]).succeeds();
    let outcome = get(["-6", &server.url("/")]).fails(6);
    assert!(
        outcome.stderr.contains("no IPv6 address"),
        "{}",
        outcome.stderr
    );
    get(["-4", "-6", &server.url("/")]).fails(2);
}

#[test]
fn names_in_other_letters() {
    let server = Server::answering([HELLO]);
    let port = server.address.port();
    let known = format!("xn--bcher-kva.test:{port}:127.0.0.1");
    get(["--resolve", &known, &format!("http://Bücher.test:{port}/")]).succeeds();
    assert!(
        server.request().contains("\r\nHost: xn--bcher-kva.test:"),
        "{}",
        server.request()
    );
}

#[test]
fn a_request_target_goes_out_as_it_is() {
    // Flags => the request target at a proxy, and at the server.
    let table = "
        --request-target * => * *
        --request-target /x => /x /x
        --request-target http://i.test/ => http://i.test/ http://i.test/
        --path-as-is => http://h.test/a/../b?c /a/../b?c
        => http://h.test/b?c /b?c
    ";
    for (flags, lines) in table::cases(table) {
        let ([at_proxy, at_server], _) = table::words(lines);
        let flags: Vec<_> = table::arguments(flags).collect();
        let server = Server::answering([HELLO, HELLO]);
        let address = server.address.to_string();
        let url = "http://h.test/a/../b?c#d";
        let resolve = format!("::{address}");
        for (way, want) in [
            (["-x", &address], at_proxy),
            (["--connect-to", &resolve], at_server),
        ] {
            get(flags.iter().map(String::as_str).chain(way).chain([url])).succeeds();
            let requests = server.requests();
            let line = requests.last().unwrap().lines().next().unwrap();
            assert_eq!(line, format!("GET {want} HTTP/1.1"), "{flags:?}");
        }
    }
}

//! Every state of a connection, over a socketpair and without a server.
//!
//! A case is a list of turns, one line each: what the client does before the turn, and what the
//! connection asks for during it. `|` stands for CRLF.

use super::*;
use crate::body::Body;
use crate::deadline::{Clock, Lag, NEVER, Timeouts};
use crate::handler::Receive;
use crate::listen::Clients;
use crate::request::Request;
use crate::response::Response;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;
use tinyhttp_message::Limits;

fn env() -> Env {
    Env {
        // The tests answer calls themselves.
        handler: std::sync::Arc::new(|_: Request<'_>| Body::empty()),
        max_body: 0,
        timeouts: Timeouts::default(),
        limits: Limits::default(),
        clock: Clock::new(),
        #[cfg(feature = "access-log")]
        access_log: None,
        #[cfg(feature = "tls")]
        tls: None,
        #[cfg(feature = "gateway")]
        upstreams: crate::gateway::Registry::default(),
    }
}

/// A connection, its client, and what a worker would lend it.
struct Driver<'e> {
    client: UnixStream,
    connection: Box<Connection>,
    turn: Turn<'e>,
    input: Input,
}

impl<'e> Driver<'e> {
    fn new(env: &'e Env) -> Self {
        let (client, socket) = UnixStream::pair().unwrap();
        client.set_nonblocking(true).unwrap();
        socket.set_nonblocking(true).unwrap();
        let turn = Turn::new(env, 0);
        let permit = Clients::new(None, 1).count(None).unwrap();
        let transport = Transport::plain(socket.into());
        let connection =
            Connection::new(transport, Endpoint::Unix, (0, Role::Plain), permit, &turn);
        Driver {
            client,
            connection: Box::new(connection),
            turn,
            input: Input::new(),
        }
    }

    /// Does what a case says the client does.
    fn act(&mut self, action: &str) {
        match action {
            "(end)" => self.client.shutdown(Shutdown::Write).unwrap(),
            "(read)" => drop(self.read()),
            text => self
                .client
                .write_all(text.replace('|', "\r\n").as_bytes())
                .unwrap(),
        }
    }

    /// What has been sent to the client, the end included.
    fn read(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        // It would block at the end, unless the connection is closed.
        let _ = self.client.read_to_end(&mut all);
        all
    }

    /// Gives the connection a turn, and returns what it asked for.
    fn turn(&mut self) -> String {
        let mut seen = Vec::new();
        let (connection, turn) = (&mut self.connection, &mut self.turn);
        // As a report would say.
        connection.ended = connection.transport.has_ended();
        connection.begin(turn, &mut self.input);
        loop {
            let mut storage = FieldStorage::new();
            match connection.advance(turn, &mut self.input, &mut storage) {
                Next::Call(call) => {
                    let path = call.head.target.path().to_owned();
                    if path == "/collect" {
                        seen.push(format!("call {path}"));
                        collect(&call, connection, turn);
                        continue;
                    }
                    let content = match path.as_str() {
                        "/read" => {
                            connection.send_ahead(turn);
                            let (loan, mut body) = connection.lend(&call, turn);
                            let mut content = String::new();
                            body.read_to_string(&mut content).unwrap();
                            connection.take_back(loan.take_back(), turn);
                            content
                        }
                        _ => String::new(),
                    };
                    seen.push(format!("call {path}{content}"));
                    connection.respond(Response::new(body(&path)), None, turn);
                }
                Next::Block => {
                    connection.run_blocking(&turn.env.timeouts);
                    seen.push("block".to_owned());
                }
                Next::Resume(collected) => {
                    let Collected {
                        receive,
                        mut record,
                        refusal,
                    } = *collected;
                    let response = receive.resume(refusal).response();
                    seen.push("resume".to_owned());
                    connection.respond(response, record.as_mut(), turn);
                }
                Next::Continue => {}
                Next::Park => {
                    let interest = connection.interest();
                    let waiting = connection.deadline().waiting;
                    seen.push(format!("park {interest:?} {waiting:?}"));
                    break;
                }
                Next::Close => {
                    seen.push("close".to_owned());
                    break;
                }
            }
        }
        seen.join(", ")
    }
}

/// Has the content of a request received, up to 5 bytes, and sent back.
fn collect(call: &Call<'_>, connection: &mut Connection, turn: &mut Turn<'_>) {
    if !call.is_complete {
        let (loan, _) = connection.lend(call, turn);
        connection.take_back(loan.take_back(), turn);
    }
    let request = call.head.to_http().unwrap();
    let receive = Receive::new(request.into(), 5, |request| {
        Response::new(request.into_body()).into()
    });
    connection.receive(receive, None, turn);
}

/// What the tests answer.
fn body(path: &str) -> Body {
    match path {
        "/large" => Body::from(vec![0; 8 << 20]),
        "/reader" => Body::reader(io::Cursor::new("abc"), None),
        "/silent" => {
            let (sender, body) = Body::channel();
            // It is never dropped, so the content never ends.
            std::mem::forget(sender);
            body
        }
        "/events" => {
            let (sender, body) = Body::channel();
            std::mem::forget(sender);
            body.keep_alive(Duration::from_secs(15), ":\n\n".into())
        }
        "/zeros" => Body::reader(io::repeat(0), None),
        "/fails" => Body::reader(io::Cursor::new("abc"), Some(4)),
        _ => Body::from("done"),
    }
}

const GET: &str = "GET / HTTP/1.1|Host: h||";

/// A silent stream sends a comment at its interval, however often, and is closed once its client
/// has left.
#[test]
fn a_silent_stream_is_kept_alive() {
    let env = env();
    let mut driver = Driver::new(&env);
    driver.act("GET /events HTTP/1.1|Host: h||");
    assert_eq!(driver.turn(), "call /events, park Hangup Write");
    assert!(driver.read().ends_with(b"\r\n\r\n"));
    for _ in 0..3 {
        assert!(driver.connection.deadline().at < NEVER);
        driver.turn.pass(Duration::from_secs(15));
        assert!(driver.connection.has_taken_some(&mut driver.turn));
        assert_eq!(driver.read(), b"3\r\n:\n\n\r\n");
        assert_eq!(driver.connection.interest(), Interest::Hangup);
    }
    let (client, _) = UnixStream::pair().unwrap();
    driver.client = client;
    driver.turn.pass(Duration::from_secs(15));
    assert!(!driver.connection.has_taken_some(&mut driver.turn));
}

/// What a client does and what the connection needs after that, a line each turn. An empty line
/// ends a connection.
const TURNS: &str = r"
    => park Readable First
    | => park Readable First
    (end) => close

    GET / HTTP/1.1|Host: h|| => call /, park Readable Idle
    => park Readable Idle
    (end) => close

    GET / HT => park Readable Head
    TP/1.1|Host: => park Readable Head
    h|| => call /, park Readable Idle
    GET / HT => park Readable Head
    (end) => close

    GET /a HTTP/1.1|Host: h||GET /b HTTP/1.1|Host: h||GET => call /a, call /b, park Readable Head

    # A turn has at most 16 calls.
    (20 requests) => (16 calls), park Writable Write
    => call /, call /, call /, call /, park Readable Idle

    GET / HTTP/1.0|| => call /, close

    GET / HTTP/1.1|Host: h|Connection: close|| => call /, close

    GET / HTTP/1.0||more => call /, park Readable Linger
    and more => park Readable Linger
    (end) => close

    broken|| => park Readable Linger
    (end) => close

    \x16\x03\x01 => park Readable Linger
    (end) => close

    GET https://h/ HTTP/1.1|Host: h|| => park Readable Linger

    GET / HTTP/1.1|Host: h||broken|| => call /, park Readable Linger

    POST / HTTP/1.1|Host: h|Content-Length: 5||ab => call /, park Readable Content
    c => park Readable Content
    deGET / HTTP/1.1|Host: h|| => call /, park Readable Idle

    POST / HTTP/1.1|Host: h|Transfer-Encoding: chunked||1|x| => call /, park Readable Content
    broken|| => park Readable Linger

    (large) => call /, park Readable Linger

    POST / HTTP/1.1|Host: h|Transfer-Encoding: chunked||fffff| => call /, park Readable Content
    (100,000 bytes) => park Readable Content

    POST /read HTTP/1.1|Host: h|Content-Length: 3||abcGET / HTTP/1.1|Host: h|| => call /readabc, call /, park Readable Idle

    GET /reader HTTP/1.1|Host: h|| => call /reader, block, park Readable Idle

    GET /reader HTTP/1.0|| => call /reader, block, close

    POST /collect HTTP/1.1|Host: h|Content-Length: 5||ab => call /collect, park Readable Receive
    cd => park Readable Receive
    eGET / HTTP/1.1|Host: h|| => resume, call /, park Readable Idle

    POST /collect HTTP/1.1|Host: h|Transfer-Encoding: chunked|| => call /collect, park Readable Receive
    3|abc|3|def| => resume, park Readable Linger

    POST /collect HTTP/1.1|Host: h|Content-Length: 6|| => call /collect, resume, park Readable Linger

    POST /collect HTTP/1.1|Host: h|Content-Length: 5||ab => call /collect, park Readable Receive
    (end) => close

    GET /silent HTTP/1.1|Host: h|| => call /silent, park Hangup Write
    => park Hangup Write
    (end) => close

    GET /fails HTTP/1.1|Host: h|| => call /fails, block, close

    GET /zeros HTTP/1.1|Host: h|| => call /zeros, block, park Writable Write
    (read) => block, park Writable Write

    GET /large HTTP/1.1|Host: h||GET / HT => call /large, park Writable Write
    (read) => park Writable Write
";

#[test]
fn every_turn_ends_in_what_the_connection_needs() {
    let large = format!("POST / HTTP/1.1|Host: h|Content-Length: {}||", DRAIN + 1);
    let action = |text: &str| match text {
        "(20 requests)" => GET.repeat(20),
        "(large)" => large.clone(),
        "(100,000 bytes)" => "x".repeat(100_000),
        text => table::unescaped(text),
    };
    let calls = ["call /"; 16].join(", ");
    for case in TURNS.split("\n\n") {
        let env = env();
        let mut driver = Driver::new(&env);
        for (number, (text, expected)) in table::cases(case).enumerate() {
            driver.act(&action(text));
            let expected = expected.replace("(16 calls)", &calls);
            assert_eq!(driver.turn(), expected, "turn {number} of {case}");
        }
    }
}

#[test]
fn a_large_response_is_sent_as_the_client_takes_it() {
    let env = env();
    let mut driver = Driver::new(&env);
    driver.act("GET /large HTTP/1.1|Host: h||GET / HTTP/1.1|Host: h||");
    let mut all = Vec::new();
    let mut seen = driver.turn();
    assert_eq!(seen, "call /large, park Writable Write");
    while seen.ends_with("park Writable Write") {
        all.extend(driver.read());
        seen = driver.turn();
    }
    assert_eq!(seen, "call /, park Readable Idle");
    all.extend(driver.read());
    assert!(all.len() > 8 << 20 && all.ends_with(b"done"));
}

#[test]
fn a_deadline_ends_each_state_in_its_way() {
    let table = "
        => First - closes
        GET / HTTP/1.1|Host: h|| => Idle 200 closes
        GET / HT => Head 408 stays
        POST / HTTP/1.1|Host: h|Content-Length: 5||ab => Content 200 closes
        GET /large HTTP/1.1|Host: h|| => Write 200 closes
        POST /collect HTTP/1.1|Host: h|Content-Length: 5|| => Receive 408 stays
        broken|| => Linger 400 closes
    ";
    for (request, outcome) in table::cases(table) {
        let ([state, status, end], _) = table::words(outcome);
        let env = env();
        let mut driver = Driver::new(&env);
        driver.act(request);
        driver.turn();
        let waiting = driver.connection.deadline().waiting;
        assert_eq!(format!("{waiting:?}"), state, "{request:?}");
        assert!(driver.connection.deadline().at < NEVER);
        let next = driver
            .connection
            .expire(waiting, &mut driver.turn, &mut driver.input);
        assert_eq!(matches!(next, Next::Close), end == "closes", "{request:?}");
        let answer = String::from_utf8_lossy(&driver.read()).into_owned();
        let found = answer.strip_prefix("HTTP/1.1 ").unwrap_or_default();
        assert!(
            found.starts_with(status.trim_start_matches('-')),
            "{request:?} {answer}"
        );
    }
}

/// Only a client that has taken nothing for some time has fallen behind; what it has taken is found
/// out when it is asked about, and a connection that waits for its turn reads nothing.
#[test]
fn a_reader_falls_behind_when_it_takes_nothing() {
    let env = env();
    let mut driver = Driver::new(&env);
    driver.act("GET /large HTTP/1.1|Host: h||");
    driver.turn();
    assert!(
        !driver
            .connection
            .has_fallen_behind(Lag::Behind, &mut driver.turn)
    );
    driver.turn.pass(Duration::from_secs(5));
    driver.read();
    assert!(
        !driver
            .connection
            .has_fallen_behind(Lag::Behind, &mut driver.turn),
        "it has read"
    );
    driver.turn.pass(Duration::from_secs(5));
    assert!(
        driver
            .connection
            .has_fallen_behind(Lag::Behind, &mut driver.turn)
    );
    let mut driver = Driver::new(&env);
    driver.act(&GET.repeat(20));
    driver.turn();
    driver.turn.pass(Duration::from_secs(5));
    assert!(
        !driver
            .connection
            .has_fallen_behind(Lag::Behind, &mut driver.turn),
        "it has yielded"
    );
}

#[test]
fn each_response_is_the_last_while_the_server_drains() {
    let env = env();
    let mut driver = Driver::new(&env);
    driver.turn.is_draining = true;
    driver.act(GET);
    assert_eq!(driver.turn(), "call /, park Readable Linger");
    let answer = String::from_utf8(driver.read()).unwrap();
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
}

/// What a parked event stream and a parked tunnel hold beside their connection and their log
/// record. The goal is 1,500 bytes for each in all.
#[cfg(feature = "gateway")]
#[test]
fn a_stream_and_a_tunnel_are_small() {
    let stream = size_of::<forwarding::Forwarding>();
    let tunnel = size_of::<tunnel::Tunnel>();
    assert!(stream <= 688, "{stream}");
    assert!(tunnel <= 216, "{tunnel}");
}

/// A parked connection holds no buffers: memory for a hundred thousand idle ones is what this is.
#[test]
fn an_idle_connection_is_small() {
    let size = size_of::<Connection>();
    assert!(size <= 240, "{size}");
    let env = env();
    let mut driver = Driver::new(&env);
    driver.act(GET);
    driver.turn();
    assert_eq!(driver.connection.input.capacity(), 0);
    assert!(matches!(driver.connection.state, State::Reading));
}

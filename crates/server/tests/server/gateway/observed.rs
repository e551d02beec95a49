//! What is told of an upstream server: in the access log, in Server-Timing, and on error pages; and
//! which proxies in front are believed.

use super::script::{builder, ok, read_head, upstream};
use crate::support::{LONG, Running, Seen, wait_until};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::time::Duration;
use tinyhttp_server::access_log::{AccessLog, Format};
use tinyhttp_server::gateway::UpstreamBuilder;

const LAST: &str = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

/// The response to a request, and the line of the log.
fn ask(upstream: UpstreamBuilder, format: Format) -> (String, String) {
    let seen = Seen::default();
    let log = AccessLog::new(seen.clone(), format).unwrap();
    let server = Running::with(|builder| builder.access_log(log), upstream.build());
    let response = server.ask(LAST);
    wait_until("there is a line", || {
        seen.0.lock().unwrap().ends_with(b"\n")
    });
    let line = seen.0.lock().unwrap().clone();
    (response, String::from_utf8(line).unwrap())
}

fn working() -> SocketAddr {
    upstream(|mut stream, _| {
        while read_head(&mut stream).is_some() {
            stream.write_all(ok("done").as_bytes()).unwrap();
        }
    })
}

fn refusing() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap()
}

#[test]
fn the_access_log_names_the_upstream_server() {
    let (address, gone) = (working(), refusing());
    let (_, line) = ask(builder(&[address]), Format::Json);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["upstream_addr"], address.to_string());
    assert_eq!(line["upstream_status"], 200);
    assert_eq!(line["upstream_retries"], 0);
    let time = |name: &str| line[name].as_f64().unwrap();
    let times = ["connect", "header", "response"];
    let times = times.map(|name| time(&format!("upstream_{name}_time")));
    assert!(times[0] <= times[1] && times[1] <= times[2], "{times:?}");
    // The first server refuses the connection.
    let (_, line) = ask(builder(&[gone, address]), Format::Json);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["upstream_addr"], address.to_string());
    assert_eq!(line["upstream_retries"], 1);
    // No server responds.
    let (response, line) = ask(builder(&[gone]), Format::Json);
    assert!(response.starts_with("HTTP/1.1 502 "), "{response}");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&line["status"], &line["upstream_status"]),
        (&502.into(), &().into())
    );
    assert_eq!(line["upstream_addr"], gone.to_string());
    assert!(line["upstream_header_time"].is_null());
    let (_, line) = ask(builder(&[address]), Format::Combined);
    let start = format!("\"GET / HTTP/1.1\" 200 4 \"-\" \"-\" upstream_addr=\"{address}\" ");
    assert!(line.contains(&start), "{line}");
    assert!(
        line.ends_with(" upstream_status=200 upstream_retries=0\n"),
        "{line}"
    );
}

#[test]
fn a_server_that_takes_too_long_is_in_the_log() {
    let address = upstream(|mut stream, _| while read_head(&mut stream).is_some() {});
    let upstream = builder(&[address]).timeout(Duration::from_millis(50));
    let (response, line) = ask(upstream, Format::Json);
    assert!(response.starts_with("HTTP/1.1 504 "), "{response}");
    // The client is on this machine, so the page names the server.
    assert!(response.contains(&address.to_string()), "{response}");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["upstream_addr"], address.to_string());
    assert!(line["upstream_connect_time"].is_number());
    assert!(line["upstream_header_time"].is_null());
    assert!(
        line["upstream_response_time"].as_f64().unwrap() >= 0.05,
        "{line}"
    );
}

#[test]
fn clients_get_server_timing_on_request() {
    let address = working();
    for sends in [false, true] {
        let upstream = builder(&[address]).send_server_timing(sends);
        let (response, _) = ask(upstream, Format::Common);
        let timing = "\r\nServer-Timing: upstream-connect;dur=";
        assert_eq!(response.contains(timing), sends, "{response}");
    }
}

#[test]
fn only_trusted_proxies_are_believed() {
    for (network, address, proto) in [
        ("127.0.0.0/8", "192.0.2.1, 127.0.0.1", "https"),
        ("10.0.0.0/8", "127.0.0.1", "http"),
    ] {
        let (seen, told) = mpsc::channel();
        let upstream = upstream(move |mut stream, _| {
            while let Some(head) = read_head(&mut stream) {
                seen.send(head).unwrap();
                stream.write_all(ok("done").as_bytes()).unwrap();
            }
        });
        let upstream = builder(&[upstream]).trust_proxies([network.parse().unwrap()]);
        let server = Running::start(upstream.build());
        server.ask(
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
             X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n\r\n",
        );
        let head = told.recv_timeout(LONG).unwrap();
        for line in [
            format!("\r\nX-Forwarded-For: {address}\r\n"),
            format!("\r\nX-Forwarded-Proto: {proto}\r\n"),
        ] {
            assert!(head.contains(&line), "{network}: {head}");
        }
    }
}

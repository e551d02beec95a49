//! The variables of `-w`: all that curl's manual lists.

use crate::script::{HELLO, Server, get};
use std::fs;
use support::Folder;

/// The names in curl 8.18's manual.
const NAMES: &str = "certs conn_id content_type errormsg exitcode filename_effective ftp_entry_path
    header_json http_code http_connect http_version json local_ip local_port method num_certs
    num_connects num_headers num_redirects num_retries onerror proxy_ssl_verify_result proxy_used
    redirect_url referer remote_ip remote_port response_code scheme size_delivered size_download
    size_header size_request size_upload speed_download speed_upload ssl_verify_result stderr stdout
    time_appconnect time_connect time_namelookup time_posttransfer time_pretransfer time_queue
    time_redirect time_starttransfer time_total tls_earlydata url url.fragment url.host url.options
    url.password url.path url.port url.query url.scheme url.user url.zoneid url_effective
    urle.fragment urle.host urle.options urle.password urle.path urle.port urle.query urle.scheme
    urle.user urle.zoneid urlnum xfer_id";

const GO: &str = "HTTP/1.1 301 Go\r\nA: 1\r\na: 2\r\nLocation: /b?c\r\nContent-Length: 0\r\n\r\n";
const LAST: &str = "HTTP/1.1 200 OK\r\nA: 3\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn every_name_is_known() {
    for name in NAMES.split_whitespace() {
        let server = Server::answering([HELLO]);
        let outcome = get(["-w", &format!("%{{{name}}}"), &server.url("/")]).succeeds();
        assert_eq!(outcome.stderr, "", "{name}");
    }
    let server = Server::answering([HELLO]);
    let outcome = get(["-w", "a%{no such}b", &server.url("/")]).succeeds();
    assert_eq!(outcome.text(), "helloab");
    assert!(outcome.stderr.contains("%{no such}"), "{outcome:?}");
}

#[test]
fn values_over_a_redirect() {
    // A format, and what it comes to; PORT is the server's.
    let table = r"
        %{url.host}:%{url.port}%{url.path}?%{url.query}#%{url.fragment}   => 127.0.0.1:PORT/a?#x
        %{urle.host}:%{urle.port}%{urle.path}?%{urle.query}               => 127.0.0.1:PORT/b?c
        %{url.scheme}|%{url.user}|%{url.password}|%{url.options}          => http|me|pw|
        %{urle.scheme}|%{urle.user}|%{urle.password}                      => http||
        %{local_ip} %{remote_ip} %{remote_port}                           => 127.0.0.1 127.0.0.1 PORT
        %{size_download} %{size_delivered} %{size_upload} %{size_header}  => 5 5 0 110
        %{proxy_used} %{http_connect} %{num_retries} %{xfer_id}           => 0 000 0 0
        %{ssl_verify_result} %{num_certs} %{certs}|%{tls_earlydata}       => 0 0 |0
        %header{a} %header{A:all:,} %header{a:all:\}\\q} %header{b:all:x} => 3 1,2,3 1}\\q2}\\q3 
        %header{location}|%header{a                                       => |%header{a
        %x %{ \\n a%%b %output{                                           => %x %{ \\n a%b %output{
        %time{%%}|%{time_queue}|%{onerror}never                           => %|0.000000|
    ";
    for line in table.lines().filter(|line| line.contains("=>")) {
        let (format, want) = line.split_once("=>").unwrap();
        let server = Server::answering([GO, LAST]);
        let url = format!("http://me:pw@{}/a#x", server.address);
        let outcome = get(["-L", "-w", format.trim(), &url]).succeeds();
        let want = want.strip_prefix(' ').unwrap();
        let want = want.replace("PORT", &server.address.port().to_string());
        assert_eq!(outcome.text(), format!("hello{want}"), "{format}");
    }
}

#[test]
fn one_object_has_all_values() {
    let server = Server::answering([GO, LAST]);
    let url = format!("http://me:s3cret@{}/a", server.address);
    let outcome = get(["-L", "-s", "-o", "/dev/null", "-w", "%{json}", &url]).succeeds();
    let object: serde_json::Value = serde_json::from_str(outcome.text()).unwrap();
    for name in NAMES.split_whitespace() {
        let is_value = !["json", "header_json", "onerror", "stdout", "stderr"].contains(&name);
        assert_eq!(object.get(name).is_some(), is_value, "{name}");
    }
    assert_eq!(object["http_code"], 200);
    assert_eq!(object["num_redirects"], 1);
    assert_eq!(object["local_ip"], "127.0.0.1");
    assert!(object["local_port"].as_u64().unwrap() > 0);
    assert!(object["time_total"].as_f64().unwrap() > 0.0);
    assert!(object["content_type"].is_null() && object["url.password"].is_null());
    assert!(!outcome.text().contains("s3cret"), "{outcome:?}");
}

#[test]
fn connections_have_numbers() {
    let server = Server::start(|connection| {
        while connection.request().is_some() {
            connection.send(HELLO);
        }
    });
    let format = "%{conn_id} %{xfer_id} %{urlnum} %{num_connects} %{local_port}\n";
    let (one, other) = (server.url("/1"), server.url("/2"));
    let args = ["-s", "-w", format, "-o", "/dev/null", "-o", "/dev/null"];
    let outcome = get(args.iter().copied().chain([&*one, &*other])).succeeds();
    let lines: Vec<_> = outcome.text().lines().collect();
    let port = |line: &str| line.rsplit(' ').next().unwrap().to_owned();
    assert_eq!(port(lines[0]), port(lines[1]));
    assert!(lines[0].starts_with("0 0 0 1 "), "{lines:?}");
    assert!(lines[1].starts_with("0 1 1 0 "), "{lines:?}");
    let outcome = get(["-w", "%{conn_id} %{local_port}", "http://127.0.0.1:1/"]).fails(7);
    assert_eq!(outcome.text(), "-1 0");
}

#[test]
fn proxies_are_named() {
    for flags in [&[][..], &["--request-target", "/x"]] {
        let proxy = Server::answering([HELLO]);
        let address = proxy.address.to_string();
        let args = ["-w", "%{proxy_used}", "-x", &address, "http://h.test/"];
        let outcome = get(args.iter().chain(flags)).succeeds();
        assert_eq!(outcome.text(), "hello1", "{flags:?}");
    }
    let proxy = Server::answering(["HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n"]);
    let address = proxy.address.to_string();
    let format = "%{http_connect} %{http_code}";
    let outcome = get(["-w", format, "-x", &address, "https://h.test/"]).fails(56);
    assert_eq!(outcome.text(), "407 000");
}

#[test]
fn urls_that_fail_are_reported_too() {
    let format = "%{exitcode} %{url.scheme}|%{urle.host}|%{url.path}|%{url} %{errormsg}\n";
    let table = [
        ("h55p://h:1/x", "1 h55p|h|/x|h55p://h:1/x the scheme"),
        ("local host", "3 |||local host "),
        ("http://me:s3cret@h:x/", "3 |||http://me@h:x/ "),
    ];
    for (url, want) in table {
        let outcome = get(["-w", format, url]);
        assert!(outcome.text().starts_with(want), "{outcome:?}");
        assert_eq!(outcome.text().lines().count(), 1, "{outcome:?}");
        let outcome = get(["--json-out", url]);
        let object: serde_json::Value = serde_json::from_str(outcome.text()).unwrap();
        assert_eq!(object["exit_code"], outcome.code);
    }
}

#[test]
fn decoded_content_has_two_sizes() {
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcbH\xcd\xc9\xc9W(\xcf/\xcaIQ\x04\x00m\xc2\xb4\x03\x0c\0\0\0";
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        gzip.len()
    );
    let answer = [head.as_bytes(), gzip].concat();
    let folder = Folder::new();
    for to in [&[][..], &["-i"], &["-o", &folder.join("out")]] {
        let server = Server::answering([&answer]);
        let format = "%{stderr}%{size_download} %{size_delivered}";
        let args = ["-s", "--compressed", "-w", format, &server.url("/")];
        let outcome = get(args.iter().chain(to)).succeeds();
        assert_eq!(outcome.stderr, format!("{} 12", gzip.len()), "{to:?}");
    }
}

#[test]
fn output_goes_where_the_format_says() {
    let folder = Folder::new().with("log", "old\n").with("other", "old");
    let (log, other) = (folder.join("log"), folder.join("other"));
    let nowhere = folder.join("no/where");
    let server = Server::answering([HELLO]);
    let format = format!(
        "1%output{{>>{log}}}2%output{{{nowhere}}}3%output{{{other}}}4%{{stdout}}5%{{stderr}}6%{{stdout}}7"
    );
    let outcome = get(["-s", "-w", &format, &server.url("/")]).succeeds();
    assert_eq!((outcome.text(), &*outcome.stderr), ("hello157", "6"));
    assert_eq!(fs::read_to_string(log).unwrap(), "old\n23");
    assert_eq!(fs::read_to_string(other).unwrap(), "4");
}

#[test]
fn referers_are_those_of_the_last_request() {
    let table = "
        -e http://me:s3cret@x/ => http://me@x/ http://me:s3cret@x/
        -e x;auto => URL/a x
        -e ;auto => URL/a -
        => - -
    ";
    for (flags, outcome) in table::cases(table) {
        let ([want, first], _) = table::words(outcome);
        let [want, first] = [want, first].map(|referer| referer.trim_start_matches('-'));
        let flags: Vec<_> = table::arguments(flags).collect();
        let server = Server::answering([GO, LAST]);
        let url = format!("http://me:pw@{}/a#x", server.address);
        let args = ["-L", "-w", "%{referer}", &url];
        let outcome = get(args.into_iter().chain(flags.iter().map(String::as_str))).succeeds();
        let want = want.replace("URL", &server.url(""));
        assert_eq!(outcome.text(), format!("hello{want}"), "{flags:?}");
        let sent = server.requests()[0].contains("Referer:");
        assert_eq!(sent, !first.is_empty());
        assert!(server.requests()[0].contains(&format!("Referer: {first}")) || !sent);
    }
}

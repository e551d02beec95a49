//! Waits that a server or a flag asks for: no number overflows, and -m bounds them.

use crate::script::{HELLO, Server, get};

fn unavailable(retry_after: &str) -> String {
    format!("HTTP/1.1 503 Busy\r\nRetry-After: {retry_after}\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn a_wait_beyond_the_time_that_is_left_is_not_begun() {
    let waits = [
        "3600",
        "9223372036854775808",
        "18446744073709551615",
        "99999999999999999999999999",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ];
    for wait in waits {
        for limit in [["--retry-max-time", "20"], ["-m", "20"]] {
            let server = Server::answering([unavailable(wait)]);
            let url = server.url("/");
            let args = ["--retry", "2", limit[0], limit[1], &url[..]];
            let outcome = get(args).fails(22);
            assert!(outcome.stderr.contains(limit[0]), "{wait} {outcome:?}");
            assert_eq!(server.requests().len(), 1, "{wait}");
        }
    }
    for delay in ["1e19", "1e300", "inf", "3600"] {
        let server = Server::answering([unavailable("soon")]);
        let url = server.url("/");
        let args = ["--retry", "2", "-m", "20", "--retry-delay", delay, &url[..]];
        get(args).fails(22);
    }
}

#[test]
fn each_try_that_times_out_has_its_own_time() {
    let server = Server::start(|connection| {
        connection.request();
        match connection.number {
            0 => connection.wait_for_end(),
            _ => connection.send(HELLO),
        }
    });
    let url = server.url("/");
    let args = [
        "--retry",
        "1",
        "--retry-delay",
        "0.01",
        "-m",
        "0.5",
        &url[..],
    ];
    get(args).succeeds();
}

#[test]
fn numbers_beyond_all_clocks_are_no_limits() {
    let flags = [
        "-m",
        "--connect-timeout",
        "--stall-timeout",
        "--speed-time",
        "--retry-max-time",
        "--retry-delay",
    ];
    for flag in flags {
        for value in [
            "1e18",
            "1e19",
            "9223372036854775807",
            "1e300",
            "inf",
            "nan",
            "1e-300",
        ] {
            // A limit that rounds to nothing may be none or run out at once; it does not panic.
            let server = Server::answering([HELLO]);
            let outcome = get([flag, value, &server.url("/")]);
            assert!(
                matches!(outcome.code, 0 | 2 | 28),
                "{flag} {value} {outcome:?}"
            );
        }
    }
    for (flag, value) in [
        ("--limit-rate", "900000T"),
        ("--speed-limit", "1"),
        ("--max-filesize", "900000T"),
        ("--max-redirs", "4294967295"),
    ] {
        let server = Server::answering([HELLO]);
        get([flag, value, &server.url("/")]).succeeds();
    }
}

#[test]
fn a_slow_rate_does_not_outlast_the_total_timeout() {
    let content = "x".repeat(10_000);
    for coding in ["", "--compressed"] {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n{content}");
        let server = Server::answering([answer]);
        let url = server.url("/");
        let args = ["--limit-rate", "10", "-m", "0.5", &url[..]];
        let args = args
            .into_iter()
            .chain((!coding.is_empty()).then_some(coding));
        get(args).fails(28);
    }
}

#[test]
fn numbers_of_seconds_in_fields_do_not_overflow() {
    for field in [
        "Age: 9223372036854775808",
        "Cache-Control: max-age=9223372036854775807, s-maxage=99999999999999999999",
        "Cache-Control: max-age=-9223372036854775808",
        "Expires: Fri, 31 Dec 9999 23:59:59 GMT\r\nDate: Sat, 01 Jan 0000 00:00:00 GMT",
        "Expires: -1\r\nDate: Fri, 31 Dec 9999 23:59:59 GMT",
        "Last-Modified: Sat, 01 Jan 0000 00:00:00 GMT\r\nDate: Fri, 31 Dec 9999 23:59:59 GMT",
        "Strict-Transport-Security: max-age=18446744073709551616",
        "Retry-After: 18446744073709551616",
        "Keep-Alive: timeout=18446744073709551616",
        "Set-Cookie: a=b; Max-Age=9223372036854775807",
        "Set-Cookie: a=b; Max-Age=-9223372036854775808",
        "Set-Cookie: a=b; Expires=Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{field}\r\nContent-Length: 5\r\n\r\nhello");
        let server = Server::answering([answer]);
        get(["--explain", "-b", "none=1", &server.url("/")]).succeeds();
    }
}

//! Users and passwords of `-u`, URLs and netrc: which host gets which, along redirects.

use crate::script::{Server, command, run};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use support::Folder;

const END: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// The user and password of a request, or `-`; an Authorization field other than Basic as it is.
fn login(request: &str) -> String {
    let field = request
        .lines()
        .find_map(|line| line.strip_prefix("Authorization: "));
    match field.map(|value| (value, value.strip_prefix("Basic "))) {
        None => "-".to_owned(),
        Some((_, Some(encoded))) => {
            let pair = BASE64_STANDARD.decode(encoded).unwrap();
            pair.escape_ascii().to_string()
        }
        Some((value, None)) => value.to_owned(),
    }
}

/// The first host is 127.0.0.1, and redirects to the second, localhost, at another port. What curl
/// 7.88 sends is the same, except where a row says otherwise.
#[test]
fn each_host_gets_its_own_login() {
    let both = "machine 127.0.0.1 login one password pw1\n\
        machine localhost login two password pw2\n\
        machine localhost login you password pw3\n";
    let first = "machine 127.0.0.1 login one password pw1\n";
    let default = "machine 127.0.0.1 login one password pw1\ndefault login any password pw4\n";
    type Row<'r> = (&'r str, &'r [&'r str], &'r str, &'r str, &'r str, &'r str);
    let table: &[Row<'_>] = &[
        // netrc, flags, user of the URL, user of Location, first login, second login
        (both, &["-n"], "", "", "one:pw1", "two:pw2"),
        (both, &["--netrc-optional"], "", "", "one:pw1", "two:pw2"),
        (
            both,
            &["-n", "--location-trusted"],
            "",
            "",
            "one:pw1",
            "two:pw2",
        ),
        (both, &["-n"], "", "you@", "one:pw1", "you:pw3"),
        (both, &["-n"], "", "eve@", "one:pw1", "eve:"),
        // With --netrc-optional curl prefers the password of the URL as well.
        (both, &["-n"], "", "you:url@", "one:pw1", "you:url"),
        (both, &["-n"], "me@", "", "me:", "two:pw2"),
        (both, &["-n"], "me:url@", "", "me:url", "two:pw2"),
        (both, &["-n", "-u", "me:pw"], "", "", "me:pw", "-"),
        (
            both,
            &["-n", "-u", "me:pw", "--location-trusted"],
            "",
            "",
            "me:pw",
            "me:pw",
        ),
        (both, &["-n", "-H", "Authorization: X"], "", "", "X", "-"),
        (both, &["-n", "-H", "Authorization:"], "", "", "-", "-"),
        (both, &["-n", "--bearer", "t0k"], "", "", "Bearer t0k", "-"),
        (first, &["-n"], "", "", "one:pw1", "-"),
        (first, &["-n", "--location-trusted"], "", "", "one:pw1", "-"),
        (default, &["-n"], "", "", "one:pw1", "any:pw4"),
        (both, &[], "", "", "-", "-"),
        (both, &["-u", "me:pw"], "", "", "me:pw", "-"),
        (
            both,
            &["-u", "me:pw", "--location-trusted"],
            "",
            "",
            "me:pw",
            "me:pw",
        ),
        (both, &[], "me:url@", "", "me:url", "-"),
        (both, &["--location-trusted"], "me:url@", "", "me:url", "-"),
        (both, &[], "", "you:url@", "-", "you:url"),
        (both, &[], "caf%E9:p%FCss@", "", "caf\\xe9:p\\xfcss", "-"),
    ];
    for (netrc, flags, user, other_user, one, two) in table {
        let folder = Folder::new().with("netrc", netrc);
        let second = Server::answering([END]);
        let go = format!(
            "HTTP/1.1 302 Go\r\nLocation: http://{other_user}localhost:{}/b\r\nContent-Length: 0\r\n\r\n",
            second.address.port()
        );
        let server = Server::answering([go]);
        let mut command = command(["get", "-4", "-L"]);
        command
            .args(*flags)
            .arg(format!("http://{user}{}/a", server.address));
        if flags
            .iter()
            .any(|flag| flag.starts_with("-n") || flag.starts_with("--netrc"))
        {
            command.args(["--netrc-file", &folder.join("netrc")]);
        }
        run(command, b"").succeeds();
        let got = (login(&server.request()), login(&second.request()));
        assert_eq!(
            (got.0.as_str(), got.1.as_str()),
            (*one, *two),
            "{flags:?} {user} {other_user}"
        );
    }
}

/// The user that the first URL names stays the one of this host.
#[test]
fn redirects_within_a_host_keep_the_login() {
    let netrc =
        "machine 127.0.0.1 login one password pw1\nmachine 127.0.0.1 login you password pw3\n";
    let folder = Folder::new().with("netrc", netrc);
    let go = "HTTP/1.1 302 Go\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n";
    let server = Server::answering([go, END]);
    let mut command = command(["get", "-L", "--netrc-file", &folder.join("netrc")]);
    command.arg(format!("http://you@{}/a", server.address));
    run(command, b"").succeeds();
    let logins: Vec<_> = server
        .requests()
        .iter()
        .map(|request| login(request))
        .collect();
    assert_eq!(logins, ["you:pw3", "you:pw3"]);
}

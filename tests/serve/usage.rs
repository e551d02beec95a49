//! What a new user types: names to listen on, ports from the environment, forgotten commands, and
//! flags that take the directory.

use std::net::ToSocketAddrs;
use std::process::{Command, Output};
use support::{Folder, Raw, Serve, tinyhttp};

fn output(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// What a command that fails says.
fn refusal(command: &mut Command, code: i32) -> String {
    let output = output(command);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{command:?}: {stderr}");
    stderr
}

/// The addresses in a banner.
fn addresses(server: &Serve) -> Vec<std::net::SocketAddr> {
    let urls = server
        .banner
        .iter()
        .filter_map(|line| line.trim().strip_prefix("http://"));
    urls.map(|url| url.trim_end_matches('/').parse().unwrap())
        .collect()
}

#[test]
fn a_name_is_listened_on_with_all_its_addresses() {
    let folder = Folder::new().with("a", "a");
    let found: Vec<_> = ("localhost", 0).to_socket_addrs().unwrap().collect();
    let here: Vec<_> = found
        .iter()
        .filter(|address| std::net::TcpListener::bind(address).is_ok())
        .map(std::net::SocketAddr::ip)
        .collect();
    for name in ["localhost", "LOCALHOST"] {
        let server = Serve::start(folder.path(), ["-b", name]);
        let bound = addresses(&server);
        for ip in &here {
            assert!(
                bound.iter().any(|address| address.ip() == *ip),
                "{bound:?} {ip}"
            );
        }
        for address in bound {
            assert_eq!(Raw::connect(address).get("/a").text(), "a", "{address}");
        }
    }
}

#[test]
fn names_that_cannot_be_listened_on() {
    let folder = Folder::new();
    let table = "
        no-such-host.invalid => 1 can't listen on no-such-host.invalid: no address
        localhost:80 => 2 the port goes into -p
        * => 2 0.0.0.0
        http://localhost => 2 localhost or another name
    ";
    for (name, outcome) in table::cases(table) {
        let ([code], why) = table::words(outcome);
        let mut command = tinyhttp();
        command
            .arg("serve")
            .arg(folder.path())
            .args(["-p", "0", "-b", name]);
        let said = refusal(&mut command, code.parse().unwrap());
        assert!(said.contains(why), "{name}: {said}");
    }
}

#[test]
fn the_port_may_come_from_port() {
    let folder = Folder::new();
    let free = || support::free_address().port().to_string();
    let serve = |variables: &[(&str, &str)], flags: &[&str]| {
        let mut command = tinyhttp();
        command.arg("serve").arg(folder.path()).args(flags);
        command.envs(variables.iter().copied());
        command
    };
    let (one, two) = (free(), free());
    type Variables<'a> = &'a [(&'a str, &'a str)];
    let table: [(Variables<'_>, &[&str], &str); 4] = [
        (&[("PORT", &one)], &[], &one),
        (&[("PORT", &one), ("TINYHTTP_PORT", &two)], &[], &two),
        (&[("PORT", &one)], &["-p", &two], &two),
        (&[("PORT", "nonsense")], &["-p", &two], &two),
    ];
    for (variables, flags, want) in table {
        let server = Serve::spawn(serve(variables, flags));
        assert_eq!(
            server.address().port().to_string(),
            want,
            "{variables:?} {flags:?}"
        );
    }
    for wrong in ["nonsense", "65536", "-1"] {
        let said = refusal(&mut serve(&[("PORT", wrong)], &[]), 1);
        assert!(said.contains("PORT") && said.contains(wrong), "{said}");
    }
}

#[test]
fn a_forgotten_command_is_named() {
    let folder = Folder::new()
        .with("dist/index.html", "x")
        .with("a b/c", "x");
    let table = "
        dist => tinyhttp serve dist
        dist -p 9000 => tinyhttp serve dist -p 9000
        . => tinyhttp serve .
        ./dist/ => tinyhttp serve ./dist/
        'a b' => tinyhttp serve 'a b'
        dist/index.html => tinyhttp serve dist
        http://127.0.0.1:1/ => tinyhttp get http://127.0.0.1:1/
        https://example.org/?a=b&c => tinyhttp get 'https://example.org/?a=b&c'
        example.org => tinyhttp get example.org
        localhost:8080 -i => tinyhttp get localhost:8080 -i
        nothing => tinyhttp serve DIR; to fetch a URL: tinyhttp get URL
    ";
    for (arguments, want) in table::cases(table) {
        let mut command = tinyhttp();
        let said = refusal(
            command
                .args(table::arguments(arguments))
                .current_dir(folder.path()),
            2,
        );
        assert!(
            said.contains("is not a command") && said.ends_with(&format!("{want}\n")),
            "{arguments}: {said}"
        );
        assert_eq!(said.lines().count(), 2, "{said}");
    }
    // A typing error is still one.
    let said = refusal(tinyhttp().arg("sevre"), 2);
    assert!(said.contains("'serve'"), "{said}");
    // Nothing reaches the terminal as it is.
    let said = refusal(tinyhttp().arg("\u{1b}[31m.example"), 2);
    assert!(!said.contains('\u{1b}'), "{said:?}");
}

#[test]
fn help_and_version_of_a_command() {
    for arguments in [&["help", "serve"][..], &["serve", "--help"]] {
        let output = output(tinyhttp().args(arguments));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && text.contains("--log-format"),
            "{text}"
        );
    }
    for command in ["serve", "resolve"] {
        let output = output(tinyhttp().args([command, "-V"]));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{command}");
        assert!(text.contains(env!("CARGO_PKG_VERSION")), "{text}");
    }
}

/// A flag with an optional value takes what follows it, though a directory to serve was meant.
#[test]
fn a_flag_that_took_the_directory_says_what_to_write() {
    let folder = Folder::new().with("dist/a", "a");
    let mut command = tinyhttp();
    command.args(["serve", "-p", "0", "--cors", "dist"]);
    let said = refusal(command.current_dir(folder.path()), 1);
    assert!(said.ends_with("tinyhttp serve dist --cors\n"), "{said}");

    // That works, and so do flags without a value in front of the directory.
    let table: &[&[&str]] = &[
        &["dist", "--cors"],
        &["--cors=*", "dist"],
        &["--spa", "dist"],
        &["--watch", "dist"],
        &["--qr", "dist"],
        &["--clean-urls", "dist"],
        &["--no-listing", "dist"],
    ];
    for arguments in table {
        let mut command = tinyhttp();
        command
            .args(["serve", "-p", "0"])
            .args(*arguments)
            .current_dir(folder.path());
        let server = Serve::spawn(command);
        assert_eq!(server.connect().get("/a").text(), "a", "{arguments:?}");
    }

    // A name may be called like a directory, so this is a warning.
    let mut command = tinyhttp();
    command
        .args(["serve", "-p", "0", "--host-check", "dist"])
        .current_dir(folder.path());
    command.env_remove("TINYHTTP_NO_HOST_CHECK");
    let server = Serve::spawn(command);
    let line = server.stderr_line();
    assert!(
        line.contains("tinyhttp serve dist --host-check NAME"),
        "{line}"
    );
}

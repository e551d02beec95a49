//! `tinyhttp serve --qr` and `--open`: from a terminal to a browser.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use support::{Folder, Serve, tinyhttp};

/// A command that finds this in place of xdg-open.
fn with_opener(folder: &Folder, script: &str) -> Command {
    folder.write("bin/xdg-open", format!("#!/bin/sh\n{script}\n"));
    let path = folder.path().join("bin/xdg-open");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = tinyhttp();
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", folder.join("bin")));
    command
        .args(["serve", "-p", "0", "--open"])
        .arg(folder.path());
    command
}

/// What opens it is started before there is a server, and outside the sandbox.
#[test]
fn the_browser_gets_the_page() {
    for (flags, path) in [(&[][..], "/"), (&["--base", "/docs"], "/docs/")] {
        let folder = Folder::new().with("index.html", "page");
        let mut opener = with_opener(
            &folder,
            "exec curl -sS --noproxy '*' --max-time 20 -o /dev/null \"$1\"",
        );
        opener.args(flags);
        let server = Serve::spawn(opener);
        let line = server.stderr_line();
        assert!(
            line.contains(&format!("  200  GET {path}  4 B  ")),
            "{line}"
        );
    }
}

#[test]
fn without_a_browser_there_is_a_line_and_a_server() {
    let folder = Folder::new().with("a.txt", "a");
    let fails = with_opener(&folder, "exit 3");
    let mut absent = tinyhttp();
    absent.args(["serve", "-p", "0"]).arg(folder.path());
    absent
        .env("TINYHTTP_OPEN", "1")
        .env("PATH", "/no/such/folder");
    for (command, why) in [(fails, "exit status: 3"), (absent, "No such file")] {
        let server = Serve::spawn(command);
        let line = server.stderr_line();
        assert!(line.contains("can't open a browser: xdg-open: "), "{line}");
        assert!(line.contains(why), "{line}");
        assert_eq!(server.connect().get("/a.txt").text(), "a");
    }
}

/// Even a quiet server prints the code that it was asked for, with the URL that others can reach,
/// if there is one.
#[test]
fn a_code_for_a_telephone() {
    let folder = Folder::new();
    let mut child = tinyhttp()
        .args([
            "serve",
            "-q",
            "--qr",
            "-p",
            "0",
            "-b",
            "127.0.0.1",
            "-b",
            "0.0.0.0",
        ])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    let code: Vec<String> =
        std::iter::from_fn(|| Some(next()).filter(|line| !line.starts_with("http"))).collect();
    let is_drawn = |line: &String| line.chars().all(|character| " ▀▄█".contains(character));
    assert!(code.len() > 12 && code.iter().all(is_drawn), "{code:?}");
    child.kill().unwrap();
    child.wait().unwrap();
}

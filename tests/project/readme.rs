//! What the README shows, works: each command of its shell blocks is run, against a server of the
//! test's own.

use std::process::Command;
use support::{Folder, Serve, root};

/// The lines of the README's shell blocks, without their comments.
fn commands() -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let blocks = readme
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    blocks
        .flat_map(str::lines)
        .map(|line| line.split(" # ").next().unwrap().trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

#[test]
fn every_command_does_what_it_says() {
    let server = Serve::start(&root().join("www"), ["-q"; 0]);
    let folder = Folder::new();
    let (mut gets, mut serves) = (0, 0);
    for command in commands() {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            ["tinyhttp", "serve", ..] => {
                // A shell takes the quotes off.
                let port = if words.contains(&"-p") { "" } else { "-p 0" };
                let line = command.replacen("tinyhttp", "exec \"$TINYHTTP\"", 1);
                let mut serve = Command::new("sh");
                serve.args(["-c", &format!("{line} {port}")]);
                serve.env("TINYHTTP", support::program());
                serve.current_dir(root());
                // Where keys are kept.
                serve.env("XDG_STATE_HOME", folder.path());
                drop(Serve::spawn(serve));
                serves += 1;
            }
            // The only one that needs the world outside.
            [_, "get", "example.org"] => {}
            ["curl" | "tinyhttp" | "target/release/tinyhttp", ..] => {
                let line = command
                    .replace("127.0.0.1:8080", &server.address().to_string())
                    .replace("target/release/tinyhttp", "tinyhttp")
                    .replace("tinyhttp get", "\"$TINYHTTP\" get");
                let output = Command::new("sh")
                    .args(["-c", &line])
                    .env("TINYHTTP", support::program())
                    .current_dir(folder.path())
                    .output()
                    .unwrap();
                assert!(
                    output.status.success(),
                    "{command}: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
                gets += 1;
            }
            _ => panic!("the README has a command that no test runs: {command}"),
        }
    }
    assert!(
        gets >= 5 && serves >= 2,
        "{gets} and {serves} commands were found"
    );
    assert_eq!(
        std::fs::read_to_string(folder.path().join("hello.txt")).unwrap(),
        "Hello from a socket.\n"
    );
}

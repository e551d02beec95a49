//! What the guide says to try in a terminal: it works, and brings the status that stands beside it.

use super::html::{contents, pages};
use std::process::{Command, Stdio};
use support::{Folder, Serve, root, tinyhttp};

/// What only an administrator can do, what has a test of its own, and what isn't everywhere.
const ELSEWHERE: [&str; 12] = [
    "cargo",
    "getent",
    "grep",
    "ip",
    "ping",
    "ss",
    "strace",
    "sudo",
    "for i",
    // A server with HTTPS: tests/serve/https.rs.
    "openssl",
    "tinyhttp get -k",
    "curl -i http://localhost:8443",
];

/// A line to be typed, and what is said of it.
fn commands(page: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join(format!("www{page}"))).unwrap();
    let plain = |text: &str| {
        let text = text.replace("&amp;", "&").replace("&lt;", "<");
        text.replace("&gt;", ">")
    };
    if page == "/index.html" {
        let rows = text.split("<dt><code>").skip(1).map(|row| {
            let (command, said) = row.split_once("</code></dt>").unwrap();
            let here = [
                "<span class=\"here\">",
                "<span class=\"here-nc\">",
                "</span>",
            ];
            let command = here
                .iter()
                .fold(command.to_owned(), |text, tag| text.replace(tag, ""));
            (
                plain(&command),
                contents(said, "<b>").first().map_or("", |b| *b).to_owned(),
            )
        });
        return rows.collect();
    }
    let lines = text.split("<span class=\"cmd\">").skip(1).map(|rest| {
        let line = rest.split("</span>").next().unwrap();
        let (command, said) = line.split_once("<i># ").unwrap_or((line, ""));
        (plain(command).trim().to_owned(), said.replace("</i>", ""))
    });
    // What is continued belongs together.
    let mut all: Vec<(String, String)> = Vec::new();
    for (command, said) in lines {
        match all.last_mut() {
            Some((last, says)) if last.starts_with("for path") && !last.ends_with("done") => {
                *last += &format!("\n{command}");
                *says = said;
            }
            _ => all.push((command, said)),
        }
    }
    all
}

/// Serves the guide as its readers do, with the check of names that the other tests do without.
fn serve() -> Serve {
    let mut command = tinyhttp();
    command
        .arg("serve")
        .arg(root().join("www"))
        .args(["-p", "0"]);
    command.env_remove("TINYHTTP_NO_HOST_CHECK");
    Serve::spawn(command)
}

#[test]
fn every_command_does_what_is_said_of_it() {
    let server = serve();
    let port = server.address().port().to_string();
    // The program where a shell looks for it, and a netcat: not every machine has one.
    let bin = Folder::new();
    let program = support::program();
    std::os::unix::fs::symlink(program, bin.join("tinyhttp")).unwrap();
    let path = format!("{}:{}", bin.join(""), std::env::var("PATH").unwrap());
    let netcat = "nc() { curl -sN --max-time 20 \"telnet://$1:$2\"; }\n";

    let (mut run, mut judged) = (0, 0);
    for page in pages() {
        let mut before = String::new();
        for (command, said) in commands(&page) {
            if ELSEWHERE.iter().any(|word| command.starts_with(word))
                || command.starts_with("tinyhttp serve")
            {
                continue;
            }
            // Another server is described on the last page; this one does as well.
            let command = command.replace("8080", &port).replace("8081", &port);
            if command.starts_with("tag=") {
                before = command + "\n";
                continue;
            }
            let output = Command::new("sh")
                .args(["-c", &format!("{netcat}{before}{command}")])
                .env("PATH", &path)
                .env("NO_PROXY", "*")
                .current_dir(root())
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            let fails = said.starts_with("fails");
            assert_eq!(
                output.status.success(),
                !fails,
                "{page}: {command}: {output:?}"
            );
            run += 1;
            let status: String = said.chars().take_while(char::is_ascii_digit).collect();
            let is_shown = text.starts_with("HTTP/");
            if status.len() == 3 && is_shown {
                assert_eq!(
                    text.split(' ').nth(1),
                    Some(&*status),
                    "{page}: {command}: {text}"
                );
                judged += 1;
            } else if is_shown {
                let status: u16 = text.split(' ').nth(1).unwrap().parse().unwrap();
                let said = said.contains("400") || said.contains("405");
                assert_eq!(status >= 400, said, "{page}: {command}: {text}");
            }
        }
    }
    assert!(run > 40 && judged > 15, "{run} {judged}");
}

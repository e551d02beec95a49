//! `--checksum` verifies whatever it is combined with, or says why it can't.

use crate::downloads::File;
use crate::script::{Server, get};
use support::Folder;

/// The SHA-256 sum of "hello".
const HELLO_SUM: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn hello() -> Server {
    Server::start(|connection| {
        connection.request();
        connection.send(crate::script::HELLO);
    })
}

#[test]
fn every_output_is_verified() {
    let wrong = HELLO_SUM.replace("2cf2", "3cf2");
    let folder = Folder::new();
    let file = folder.join("f");
    let outputs: [&[&str]; 7] = [
        &[],
        &["-i"],
        &["-o", &file],
        &["-i", "-o", &file],
        &["-o", "/dev/null"],
        &["-o", "/dev/stdout"],
        &["--json-out"],
    ];
    for output in outputs {
        for (sum, code) in [(HELLO_SUM, 0), (wrong.as_str(), 110)] {
            let folder_before = folder.names();
            let url = hello().url("/f");
            let args = output.iter().copied().chain(["--checksum", sum, &url]);
            let outcome = get(args).fails(code);
            assert_eq!(
                outcome.stderr.contains("should be"),
                code == 110,
                "{outcome:?}"
            );
            if code == 110 {
                assert_eq!(folder.names(), folder_before, "{output:?}");
            } else if output.is_empty() {
                assert_eq!(outcome.text(), "hello");
            }
        }
        let _ = std::fs::remove_file(&file);
    }
    get(["--checksum", HELLO_SUM, "-I", &hello().url("/")]).fails(2);
    get(["--checksum", "md5:abc", &hello().url("/")]).fails(2);
}

#[test]
fn a_file_that_is_not_modified_is_verified() {
    let folder = Folder::new();
    let url = |server: &Server| server.url("/");
    let not_modified = || Server::answering(["HTTP/1.1 304 Not Modified\r\n\r\n"]);
    let file = folder.join("f");
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let args = ["-z", date, "--checksum", HELLO_SUM, "-o", &file];
    for (content, code) in [(Some("hello"), 0), (Some("other"), 110), (None, 110)] {
        let _ = std::fs::remove_file(&file);
        if let Some(content) = content {
            folder.write("f", content);
        }
        let server = not_modified();
        get(args.into_iter().chain([url(&server).as_str()])).fails(code);
        match content {
            Some(content) => assert_eq!(folder.read("f"), content.as_bytes()),
            None => assert_eq!(folder.names(), [""; 0]),
        }
    }
    let server = not_modified();
    get(["-z", date, "--checksum", HELLO_SUM, &url(&server)]).fails(110);
}

#[test]
fn a_resumed_file_is_verified_as_a_whole() {
    let file = File::new(100_000);
    let folder = Folder::new();
    let server = file.clone().breaking_after(60_000).serve();
    let path = folder.join("f");
    let sum = file.sum();
    for (sum, code) in [(sum.as_str(), 18), (sum.as_str(), 0)] {
        let args = [
            "--checksum",
            sum,
            "--retry",
            "0",
            "-o",
            &path,
            &server.url("/f"),
        ];
        get(args).fails(code);
    }
    assert!(folder.read("f") == *file.content);
}

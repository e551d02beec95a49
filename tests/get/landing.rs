//! Where downloads land, and under which name.

use crate::downloads::{File, download};
use crate::script::{Server, command, get, run, spawn};
use support::Folder;

#[test]
fn names_from_servers_stay_in_the_folder() {
    let folder = Folder::new();
    let answer = |name: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename={name}\r\nContent-Length: 2\r\n\r\nhi"
        )
    };
    let table = [
        ("\"../../evil.sh\"", "evil.sh"),
        ("\".bashrc\"", "bashrc"),
        ("\"a\"; filename*=UTF-8''%e2%82%ac.txt", "€.txt"),
        ("\"\"", "plain"),
    ];
    for (given, want) in table {
        let server = Server::answering([answer(given)]);
        let mut command = command(["get", "-OJ", &server.url("/plain")]);
        run(
            {
                command.current_dir(folder.path());
                command
            },
            b"",
        )
        .succeeds();
        assert!(
            folder.names().contains(&want.to_owned()),
            "{:?}",
            folder.names()
        );
    }
    let server = Server::answering([answer("evil.sh"), answer("evil.sh")]);
    let args = ["-OJ", "--output-dir", folder.path().to_str().unwrap()];
    let url = server.url("/");
    get(args.into_iter().chain([url.as_str()])).fails(23);
    get(args.into_iter().chain(["--no-clobber", &url])).succeeds();
    assert!(
        folder.names().contains(&"evil.sh.1".to_owned()),
        "{:?}",
        folder.names()
    );
}

#[test]
fn folders_are_made_when_asked() {
    let folder = Folder::new();
    let server = File::new(5).serve();
    let deep = folder.join("a/b/c");
    get(["-o", &deep, &server.url("/")]).fails(23);
    get(["--create-dirs", "-o", &deep, &server.url("/")]).succeeds();
    assert!(std::fs::metadata(&deep).unwrap().is_file());
}

#[test]
fn dates_come_along() {
    let folder = Folder::new();
    let server = File::new(5)
        .with("Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT")
        .serve();
    download(&server, &folder, &["-R"]).succeeds();
    let modified = std::fs::metadata(folder.join("file"))
        .unwrap()
        .modified()
        .unwrap();
    let since = modified
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    assert_eq!(since.as_secs(), 784_111_777);
}

#[test]
fn devices_are_written_to_as_they_are() {
    let server = File::new(1000).serve();
    get(["-o", "/dev/null", &server.url("/")]).succeeds();
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn a_full_disk_is_told() {
    let server = File::new(100_000).serve();
    let outcome = get(["-o", "/dev/full", &server.url("/")]).fails(23);
    assert!(
        outcome.stderr.contains("No space left"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn two_downloads_to_one_file_are_not_mixed() {
    let (tell, told) = std::sync::mpsc::channel();
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let server = Server::start(move |connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhe");
        if connection.number == 0 {
            tell.send(()).unwrap();
            let _ = gone.recv_timeout(support::LONG);
        }
        connection.send("re");
    });
    let folder = Folder::new();
    let first = spawn(command([
        "get",
        "-o",
        &folder.join("file"),
        &server.url("/"),
    ]));
    told.recv_timeout(support::LONG).unwrap();
    // The first download holds its part from the moment when bytes are in it.
    let part = folder.path().join("file.part");
    support::wait_until("the first bytes in the part", || {
        std::fs::read(&part).unwrap_or_default() == b"he"
    });
    let second = Server::answering([crate::script::HELLO]);
    let outcome = get(["-o", &folder.join("file"), &second.url("/")]).fails(23);
    assert!(
        outcome.stderr.contains("another download is writing"),
        "{}",
        outcome.stderr
    );
    go.send(()).unwrap();
    crate::script::outcome(first).succeeds();
    assert_eq!(folder.read("file"), b"here");
}

//! Uploads send exactly what they announce, whatever happens to the file meanwhile.

use crate::script::{Outcome, Server, command, get, run};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use support::Folder;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Runs `tinyhttp get` with these flags in a folder.
fn get_in(folder: &Folder, flags: &[impl AsRef<OsStr>], server: &Server) -> Outcome {
    let mut command = command(["get"]);
    command
        .args(flags)
        .arg(server.url("/"))
        .current_dir(folder.path());
    run(command, b"")
}

/// Uploads a file that is changed between the request's head and its content.
fn upload(args: &[&str], folder: &Folder, change: fn(&mut File)) -> (Outcome, Vec<String>) {
    let path = folder.join("f");
    let server = Server::start(move |connection| {
        let Some(head) = connection.head() else {
            return;
        };
        let mut file = File::options().append(true).open(&path).unwrap();
        change(&mut file);
        connection.send("HTTP/1.1 100 Continue\r\n\r\n");
        let length = head.split("Content-Length: ").nth(1).unwrap();
        let length = length.split("\r\n").next().unwrap().parse().unwrap();
        if connection.read_exactly(length).is_some() {
            connection.send(OK);
        }
    });
    let flags = [&["-H", "Expect: 100-continue"], args].concat();
    let outcome = get_in(folder, &flags, &server);
    (outcome, server.requests())
}

#[test]
fn a_growing_file_is_sent_as_long_as_it_was() {
    for args in [
        &["-T", "f"][..],
        &["-F", "a=@f"],
        &["-F", "a=<f", "-F", "b=@f"],
    ] {
        for length in [1, 100_000, 3_000_000] {
            let folder = Folder::new().with("f", vec![b'x'; length]);
            let (outcome, _) = upload(args, &folder, |file| {
                file.write_all(&[b'y'; 200_000]).unwrap();
            });
            assert_eq!(outcome.code, 0, "{args:?} {length}: {outcome:?}");
        }
    }
}

#[test]
fn a_shrinking_file_is_an_error() {
    for args in [&["-T", "f"][..], &["-F", "a=@f"]] {
        let folder = Folder::new().with("f", vec![b'x'; 3_000_000]);
        let (outcome, _) = upload(args, &folder, |file| file.set_len(1_000_000).unwrap());
        assert_eq!(outcome.code, 26, "{args:?}: {outcome:?}");
        assert!(outcome.stderr.contains("become shorter"), "{outcome:?}");
    }
}

#[test]
fn files_of_proc_are_sent() {
    let server = Server::answering([OK, OK, OK]);
    for args in [
        ["-T", "/proc/version"],
        ["-F", "a=@/proc/version"],
        ["-d", "@/proc/version"],
    ] {
        get(args.into_iter().chain([server.url("/").as_str()])).succeeds();
        let requests = server.requests();
        assert!(
            requests.last().unwrap().contains("Linux version"),
            "{requests:?}"
        );
    }
}

#[test]
fn an_upload_to_a_folder_keeps_the_bytes_of_the_name() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    for (name, want) in [
        (&b"caf\xe9 100%.txt"[..], "/dir/caf%E9%20100%25.txt"),
        ("ü?#/".trim_end_matches('/').as_bytes(), "/dir/%C3%BC%3F%23"),
    ] {
        let path = folder.path().join(OsStr::from_bytes(name));
        std::fs::write(&path, "hi").unwrap();
        let server = Server::answering([OK]);
        let url = server.url("/dir/");
        get(["-T".as_ref(), path.as_os_str(), url.as_ref()]).succeeds();
        let request = server.request();
        assert!(
            request.starts_with(&format!("PUT {want} HTTP")),
            "{request}"
        );
    }
}

/// The values of fields in a request.
fn fields<'r>(request: &'r str, names: &[&str]) -> Vec<&'r str> {
    let value = |line: &'r str| {
        let (name, value) = line.split_once(": ")?;
        names.contains(&name).then_some(value)
    };
    request.lines().filter_map(value).collect()
}

#[test]
fn parts_of_files_and_content_say_which_they_are() {
    let file = "0123456789";
    // Flags => Range, Content-Range and Content-Length: content.
    let table = "
        -C 4 -T f => bytes 4-9/10, 6: 456789
        -C 9 -T f => bytes 9-9/10, 1: 9
        -C 0 -T f => 10: 0123456789
        -C - -T f => bytes 0-9/10, 10: 0123456789
        -C 4 -X POST -T f => bytes 4-9/10, 6: 456789
        -r 2-4 -T f => bytes 2-4/10, 10: 0123456789
        -r -4 -T f => bytes -4/10, 10: 0123456789
        -r 2-4 -d hello => bytes 2-4/5, 5: hello
        -r 2-4 --json 1 => bytes 2-4/1, 1: 1
        -r 2-4 -d '' -X PUT => bytes 2-4/0, 0:
        -r 2-4 -G -d a => bytes=2-4:
        -r 2-4 => bytes=2-4:
        -r 2-4 -X POST => bytes=2-4, 0:
        -r 2-4 -H 'Content-Range: mine' -d a => mine, 1: a
        -C 4 -H 'Content-Range: mine' -T f => mine, 6: 456789
        -C 4 -o out -T f => bytes 4-9/10, 6: 456789
    ";
    for (flags, outcome) in table::cases(table) {
        let (want, content) = outcome.split_once(':').unwrap();
        let content = content.trim_start();
        let is_get = flags == "-r 2-4" || flags.contains("-G");
        let flags: Vec<_> = table::arguments(flags).collect();
        let folder = Folder::new().with("f", file).with("out", "old");
        let server = Server::answering([OK]);
        let outcome = get_in(&folder, &flags, &server);
        if !is_get {
            assert_eq!(outcome.code, 0, "{flags:?} {outcome:?}");
        }
        let request = server.request();
        let names = ["Range", "Content-Range", "Content-Length"];
        assert_eq!(
            fields(&request, &names).join(", "),
            want,
            "{flags:?}\n{request}"
        );
        assert!(
            request.ends_with(&format!("\r\n\r\n{content}")),
            "{flags:?}\n{request}"
        );
    }
}

#[test]
fn parts_that_cannot_be_sent_are_refused() {
    let table = "
        -C 10 -T f => 18
        -C 11 -T f => 18
        -C x -T f => 2
        -C -1 -T f => 2
        -C 4 -T - => 2
        -C 4 -d a => 2
        -C 4 -F a=b => 2
        -C 4 -r 2-4 => 2
        -C 4 -r 2-4 -T f => 2
        -C 4 -T missing => 26
    ";
    for (flags, code) in table::cases(table) {
        let flags: Vec<_> = table::arguments(flags).collect();
        let code: i32 = code.parse().unwrap();
        let folder = Folder::new().with("f", "0123456789");
        let server = Server::answering([OK]);
        let outcome = get_in(&folder, &flags, &server);
        assert_eq!(outcome.code, code, "{flags:?} {outcome:?}");
        assert!(server.requests().is_empty(), "{flags:?}");
    }
}

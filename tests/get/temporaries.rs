//! The files beside a download: never another program's, never a planted one, and always with names
//! that fit.

use crate::downloads::{File, download, ranges};
use crate::script::{Server, command, get, run};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use support::Folder;

/// What stands under a temporary name.
type Plant = (&'static str, fn(&Folder, &Path));

const PLANTS: &[Plant] = &[
    ("a file", |_, path| fs::write(path, "mine").unwrap()),
    ("an empty file", |_, path| fs::write(path, "").unwrap()),
    ("a link", |folder, path| {
        symlink(folder.join("victim"), path).unwrap();
    }),
    ("a link to nothing", |folder, path| {
        symlink(folder.join("missing"), path).unwrap();
    }),
    ("a hard link", |folder, path| {
        fs::hard_link(folder.join("victim"), path).unwrap();
    }),
    ("a folder", |_, path| fs::create_dir(path).unwrap()),
    ("a FIFO", |_, path| support::mkfifo(path)),
];

/// The kind, inode, length and time of change of everything in the folder.
fn state(folder: &Folder) -> Vec<(String, u32, u64, u64, i64, i64)> {
    let names = folder.names().into_iter().filter(|name| name != "file");
    names
        .map(|name| {
            let metadata = fs::symlink_metadata(folder.join(&name)).unwrap();
            let (seconds, nanos) = (metadata.mtime(), metadata.mtime_nsec());
            (
                name,
                metadata.mode(),
                metadata.ino(),
                metadata.len(),
                seconds,
                nanos,
            )
        })
        .collect()
}

#[test]
fn files_of_others_under_temporary_names_are_left_alone() {
    let file = File::new(3_000_000);
    let server = file.clone().serve();
    let flags: [&[&str]; 5] = [
        &[],
        &["-C", "-"],
        &["--parallel-segments", "2"],
        &["-i"],
        &["--clobber"],
    ];
    for name in ["file.part", "file.part.version", "file.segments"] {
        for (what, plant) in PLANTS {
            for args in flags {
                let folder = Folder::new().with("victim", "untouched");
                plant(&folder, Path::new(&folder.join(name)));
                let before = state(&folder);
                download(&server, &folder, args).succeeds();
                assert_eq!(state(&folder), before, "{what} named {name}, {args:?}");
                let content = folder.read("file");
                assert!(content.ends_with(&file.content), "{what} {name} {args:?}");
                assert_eq!(folder.read("victim"), b"untouched");
            }
        }
    }
}

#[test]
fn names_from_urls_and_servers_leave_parts_alone_too() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=movie.mkv\r\n\
                  Content-Length: 3\r\n\r\nnew";
    for args in [
        &["-O"][..],
        &["-OJ"],
        &["-OJ", "-C", "-"],
        &["-O", "-C", "-"],
    ] {
        let folder = Folder::new().with("movie.mkv.part", "half a movie");
        let server = Server::answering([answer]);
        let mut command = command(["get"]);
        command
            .args(args)
            .arg(server.url("/movie.mkv"))
            .current_dir(folder.path());
        run(command, b"").succeeds();
        assert_eq!(folder.read("movie.mkv.part"), b"half a movie", "{args:?}");
        assert_eq!(folder.read("movie.mkv"), b"new", "{args:?}");
        assert_eq!(folder.names(), ["movie.mkv", "movie.mkv.part"]);
    }
}

#[test]
fn a_server_that_names_the_file_replaces_nothing() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=mine\r\n\
                  Content-Length: 3\r\n\r\nnew";
    for args in [&["-OJ"][..], &["-OJ", "-C", "-"]] {
        let folder = Folder::new().with("mine", "mine");
        let server = Server::answering([answer]);
        let mut command = command(["get"]);
        command
            .args(args)
            .arg(server.url("/other"))
            .current_dir(folder.path());
        run(command, b"").fails(23);
        assert_eq!(folder.read("mine"), b"mine", "{args:?}");
        assert_eq!(folder.names(), ["mine"]);
    }
}

#[test]
fn a_part_is_resumed_beside_one_of_another_program() {
    let file = File::new(100_000);
    let folder = Folder::new().with("file.part", "mine");
    let server = file.clone().breaking_after(60_000).serve();
    download(&server, &folder, &["--retry", "0"]).fails(18);
    download(&server, &folder, &["--retry", "0"]).succeeds();
    assert_eq!(ranges(&server), ["", "bytes=60000-"]);
    assert!(folder.read("file") == *file.content);
    assert_eq!(folder.read("file.part"), b"mine");
    assert_eq!(folder.names(), ["file", "file.part"]);
}

#[test]
fn the_record_is_private_and_has_no_secrets() {
    let server = File::new(1000).breaking_after(400).serve();
    let folder = Folder::new();
    let url = format!("http://me:secret@{}/f?signature=secret", server.address);
    get(["--retry", "0", "-o", &folder.join("f"), &url]).fails(18);
    assert_eq!(folder.names(), ["f.part", "f.part.version"]);
    let record = String::from_utf8(folder.read("f.part.version")).unwrap();
    assert!(
        !record.contains("secret") && !record.contains("me:"),
        "{record}"
    );
    let mode = fs::metadata(folder.join("f.part.version")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The same URL is recognised all the same.
    get(["-o", &folder.join("f"), "--retry-delay", "0.01", &url]).succeeds();
    assert!(ranges(&server).contains(&"bytes=400-".to_owned()));
}

#[test]
fn long_names_have_temporary_ones() {
    let file = File::new(100_000);
    for length in [200, 239, 240, 243, 250, 251, 255] {
        let server = file.clone().breaking_after(60_000).serve();
        let folder = Folder::new();
        let name = "n".repeat(length);
        let args = ["--retry", "0", "-o", &folder.join(&name), &server.url("/")];
        get(args).fails(18);
        get(args).succeeds();
        assert_eq!(folder.names(), [name.as_str()]);
        assert!(folder.read(&name) == *file.content);
        assert_eq!(ranges(&server), ["", "bytes=60000-"], "{length}");
    }
    let folder = Folder::new();
    let server = file.serve();
    let mut command = command(["get", "-O"]);
    command
        .arg(server.url(&format!("/{}.tar.gz", "n".repeat(300))))
        .current_dir(folder.path());
    run(command, b"").succeeds();
    let names = folder.names();
    assert_eq!(names.len(), 1);
    assert!(
        names[0].len() == 255 && names[0].ends_with(".gz"),
        "{names:?}"
    );
}

#[test]
fn only_one_part_without_a_version_stays() {
    let server = Server::start(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    });
    let folder = Folder::new();
    for _ in 0..3 {
        get(["-o", &folder.join("a"), &server.url("/")]).fails(18);
        assert_eq!(folder.names(), ["a.part"]);
    }
}

//! `-o` onto a file that is there: as curl, its mode, owner and links survive; unlike curl, no half
//! file takes its place.

use crate::downloads::{File, download};
use crate::script::{HELLO, Server, command, get, run};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use support::Folder;

fn hello() -> Server {
    Server::start(|connection| {
        connection.request();
        connection.send(HELLO);
    })
}

fn fetch(server: &Server, path: &str) -> crate::script::Outcome {
    get(["-o", path, &server.url("/")])
}

/// Whether the tests run as the superuser, for which permissions do not count.
fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn the_mode_stays() {
    let server = hello();
    for mode in [0o600, 0o640, 0o644, 0o666, 0o755, 0o200] {
        let folder = Folder::new().with("f", "old and longer");
        fs::set_permissions(folder.join("f"), Permissions::from_mode(mode)).unwrap();
        fetch(&server, &folder.join("f")).succeeds();
        let metadata = fs::metadata(folder.join("f")).unwrap();
        assert_eq!(metadata.mode() & 0o7777, mode, "{mode:o}");
        fs::set_permissions(folder.join("f"), Permissions::from_mode(0o600)).unwrap();
        assert_eq!(folder.read("f"), b"hello");
        assert_eq!(folder.names(), ["f"]);
    }
}

#[test]
fn the_owner_stays() {
    if !is_root() {
        return;
    }
    let folder = Folder::new().with("f", "old");
    chown(folder.join("f"), Some(1234), Some(2345)).unwrap();
    fs::set_permissions(folder.join("f"), Permissions::from_mode(0o640)).unwrap();
    fetch(&hello(), &folder.join("f")).succeeds();
    let metadata = fs::metadata(folder.join("f")).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (1234, 2345));
    assert_eq!(metadata.mode() & 0o777, 0o640);
    assert_eq!(folder.read("f"), b"hello");
}

#[test]
fn links_lead_to_the_new_content() {
    let server = hello();
    let folder = Folder::new().with("data/real", "old and longer");
    symlink("data/real", folder.join("one")).unwrap();
    symlink("one", folder.join("two")).unwrap();
    fetch(&server, &folder.join("two")).succeeds();
    assert!(
        fs::symlink_metadata(folder.join("two"))
            .unwrap()
            .is_symlink()
    );
    assert!(
        fs::symlink_metadata(folder.join("one"))
            .unwrap()
            .is_symlink()
    );
    assert_eq!(folder.read("data/real"), b"hello");

    // A link to nothing: the file appears where it leads to.
    symlink("data/new", folder.join("dangling")).unwrap();
    fetch(&server, &folder.join("dangling")).succeeds();
    assert_eq!(folder.read("data/new"), b"hello");
    symlink("loop", folder.join("loop")).unwrap();
    fetch(&server, &folder.join("loop")).fails(23);

    let folder = Folder::new().with("a", "old and longer");
    fs::hard_link(folder.join("a"), folder.join("b")).unwrap();
    fetch(&server, &folder.join("a")).succeeds();
    assert_eq!(folder.read("b"), b"hello");
    let inode = |name| fs::metadata(folder.join(name)).unwrap().ino();
    assert_eq!(inode("a"), inode("b"));
    assert_eq!(folder.names(), ["a", "b"]);
}

#[test]
fn a_read_only_file_is_refused() {
    let folder = Folder::new().with("f", "old");
    fs::set_permissions(folder.join("f"), Permissions::from_mode(0o444)).unwrap();
    for args in [
        &[][..],
        &["-i"],
        &["-C", "-"],
        &["--parallel-segments", "2"],
    ] {
        let server = File::new(3_000_000).serve();
        let outcome = get(args.iter().copied().chain([
            "-o",
            folder.join("f").as_str(),
            server.url("/").as_str(),
        ]))
        .fails(23);
        assert!(outcome.stderr.contains("read-only"), "{}", outcome.stderr);
        assert_eq!(folder.read("f"), b"old");
        assert_eq!(folder.names(), ["f"]);
    }
}

#[test]
fn attributes_stay() {
    let folder = Folder::new().with("f", "old");
    let set = Command::new("setfattr")
        .args(["-n", "user.note", "-v", "kept", &folder.join("f")])
        .stderr(Stdio::null())
        .status();
    if !set.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no setfattr, or a file system without attributes");
        return;
    }
    fetch(&hello(), &folder.join("f")).succeeds();
    let get = Command::new("getfattr")
        .args(["--only-values", "-n", "user.note", &folder.join("f")])
        .output()
        .unwrap();
    assert_eq!(get.stdout, b"kept");
    assert_eq!(folder.read("f"), b"hello");
}

/// Runs the program as a user for which permissions count.
fn as_another_user(args: &[&str]) -> Option<crate::script::Outcome> {
    if !is_root() {
        return Some(get(args));
    }
    let program = command([""; 0]).get_program().to_owned();
    // The program may lie where that user can't go.
    let copy = std::env::temp_dir().join(format!("tinyhttp-copy-{}", std::process::id()));
    if !copy.exists() {
        fs::copy(program, &copy).unwrap();
        fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
    }
    let has_setpriv = Command::new("setpriv").arg("--version").output().is_ok();
    has_setpriv.then(|| {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&copy)
            .arg("get")
            .args(args)
            .stdin(Stdio::null());
        let outcome = run(command, b"");
        fs::remove_file(&copy).unwrap();
        outcome
    })
}

#[test]
fn a_writable_file_in_a_folder_that_is_not() {
    let folder = Folder::new().with("f", "old and longer");
    fs::set_permissions(folder.join("f"), Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
    let server = hello();
    let outcome = as_another_user(&["-o", &folder.join("f"), &server.url("/")]);
    let refused = as_another_user(&["-o", &folder.join("new"), &server.url("/")]);
    let broken = Server::answering(["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]);
    let half = as_another_user(&[
        "--retry-delay",
        "0.01",
        "-o",
        &folder.join("f"),
        &broken.url("/"),
    ]);
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    if let (Some(outcome), Some(refused), Some(half)) = (outcome, refused, half) {
        outcome.succeeds();
        refused.fails(23);
        half.fails(18);
        assert_eq!(folder.read("f"), b"hello");
    }
    assert_eq!(folder.names(), ["f"]);
}

#[test]
fn folders_are_no_files() {
    let folder = Folder::new();
    fs::create_dir(folder.join("dir")).unwrap();
    symlink("dir", folder.join("link")).unwrap();
    for name in ["dir", "link", "dir/", "new/", ".", "dir/.."] {
        let outcome = fetch(&hello(), &folder.join(name)).fails(23);
        assert!(outcome.stderr.contains("is a folder"), "{}", outcome.stderr);
    }
    assert_eq!(folder.names(), ["dir", "link"]);
}

#[test]
fn descriptors_and_fifos_are_written_through() {
    let folder = Folder::new().with("out", "before ");
    let server = hello();
    for path in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        folder.write("out", "before ");
        let out = fs::File::options()
            .append(true)
            .open(folder.join("out"))
            .unwrap();
        let status = command(["get", "-o", path, &server.url("/")])
            .stdout(out)
            .status()
            .unwrap();
        assert!(status.success());
        assert_eq!(folder.read("out"), b"before hello", "{path}");
        assert_eq!(fetch(&server, path).succeeds().text(), "hello");
    }
    let fifo = folder.join("fifo");
    support::mkfifo(&fifo);
    let reader = std::thread::spawn({
        let fifo = fifo.clone();
        move || fs::read(fifo).unwrap()
    });
    fetch(&server, &fifo).succeeds();
    assert_eq!(reader.join().unwrap(), b"hello");
    assert_eq!(folder.names(), ["fifo", "out"]);
}

/// Runs a script in a mount namespace of its own; `None` if this machine does not permit that.
fn with_mounts(script: &str, args: &[&str]) -> Option<String> {
    let probe = Command::new("unshare")
        .args(["-m", "true"])
        .stderr(Stdio::null())
        .status();
    if !probe.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no mount namespaces");
        return None;
    }
    let program = command([""; 0]).get_program().to_owned();
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", script, "sh"])
        .arg(program)
        .args(args)
        .output()
        .unwrap();
    Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn a_mounted_file_is_written_through() {
    let folder = Folder::new()
        .with("outside", "old and longer")
        .with("f", "");
    let script =
        "mount --bind \"$2/outside\" \"$2/f\" && \"$1\" get -o \"$2/f\" \"$3\"; echo code $?";
    let folder_path = folder.path().to_str().unwrap();
    let Some(said) = with_mounts(script, &[folder_path, &hello().url("/")]) else {
        return;
    };
    assert!(said.contains("code 0"), "{said}");
    assert_eq!(folder.read("outside"), b"hello");
    assert_eq!(folder.names(), ["f", "outside"]);
}

#[test]
fn a_full_file_system_leaves_the_old_file() {
    // 400 kB fit once beside the old file, but not twice: the file with two names has to be copied
    // over.
    let script = "mount -t tmpfs -o size=1m none \"$2\" && cd \"$2\" || exit
        head -c 100000 /dev/zero > f; ln f g
        \"$1\" get --retry 0 -o f \"$3\"; echo code $?
        wc -c f; cmp -n 100000 f /dev/zero && echo old; ls";
    let folder = Folder::new();
    let folder_path = folder.path().to_str().unwrap();
    for length in [600_000, 2_000_000] {
        let url = File::new(length).serve().url("/");
        let Some(said) = with_mounts(script, &[folder_path, &url]) else {
            return;
        };
        assert!(said.contains("code 23"), "{said}");
        assert!(said.contains("100000 f") && said.contains("old"), "{said}");
    }
}

#[test]
fn an_interrupted_download_leaves_the_old_file() {
    let folder = Folder::new().with("file", "old");
    let server = File::new(1000).breaking_after(400).serve();
    download(&server, &folder, &["--retry", "0"]).fails(18);
    assert_eq!(folder.read("file"), b"old");
    download(&server, &folder, &[]).succeeds();
    assert!(Path::new(&folder.join("file")).metadata().unwrap().len() == 1000);
    assert_eq!(folder.names(), ["file"]);
}

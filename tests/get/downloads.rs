//! Downloads that just finish, and never pretend to have.

use crate::script::{HELLO, Outcome, Server, command, get, run, spawn};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Folder, Serve, wait_until};

/// A file on a server that takes ranges, and breaks off after so many bytes of each response's
/// content.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) content: Arc<Vec<u8>>,
    tag: &'static str,
    breaks_after: usize,
    extra: String,
}

impl File {
    pub(crate) fn new(length: usize) -> File {
        File {
            content: Arc::new((0..length).map(|n| (n * 7 + n / 251) as u8).collect()),
            tag: "\"v1\"",
            breaks_after: usize::MAX,
            extra: String::new(),
        }
    }

    pub(crate) fn breaking_after(mut self, bytes: usize) -> File {
        self.breaks_after = bytes;
        self
    }

    pub(crate) fn with(mut self, field: &str) -> File {
        self.extra = format!("{field}\r\n");
        self
    }

    pub(crate) fn sum(&self) -> String {
        Sha256::digest(&self.content[..])
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// The response to a request, and how much of its content is sent.
    pub(crate) fn answer(&self, request: &str) -> (String, Vec<u8>) {
        let field = |name: &str| {
            let line = request.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned())
        };
        let length = self.content.len();
        let common = format!(
            "ETag: {}\r\nAccept-Ranges: bytes\r\n{}",
            self.tag, self.extra
        );
        let wants_this = field("If-Range:").is_none_or(|tag| tag == self.tag);
        let range = field("Range: bytes=").filter(|_| wants_this);
        let Some(range) = range else {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{common}\r\n");
            return (head, self.content[..length.min(self.breaks_after)].to_vec());
        };
        let (first, last) = range.split_once('-').unwrap();
        let first: usize = first.parse().unwrap();
        let last = last.parse().unwrap_or(length - 1).min(length - 1);
        if first >= length {
            let head = format!(
                "HTTP/1.1 416 No\r\nContent-Range: bytes */{length}\r\nContent-Length: 0\r\n{common}\r\n"
            );
            return (head, Vec::new());
        }
        let count = last + 1 - first;
        let head = format!(
            "HTTP/1.1 206 Part\r\nContent-Range: bytes {first}-{last}/{length}\r\n\
             Content-Length: {count}\r\n{common}\r\n"
        );
        let sent = count.min(self.breaks_after);
        (head, self.content[first..first + sent].to_vec())
    }

    pub(crate) fn serve(self) -> Server {
        Server::start_parallel(move |connection| {
            while let Some(request) = connection.request() {
                let (head, content) = self.answer(&request);
                connection.send(head);
                connection.send(&content);
                if self.breaks_after != usize::MAX {
                    break;
                }
            }
        })
    }
}

pub(crate) fn download(server: &Server, folder: &Folder, args: &[&str]) -> Outcome {
    let (file, url) = (folder.join("file"), server.url("/file"));
    get(args
        .iter()
        .copied()
        .chain(["--retry-delay", "0.01", "-o", &file, &url]))
}

pub(crate) fn ranges(server: &Server) -> Vec<String> {
    let requests = server.requests();
    let range = |request: &String| {
        let line = request
            .lines()
            .find_map(|line| line.strip_prefix("Range: "));
        line.unwrap_or_default().to_owned()
    };
    requests.iter().map(range).collect()
}

#[test]
fn an_interrupted_download_goes_on_where_it_stopped() {
    let file = File::new(100_000).breaking_after(30_000);
    let (server, folder) = (file.clone().serve(), Folder::new());
    download(&server, &folder, &[]).succeeds();
    assert!(folder.read("file") == *file.content);
    assert_eq!(folder.names(), ["file"]);
    let want = ["", "bytes=30000-", "bytes=60000-", "bytes=90000-"];
    assert_eq!(ranges(&server), want, "each part once");
    assert!(server.requests()[1].contains("\r\nIf-Range: \"v1\"\r\n"));
}

#[test]
fn tries_without_progress_come_to_an_end() {
    let file = File::new(1000).breaking_after(0);
    let (server, folder) = (file.serve(), Folder::new());
    download(&server, &folder, &["--retry", "2"]).fails(18);
    assert_eq!(server.requests().len(), 3);
    let outcome = download(&server, &folder, &["--retry", "0"]).fails(18);
    assert!(
        !outcome.stderr.contains("trying again"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn two_versions_are_never_joined() {
    // The second response is whole, of another version.
    let (old, mut new) = (File::new(50_000).breaking_after(20_000), File::new(40_000));
    new.tag = "\"v2\"";
    let want = new.content.clone();
    let versions = [old, new];
    let server = Server::start(move |connection| {
        let request = connection.request().unwrap();
        let (head, content) = versions[connection.number.min(1)].answer(&request);
        connection.send(head);
        connection.send(content);
    });
    let folder = Folder::new();
    let outcome = download(&server, &folder, &[]).succeeds();
    assert!(folder.read("file") == *want);
    assert!(
        outcome.stderr.contains("from its beginning"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_server_that_ignores_if_range_is_found_out() {
    // It sends the rest of the new version.
    let (old, mut new) = (File::new(50_000).breaking_after(20_000), File::new(40_000));
    new.tag = "\"v2\"";
    let want = new.content.clone();
    let versions = [old, new];
    let server = Server::start(move |connection| {
        let request = connection
            .request()
            .unwrap()
            .replace("If-Range", "X-Ignored");
        let (head, content) = versions[connection.number.min(1)].answer(&request);
        connection.send(head);
        connection.send(content);
    });
    let folder = Folder::new();
    download(&server, &folder, &[]).succeeds();
    assert!(folder.read("file") == *want);
    assert_eq!(ranges(&server), ["", "bytes=20000-", ""]);
}

#[test]
fn responses_that_may_pass_are_waited_for() {
    let server = Server::answering([
        "HTTP/1.1 503 Later\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 429 Later\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    ]);
    let folder = Folder::new();
    let outcome = download(&server, &folder, &["--retry", "2"]).succeeds();
    assert_eq!(folder.read("file"), b"hi");
    assert!(
        outcome
            .stderr
            .contains("503 Later; trying again in 0.0 s (1 of 2)"),
        "{}",
        outcome.stderr
    );

    let busy = "HTTP/1.1 503 Later\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n";
    let server = Server::answering([busy]);
    let args = [
        "--retry",
        "9",
        "--retry-max-time",
        "5",
        "-f",
        &server.url("/"),
    ];
    get(args).fails(22);

    let server = Server::answering(["", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"]);
    let args = ["--retry", "1", "--retry-delay", "0.01", &server.url("/")];
    assert_eq!(get(args).succeeds().text(), "hi");
}

#[test]
fn another_run_goes_on_with_the_part() {
    let file = File::new(100_000);
    let folder = Folder::new();
    let broken = file.clone().breaking_after(30_000).serve();
    download(&broken, &folder, &["--retry", "0"]).fails(18);
    assert_eq!(folder.names(), ["file.part", "file.part.version"]);

    // Another URL is another file.
    let whole = file.clone().serve();
    std::fs::copy(folder.join("file.part"), folder.join("kept")).unwrap();
    std::fs::copy(
        folder.join("file.part.version"),
        folder.join("kept.version"),
    )
    .unwrap();
    download(&whole, &folder, &["-C", "-"]).succeeds();
    assert_eq!(ranges(&whole), [""]);
    assert!(folder.read("file") == *file.content);

    // The same URL goes on; its port has to be the same for that.
    std::fs::remove_file(folder.join("file")).unwrap();
    std::fs::rename(folder.join("kept"), folder.join("file.part")).unwrap();
    let version = format!("{}\n\"v1\"\n", whole.url("/file"));
    std::fs::write(folder.join("file.part.version"), version).unwrap();
    download(&whole, &folder, &["-C", "-"]).succeeds();
    assert_eq!(ranges(&whole), ["", "bytes=30000-"]);
    assert!(folder.read("file") == *file.content);
    assert_eq!(folder.names(), ["file", "kept.version"]);
}

#[test]
fn nothing_stays_of_an_older_and_longer_part() {
    let file = File::new(1000);
    let server = file.clone().serve();
    let url = server.url("/file");
    let table: [(usize, &str, &[&str]); 6] = [
        (5000, "\"v0\"", &[]),
        (5000, "\"v0\"", &["-C", "-"]),
        (5000, "\"v1\"", &[]),
        (5000, "", &[]),
        (0, "", &[]),
        (1000, "", &[]),
    ];
    for (length, tag, args) in table {
        let folder = Folder::new();
        folder.write("file.part", vec![b'x'; length]);
        folder.write("file.part.version", format!("{url}\n{tag}\n"));
        download(&server, &folder, args).succeeds();
        assert!(folder.read("file") == *file.content, "{length} {args:?}");
        assert_eq!(folder.names(), ["file"]);
    }
}

#[test]
fn a_file_of_the_users_is_gone_on_with_but_not_lost() {
    let file = File::new(1000);
    let server = file.clone().serve();
    let folder = Folder::new().with("file", &file.content[..400]);
    download(&server, &folder, &["-C", "-"]).succeeds();
    assert!(folder.read("file") == *file.content);
    assert_eq!(ranges(&server), ["bytes=400-"]);

    download(&server, &folder, &["-C", "-"]).succeeds();
    assert!(
        folder.read("file") == *file.content,
        "it was complete already"
    );

    download(&server, &folder, &["-C", "500"]).succeeds();
    assert!(folder.read("file") == *file.content);
    assert_eq!(ranges(&server)[2], "bytes=500-");

    download(&server, &folder, &["-C", "5000"]).fails(36);
    let deaf = Server::answering(["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew"]);
    folder.write("file", "mine");
    download(&deaf, &folder, &["-C", "-"]).fails(33);
    assert_eq!(folder.read("file"), b"mine");
}

#[test]
fn sums_are_verified() {
    let file = File::new(10_000);
    let good = format!("sha256:{}", file.sum());
    let bad = format!("sha256:{}", "0".repeat(64));
    let (server, folder) = (file.clone().serve(), Folder::new());
    download(&server, &folder, &["--checksum", &good]).succeeds();
    assert_eq!(folder.names(), ["file"]);
    let outcome = download(&server, &folder, &["--checksum", &bad]).fails(110);
    assert!(
        outcome.stderr.contains("and should be 000"),
        "{}",
        outcome.stderr
    );
    assert!(folder.read("file") == *file.content, "the old one stays");
    assert_eq!(folder.names(), ["file"], "the wrong one does not");
    download(&server, &folder, &["--checksum", "md5:abc"]).fails(2);

    use base64::Engine;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let right = encode(&Sha256::digest(&file.content[..]));
    for (sum, code) in [(right, 0), (encode(&[0; 32]), 110)] {
        let folder = Folder::new();
        let field = format!("Repr-Digest: sha-256=:{sum}:");
        let server = file.clone().with(&field).serve();
        download(&server, &folder, &[]).fails(code);
        assert_eq!(folder.names().len(), usize::from(code == 0));
        assert!(server.requests()[0].contains("\r\nWant-Repr-Digest: sha-256=1\r\n"));
    }
}

#[test]
fn large_files_come_in_segments() {
    let file = File::new(8_500_001);
    let (server, folder) = (file.clone().serve(), Folder::new());
    download(&server, &folder, &["--parallel-segments", "4"]).succeeds();
    assert!(folder.read("file") == *file.content);
    assert_eq!(folder.names(), ["file"]);
    let mut asked = ranges(&server);
    asked.sort();
    let want = [
        "",
        "bytes=2125000-4249999",
        "bytes=4250000-6374999",
        "bytes=6375000-8500000",
    ];
    assert_eq!(asked, want);
}

#[test]
fn broken_segments_go_on_too() {
    let file = File::new(4_000_000).breaking_after(700_000);
    let (server, folder) = (file.clone().serve(), Folder::new());
    let sum = format!("sha256:{}", file.sum());
    download(
        &server,
        &folder,
        &["--parallel-segments", "3", "--checksum", &sum],
    )
    .succeeds();
    assert!(folder.read("file") == *file.content);
    assert!(server.requests().len() >= 6);
}

#[test]
fn a_file_that_changes_between_its_segments_is_not_glued() {
    let (old, mut new) = (File::new(3_000_000), File::new(3_000_000));
    new.tag = "\"v2\"";
    let versions = Arc::new([old, new]);
    let server = Server::start_parallel(move |connection| {
        let request = connection.request().unwrap();
        let (head, content) = versions[connection.number.min(1)].answer(&request);
        connection.send(head);
        connection.send(content);
    });
    let folder = Folder::new();
    let outcome = download(&server, &folder, &["--parallel-segments", "2"]).fails(33);
    assert!(
        outcome.stderr.contains("changed while"),
        "{}",
        outcome.stderr
    );
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn many_urls_at_once() {
    // No request is answered before all have come.
    let waiting = Arc::new(std::sync::Barrier::new(4));
    let server = Server::start_parallel(move |connection| {
        let request = connection.request().unwrap();
        waiting.wait();
        let path = request.split(' ').nth(1).unwrap().to_owned();
        connection.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}",
            path.len()
        ));
    });
    let folder = Folder::new();
    let mut command = command(["get", "-Z", "-O"]);
    command
        .args(["/a", "/b", "/c", "/d"].map(|path| server.url(path)))
        .current_dir(folder.path());
    run(command, b"").succeeds();
    assert_eq!(folder.names(), ["a", "b", "c", "d"]);
    assert_eq!(folder.read("c"), b"/c");
}

#[test]
fn of_many_the_failure_counts() {
    let server = Server::start_parallel(|connection| {
        if let Some(request) = connection.request() {
            let status = if request.starts_with("GET /bad") {
                404
            } else {
                200
            };
            connection.send(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"));
        }
    });
    let urls = ["/a", "/bad", "/c"].map(|path| server.url(path));
    get(["-Z", "-f"]
        .into_iter()
        .chain(urls.iter().map(String::as_str)))
    .fails(22);
    get(["-f"].into_iter().chain(urls.iter().map(String::as_str))).fails(22);
}

#[test]
fn too_large_is_refused() {
    let folder = Folder::new();
    let server = File::new(1000).serve();
    download(&server, &folder, &["--max-filesize", "999"]).fails(63);
    assert_eq!(folder.names(), [""; 0]);
    let endless = Server::answering([format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(5000))]);
    get(["--max-filesize", "1K", &endless.url("/")]).fails(63);
}

#[test]
fn a_rate_is_kept() {
    let server = File::new(30_000).serve();
    let begun = std::time::Instant::now();
    get(["--limit-rate", "60K", &server.url("/")]).succeeds();
    // Slower is the machine's business; faster would be ours.
    assert!(begun.elapsed().as_millis() >= 400, "{:?}", begun.elapsed());
}

#[test]
fn a_stalled_download_says_so_and_goes_on() {
    let file = File::new(100_000);
    let stalls = AtomicUsize::new(0);
    let served = file.clone();
    let server = Server::start_parallel(move |connection| {
        while let Some(request) = connection.request() {
            let (head, content) = served.answer(&request);
            connection.send(head);
            if stalls.fetch_add(1, Ordering::Relaxed) == 0 {
                connection.send(&content[..50_000]);
                connection.wait_for_end();
            } else {
                connection.send(content);
            }
        }
    });
    let folder = Folder::new();
    let outcome = download(&server, &folder, &["--stall-timeout", "0.2"]).succeeds();
    assert!(folder.read("file") == *file.content);
    assert!(
        outcome
            .stderr
            .contains("the stall timeout of 200 ms ran out"),
        "{}",
        outcome.stderr
    );
}

/// A gigabyte that takes no room: zeros, and in every mebibyte its number.
const MEBIBYTE: usize = 1 << 20;
const MEBIBYTES: u64 = 1024;

#[test]
fn a_gigabyte_survives_a_server_that_is_killed_five_times() {
    let source = Folder::new().with("big", "");
    let big = std::fs::File::options()
        .write(true)
        .open(source.join("big"))
        .unwrap();
    big.set_len(MEBIBYTES * MEBIBYTE as u64).unwrap();
    for number in 0..MEBIBYTES {
        let place = number * MEBIBYTE as u64;
        big.write_all_at(&number.to_le_bytes(), place).unwrap();
    }
    let target = Folder::new();
    let mut serve = Serve::start(source.path(), ["--workers", "2"]);
    let address = serve.address();
    let (file, url) = (target.join("big"), serve.url("/big"));
    let mut command = command(["get", "-o", &file, "--limit-rate", "400M"]);
    command.args(["--retry", "1000", "--retry-delay", "0.02", &url]);
    let child = spawn(command);
    let part = target.path().join("big.part");
    let length = || std::fs::metadata(&part).map_or(0, |metadata| metadata.len());
    for kill in 1..=5 {
        wait_until("so much of the file", || length() >= kill * 150_000_000);
        drop(serve);
        let mut again = support::tinyhttp();
        again
            .arg("serve")
            .arg(source.path())
            .args(["-p", &address.port().to_string()]);
        serve = Serve::spawn(again);
    }
    let outcome = crate::script::outcome(child).succeeds();
    let mut copy = std::fs::File::open(file).unwrap();
    let (mut read, mut want) = (vec![1; MEBIBYTE], vec![0; MEBIBYTE]);
    for number in 0..MEBIBYTES {
        copy.read_exact(&mut read).unwrap();
        want[..8].copy_from_slice(&number.to_le_bytes());
        assert!(read == want, "mebibyte {number} is another one");
    }
    assert_eq!(copy.read(&mut read).unwrap(), 0);
    assert!(
        outcome.stderr.matches("trying again").count() >= 5,
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_interrupted_download_without_a_validator_is_retried_from_its_beginning() {
    // `File` always has an ETag.
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe";
    for flags in [&["-O"][..], &["-o", "file"]] {
        for cuts in 0..=4 {
            let mut answers = vec![cut; cuts];
            answers.push(HELLO);
            let (server, folder) = (Server::answering(answers), Folder::new());
            let mut command = command(["get", "--retry-delay", "0.01"]);
            command
                .args(flags)
                .arg(server.url("/file"))
                .current_dir(folder.path());
            let outcome = run(command, b"");
            assert_eq!(
                outcome.code,
                if cuts > 3 { 18 } else { 0 },
                "{cuts} {outcome:?}"
            );
            assert_eq!(server.requests().len(), (cuts + 1).min(4), "{flags:?}");
            assert_eq!(ranges(&server), vec![""; (cuts + 1).min(4)]);
            if cuts <= 3 {
                assert_eq!(folder.names(), ["file"]);
                assert_eq!(folder.read("file"), b"hello");
            }
        }
    }
}

#[test]
fn growing_pieces_without_a_validator_do_not_retry_for_ever() {
    let answer = |sent: usize| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",
            "x".repeat(sent)
        )
    };
    let server = Server::answering((1..=20).map(answer));
    let folder = Folder::new();
    download(&server, &folder, &["--retry-delay", "0.01"]).fails(18);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_request_with_an_effect_is_not_retried_unasked() {
    let cut = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 5\r\n\r\nhe";
    for (flags, requests) in [
        (&["-d", "a=1"][..], 1),
        (&["-X", "DELETE"], 1),
        (&["-d", "a=1", "--retry", "1"], 2),
    ] {
        let (server, folder) = (Server::answering([cut, HELLO]), Folder::new());
        let flags = [flags, &["--retry-delay", "0.01"]].concat();
        let outcome = download(&server, &folder, &flags);
        assert_eq!(server.requests().len(), requests, "{flags:?} {outcome:?}");
        assert_eq!(ranges(&server), vec![""; requests], "{flags:?}");
    }
}

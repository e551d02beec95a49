//! Resuming always ends with the bytes of exactly one version, however the server answers.

use crate::script::{Connection, Outcome, Server, get};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::Folder;

/// One row of the tables.
#[derive(Debug, Clone, Copy)]
struct Case {
    kind: Kind,
    behaviour: Behaviour,
    /// The version from the second request on; the first one gets version 1.
    version: usize,
    /// The length of every version.
    length: usize,
    /// How many bytes the first response has.
    breaks_at: usize,
}

/// How a version is told from others.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Strong,
    Weak,
    Date,
    /// A date that is too young to tell versions apart.
    Young,
    Nothing,
}

/// How the server answers the request for the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Behaviour {
    /// As RFC 9110 has it.
    Right,
    /// Ignores ranges.
    Whole,
    /// Ignores If-Range.
    NoIfRange,
    /// A 206 without validators.
    Bare,
    /// A 206 for another range.
    OtherRange,
    /// A 206 that is shorter than its range, with a length that fits the content.
    Shorter,
    /// The same in chunks.
    ShorterInChunks,
    /// A 206 that is longer than its range.
    Longer,
    LongerInChunks,
    /// A 206 in another content coding.
    Encoded,
    /// The whole has another length now.
    OtherTotal,
    /// 416, whatever is asked for.
    Refusal,
    /// 416 with the length that the part has.
    FalseEnd,
    NotFound,
}

const BEHAVIOURS: [Behaviour; 14] = [
    Behaviour::Right,
    Behaviour::Whole,
    Behaviour::NoIfRange,
    Behaviour::Bare,
    Behaviour::OtherRange,
    Behaviour::Shorter,
    Behaviour::ShorterInChunks,
    Behaviour::Longer,
    Behaviour::LongerInChunks,
    Behaviour::Encoded,
    Behaviour::OtherTotal,
    Behaviour::Refusal,
    Behaviour::FalseEnd,
    Behaviour::NotFound,
];

/// The bytes of a version; no two versions share one at any position.
fn content(version: usize, length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at * 7 + at / 251) as u8 ^ (version as u8 * 0x55))
        .collect()
}

fn validators(kind: Kind, version: usize) -> String {
    let date = "Date: Sun, 06 Nov 1994 10:00:00 GMT\r\n";
    match kind {
        Kind::Strong => format!("ETag: \"v{version}\"\r\n"),
        Kind::Weak => format!("ETag: W/\"v{version}\"\r\n"),
        Kind::Date => format!("{date}Last-Modified: Sun, 06 Nov 1994 08:49:0{version} GMT\r\n"),
        Kind::Young => format!("{date}Last-Modified: Sun, 06 Nov 1994 09:59:5{version} GMT\r\n"),
        Kind::Nothing => String::new(),
    }
}

fn field(request: &str, name: &str) -> Option<String> {
    let line = request
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.map(str::to_owned)
}

/// Answers one request with that version.
fn answer(connection: &mut Connection, case: Case) -> bool {
    let Case {
        kind,
        behaviour,
        version,
        length,
        ..
    } = case;
    let Some(request) = connection.request() else {
        return false;
    };
    let content = content(version, length);
    let own = validators(kind, version);
    let range = field(&request, "Range").filter(|_| behaviour != Behaviour::Whole);
    let condition = field(&request, "If-Range");
    let fits = condition.is_none_or(|condition| own.contains(&format!(": {condition}\r\n")));
    let is_ignored = !fits && matches!(behaviour, Behaviour::Right);
    let Some(range) = range.filter(|_| !is_ignored) else {
        connection.send(format!(
            "HTTP/1.1 200 OK\r\nAccept-Ranges: bytes\r\nContent-Length: {length}\r\n{own}\r\n"
        ));
        connection.send(&content);
        return true;
    };
    let range = range.strip_prefix("bytes=").unwrap();
    let (first, last) = range.split_once('-').unwrap();
    let first: usize = first.parse().unwrap();
    let last = last.parse().unwrap_or(length - 1);
    let refuse = |total: usize| {
        format!("HTTP/1.1 416 No\r\nContent-Range: bytes */{total}\r\nContent-Length: 0\r\n\r\n")
    };
    if first >= length {
        connection.send(refuse(length));
        return true;
    }
    let rest = &content[first..=last];
    let chunks = "Transfer-Encoding: chunked";
    let sized = |bytes: &[u8]| format!("Content-Length: {}", bytes.len());
    let partial = |first: usize, total: usize, extra: &str, validators: &str| {
        format!(
            "HTTP/1.1 206 Part\r\nContent-Range: bytes {first}-{last}/{total}\r\n{extra}\r\n\
             {validators}\r\n"
        )
    };
    let long = [rest, b"more"].concat();
    let short = &rest[..rest.len() / 2];
    let (head, sent): (String, &[u8]) = match behaviour {
        Behaviour::Bare => (partial(first, length, &sized(rest), ""), rest),
        Behaviour::OtherRange => (partial(first - 1, length, &sized(rest), &own), rest),
        Behaviour::Shorter => (partial(first, length, &sized(short), &own), short),
        Behaviour::ShorterInChunks => (partial(first, length, chunks, &own), short),
        Behaviour::Longer => (partial(first, length, &sized(&long), &own), &long),
        Behaviour::LongerInChunks => (partial(first, length, chunks, &own), &long),
        Behaviour::Encoded => {
            let fields = format!("{own}Content-Encoding: gzip\r\n");
            (partial(first, length, &sized(rest), &fields), rest)
        }
        Behaviour::OtherTotal => (partial(first, length + 5, &sized(rest), &own), rest),
        Behaviour::Refusal => (refuse(length / 2 + 7), &[]),
        Behaviour::FalseEnd => (refuse(first), &[]),
        Behaviour::NotFound => ("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n".into(), &[]),
        _ => (partial(first, length, &sized(rest), &own), rest),
    };
    connection.send(head);
    match behaviour {
        Behaviour::ShorterInChunks | Behaviour::LongerInChunks => {
            connection.send(format!("{:x}\r\n", sent.len()));
            connection.send(sent);
            connection.send("\r\n0\r\n\r\n");
        }
        _ => connection.send(sent),
    }
    true
}

/// A server whose first response breaks off; from then on it behaves like that, with that version.
fn serve(case: Case) -> Server {
    let number = Arc::new(AtomicUsize::new(0));
    Server::start_parallel(move |connection| {
        if number.fetch_add(1, Ordering::SeqCst) == 0 {
            connection.request();
            let (length, own) = (case.length, validators(case.kind, 1));
            connection.send(format!(
                "HTTP/1.1 200 OK\r\nAccept-Ranges: bytes\r\nContent-Length: {length}\r\n{own}\r\n"
            ));
            connection.send(&content(1, length)[..case.breaks_at]);
            return;
        }
        while answer(connection, case) {}
    })
}

/// A server that neither knows If-Range nor sends a date cannot be found out.
fn is_unknowable(case: Case) -> bool {
    case.kind == Kind::Date && case.behaviour == Behaviour::Bare && case.version == 2
}

/// Checks that the file has the bytes of one version, or does not exist.
fn judge(folder: &Folder, outcome: &Outcome, case: Case) {
    match fs::read(folder.join("f")) {
        Ok(bytes) => {
            assert_eq!(outcome.code, 0, "{case:?}: {outcome:?}");
            let mut versions = [1, 2].iter();
            let is_one = versions.any(|version| bytes == content(*version, case.length));
            assert!(is_one, "{case:?}: {} bytes of no version", bytes.len());
        }
        Err(_) => assert_ne!(outcome.code, 0, "{case:?}: {outcome:?}"),
    }
}

/// All rows for one kind of validator.
fn cases(kind: Kind, length: usize, breaks: &[usize]) -> Vec<Case> {
    let mut cases = Vec::new();
    for behaviour in BEHAVIOURS {
        for version in [1, 2] {
            cases.extend(breaks.iter().map(|breaks_at| Case {
                kind,
                behaviour,
                version,
                length,
                breaks_at: *breaks_at,
            }));
        }
    }
    cases.retain(|case| !is_unknowable(*case));
    cases
}

/// One run that retries, then two runs that do not.
fn resume(case: Case) {
    for runs in [1, 2] {
        let server = serve(case);
        let folder = Folder::new();
        let (file, url) = (folder.join("f"), server.url("/"));
        let retry = if runs == 1 { "2" } else { "0" };
        let args = [
            "--retry",
            retry,
            "--retry-delay",
            "0.001",
            "-o",
            &file,
            &url,
        ];
        let mut outcome = get(args);
        if runs == 2 {
            judge(&folder, &outcome, case);
            outcome = get(args);
        }
        judge(&folder, &outcome, case);
        let is_right = case.version == 1 && case.behaviour == Behaviour::Right;
        if is_right && matches!(case.kind, Kind::Strong | Kind::Date) {
            assert_eq!(outcome.code, 0, "{case:?}: {outcome:?}");
            let want = format!("Range: bytes={}-\r\n", case.breaks_at);
            assert!(
                server.requests().last().unwrap().contains(&want),
                "{case:?}"
            );
        }
    }
}

fn resuming_ends_with_one_version(kind: Kind) {
    let length = 20_000;
    for case in cases(kind, length, &[length / 2, length - 1]) {
        resume(case);
    }
}

#[test]
fn resuming_by_a_strong_tag_ends_with_one_version() {
    resuming_ends_with_one_version(Kind::Strong);
}

#[test]
fn resuming_by_a_weak_tag_ends_with_one_version() {
    resuming_ends_with_one_version(Kind::Weak);
}

#[test]
fn resuming_by_a_date_ends_with_one_version() {
    resuming_ends_with_one_version(Kind::Date);
}

#[test]
fn resuming_by_a_young_date_ends_with_one_version() {
    resuming_ends_with_one_version(Kind::Young);
}

#[test]
fn resuming_without_a_validator_ends_with_one_version() {
    resuming_ends_with_one_version(Kind::Nothing);
}

#[test]
fn segments_end_with_one_version() {
    let length = 2_200_000;
    for kind in [Kind::Strong, Kind::Date] {
        for case in cases(kind, length, &[length / 4]) {
            let server = serve(case);
            let folder = Folder::new();
            let (file, url) = (folder.join("f"), server.url("/"));
            let args = [
                "--parallel-segments",
                "2",
                "--retry",
                "1",
                "--retry-delay",
                "0.001",
            ];
            for _ in 0..2 {
                let outcome = get(args.into_iter().chain(["-o", &file, &url]));
                judge(&folder, &outcome, case);
                if outcome.code == 0 {
                    break;
                }
            }
            let names = folder.names();
            assert!(
                !names.contains(&"f.segments".to_owned()),
                "{case:?}: {names:?}"
            );
        }
    }
}

#[test]
fn a_part_that_nothing_asked_for_is_no_file() {
    let server = Server::answering([
        "HTTP/1.1 206 Part\r\nContent-Range: bytes 0-4/10\r\nContent-Length: 5\r\n\r\nhello",
    ]);
    let folder = Folder::new();
    get(["-o", &folder.join("f"), &server.url("/")]).fails(33);
    assert_eq!(folder.names(), [""; 0]);
    for length in [4, 6] {
        let answer = format!(
            "HTTP/1.1 206 Part\r\nContent-Range: bytes 0-4/10\r\nContent-Length: {length}\r\n\r\n{}",
            &"hello!"[..length]
        );
        let server = Server::answering([answer]);
        let outcome = get(["-r", "0-4", "-o", &folder.join("f"), &server.url("/")]);
        assert_ne!(outcome.code, 0, "{outcome:?}");
        assert_eq!(folder.names(), [""; 0]);
    }
}

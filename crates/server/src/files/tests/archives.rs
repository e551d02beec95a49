//! Directories as archives.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Cursor;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::time::{Duration, UNIX_EPOCH};

/// The names and content of an archive; directories end in a slash.
type Tree = BTreeMap<Vec<u8>, Vec<u8>>;

fn untar(archive: &[u8]) -> Tree {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        assert_eq!(
            entry.header().entry_type().is_dir(),
            entry.path_bytes().ends_with(b"/")
        );
        (entry.path_bytes().into_owned(), content)
    });
    entries.collect()
}

fn unzip(archive: &[u8]) -> Tree {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    let entries = (0..archive.len()).map(|number| {
        let mut entry = archive.by_index(number).unwrap();
        let mut content = Vec::new();
        // Compares the checksum too.
        entry.read_to_end(&mut content).unwrap();
        (entry.name_raw().to_vec(), content)
    });
    entries.collect()
}

fn unpack(format: &str, archive: &[u8]) -> Tree {
    if format == "tar" {
        untar(archive)
    } else {
        unzip(archive)
    }
}

fn site() -> Site {
    let long = format!("photos/{}/{}.txt", "a".repeat(90), "ü".repeat(90));
    let site = Site::new(&[
        ("photos/b.txt", "bbb"),
        ("photos/empty", ""),
        ("photos/inner/c.bin", &"c".repeat(100_000)),
        ("photos/a b#?%ü<&>.txt", "odd"),
        (&long, "long"),
        ("photos/.hidden", "hidden"),
        ("elsewhere", "elsewhere"),
    ]);
    fs::create_dir(site.path("photos/nothing")).unwrap();
    fs::write(
        site.path("photos").join(OsStr::from_bytes(b"not\xfftext")),
        "bytes",
    )
    .unwrap();
    symlink("../elsewhere", site.path("photos/link")).unwrap();
    symlink("inner", site.path("photos/link-folder")).unwrap();
    symlink("..", site.path("photos/circle")).unwrap();
    symlink("/etc/passwd", site.path("photos/outside")).unwrap();
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        site.path("photos/fifo"),
        rustix::fs::Mode::RUSR,
    )
    .unwrap();
    site
}

#[test]
fn everything_in_a_folder_and_nothing_else() {
    let site = site();
    let long_folder = format!("photos/{}/", "a".repeat(90));
    let long = format!("{long_folder}{}.txt", "ü".repeat(90));
    let large = "c".repeat(100_000);
    let want: Tree = [
        ("photos/", ""),
        ("photos/b.txt", "bbb"),
        ("photos/empty", ""),
        ("photos/inner/", ""),
        ("photos/inner/c.bin", &large),
        ("photos/a b#?%ü<&>.txt", "odd"),
        (&long_folder, ""),
        (&long, "long"),
        ("photos/nothing/", ""),
        ("photos/link", "elsewhere"),
    ]
    .into_iter()
    .map(|(name, content)| (name.as_bytes().to_vec(), content.as_bytes().to_vec()))
    .chain([(b"photos/not\xfftext".to_vec(), b"bytes".to_vec())])
    .collect();
    for (format, media_type) in [("tar", "application/x-tar"), ("zip", "application/zip")] {
        let answer = site.get_with(
            &format!("/photos/?download={format}"),
            "Accept-Encoding: gzip",
        );
        assert_eq!(
            (answer.status, answer.field("content-type")),
            (200, media_type)
        );
        assert_eq!(
            (
                answer.field("content-encoding"),
                answer.field("accept-ranges")
            ),
            ("", "bytes")
        );
        let disposition =
            format!("attachment; filename=\"photos.{format}\"; filename*=UTF-8''photos.{format}");
        assert_eq!(answer.field("content-disposition"), disposition);
        assert!(unpack(format, &answer.content) == want, "{format}");
        let again = site.get(&format!("/photos/?download={format}"));
        assert!(again.content == answer.content && again.fields == answer.fields);
    }
    let root = unpack("tar", &site.get("/?download=tar").content);
    assert!(root.contains_key(&b"files/photos/inner/c.bin"[..]));
}

#[test]
fn times_and_names_survive() {
    let site = Site::new(&[("ü \"%.x/a", "")]);
    let modified = UNIX_EPOCH + Duration::from_secs(1_763_669_443);
    File::open(site.path("ü \"%.x/a"))
        .unwrap()
        .set_modified(modified)
        .unwrap();
    let answer = site.get("/%C3%BC%20%22%25.x/?download=tar");
    let want = "attachment; filename=\"__ __.x.tar\"; filename*=UTF-8''%C3%BC%20%22%25.x.tar";
    assert_eq!(answer.field("content-disposition"), want);
    let mut archive = tar::Archive::new(&answer.content[..]);
    let entry = archive.entries().unwrap().nth(1).unwrap().unwrap();
    assert_eq!(entry.header().mtime().unwrap(), 1_763_669_443);
    assert_eq!(entry.header().mode().unwrap(), 0o644);
    let answer = site.get("/%C3%BC%20%22%25.x/?download=zip");
    let mut archive = zip::ZipArchive::new(Cursor::new(answer.content)).unwrap();
    let entry = archive.by_index(1).unwrap();
    assert_eq!(entry.name().unwrap(), "ü \"%.x/a");
    assert_eq!(
        entry.last_modified().unwrap().to_string(),
        "2025-11-20 20:10:42"
    );
    assert_eq!(entry.unix_mode(), Some(0o100_644));
}

#[test]
fn an_archive_can_be_resumed() {
    let site = site();
    for format in ["tar", "zip"] {
        let target = format!("/photos/?download={format}");
        let whole = site.get(&target);
        let (etag, length) = (whole.field("etag"), whole.content.len());
        let answer = site.get_with(&target, &format!("Range: bytes=1000- | If-Range: {etag}"));
        assert_eq!(answer.status, 206);
        assert_eq!(
            answer.field("content-range"),
            format!("bytes 1000-{}/{length}", length - 1)
        );
        assert!(answer.content == whole.content[1000..]);
        assert_eq!(
            site.get_with(&target, &format!("If-None-Match: {etag}"))
                .status,
            304
        );
        assert_eq!(site.get_with(&target, "Range: bytes=9999999-").status, 416);

        fs::write(site.path("photos/b.txt"), format).unwrap();
        let answer = site.get_with(&target, &format!("Range: bytes=1000- | If-Range: {etag}"));
        assert_eq!(answer.status, 200);
        assert_ne!(answer.field("etag"), etag);
        let etag = answer.field("etag").to_owned();
        fs::remove_file(site.path("photos/b.txt")).unwrap();
        assert_ne!(site.get(&target).field("etag"), etag);
        fs::write(site.path("photos/b.txt"), format).unwrap();
    }
}

#[test]
fn a_change_while_it_is_sent_is_noticed() {
    for format in ["tar", "zip"] {
        for change in 0..3 {
            let site = site();
            let request = http::Request::get(format!("/photos/?download={format}"));
            let mut body = site
                .files
                .respond_to(request.body(Body::empty()).unwrap())
                .into_body();
            let path = site.path("photos/inner/c.bin");
            match change {
                0 => fs::remove_file(&path).unwrap(),
                1 => fs::write(&path, "short").unwrap(),
                _ => {
                    fs::write(site.path("other"), "d".repeat(200_000)).unwrap();
                    fs::rename(site.path("other"), &path).unwrap();
                }
            }
            assert!(
                body.read_to_end(&mut Vec::new()).is_err(),
                "{format} {change}"
            );
        }
    }
}

/// A site in which one file and one directory can't be read. `None`: this process can read
/// everything.
fn partly_unreadable() -> Option<Site> {
    let site = Site::new(&[
        ("a/readable", "content"),
        ("a/secret", "secret"),
        ("a/closed/x", "x"),
        ("a/open/y", "y"),
    ]);
    let close = |name: &str| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o000);
        fs::set_permissions(site.path(name), mode).unwrap();
    };
    close("a/secret");
    close("a/closed");
    File::open(site.path("a/secret")).is_err().then_some(site)
}

#[test]
fn unreadable_entries_are_left_out() {
    let Some(site) = partly_unreadable() else {
        return;
    };
    for format in ["tar", "zip"] {
        let answer = site.get(&format!("/a/?download={format}"));
        assert_eq!(answer.status, 200);
        let tree = unpack(format, &answer.content);
        let names: Vec<_> = tree
            .keys()
            .map(|name| String::from_utf8_lossy(name))
            .collect();
        assert_eq!(
            names,
            ["a/", "a/open/", "a/open/y", "a/readable"],
            "{format}"
        );
    }
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(site.path("a/closed"), mode).unwrap();
}

#[test]
fn names_that_other_systems_or_terminals_obey_are_escaped() {
    let site = Site::new(&[
        ("a\\b/e\\..\\evil.txt", "1"),
        ("a\\b/x\u{1b}[31m\n.txt", "2"),
        ("a\\b/in\\ner/50%25.txt", "3"),
    ]);
    for format in ["tar", "zip"] {
        let answer = site.get(&format!("/a%5Cb/?download={format}"));
        let disposition =
            format!("attachment; filename=\"a_5Cb.{format}\"; filename*=UTF-8''a%255Cb.{format}");
        assert_eq!(answer.field("content-disposition"), disposition);
        let tree = unpack(format, &answer.content);
        let names: Vec<_> = tree
            .keys()
            .map(|name| String::from_utf8_lossy(name))
            .collect();
        let want = [
            "a%5Cb/",
            "a%5Cb/e%5C..%5Cevil.txt",
            "a%5Cb/in%5Cner/",
            "a%5Cb/in%5Cner/50%2525.txt",
            "a%5Cb/x%1B[31m%0A.txt",
        ];
        assert_eq!(names, want, "{format}");
    }
}

#[test]
fn an_archive_holds_one_directory_for_each_level() {
    let site = Site::new(&[]);
    for directory in 0..50 {
        fs::create_dir_all(site.path(&format!("a/{directory}"))).unwrap();
        for number in 0..200 {
            fs::write(site.path(&format!("a/{directory}/{number}")), "x").unwrap();
        }
    }
    let budget = site.files.store.budget();
    let before = budget.left();
    for method in [Method::HEAD, Method::GET] {
        let request = http::Request::builder()
            .method(method)
            .uri("/a/?download=zip");
        let response = site.files.respond_to(request.body(Body::empty()).unwrap());
        let mut body = response.into_body();
        let mut most = 0;
        let mut piece = vec![0; 64 * 1024];
        loop {
            most = most.max(before - budget.left());
            match body.read(&mut piece) {
                Ok(0) => break,
                Err(error) if error.kind() != std::io::ErrorKind::Interrupted => panic!("{error}"),
                _ => {}
            }
        }
        assert!(most < 600 * 1024, "{most}");
    }
    assert_eq!(budget.left(), before);
}

#[test]
fn several_ranges_of_an_archive_are_answered_with_the_whole() {
    let site = site();
    let whole = site.get("/photos/?download=tar");
    let answer = site.get_with("/photos/?download=tar", "Range: bytes=0-9,500-509");
    assert_eq!(answer.status, 200);
    assert!(answer.content == whole.content);
}

/// A range must not be sent even if the change lies before or after it.
#[test]
fn a_range_of_an_archive_that_has_changed_is_cut() {
    for format in ["tar", "zip"] {
        for range in ["0-99", "1000-1099", "-200"] {
            for change in ["photos/0 first", "photos/z last", "photos/b.txt"] {
                let site = site();
                let request = http::Request::get(format!("/photos/?download={format}"))
                    .header("range", format!("bytes={range}"));
                let response = site.files.respond_to(request.body(Body::empty()).unwrap());
                assert_eq!(response.status(), 206);
                fs::write(site.path(change), "changed").unwrap();
                let read = response.into_body().read_to_end(&mut Vec::new());
                assert!(read.is_err(), "{format} {range} {change}");
            }
        }
    }
}

/// An archive must not look complete if a file is written while it is sent: a longer file may have
/// another beginning.
#[test]
fn a_rewritten_file_aborts_the_archive() {
    for format in ["tar", "zip"] {
        let site = Site::new(&[("a/x", &"x".repeat(1_000_000))]);
        let request = http::Request::get(format!("/a/?download={format}"));
        let response = site.files.respond_to(request.body(Body::empty()).unwrap());
        let mut body = response.into_body();
        body.read_exact(&mut [0; 100_000]).unwrap();
        fs::write(site.path("a/x"), "y".repeat(1_000_001)).unwrap();
        assert!(body.read_to_end(&mut Vec::new()).is_err(), "{format}");
    }
}

/// Each file is read once for all requests, and its checksum is remembered.
#[test]
fn the_tail_of_a_zip_needs_each_file_once() {
    let site = Site::new(&[("a/x", &"x".repeat(3_000_000)), ("a/y", "y")]);
    let whole = site.get("/a/?download=zip").content;
    for _ in 0..2 {
        let files = Options::new().open(site.folder.path()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let request =
                        http::Request::get("/a/?download=zip").header("range", "bytes=-300");
                    let response = files.respond_to(request.body(Body::empty()).unwrap());
                    let mut tail = Vec::new();
                    response.into_body().read_to_end(&mut tail).unwrap();
                    assert!(whole.ends_with(&tail) && tail.len() == 300);
                });
            }
        });
    }
}

#[test]
fn whether_archives_are_offered() {
    let files = [("a/x", ""), ("b/index.html", "index")];
    let offered = Site::new(&files);
    let button = "<button name=\"download\" value=\"zip\">";
    assert!(offered.get("/a/").text().contains(button));
    assert_eq!(offered.get("/b/?download=zip").text(), "index");
    assert_eq!(
        offered.get("/a/?download=rar").field("content-type"),
        "text/html; charset=utf-8"
    );
    assert_eq!(offered.get("/missing/?download=zip").status, 404);
    assert_eq!(
        offered.get("/a?download=zip").field("location"),
        "/a/?download=zip"
    );
    let refused = Site::with(Options::new().archives(false), &files);
    assert_eq!(
        refused.get("/a/?download=zip").field("content-type"),
        "text/html; charset=utf-8"
    );
    assert!(!refused.get("/a/").text().contains("download"));
}

#[test]
fn files_beyond_the_old_limits() {
    let site = Site::new(&[("a/small", "s")]);
    let length = 9 << 30;
    File::create(site.path("a/huge"))
        .unwrap()
        .set_len(length)
        .unwrap();
    let head = |target: &str| {
        let request = http::Request::head(target).body(Body::empty()).unwrap();
        site.files.respond_to(request).into_body().length().unwrap()
    };
    // The folder, pax header and header, content, the other file, the end.
    assert_eq!(
        head("/a/?download=tar"),
        512 + 3 * 512 + length + 2 * 512 + 1024
    );
    let part = site.get_with("/a/?download=tar", "Range: bytes=0-4095");
    assert!(
        part.content
            .windows(16)
            .any(|bytes| bytes == b" size=9663676416")
    );
    // Both files' headers, without the content of the large one.
    let tail = site.get_with("/a/?download=tar", "Range: bytes=-2048");
    assert!(tail.content.starts_with(b"a/small\0"));
    assert!(head("/a/?download=zip") > length);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn ranges_are_parts_of_the_whole(
        lengths in prop::collection::vec(0..3000_usize, 0..6),
        ranges in prop::collection::vec((0.0..1.0, 0.0..1.0), 8),
    ) {
        let site = Site::new(&[]);
        for (number, length) in lengths.iter().enumerate() {
            let content: Vec<u8> = (0..*length).map(|at| (at * 31 + number) as u8).collect();
            fs::write(site.path(&format!("{number}")), content).unwrap();
        }
        for format in ["tar", "zip"] {
            let target = format!("/?download={format}");
            // Another handler each, so that no checksum is remembered from the whole.
            let whole = Options::new().open(site.folder.path()).unwrap();
            let whole = Site { folder: tempfile::tempdir().unwrap(), files: whole }.get(&target).content;
            prop_assert_eq!(unpack(format, &whole).len(), lengths.len() + 1);
            for (first, size) in &ranges {
                let first = (first * whole.len() as f64) as usize;
                let last = first + (size * (whole.len() - first) as f64) as usize;
                let answer = site.get_with(&target, &format!("Range: bytes={first}-{last}"));
                prop_assert_eq!(answer.status, 206);
                prop_assert!(answer.content == whole[first..whole.len().min(last + 1)]);
            }
        }
    }
}

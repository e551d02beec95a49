//! Files that change: between requests, and while they are sent.

use super::*;

#[test]
fn every_change_changes_the_tag() {
    let site = Site::new(&[("file", "one")]);
    let path = site.path("file");
    let mut tags = vec![site.get("/file").field("etag").to_owned()];
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    // The same length and the same mtime, as an archive may unpack them.
    let replace = |name: &str, content: &str| {
        let other = site.path(name);
        fs::write(&other, content).unwrap();
        File::open(&other).unwrap().set_modified(modified).unwrap();
        other
    };
    for content in ["two", "six"] {
        fs::rename(replace("other", content), &path).unwrap();
        let answer = site.get("/file");
        assert_eq!(answer.text(), content);
        tags.push(answer.field("etag").to_owned());
    }
    fs::write(&path, "longer").unwrap();
    tags.push(site.get("/file").field("etag").to_owned());
    let count = tags.len();
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), count, "{tags:?}");
}

#[test]
fn a_file_from_the_future_was_modified_now() {
    let site = Site::new(&[("file", "one")]);
    let future = SystemTime::now() + std::time::Duration::from_secs(1 << 30);
    File::open(site.path("file"))
        .unwrap()
        .set_modified(future)
        .unwrap();
    let before = HttpDate::from(SystemTime::now());
    let answer = site.get("/file");
    let after = HttpDate::from(SystemTime::now());
    let date = HttpDate::parse(answer.field("last-modified").as_bytes(), after).unwrap();
    assert!(before <= date && date <= after);
    // That date names no state of the file, so no part of it either.
    let fields = format!(
        "Range: bytes=0-0 | If-Range: {}",
        answer.field("last-modified")
    );
    assert_eq!(site.get_with("/file", &fields).status, 200);
}

/// A representation from before the clock was set back has no Last-Modified later than Date (RFC
/// 9110 §8.8.2.1).
#[test]
fn a_clock_that_is_set_back() {
    let site = Site::new(&[("file", "one")]);
    let store = &site.files.store;
    let (_, version) = store.stat(b"file").unwrap();
    let made = store
        .representation(b"file", &version, &AcceptEncoding::ABSENT)
        .unwrap();
    let now = HttpDate::from(SystemTime::now() + std::time::Duration::from_secs(2));
    assert!(made.rendered(now).is_some());
    let earlier = HttpDate::from(SystemTime::now() - std::time::Duration::from_secs(3600));
    assert!(made.rendered(earlier).is_none());
    let mut fields = HeaderMap::new();
    made.write_fields(earlier, &mut fields);
    assert_eq!(
        fields[http::header::LAST_MODIFIED].as_bytes(),
        earlier.write()
    );
    assert!(made.rendered(now).is_some());
}

/// Content that is too long for memory.
const LARGE: usize = 300 * 1024;

/// A response whose content has not been read yet.
fn begin(site: &Site, fields: &str) -> Body {
    let request = fields
        .split(" | ")
        .filter_map(|field| field.split_once(": "))
        .fold(http::Request::get("/file.txt"), |request, (name, value)| {
            request.header(name, value)
        });
    let response = site.files.respond_to(request.body(Body::empty()).unwrap());
    assert!(response.status().is_success());
    response.into_body()
}

#[test]
fn changed_content_never_looks_complete() {
    type Change = fn(&Path);
    let table: &[(&str, Change, bool)] = &[
        ("nothing", |_| (), true),
        (
            "shrinks",
            |path| {
                File::options()
                    .write(true)
                    .open(path)
                    .unwrap()
                    .set_len(LARGE as u64 - 1)
                    .unwrap();
            },
            false,
        ),
        (
            "is emptied",
            |path| drop(File::create(path).unwrap()),
            false,
        ),
        (
            "is written over",
            |path| fs::write(path, "b".repeat(LARGE)).unwrap(),
            false,
        ),
        (
            "is written over and longer",
            |path| fs::write(path, "b".repeat(LARGE + 4000)).unwrap(),
            false,
        ),
        (
            "grows",
            |path| {
                use std::io::Write;
                File::options()
                    .append(true)
                    .open(path)
                    .unwrap()
                    .write_all(b"more")
                    .unwrap();
            },
            true,
        ),
        (
            "is replaced",
            |path| {
                let other = path.with_extension("other");
                fs::write(&other, "b".repeat(LARGE)).unwrap();
                fs::rename(other, path).unwrap();
            },
            true,
        ),
        ("is removed", |path| fs::remove_file(path).unwrap(), true),
    ];
    let requests = [
        "",
        "Range: bytes=0-299999",
        "Range: bytes=0-99, 1000-299999",
        #[cfg(feature = "compression")]
        "Accept-Encoding: gzip",
        #[cfg(feature = "compression")]
        "Accept-Encoding: br",
        #[cfg(feature = "compression")]
        "Accept-Encoding: zstd",
    ];
    for (what, change, fine) in table {
        for fields in requests {
            let site = Site::new(&[("file.txt", &"a".repeat(LARGE))]);
            let mut body = begin(&site, fields);
            change(&site.path("file.txt"));
            let mut content = Vec::new();
            let read = body.read_to_end(&mut content);
            assert_eq!(read.is_ok(), *fine, "a file that {what}, {fields}");
            if *fine && !fields.starts_with("Accept") {
                assert!(
                    !content.contains(&b'b') || fields.contains(','),
                    "{what}, {fields}"
                );
            }
        }
    }
}

/// A file whose last write is long ago is no log: appending to it aborts responses.
#[test]
fn an_old_file_that_grows_does_not_look_complete() {
    let site = Site::new(&[("file.txt", &"a".repeat(LARGE))]);
    let long_ago = SystemTime::now() - std::time::Duration::from_secs(1_000_000);
    let file = File::options()
        .append(true)
        .open(site.path("file.txt"))
        .unwrap();
    file.set_modified(long_ago).unwrap();
    let mut body = begin(&site, "");
    std::io::Write::write_all(&mut &file, b"more").unwrap();
    body.read_to_end(&mut Vec::new()).unwrap_err();
}

/// Any number of readers, parts and codings of a file take one descriptor, and none afterwards.
#[test]
fn readers_of_a_file_share_a_descriptor() {
    let site = Site::new(&[("file.txt", &"a".repeat(LARGE))]);
    let path = fs::canonicalize(site.path("file.txt")).unwrap();
    let descriptors = || {
        let open = fs::read_dir("/proc/self/fd").unwrap();
        let open = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        open.filter(|target| *target == path).count()
    };
    let requests = [
        "",
        "Range: bytes=5-",
        "Range: bytes=0-99, 100000-",
        #[cfg(feature = "compression")]
        "Accept-Encoding: gzip",
    ];
    let mut bodies: Vec<_> = requests
        .iter()
        .cycle()
        .take(60)
        .map(|fields| begin(&site, fields))
        .collect();
    assert_eq!(descriptors(), 1);
    assert!(crate::body::OpenFile::count() >= 1);
    let mut content = Vec::new();
    bodies[0].read_to_end(&mut content).unwrap();
    assert_eq!(content.len(), LARGE);
    // Another state of the file is another file to them.
    fs::write(site.path("other"), "b".repeat(LARGE)).unwrap();
    fs::rename(site.path("other"), site.path("file.txt")).unwrap();
    bodies.push(begin(&site, ""));
    content.clear();
    bodies[60].read_to_end(&mut content).unwrap();
    assert!(content.iter().all(|byte| *byte == b'b'));
    drop(bodies);
    assert_eq!(descriptors(), 0);
}

#[test]
fn a_change_is_seen_by_the_next_request() {
    let site = Site::new(&[("file.txt", "0")]);
    for number in 1..200 {
        let content = (number * 7).to_string();
        match number % 3 {
            0 => fs::write(site.path("file.txt"), &content).unwrap(),
            1 => {
                fs::write(site.path("other"), &content).unwrap();
                fs::rename(site.path("other"), site.path("file.txt")).unwrap();
            }
            _ => {
                fs::remove_file(site.path("file.txt")).unwrap();
                assert_eq!(site.get("/file.txt").status, 404);
                fs::write(site.path("file.txt"), &content).unwrap();
            }
        }
        assert_eq!(site.get("/file.txt").text(), content);
        assert_eq!(site.get("/file.txt").text(), content);
    }
}

#[test]
fn under_changes_and_load_every_answer_is_a_true_one() {
    use std::collections::HashMap;
    use std::sync::atomic::{AtomicBool, Ordering};

    let site = Site::new(&[("file.txt", "")]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut contents: HashMap<String, Vec<u8>> = HashMap::new();
                    while !done.load(Ordering::Relaxed) {
                        let answer = site.get("/file.txt");
                        if answer.status == 404 {
                            continue;
                        }
                        assert_eq!(answer.status, 200);
                        // Each content repeats one letter, or is a prefix of that while it is being
                        // written.
                        let first = answer.content.first().copied();
                        assert!(answer.content.iter().all(|byte| Some(*byte) == first));
                        let etag = answer.field("etag").to_owned();
                        let known = contents
                            .entry(etag)
                            .or_insert_with(|| answer.content.clone());
                        assert!(*known == answer.content, "one tag for two contents");
                    }
                })
            })
            .collect();
        for number in 0..600_usize {
            let letter = char::from(b'a' + (number % 26) as u8).to_string();
            let content = letter.repeat(1 + number * 37 % 4000);
            let path = site.path("file.txt");
            match number % 4 {
                0 => fs::write(&path, &content).unwrap(),
                1 => fs::remove_file(&path).unwrap(),
                2 => fs::write(&path, &content).unwrap(),
                _ => {
                    fs::write(site.path("other"), &content).unwrap();
                    fs::rename(site.path("other"), &path).unwrap();
                }
            }
            if number % 4 != 1 {
                assert_eq!(site.get("/file.txt").text(), content);
            }
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

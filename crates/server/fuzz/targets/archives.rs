//! Archives of a tree: readers of zip and tar find every file once, with its content, each under a name of its own, and a part of
//! an archive is that part of the whole.
#![no_main]

use http::StatusCode;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::path::Path;
use tinyhttp_server_fuzz::{content, directory, file_name, get, get_part};

/// The contents of all files in an archive, sorted.
type Contents = Vec<Vec<u8>>;

fn unzip(bytes: &[u8]) -> Contents {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("a zip archive");
    let (mut names, mut contents) = (BTreeSet::new(), Contents::new());
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).expect("an entry");
        let name = entry.name().expect("UTF-8").to_owned();
        assert!(names.insert(name.clone()), "{name:?} is there twice");
        if entry.is_file() {
            let mut read = Vec::new();
            entry.read_to_end(&mut read).expect("its content");
            contents.push(read);
        }
    }
    contents.sort();
    contents
}

fn untar(bytes: &[u8]) -> Contents {
    let mut archive = tar::Archive::new(bytes);
    let (mut names, mut contents) = (BTreeSet::new(), Contents::new());
    for entry in archive.entries().expect("a tar archive") {
        let mut entry = entry.expect("an entry");
        let name = entry.path_bytes().into_owned();
        assert!(names.insert(name.clone()), "{name:?} is there twice");
        if entry.header().entry_type().is_file() {
            let mut read = Vec::new();
            entry.read_to_end(&mut read).expect("its content");
            contents.push(read);
        }
    }
    contents.sort();
    contents
}

fn assert_part(folder: &Path, target: &str, whole: &[u8], first: u16, length: u16) {
    let first = usize::from(first) % whole.len();
    let last = (first + usize::from(length)).min(whole.len() - 1);
    for (range, want) in [
        (format!("bytes={first}-{last}"), &whole[first..=last]),
        (format!("bytes=-{}", whole.len() - first), &whole[first..]),
    ] {
        let response = get_part(folder, target, &range).expect("a request");
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        assert!(content(response) == want, "{target} {range}");
    }
}

fuzz_target!(|input: (u16, u16, Vec<(u8, &[u8], &[u8])>)| {
    let (first, length, entries) = input;
    let folder = directory();
    let mut contents = Contents::new();
    for (place, name, stored) in entries.into_iter().take(12) {
        let Some(name) = file_name(name) else {
            continue;
        };
        let parent = ["", "a", "a/b", "c"][usize::from(place % 4)];
        let parent = folder.path().join(parent);
        let path = parent.join(name);
        // Where a name is taken already, the first one stays.
        if std::fs::create_dir_all(parent).is_err() || path.exists() {
            continue;
        }
        if place & 4 != 0 {
            std::fs::create_dir(path).expect("a directory");
        } else {
            std::fs::write(path, stored).expect("a file");
            contents.push(stored.to_vec());
        }
    }
    contents.sort();
    for (target, read) in [
        ("/?download=zip", unzip as fn(&[u8]) -> Contents),
        ("/?download=tar", untar),
    ] {
        let response = get(folder.path(), target).expect("a request");
        assert_eq!(response.status(), StatusCode::OK);
        let whole = content(response);
        assert!(read(&whole) == contents, "{target}");
        assert_part(folder.path(), target, &whole, first, length);
    }
});

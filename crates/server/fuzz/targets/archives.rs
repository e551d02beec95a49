//! Archives of a tree: readers of zip and tar find every file once, with its content, each under a
//! name of its own, and a part of an archive is that part of the whole.
#![no_main]

#[path = "../../tests/server/unpack.rs"]
mod unpack;

use http::StatusCode;
use libfuzzer_sys::fuzz_target;
use std::path::Path;
use tinyhttp_server_fuzz::{content, directory, file_name, get, get_part};
use unpack::Entries;

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
    let mut contents: Vec<Vec<u8>> = Vec::new();
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
    for (target, unpack) in [
        ("/?download=zip", unpack::zip as fn(&[u8]) -> Entries),
        ("/?download=tar", unpack::tar),
    ] {
        let response = get(folder.path(), target).expect("a request");
        assert_eq!(response.status(), StatusCode::OK);
        let whole = content(response);
        let mut found: Vec<Vec<u8>> = unpack(&whole).into_values().flatten().collect();
        found.sort();
        assert!(found == contents, "{target}");
        assert_part(folder.path(), target, &whole, first, length);
    }
});

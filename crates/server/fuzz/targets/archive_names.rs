//! Names in archives: readers of zip and tar see the file once, with its content, under a path that
//! stays in its directory.
#![no_main]

use http::StatusCode;
use libfuzzer_sys::fuzz_target;
use std::io::{Cursor, Read};
use std::path::{Component, Path};
use tinyhttp_server_fuzz::{content, directory, file_name, get};

fn assert_inside(path: &Path) {
    let is_inside = path
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    assert!(is_inside, "{path:?}");
}

fuzz_target!(|input: (&[u8], &[u8])| {
    let (name, stored) = input;
    let Some(name) = file_name(name) else { return };
    let folder = directory();
    std::fs::write(folder.path().join(name), stored).expect("a file");

    let response = get(folder.path(), "/?download=zip").expect("a request");
    assert_eq!(response.status(), StatusCode::OK);
    let bytes = content(response);
    let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).expect("a zip archive");
    let mut found = 0;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).expect("an entry");
        // Not `enclosed_name`, which also refuses colons; those are for Windows' unpackers to
        // replace, as they do.
        let stored_name = entry.name().expect("UTF-8").to_owned();
        assert_inside(Path::new(&*stored_name));
        assert!(!stored_name.contains('\\') && !stored_name.chars().any(char::is_control));
        if entry.is_file() {
            let mut read = Vec::new();
            entry.read_to_end(&mut read).expect("its content");
            assert_eq!(read, stored);
            found += 1;
        }
    }
    assert_eq!(found, 1);

    let response = get(folder.path(), "/?download=tar").expect("a request");
    assert_eq!(response.status(), StatusCode::OK);
    let bytes = content(response);
    let mut archive = tar::Archive::new(&*bytes);
    let mut found = 0;
    for entry in archive.entries().expect("a tar archive") {
        let mut entry = entry.expect("an entry");
        assert_inside(&entry.path().expect("a path"));
        if entry.header().entry_type().is_file() {
            let mut read = Vec::new();
            entry.read_to_end(&mut read).expect("its content");
            assert_eq!(read, stored);
            found += 1;
        }
    }
    assert_eq!(found, 1);
});

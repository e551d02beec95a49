//! Unpacks archives with other programs' readers, the crates `zip` and `tar`, as models of what
//! people will find in them.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

/// The entries of an archive by name: the content of a file, `None` for a directory.
pub(crate) type Entries = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What is in a zip archive.
///
/// # Panics
/// If it can't be read, or if a name is in it twice.
pub(crate) fn zip(bytes: &[u8]) -> Entries {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("a zip archive");
    let mut entries = Entries::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).expect("an entry");
        let name = entry.name_raw().to_vec();
        let mut content = Vec::new();
        // The reader compares the checksum at the end.
        entry.read_to_end(&mut content).expect("its content");
        let content = entry.is_file().then_some(content);
        let before = entries.insert(name, content);
        assert!(before.is_none(), "{:?} is there twice", entry.name_raw());
    }
    entries
}

/// What is in a tar archive.
///
/// # Panics
/// If it can't be read, or if a name is in it twice.
pub(crate) fn tar(bytes: &[u8]) -> Entries {
    let mut archive = tar::Archive::new(bytes);
    let mut entries = Entries::new();
    for entry in archive.entries().expect("a tar archive") {
        let mut entry = entry.expect("an entry");
        let name = entry.path_bytes().into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("its content");
        let is_file = entry.header().entry_type().is_file();
        let before = entries.insert(name.clone(), is_file.then_some(content));
        assert!(before.is_none(), "{name:?} is there twice");
    }
    entries
}

//! Archives of random trees: the readers of zip and tar find each file and directory once, with its
//! content, under an escaped name of its own, and a part of an archive is that part of the whole.

use crate::unpack::{self, Entries};
use http::{Request, StatusCode};
use proptest::prelude::*;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use tinyhttp_server::{Body, Files, Handler};

/// A file or a directory: which directory it is in, its name, and the content of a file.
type Node = (usize, Vec<u8>, Option<Vec<u8>>);

const PLACES: [&str; 4] = ["", "a", "a/b", "c d"];

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        // Names as people give them, and some that mean something to programs that unpack.
        "[a-zA-Z0-9 ._%~ü€-]{1,12}".prop_map(String::into_bytes),
        "(%5C|%25|\\\\|\\.\\.|:|\u{9b}|\x1b|\n| ){1,4}".prop_map(String::into_bytes),
        "[a-z]{90,250}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 1..20),
    ]
}

fn tree() -> impl Strategy<Value = Vec<Node>> {
    let content = prop_oneof![
        Just(Some(Vec::new())),
        Just(None),
        prop::collection::vec(any::<u8>(), 0..2000).prop_map(Some),
        // Lengths around a block of tar.
        (510usize..515).prop_map(|length| Some(vec![b'x'; length])),
    ];
    prop::collection::vec((0..PLACES.len(), name(), content), 0..12)
}

/// Makes the tree, without nodes whose names can't be or are taken: what the archive has to
/// contain.
fn make(root: &Path, tree: &[Node]) -> Entries {
    let mut entries = Entries::new();
    for (place, name, content) in tree {
        let is_name = !name.iter().any(|byte| matches!(byte, 0 | b'/'));
        let parent = root.join(PLACES[*place]);
        let path = parent.join(OsStr::from_bytes(name));
        // Hidden files are not served.
        if !is_name || name.starts_with(b".") || path.symlink_metadata().is_ok() {
            continue;
        }
        if fs::create_dir_all(&parent).is_err() {
            continue;
        }
        match content {
            Some(content) => fs::write(&path, content).unwrap(),
            None => fs::create_dir(&path).unwrap(),
        }
        let below = path.strip_prefix(root).unwrap();
        entries.insert(below.as_os_str().as_bytes().to_vec(), content.clone());
        for parent in below.ancestors().skip(1) {
            if parent != Path::new("") {
                entries.insert(parent.as_os_str().as_bytes().to_vec(), None);
            }
        }
    }
    entries
}

/// Takes the archive's own directory and the slash behind directories off the names.
fn below_its_directory(found: Entries) -> Entries {
    let strip = |name: Vec<u8>| {
        let name = name.strip_suffix(b"/").unwrap_or(&name).to_vec();
        let slash = name.iter().position(|byte| *byte == b'/');
        slash.map_or(Vec::new(), |at| name[at + 1..].to_vec())
    };
    let mut entries: Entries = found
        .into_iter()
        .map(|(name, content)| (strip(name), content))
        .collect();
    entries.remove(&Vec::new());
    entries
}

fn get(files: &Files, target: &str, range: Option<String>) -> (StatusCode, Vec<u8>) {
    let mut request = Request::get(target).header("Host", "localhost");
    if let Some(range) = range {
        request = request.header("Range", range);
    }
    let response = files
        .handle(request.body(Body::empty()).unwrap().into())
        .response();
    let status = response.status();
    let mut content = Vec::new();
    response.into_body().read_to_end(&mut content).unwrap();
    (status, content)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn readers_of_archives_find_the_tree(tree in tree(), first in any::<prop::sample::Index>(), length in 0usize..3000) {
        let folder = tempfile::tempdir().unwrap();
        let want = make(folder.path(), &tree);
        let files = Files::open(folder.path()).unwrap();
        for (target, unpack) in [
            ("/?download=zip", unpack::zip as fn(&[u8]) -> Entries),
            ("/?download=tar", unpack::tar),
        ] {
            let (status, whole) = get(&files, target, None);
            prop_assert_eq!(status, StatusCode::OK);
            let found = below_its_directory(unpack(&whole));
            prop_assert_eq!(found.len(), want.len(), "{} {:?}", target, found.keys());
            for name in found.keys() {
                let is_safe = !name.iter().any(|byte| *byte == b'\\' || byte.is_ascii_control());
                prop_assert!(is_safe, "{:?}", name);
                prop_assert!(!name.split(|byte| *byte == b'/').any(|part| part == b".."));
            }
            // Names that need no escape are there as they are.
            for (name, content) in &want {
                let plain = |byte: &u8| byte.is_ascii() && !byte.is_ascii_control() && !b"%\\".contains(byte);
                if name.iter().all(plain) {
                    prop_assert_eq!(found.get(name), Some(content), "{} {:?}", target, name);
                }
            }
            let mut contents = [found.values().collect::<Vec<_>>(), want.values().collect()];
            contents.iter_mut().for_each(|list| list.sort());
            prop_assert_eq!(&contents[0], &contents[1]);

            let first = first.index(whole.len());
            let last = (first + length).min(whole.len() - 1);
            for (range, part) in [
                (format!("bytes={first}-{last}"), &whole[first..=last]),
                (format!("bytes=-{}", whole.len() - first), &whole[first..]),
            ] {
                let (status, content) = get(&files, target, Some(range.clone()));
                prop_assert_eq!(status, StatusCode::PARTIAL_CONTENT);
                prop_assert!(content == part, "{} {}", target, range);
            }
        }
    }
}

//! Names and links, and what they lead to.

use super::*;
use proptest::prelude::*;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

/// A directory that holds `root`, whose files contain "inside", and neighbours, whose files
/// contain "outside".
fn tree() -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    let at = |name: &str| tree.path().join(name);
    for folder in ["root/folder/deep", "neighbour/folder"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    for file in ["root/file", "root/folder/file", "root/folder/deep/file"] {
        fs::write(at(file), "inside").unwrap();
    }
    for file in ["file", "neighbour/file", "neighbour/folder/file"] {
        fs::write(at(file), "outside").unwrap();
    }
    let links = [
        ("file", "root/to-file"),
        ("folder", "root/to-folder"),
        ("../file", "root/folder/up"),
        ("deep/../file", "root/folder/down-and-up"),
        (".", "root/folder/self"),
        ("../file", "root/out-file"),
        ("../neighbour", "root/out-folder"),
        ("folder/../../file", "root/out-around"),
        ("../root/file", "root/out-and-in"),
        ("nowhere", "root/broken"),
        ("circle", "root/circle"),
        ("/proc/self/root", "root/magic"),
    ];
    for (target, link) in links {
        symlink(target, at(link)).unwrap();
    }
    for (target, link) in [
        ("root/file", "root/absolute-inside"),
        ("root/folder", "root/absolute-folder"),
        ("root", "root/absolute-root"),
        ("file", "root/absolute-outside"),
        ("neighbour", "root/absolute-neighbour"),
    ] {
        symlink(at(target), at(link)).unwrap();
    }
    let fifo = at("root/fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
    drop(UnixListener::bind(at("root/socket")).unwrap());
    tree
}

fn open(tree: &tempfile::TempDir, symlinks: Symlinks) -> Root {
    Root::open(&tree.path().join("root"), symlinks, "").unwrap()
}

/// The content of the file that a name leads to, "folder", "nothing" or an error.
fn found(root: &Root, name: &[u8]) -> String {
    match root.stat(name).and_then(|_| root.open_found(name)) {
        Ok(mut opened) if opened.kind == Kind::File => {
            let mut content = String::new();
            opened.file.read_to_string(&mut content).unwrap();
            content
        }
        Ok(_) => "folder".into(),
        Err(Errno::NOENT | Errno::NOTDIR) => "nothing".into(),
        Err(errno) => errno.to_string(),
    }
}

#[test]
fn names_and_links() {
    let tree = tree();
    let roots = [Symlinks::Never, Symlinks::Inside, Symlinks::Anywhere];
    let roots = roots.map(|symlinks| open(&tree, symlinks));
    let table = [
        (".", "folder", "folder", "folder"),
        ("file", "inside", "inside", "inside"),
        ("folder", "folder", "folder", "folder"),
        ("folder/deep/file", "inside", "inside", "inside"),
        ("missing", "nothing", "nothing", "nothing"),
        ("file/file", "nothing", "nothing", "nothing"),
        ("fifo", "nothing", "nothing", "nothing"),
        ("socket", "nothing", "nothing", "nothing"),
        ("to-file", "nothing", "inside", "inside"),
        ("to-folder", "nothing", "folder", "folder"),
        ("to-folder/deep/file", "nothing", "inside", "inside"),
        ("folder/up", "nothing", "inside", "inside"),
        ("folder/down-and-up", "nothing", "inside", "inside"),
        ("folder/self/self/file", "nothing", "inside", "inside"),
        ("absolute-inside", "nothing", "inside", "inside"),
        ("absolute-folder/file", "nothing", "inside", "inside"),
        ("absolute-root", "nothing", "folder", "folder"),
        ("out-file", "nothing", "nothing", "outside"),
        ("out-folder", "nothing", "nothing", "folder"),
        ("out-folder/folder/file", "nothing", "nothing", "outside"),
        ("out-around", "nothing", "nothing", "outside"),
        ("absolute-outside", "nothing", "nothing", "outside"),
        ("absolute-neighbour/file", "nothing", "nothing", "outside"),
        ("out-and-in", "nothing", "inside", "inside"),
        ("broken", "nothing", "nothing", "nothing"),
        ("circle", "nothing", "nothing", "nothing"),
    ];
    for (name, never, inside, anywhere) in table {
        for (root, want) in roots.iter().zip([never, inside, anywhere]) {
            assert_eq!(found(root, name.as_bytes()), want, "{name} {root:?}");
        }
    }
    // Normalised paths contain none of these; the kernel refuses them all the same.
    for name in [
        "..",
        "../file",
        "folder/../../file",
        "/etc/passwd",
        "magic/etc/passwd",
    ] {
        for root in &roots[..2] {
            assert_eq!(found(root, name.as_bytes()), "nothing", "{name}");
        }
    }
}

/// What is found without opening it has been judged by the same rules as what is opened.
#[test]
fn nothing_outside_is_looked_at() {
    let tree = tree();
    let [never, inside] = [Symlinks::Never, Symlinks::Inside].map(|it| open(&tree, it));
    let kind = |found: Result<(Kind, FileVersion), Errno>| found.map(|(kind, _)| kind);
    let (file, nothing) = (Ok(Kind::File), Err(Errno::NOENT));
    // A name, what it leads to beside links inside, and without links.
    let table = [
        ("file", file, file),
        ("folder/file", file, file),
        (".", Ok(Kind::Dir), Ok(Kind::Dir)),
        ("to-file", file, nothing),
        ("to-folder/file", file, nothing),
        ("out-and-in", file, nothing),
        ("out-file", nothing, nothing),
        ("out-folder", nothing, nothing),
        ("out-folder/file", nothing, nothing),
        ("absolute-outside", nothing, nothing),
        ("..", nothing, nothing),
        ("../file", nothing, nothing),
        ("", nothing, nothing),
        ("broken", nothing, nothing),
        ("circle", nothing, nothing),
        ("fifo", nothing, nothing),
        ("missing", nothing, nothing),
    ];
    for (name, with_links, without) in table {
        let name = name.as_bytes();
        let row = name.escape_ascii();
        assert_eq!(kind(inside.stat(name)), with_links, "{row}");
        assert_eq!(kind(never.stat(name)), without, "{row}");
        assert_eq!(kind(inside.stat_without_links(name)), without, "{row}");
    }
}

#[test]
fn a_name_too_long_is_an_error_of_its_own() {
    let tree = tree();
    let root = open(&tree, Symlinks::Inside);
    assert_eq!(root.stat(&[b'a'; 300]).unwrap_err(), Errno::NAMETOOLONG);
    assert_eq!(
        root.open_found(&[b'a'; 300]).unwrap_err(),
        Errno::NAMETOOLONG
    );
}

#[test]
fn a_root_that_is_no_folder_is_refused() {
    let tree = tree();
    for name in ["missing", "file", "root/fifo"] {
        let error = Root::open(&tree.path().join(name), Symlinks::Inside, "").unwrap_err();
        assert!(matches!(error, OpenError::Directory { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn the_root_stays_the_same_folder_when_it_is_renamed() {
    let tree = tree();
    let root = open(&tree, Symlinks::Inside);
    fs::rename(tree.path().join("root"), tree.path().join("moved")).unwrap();
    fs::rename(tree.path().join("neighbour"), tree.path().join("root")).unwrap();
    assert_eq!(found(&root, b"file"), "inside");
    assert_eq!(found(&root, b"to-folder/file"), "inside");
    // The text of a link is compared with the path that the root had when it was opened.
    assert_eq!(found(&root, b"absolute-inside"), "inside");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_walk_over_names_and_links_leaves_the_root(walks in prop::collection::vec(
        prop::collection::vec(prop::sample::select(vec![
            "..", ".", "file", "folder", "deep", "root", "neighbour", "to-folder", "up",
            "down-and-up", "self", "out-file", "out-folder", "out-around", "out-and-in",
            "absolute-root", "absolute-folder", "absolute-neighbour", "absolute-outside",
            "magic", "proc", "circle", "broken", "fifo", "",
        ]), 1..8), 32)
    ) {
        let tree = tree();
        let root = open(&tree, Symlinks::Inside);
        for walk in walks {
            let name = walk.join("/");
            prop_assert_ne!(found(&root, name.as_bytes()), "outside", "{}", name);
        }
    }

    #[test]
    fn any_name_that_a_file_can_have_is_found(name in prop::collection::vec(1u8.., 1..60)) {
        prop_assume!(!name.contains(&b'/') && name != b"." && name != b"..");
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join(OsStr::from_bytes(&name)), "inside").unwrap();
        let root = Root::open(tree.path(), Symlinks::Inside, "").unwrap();
        prop_assert_eq!(found(&root, &name), "inside");
    }
}

//! The fuzz targets are complete: each has seeds, is named in SECURITY.md, and the program's ones
//! have the files they need. They are built with another toolchain than the tests, so that nothing
//! else would notice.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use support::root;

/// The folders of all fuzz targets.
fn fuzz_crates() -> Vec<PathBuf> {
    let crates = fs::read_dir(root().join("crates")).unwrap();
    let folders = crates.map(|folder| folder.unwrap().path().join("fuzz"));
    let folders: Vec<_> = folders
        .filter(|fuzz| fuzz.join("Cargo.toml").exists())
        .collect();
    assert!(folders.len() >= 4, "{folders:?}");
    folders
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_target_is_listed_and_has_seeds() {
    let security = read(&root().join("SECURITY.md"));
    for fuzz in fuzz_crates() {
        let manifest = read(&fuzz.join("Cargo.toml"));
        for target in fs::read_dir(fuzz.join("targets")).unwrap() {
            let path = target.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let what = path.display();
            assert!(
                manifest.contains(&format!("path = \"targets/{name}.rs\"")),
                "{what} is not in the manifest"
            );
            let seeds = fs::read_dir(fuzz.join("seeds").join(name));
            let has_seeds = seeds.is_ok_and(|mut seeds| seeds.next().is_some());
            assert!(has_seeds, "{what} has no seeds");
            assert!(
                security.contains(&format!("`{name}`")),
                "{what} is not in SECURITY.md"
            );
        }
    }
}

/// The targets take in the files of `get` by their paths. What those import from the program has to
/// be there too.
#[test]
fn the_targets_of_get_have_the_modules_that_it_imports() {
    let mut imported = BTreeSet::new();
    let mut folders = vec![root().join("crates/cli/src/get")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = read(&path);
            // The tests of a file may use more.
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            for rest in code.split("crate::").skip(1) {
                let end =
                    rest.find(|character: char| character != '_' && !character.is_alphanumeric());
                let name = &rest[..end.unwrap_or(rest.len())];
                if name.starts_with(char::is_lowercase) {
                    imported.insert(name.to_owned());
                }
            }
        }
    }
    let lib = read(&root().join("crates/cli/fuzz/src/lib.rs"));
    for name in imported {
        assert!(
            lib.contains(&format!("mod {name};")),
            "crates/cli/fuzz/src/lib.rs lacks `mod {name};`"
        );
    }
}

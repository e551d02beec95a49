//! What is published: each package is complete, and builds without the rest of the repository.

use support::root;

/// The folders of the packages, with the names that they are published under.
const PACKAGES: [(&str, &str); 4] = [
    ("message", "tinyhttp-message"),
    ("server", "tinyhttp-server"),
    ("client", "tinyhttp-client"),
    ("cli", "tinyhttp-cli"),
];

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn packages_have_licences_a_readme_and_metadata() {
    for (folder, name) in PACKAGES {
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            assert_eq!(read(&format!("crates/{folder}/{licence}")), read(licence));
        }
        let readme = read(&format!("crates/{folder}/README.md"));
        assert!(readme.starts_with(&format!("# {name}\n")), "{folder}");
        let manifest = read(&format!("crates/{folder}/Cargo.toml"));
        let (package, _) = manifest.split_once("\n\n").unwrap();
        for line in [
            &format!("name = \"{name}\""),
            "description = \"",
            "version.workspace",
            "rust-version.workspace",
            "license.workspace",
            "categories.workspace",
            "keywords.workspace",
            "readme = \"README.md\"",
            "include = [\"/src\"",
        ] {
            assert!(package.contains(line), "{folder}: {line}");
        }
        if folder != "cli" {
            assert!(package.contains(&format!("documentation = \"https://docs.rs/{name}\"")));
            assert!(manifest.contains("[package.metadata.docs.rs]\nall-features = true\n"));
            let root = read(&format!("crates/{folder}/src/lib.rs"));
            for line in [
                "#![cfg_attr(docsrs, feature(doc_cfg))]",
                "#[doc = include_str!(\"../README.md\")]",
            ] {
                assert!(root.contains(line), "{folder}: {line}");
            }
        }
    }
}

/// The first example of the README is the one of the server's package, which is compiled.
#[test]
fn the_example_of_the_readme_is_compiled() {
    let example = |path: &str| {
        let readme = read(path);
        let block = readme.split("```rust,no_run\n").nth(1).unwrap();
        block.split("```").next().unwrap().to_owned()
    };
    assert_eq!(example("README.md"), example("crates/server/README.md"));
}

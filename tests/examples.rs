//! The examples as their readers run them: as programs, over loopback.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

#[path = "examples/program.rs"]
mod program;

#[path = "examples/names_and_streams.rs"]
mod names_and_streams;

#[path = "examples/datagrams.rs"]
mod datagrams;

#[path = "examples/pages.rs"]
mod pages;

#[path = "examples/cgi.rs"]
mod cgi;

#[test]
fn the_readme_names_every_example() {
    let readme = std::fs::read_to_string(support::root().join("README.md")).unwrap();
    for package in ["client", "server"] {
        let folder = format!("crates/{package}/examples");
        for entry in std::fs::read_dir(support::root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            // This one is for the benchmarks.
            let named = name == "canned" || readme.contains(&format!("`{name}`"));
            assert!(named, "the README has no word of the example {name}");
        }
    }
}

//! The examples as their readers run them: as programs, over loopback.

mod program;

mod names_and_streams;

mod datagrams;

mod pages;

mod clients;

mod cgi;

mod library;

#[test]
fn the_readme_names_every_example() {
    let readme = std::fs::read_to_string(support::root().join("README.md")).unwrap();
    for package in ["client", "server"] {
        let folder = format!("crates/{package}/examples");
        for entry in std::fs::read_dir(support::root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let is_for_benchmarks = ["canned", "https_load", "hello", "upstream"].contains(&name);
            let named = is_for_benchmarks || readme.contains(&format!("`{name}`"));
            assert!(named, "the README has no word of the example {name}");
        }
    }
}

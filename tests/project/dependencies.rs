//! How many crates a program gets with the server.

use std::collections::BTreeSet;
use std::process::Command;
use support::root;

/// The crates that a program compiles which depends on `tinyhttp-server` without features: the
/// server itself, what it needs, and nothing that is needed only by tests or build scripts.
const HELLO_WORLD: [&str; 12] = [
    "bitflags",
    "bytes",
    "http",
    "httparse",
    "itoa",
    "linux-raw-sys",
    "log",
    "memchr",
    "percent-encoding",
    "rustix",
    "tinyhttp-message",
    "tinyhttp-server",
];

/// The names of the crates that a package is made of, itself included.
fn crates(package: &str, features: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let mut tree = Command::new(cargo);
    tree.current_dir(root())
        .args(["tree", "--locked", "--offline", "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{p}", "--package", package])
        .args(["--target", "x86_64-unknown-linux-gnu"])
        .args(features);
    let output = tree.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn hello_world_has_twelve_dependencies() {
    let found = crates("tinyhttp-server", &["--no-default-features"]);
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found, HELLO_WORLD);
}

/// A feature brings what it is for, and nothing else does.
#[test]
fn crates_come_with_their_features() {
    let table = [
        ("files", "mime_guess"),
        ("files", "crc32fast"),
        ("access-log", "chrono"),
        ("tuning", "nix"),
        ("credentials", "base64"),
        ("json", "serde_json"),
        ("signed-cookies", "hmac"),
        ("websocket", "sha1"),
        ("compression", "brotli"),
        ("markdown", "pulldown-cmark"),
        ("auth", "bcrypt"),
        ("tls", "rustls"),
    ];
    for (feature, name) in table {
        let with = crates(
            "tinyhttp-server",
            &["--no-default-features", "--features", feature],
        );
        assert!(with.contains(name), "{feature} has no {name}: {with:?}");
        assert!(
            !HELLO_WORLD.contains(&name),
            "{name} is there without {feature}"
        );
    }
}

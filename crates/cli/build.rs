//! How the program is linked: such that it starts quickly, for that is most of what a small fetch
//! takes.
//!
//! 1. libgcc's part for unwinding is linked in: that is one library less to find, to map and to
//!    search for symbols. And that library, when it is loaded, asks the processor for its features,
//!    which takes long in a virtual machine.
//! 2. Relative relocations are packed: there are 14,000, which take 4 KiB then instead of 340.
//!
//! Both are left to the linker's habits where this can't know what it and the C library can do.

use std::env;
use std::process::Command;

/// The first version of glibc that unpacks relocations; what is built with it asks for it.
const PACKED_SINCE: (u32, u32) = (2, 36);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_native = env::var("HOST") == env::var("TARGET");
    let is_glibc = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|name| name == "gnu");
    let is_linux = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|name| name == "linux");
    if !(is_native && is_glibc && is_linux) {
        return;
    }
    if has_unwinder() {
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
    if glibc().is_some_and(|version| version >= PACKED_SINCE) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Whether the archive is there; a compiler that doesn't find it says its name only.
fn has_unwinder() -> bool {
    let compiler = env::var("RUSTC_LINKER").unwrap_or_else(|_| "cc".to_owned());
    says(&compiler, "-print-file-name=libgcc_eh.a").is_some_and(|path| path.contains('/'))
}

/// The version of this machine's glibc.
fn glibc() -> Option<(u32, u32)> {
    let said = says("getconf", "GNU_LIBC_VERSION")?;
    let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn says(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    String::from_utf8(output.stdout).ok()
}

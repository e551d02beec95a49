//! The program under test, the repository, and processes that end with their test.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc;

/// The path of the program under test: cargo names it, or it lies beside the folder of the test
/// binary.
pub fn program() -> PathBuf {
    std::env::var_os("CARGO_BIN_EXE_tinyhttp").map_or_else(
        || {
            let test = std::env::current_exe().unwrap();
            test.ancestors().nth(2).unwrap().join("tinyhttp")
        },
        PathBuf::from,
    )
}

/// A command that starts the program under test, without flags from the environment.
pub fn tinyhttp() -> Command {
    let mut command = Command::new(program());
    command.env_remove("PORT");
    // The environment of the test run may hold these.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TINYHTTP_") {
            command.env_remove(name);
        }
    }
    command
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// A process that doesn't outlive the test, however that ends.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lines as they come, read by a thread, so that a wait for one can end.
pub fn lines(from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (give, take) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if give.send(line).is_err() {
                break;
            }
        }
    });
    take
}

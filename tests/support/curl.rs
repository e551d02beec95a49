//! curl, quiet and bounded.

use std::ffi::OsStr;
use std::process::{Command, Output};

/// Runs curl, quietly, with a bound on its time.
pub fn curl<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    Command::new("curl")
        .args(["-sS", "--noproxy", "*", "--max-time", "30"])
        .args(arguments)
        .output()
        .expect("curl is installed; `make test` installs it")
}

/// What curl printed.
pub fn curl_text<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> String {
    let output = curl(arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The status code that curl got.
pub fn curl_status<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> u16 {
    let output = curl(
        ["-o", "/dev/null", "-w", "%{http_code}"]
            .iter()
            .map(|argument| OsStr::new(argument).to_owned())
            .chain(
                arguments
                    .into_iter()
                    .map(|argument| argument.as_ref().to_owned()),
            ),
    );
    String::from_utf8_lossy(&output.stdout).parse().unwrap()
}

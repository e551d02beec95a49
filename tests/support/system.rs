//! Signals, FIFOs, and what /proc says of a process.

use std::path::Path;
use std::process::Command;

/// Sends a signal by its name.
#[track_caller]
pub fn send_signal(pid: u32, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// Makes a FIFO.
#[track_caller]
pub fn mkfifo(path: impl AsRef<Path>) {
    let status = Command::new("mkfifo").arg(path.as_ref()).status();
    assert!(status.unwrap().success());
}

/// The value of a line in `/proc/PID/status`.
#[track_caller]
pub fn status(pid: u32, field: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(name, _)| *name == field);
    found.unwrap().1.trim().to_owned()
}

/// The bytes of a line in `/proc/PID/status` that is in kilobytes, as VmRSS and VmHWM are.
#[track_caller]
pub fn status_bytes(pid: u32, field: &str) -> usize {
    let value = status(pid, field);
    let kilobytes = value.strip_suffix(" kB").unwrap();
    kilobytes.parse::<usize>().unwrap() * 1024
}

//! A file that changes all the time while many ask for it: no answer is older than its request.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use support::{Answer, Folder, Raw, Serve};

const CHANGES: u64 = 3000;
const CLIENTS: usize = 4;
const REQUEST: &str = "GET /file.txt HTTP/1.1\r\nHost: h\r\n\r\n";

/// The states of the file have numbers; what it is like in one of them follows from the number.
#[derive(Debug, PartialEq)]
enum State {
    Gone,
    Empty,
    Content(String),
}

fn state(number: u64) -> State {
    match number % 5 {
        4 => State::Gone,
        2 => State::Empty,
        _ => State::Content(format!("{number:016}")),
    }
}

/// Brings the file from the state before into this one.
fn change(folder: &Path, number: u64) {
    let (file, spare) = (folder.join("file.txt"), folder.join("spare.txt"));
    let open = || File::options().write(true).open(&file).unwrap();
    match (state(number), number % 5) {
        (State::Content(content), 1) => open().write_all_at(content.as_bytes(), 0).unwrap(),
        (State::Content(content), _) => {
            // A new file: a reader that has the old one open may still read that.
            let _ = fs::remove_file(&spare);
            fs::write(&spare, content).unwrap();
            fs::rename(&spare, &file).unwrap();
        }
        (State::Empty, _) => open().set_len(0).unwrap(),
        (State::Gone, _) if number.is_multiple_of(2) => fs::remove_file(&file).unwrap(),
        (State::Gone, _) => fs::rename(&file, &spare).unwrap(),
    }
}

/// However the changes end, the clients end with them.
struct End<'a>(&'a AtomicU64);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(u64::MAX, SeqCst);
    }
}

fn shown(answer: &Answer) -> State {
    match answer.status {
        404 => State::Gone,
        _ if answer.content.is_empty() => State::Empty,
        _ => State::Content(answer.text()),
    }
}

#[test]
fn no_answer_is_older_than_its_request() {
    let folder = Folder::new();
    change(folder.path(), 0);
    let server = Serve::start(folder.path(), ["--no-listing"]);
    let (begun, done) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (mut raw, begun, done) = (server.connect(), &begun, &done);
            // Some ask for one at a time, some for several.
            let requests = 1 + client % 2 * 7;
            scope.spawn(move || {
                loop {
                    let since = done.load(SeqCst);
                    if since >= CHANGES {
                        return;
                    }
                    raw.send(REQUEST.repeat(requests));
                    for _ in 0..requests {
                        let shown = shown(&raw.answer());
                        let until = begun.load(SeqCst);
                        let was = (since..=until).any(|number| state(number) == shown);
                        assert!(was, "{shown:?} was not a state from {since} to {until}");
                    }
                }
            });
        }
        let mut raw = Raw::connect(server.address());
        let _ends = End(&done);
        for number in 1..=CHANGES {
            begun.store(number, SeqCst);
            change(folder.path(), number);
            done.store(number, SeqCst);
            if number % 3 == 0 {
                raw.send(REQUEST);
                assert_eq!(shown(&raw.answer()), state(number));
            }
        }
    });
}

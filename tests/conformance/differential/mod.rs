//! The same bytes to tinyhttp, nginx, lighttpd, h2o, and the strict reader: where does each of them
//! believe that messages end?
//!
//! Two programs that disagree about that can be played off against each other: what one takes for
//! content the other takes for a request (RFC 9112 §11.2). So each difference that is known stands
//! in the corpus, with the section that allows it or that one of them breaks; another one is a bug.
//! Peers that aren't installed are left out.

mod corpus;
mod peers;
mod reading;

use corpus::Mutations;
use peers::Server;
use reading::{Fate, MARKER_CONTENT, ask, has_unknown_method, strictly};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::Folder;

/// Mutations that are tried, unless `DIFFERENTIAL` says how many.
const MUTATIONS: usize = 400;

fn folder() -> Folder {
    Folder::new()
        .with("www/marker", MARKER_CONTENT)
        .with("www/index.html", "index")
        .with("www/a", "aaaa")
        .with("www/b", "bb")
}

#[test]
fn every_difference_has_its_section() {
    let folder = folder();
    let servers = Server::all(&folder);
    let mut unexplained = Vec::new();
    for case in corpus::read() {
        for server in &servers {
            let fate = ask(server, &case.bytes);
            let explained = case.others.iter().any(|other| {
                other.fate == fate && other.servers.iter().any(|name| name == server.name)
            });
            let agrees = if server.is_ours() {
                case.fate == fate
            } else {
                case.fate.agrees(fate)
            };
            if !agrees && !explained {
                unexplained.push(format!(
                    "{}: {}, not {fate}, says {}",
                    case.name, case.fate, server.name
                ));
            }
        }
    }
    assert!(unexplained.is_empty(), "{unexplained:#?}");
}

/// What tinyhttp makes of a mutation is what the strict reader makes of it, to the message. What
/// peers make of it is counted; that they read more leniently than the strict reader is their
/// affair, but where that one finds nothing to refuse, they must find the same messages, or stop.
#[test]
fn mutations_are_read_by_the_letter() {
    let folder = folder();
    let servers = Server::all(&folder);
    let cases = corpus::read();
    let count = std::env::var("DIFFERENTIAL").map_or(MUTATIONS, |count| count.parse().unwrap());
    let seed = std::env::var("SEED").map_or(1, |seed| seed.parse().unwrap());
    let mutations: Vec<_> = Mutations::new(&cases, seed).take(count).collect();
    let next = AtomicUsize::new(0);
    let (wrong, tally) = (Mutex::new(Vec::new()), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(bytes) = mutations.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (letter, section) = strictly(bytes);
                    for server in &servers {
                        let fate = ask(server, bytes);
                        let verdict = judge(server, letter, fate, bytes);
                        if verdict == "wrong" {
                            let bytes = bytes.escape_ascii();
                            wrong.lock().unwrap().push(format!(
                                "{}: {fate}, by the letter {letter} {section}: {bytes}",
                                server.name
                            ));
                        }
                        *tally
                            .lock()
                            .unwrap()
                            .entry((server.name, verdict))
                            .or_insert(0) += 1;
                    }
                }
            });
        }
    });
    for ((server, verdict), count) in tally.into_inner().unwrap() {
        println!("{server}: {count} {verdict}");
    }
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for server in &servers {
        assert!(server.is_alive(), "{} has ended", server.name);
    }
}

/// What a server's reading is, compared with that of the letter.
fn judge(server: &Server, letter: Fate, fate: Fate, bytes: &[u8]) -> &'static str {
    let has = |word: &[u8]| {
        bytes
            .windows(word.len())
            .any(|window| window.eq_ignore_ascii_case(word))
    };
    if server.is_ours() {
        // Expectations, secure schemes, and paths that name nothing are no matter of where a
        // message ends: they may be refused.
        let may_be_refused = [&b"expect"[..], b"https:", b"%", b".."];
        let refused = fate == Fate::Refused && may_be_refused.iter().any(|word| has(word));
        // No handler reads the content: the answer comes before the fault in it, and a lot of it is
        // not waited for.
        let before_content = match letter {
            Fate::Refused => fate == Fate::Closed,
            Fate::Waits => {
                fate == Fate::Closed || (fate == Fate::Refused && has_unknown_method(bytes))
            }
            _ => false,
        };
        let same = letter == fate || before_content || refused;
        return if same { "as the letter" } else { "wrong" };
    }
    match (letter, fate) {
        _ if letter.agrees(fate) => "as the letter",
        (_, Fate::Refused) => "stricter",
        (Fate::Refused, _) => "more lenient",
        (Fate::Closed, _) => "goes on after a close",
        _ => "wrong",
    }
}

//! The corpus: `corpus.txt` as data, and mutations of it.

use super::reading::{Fate, MARKER};
use support::root;

/// A case of the corpus.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) fate: Fate,
    /// What peers think instead; why is for readers of the corpus.
    pub(crate) others: Vec<Other>,
}

pub(crate) struct Other {
    pub(crate) servers: Vec<String>,
    pub(crate) fate: Fate,
}

/// Reads `corpus.txt`, which describes itself.
pub(crate) fn read() -> Vec<Case> {
    let text =
        std::fs::read_to_string(root().join("tests/conformance/differential/corpus.txt")).unwrap();
    let mut cases: Vec<Case> = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(bytes) = line.strip_prefix("  > ") {
            cases.last_mut().unwrap().bytes.extend(unescape(bytes));
        } else if let Some(fate) = line.strip_prefix("  = ") {
            cases.last_mut().unwrap().fate = Fate::parse(fate);
        } else if let Some(other) = line.strip_prefix("  ") {
            let (servers, other) = other.split_once(" = ").unwrap();
            let (fate, reason) = other.split_once(": ").unwrap();
            assert!(reason.contains('§'), "which section? {line}");
            let other = Other {
                servers: servers.split(", ").map(str::to_owned).collect(),
                fate: Fate::parse(fate),
            };
            cases.last_mut().unwrap().others.push(other);
        } else {
            cases.push(Case {
                name: line.to_owned(),
                bytes: Vec::new(),
                fate: Fate::Waits,
                others: Vec::new(),
            });
        }
    }
    cases
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next().unwrap() {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'0' => 0,
            b'x' => {
                let pair = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    bytes
}

/// A sequence of mutated cases that is the same for the same seed.
pub(crate) struct Mutations<'c> {
    cases: &'c [Case],
    state: u64,
}

/// What is put into bytes, or in their place.
const PIECES: [&[u8]; 32] = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b",",
    b";",
    b":",
    b"\"",
    b"0",
    b"5",
    b"a",
    b"\x0b",
    b"\x7f",
    b"\xa0",
    b"\xff",
    b"/",
    b"chunked",
    b"identity",
    b"close",
    b"HTTP/1.0",
    b"Host: h\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"POST",
];

impl<'c> Mutations<'c> {
    pub(crate) fn new(cases: &'c [Case], seed: u64) -> Self {
        Mutations {
            cases,
            state: seed.max(1),
        }
    }

    /// A number below `end`, by xorshift.
    fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as usize % end.max(1)
    }

    fn some_case(&mut self) -> &'c [u8] {
        let number = self.below(self.cases.len());
        &self.cases[number].bytes
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len() + 1);
        let end = (at + 1 + self.below(8)).min(bytes.len());
        match self.below(7) {
            0 if at < bytes.len() => drop(bytes.remove(at)),
            1 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            2 => drop(bytes.drain(at..end)),
            3 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(1 << self.below(8)),
            4 => bytes.extend_from_slice(self.some_case()),
            _ => {
                let piece = PIECES[self.below(PIECES.len())];
                let end = if self.below(2) == 0 { at } else { end };
                bytes.splice(at..end, piece.iter().copied());
            }
        }
    }
}

impl Iterator for Mutations<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let mut bytes = self.some_case().to_vec();
            for _ in 0..1 + self.below(3) {
                self.mutate(&mut bytes);
            }
            // What asks for the marker itself can't be told from what is sent behind.
            if !bytes.windows(7).any(|window| window == &MARKER[4..11]) {
                return Some(bytes);
            }
        }
    }
}

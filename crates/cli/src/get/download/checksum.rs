//! Is it what it should be? The sum that was given, or the one the server sent (`Repr-Digest`, RFC
//! 9530).

use crate::failure::Failure;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use sha2::{Digest, Sha256, Sha512};
use std::io::{self, Read, Write};
use std::path::Path;

/// The sum that a file must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::get) struct Checksum {
    algorithm: Algorithm,
    sum: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "sha256" | "sha-256" => Some(Algorithm::Sha256),
            "sha512" | "sha-512" => Some(Algorithm::Sha512),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    fn length(self) -> usize {
        match self {
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
        }
    }
}

impl Checksum {
    /// `sha256:HEX`, `sha-512=HEX`, or HEX alone, with an algorithm that follows from its length.
    pub(in crate::get) fn parse(text: &str) -> Result<Self, Failure> {
        let bad = || {
            Failure::with_code(2, format!("--checksum {text:?} is not a sum"))
                .hint("write it as sha256:HEX or sha512:HEX")
        };
        let (algorithm, digits) = match text.split_once([':', '=']) {
            Some((name, digits)) => (Algorithm::named(name).ok_or_else(bad)?, digits),
            None if text.len() == 128 => (Algorithm::Sha512, text),
            None => (Algorithm::Sha256, text),
        };
        let sum = from_hex(digits).filter(|sum| sum.len() == algorithm.length());
        Ok(Checksum {
            algorithm,
            sum: sum.ok_or_else(bad)?,
        })
    }

    /// The server's digest of the whole representation: `sha-256=:BASE64:, sha-512=:…:`. The
    /// longer sum counts.
    pub(in crate::get) fn of_fields(fields: &HeaderMap) -> Option<Self> {
        let lines = fields.get_all("repr-digest").iter();
        lines
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|member| {
                let (name, value) = member.trim().split_once('=')?;
                let algorithm = Algorithm::named(name)?;
                let text = value.strip_prefix(':')?.split(':').next()?;
                let sum = STANDARD.decode(text).ok()?;
                (sum.len() == algorithm.length()).then_some(Checksum { algorithm, sum })
            })
            .max_by_key(|checksum| checksum.sum.len())
    }

    /// Reads everything; its sum in words, or the failure with that hint.
    pub(in crate::get) fn verify(
        &self,
        mut from: impl Read,
        path: &Path,
        hint: &str,
    ) -> Result<String, Failure> {
        let mut running = self.start();
        io::copy(&mut from, &mut running).map_err(|error| {
            let path = path.display();
            Failure::with_code(23, format!("could not read {path} again: {error}"))
        })?;
        running.finish().map_err(|failure| failure.hint(hint))
    }

    /// Begins a sum of content that passes by.
    pub(in crate::get) fn start(&self) -> Running {
        let state = match self.algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha512 => State::Sha512(Box::new(Sha512::new())),
        };
        Running {
            wanted: self.clone(),
            state,
        }
    }
}

/// A sum in the making.
pub(in crate::get) struct Running {
    wanted: Checksum,
    state: State,
}

enum State {
    Sha256(Sha256),
    Sha512(Box<Sha512>),
}

impl Running {
    /// Adds a piece.
    pub(in crate::get) fn update(&mut self, piece: &[u8]) {
        match &mut self.state {
            State::Sha256(sum) => sum.update(piece),
            State::Sha512(sum) => sum.update(piece),
        }
    }

    /// The sum in words, or the failure.
    pub(in crate::get) fn finish(self) -> Result<String, Failure> {
        let sum = match self.state {
            State::Sha256(sum) => sum.finalize().to_vec(),
            State::Sha512(sum) => sum.finalize().to_vec(),
        };
        let name = self.wanted.algorithm.name();
        if sum == self.wanted.sum {
            return Ok(format!("{name} {}", to_hex(&sum)));
        }
        let (is, should) = (to_hex(&sum), to_hex(&self.wanted.sum));
        let what = format!("the {name} sum is {is}, and should be {should}");
        Err(Failure::with_code(110, what).hint("the content is damaged, or is another version"))
    }
}

impl Write for Running {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.update(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| digit.to_digit(16).map(|value| value as u8))
        .collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair[0] * 16 + pair[1])
            .collect(),
    )
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum of no bytes at all.
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn sums_are_read() {
        for text in [
            EMPTY.to_owned(),
            format!("sha256:{EMPTY}"),
            format!("SHA-256={}", EMPTY.to_uppercase()),
        ] {
            let checksum = Checksum::parse(&text).unwrap();
            assert_eq!(to_hex(&checksum.sum), EMPTY, "{text}");
        }
        for text in [
            "",
            "sha256:",
            "sha256:abc",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            &EMPTY[1..],
        ] {
            assert!(Checksum::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn fields() {
        let encoded = STANDARD.encode(from_hex(EMPTY).unwrap());
        let table = [
            (format!("sha-256=:{encoded}:"), true),
            (format!("unixsum=:AAAA:, sha-256=:{encoded}:"), true),
            (format!("sha-256={encoded}"), false),
            ("sha-256=:AAAA:".to_owned(), false),
            ("md5=:AAAA:".to_owned(), false),
        ];
        for (value, found) in table {
            let mut fields = HeaderMap::new();
            fields.insert("repr-digest", value.parse().unwrap());
            let sum = Checksum::of_fields(&fields).map(|checksum| to_hex(&checksum.sum));
            assert_eq!(sum.as_deref(), found.then_some(EMPTY), "{value}");
        }
    }

    #[test]
    fn streams() {
        let path = Path::new("f");
        let checksum = Checksum::parse(EMPTY).unwrap();
        let verified = checksum.verify(&b""[..], path, "hint").unwrap();
        assert_eq!(verified, format!("sha256 {EMPTY}"));
        let failure = checksum.verify(&b"x"[..], path, "hint").unwrap_err();
        assert_eq!((failure.code(), failure.hint_text()), (110, "hint"));
    }
}

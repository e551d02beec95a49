//! Content codings (RFC 9110 §8.4.1).

use std::fmt;

/// A content coding (§8.4.1) that this crate's users can apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Brotli (RFC 7932).
    Br,
    /// Zstandard (RFC 9659).
    Zstd,
    /// Gzip (RFC 1952); `x-gzip` is the same.
    Gzip,
    /// No coding. Never written in `Content-Encoding`.
    Identity,
}

impl Coding {
    /// Returns the coding of this name, in any case; `None` for other names.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let named = |(candidate, _): &(&str, _)| name.eq_ignore_ascii_case(candidate.as_bytes());
        let names = [
            ("br", Self::Br),
            ("zstd", Self::Zstd),
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
            ("identity", Self::Identity),
        ];
        names.into_iter().find(named).map(|(_, coding)| coding)
    }

    /// The name of the coding, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Br => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

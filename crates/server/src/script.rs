//! A script in a served directory, and the patterns that name scripts.
//!
//! A pattern is a suffix, `*.php`, or a directory, `/cgi-bin`. Letters of either case match: a file
//! system that ignores case would open `a.php` for `/a.PHP`, and its source must not be sent.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A script: a regular file that lies in the served directory, and the parts of the request's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub(crate) root: PathBuf,
    pub(crate) relative: Vec<u8>,
    pub(crate) name: Vec<u8>,
    pub(crate) info: Vec<u8>,
}

impl Script {
    /// The absolute path of the served directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of the script below the served directory.
    #[must_use]
    pub fn relative(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.relative))
    }

    /// The absolute path of the script.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.root.join(self.relative())
    }

    /// The part of the request's path that names the script, decoded: SCRIPT_NAME.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The part of the request's path behind the script, decoded: PATH_INFO. Empty, or a path that
    /// begins with a slash.
    #[must_use]
    pub fn info(&self) -> &[u8] {
        &self.info
    }
}

/// The files that are scripts: those with a suffix, `*.php`, or below a directory, `/cgi-bin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Matching);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Matching {
    /// The end of a name, with its dot.
    Suffix(Vec<u8>),
    /// A directory below the root.
    Below(Vec<u8>),
}

/// A text that is no pattern of scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidPattern;

impl fmt::Display for InvalidPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a suffix such as *.php, or a directory such as /cgi-bin")
    }
}

impl std::error::Error for InvalidPattern {}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// [`InvalidPattern`].
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        if let Some(suffix) = text.strip_prefix('*') {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
            return match suffix.strip_prefix('.') {
                Some(rest) if !rest.is_empty() && rest.bytes().all(is_plain) => {
                    Ok(Pattern(Matching::Suffix(suffix.into())))
                }
                _ => Err(InvalidPattern),
            };
        }
        directory(text).map(|directory| Pattern(Matching::Below(directory)))
    }

    /// Whether a path below the root is that of a script, if it is that of a file.
    pub(crate) fn matches(&self, relative: &[u8]) -> bool {
        match &self.0 {
            Matching::Suffix(suffix) => {
                let name = relative.rsplit(|byte| *byte == b'/').next();
                let name = name.unwrap_or_default();
                name.len() > suffix.len()
                    && name[name.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
            }
            Matching::Below(directory) => is_below(directory, relative),
        }
    }

    /// Whether a directory below the root is one of scripts.
    pub(crate) fn hides_dir(&self, relative: &[u8]) -> bool {
        match &self.0 {
            Matching::Suffix(_) => false,
            Matching::Below(directory) => {
                relative.eq_ignore_ascii_case(directory) || is_below(directory, relative)
            }
        }
    }
}

/// Parses the path of a directory: normal, and not the root.
pub(crate) fn directory(text: &str) -> Result<Vec<u8>, InvalidPattern> {
    let is_normal = tinyhttp_message::Path::normalize(text)
        .is_ok_and(|normal| normal.as_bytes() == text.as_bytes());
    match text.trim_matches('/') {
        "" => Err(InvalidPattern),
        relative if is_normal => Ok(relative.into()),
        _ => Err(InvalidPattern),
    }
}

/// Whether a path lies below a directory.
pub(crate) fn is_below(directory: &[u8], path: &[u8]) -> bool {
    path.len() > directory.len()
        && path[directory.len()] == b'/'
        && path[..directory.len()].eq_ignore_ascii_case(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let table: [(&str, &[&str], &[&str]); 3] = [
            (
                "*.php",
                &["a.php", "b/a.php", "a.PHP", "a.x.Php", ".a.php"],
                &[
                    "a.php/b", "a.phps", ".php", "b/.php", "php", "a.php.", "a.php~",
                ],
            ),
            (
                "/cgi-bin",
                &["cgi-bin/a", "cgi-bin/b/a", "CGI-bin/a"],
                &["cgi-bin", "cgi-bina", "b/cgi-bin/a", "."],
            ),
            ("/a/b/", &["a/b/c"], &["a/b", "a/c"]),
        ];
        for (pattern, right, wrong) in table {
            let pattern = Pattern::parse(pattern).unwrap();
            for path in right {
                assert!(pattern.matches(path.as_bytes()), "{pattern:?} {path}");
            }
            for path in wrong {
                assert!(!pattern.matches(path.as_bytes()), "{pattern:?} {path}");
            }
        }
        for wrong in [
            "", "*", "*.", "*php", "php", "/", "//", "/../a", "/a//b", "*.p/hp", "cgi-bin",
            "/%63gi",
        ] {
            assert_eq!(Pattern::parse(wrong), Err(InvalidPattern), "{wrong}");
        }
    }
}

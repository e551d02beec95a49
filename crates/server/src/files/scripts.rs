//! Which files of the directory are scripts: they are run, and never sent.
//!
//! A pattern is a suffix, `*.php`, or a directory, `/cgi-bin`. Letters of either case match: a file
//! system that ignores case would open `a.php` for `/a.PHP`, and its source must not be sent. An
//! excluded path is for directories that others write to: no script below it is run, and none is
//! sent.

use crate::handler::Interpreter;
use std::fmt;
use std::sync::Arc;

/// The patterns of scripts, with their interpreters.
#[derive(Default)]
pub(crate) struct Scripts {
    rules: Vec<(Pattern, Arc<dyn Interpreter>)>,
    /// Paths below the root; nothing below them is run.
    excluded: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
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
    fn parse(text: &str) -> Result<Self, InvalidPattern> {
        if let Some(suffix) = text.strip_prefix('*') {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
            return match suffix.strip_prefix('.') {
                Some(rest) if !rest.is_empty() && rest.bytes().all(is_plain) => {
                    Ok(Pattern::Suffix(suffix.into()))
                }
                _ => Err(InvalidPattern),
            };
        }
        directory(text).map(Pattern::Below)
    }

    /// Whether a path below the root is that of a script, if it is that of a file.
    fn matches(&self, relative: &[u8]) -> bool {
        match self {
            Pattern::Suffix(suffix) => {
                let name = relative.rsplit(|byte| *byte == b'/').next();
                let name = name.unwrap_or_default();
                name.len() > suffix.len()
                    && name[name.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
            }
            Pattern::Below(directory) => is_below(directory, relative),
        }
    }
}

/// Parses the path of a directory: normal, and not the root.
fn directory(text: &str) -> Result<Vec<u8>, InvalidPattern> {
    let is_normal = tinyhttp_message::Path::normalize(text)
        .is_ok_and(|normal| normal.as_bytes() == text.as_bytes());
    match text.trim_matches('/') {
        "" => Err(InvalidPattern),
        relative if is_normal => Ok(relative.into()),
        _ => Err(InvalidPattern),
    }
}

/// Whether a path lies below a directory.
fn is_below(directory: &[u8], path: &[u8]) -> bool {
    path.len() > directory.len()
        && path[directory.len()] == b'/'
        && path[..directory.len()].eq_ignore_ascii_case(directory)
}

impl Scripts {
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub(super) fn add(
        &mut self,
        pattern: &str,
        interpreter: Arc<dyn Interpreter>,
    ) -> Result<(), InvalidPattern> {
        self.rules.push((Pattern::parse(pattern)?, interpreter));
        Ok(())
    }

    pub(super) fn exclude(&mut self, path: &str) -> Result<(), InvalidPattern> {
        self.excluded.push(directory(path)?);
        Ok(())
    }

    /// The interpreter of a file with this path below the root. The first pattern that matches
    /// counts.
    pub(crate) fn of(&self, relative: &[u8]) -> Option<&Arc<dyn Interpreter>> {
        let mut rules = self.rules.iter();
        let found = rules.find(|(pattern, _)| pattern.matches(relative))?;
        Some(&found.1)
    }

    /// Whether a directory with this path is one of scripts, which is not listed.
    pub(crate) fn hide_dir(&self, relative: &[u8]) -> bool {
        self.rules.iter().any(|(pattern, _)| match pattern {
            Pattern::Suffix(_) => false,
            Pattern::Below(directory) => {
                relative.eq_ignore_ascii_case(directory) || is_below(directory, relative)
            }
        })
    }

    /// Whether scripts with this path are not run.
    pub(crate) fn is_excluded(&self, relative: &[u8]) -> bool {
        let mut excluded = self.excluded.iter();
        excluded.any(|directory| is_below(directory, relative))
    }

    /// Whether some paths are excluded. Then no link is followed to a script, as it could lead
    /// there.
    pub(crate) fn has_exclusions(&self) -> bool {
        !self.excluded.is_empty()
    }
}

impl fmt::Debug for Scripts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns = self.rules.iter().map(|(pattern, _)| pattern);
        f.debug_list().entries(patterns).finish()
    }
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

//! Patterns for paths: `*` matches any bytes but `/`, `**` any bytes, and `?` one byte but `/`.

/// A pattern. Without a slash it is compared with the last name of a path, with a slash with the
/// whole path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glob {
    pattern: Vec<u8>,
    whole_path: bool,
}

impl Glob {
    /// Any text is a pattern. A leading slash means the whole path.
    pub(crate) fn new(pattern: &str) -> Self {
        Glob {
            whole_path: pattern.contains('/'),
            pattern: pattern.trim_start_matches('/').into(),
        }
    }

    /// Whether the pattern matches a path below the root, which has no leading slash.
    pub(crate) fn matches(&self, relative: &[u8]) -> bool {
        let text = if self.whole_path {
            relative
        } else {
            relative
                .rsplit(|byte| *byte == b'/')
                .next()
                .unwrap_or_default()
        };
        matches(&self.pattern, text)
    }
}

/// Matches with backtracking: when an attempt fails, the last star takes one byte more. One
/// position to return to suffices for each kind of star, because a later star can take everything
/// that an earlier one of its kind could give up.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    let mut double_star: Option<(usize, usize)> = None;
    loop {
        let next = text.get(seen);
        match (pattern.get(at), next) {
            (Some(b'*'), _) if pattern.get(at + 1) == Some(&b'*') => {
                at += 2;
                // `a/**/b` is `a/b` too.
                if pattern.get(at) == Some(&b'/') && (at == 2 || pattern[at - 3] == b'/') {
                    at += 1;
                }
                double_star = Some((at, seen));
                star = None;
                continue;
            }
            (Some(b'*'), _) => {
                at += 1;
                star = Some((at, seen));
                continue;
            }
            (Some(b'?'), Some(byte)) if *byte != b'/' => {
                (at, seen) = (at + 1, seen + 1);
                continue;
            }
            (Some(expected), Some(byte)) if expected == byte => {
                (at, seen) = (at + 1, seen + 1);
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        let retry = match (star, double_star) {
            (Some((after, taken)), _) if text.get(taken).is_some_and(|byte| *byte != b'/') => {
                star = Some((after, taken + 1));
                star
            }
            (_, Some((after, taken))) if taken < text.len() => {
                star = None;
                double_star = Some((after, taken + 1));
                double_star
            }
            _ => return false,
        };
        (at, seen) = retry.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns() {
        let table = [
            ("*.html", "index.html", true),
            ("*.html", "a/b/index.html", true),
            ("*.html", "index.htm", false),
            ("*.html", ".html", true),
            ("index.*", "index.html", true),
            ("*", "anything/at/all", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("/a", "a", true),
            ("/a", "b/a", false),
            ("/*.html", "index.html", true),
            ("/*.html", "a/index.html", false),
            ("assets/*", "assets/a.js", true),
            ("assets/*", "assets/a/b.js", false),
            ("assets/**", "assets/a/b.js", true),
            ("**/*.js", "a/b/c.js", true),
            ("**/*.js", "c.js", true),
            ("a/**/z", "a/z", true),
            ("a/**/z", "a/b/c/z", true),
            ("a/**/z", "a/b/c/y", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXcXb", false),
            ("", "", true),
            ("", "a", false),
        ];
        for (pattern, path, want) in table {
            assert_eq!(
                Glob::new(pattern).matches(path.as_bytes()),
                want,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn many_stars_take_little_time() {
        let pattern = format!("/{}b", "*a".repeat(1000));
        assert!(!Glob::new(&pattern).matches(&[b'a'; 10_000]));
    }

    /// [`matches`] by recursion: obviously correct, and slow.
    fn model(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', b'*', rest @ ..], _) => {
                (0..=text.len()).any(|taken| model(rest, &text[taken..]))
            }
            ([b'*', rest @ ..], _) => (0..=text.len())
                .take_while(|taken| !text[..*taken].contains(&b'/'))
                .any(|taken| model(rest, &text[taken..])),
            ([b'?', rest @ ..], [byte, text @ ..]) => *byte != b'/' && model(rest, text),
            ([expected, rest @ ..], [byte, text @ ..]) => expected == byte && model(rest, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_model(pattern in "(a|b|\\*|\\?|/|a\\*\\*){0,8}", text in "[ab/]{0,10}") {
            // `***` and `/**/` have another meaning in the model.
            prop_assume!(!pattern.contains("***") && !pattern.contains("**/"));
            prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), model(pattern.as_bytes(), text.as_bytes()));
        }
    }
}

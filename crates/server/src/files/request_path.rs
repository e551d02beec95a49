//! The path of a request, relative to the base under which the directory is served.

use super::dir;
use super::failure::Failure;
use crate::page::encode_path;
use tinyhttp_message::Path;

/// A normalised path, and how much of its beginning is the base.
#[derive(Debug)]
pub(crate) struct RequestPath<'r> {
    path: &'r Path<'r>,
    base: usize,
}

impl<'r> RequestPath<'r> {
    /// The path relative to `base`, which comes after `below` bytes of it. The base is a normalised
    /// path without a slash at its end, or empty.
    ///
    /// # Errors
    /// [`Failure::NotFound`] for a path that isn't below the base.
    pub(crate) fn new(path: &'r Path<'r>, below: usize, base: &[u8]) -> Result<Self, Failure> {
        match path.as_bytes()[below..].strip_prefix(base) {
            Some(b"" | [b'/', ..]) => Ok(RequestPath {
                path,
                base: below + base.len(),
            }),
            _ => Err(Failure::NotFound),
        }
    }

    /// The path below the root, without a slash at either end; `.` is the root itself.
    pub(crate) fn relative(&self) -> &[u8] {
        let path = &self.path.as_bytes()[self.base..];
        let path = path.strip_prefix(b"/").unwrap_or(path);
        match path.strip_suffix(b"/").unwrap_or(path) {
            b"" => b".",
            relative => relative,
        }
    }

    /// The path below the base as it is: empty, or with a slash at its beginning.
    pub(crate) fn below_base(&self) -> &[u8] {
        &self.path.as_bytes()[self.base..]
    }

    /// The path up to the end of the base, decoded.
    pub(crate) fn base(&self) -> &[u8] {
        &self.path.as_bytes()[..self.base]
    }

    /// Whether a segment contains an encoded slash: no directory has an entry with such a name.
    pub(crate) fn names_nothing(&self) -> bool {
        self.path.has_encoded_slash()
    }

    /// Whether the last segment has a file extension.
    pub(crate) fn has_extension(&self) -> bool {
        let name = self.relative().rsplit(|byte| *byte == b'/').next();
        name.is_some_and(|name| name.iter().skip(1).any(|byte| *byte == b'.'))
    }

    /// Whether the path ends in a slash, and so names a directory.
    pub(crate) fn names_dir(&self) -> bool {
        self.path.ends_in_slash()
    }

    /// Whether a segment [is hidden](dir::is_hidden).
    pub(crate) fn is_hidden(&self) -> bool {
        dir::has_hidden(self.relative())
    }

    /// The URL path of `relative`, another path below the same base.
    pub(crate) fn sibling(&self, relative: &[u8]) -> String {
        let base = &self.path.as_bytes()[..self.base];
        encode_path(&[base, b"/", relative].concat())
    }

    /// The URL path with a slash at its end. It begins with exactly one slash, so that a client
    /// can't read it as `//host`.
    pub(crate) fn as_dir(&self) -> String {
        let mut encoded = encode_path(self.path.as_bytes());
        if !self.names_dir() {
            encoded.push('/');
        }
        encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_paths() {
        // The path, the base below which the files are => the path below the root.
        let table = "
            / => . dir
            /a => a
            /a/b/ => a/b dir
            /.a => .a hidden
            /a/.b/c => a/.b/c hidden
            /.well-known/a => .well-known/a
            /.well-known/.a => .well-known/.a hidden
            /a/.well-known/b => a/.well-known/b hidden
            /docs /docs => .
            /docs/ /docs => . dir
            /docs/a /docs => a
            /./docs/../docs//a /docs => a
            /docsa /docs => -
            /a /docs => -
            / /docs => -
            /.base/a /.base => a
        ";
        table::check(table, |case| {
            let (raw, base) = case.split_once(' ').unwrap_or((case, ""));
            let path = Path::normalize(raw).unwrap();
            let request_path = RequestPath::new(&path, 0, base.as_bytes()).ok();
            request_path.map_or_else(
                || "-".to_owned(),
                |path| {
                    let relative = std::str::from_utf8(path.relative()).unwrap();
                    let dir = if path.names_dir() { " dir" } else { "" };
                    let hidden = if path.is_hidden() { " hidden" } else { "" };
                    format!("{relative}{dir}{hidden}")
                },
            )
        });
    }
}

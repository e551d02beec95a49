//! The path of a request, as the folder understands it.

use super::failure::Failure;
use crate::page::encode_path;
use tinyhttp_message::Path;

/// A normalised path, and how much of its beginning is the base under which the folder is served.
#[derive(Debug)]
pub(crate) struct RequestPath<'r> {
    path: Path<'r>,
    base: usize,
}

impl<'r> RequestPath<'r> {
    /// Decodes and normalises the path of a request target. `base` is a normalised path without a slash at its end, or
    /// empty.
    ///
    /// # Errors
    /// [`Failure::MalformedPath`]; [`Failure::NotFound`] for a path that isn't below the base.
    pub(crate) fn new(raw: &'r str, base: &[u8]) -> Result<Self, Failure> {
        let path = Path::normalize(raw).map_err(|_| Failure::MalformedPath)?;
        match path.as_bytes().strip_prefix(base) {
            Some(b"" | [b'/', ..]) => Ok(RequestPath {
                path,
                base: base.len(),
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

    /// Whether it has an encoded slash in it, and so names nothing that a folder could hold.
    pub(crate) fn names_nothing(&self) -> bool {
        self.path.has_encoded_slash()
    }

    /// Whether the last name has an ending.
    pub(crate) fn has_ending(&self) -> bool {
        let name = self.relative().rsplit(|byte| *byte == b'/').next();
        name.is_some_and(|name| name.iter().skip(1).any(|byte| *byte == b'.'))
    }

    /// Whether it ends in a slash, and so names a folder.
    pub(crate) fn names_folder(&self) -> bool {
        self.path.ends_in_slash()
    }

    /// Whether a name in it begins with a dot. What is in `/.well-known/` is meant to be seen (RFC 8615).
    pub(crate) fn is_hidden(&self) -> bool {
        let mut names = self.relative().split(|byte| *byte == b'/').peekable();
        names.next_if(|name| *name == b"." || *name == b".well-known");
        names.any(|name| name.starts_with(b"."))
    }

    /// The address of another path below the same base, encoded for a URL.
    pub(crate) fn of_other(&self, relative: &[u8]) -> String {
        let base = &self.path.as_bytes()[..self.base];
        encode_path(&[base, b"/", relative].concat())
    }

    /// The address with a slash at its end, encoded for a URL. It begins with one slash, so that it can't be taken for
    /// another host.
    pub(crate) fn as_folder(&self) -> String {
        let mut encoded = encode_path(self.path.as_bytes());
        if !self.names_folder() {
            encoded.push('/');
        }
        encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        // What is below the root, whether it names a folder, whether it is hidden.
        type Want = Option<(&'static str, bool, bool)>;
        let table: &[(&str, &str, Want)] = &[
            ("/", "", Some((".", true, false))),
            ("/a", "", Some(("a", false, false))),
            ("/a/b/", "", Some(("a/b", true, false))),
            ("/.a", "", Some((".a", false, true))),
            ("/a/.b/c", "", Some(("a/.b/c", false, true))),
            ("/.well-known/a", "", Some((".well-known/a", false, false))),
            ("/.well-known/.a", "", Some((".well-known/.a", false, true))),
            (
                "/a/.well-known/b",
                "",
                Some(("a/.well-known/b", false, true)),
            ),
            ("/docs", "/docs", Some((".", false, false))),
            ("/docs/", "/docs", Some((".", true, false))),
            ("/docs/a", "/docs", Some(("a", false, false))),
            ("/./docs/../docs//a", "/docs", Some(("a", false, false))),
            ("/docsa", "/docs", None),
            ("/a", "/docs", None),
            ("/", "/docs", None),
            ("/.base/a", "/.base", Some(("a", false, false))),
        ];
        for (path, base, want) in table {
            let address = RequestPath::new(path, base.as_bytes()).ok();
            let got = address.as_ref().map(|address| {
                let relative = std::str::from_utf8(address.relative()).unwrap();
                (relative, address.names_folder(), address.is_hidden())
            });
            assert_eq!(got, *want, "{path} {base}");
        }
    }
}

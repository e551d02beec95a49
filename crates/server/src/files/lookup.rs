//! From a request path to what is there: a file, a directory, or an index or a clean URL in its
//! place.

use super::content::store::Store;
use super::dir;
use super::failure::Failure;
use super::request_path::RequestPath;
use crate::body::{FileVersion, Kind};
use std::borrow::Cow;
use std::time::Instant;

/// What a path leads to.
pub(super) enum Found<'p> {
    /// A file: its path below the root, and the version that was seen.
    File(Cow<'p, [u8]>, FileVersion),
    /// A directory, named without the slash at the end.
    DirName,
    /// A directory without an index.
    Dir,
}

/// Look-ups for one request.
pub(super) struct Lookup<'s> {
    pub(super) store: &'s Store,
    /// What was seen at that moment or later is fresh enough for the request.
    pub(super) arrived: Instant,
}

impl Lookup<'_> {
    /// What is at a path.
    ///
    /// # Errors
    /// [`Failure::NotFound`] and [`Failure::System`].
    pub(super) fn find<'p>(&self, path: &'p RequestPath<'_>) -> Result<Found<'p>, Failure> {
        if path.names_nothing() {
            return Err(Failure::NotFound);
        }
        if path.names_dir() {
            self.find_index(path.relative())
        } else {
            self.find_name(path.relative())
        }
    }

    fn find_name<'p>(&self, relative: &'p [u8]) -> Result<Found<'p>, Failure> {
        let found = self.store.stat_since(relative, self.arrived);
        if let Ok((Kind::File, version)) = found {
            return Ok(Found::File(relative.into(), version));
        }
        if self.store.options().clean_urls {
            let page = [relative, b".html"].concat();
            if let Ok((Kind::File, version)) = self.store.stat(&page) {
                return Ok(Found::File(page.into(), version));
            }
        }
        found?;
        self.store.open_dir(relative).map(|_| Found::DirName)
    }

    /// The index of a directory, or the directory itself if it may be listed.
    pub(super) fn find_index<'p>(&self, dir: &[u8]) -> Result<Found<'p>, Failure> {
        let options = self.store.options();
        for index in &options.index {
            let file = dir::join(dir, index);
            match self.store.stat_since(&file, self.arrived) {
                Ok((Kind::File, version)) => return Ok(Found::File(file.into(), version)),
                Ok(_) | Err(Failure::NotFound) => {}
                Err(failure) => return Err(failure),
            }
        }
        if options.listing && !options.spa {
            self.store.open_dir(dir).map(|_| Found::Dir)
        } else {
            Err(Failure::NotFound)
        }
    }

    /// With clean URLs, the URL path of a page; `None` if the request used it.
    pub(super) fn clean_url(
        &self,
        path: &RequestPath<'_>,
        found: &Result<Found<'_>, Failure>,
    ) -> Option<String> {
        if !self.store.options().clean_urls {
            return None;
        }
        let relative = path.relative();
        let is_page = |path: &[u8]| matches!(self.store.stat(path), Ok((Kind::File, _)));
        let file = match found {
            Ok(Found::File(file, _)) if !path.names_dir() => file,
            Err(Failure::NotFound) if path.names_dir() && relative != b"." => {
                let page = [relative, b".html"].concat();
                return is_page(&page).then(|| path.sibling(relative));
            }
            _ => return None,
        };
        let dir = dir::parent(file);
        let is_index = matches!(
            self.find_index(dir),
            Ok(Found::File(index, _)) if index == *file
        );
        let stem = relative.strip_suffix(b".html").unwrap_or(relative);
        if is_index {
            return Some(match dir {
                b"." => path.sibling(b""),
                dir => path.sibling(&[dir, b"/"].concat()),
            });
        }
        let is_named = !stem.is_empty() && !stem.ends_with(b"/");
        (stem != relative && is_named && !is_page(stem)).then(|| path.sibling(stem))
    }
}

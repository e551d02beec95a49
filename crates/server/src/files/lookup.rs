//! From a request path to what is there: a file, a directory, or an index or a clean URL in its
//! place.

use super::content::store::Store;
use super::dir;
use super::failure::Failure;
use super::request_path::RequestPath;
use crate::body::{FileVersion, Kind};
use crate::interpreter::Interpreter;
use crate::script::Script;
use std::borrow::Cow;
use std::sync::Arc;
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

/// A script and what runs it.
pub(super) type Runnable<'s> = (&'s Arc<dyn Interpreter>, Script);

/// Look-ups for one request.
pub(super) struct Lookup<'s> {
    pub(super) store: &'s Store,
    /// What was seen at that moment or later is fresh enough for the request.
    pub(super) arrived: Instant,
}

impl<'s> Lookup<'s> {
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

    /// The script that a path names, with what follows it in the path, or the index of a directory
    /// if that is a script. `None`: the path is not that of a script.
    ///
    /// No file has files below it, so at most one beginning of a path is that of a file. Looked at
    /// are those that end in a name as scripts have it: `/image.jpg/x.php` so finds no script,
    /// whatever the image holds.
    ///
    /// # Errors
    /// [`Failure::NotFound`] for a script that is missing, hidden or excluded, and
    /// [`Failure::MalformedPath`] for control characters in the path of one.
    pub(super) fn find_script(
        &self,
        path: &RequestPath<'_>,
    ) -> Result<Option<Runnable<'s>>, Failure> {
        let scripts = self.store.scripts();
        let below = path.below_base();
        let ends = below.iter().enumerate().skip(1);
        let ends = ends.filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for end in ends.chain([below.len()]) {
            let relative = below.get(1..end).unwrap_or_default();
            if relative.is_empty() || relative.ends_with(b"/") || scripts.of(relative).is_none() {
                continue;
            }
            if path.names_nothing() {
                return Err(Failure::NotFound);
            }
            match self.store.stat_script(relative)? {
                Kind::File => return self.script(path, relative, &below[end..]).map(Some),
                _ => continue,
            }
        }
        if !path.names_dir() || path.names_nothing() {
            return Ok(None);
        }
        self.find_script_index(path, path.relative())
    }

    /// Whether a name of an index is that of a script.
    pub(super) fn has_script_index(&self) -> bool {
        let is_script = |index: &Vec<u8>| self.store.scripts().of(index).is_some();
        self.store.options().index.iter().any(is_script)
    }

    /// The index of a directory, if it is a script.
    pub(super) fn find_script_index(
        &self,
        path: &RequestPath<'_>,
        dir: &[u8],
    ) -> Result<Option<Runnable<'s>>, Failure> {
        let scripts = self.store.scripts();
        if !self.has_script_index() {
            return Ok(None);
        }
        match self.find_index(dir) {
            Ok(Found::File(file, _)) if scripts.of(&file).is_some() => {
                // It is a file; links to scripts may not be followed.
                if scripts.has_exclusions() {
                    self.store.stat_script(&file)?;
                }
                self.script(path, &file, b"").map(Some)
            }
            _ => Ok(None),
        }
    }

    fn script(
        &self,
        path: &RequestPath<'_>,
        relative: &[u8],
        info: &[u8],
    ) -> Result<Runnable<'s>, Failure> {
        let scripts = self.store.scripts();
        // Programs take them for the end of a line or of a name (CVE-2019-11043).
        if relative.iter().chain(info).any(u8::is_ascii_control) {
            return Err(Failure::MalformedPath);
        }
        let is_shown = self.store.options().hidden || !dir::has_hidden(relative);
        match scripts.of(relative) {
            Some(interpreter) if is_shown && !scripts.is_excluded(relative) => {
                let script = Script {
                    root: self.store.root_path().to_owned(),
                    relative: relative.to_vec(),
                    name: [path.base(), b"/", relative].concat(),
                    info: info.to_vec(),
                };
                Ok((interpreter, script))
            }
            _ => Err(Failure::NotFound),
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

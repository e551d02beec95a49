//! Symbolic links that leave the root and come back, resolved without looking at anything outside.
//!
//! `openat2` refuses a link with an absolute target, and one that climbs above the root, even if it
//! leads back inside. This module follows such links by their text: the root's own path tells which
//! names above the root lead back to it, and every other name outside is refused unread. So no
//! request can find out, by status or by time, what exists elsewhere on the machine. The price is
//! that a link which comes back through a foreign symbolic link is refused too.

use super::root_dir::Dir;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

/// The maximum number of links in one path, which is also the kernel's (path_resolution(7)).
const MAX_LINKS: u32 = 40;

/// The path from the root that `relative` leads to, free of links.
///
/// `alias` is another absolute path of the root, which may lead through links.
///
/// # Errors
/// [`Errno::XDEV`] if it leads outside, [`Errno::LOOP`] after too many links, otherwise the
/// kernel's error.
pub(super) fn resolve(root: &Dir, alias: &Path, relative: &[u8]) -> Result<Vec<u8>, Errno> {
    let above: Vec<&[u8]> = names(&root.real_path).collect();
    let mut position = Position::inside(&above);
    let mut pending = Vec::new();
    push(relative, &mut pending);
    let mut links = 0;
    while let Some(name) = pending.pop() {
        let Position::Inside(path) = &position else {
            position = position.step(&name, &above)?;
            continue;
        };
        let target = match &name[..] {
            b".." => None,
            name => read_link(root, &joined(path, name))?,
        };
        let Some(target) = target else {
            position = position.step(&name, &above)?;
            continue;
        };
        links += 1;
        if links > MAX_LINKS {
            return Err(Errno::LOOP);
        }
        if target.starts_with(b"/") {
            let target = Path::new(std::ffi::OsStr::from_bytes(&target));
            match target.strip_prefix(alias) {
                Ok(rest) => {
                    position = Position::Inside(Vec::new());
                    push(rest.as_os_str().as_bytes(), &mut pending);
                }
                Err(_) => {
                    position = Position::above(0, &above);
                    push(target.as_os_str().as_bytes(), &mut pending);
                }
            }
        } else {
            push(&target, &mut pending);
        }
    }
    match position {
        Position::Inside(path) if path.is_empty() => Ok(b".".to_vec()),
        Position::Inside(path) => Ok(path.join(&b'/')),
        Position::Above(_) => Err(Errno::XDEV),
    }
}

/// Where the walk is.
enum Position {
    /// Below the root, by these names; none of them is a link.
    Inside(Vec<Vec<u8>>),
    /// At the directory that the first N names of the root's path lead to.
    Above(usize),
}

impl Position {
    fn inside(above: &[&[u8]]) -> Self {
        Position::above(above.len(), above)
    }

    fn above(depth: usize, above: &[&[u8]]) -> Self {
        if depth >= above.len() {
            Position::Inside(Vec::new())
        } else {
            Position::Above(depth)
        }
    }

    /// The position after one more name, which is not a link.
    fn step(self, name: &[u8], above: &[&[u8]]) -> Result<Self, Errno> {
        match (self, name) {
            (Position::Inside(mut path), b"..") => {
                if path.pop().is_some() {
                    Ok(Position::Inside(path))
                } else {
                    Ok(Position::above(above.len().saturating_sub(1), above))
                }
            }
            (Position::Inside(mut path), name) => {
                path.push(name.to_vec());
                Ok(Position::Inside(path))
            }
            (Position::Above(depth), b"..") => Ok(Position::above(depth.saturating_sub(1), above)),
            (Position::Above(depth), name) if above[depth] == name => {
                Ok(Position::above(depth + 1, above))
            }
            (Position::Above(_), _) => Err(Errno::XDEV),
        }
    }
}

/// Puts the names of a path before the pending ones.
fn push(path: &[u8], pending: &mut Vec<Vec<u8>>) {
    let names = path.rsplit(|byte| *byte == b'/');
    let names = names.filter(|name| !name.is_empty() && *name != b".");
    pending.extend(names.map(<[u8]>::to_vec));
}

/// The target of a link in the root; `None` for anything else. No directory on the way may be a
/// link.
fn read_link(root: &Dir, path: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let opened = rustix::fs::openat2(&root.fd, path, flags, Mode::empty(), resolve)?;
    match rustix::fs::readlinkat(&opened, c"", Vec::new()) {
        Ok(target) => Ok(Some(target.into_bytes())),
        // readlinkat(2): the descriptor is not that of a link.
        Err(Errno::NOENT | Errno::INVAL) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn joined(path: &[Vec<u8>], name: &[u8]) -> Vec<u8> {
    let mut joined = Vec::new();
    for part in path {
        joined.extend_from_slice(part);
        joined.push(b'/');
    }
    joined.extend_from_slice(name);
    joined
}

fn names(path: &Path) -> impl Iterator<Item = &[u8]> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.as_bytes()),
        _ => None,
    })
}

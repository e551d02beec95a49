//! The files that stand beside a download until it is complete: `NAME.part` and its record,
//! `NAME.part.version`.
//!
//! Other programs use the same names, and in a folder that others can write to, an attacker may
//! plant links under them (CWE-59). A pair of files is ours only if both are regular files of this
//! user with one name each, and if the record can be read as one. Any other file under these names
//! is left alone: the next names are tried, `NAME.1.part` and so on. New files are created
//! exclusively, and no link is followed.

use super::version::{LONGEST, Version};
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How many names are tried.
const MOST: u32 = 100;
/// The longest file name on all common file systems, in bytes.
const LONGEST_NAME: usize = 255;
/// How much of a name that is too long stands in that of its temporary files.
const KEPT: usize = 100;

/// The names of one pair of files.
#[derive(Debug, Clone)]
pub(in crate::get) struct Temporary {
    pub(in crate::get) part: PathBuf,
    version: PathBuf,
    /// Whether these are the first names, `NAME.part`.
    pub(in crate::get) is_first: bool,
}

/// A pair of files that is ours, opened.
#[derive(Debug)]
pub(in crate::get) struct Own {
    pub(in crate::get) part: File,
    pub(in crate::get) record: File,
    pub(in crate::get) version: Version,
}

/// The files under the names.
#[derive(Debug)]
pub(in crate::get) enum Found {
    Nothing,
    Ours(Own),
    /// Anything else: not to be touched.
    Foreign,
}

impl Temporary {
    /// The names to try for that file, in order.
    pub(in crate::get) fn of(path: &Path) -> impl Iterator<Item = Temporary> {
        let stem = path.with_file_name(stem(path));
        (0..MOST).map(move |number| {
            let with = |suffix: &str| {
                let mut name = OsString::from(&stem);
                if number > 0 {
                    name.push(format!(".{number}"));
                }
                name.push(suffix);
                PathBuf::from(name)
            };
            Temporary {
                part: with(".part"),
                version: with(".part.version"),
                is_first: number == 0,
            }
        })
    }

    /// Looks at what is there, without changing it.
    pub(in crate::get) fn look(&self) -> Found {
        let is_missing = |path: &Path| {
            let found = fs::symlink_metadata(path);
            found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        if is_missing(&self.part) {
            return match is_missing(&self.version) || self.read_record().is_some() {
                // A record without its part is of no use.
                true => Found::Nothing,
                false => Found::Foreign,
            };
        }
        match (self.read_record(), open_own(&self.part)) {
            (Some((record, version)), Some(part)) => Found::Ours(Own {
                part,
                record,
                version,
            }),
            _ => Found::Foreign,
        }
    }

    /// Creates both files; `None` if another program was quicker.
    pub(in crate::get) fn create(&self, mode: u32, version: Version) -> io::Result<Option<Own>> {
        let Some(part) = create(&self.part, mode)? else {
            return Ok(None);
        };
        if self.read_record().is_some() {
            // Left over from a part that is gone.
            let _ = fs::remove_file(&self.version);
        }
        let record = create(&self.version, 0o600);
        if !matches!(record, Ok(Some(_))) {
            // The part is empty and ours; it could not be proven so any more.
            let _ = fs::remove_file(&self.part);
        }
        Ok(record?.map(|record| Own {
            part,
            record,
            version,
        }))
    }

    /// Whether the name still leads to that file.
    pub(in crate::get) fn leads_to(&self, file: &File) -> bool {
        match (fs::symlink_metadata(&self.part), file.metadata()) {
            (Ok(now), Ok(then)) => (now.dev(), now.ino()) == (then.dev(), then.ino()),
            _ => false,
        }
    }

    /// Removes the record, so that the part is the user's.
    pub(in crate::get) fn remove_record(&self) {
        // Without it nothing is wrong but that a name is taken.
        let _ = fs::remove_file(&self.version);
    }

    /// Removes both files.
    pub(in crate::get) fn remove(&self) {
        self.remove_record();
        let _ = fs::remove_file(&self.part);
    }

    fn read_record(&self) -> Option<(File, Version)> {
        let file = open_own(&self.version)?;
        let mut text = String::new();
        (&file).take(LONGEST).read_to_string(&mut text).ok()?;
        Some((file, Version::parse(&text)?))
    }
}

/// The name without a suffix. A long one is cut, and its sum tells it from others that begin alike.
fn stem(path: &Path) -> OsString {
    let name = path.file_name().unwrap_or_default();
    if name.len() + ".99.part.version".len() <= LONGEST_NAME {
        return name.to_owned();
    }
    let bytes = name.as_bytes();
    let mut short = bytes[..bytes.len().min(KEPT)].to_vec();
    // No character is cut in two.
    while std::str::from_utf8(bytes).is_ok() && std::str::from_utf8(&short).is_err() {
        short.pop();
    }
    short.push(b'~');
    for byte in &Sha256::digest(bytes)[..8] {
        short.extend(format!("{byte:02x}").into_bytes());
    }
    OsString::from_vec(short)
}

/// Opens a file for reading and writing if it is a regular one of this user, with no other name.
fn open_own(path: &Path) -> Option<File> {
    let is_ours = |metadata: &fs::Metadata| {
        metadata.is_file()
            && metadata.nlink() == 1
            && metadata.uid() == rustix::process::geteuid().as_raw()
    };
    // Opening a device could have effects of its own.
    if !fs::symlink_metadata(path).is_ok_and(|metadata| is_ours(&metadata)) {
        return None;
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
        .open(path)
        .ok()?;
    is_ours(&file.metadata().ok()?).then_some(file)
}

/// Creates a file; `None` if there is one, or a link.
fn create(path: &Path, mode: u32) -> io::Result<Option<File>> {
    let result = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(mode)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(path);
    match result {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit() {
        for length in [1, 200, 239, 240, 251, 255] {
            for letter in ["x", "ü"] {
                let name = letter.repeat((length / letter.len()).max(1));
                let path = Path::new("/dir").join(&name);
                let names: Vec<_> = Temporary::of(&path).collect();
                assert_eq!(names.len(), MOST as usize);
                for names in &names {
                    for path in [&names.part, &names.version] {
                        let name = path.file_name().unwrap();
                        assert!(name.len() <= LONGEST_NAME, "{name:?}");
                        assert!(name.to_str().is_some(), "{name:?}");
                        assert_eq!(path.parent(), Some(Path::new("/dir")));
                    }
                }
            }
        }
        let names = Temporary::of(Path::new("a.mkv")).take(2);
        let names: Vec<_> = names.map(|names| names.version).collect();
        assert_eq!(names[0], Path::new("a.mkv.part.version"));
        assert_eq!(names[1], Path::new("a.mkv.1.part.version"));
        let long = |last: &str| PathBuf::from("x".repeat(250) + last);
        let first = |path: &Path| Temporary::of(path).next().unwrap().part;
        assert_ne!(first(&long("a")), first(&long("b")));
    }
}

//! Where the content of a response goes.

use super::{names, replace};
use crate::failure::Failure;
use crate::get::args::{Args, DownloadArgs, Target, bytes};
use crate::get::failure::write_failure;
use crate::paths::directory_of;
use http::HeaderMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use url::Url;

/// Where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::get) enum Destination {
    Stdout,
    /// A file, with the name it has to have. One that the user did not name must not replace
    /// another.
    File {
        path: PathBuf,
        may_replace: bool,
    },
    /// A file that the server may name; otherwise it is called that.
    Named(PathBuf),
    /// A device, a FIFO or the like: written to as it comes.
    Special(PathBuf),
}

impl Destination {
    /// The destination that the flags choose for that URL.
    pub(in crate::get) fn choose(args: &Args, url: &Url, target: &Target) -> Result<Self, Failure> {
        let download = &args.download;
        let output = download.output.get(target.number);
        // -o is for the URLs of the command line, as with curl.
        if let Some(path) = output.filter(|_| !target.is_listed) {
            if path == Path::new("-") {
                return Ok(Destination::Stdout);
            }
            let path = target.values.fill(path.as_os_str().as_bytes())?;
            return chosen(download, bytes::path(&path));
        }
        if !(download.remote_name || target.is_listed) {
            return Ok(Destination::Stdout);
        }
        let name = names::from_url(url).unwrap_or_else(|| "index.html".into());
        let path = in_folder(download, Path::new(&name))?;
        if download.remote_header_name {
            return Ok(Destination::Named(path));
        }
        let may_replace = download.clobber || download.continue_at.is_some();
        let path = free(download, path, may_replace)?;
        Ok(Destination::File { path, may_replace })
    }

    /// The path of the file, which the server may name with these fields, or with the URL that
    /// redirects have led to.
    pub(in crate::get) fn path(
        &self,
        args: &Args,
        fields: &HeaderMap,
        redirected: Option<&Url>,
    ) -> Result<PathBuf, Failure> {
        match self {
            Destination::Named(path) => {
                let named = names::from_fields(fields);
                let named = named.or_else(|| redirected.and_then(names::from_url));
                let named = named.map(|name| path.with_file_name(name));
                let path = named.unwrap_or_else(|| path.clone());
                free(&args.download, path, self.may_replace(args))
            }
            Destination::File { path, .. } | Destination::Special(path) => Ok(path.clone()),
            Destination::Stdout => Ok(PathBuf::from("-")),
        }
    }

    /// Whether a file that is there may be replaced.
    pub(in crate::get) fn may_replace(&self, args: &Args) -> bool {
        match self {
            Destination::File { may_replace, .. } => *may_replace,
            // -C resumes a file; which one may not be the server's choice.
            Destination::Named(_) => args.download.clobber,
            Destination::Special(_) | Destination::Stdout => true,
        }
    }
}

/// The destination that `-o` names.
fn chosen(download: &DownloadArgs, path: &Path) -> Result<Destination, Failure> {
    let path = in_folder(download, path)?;
    let is_folder = || {
        Failure::with_code(23, format!("{} is a folder", path.display()))
            .hint("name a file in it, or use --output-dir with -O")
    };
    // `new/` would be a folder if it were there.
    if path.as_os_str().is_empty() || path.as_os_str().as_bytes().ends_with(b"/") {
        return Err(is_folder());
    }
    if is_special(&path) {
        return Ok(Destination::Special(path));
    }
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => Err(is_folder()),
        Ok(_) if download.no_clobber => Ok(Destination::File {
            path: names::unused(&path),
            may_replace: false,
        }),
        _ => Ok(Destination::File {
            path,
            may_replace: !download.no_clobber,
        }),
    }
}

/// Whether the path leads to a device, a FIFO or the like, which is written to as it is.
pub(in crate::get) fn is_special(path: &Path) -> bool {
    let is_other = |metadata: fs::Metadata| !metadata.is_dir() && !metadata.is_file();
    is_descriptor(path) || fs::metadata(path).is_ok_and(is_other)
}

/// Whether the path leads to something this process has open, which is written to as it is.
fn is_descriptor(path: &Path) -> bool {
    path.starts_with("/dev/fd")
        || path.starts_with("/proc/self/fd")
        || matches!(path.to_str(), Some("/dev/stdout" | "/dev/stderr"))
}

/// A name that wasn't chosen by the user overwrites nothing unasked.
fn free(args: &DownloadArgs, path: PathBuf, may_replace: bool) -> Result<PathBuf, Failure> {
    if may_replace || path.symlink_metadata().is_err() {
        return Ok(path);
    }
    if args.no_clobber {
        return Ok(names::unused(&path));
    }
    Err(replace::is_there(&path))
}

fn in_folder(args: &DownloadArgs, path: &Path) -> Result<PathBuf, Failure> {
    let path = match &args.output_dir {
        Some(folder) => folder.join(path),
        None => path.to_owned(),
    };
    create_parent(args, &path).map_err(|error| {
        let folder = directory_of(&path);
        write_failure(&folder.display().to_string(), &error)
    })?;
    Ok(path)
}

/// Creates the directory of a file, if --create-dirs asks for it.
pub(in crate::get) fn create_parent(args: &DownloadArgs, file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(parent) if args.create_dirs => fs::create_dir_all(parent),
        _ => Ok(()),
    }
}

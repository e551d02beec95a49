//! Where the content of a response goes.

use super::args::{Args, DownloadArgs};
use super::{failure::write_failure, names};
use crate::failure::Failure;
use http::HeaderMap;
use std::fs;
use std::path::{Path, PathBuf};
use url::Url;

/// Where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Stdout,
    /// A file, with the name it has to have.
    File(PathBuf),
    /// A file that the server may name; otherwise it is called that.
    Named(PathBuf),
    /// A device, a FIFO or the like: written to as it comes.
    Special(PathBuf),
}

impl Place {
    /// What the flags say for that URL.
    pub(super) fn choose(args: &Args, url: &Url, index: usize) -> Result<Self, Failure> {
        let download = &args.download;
        if let Some(path) = download.output.get(index) {
            if path == Path::new("-") {
                return Ok(Place::Stdout);
            }
            let path = in_folder(download, path)?;
            return match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => Err(Failure::with_code(
                    23,
                    format!("{} is a folder", path.display()),
                )
                .hint("name a file in it, or use --output-dir with -O")),
                Ok(metadata) if !metadata.is_file() => Ok(Place::Special(path)),
                Ok(_) if download.no_clobber => Ok(Place::File(names::unused(&path))),
                _ => Ok(Place::File(path)),
            };
        }
        if !download.remote_name {
            return Ok(Place::Stdout);
        }
        let name = names::from_url(url).unwrap_or_else(|| "index.html".to_owned());
        let path = in_folder(download, Path::new(&name))?;
        if download.remote_header_name {
            return Ok(Place::Named(path));
        }
        Ok(Place::File(free(download, path)?))
    }

    /// The file, now that the server has had its say.
    pub(super) fn path(&self, args: &Args, fields: &HeaderMap) -> Result<PathBuf, Failure> {
        match self {
            Place::Named(path) => {
                let named = names::from_fields(fields).map(|name| path.with_file_name(name));
                free(&args.download, named.unwrap_or_else(|| path.clone()))
            }
            Place::File(path) | Place::Special(path) => Ok(path.clone()),
            Place::Stdout => Ok(PathBuf::from("-")),
        }
    }
}

/// A name that wasn't chosen by the user overwrites nothing unasked.
fn free(args: &DownloadArgs, path: PathBuf) -> Result<PathBuf, Failure> {
    let may_stay = args.clobber || args.continue_at.is_some();
    if may_stay || path.symlink_metadata().is_err() {
        return Ok(path);
    }
    if args.no_clobber {
        return Ok(names::unused(&path));
    }
    Err(
        Failure::with_code(23, format!("{} is there already", path.display()))
            .hint("overwrite it with --clobber, go on with it with -C -, or name another with -o"),
    )
}

fn in_folder(args: &DownloadArgs, path: &Path) -> Result<PathBuf, Failure> {
    let path = match &args.output_dir {
        Some(folder) => folder.join(path),
        None => path.to_owned(),
    };
    if args.create_dirs
        && let Some(folder) = path.parent()
    {
        fs::create_dir_all(folder)
            .map_err(|error| write_failure(&folder.display().to_string(), &error))?;
    }
    Ok(path)
}

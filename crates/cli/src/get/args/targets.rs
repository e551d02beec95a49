//! The URLs of a command line, one after the other, with their globs expanded, and the file that is
//! uploaded to each.

use super::bytes::{self, percent_encoded};
use super::globs::{Glob, Values};
use crate::failure::Failure;
use crate::get::failure::read_failure;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// One URL to fetch.
#[derive(Debug)]
pub(in crate::get) struct Target {
    /// The URL as it was given, without globs. Bytes that are not UTF-8 are percent-encoded.
    pub(in crate::get) url: String,
    /// Which argument it comes from, counted from 0; all URLs of one glob share it.
    pub(in crate::get) number: usize,
    /// The file that is uploaded to it.
    pub(in crate::get) upload: Option<PathBuf>,
    /// Whether it comes from a file with URLs, so that its content is written to a file too.
    pub(in crate::get) is_listed: bool,
    /// The values of the globs, for `#1` in the name of a file.
    pub(in crate::get) values: Values,
}

/// A URL of the command line, or of a file with URLs.
#[derive(Debug)]
pub(super) struct Source {
    text: OsString,
    is_listed: bool,
}

impl Source {
    pub(super) fn is_listed(&self) -> bool {
        self.is_listed
    }
}

/// All URLs: those of the command line, and those of `--url`, which may be in files.
pub(super) fn sources(urls: &[OsString], url: &[OsString]) -> Result<Vec<Source>, Failure> {
    let given = |text: &OsString| Source {
        text: text.clone(),
        is_listed: false,
    };
    let mut sources: Vec<_> = urls.iter().map(given).collect();
    for text in url {
        match text.as_bytes().strip_prefix(b"@") {
            Some(path) => sources.extend(listed(bytes::path(path))?),
            None => sources.push(given(text)),
        }
    }
    Ok(sources)
}

/// The URLs in a file, one on each line; `#` begins a comment, and - is standard input.
fn listed(path: &Path) -> Result<Vec<Source>, Failure> {
    let mut text = Vec::new();
    let read = match path.to_str() {
        Some("-") => std::io::stdin().read_to_end(&mut text).map(drop),
        _ => std::fs::read(path).map(|read| text = read),
    };
    read.map_err(|error| read_failure(path, &error))?;
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let urls = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    let sources: Vec<_> = urls
        .map(|line| Source {
            text: bytes::argument(line.to_vec()),
            is_listed: true,
        })
        .collect();
    if sources.is_empty() {
        let what = format!("there is no URL in {}", path.display());
        return Err(Failure::with_code(2, what).hint("write one on each line"));
    }
    Ok(sources)
}

/// Refuses a file that has no URL it could be uploaded to.
pub(super) fn check(urls: usize, uploads: usize) -> Result<(), Failure> {
    if uploads <= urls {
        return Ok(());
    }
    let what = format!("-T names {uploads} files, and there are fewer URLs: {urls}");
    Err(Failure::with_code(2, what).hint("name a URL for each, or several files as {a,b}"))
}

/// An iterator over all URLs. A glob is expanded as the URLs are needed.
pub(in crate::get) struct Targets<'a> {
    sources: &'a [Source],
    uploads: &'a [OsString],
    /// How many sources have been begun.
    begun: usize,
    /// The URLs of the current source, its files, and the number of the next pair.
    current: Option<(Glob, Option<Glob>, u64)>,
    has_globs: bool,
}

impl<'a> Targets<'a> {
    pub(super) fn new(sources: &'a [Source], uploads: &'a [OsString], has_globs: bool) -> Self {
        Targets {
            sources,
            uploads,
            begun: 0,
            current: None,
            has_globs,
        }
    }

    /// The globs of the next source.
    fn begin(&mut self) -> Option<Result<(Glob, Option<Glob>), Failure>> {
        let source = self.sources.get(self.begun)?;
        let upload = self.uploads.get(self.begun);
        self.begun += 1;
        let url = match self.has_globs && !source.is_listed {
            true => Glob::parse(source.text.as_bytes()),
            false => Ok(Glob::literal(source.text.as_bytes())),
        };
        // An empty name is that of no file.
        let upload = upload.filter(|name| !name.is_empty());
        let file = upload.map(|name| {
            let name = name.as_bytes();
            // A file may have brackets in its name.
            let is_there = bytes::path(name).symlink_metadata().is_ok();
            match self.has_globs && !is_there {
                true => Glob::parse(name),
                false => Ok(Glob::literal(name)),
            }
        });
        Some(url.and_then(|url| Ok((url, file.transpose()?))))
    }
}

impl Iterator for Targets<'_> {
    type Item = Result<Target, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((urls, files, next)) = &mut self.current {
                if *next
                    < urls
                        .count()
                        .saturating_mul(files.as_ref().map_or(1, Glob::count))
                {
                    // Every file goes to all URLs before the next one does.
                    let url = urls.expand(*next % urls.count());
                    let file = files
                        .as_ref()
                        .map(|files| files.expand(*next / urls.count()));
                    *next += 1;
                    let mut values = url.values;
                    if let Some(file) = &file {
                        values.add_named(&file.values);
                    }
                    return Some(Ok(Target {
                        url: percent_encoded(&url.text),
                        number: self.begun - 1,
                        upload: file.map(|file| bytes::path(&file.text).to_owned()),
                        is_listed: self.sources[self.begun - 1].is_listed,
                        values,
                    }));
                }
            }
            match self.begin()? {
                Ok((urls, files)) => self.current = Some((urls, files, 0)),
                Err(failure) => return Some(Err(failure)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number, URL and file of each target; `?` for a failure.
    fn all(urls: &str, uploads: &[&str], has_globs: bool) -> String {
        let urls: Vec<OsString> = urls.split(' ').map(OsString::from).collect();
        let sources = sources(&urls, &[]).unwrap();
        let uploads: Vec<OsString> = uploads.iter().map(OsString::from).collect();
        let targets = Targets::new(&sources, &uploads, has_globs).map(|target| match target {
            Ok(Target {
                url,
                number,
                upload,
                ..
            }) => match upload {
                Some(file) => format!("{number}:{url}<{}", file.display()),
                None => format!("{number}:{url}"),
            },
            Err(_) => "?".to_owned(),
        });
        targets.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn urls_their_numbers_and_their_files() {
        assert_eq!(all("a b[1-2] c{ d", &[], true), "0:a 1:b1 1:b2 ? 3:d");
        assert_eq!(all("a b[1-2] c{ d", &[], false), "0:a 1:b[1-2] 2:c{ 3:d");
        assert_eq!(all("a b", &["f"], true), "0:a<f 1:b");
        assert_eq!(all("a b", &["", "f"], true), "0:a 1:b<f");
        assert_eq!(all("a b", &["f{1,2}"], true), "0:a<f1 0:a<f2 1:b");
        assert_eq!(all("a b", &["f{1,2}"], false), "0:a<f{1,2} 1:b");
        assert_eq!(all("a b", &["f{1", "g"], true), "? 1:b<g");
        let pairs = "0:u1<f1 0:u2<f1 0:u1<f2 0:u2<f2";
        assert_eq!(all("u{1,2}", &["f[1-2]"], true), pairs);
    }
}

//! The URLs of a command line, one after the other, with their globs expanded.

use super::bytes::percent_encoded;
use super::globs::{Glob, Values};
use crate::failure::Failure;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// One URL to fetch.
#[derive(Debug)]
pub(in crate::get) struct Target {
    /// The URL as it was given, without globs. Bytes that are not UTF-8 are percent-encoded.
    pub(in crate::get) url: String,
    /// Which argument it comes from, counted from 0; all URLs of one glob share it.
    pub(in crate::get) number: usize,
    /// The values of the globs, for `#1` in the name of a file.
    pub(in crate::get) values: Values,
}

/// An iterator over all URLs. A glob is expanded as the URLs are needed.
pub(in crate::get) struct Targets<'a> {
    arguments: Vec<&'a OsString>,
    /// How many arguments have been begun.
    begun: usize,
    /// The argument that is being expanded, and the number of its next URL.
    current: Option<(Glob, u64)>,
    has_globs: bool,
}

impl<'a> Targets<'a> {
    pub(super) fn new(arguments: Vec<&'a OsString>, has_globs: bool) -> Self {
        Targets {
            arguments,
            begun: 0,
            current: None,
            has_globs,
        }
    }
}

impl Iterator for Targets<'_> {
    type Item = Result<Target, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((glob, next)) = &mut self.current
                && *next < glob.count()
            {
                let expansion = glob.expand(*next);
                *next += 1;
                return Some(Ok(Target {
                    url: percent_encoded(&expansion.url),
                    number: self.begun - 1,
                    values: expansion.values,
                }));
            }
            let argument = self.arguments.get(self.begun)?.as_bytes();
            self.begun += 1;
            if !self.has_globs {
                return Some(Ok(Target {
                    url: percent_encoded(argument),
                    number: self.begun - 1,
                    values: Values::default(),
                }));
            }
            match Glob::parse(argument) {
                Ok(glob) => self.current = Some((glob, 0)),
                Err(failure) => return Some(Err(failure)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_their_numbers() {
        let arguments: Vec<OsString> = ["a", "b[1-2]", "c{", "d"].map(OsString::from).into();
        let all = |has_globs| {
            let targets = Targets::new(arguments.iter().collect(), has_globs);
            targets
                .map(|target| target.ok().map(|target| (target.number, target.url)))
                .collect::<Vec<_>>()
        };
        let is = |number: usize, url: &str| Some((number, url.to_owned()));
        assert_eq!(
            all(true),
            [is(0, "a"), is(1, "b1"), is(1, "b2"), None, is(3, "d")]
        );
        assert_eq!(
            all(false),
            [is(0, "a"), is(1, "b[1-2]"), is(2, "c{"), is(3, "d")]
        );
    }
}

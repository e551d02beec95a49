//! The content of a request: from the command line, a form, a file or standard input.

use super::multipart::Form;
use crate::failure::Failure;
use crate::get::failure::read_failure;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use tinyhttp_client::{Body, Exactly, file_length};

/// What the request carries.
#[derive(Debug, Clone)]
pub(in crate::get) enum Content {
    None,
    Bytes(Vec<u8>),
    Form(Form),
    File {
        path: PathBuf,
        /// The first byte that is sent.
        offset: u64,
    },
    /// Can be sent once.
    Stdin,
}

impl Content {
    /// The content to send; `in_chunks` if its length must not be announced.
    pub(in crate::get) fn body(&self, in_chunks: bool) -> Result<Body, Failure> {
        Ok(match self {
            Content::None => Body::empty(),
            Content::Bytes(bytes) if in_chunks => {
                let bytes = bytes.clone();
                Body::reopen(None, move || Ok(std::io::Cursor::new(bytes.clone())))
            }
            Content::Bytes(bytes) => bytes.clone().into(),
            Content::Form(form) => form.body(),
            Content::File { path, offset } => file_from(path, *offset, in_chunks)?,
            Content::Stdin => Body::reader(std::io::stdin()),
        })
    }

    /// How many bytes there are, if that is known without sending them, in chunks or not.
    pub(in crate::get) fn length(&self) -> Option<u64> {
        match self {
            Content::Bytes(bytes) => Some(bytes.len() as u64),
            Content::File { path, offset } => {
                let length = file_length(path).ok().flatten()?;
                Some(length.saturating_sub(*offset))
            }
            Content::None | Content::Form(_) | Content::Stdin => None,
        }
    }

    /// Whether it can be sent a second time.
    pub(in crate::get) fn is_repeatable(&self) -> bool {
        match self {
            Content::Stdin => false,
            Content::Form(form) => form.is_repeatable(),
            Content::None | Content::Bytes(_) | Content::File { .. } => true,
        }
    }
}

/// The content of a file from a byte on. In chunks its length is not announced.
fn file_from(path: &Path, offset: u64, in_chunks: bool) -> Result<Body, Failure> {
    let length = file_length(path).map_err(|error| read_failure(path, &error))?;
    let rest = length.map(|length| length.saturating_sub(offset));
    let path = path.to_owned();
    let announced = rest.filter(|_| !in_chunks);
    Ok(Body::reopen(announced, move || {
        let mut file = File::open(&path)?;
        if offset > 0 {
            file.seek(SeekFrom::Start(offset))?;
        }
        Ok(Exactly::new(file, rest))
    }))
}
